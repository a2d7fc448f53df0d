# SPDX-License-Identifier: BSD-2-Clause
"""TAP output, skips and scratch folders of the test scripts written in Python."""

import atexit
import os
import re
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True

SKIP = 77


def pin_environment():
    """Nothing that the user has set may change what a test sees."""
    for name in list(os.environ):
        if name.startswith(("LD_", "GLIBC_", "UNISCOPE_", "MALLOC_")):
            del os.environ[name]
    os.environ.update(LC_ALL="C", TZ="UTC", TERM="dumb", NO_COLOR="1", COLUMNS="100", LINES="40")


def skip_all(reason):
    """The whole file cannot run here."""
    print("1..0 # SKIP " + reason)
    sys.stdout.flush()
    sys.exit(SKIP)


class Tap:
    """
    One test file. 'limit' is its bound in seconds: beyond it the test fails loudly.
    'known' maps regular expressions of points to the reason why they are still bad.
    """

    def __init__(self, limit=120, known=None):
        self.known = {re.compile(k): why for k, why in (known or {}).items()}
        self.count = self.failed = 0
        self.start = time.monotonic()
        self.scratch = None
        pin_environment()
        signal.signal(signal.SIGALRM, self._late)
        signal.alarm(limit)

    def _late(self, _signo, _frame):
        print("Bail out! time limit of the test reached after %d cases" % self.count)
        sys.stdout.flush()
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)
        os._exit(1)

    def folder(self):
        """A scratch folder that goes away at the end (KEEP=1 keeps it); no symbolic link in it."""
        if not self.scratch:
            self.scratch = os.path.realpath(tempfile.mkdtemp(prefix="uniscope-test-"))
            if os.environ.get("KEEP"):
                print("# scratch folder " + self.scratch)
            else:
                atexit.register(shutil.rmtree, self.scratch, True)
        return self.scratch

    def ok(self, good, what, why=(), todo=None):
        """One result; 'why' is a list of lines shown when it is bad."""
        self.count += 1
        todo = todo or next((why for k, why in self.known.items() if k.search(what)), None)
        what = what.replace("#", "\\#")
        tail = " # TODO " + todo if todo else ""
        print("%s %d - %s%s" % ("ok" if good else "not ok", self.count, what, tail))
        if not good:
            if not todo:
                self.failed += 1
            for line in [why] if isinstance(why, str) else why:
                for part in str(line).split("\n"):
                    print("# " + part)
        sys.stdout.flush()
        return good

    def same(self, want, got, what, names=("wanted", "got"), todo=None, limit=12):
        """Two sets are equal; the difference is shown from both sides."""
        want, got = set(want), set(got)
        why = []
        for title, rest in (("only in " + names[0], want - got), ("only in " + names[1], got - want)):
            if rest:
                why.append("%s: %d of %d" % (title, len(rest), len(want | got)))
                why += ["    " + show(x) for x in sorted(rest, key=str)[:limit]]
        return self.ok(not why, what, why, todo)

    def equal(self, want, got, what, todo=None):
        return self.ok(want == got, what, ["wanted: " + show(want), "got:    " + show(got)], todo)

    def skip(self, what, reason):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, what.replace("#", "\\#"), reason))
        sys.stdout.flush()

    def note(self, text):
        print("# " + text)

    def done(self):
        signal.alarm(0)
        print("1..%d" % self.count)
        print("# %.1f s" % (time.monotonic() - self.start))
        sys.stdout.flush()
        sys.exit(1 if self.failed else 0)


def show(x):
    if isinstance(x, (tuple, list)):
        return "  ".join("-" if y is None else str(y) for y in x)
    return str(x)
