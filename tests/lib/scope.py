# SPDX-License-Identifier: BSD-2-Clause
"""The command under test: starts uniscope and reads its lines."""

import json
import os
import re
import subprocess

import loader

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def binary():
    name = os.environ.get("UNISCOPE")
    if not name:
        name = os.path.join(os.environ.get("O", "build"), "uniscope")
        if not os.path.isabs(name):
            name = os.path.join(TOP, name)
    return os.path.abspath(name)


# What a sanitizer prints; it ends the process with an exit code that could mean something else.
SANITIZER = re.compile(r"runtime error: |ERROR: \w+Sanitizer")
CRASHED = -99


def sanitized():
    """Whether the binary was built with a sanitizer: it then needs far more address space."""
    with open(binary(), "rb") as f:
        return b"__asan_" in f.read()


def run(args, env=None, cwd=None, timeout=60, **more):
    """uniscope ARGS; the result has returncode, stdout and stderr as text."""
    r = subprocess.run([binary()] + list(args), env=loader.environment(env),
                       cwd=cwd, timeout=timeout, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       encoding="utf-8", errors="surrogateescape", **more)
    if SANITIZER.search(r.stderr):
        r.returncode = CRASHED
    return r


class Graph:
    """The lines of 'depgraph report -o jsonl'; paths also as real paths."""

    def __init__(self, result, cwd=None, root="/"):
        self.code, self.errors = result.returncode, result.stderr
        self.cwd = cwd or os.getcwd()
        self.root = root
        self.rows = [json.loads(line) for line in result.stdout.splitlines()]
        self.files = [r for r in self.rows if r["type"] == "file"]
        self.edges = [r for r in self.rows if r["type"] == "edge"]
        self.real = {}

    def realpath(self, path):
        if path not in self.real:
            self.real[path] = os.path.realpath(os.path.join(self.cwd, path))
        return self.real[path]

    def paths(self):
        return {self.realpath(r["path"]) for r in self.files}

    def needed(self):
        return [r for r in self.edges if r["kind"] == "needed"]

    def missing(self):
        """Names that the loader wants at start and does not get; it counts filters too."""
        return {r["name"] for r in self.edges
                if r["to"] is None and r["kind"] in ("needed", "filter")}

    def bindings(self):
        """(found rows, rows bound to nothing), as the loader module has them."""
        found, lost = set(), set()
        for r in self.rows:
            if r["type"] != "binding":
                continue
            src = self.realpath(r["from"])
            if r["to"] is None:
                lost.add((src, r["symbol"], r["version"], r["weak"]))
            else:
                found.add((src, self.realpath(r["to"]), r["symbol"], r["version"]))
        return found, lost


def report(sources, *options, env=None, cwd=None, timeout=60):
    """'depgraph report SOURCE... -o jsonl'."""
    if isinstance(sources, str):
        sources = [sources]
    r = run(["depgraph", "report", *options, "-q", "-o", "jsonl", "--", *sources],
            env, cwd, timeout)
    return Graph(r, cwd)


def tried(graph, name):
    """The places looked at for a missing name, in order."""
    for e in graph.edges:
        if e["name"] == name and e["to"] is None and e.get("tried"):
            return [x["place"] if isinstance(x, dict) else x for x in e["tried"]]
    return []
