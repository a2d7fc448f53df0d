# SPDX-License-Identifier: BSD-2-Clause
"""Closures of many files compared with ldd; used by the quick and the large test."""

import concurrent.futures
import hashlib
import os
import re

import elfread
import loader
import scope

FOLDERS = ("/usr/bin", "/usr/lib/x86_64-linux-gnu")


def dynamic_files(folder):
    """Every dynamic ELF file in a folder and below, links aside, in a stable order."""
    found = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(root, name)
            if not os.path.islink(path) and elfread.is_dynamic(path):
                found.append(path)
    return found


def sample(paths, count):
    """The same files on each run, spread over the alphabet."""
    return sorted(sorted(paths, key=lambda p: hashlib.sha256(os.fsencode(p)).digest())[:count])


def compare(path, truth):
    """What differs between the graph of one file and the loader's list, as lines of text."""
    try:
        graph = scope.report(path)
    except (ValueError, KeyError) as err:
        return None, ["%s: output cannot be read: %s" % (path, err)]
    bad = []
    own = os.path.realpath(path)
    want, got = truth.paths() - {own}, graph.paths() - {own}
    for p in sorted(want - got):
        bad.append("%s: missing %s" % (path, p))
    for p in sorted(got - want):
        bad.append("%s: too much: %s" % (path, p))
    if own not in graph.paths():
        bad.append("%s: no line for the file itself" % path)
    if set(truth.missing) != graph.missing():
        bad.append("%s: not found: loader %s, uniscope %s" %
                   (path, sorted(set(truth.missing)), sorted(graph.missing())))
    # What is missing is an answer, whether or not it is called incomplete.
    if graph.code not in ((0, 4) if truth.missing else (0,)):
        bad.append("%s: exit %d: %s" % (path, graph.code, graph.errors[-300:]))
    return graph, bad


def compare_many(paths, truth_of, workers=2):
    """(number compared, lines of differences)."""
    bad = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for _, lines in pool.map(lambda p: compare(p, truth_of(p)), paths):
            bad += lines
    return bad


def needed_by_readelf(paths):
    """{path: [DT_NEEDED names]} for many files at once."""
    paths = list(paths)
    out = loader.run(["readelf", "-dW", "--"] + paths, timeout=120).stdout
    result, at = {p: [] for p in paths}, paths[0] if len(paths) == 1 else None
    for line in out.splitlines():
        if line.startswith("File: "):
            at = line[6:]
        m = re.search(r"\(NEEDED\)\s+Shared library: \[(.*)\]$", line)
        if m:
            result[at].append(m[1])
    return result
