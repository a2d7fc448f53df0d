/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/output.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"

static void start(struct command_context *ctx, struct output *ret, int fd, const char *name)
{
	out_init_fd(&ret->out, fd, name);
	ret->open = true;
	ret->fd = fd;
	ret->terminal = isatty(fd);
	ret->color = console_has_color(ctx->console, fd);
	if (ret->terminal)
		console_clear(ctx->console);
}

void output_open_stdout(struct command_context *ctx, struct output *ret)
{
	*ret = (struct output) { 0 };
	start(ctx, ret, STDOUT_FILENO, "standard output");
}

/* A new file beside the final one, so that renaming it is atomic. */
static struct error *open_temporary(const char *final, char **ret_name, int *ret_fd)
{
	_cleanup_buf_ struct buf name = { 0 };
	_cleanup_free_ char *text = NULL;

	buf_adds(&name, final);
	buf_adds(&name, ".XXXXXX");
	struct error *err = buf_take(&name, &text);
	if (err)
		return err;
	int fd = mkostemp(text, O_CLOEXEC);
	if (fd < 0)
		return error_os(errno, "cannot create '%s'", final);
	/* mkostemp makes it private; give it what open() would have given. */
	mode_t mask = umask(0);
	umask(mask);
	if (fchmod(fd, 0666 & ~mask)) {
		err = error_os(errno, "cannot set the mode of '%s'", text);
		unlink(text);
		close(fd);
		return err;
	}
	*ret_name = cleanup_release(&text);
	*ret_fd = fd;
	return NULL;
}

struct error *output_open(struct command_context *ctx, const struct output_request *request,
			  struct output *ret)
{
	struct output made = { 0 };
	struct stat st;
	int fd = -1;

	if (!request->file) {
		output_open_stdout(ctx, ret);
		return NULL;
	}
	if (!stat(request->file, &st) && !S_ISREG(st.st_mode)) {
		/* A pipe or a device: there is nothing to rename over. */
		fd = open(request->file, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return error_os(errno, "cannot open '%s' for writing", request->file);
	} else {
		/* Written where a symbolic link leads, as open() would do. */
		made.final = realpath(request->file, NULL);
		if (!made.final)
			made.final = strdup(request->file);
		if (!made.final)
			return &error_no_memory;
		struct error *err = open_temporary(made.final, &made.temporary, &fd);
		if (err) {
			free(made.final);
			return err;
		}
	}
	*ret = made;
	start(ctx, ret, fd, request->file);
	return NULL;
}

/* The folder that a file of this name is in, or is to be made in. */
static bool stat_folder(const char *path, struct stat *st)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;

	return !stat(slash ? folder ? folder : "" : ".", st);
}

bool output_is_same(const char *a, const char *b)
{
	const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
	struct stat st_a, st_b;

	if (!strcmp(a, b))
		return true;
	bool there_a = !stat(a, &st_a), there_b = !stat(b, &st_b);
	if (there_a != there_b || (there_a && !S_ISREG(st_a.st_mode)))
		return false;
	if (!there_a && (strcmp(slash_a ? slash_a + 1 : a, slash_b ? slash_b + 1 : b) != 0 ||
			 !stat_folder(a, &st_a) || !stat_folder(b, &st_b)))
		return false;
	return st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

unsigned int output_width(const struct output *output)
{
	struct winsize size;

	return output->terminal && !ioctl(output->fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

bool output_takes_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

struct error *output_finish(struct output *output)
{
	struct error *err = out_finish(&output->out);

	if (err)
		return err;
	if (output->fd == STDOUT_FILENO)
		return NULL;
	int closed = close(output->fd);
	output->fd = -1;
	if (closed)
		return error_os(errno, "cannot write '%s'", output->out.name);
	if (output->temporary && rename(output->temporary, output->final))
		return error_os(errno, "cannot rename '%s' to '%s'", output->temporary,
				output->final);
	free(output->temporary);
	output->temporary = NULL;
	return NULL;
}

void output_deinit(struct output *output)
{
	if (!output->open)
		return;
	if (output->temporary)
		unlink(output->temporary);
	if (output->fd > STDERR_FILENO)
		close(output->fd);
	free(output->temporary);
	free(output->final);
	out_deinit(&output->out);
	*output = (struct output) { 0 };
}
