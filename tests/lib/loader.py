# SPDX-License-Identifier: BSD-2-Clause
"""
The truth: what glibc's and musl's loaders themselves say. Nothing here knows a
search rule or a symbol rule; it only starts the loaders and reads their words.
"""

import ctypes
import functools
import os
import re
import subprocess

LD_SO = "/lib64/ld-linux-x86-64.so.2"
CLONE_NEWUSER = 0x10000000
MUSL = "/lib/ld-musl-x86_64.so.1"

ENTRY = re.compile(r"^\t(.*?) => (.*?)(?: \(0x[0-9a-f]+\))?$")
PLAIN = re.compile(r"^\t(\S.*?) \(0x[0-9a-f]+\)$")
BINDING = re.compile(r"^\s*\d+:\s+binding file (.*?) \[\d+\] to (.*?) \[\d+\]: "
                     r"(?:normal|protected) symbol `(.*)'(?: \[(.*)\])?$")
UNDEFINED = re.compile(r"^undefined symbol: (.*?)(?:, version (.*?))?\t\((.*)\)$")


@functools.lru_cache(maxsize=None)
def vdso_name():
    """What the kernel calls its vDSO: the one object without a file in any program."""
    out = run([LD_SO, os.path.realpath("/bin/sh")],
              environment({}, LD_TRACE_LOADED_OBJECTS="1")).stdout
    names = [m[1] for m in map(PLAIN.match, out.splitlines()) if m and "/" not in m[1]]
    return names[0] if names else None


class Trace:
    """What LD_TRACE_LOADED_OBJECTS printed: found is [(name, path)], in loading order."""

    def __init__(self):
        self.found, self.missing, self.words = [], [], []
        self.static = False

    def paths(self, cwd=None):
        base = cwd or os.getcwd()
        return {os.path.realpath(os.path.join(base, p)) for _, p in self.found}


def parse_trace(text):
    trace = Trace()
    for line in text.splitlines():
        m = ENTRY.match(line)
        if m and m[2] == "not found":
            trace.missing.append(m[1])
        elif m:
            trace.found.append((m[1], m[2]))
        elif PLAIN.match(line):
            name = PLAIN.match(line)[1]
            # Objects whose name is their path are printed like this, and so is the vDSO.
            if name != vdso_name():
                trace.found.append((name, name))
        elif line.strip() in ("statically linked", "not a dynamic executable"):
            trace.static = True
        elif line.strip():
            trace.words.append(line)
    return trace


def environment(env, **more):
    full = dict(os.environ)
    full.update(env or {})
    full.update(more)
    return full


def enter(root):
    """Makes a folder the root of this process; needs root or a user namespace."""
    if os.geteuid() != 0 and ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "cannot make a user namespace")
    os.chroot(root)
    os.chdir("/")


def can_enter(root):
    """None, or why a folder cannot be made the root of a process here."""
    try:
        subprocess.run(["/"], preexec_fn=lambda: enter(root), check=False)
    except PermissionError:
        return None  # it came as far as executing a folder
    except (OSError, subprocess.SubprocessError):
        return "changing the root folder is not allowed here"
    return None


def run(argv, env=None, cwd=None, timeout=60, root=None):
    return subprocess.run(argv, env=env, cwd=cwd, timeout=timeout, stdin=subprocess.DEVNULL,
                          preexec_fn=(lambda: enter(root)) if root else None,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", errors="surrogateescape")


def ldd(files, timeout=120):
    """ldd itself over many files: {file: Trace}."""
    files = list(files)
    # ldd prints the names only when there are two or more
    more = files if len(files) > 1 else files + ["/bin/sh"]
    out = run(["ldd", "--"] + more, timeout=timeout).stdout
    result, name, lines, wanted = {}, None, [], iter(more)
    upcoming = next(wanted)
    for line in out.splitlines():
        if upcoming is not None and line == upcoming + ":":
            if name is not None:
                result[name] = parse_trace("\n".join(lines))
            name, lines, upcoming = upcoming, [], next(wanted, None)
        else:
            lines.append(line)
    if name is not None:
        result[name] = parse_trace("\n".join(lines))
    return {f: result[f] for f in files if f in result}


def trace(path, env=None, cwd=None, ld_so=LD_SO, root=None):
    """LD_TRACE_LOADED_OBJECTS of one file, as ldd does it, inside another root if asked."""
    r = run([ld_so, path], environment(env, LD_TRACE_LOADED_OBJECTS="1"), cwd, root=root)
    t = parse_trace(r.stdout)
    t.words += r.stderr.splitlines()
    t.code = r.returncode
    return t


class Tries:
    """LD_DEBUG=libs: for each name looked for, the files tried, in order."""

    def __init__(self):
        self.tried = []  # [(name, [file...])]

    def of(self, name):
        return [f for n, files in self.tried if n == name for f in files]


def tries(path, env=None, cwd=None, ld_so=LD_SO, root=None):
    r = run([ld_so, path],
            environment(env, LD_TRACE_LOADED_OBJECTS="1", LD_DEBUG="libs"), cwd, root=root)
    t = Tries()
    for line in r.stderr.splitlines():
        m = re.match(r"^\s*\d+:\s+find library=(.*) \[\d+\]; searching$", line)
        if m:
            t.tried.append((m[1], []))
            continue
        m = re.match(r"^\s*\d+:\s+trying file=(.*)$", line)
        if m and t.tried:
            t.tried[-1][1].append(m[1])
    return t


class Bindings:
    """
    rows: {(from, to, symbol, version or None)}, as real paths.
    undefined: {(from, symbol, version or None)} that the loader complained of.
    """

    def __init__(self):
        self.rows, self.undefined, self.lines = set(), set(), 0
        self.problems = []
        self.code = 0  # of the loader: 127 or negative when it died, and then there is no truth


def parse_bindings(lines, cwd=None, names=None):
    """'names' maps what the log calls a file to its path (the main program is argv[0])."""
    base, real, b = cwd or os.getcwd(), dict(names or {}), Bindings()

    def resolve(name):
        if name not in real:
            real[name] = (os.path.realpath(os.path.join(base, name)) if name != vdso_name()
                          else None)
        return real[name]

    for line in lines:
        m = BINDING.match(line)
        if m:
            src, dst = resolve(m[1]), resolve(m[2])
            if src and dst:
                b.lines += 1
                b.rows.add((src, dst, m[3], m[4]))
            continue
        m = UNDEFINED.match(line)
        if m:
            b.undefined.add((resolve(m[3]), m[1], m[2]))
        elif not re.match(r"^\s*\d+:", line) and line.strip():
            b.problems.append(line)
    return b


def bindings(path, env=None, cwd=None, ld_so=LD_SO, root=None, timeout=120):
    """
    'ldd -r' under LD_DEBUG=bindings: every object is relocated at once, nothing
    of the file runs (no constructor, no IFUNC resolver, hence no dlsym and no
    lookup of the loader for itself).
    """
    r = run([ld_so, path],
            environment(env, LD_TRACE_LOADED_OBJECTS="1", LD_WARN="yes", LD_BIND_NOW="yes",
                        LD_DEBUG="bindings"), cwd, timeout, root)
    name = path if "/" in path else None
    names = {path: os.path.realpath(os.path.join(cwd or os.getcwd(), path))} if name else {}
    b = parse_bindings(r.stderr.splitlines(), cwd, names)
    b.code = r.returncode
    return b


def referenced_symbols(path):
    """
    {(symbol, version or None)} that relocations of a file name, by readelf. It
    tells what relocation can have asked for from what dlsym or the loader asked.
    """
    out = run(["readelf", "-rW", "--", path], timeout=120).stdout
    names = set()
    for line in out.splitlines():
        w = line.split()
        if len(w) < 5 or not re.fullmatch(r"[0-9a-f]{16}", w[0]) or not w[2].startswith("R_"):
            continue
        # offset info type value name[@version] [+ addend]
        if not re.fullmatch(r"[0-9a-f]+", w[3]):
            continue
        name = w[4]
        if w[3].endswith("()"):
            continue
        symbol, _, version = name.partition("@")
        names.add((symbol, version.lstrip("@") or None))
    return names


def musl_list(path, env=None, cwd=None, root=None, loader=MUSL):
    """'ld-musl --list FILE' (musl's ldd)."""
    r = run([loader, "--list", path], environment(env), cwd, root=root)
    t = parse_trace(r.stdout)
    t.words += r.stderr.splitlines()
    for line in t.words:
        m = re.match(r"^Error loading shared library (.*?): .* \(needed by (.*)\)$", line)
        if m:
            t.missing.append(m[1])
    t.code = r.returncode
    return t
