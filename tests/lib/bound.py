# SPDX-License-Identifier: BSD-2-Clause
"""Bindings of a file compared with 'LD_DEBUG=bindings ldd -r'; quick and large test use it."""

import concurrent.futures
import re

import loader
import scope
import tap


def difference(path, truth, graph):
    """Lines that say how a graph's bindings differ from the loader's; none if they do not."""
    found, lost = graph.bindings()
    bad = []
    if truth.code not in (0, 1):
        # a signal, or 127: "Inconsistency detected by ld.so"
        bad.append("%s: the loader itself died: %d, %s" % (path, truth.code, truth.problems[-1:]))
    for title, rest in (("the loader binds", truth.rows - found),
                        ("only uniscope binds", found - truth.rows)):
        if rest:
            bad.append("%s: %s: %d of %d" % (path, title, len(rest), len(truth.rows | found)))
            bad += ["    " + tap.show(r) for r in sorted(rest, key=str)[:12]]
    strong = {(f, s, v) for f, s, v, weak in lost if not weak}
    for title, rest in (("undefined for the loader only", truth.undefined - strong),
                        ("undefined for uniscope only", strong - truth.undefined)):
        if rest:
            bad.append("%s: %s: %d" % (path, title, len(rest)))
            bad += ["    " + tap.show(r) for r in sorted(rest, key=str)[:12]]
    return bad


def compare(path, *options, env=None):
    """(rows of the loader, lines of differences)"""
    truth = loader.bindings(path, env)
    try:
        graph = scope.report(path, "--bindings", *options, env=env)
    except (ValueError, KeyError) as err:
        return truth, None, ["%s: output cannot be read: %s" % (path, err)]
    return truth, graph, difference(path, truth, graph)


def compare_many(paths, workers=2):
    """(rows compared, lines of differences)"""
    rows, bad = 0, []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for truth, _, lines in pool.map(compare, paths):
            rows += len(truth.rows)
            bad += lines
    return rows, bad


def references(path):
    """
    {(symbol, version or None): "WEAK" or "GLOBAL"...} of the undefined dynamic
    symbols that a relocation of the file names, by readelf.
    """
    out = loader.run(["readelf", "-W", "--dyn-syms", "--", path], timeout=60).stdout
    undefined = {}
    for line in out.splitlines():
        w = line.split()
        if len(w) >= 8 and re.fullmatch(r"\d+:", w[0]) and w[6] == "UND":
            symbol, _, version = w[7].partition("@")
            undefined[(symbol, version.lstrip("@") or None)] = w[4]
    used = loader.referenced_symbols(path)
    return {k: bind for k, bind in undefined.items() if k in used}
