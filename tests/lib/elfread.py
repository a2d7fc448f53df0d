# SPDX-License-Identifier: BSD-2-Clause
"""
What the tests must know of an ELF file, read with nothing but struct. It serves
to choose inputs and to damage copies of them; answers are compared with readelf,
nm and the loaders, never with this.
"""

import os
import stat
import struct

PT_DYNAMIC, PT_INTERP = 2, 3
ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
EM_386, EM_X86_64 = 3, 62


class Elf:
    """Header and program headers of a 64-bit little-endian file."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            head = f.read(64)
            if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
                raise ValueError("not a 64-bit little-endian ELF file")
            (self.type, self.machine, _, self.entry, self.phoff, self.shoff, _, _, self.phentsize,
             self.phnum, _, self.shnum, _) = struct.unpack_from("<HHIQQQIHHHHHH", head, 16)
            f.seek(self.phoff)
            raw = f.read(56 * self.phnum)
            self.phdrs = [struct.unpack_from("<IIQQQQQQ", raw, i) for i in
                          range(0, len(raw) - 55, 56)]
            self.interp = None
            for p in self.phdrs:
                if p[0] == PT_INTERP:
                    f.seek(p[2])
                    self.interp = f.read(p[5]).rstrip(b"\0").decode("utf-8", "surrogateescape")

    def has(self, kind):
        return any(p[0] == kind and p[5] for p in self.phdrs)


def try_elf(path):
    """The Elf of a regular file, or None."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        return Elf(path)
    except (OSError, ValueError, struct.error):
        return None


def is_dynamic(path):
    """Whether glibc's loader on x86-64 takes the file: ET_EXEC or ET_DYN with PT_DYNAMIC."""
    e = try_elf(path)
    return bool(e and e.machine == EM_X86_64 and e.type in (ET_EXEC, ET_DYN) and e.has(PT_DYNAMIC))


def drop_section_headers(source, target):
    """A copy whose header knows no sections, like sstrip's, and without their table."""
    with open(source, "rb") as f:
        data = bytearray(f.read())
    end = struct.unpack_from("<Q", data, 40)[0]
    struct.pack_into("<Q", data, 40, 0)
    struct.pack_into("<HHH", data, 58, 0, 0, 0)
    if 64 <= end <= len(data):
        del data[end:]
    with open(target, "wb") as f:
        f.write(data)
    os.chmod(target, 0o755)
