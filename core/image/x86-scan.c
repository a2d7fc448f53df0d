/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/image/x86-scan.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
	CHUNK = 128 << 10,     /* compared with all targets while it is in the cache */
	DROP_EVERY = 16 << 20, /* bytes after which pages are given back: most files are smaller */
	GROUP = 4,	       /* targets per pass: what fits the registers */
};

/* One comparison: the four bytes plus 'position' (0 or that of their end) in [low, low + span). */
struct want {
	uint32_t low, span;
};

struct scan {
	const struct image *image;
	const uint64_t *targets;
	size_t ntargets;
	unsigned int flags;
	struct error *(*fn)(const struct x86_scan_hit *hit, void *arg);
	void *arg;
};

/* What a pass looks at: bytes that lie at 'address' and have three more behind them. */
struct chunk {
	const unsigned char *data;
	size_t size; /* positions */
	uint64_t address;
};

static struct error *hit(const struct scan *s, const struct chunk *c, size_t position)
{
	struct x86_scan_hit hit = { .address = c->address + position };
	int32_t value;

	memcpy(&value, c->data + position, sizeof(value));
	uint64_t relative = hit.address + 4 + value;
	size_t step = s->flags & X86_SCAN_RANGE ? 2 : 1;
	for (size_t i = 0; i < s->ntargets; i += step) {
		uint64_t low = s->targets[i], span = step == 2 ? s->targets[i + 1] - low : 1;
		bool absolute = s->flags & X86_SCAN_ABSOLUTE && (uint32_t)value == low;
		if (relative - low >= span && !absolute)
			continue;
		hit.target = absolute ? low : relative;
		return s->fn(&hit, s->arg);
	}
	return NULL;
}

static struct error *pass_portable(const struct scan *s, const struct chunk *c, size_t from,
				   const struct want *want, size_t n, bool relative)
{
	struct error *err;

	for (size_t i = from; i < c->size; i++) {
		uint32_t value;
		memcpy(&value, c->data + i, sizeof(value));
		if (relative)
			value += (uint32_t)(c->address + i + 4);
		for (size_t t = 0; t < n; t++) {
			if (value - want[t].low >= want[t].span)
				continue;
			if ((err = hit(s, c, i)))
				return err;
			break;
		}
	}
	return NULL;
}

#if defined(__x86_64__)

#define AVX2	    __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 __attribute__((always_inline)) inline

/*
 * The upper two bytes of a distance to one target are the same for 2^16 positions
 * in a row, so two comparisons of bytes tell whether any of 32 positions may be
 * a hit; one in thousands is, and is looked at again. Positions [from, to) of the
 * chunk, all of them with the same upper half.
 */
AVX2 static struct error *pass_halves(const struct scan *s, const struct chunk *c, size_t from,
				      size_t to, uint32_t value, const struct want *want,
				      bool relative)
{
	const __m256i low = _mm256_set1_epi8((char)(value >> 16));
	const __m256i high = _mm256_set1_epi8((char)(value >> 24));
	size_t i = from;
	struct error *err;

	for (; i + 64 <= to; i += 64) {
		const unsigned char *p = c->data + i;
		__m256i a = _mm256_and_si256(
			_mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(p + 2)), low),
			_mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(p + 3)), high));
		__m256i b = _mm256_and_si256(
			_mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(p + 34)), low),
			_mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(p + 35)), high));
		__m256i any = _mm256_or_si256(a, b);
		if (__builtin_expect(_mm256_testz_si256(any, any), 1))
			continue;
		uint64_t mask = (uint32_t)_mm256_movemask_epi8(a) |
				(uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
		for (; mask; mask &= mask - 1) {
			size_t at = i + __builtin_ctzll(mask);
			uint32_t found;
			memcpy(&found, c->data + at, sizeof(found));
			if (relative)
				found += (uint32_t)(c->address + at + 4);
			if (found == want->low && (err = hit(s, c, at)))
				return err;
		}
	}
	struct chunk rest = { .data = c->data, .size = to, .address = c->address };
	return pass_portable(s, &rest, i, want, 1, relative);
}

/* One target. */
AVX2 static struct error *pass_single(const struct scan *s, const struct chunk *c,
				      const struct want *want, bool relative)
{
	struct error *err;

	for (size_t i = 0; i < c->size;) {
		uint32_t value = want->low - (relative ? (uint32_t)(c->address + i + 4) : 0);
		/* Distances shrink by one with each position. */
		size_t same = relative ? (value & 0xffff) + 1u : c->size - i;
		size_t to = same < c->size - i ? i + same : c->size;
		if ((err = pass_halves(s, c, i, to, value, want, relative)))
			return err;
		i = to;
	}
	return NULL;
}

/*
 * Ranges: 32 positions at a time, four loads, each one byte further, of eight
 * values. It is the wanted values that move with the position, so that a load is
 * compared directly.
 */
struct wants {
	__m256i low[GROUP][4], last[GROUP];
};

static AVX2_INLINE void wants_init(struct wants *w, const struct chunk *c, const struct want *want,
				   size_t n, bool relative)
{
	const __m256i lanes = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);

	for (size_t t = 0; t < n; t++) {
		for (unsigned int k = 0; k < 4; k++) {
			uint32_t end = (uint32_t)c->address + k + 4;
			w->low[t][k] = _mm256_set1_epi32(want[t].low - (relative ? end : 0));
			if (relative)
				w->low[t][k] = _mm256_sub_epi32(w->low[t][k], lanes);
		}
		w->last[t] = _mm256_set1_epi32(want[t].span - 1);
	}
}

static AVX2_INLINE __m256i compare(__m256i value, const struct wants *w, size_t t, unsigned int k)
{
	__m256i d = _mm256_sub_epi32(value, w->low[t][k]);
	return _mm256_cmpeq_epi32(_mm256_min_epu32(d, w->last[t]), d);
}

/* The rare case: which of the 32 positions it is, is found again one by one. */
static struct error *pass_ranges_hit(const struct scan *s, const struct chunk *c, size_t from,
				     const struct want *want, size_t n, bool relative)
{
	struct chunk part = { .data = c->data + from, .size = 32, .address = c->address + from };
	return pass_portable(s, &part, 0, want, n, relative);
}

AVX2 static struct error *pass_ranges(const struct scan *s, const struct chunk *c,
				      const struct want *want, size_t n, bool relative)
{
	const __m256i step = _mm256_set1_epi32(32);
	struct error *err;
	struct wants w;
	size_t i = 0;

	wants_init(&w, c, want, n, relative);
	for (; i + 32 <= c->size; i += 32) {
		__m256i any = _mm256_setzero_si256();
#pragma GCC unroll 4
		for (unsigned int k = 0; k < 4; k++) {
			__m256i v = _mm256_loadu_si256((const __m256i *)(c->data + i + k));
#pragma GCC unroll 4
			for (size_t t = 0; t < n; t++) {
				any = _mm256_or_si256(any, compare(v, &w, t, k));
				if (relative)
					w.low[t][k] = _mm256_sub_epi32(w.low[t][k], step);
			}
		}
		if (__builtin_expect(_mm256_testz_si256(any, any), 1))
			continue;
		if ((err = pass_ranges_hit(s, c, i, want, n, relative)))
			return err;
	}
	return pass_portable(s, c, i, want, n, relative);
}

AVX2 static struct error *pass_avx2(const struct scan *s, const struct chunk *c,
				    const struct want *want, size_t n, bool relative)
{
	struct error *err;

	if (s->flags & X86_SCAN_RANGE)
		return pass_ranges(s, c, want, n, relative);
	for (size_t i = 0; i < n; i++) {
		bool again = false; /* a position is one hit */
		for (size_t k = 0; k < i; k++)
			again |= want[k].low == want[i].low;
		if (!again && (err = pass_single(s, c, &want[i], relative)))
			return err;
	}
	return NULL;
}

#endif

static struct error *scan_pass(const struct scan *s, const struct chunk *c, const struct want *want,
			       size_t n, bool relative)
{
#if defined(__x86_64__)
	if (!(s->flags & X86_SCAN_PORTABLE) && __builtin_cpu_supports("avx2"))
		return pass_avx2(s, c, want, n, relative);
#endif
	return pass_portable(s, c, 0, want, n, relative);
}

static struct error *scan_chunk(const struct scan *s, const struct chunk *c)
{
	size_t step = s->flags & X86_SCAN_RANGE ? 2 : 1;
	struct error *err;

	for (size_t i = 0; i + step <= s->ntargets;) {
		struct want want[GROUP];
		size_t n = 0;
		for (; n < GROUP && i + step <= s->ntargets; i += step, n++) {
			uint64_t span = step == 2 ? s->targets[i + 1] - s->targets[i] : 1;
			if (span > UINT32_MAX)
				span = 0; /* no code is that large: nothing is in it */
			want[n] = (struct want) { .low = s->targets[i], .span = span };
		}
		if ((err = scan_pass(s, c, want, n, true)))
			return err;
		if (s->flags & X86_SCAN_ABSOLUTE && (err = scan_pass(s, c, want, n, false)))
			return err;
	}
	return NULL;
}

static struct error *scan_segment(const struct scan *s, const Elf64_Phdr *phdr)
{
	const unsigned char *data = image_at(s->image, phdr->p_vaddr, phdr->p_filesz);
	size_t since = 0;
	struct error *err;

	if (!data || phdr->p_filesz < 4)
		return NULL;
	for (size_t done = 0; done + 4 <= phdr->p_filesz;) {
		/* The last three positions of a segment hold no four bytes. */
		size_t left = phdr->p_filesz - 3 - done, size = left < CHUNK ? left : CHUNK;
		struct chunk c = { .data = data + done,
				   .size = size,
				   .address = phdr->p_vaddr + done };
		if ((err = scan_chunk(s, &c)))
			return err;
		done += size;
		since += size;
		if (since >= DROP_EVERY) {
			image_drop_pages(s->image);
			since = 0;
		}
	}
	return NULL;
}

struct error *x86_scan(const struct image *image, const uint64_t *targets, size_t ntargets,
		       unsigned int flags,
		       struct error *(*fn)(const struct x86_scan_hit *hit, void *arg), void *arg)
{
	struct scan s = { .image = image,
			  .targets = targets,
			  .ntargets = ntargets,
			  .flags = flags,
			  .fn = fn,
			  .arg = arg };
	struct error *err;

	for (size_t i = 0; ntargets && i < image->nphdrs; i++) {
		const Elf64_Phdr *phdr = &image->phdrs[i];
		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X))
			continue;
		if ((err = scan_segment(&s, phdr)))
			return err;
	}
	return NULL;
}
