/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/text.h"

#include <stdio.h>
#include <string.h>

unsigned int text_utf8(const char *src, size_t len, unsigned int *ret)
{
	const unsigned char *p = (const unsigned char *)src;
	unsigned int n, c, min;

	if (!len)
		return 0;
	if (p[0] < 0x80) {
		n = 1, c = p[0], min = 0;
	} else if ((p[0] & 0xe0) == 0xc0) {
		n = 2, c = p[0] & 0x1f, min = 0x80;
	} else if ((p[0] & 0xf0) == 0xe0) {
		n = 3, c = p[0] & 0x0f, min = 0x800;
	} else if ((p[0] & 0xf8) == 0xf0) {
		n = 4, c = p[0] & 0x07, min = 0x10000;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (unsigned int i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (ret)
		*ret = c;
	return n;
}

bool text_is_printable(unsigned int c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	/* Line separators and the controls that reorder text (UAX #9). */
	if (c == 0x2028 || c == 0x2029 || c == 0x200e || c == 0x200f || c == 0x061c)
		return false;
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return false;
	return c != 0xfeff && c != 0xfffe && c != 0xffff;
}

size_t text_escape(char *dst, size_t size, const char *src, size_t len)
{
	size_t out = 0;

	while (len) {
		unsigned int c, n = text_utf8(src, len, &c);
		if (n && text_is_printable(c)) {
			if (out + n >= size)
				break;
			memcpy(dst + out, src, n);
			out += n;
		} else {
			n = 1;
			if (out + 4 >= size)
				break;
			snprintf(dst + out, 5, "\\x%02x", (unsigned char)*src);
			out += 4;
		}
		src += n;
		len -= n;
	}
	dst[out] = '\0';
	return out;
}

char *text_bytes(char *dst, size_t size, unsigned long long bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(dst, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return dst;
}
