/* SPDX-License-Identifier: BSD-2-Clause */
/* The graph of a run, and distances in it. */
#include "analyze/why.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/why-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/* An edge while it is read: indexes, because nodes still move. */
struct raw_edge {
	uint32_t from, to;
	struct why_edge edge;
};

struct loader {
	struct why *why;
	struct raw_edge *edges;
	size_t n, cap;
};

const char *why_when_name(enum why_when when)
{
	static const char *const names[] = { "start", "dlopen", "maybe" };

	return names[when];
}

enum why_when why_kind_when(enum dep_edge_kind kind)
{
	switch (kind) {
	case DEP_DLOPEN:
		return WHY_DLOPEN;
	case DEP_CANDIDATE:
	case DEP_PLUGIN:
		return WHY_MAYBE;
	default:
		return WHY_START;
	}
}

static struct error *keep(struct why *why, const char *s, const char **ret)
{
	*ret = s ? arena_strdup(&why->arena, s) : NULL;
	return s && !*ret ? &error_no_memory : NULL;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* --- Rows to nodes and edges --- */

static struct error *add_node(struct why *why, struct why_node **ret)
{
	if (why->nnodes >= WHY_FAR - 1)
		return &error_no_memory;
	struct error *err = array_grow(&why->nodes, &why->nodes_cap, why->nnodes + 1,
				       sizeof(*why->nodes));
	if (err)
		return err;
	*ret = &why->nodes[why->nnodes++];
	**ret = (struct why_node) { 0 };
	return NULL;
}

static struct error *add_file(const struct dep_file *row, void *arg)
{
	struct loader *l = arg;
	struct why *why = l->why;
	struct why_node *node;
	struct error *err;

	err = array_grow(&why->ids, &why->ids_cap, why->nnodes + 1, sizeof(*why->ids));
	if (!err)
		err = add_node(why, &node);
	if (err)
		return err;
	why->ids[why->nnodes - 1] = row->id;
	node->root = row->root;
	node->loaded = row->loaded;
	err = keep(why, row->path, &node->path);
	if (!err)
		err = keep(why, row->realpath, &node->realpath);
	if (!err)
		err = keep(why, row->soname, &node->soname);
	if (!err)
		node->name = last_part(node->path);
	why->nfiles = why->nnodes;
	return err;
}

struct why_node *why_node_of(const struct why *why, uint32_t id)
{
	size_t low = 0, high = why->nfiles;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (why->ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < why->nfiles && why->ids[low] == id ? &why->nodes[low] : NULL;
}

/* The node of a name that was not found. */
static struct error *missing_node(struct why *why, const char *name, uint32_t *ret)
{
	struct why_node *node;
	uintptr_t have = (uintptr_t)map_get(&why->missing, name, strlen(name));

	if (have) {
		*ret = (uint32_t)(have - 1);
		return NULL;
	}
	struct error *err = add_node(why, &node);
	if (err)
		return err;
	node->name = name;
	*ret = why_index(why, node);
	return map_put(&why->missing, name, strlen(name), (void *)((uintptr_t)*ret + 1));
}

static struct error *add_edge(const struct dep_edge *row, void *arg)
{
	struct loader *l = arg;
	struct why *why = l->why;
	const struct why_node *from = why_node_of(why, row->from);
	const struct why_node *to = row->to ? why_node_of(why, row->to) : NULL;
	struct error *err;

	if (!from || (row->to && !to))
		return error_create(ERROR_BAD_DATA, "edge %u of the run names a file it lacks",
				    row->id);
	struct raw_edge e = { .from = why_index(why, from),
			      .to = to ? why_index(why, to) : 0,
			      .edge = {
				      .kind = row->kind, .address = row->address, .id = row->id } };
	err = keep(why, row->name, &e.edge.name);
	if (!err)
		err = keep(why, row->how, &e.edge.how);
	if (!err && !to)
		err = missing_node(why, e.edge.name, &e.to);
	if (!err)
		err = array_grow(&why->asked, &why->asked_cap, why->nasked + 1,
				 sizeof(*why->asked));
	if (!err)
		err = array_grow(&l->edges, &l->cap, l->n + 1, sizeof(*l->edges));
	if (err)
		return err;
	why->asked[why->nasked++] = (struct why_asked) { e.edge.name, e.to };
	l->edges[l->n++] = e;
	return NULL;
}

static struct error *add_tried(const struct dep_tried *row, void *arg)
{
	struct loader *l = arg;
	struct why *why = l->why;
	struct dep_tried t = { .edge = row->edge };
	struct error *err;

	err = keep(why, row->place, &t.place);
	if (!err)
		err = keep(why, row->source, &t.source);
	if (!err)
		err = keep(why, row->reason, &t.reason);
	if (!err)
		err = array_grow(&why->tried, &why->tried_cap, why->ntried + 1, sizeof(t));
	if (err)
		return err;
	why->tried[why->ntried++] = t;
	return NULL;
}

/* The best known edge between two files comes first. */
static int by_ends(const void *a, const void *b)
{
	const struct raw_edge *x = a, *y = b;
	enum why_when xw = why_kind_when(x->edge.kind), yw = why_kind_when(y->edge.kind);

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	if (xw != yw)
		return xw < yw ? -1 : 1;
	if (x->edge.kind != y->edge.kind)
		return x->edge.kind < y->edge.kind ? -1 : 1;
	return (x->edge.id > y->edge.id) - (x->edge.id < y->edge.id);
}

static int by_asker(const void *a, const void *b)
{
	const struct why_edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* One edge for each two files; nodes do not move from here on. */
static struct error *take_edges(struct loader *l)
{
	struct why *why = l->why;

	if (!l->n)
		return NULL;
	qsort(l->edges, l->n, sizeof(*l->edges), by_ends);
	why->edges = calloc(l->n, sizeof(*why->edges));
	why->in = calloc(l->n, sizeof(*why->in));
	if (!why->edges || !why->in)
		return &error_no_memory;
	for (size_t i = 0; i < l->n; i++) {
		const struct raw_edge *e = &l->edges[i];
		bool again = i && e[-1].from == e->from && e[-1].to == e->to;
		if (again || e->from == e->to)
			continue;
		struct why_edge *edge = &why->edges[why->nedges++];
		*edge = e->edge;
		edge->from = &why->nodes[e->from];
		edge->to = &why->nodes[e->to];
	}
	qsort(why->edges, why->nedges, sizeof(*why->edges), by_asker);
	return NULL;
}

static void group_edges(struct why *why)
{
	uint32_t out = 0, in = 0;

	for (size_t i = 0; i < why->nedges; i++) {
		why->nodes[why_index(why, why->edges[i].from)].n_out++;
		why->nodes[why_index(why, why->edges[i].to)].n_in++;
	}
	for (size_t i = 0; i < why->nnodes; i++) {
		struct why_node *node = &why->nodes[i];
		node->first_out = out;
		node->first_in = in;
		out += node->n_out;
		in += node->n_in;
		node->n_in = 0;
	}
	for (uint32_t i = 0; i < why->nedges; i++) {
		struct why_node *to = &why->nodes[why_index(why, why->edges[i].to)];
		why->in[to->first_in + to->n_in++] = i;
	}
}

struct error *why_create(struct store *store, int64_t run, struct why **ret)
{
	_cleanup_why_ struct why *why = calloc(1, sizeof(*why));
	struct loader l = { .why = why };
	struct error *err;

	if (!why)
		return &error_no_memory;
	arena_init(&why->arena);
	map_init(&why->missing);
	why->store = store;
	why->run = run;
	err = dep_each_file(store, run, add_file, &l);
	if (!err)
		err = dep_each_edge(store, run, add_edge, &l);
	if (!err)
		err = dep_each_tried(store, run, 0, add_tried, &l);
	if (!err)
		err = take_edges(&l);
	free(l.edges);
	if (err)
		return err;
	group_edges(why);
	*ret = cleanup_release(&why);
	return NULL;
}

static void stage_destroy(struct why_stage *stage)
{
	if (!stage)
		return;
	free(stage->dist);
	free(stage->count);
	free(stage);
}

static void cleanup_stage(struct why_stage **stage)
{
	stage_destroy(*stage);
}
#define _cleanup_stage_ __attribute__((cleanup(cleanup_stage)))

void why_destroy(struct why *why)
{
	if (!why)
		return;
	for (size_t i = 0; i < WHY_STAGES; i++)
		stage_destroy(why->stages[i]);
	map_deinit(&why->missing);
	free(why->nodes);
	free(why->ids);
	free(why->edges);
	free(why->in);
	free(why->asked);
	free(why->tried);
	arena_deinit(&why->arena);
	free(why);
}

const struct dep_tried *why_get_tried(const struct why *why, const struct why_edge *edge, size_t *n)
{
	size_t low = 0, high = why->ntried;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (why->tried[mid].edge < edge->id)
			low = mid + 1;
		else
			high = mid;
	}
	*n = 0;
	while (low + *n < why->ntried && why->tried[low + *n].edge == edge->id)
		++*n;
	return *n ? why->tried + low : NULL;
}

/* --- Distances --- */

/* Where chains begin: SOURCEs, or programs that nothing leads to (--host-exe). */
static bool is_start(const struct why_node *node, bool hosts)
{
	if (hosts)
		return node->path && node->loaded && !node->root && !node->n_in;
	return node->root;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Breadth first. Counts are complete when a node is taken from the queue. */
static struct error *walk(const struct why *why, const struct why_node *without, bool hosts,
			  struct why_stage *stage)
{
	_cleanup_free_ uint32_t *queue = calloc(why->nnodes + 1, sizeof(*queue));
	size_t head = 0, tail = 0;

	if (!queue)
		return &error_no_memory;
	for (uint32_t i = 0; i < why->nnodes; i++) {
		bool start = is_start(&why->nodes[i], hosts) && &why->nodes[i] != without;
		stage->dist[i] = start ? 0 : WHY_FAR;
		stage->count[i] = start;
		if (start)
			queue[tail++] = i;
	}
	while (head < tail) {
		uint32_t at = queue[head++];
		const struct why_node *node = &why->nodes[at];
		for (uint32_t k = 0; k < node->n_out; k++) {
			const struct why_edge *e = &why->edges[node->first_out + k];
			uint32_t to = why_index(why, e->to);
			if (why_kind_when(e->kind) > stage->when)
				continue;
			if (stage->dist[to] == WHY_FAR) {
				stage->dist[to] = stage->dist[at] + 1;
				queue[tail++] = to;
			}
			if (stage->dist[to] == stage->dist[at] + 1)
				stage->count[to] = add_saturated(stage->count[to],
								 stage->count[at]);
		}
	}
	return NULL;
}

static struct error *stage_create(const struct why *why, enum why_when when,
				  const struct why_node *without, bool hosts,
				  struct why_stage **ret)
{
	_cleanup_stage_ struct why_stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		return &error_no_memory;
	stage->when = when;
	stage->dist = calloc(why->nnodes + 1, sizeof(*stage->dist));
	stage->count = calloc(why->nnodes + 1, sizeof(*stage->count));
	if (!stage->dist || !stage->count)
		return &error_no_memory;
	struct error *err = walk(why, without, hosts, stage);
	if (!err)
		*ret = cleanup_release(&stage);
	return err;
}

static void fill_target(const struct why *why, const struct why_stage *stage,
			const struct why_node *node, struct why_target *ret)
{
	uint32_t i = why_index(why, node);

	ret->reached = true;
	ret->when = stage->when;
	ret->steps = stage->dist[i];
	ret->chains = ret->steps ? stage->count[i] : 0;
}

/* A SOURCE, from the others. */
static struct error *reach_source(struct why *why, const struct why_node *node,
				  struct why_target *ret)
{
	for (unsigned int tier = 0; tier < WHY_TIERS; tier++) {
		_cleanup_stage_ struct why_stage *stage = NULL;
		struct error *err = stage_create(why, tier, node, false, &stage);
		if (err)
			return err;
		if (stage->dist[why_index(why, node)] == WHY_FAR)
			continue;
		fill_target(why, stage, node, ret);
		return NULL;
	}
	ret->reached = true;
	return NULL;
}

struct error *why_reach(struct why *why, const struct why_node *node, bool itself,
			struct why_target *ret)
{
	*ret = (struct why_target) { .node = node };
	if (node->root && !itself)
		return reach_source(why, node, ret);
	for (unsigned int i = 0; i < WHY_STAGES; i++) {
		if (!why->stages[i]) {
			struct error *err = stage_create(why, i / 2, NULL, i % 2, &why->stages[i]);
			if (err)
				return err;
		}
		if (why->stages[i]->dist[why_index(why, node)] == WHY_FAR)
			continue;
		fill_target(why, why->stages[i], node, ret);
		ret->stage = why->stages[i];
		return NULL;
	}
	return NULL;
}

/* --- Chains --- */

/* What a walk along the chains needs: an own stack, for chains may be long. */
struct chains {
	const struct why *why;
	const struct why_stage *stage;
	const struct why_node *target;
	bool *marked;		       /* nodes on a shortest chain to the target */
	const struct why_edge **edges; /* the way to here */
	uint32_t *next;		       /* by depth: the next edge of the node to look at */
	uint64_t left;
	struct error *(*fn)(const struct why_chain *chain, void *arg);
	void *arg;
};

static bool is_step(const struct chains *c, const struct why_edge *e)
{
	return why_kind_when(e->kind) <= c->stage->when &&
	       c->stage->dist[why_index(c->why, e->from)] != WHY_FAR &&
	       c->stage->dist[why_index(c->why, e->from)] + 1 ==
		       c->stage->dist[why_index(c->why, e->to)];
}

static struct error *mark_chains(struct chains *c)
{
	const struct why *why = c->why;
	_cleanup_free_ uint32_t *stack = calloc(why->nnodes + 1, sizeof(*stack));
	size_t n = 0;

	if (!stack)
		return &error_no_memory;
	stack[n++] = why_index(why, c->target);
	c->marked[stack[0]] = true;
	while (n) {
		const struct why_node *node = &why->nodes[stack[--n]];
		for (uint32_t k = 0; k < node->n_in; k++) {
			const struct why_edge *e = &why->edges[why->in[node->first_in + k]];
			uint32_t from = why_index(why, e->from);
			if (!is_step(c, e) || c->marked[from])
				continue;
			c->marked[from] = true;
			stack[n++] = from;
		}
	}
	return NULL;
}

/* All chains from one start; every marked way ends at the target. */
static struct error *walk_chains(struct chains *c, const struct why_node *start)
{
	const struct why_node *node = start;
	size_t depth = 0;

	c->next[0] = 0;
	while (c->left) {
		if (node == c->target) {
			struct why_chain chain = { c->edges, depth };
			struct error *err = c->fn(&chain, c->arg);
			if (err)
				return err;
			c->left--;
		} else if (c->next[depth] < node->n_out) {
			const struct why_edge *e =
				&c->why->edges[node->first_out + c->next[depth]++];
			if (!is_step(c, e) || !c->marked[why_index(c->why, e->to)])
				continue;
			c->edges[depth++] = e;
			c->next[depth] = 0;
			node = e->to;
			continue;
		}
		if (!depth)
			break;
		node = c->edges[--depth]->from;
	}
	return NULL;
}

static struct error *each_chain(struct chains *c, uint32_t steps)
{
	const struct why *why = c->why;
	_cleanup_free_ bool *marked = calloc(why->nnodes + 1, 1);
	_cleanup_free_ const struct why_edge **edges = calloc((size_t)steps + 1, sizeof(*edges));
	_cleanup_free_ uint32_t *next = calloc((size_t)steps + 1, sizeof(*next));
	struct error *err;

	if (!marked || !edges || !next)
		return &error_no_memory;
	c->marked = marked;
	c->edges = edges;
	c->next = next;
	err = mark_chains(c);
	for (size_t i = 0; !err && c->left && i < why->nnodes; i++)
		if (marked[i] && !c->stage->dist[i])
			err = walk_chains(c, &why->nodes[i]);
	return err;
}

struct error *why_each_chain(struct why *why, const struct why_target *target, uint64_t max,
			     struct error *(*fn)(const struct why_chain *chain, void *arg),
			     void *arg)
{
	_cleanup_stage_ struct why_stage *own = NULL;
	struct chains c = { .why = why,
			    .stage = target->stage,
			    .target = target->node,
			    .left = max,
			    .fn = fn,
			    .arg = arg };

	if (!target->reached || !target->steps)
		return NULL;
	if (!c.stage) {
		struct error *err = stage_create(why, target->when, target->node, false, &own);
		if (err)
			return err;
		c.stage = own;
	}
	return each_chain(&c, target->steps);
}
