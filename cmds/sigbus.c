/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/sigbus.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Only async-signal-safe calls from here on (signal-safety(7)). */

struct line {
	char text[512];
	size_t len;
};

static void say(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, text, len);
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static uint64_t parse_hex(const char **p)
{
	uint64_t value = 0;

	for (;; (*p)++) {
		char c = **p;
		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return value;
	}
}

/* The path in a line of /proc/PID/maps if the line covers the address, else NULL. */
static char *match(struct line *line, uint64_t address)
{
	const char *p = line->text;
	uint64_t start = parse_hex(&p);

	if (*p != '-')
		return NULL;
	p++;
	uint64_t end = parse_hex(&p);
	if (address < start || address >= end)
		return NULL;
	return strchr(line->text, '/');
}

/* Finds the file that is mapped at an address. */
static bool find_file(uint64_t address, struct line *line, char **ret)
{
	char block[1024];
	ssize_t n;

	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	line->len = 0;
	while ((n = read(fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] != '\n') {
				if (line->len < sizeof(line->text) - 1)
					line->text[line->len++] = block[i];
				continue;
			}
			line->text[line->len] = '\0';
			line->len = 0;
			*ret = match(line, address);
			if (*ret) {
				close(fd);
				return true;
			}
		}
	}
	close(fd);
	return false;
}

static void report(int signum, siginfo_t *info, void *context)
{
	static const char before[] = "\nuniscope: error: '";
	static const char after[] =
		"' became shorter, or cannot be read, while it was being read\n";
	static const char unknown[] = "(unknown file)";
	struct line line;
	char *path = NULL;

	(void)signum, (void)context;
	bool found = find_file((uint64_t)(uintptr_t)info->si_addr, &line, &path);
	say(before, sizeof(before) - 1);
	if (found) {
		for (char *c = path; *c; c++) {
			if (*c < ' ' || *c > '~')
				*c = '?';
		}
		say(path, strlen(path));
	} else {
		say(unknown, sizeof(unknown) - 1);
	}
	say(after, sizeof(after) - 1);
	_exit(1);
}

void sigbus_install(void)
{
	struct sigaction action = {
		.sa_sigaction = report,
		.sa_flags = (int)(SA_SIGINFO | SA_RESETHAND),
	};

	sigaction(SIGBUS, &action, NULL);
}
