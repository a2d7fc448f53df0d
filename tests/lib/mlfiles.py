# SPDX-License-Identifier: BSD-2-Clause
"""The large files that 'make test-ml' looks at, and the package of each."""

import glob

LIB = "/usr/lib/x86_64-linux-gnu/"
NAMED = (
    ("libtorch_cpu", LIB + "libtorch_cpu.so.1.13"),
    ("libtorch_python", LIB + "libtorch_python.so.1.13"),
    ("libonnx", LIB + "libonnx.so.1*"),
    ("libdnnl", LIB + "libdnnl.so.2"),
    ("libopenblas", LIB + "openblas-pthread/libopenblas.so.0"),
    ("libarmnnTfLiteParser", LIB + "libarmnnTfLiteParser.so.22"),
    ("python3.11", "/usr/bin/python3.11"),
)
PACKAGES = {
    "libtorch_cpu": "libtorch1.13", "libtorch_python": "libtorch1.13", "libonnx": "libonnx1",
    "libdnnl": "libdnnl2", "libopenblas": "libopenblas0-pthread",
    "libarmnnTfLiteParser": "libarmnntfliteparser22", "python3.11": "python3.11-minimal",
}


def find(pattern):
    found = sorted(glob.glob(pattern))
    return found[0] if found else None


def missing(name):
    return "package %s is not installed" % PACKAGES[name]
