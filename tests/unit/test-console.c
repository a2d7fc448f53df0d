/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes to standard error: messages, progress, and the end by SIGBUS. */
#include "tests/lib/unit.h"

#include <pty.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmds/console.h"
#include "cmds/sigbus.h"

static const uint64_t second = 1000000000;

/* Standard error goes elsewhere while something is tested. */
struct capture {
	int saved, master;
	FILE *file;
	char text[4096];
};

static void redirect(struct capture *c, int fd)
{
	fflush(stderr);
	c->saved = dup(STDERR_FILENO);
	assert_true(c->saved >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void capture_file(struct capture *c)
{
	*c = (struct capture) { .master = -1, .file = tmpfile() };
	assert_non_null(c->file);
	redirect(c, fileno(c->file));
}

static void capture_terminal(struct capture *c)
{
	struct winsize size = { .ws_row = 24, .ws_col = 60 };
	int slave;

	*c = (struct capture) { 0 };
	assert_int_equal(openpty(&c->master, &slave, NULL, NULL, &size), 0);
	redirect(c, slave);
	close(slave);
}

/* Ends the capture; what was written is in c->text. */
static void finish(struct capture *c)
{
	size_t len = 0;
	ssize_t n;

	fflush(stderr);
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	if (c->master >= 0) {
		/* The slave is closed: after all that was written comes an error. */
		while ((n = read(c->master, c->text + len, sizeof(c->text) - 1 - len)) > 0)
			len += (size_t)n;
		close(c->master);
	} else {
		n = pread(fileno(c->file), c->text, sizeof(c->text) - 1, 0);
		len = n > 0 ? (size_t)n : 0;
		fclose(c->file);
	}
	c->text[len] = '\0';
}

static void set_environment(const char *term, const char *ci, const char *no_color)
{
	setenv("TERM", term, 1);
	setenv("CI", ci, 1);
	setenv("NO_COLOR", no_color, 1);
}

static void all_levels(struct console *console)
{
	log_message(&console->log, LOG_DEBUG, "one");
	log_message(&console->log, LOG_INFO, "two");
	log_message(&console->log, LOG_WARNING, "three");
	log_message(&console->log, LOG_ERROR, "four");
}

static void levels(void **state)
{
	static const struct {
		struct options_common common;
		const char *expected;
	} cases[] = {
		{ { 0 }, "p: two\np: warning: three\np: error: four\n" },
		{ { .quiet = true }, "p: warning: three\np: error: four\n" },
		{ { .verbose = true },
		  "p: debug: one\np: two\np: warning: three\np: error: four\n" },
		{ { .quiet = true, .color = COLOR_ALWAYS },
		  "p: \033[33mwarning: \033[0mthree\np: \033[31merror: \033[0mfour\n" },
	};
	volatile sig_atomic_t stop = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct capture capture;
		struct console console;
		capture_file(&capture);
		console_init(&console, "p", &stop);
		console_configure(&console, &cases[i].common);
		all_levels(&console);
		console_deinit(&console);
		finish(&capture);
		assert_string_equal(capture.text, cases[i].expected);
		assert_int_equal(console.warnings, 1);
	}
}

/* Half of 1000 files after 5 seconds, without waiting for them. */
static void work(struct console *console, uint64_t total)
{
	log_progress(&console->log, "reading", "files", 0, total);
	console->started -= 5 * second;
	console->last -= 20 * second;
	log_progress(&console->log, "reading", "files", 500, total);
}

static void progress_in_file(void **state)
{
	struct options_common options = { 0 };
	volatile sig_atomic_t stop = 0;
	struct capture capture;
	struct console console;

	(void)state;
	set_environment("xterm", "", "");
	capture_file(&capture);
	console_init(&console, "p", &stop);
	work(&console, 1000);
	log_progress(&console.log, "reading", "files", 501, 1000); /* too soon */
	work(&console, 0); /* the same task goes on; how much there is is not known */
	console_deinit(&console);
	finish(&capture);
	char *second_line = strchr(capture.text, '\n') + 1;
	assert_non_null(strstr(capture.text, "p: reading: 50 %, 500 of 1000 files, "));
	assert_non_null(strstr(capture.text, " files/s, 5 s left\n"));
	assert_memory_equal(second_line, "p: reading: 500 files, ", 23);
	assert_null(strstr(second_line, "left"));
	assert_null(strchr(capture.text, '\r'));
	assert_string_equal(strchr(second_line, '\n'), "\n");

	for (int i = 0; i < 2; i++) {
		options.quiet = i == 0;
		options.no_progress = i == 1;
		capture_file(&capture);
		console_init(&console, "p", &stop);
		console_configure(&console, &options);
		work(&console, 1000);
		console_deinit(&console);
		finish(&capture);
		assert_string_equal(capture.text, "");
	}
}

static void progress_on_terminal(void **state)
{
	volatile sig_atomic_t stop = 0;
	struct capture capture;
	struct console console;

	(void)state;
	set_environment("xterm", "", "");
	capture_terminal(&capture);
	console_init(&console, "p", &stop);
	assert_true(console_has_color(&console, STDERR_FILENO));
	work(&console, 1000);
	log_message(&console.log, LOG_INFO, "found");
	console_deinit(&console);
	finish(&capture);
	/* Drawn, not wider than the terminal; taken away before the message. */
	assert_memory_equal(capture.text, "\rreading: 50 %, 500 of 1000 files, ", 35);
	char *end = strstr(capture.text, "\033[K");
	assert_non_null(end);
	assert_true(end - capture.text <= 60);
	assert_string_equal(end + 3, "\r\033[Kp: found\r\n");
}

static void no_terminal_features(void **state)
{
	static const char *const environments[][3] = {
		{ "dumb", "", "" },
		{ "xterm", "true", "" },
	};
	volatile sig_atomic_t stop = 0;
	struct capture capture;
	struct console console;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		set_environment(environments[i][0], environments[i][1], environments[i][2]);
		capture_terminal(&capture);
		console_init(&console, "p", &stop);
		bool color = console_has_color(&console, STDERR_FILENO);
		work(&console, 1000);
		console_deinit(&console);
		finish(&capture);
		assert_false(color);
		assert_null(strchr(capture.text, '\033'));
		assert_non_null(strstr(capture.text, "p: reading: 50 %"));
	}
	set_environment("xterm", "", "1");
	capture_terminal(&capture);
	console_init(&console, "p", &stop);
	bool color = console_has_color(&console, STDERR_FILENO);
	finish(&capture);
	console_deinit(&console);
	assert_false(color);
}

static void stopping(void **state)
{
	volatile sig_atomic_t stop = 0;
	struct console console;

	(void)state;
	console_init(&console, "p", &stop);
	assert_ok(log_check_stop(&console.log));
	stop = 1;
	assert_ptr_equal(log_check_stop(&console.log), &error_stop);
	console_deinit(&console);
}

/* A file that is cut off while it is mapped: a message and exit code 1. */
static void truncated_mapping(void **state)
{
	char path[] = "/tmp/test-sigbus-XXXXXX", expected[256], text[512] = "";
	int fds[2];

	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	if (!child) {
		dup2(fds[1], STDERR_FILENO);
		volatile char *data = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
		sigbus_install();
		if (ftruncate(fd, 0))
			_exit(9);
		_exit(data[4096] ? 7 : 8);
	}
	close(fds[1]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	close(fds[0]);
	close(fd);
	unlink(path);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	snprintf(expected, sizeof(expected),
		 "\nuniscope: error: '%s' became shorter, or cannot be read, while it was being "
		 "read\n",
		 path);
	assert_string_equal(text, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(progress_in_file),
		cmocka_unit_test(progress_on_terminal),
		cmocka_unit_test(no_terminal_features),
		cmocka_unit_test(stopping),
		cmocka_unit_test(truncated_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
