/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines. Relocation classes follow elf_machine_type_class() and
 * elf_machine_rela() of glibc's sysdeps/<machine>/dl-machine.h; cache flags its
 * sysdeps/generic/ldconfig.h.
 */
#include "core/image/image.h"

enum {
	CACHE_ELF_LIBC6 = 3,
	CACHE_X8664_LIB64 = 0x0300,
	CACHE_AARCH64_LIB64 = 0x0a00,
	CACHE_RISCV_FLOAT_ABI_DOUBLE = 0x1000,
};

static enum image_reloc_class x86_64_class(uint32_t type)
{
	switch (type) {
	case R_X86_64_NONE:
		return IMAGE_RELOC_NONE;
	case R_X86_64_RELATIVE:
	case R_X86_64_RELATIVE64:
		return IMAGE_RELOC_RELATIVE;
	case R_X86_64_IRELATIVE:
		return IMAGE_RELOC_IRELATIVE;
	case R_X86_64_JUMP_SLOT:
	case R_X86_64_DTPMOD64:
	case R_X86_64_DTPOFF64:
	case R_X86_64_TPOFF64:
	case R_X86_64_TLSDESC:
		return IMAGE_RELOC_PLT;
	case R_X86_64_COPY:
		return IMAGE_RELOC_COPY;
	case R_X86_64_64:
	case R_X86_64_32:
	case R_X86_64_32S:
	case R_X86_64_PC32:
	case R_X86_64_PC64:
	case R_X86_64_GLOB_DAT:
	case R_X86_64_SIZE32:
	case R_X86_64_SIZE64:
		return IMAGE_RELOC_SYMBOL;
	}
	return IMAGE_RELOC_UNKNOWN;
}

static enum image_reloc_class i386_class(uint32_t type)
{
	switch (type) {
	case R_386_NONE:
		return IMAGE_RELOC_NONE;
	case R_386_RELATIVE:
		return IMAGE_RELOC_RELATIVE;
	case R_386_IRELATIVE:
		return IMAGE_RELOC_IRELATIVE;
	case R_386_JMP_SLOT:
	case R_386_TLS_DTPMOD32:
	case R_386_TLS_DTPOFF32:
	case R_386_TLS_TPOFF32:
	case R_386_TLS_TPOFF:
	case R_386_TLS_DESC:
		return IMAGE_RELOC_PLT;
	case R_386_COPY:
		return IMAGE_RELOC_COPY;
	case R_386_32:
	case R_386_PC32:
	case R_386_GLOB_DAT:
	case R_386_SIZE32:
		return IMAGE_RELOC_SYMBOL;
	}
	return IMAGE_RELOC_UNKNOWN;
}

static enum image_reloc_class aarch64_class(uint32_t type)
{
	switch (type) {
	case R_AARCH64_NONE:
		return IMAGE_RELOC_NONE;
	case R_AARCH64_RELATIVE:
		return IMAGE_RELOC_RELATIVE;
	case R_AARCH64_IRELATIVE:
		return IMAGE_RELOC_IRELATIVE;
	case R_AARCH64_JUMP_SLOT:
	case R_AARCH64_TLS_DTPMOD:
	case R_AARCH64_TLS_DTPREL:
	case R_AARCH64_TLS_TPREL:
	case R_AARCH64_TLSDESC:
		return IMAGE_RELOC_PLT;
	case R_AARCH64_COPY:
		return IMAGE_RELOC_COPY;
	case R_AARCH64_ABS64:
	case R_AARCH64_ABS32:
	case R_AARCH64_PREL32:
	case R_AARCH64_GLOB_DAT:
		return IMAGE_RELOC_SYMBOL;
	}
	return IMAGE_RELOC_UNKNOWN;
}

static enum image_reloc_class riscv_class(uint32_t type)
{
	switch (type) {
	case R_RISCV_NONE:
		return IMAGE_RELOC_NONE;
	case R_RISCV_RELATIVE:
		return IMAGE_RELOC_RELATIVE;
	case R_RISCV_IRELATIVE:
		return IMAGE_RELOC_IRELATIVE;
	case R_RISCV_JUMP_SLOT:
	case R_RISCV_TLS_DTPMOD64:
	case R_RISCV_TLS_DTPREL64:
	case R_RISCV_TLS_TPREL64:
		return IMAGE_RELOC_PLT;
	case R_RISCV_COPY:
		return IMAGE_RELOC_COPY;
	case R_RISCV_64:
	case R_RISCV_32:
		return IMAGE_RELOC_SYMBOL;
	}
	return IMAGE_RELOC_UNKNOWN;
}

static const struct image_machine machines[] = {
	{
		.id = EM_X86_64,
		.elf_class = ELFCLASS64,
		.name = "x86_64",
		.triplet = "x86_64-linux-gnu",
		.lib = "lib64",
		.interp = "/lib64/ld-linux-x86-64.so.2",
		.cache_flags = CACHE_X8664_LIB64 | CACHE_ELF_LIBC6,
		.uses_rela = true,
		.reloc_class = x86_64_class,
	},
	{
		.id = EM_386,
		.elf_class = ELFCLASS32,
		.name = "i386",
		.triplet = "i386-linux-gnu",
		.lib = "lib",
		.interp = "/lib/ld-linux.so.2",
		.cache_flags = CACHE_ELF_LIBC6,
		.uses_rela = false,
		.reloc_class = i386_class,
	},
	{
		.id = EM_AARCH64,
		.elf_class = ELFCLASS64,
		.name = "aarch64",
		.triplet = "aarch64-linux-gnu",
		.lib = "lib64",
		.interp = "/lib/ld-linux-aarch64.so.1",
		.cache_flags = CACHE_AARCH64_LIB64 | CACHE_ELF_LIBC6,
		.uses_rela = true,
		.reloc_class = aarch64_class,
	},
	{
		.id = EM_RISCV,
		.elf_class = ELFCLASS64,
		.name = "riscv64",
		.triplet = "riscv64-linux-gnu",
		.lib = "lib64/lp64d",
		.interp = "/lib/ld-linux-riscv64-lp64d.so.1",
		.cache_flags = CACHE_RISCV_FLOAT_ABI_DOUBLE | CACHE_ELF_LIBC6,
		.uses_rela = true,
		.reloc_class = riscv_class,
	},
};

const struct image_machine *image_machine_find(uint16_t id, uint8_t elf_class)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].id == id && machines[i].elf_class == elf_class)
			return &machines[i];
	return NULL;
}
