/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between builds of glibc's loader, read from the loader's own
 * read-only data: its default folders (a run of strings that end with '/'), and
 * its version ("... release version 2.36."). And what differs between CPUs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/search-internal.h"
#include "core/base/cleanup.h"

#if defined(__x86_64__) && __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#define HAVE_CPU_FEATURES 1
#endif

/* One of the default folders of every build; the run around it is the table. */
static const char anchor[] = "/usr/lib";

static bool is_folder_string(const char *s, size_t len)
{
	if (len < 2 || s[0] != '/' || s[len - 1] != '/')
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

/*
 * The longest run of at least two neighbouring strings "/.../", one of which
 * begins with /usr/lib. Empty strings between them are padding of other tables.
 */
static const char *find_dirs(const char *data, size_t size, size_t *count)
{
	const char *best = NULL, *run = NULL;
	size_t n = 0, best_n = 1;
	bool anchored = false;

	for (size_t i = 0; i < size;) {
		size_t len = strnlen(data + i, size - i);
		/* A run begins inside a string when the bytes before are not text. */
		if (i + len < size && is_folder_string(data + i, len)) {
			if (!n++)
				run = data + i;
			anchored |= !strncmp(data + i, anchor, sizeof(anchor) - 1);
			if (anchored && n > best_n) {
				best = run;
				best_n = n;
			}
		} else {
			n = 0;
			anchored = false;
		}
		i += len + 1;
	}
	*count = best ? best_n : 0;
	return best;
}

static bool is_legacy(const char *data, size_t size)
{
	static const char text[] = "release version 2.";

	const char *p = memmem(data, size, text, sizeof(text) - 1);
	if (!p || p + sizeof(text) + 2 > data + size)
		return false;
	unsigned int minor = 0;
	for (p += sizeof(text) - 1; p < data + size && *p >= '0' && *p <= '9' && minor < 1000; p++)
		minor = minor * 10 + (unsigned int)(*p - '0');
	return minor < 37;
}

static struct error *read_loader(struct search *search, const struct image *image,
				 struct search_profile *ret)
{
	struct search_profile profile = { .found = true };

	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type != PT_LOAD || (h->p_flags & PF_W))
			continue;
		const char *data = (const char *)image->data + h->p_offset;
		size_t n, take = 0;
		const char *dir = find_dirs(data, h->p_filesz, &n);
		profile.legacy_caps |= is_legacy(data, h->p_filesz);
		if (!dir || profile.dirs[0])
			continue;
		for (; n && take < 15; n--, dir += strlen(dir) + 1) {
			profile.dirs[take] = arena_strdup(&search->arena, dir);
			if (!profile.dirs[take++])
				return &error_no_memory;
		}
	}
	*ret = profile;
	return NULL;
}

/* Without a loader to read: Debian's multiarch folders and upstream's. */
static struct error *guess(struct search *search, struct search_profile *ret)
{
	struct arena *a = &search->arena;
	const struct image_machine *m = search->machine;
	struct search_profile profile = { 0 };
	const char *const dirs[] = {
		arena_printf(a, "/lib/%s/", m->triplet),
		arena_printf(a, "/usr/lib/%s/", m->triplet),
		arena_printf(a, "/%s/", m->lib),
		arena_printf(a, "/usr/%s/", m->lib),
		"/lib/",
		"/usr/lib/",
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (!dirs[i])
			return &error_no_memory;
		profile.dirs[i] = dirs[i];
	}
	*ret = profile;
	return NULL;
}

struct error *search_read_profile(struct search *search, struct search_profile *ret)
{
	struct error *err;
	struct tree_entry entry;
	_cleanup_image_ struct image *image = NULL;

	if (!tree_find(search->tree, search->interp, &entry)) {
		err = image_open(entry.path, search->interp, &image);
		if (err) {
			error_destroy(err); /* not a loader: the same as none */
		} else {
			err = read_loader(search, image, ret);
			if (err || ret->dirs[0])
				return err;
		}
	}
	return guess(search, ret);
}

struct cpu {
	int level;	       /* x86-64-vN */
	const char *legacy[8]; /* least preferred first; "tls" is added by the caller */
	size_t nlegacy;
};

#ifdef HAVE_CPU_FEATURES
/* CPU_FEATURE_ACTIVE() without its shift into the sign bit, which UBSan stops at. */
static bool is_active(unsigned int index)
{
	const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(index / 128);

	return leaf->active_array[index % 128 / 32] >> index % 32 & 1;
}
#endif

/*
 * GLRO(dl_platform) and GLRO(dl_hwcap) as glibc 2.36's init_cpu_features() sets
 * them, and the levels of _dl_hwcaps_subdirs_active().
 */
static struct cpu this_cpu(void)
{
	struct cpu cpu = { .level = 1 };

#ifdef HAVE_CPU_FEATURES
#define HAS(x) is_active(x86_cpu_##x)
	bool v2 = HAS(CMPXCHG16B) && HAS(LAHF64_SAHF64) && HAS(POPCNT) && HAS(SSE3) &&
		  HAS(SSE4_1) && HAS(SSE4_2) && HAS(SSSE3);
	bool v3 = v2 && HAS(AVX) && HAS(AVX2) && HAS(BMI1) && HAS(BMI2) && HAS(F16C) && HAS(FMA) &&
		  HAS(LZCNT) && HAS(MOVBE);
	bool v4 = v3 && HAS(AVX512F) && HAS(AVX512BW) && HAS(AVX512CD) && HAS(AVX512DQ) &&
		  HAS(AVX512VL);
	cpu.level = v4 ? 4 : v3 ? 3 : v2 ? 2 : 1;
	cpu.legacy[cpu.nlegacy++] = "x86_64";
	const char *platform = "x86_64";
	if (__builtin_cpu_is("intel")) {
		bool phi = HAS(AVX512CD) && HAS(AVX512ER) && HAS(AVX512PF);
		if (HAS(AVX512CD) && !HAS(AVX512ER) && HAS(AVX512BW) && HAS(AVX512DQ) &&
		    HAS(AVX512VL))
			cpu.legacy[cpu.nlegacy++] = "avx512_1";
		if (phi)
			platform = "xeon_phi";
		else if (HAS(AVX2) && HAS(BMI1) && HAS(BMI2) && HAS(LZCNT) && HAS(MOVBE) &&
			 HAS(POPCNT) && HAS(FMA))
			platform = "haswell";
	}
	cpu.legacy[cpu.nlegacy++] = platform;
#undef HAS
#endif
	return cpu;
}

/* The same place twice tells nothing new; more than there is room for is not known to exist. */
static void add_cap(struct search *search, const char *name)
{
	for (size_t i = 0; i < search->ncaps; i++)
		if (!strcmp(search->caps[i], name))
			return;
	if (search->ncaps < MAX_CAPS)
		search->caps[search->ncaps++] = name;
}

/* The power set of the legacy names, most significant first (_dl_important_hwcaps). */
static struct error *add_legacy(struct search *search, const struct cpu *cpu)
{
	const char *names[9];
	size_t n = 0;

	for (size_t i = 0; i < cpu->nlegacy; i++)
		names[n++] = cpu->legacy[i];
	names[n++] = "tls";
	for (unsigned int set = (1u << n) - 1; set; set--) {
		char text[256] = "";
		size_t len = 0;
		for (size_t i = n; i-- > 0;)
			if (set >> i & 1)
				len += (size_t)snprintf(text + len, sizeof(text) - len, "%s/",
							names[i]);
		char *name = arena_strdup(&search->arena, text);
		if (!name)
			return &error_no_memory;
		add_cap(search, name);
	}
	return NULL;
}

uint64_t search_hwcap_bits(const struct search *search)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} bits[] = {
		/* sysdeps/x86/dl-hwcap.h; platforms from bit 48 (_DL_FIRST_PLATFORM). */
		{ "x86_64", 1 },    { "avx512_1", 2 }, { "haswell", 48 },
		{ "xeon_phi", 49 }, { "tls", 63 },
	};
	uint64_t ret = 1ull << 63;

	for (size_t i = 0; i < search->ncaps; i++)
		for (size_t k = 0; k < sizeof(bits) / sizeof(bits[0]); k++)
			if (!strncmp(search->caps[i], bits[k].name, strlen(bits[k].name)) &&
			    !strcmp(search->caps[i] + strlen(bits[k].name), "/"))
				ret |= 1ull << bits[k].bit;
	return ret;
}

struct error *search_read_caps(struct search *search, int isa_level, bool legacy)
{
	struct cpu cpu = { .level = 1 };
	char text[64];

	if (search->machine->id == EM_X86_64)
		cpu = this_cpu();
	search->isa_level = isa_level >= 0 ? isa_level : cpu.level;
	search->platform = cpu.nlegacy ? cpu.legacy[cpu.nlegacy - 1] : search->machine->name;
	if (search->machine->id == EM_X86_64) {
		for (int level = search->isa_level; level >= 2; level--) {
			snprintf(text, sizeof(text), "glibc-hwcaps/x86-64-v%d/", level);
			char *name = arena_strdup(&search->arena, text);
			if (!name)
				return &error_no_memory;
			add_cap(search, name);
		}
	}
	return legacy ? add_legacy(search, &cpu) : NULL;
}
