/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/verify.h"

/* sysdeps/unix/sysv/linux/ldsodefs.h: one past the newest ABI version known (libc-abis). */
enum { ABI_VERSIONS = 4 };

static bool has_load(const struct image *image)
{
	for (size_t i = 0; i < image->nphdrs; i++)
		if (image->phdrs[i].p_type == PT_LOAD)
			return true;
	return false;
}

const char *verify_library(const struct image *image)
{
	const unsigned char *ident = image->data;
	unsigned int osabi = ident[EI_OSABI], abi = ident[EI_ABIVERSION];

	if (osabi != ELFOSABI_SYSV && osabi != ELFOSABI_GNU)
		return "ELF file OS ABI invalid";
	if (abi && (osabi != ELFOSABI_GNU || abi >= ABI_VERSIONS))
		return "ELF file ABI version invalid";
	for (unsigned int i = EI_PAD; i < EI_NIDENT; i++)
		if (ident[i])
			return "nonzero padding in e_ident";
	if (image->data[20] != EV_CURRENT || image->data[21] || image->data[22] || image->data[23])
		return "ELF file version does not match current one";
	if (image->type != ET_DYN && image->type != ET_EXEC)
		return "only ET_DYN and ET_EXEC can be loaded";
	if (!has_load(image))
		return "object file has no loadable segments";
	if (image->type == ET_EXEC)
		return "cannot dynamically load executable";
	if (image->flags_1 & DF_1_PIE)
		return "cannot dynamically load position-independent executable";
	return NULL;
}

const char *verify_library_musl(const struct image *image)
{
	if (image->type != ET_DYN && image->type != ET_EXEC)
		return "not an executable or library (ENOEXEC)";
	return has_load(image) ? NULL : "no loadable segments";
}
