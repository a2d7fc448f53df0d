/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/console.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_COLUMNS = 80, MAX_COLUMNS = 240 };
static const uint64_t second = 1000000000;
static const uint64_t redraw_after = 100000000; /* ns, on a terminal */
static const uint64_t line_after = 10;		/* s, elsewhere */

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * second + (uint64_t)ts.tv_nsec;
}

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

static bool is_dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !*term || !strcmp(term, "dumb");
}

static unsigned int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20)
		return DEFAULT_COLUMNS;
	return size.ws_col > MAX_COLUMNS ? MAX_COLUMNS : size.ws_col;
}

static void clear_locked(struct console *console)
{
	if (console->drawn)
		fputs("\r\033[K", stderr);
	console->drawn = false;
}

static void show_message(struct log *log, enum log_level level, const char *text)
{
	static const struct {
		const char *label, *color;
	} levels[] = {
		[LOG_DEBUG] = { "debug: ", "\033[2m" },
		[LOG_INFO] = { "", "" },
		[LOG_WARNING] = { "warning: ", "\033[33m" },
		[LOG_ERROR] = { "error: ", "\033[31m" },
	};
	struct console *console = (struct console *)log;

	pthread_mutex_lock(&console->lock);
	if (level == LOG_WARNING)
		console->warnings++;
	if ((level > LOG_DEBUG || console->verbose) && (level > LOG_INFO || !console->quiet)) {
		bool color = console_has_color(console, STDERR_FILENO) && *levels[level].label;
		clear_locked(console);
		fprintf(stderr, "%s: %s%s%s%s\n", console->program,
			color ? levels[level].color : "", levels[level].label,
			color ? "\033[0m" : "", text);
	}
	pthread_mutex_unlock(&console->lock);
}

/* "2 m 05 s" of a number of seconds. */
static void format_duration(char *dst, size_t size, uint64_t s)
{
	if (s < 60)
		snprintf(dst, size, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(dst, size, "%" PRIu64 " m %02" PRIu64 " s", s / 60, s % 60);
	else
		snprintf(dst, size, "%" PRIu64 " h %02" PRIu64 " m", s / 3600, s / 60 % 60);
}

/* "resolving: 42 %, 120 of 285 files, 310 files/s, 1 s left" */
static void format_progress(const struct console *console, const char *unit, uint64_t done,
			    uint64_t total, uint64_t at, char *dst, size_t size)
{
	double elapsed = (double)(at - console->started) / (double)second;
	double rate = elapsed > 0 ? (double)(done - console->first) / elapsed : 0;
	char share[64] = "", left[64] = "", duration[32];

	if (total && done <= total) {
		snprintf(share, sizeof(share), "%.0f %%, %" PRIu64 " of ",
			 100.0 * (double)done / (double)total, done);
		if (rate > 0) {
			format_duration(duration, sizeof(duration),
					(uint64_t)((double)(total - done) / rate + 0.5));
			snprintf(left, sizeof(left), ", %s left", duration);
		}
		done = total;
	}
	snprintf(dst, size, "%s: %s%" PRIu64 " %s, %.0f %s/s%s", console->what, share, done, unit,
		 rate, unit, left);
}

static void show_progress(struct log *log, const char *what, const char *unit, uint64_t done,
			  uint64_t total)
{
	struct console *console = (struct console *)log;
	char text[256];

	if (!console->progress)
		return;
	uint64_t at = now();
	uint64_t wait = console->terminal ? redraw_after : line_after * second;
	pthread_mutex_lock(&console->lock);
	if (strncmp(console->what, what, sizeof(console->what) - 1)) {
		snprintf(console->what, sizeof(console->what), "%s", what);
		console->started = console->last = at;
		console->first = done;
	}
	if (done < console->first)
		console->first = done;
	if (at - console->last >= wait) {
		console->last = at;
		format_progress(console, unit, done, total, at, text, sizeof(text));
		if (console->terminal) {
			fprintf(stderr, "\r%.*s\033[K", (int)columns() - 1, text);
			fflush(stderr);
			console->drawn = true;
		} else {
			fprintf(stderr, "%s: %s\n", console->program, text);
		}
	}
	if (total && done >= total)
		clear_locked(console);
	pthread_mutex_unlock(&console->lock);
}

static bool is_stopped(struct log *log)
{
	return *((struct console *)log)->stop;
}

void console_init(struct console *console, const char *program, const volatile sig_atomic_t *stop)
{
	*console = (struct console) {
		.log = {
			.message = show_message,
			.progress = show_progress,
			.stopped = is_stopped,
		},
		.program = program,
		.stop = stop,
		.progress = true,
		.terminal = isatty(STDERR_FILENO) && !is_dumb() && !is_set("CI"),
	};
	pthread_mutex_init(&console->lock, NULL);
}

void console_deinit(struct console *console)
{
	console_clear(console);
	pthread_mutex_destroy(&console->lock);
}

void console_configure(struct console *console, const struct options_common *common)
{
	console->quiet = common->quiet;
	console->verbose = common->verbose;
	console->progress = !common->quiet && !common->no_progress;
	console->color = common->color;
}

void console_clear(struct console *console)
{
	pthread_mutex_lock(&console->lock);
	clear_locked(console);
	fflush(stderr);
	pthread_mutex_unlock(&console->lock);
}

bool console_has_color(const struct console *console, int fd)
{
	if (console->color != COLOR_AUTO)
		return console->color == COLOR_ALWAYS;
	return isatty(fd) && !is_set("NO_COLOR") && !is_dumb() && !is_set("CI");
}
