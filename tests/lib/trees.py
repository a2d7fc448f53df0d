# SPDX-License-Identifier: BSD-2-Clause
"""Little trees of libraries and programs, linked with ld on the spot."""

import os
import struct
import subprocess

import elfread

DT_RPATH, DT_DEPAUDIT = 15, 0x6FFFFEFB


def sh(argv, cwd=None, text=None):
    r = subprocess.run(argv, cwd=cwd, input=text, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", timeout=60)
    if r.returncode:
        raise RuntimeError("%s\n%s" % (" ".join(argv), r.stdout))
    return r.stdout


def patch_dynamic(path, old, new):
    """Renames a tag of the dynamic section in place."""
    e = elfread.Elf(path)
    offset, size = next((p[2], p[5]) for p in e.phdrs if p[0] == elfread.PT_DYNAMIC)
    with open(path, "r+b") as f:
        for at in range(offset, offset + size, 16):
            f.seek(at)
            if struct.unpack("<Q", f.read(8))[0] == old:
                f.seek(at)
                f.write(struct.pack("<Q", new))
                return
    raise RuntimeError("no tag %#x in %s" % (old, path))


def patch_bytes(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def needing(names):
    """The bytes of a library that needs these, as no linker would write in time."""
    strings = b"\0" + b"".join(n.encode() + b"\0" for n in names)
    at, dynamic = 1, b""
    for n in names:
        dynamic += struct.pack("<QQ", 1, at)  # DT_NEEDED
        at += len(n) + 1
    table = 64 + 2 * 56
    begin = (table + len(strings) + 7) & ~7
    dynamic += struct.pack("<10Q", 5, table, 10, len(strings), 6, 0, 11, 24, 0, 0)
    size = begin + len(dynamic)
    return (b"\x7fELF\2\1\1" + bytes(9) +
            struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0) +
            struct.pack("<IIQQQQQQ", 1, 6, 0, 0, 0, size, size, 0x1000) +
            struct.pack("<IIQQQQQQ", 2, 6, begin, begin, begin, len(dynamic), len(dynamic), 8) +
            strings).ljust(begin, b"\0") + dynamic


class Tree:
    """A folder; paths given to its methods are inside it."""

    def __init__(self, folder):
        self.folder = folder
        self.shared = os.path.join(os.path.dirname(folder), "stubs")
        os.makedirs(folder)
        os.makedirs(self.shared, exist_ok=True)
        self.object = os.path.join(self.shared, "empty.o")
        if not os.path.exists(self.object):
            sh(["gcc", "-c", "-x", "c", "-fPIC", "-o", self.object, "-"],
               text="void _start(void) {}\n")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def _stub(self, name):
        """A library that only lends its soname to a DT_NEEDED entry."""
        path = os.path.join(self.shared, name.replace("/", "!").replace("$", "S") + ".stub")
        if not os.path.exists(path):
            sh(["ld", "-shared", "-o", path, self.object, "-soname", name])
        return path

    def _link(self, path, argv, needed, rpath, runpath, flags):
        out = self.path(path)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        if os.path.lexists(out):
            os.unlink(out)
        argv = ["ld"] + argv + ["-o", out, self.object, "--no-as-needed", "--hash-style=both"]
        argv += [self._stub(n) for n in needed]
        if runpath is not None:
            argv += ["--enable-new-dtags", "-rpath", runpath]
            if rpath is not None:
                argv += ["--depaudit", rpath]
        elif rpath is not None:
            argv += ["--disable-new-dtags", "-rpath", rpath]
        sh(argv + list(flags))
        if rpath is not None and runpath is not None:
            patch_dynamic(out, DT_DEPAUDIT, DT_RPATH)
        return out

    def lib(self, path, needed=(), rpath=None, runpath=None, soname="", flags=()):
        """A library; soname "" is the file's own name, None is none."""
        if soname == "":
            soname = os.path.basename(path)
        more = ["-soname", soname] if soname else []
        return self._link(path, ["-shared"] + more, needed, rpath, runpath, flags)

    def prog(self, path="main", needed=(), rpath=None, runpath=None, flags=()):
        return self._link(path, ["-pie", "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2"],
                          needed, rpath, runpath, flags)

    def link(self, path, target):
        out = self.path(path)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        os.symlink(target, out)
        return out

    def write(self, path, data=b""):
        out = self.path(path)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(out, "wb") as f:
            f.write(data)
        return out


def inside(root, path):
    """The real path of a path as a program with that root sees it (absolute, inside)."""
    done, left, hops = [], [x for x in path.split("/") if x and x != "."], 0
    while left:
        name = left.pop(0)
        if name == "..":
            done = done[:-1]
            continue
        here = os.path.join(root, *done, name)
        if os.path.islink(here):
            hops += 1
            if hops > 40:
                return None
            target = os.readlink(here)
            if target.startswith("/"):
                done = []
            left = [x for x in target.split("/") if x and x != "."] + left
        else:
            done.append(name)
    return "/" + "/".join(done)


def cc(out, code, *flags, libs=(), language="c"):
    """Compiles and links one file with gcc; 'libs' are paths, linked by their sonames."""
    os.makedirs(os.path.dirname(out), exist_ok=True)
    sh(["gcc", "-x", language, "-", "-x", "none", "-O1", "-w", "-o", out, "-Wl,--no-as-needed",
        *libs, *flags], text=code)
    return out


def patch_symbol(path, name, **fields):
    """Changes 'info', 'other', 'shndx' or 'value' of a dynamic symbol in place."""
    table = sh(["readelf", "-SW", path])
    row = next(x for x in table.splitlines() if " .dynsym " in x).split("]")[1].split()
    offset = int(row[3], 16)
    for line in sh(["readelf", "-W", "--dyn-syms", path]).splitlines():
        w = line.split()
        if len(w) >= 8 and w[7].partition("@")[0] == name:
            at = offset + 24 * int(w[0][:-1])
            places = {"info": (4, "<B"), "other": (5, "<B"), "shndx": (6, "<H"), "value": (8, "<Q")}
            for field, value in fields.items():
                patch_bytes(path, at + places[field][0], struct.pack(places[field][1], value))
            return
    raise RuntimeError("no symbol %s in %s" % (name, path))
