/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout is the work of Graphviz' dot, as a process: nodes go in as boxes
 * of a size, without names, and positions come out as "plain" text
 * (https://graphviz.org/docs/outputs/plain/). No shell; its messages are not
 * shown; it is killed when it takes too long.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "reports/picture.h"

enum {
	POLL_MILLISECONDS = 100,
	MAX_ANSWER = 256 * 1024 * 1024,
	MAX_POINTS = 100000, /* of one edge */
};

struct child {
	pid_t pid; /* 0: none, or already waited for */
	int input, output;
};

/* Whatever happens, no process is left behind. */
static void child_cleanup(struct child *child)
{
	if (child->input >= 0)
		close(child->input);
	if (child->output >= 0)
		close(child->output);
	if (!child->pid)
		return;
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* --- The question --- */

/* Not "%.3f": the decimal point must not depend on the locale. */
static const char *inches(double points, char *dst, size_t size)
{
	unsigned int thousandths = (unsigned int)(points / 72 * 1000);

	snprintf(dst, size, "%u.%03u", thousandths / 1000, thousandths % 1000);
	return dst;
}

static void write_question(const struct picture *p, struct buf *b)
{
	char width[32], height[32];

	buf_adds(b, "digraph g {\n"
		    "graph [rankdir=LR, nodesep=0.12, ranksep=0.7, nslimit=2, nslimit1=2,"
		    " mclimit=0.5];\n"
		    "node [shape=box, fixedsize=true, label=\"\"];\n"
		    "edge [arrowsize=0.5];\n");
	for (size_t i = 0; i < p->n_nodes; i++)
		buf_addf(b, "n%zu [width=%s, height=%s];\n", i,
			 inches(p->nodes[i].width, width, sizeof(width)),
			 inches(p->nodes[i].height, height, sizeof(height)));
	for (size_t i = 0; i < p->n_edges; i++)
		if (!p->edges[i].implied)
			buf_addf(b, "n%u -> n%u;\n", p->edges[i].from, p->edges[i].to);
	buf_adds(b, "}\n");
}

/* --- The process --- */

static struct error *spawn(const char *program, int input, int output, pid_t *ret)
{
	char *argv[] = { (char *)"dot", (char *)"-Tplain", NULL };
	posix_spawn_file_actions_t actions;

	if (posix_spawn_file_actions_init(&actions))
		return &error_no_memory;
	posix_spawn_file_actions_adddup2(&actions, input, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	int rc = posix_spawnp(ret, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == ENOENT)
		return error_create(ERROR_NOT_FOUND,
				    "cannot lay out the graph: '%s' is not installed (Debian"
				    " package: graphviz)",
				    program);
	return rc ? error_os(rc, "cannot run '%s'", program) : NULL;
}

static struct error *start(const char *program, struct child *child)
{
	int pair[2], pipes[2];

	/* A socket: writing to a process that has gone is an error, not a signal. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return error_os(errno, "cannot make a socket");
	child->input = pair[0];
	_cleanup_close_ int their_input = pair[1];
	if (pipe2(pipes, O_CLOEXEC))
		return error_os(errno, "cannot make a pipe");
	child->output = pipes[0];
	_cleanup_close_ int their_output = pipes[1];
	return spawn(program, their_input, their_output, &child->pid);
}

/* Sends what the socket takes; closes it at the end. */
static void feed(struct child *child, const struct buf *question, size_t *sent)
{
	ssize_t n = send(child->input, question->data + *sent, question->len - *sent,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		*sent += (size_t)n;
	bool gone = n < 0 && errno != EAGAIN && errno != EINTR;
	if (gone || *sent == question->len) {
		close(child->input);
		child->input = -1;
	}
}

/* Reads what there is; sets 'end' at the end. */
static struct error *drink(struct child *child, struct buf *answer, bool *end)
{
	if (!buf_reserve(answer, 65536))
		return &error_no_memory;
	ssize_t n = read(child->output, answer->data + answer->len, 65536);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return error_os(errno, "cannot read from the layout program");
	if (n > 0)
		answer->len += (size_t)n;
	answer->data[answer->len] = '\0';
	*end = n == 0;
	if (answer->len > MAX_ANSWER)
		return error_create(ERROR_UNSUPPORTED, "the layout program answers without end");
	return NULL;
}

static double seconds_since(const struct timespec *began)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

static struct error *converse(const struct picture *p, struct log *log, unsigned int limit,
			      struct child *child, const struct buf *question, struct buf *answer)
{
	struct error *err = NULL;
	struct timespec began;
	size_t sent = 0;

	clock_gettime(CLOCK_MONOTONIC, &began);
	for (bool end = false; !err && !end;) {
		struct pollfd fds[2] = { { .fd = child->output, .events = POLLIN },
					 { .fd = child->input, .events = POLLOUT } };
		if (poll(fds, 2, POLL_MILLISECONDS) < 0 && errno != EINTR)
			return error_os(errno, "cannot wait for the layout program");
		if (child->input >= 0 && fds[1].revents)
			feed(child, question, &sent);
		if (fds[0].revents)
			err = drink(child, answer, &end);
		if (!err)
			err = log_check_stop(log);
		if (!err && !end && seconds_since(&began) > limit)
			return error_create(ERROR_UNSUPPORTED,
					    "cannot lay out the graph: %zu nodes and %zu edges"
					    " take more than %u s; collapse it",
					    p->n_nodes, p->n_edges, limit);
		log_progress(log, "laying out the graph", "nodes", 0, p->n_nodes);
	}
	return err;
}

static struct error *finish(struct child *child)
{
	int status = 0;
	pid_t pid;

	do {
		pid = waitpid(child->pid, &status, 0);
	} while (pid < 0 && errno == EINTR);
	child->pid = 0;
	if (pid < 0 || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return NULL;
	if (WIFEXITED(status))
		return error_create(ERROR_UNSUPPORTED,
				    "cannot lay out the graph: dot ended with status %d",
				    WEXITSTATUS(status));
	return error_create(ERROR_UNSUPPORTED, "cannot lay out the graph: dot died by signal %d",
			    WTERMSIG(status));
}

/* --- The answer --- */

struct parser {
	struct picture *p;
	const char *at;
	uint32_t *first; /* edges by 'from': index into 'by_from' */
	uint32_t *by_from;
	size_t placed, drawn;
};

/* Not strtod(): the decimal point of dot does not depend on the locale. */
static bool read_number(struct parser *x, double *ret)
{
	const char *s = x->at + strspn(x->at, " ");
	bool negative = *s == '-';
	double value = 0, unit = 1;

	s += negative;
	const char *digits = s;
	for (; *s >= '0' && *s <= '9' && value < 1e7; s++)
		value = value * 10 + (*s - '0');
	if (s == digits || value >= 1e7)
		return false;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			value += (*s - '0') * (unit /= 10);
	if (*s == 'e') {
		/* Only tiny numbers are written like this: 1e-05. */
		if (s[1] != '-')
			return false;
		value = 0;
		s += strcspn(s, " \n");
	}
	if (*s && *s != ' ' && *s != '\n')
		return false;
	x->at = s;
	*ret = negative ? -value : value;
	return true;
}

static bool read_node_name(struct parser *x, uint32_t *ret)
{
	char *end;

	while (*x->at == ' ')
		x->at++;
	if (x->at[0] != 'n' || x->at[1] < '0' || x->at[1] > '9')
		return false;
	unsigned long value = strtoul(x->at + 1, &end, 10);
	if (value >= x->p->n_nodes)
		return false;
	x->at = end;
	*ret = (uint32_t)value;
	return true;
}

static bool read_point(struct parser *x, struct picture_point *ret)
{
	double px, py;

	if (!read_number(x, &px) || !read_number(x, &py))
		return false;
	*ret = (struct picture_point) { .x = px * 72, .y = x->p->height - py * 72 };
	return true;
}

static bool read_graph(struct parser *x)
{
	double scale, width, height;

	if (!read_number(x, &scale) || !read_number(x, &width) || !read_number(x, &height) ||
	    width < 0 || height < 0)
		return false;
	x->p->width = width * 72;
	x->p->height = height * 72;
	return true;
}

static bool read_node(struct parser *x)
{
	uint32_t node;

	if (!read_node_name(x, &node) || !read_point(x, &x->p->nodes[node].at))
		return false;
	x->placed++;
	return true;
}

static struct picture_edge *find_edge(struct parser *x, uint32_t from, uint32_t to)
{
	for (uint32_t i = x->first[from]; i < x->first[from + 1]; i++) {
		struct picture_edge *e = &x->p->edges[x->by_from[i]];
		if (e->to == to)
			return e;
	}
	return NULL;
}

static bool read_edge(struct parser *x)
{
	uint32_t from, to;
	double count;

	if (!read_node_name(x, &from) || !read_node_name(x, &to) || !read_number(x, &count) ||
	    count < 2 || count > MAX_POINTS)
		return false;
	struct picture_edge *e = find_edge(x, from, to);
	size_t n = (size_t)count;
	struct picture_point *points = arena_alloc(&x->p->arena, n * sizeof(*points));
	if (!e || !points)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!read_point(x, &points[i]))
			return false;
	e->points = points;
	e->n_points = n;
	x->drawn++;
	return true;
}

static bool read_line(struct parser *x)
{
	static const struct {
		const char *word;
		bool (*read)(struct parser *x);
	} kinds[] = { { "graph ", read_graph }, { "node ", read_node }, { "edge ", read_edge } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].word);
		if (!strncmp(x->at, kinds[i].word, len)) {
			x->at += len;
			return kinds[i].read(x);
		}
	}
	return !strncmp(x->at, "stop", 4);
}

static size_t count_laid_out(const struct picture *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_edges; i++)
		n += !p->edges[i].implied;
	return n;
}

static struct error *read_answer(struct picture *p, const struct buf *answer)
{
	struct error *err = NULL;
	_cleanup_free_ uint32_t *first = calloc(p->n_nodes + 2, sizeof(*first));
	_cleanup_free_ uint32_t *by_from = calloc(p->n_edges + 1, sizeof(*by_from));
	struct parser x = {
		.p = p, .at = answer->data ? answer->data : "", .first = first, .by_from = by_from
	};

	if (!first || !by_from)
		return &error_no_memory;
	picture_group_edges(p, first, by_from);
	while (!err && *x.at) {
		if (!read_line(&x))
			err = error_create(ERROR_UNSUPPORTED,
					   "cannot lay out the graph: dot's answer is not"
					   " understood");
		x.at += strcspn(x.at, "\n");
		x.at += *x.at == '\n';
	}
	if (!err && (x.placed != p->n_nodes || x.drawn != count_laid_out(p)))
		err = error_create(ERROR_UNSUPPORTED,
				   "cannot lay out the graph: dot placed %zu of %zu nodes",
				   x.placed, p->n_nodes);
	return err;
}

struct error *picture_layout(struct picture *p, const struct report_options *options,
			     unsigned int seconds)
{
	__attribute__((cleanup(child_cleanup))) struct child child = { .input = -1, .output = -1 };
	_cleanup_buf_ struct buf question = { 0 }, answer = { 0 };
	struct error *err;

	write_question(p, &question);
	err = buf_error(&question);
	if (!err)
		err = start(options->dot ? options->dot : "dot", &child);
	if (!err)
		err = converse(p, options->log, seconds, &child, &question, &answer);
	if (!err)
		err = finish(&child);
	if (!err)
		err = read_answer(p, &answer);
	if (!err)
		p->placed = true;
	return err;
}
