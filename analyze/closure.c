/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/closure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/closure-internal.h"
#include "analyze/verify.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/* --- Links --- */

uint32_t closure_find_name(const struct closure *c, const char *name)
{
	uintptr_t v = (uintptr_t)map_get(&c->names, name, strlen(name));
	return v ? (uint32_t)(v - 1) : NO_LINK;
}

/* The first link that has a name keeps it, as in a walk over _ns_loaded. */
static struct error *add_name(struct closure *c, const char *name, uint32_t link)
{
	if (!name || closure_find_name(c, name) != NO_LINK)
		return NULL;
	char *copy = arena_strdup(&c->graph->arena, name);
	if (!copy)
		return &error_no_memory;
	return map_put(&c->names, copy, strlen(copy), (void *)((uintptr_t)link + 1));
}

static struct error *get_paths(struct closure *c, struct fgraph_file *file, const char *path,
			       struct search_paths **ret)
{
	if (file->paths_search != c->search || strcmp(file->paths_path, path)) {
		struct error *err = search_paths_create(c->search, file->image, path, file->path,
							&file->paths);
		if (err)
			return err;
		file->paths_search = c->search;
		file->paths_path = arena_strdup(&c->graph->arena, path);
		if (!file->paths_path)
			return &error_no_memory;
	}
	*ret = file->paths;
	return NULL;
}

static struct error *add_link(struct closure *c, struct fgraph_file *file, const char *path,
			      uint32_t loader, uint32_t *ret)
{
	struct error *err;
	struct arena *a = &c->graph->arena;

	if (c->n >= CLOSURE_MAX_LINKS)
		return error_create(ERROR_NO_MEMORY,
				    "cannot map '%s': the closure has more than %d files", path,
				    CLOSURE_MAX_LINKS);
	struct closure_link *link = arena_alloc(a, sizeof(*link));
	err = array_grow(&c->links, &c->cap, c->n + 1, sizeof(link));
	if (err)
		return err;
	if (!link)
		return &error_no_memory;
	link->file = file;
	link->path = arena_strdup(a, path);
	link->group = (uint32_t)c->ngroups;
	if (!link->path)
		return &error_no_memory;
	err = get_paths(c, file, path, &link->chain.paths);
	if (err)
		return err;
	link->chain.loader = loader == NO_LINK ? NULL : &c->links[loader]->chain;
	uint32_t index = (uint32_t)c->n;
	c->links[c->n++] = link;
	err = map_put(&c->inodes, (const char *)&link->file, sizeof(link->file),
		      (void *)((uintptr_t)index + 1));
	if (err)
		return err;
	/* glibc matches a name against the path and the soname; musl against what it found. */
	if (c->libc == SEARCH_GLIBC) {
		err = add_name(c, link->path, index);
		if (!err)
			err = add_name(c, file->image->soname, index);
	}
	*ret = index;
	return err;
}

/* --- Finding one dependency --- */

struct tried {
	const char *place, *source, *reason;
};

struct finder {
	struct search_visitor visitor;
	struct closure *c;
	struct fgraph_file *found;
	struct error *bad; /* why the last file was not taken */
	bool fatal;	   /* the loader would have given up at it */
	struct tried *tried;
	size_t ntried, cap;
	bool searched; /* else the name was known */
	bool failed;
};

static enum search_verdict verify(struct search_visitor *visitor, const char *path,
				  const struct tree_entry *entry, const char **reason)
{
	struct finder *f = (struct finder *)visitor;

	struct fgraph_file *file;
	struct error *err = fgraph_open_file(f->c->graph, search_tree(f->c->search), path, entry,
					     f->c->links[0]->file->image->machine, &file);
	bool musl = f->c->libc == SEARCH_MUSL;
	if (!err) {
		const char *why = musl ? verify_library_musl(file->image)
				       : verify_library(file->image);
		if (why)
			err = error_create(ERROR_BAD_DATA, "%s", why);
	}
	if (!err) {
		f->found = file;
		return SEARCH_TAKE;
	}
	error_destroy(f->bad);
	f->bad = err;
	*reason = error_get_message(err);
	/* musl passes over nothing that it could open. */
	return error_get_code(err) == ERROR_NOT_FOUND && !musl ? SEARCH_SKIP : SEARCH_FATAL;
}

static void keep_tried(struct search_visitor *visitor, const char *place, const char *source,
		       const char *reason)
{
	struct finder *f = (struct finder *)visitor;
	struct arena *a = &f->c->graph->arena;
	struct tried t = { arena_strdup(a, place), source, arena_strdup(a, reason) };

	struct error *err = array_grow(&f->tried, &f->cap, f->ntried + 1, sizeof(t));
	if (err || !t.place || !t.reason) {
		error_destroy(err);
		f->failed = true;
		return;
	}
	f->tried[f->ntried++] = t;
}

static void no_tried(struct search_visitor *visitor, const char *place, const char *source,
		     const char *reason)
{
	(void)visitor, (void)place, (void)source, (void)reason;
}

static struct error *report_missing(struct finder *f, uint32_t edge, const char *name,
				    enum dep_edge_kind kind, const struct fgraph_file *from)
{
	struct error *err;

	for (size_t i = 0; i < f->ntried; i++) {
		err = fgraph_add_tried(f->c->graph, edge, f->tried[i].place, f->tried[i].source,
				       f->tried[i].reason);
		if (err)
			return err;
	}
	if (f->bad && error_get_code(f->bad) == ERROR_NO_MEMORY)
		return &error_no_memory;
	/* A failing dlopen is an answer to the program, not an end of it. */
	if (!f->fatal || !f->ntried || kind > DEP_FILTER)
		return NULL;
	const struct tried *last = &f->tried[f->ntried - 1];
	return fgraph_warn(f->c->graph, "bad-data", from->path, true,
			   "'%s' needs '%s', and the loader gives up at '%s': %s", from->path, name,
			   last->place, last->reason);
}

/*
 * Runs the search. The places tried are collected in a second run, only for
 * names that were not found: most are found at once. Folder states are kept, so
 * the second run sees what the first saw.
 */
static bool run_search(struct finder *f, const char *name, const struct search_chain *requester,
		       struct search_result *ret)
{
	struct search_paths *main_paths = f->c->links[0]->chain.paths;

	f->visitor = (struct search_visitor) { .verify = verify, .tried = no_tried };
	if (search_find(f->c->search, name, requester, main_paths, &f->visitor, ret))
		return true;
	f->visitor.tried = keep_tried;
	f->visitor.again = true;
	bool found = search_find(f->c->search, name, requester, main_paths, &f->visitor, ret);
	f->fatal = !found && ret->fatal;
	return found;
}

/* musl's load_library(): these names are the loader itself. */
static bool is_musl_itself(const char *name)
{
	static const char *const own[] = { "c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet." };

	if (strncmp(name, "lib", 3) || strchr(name, '/'))
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strncmp(name + 3, own[i], strlen(own[i])))
			return true;
	return false;
}

static struct error *map_interp(struct closure *c, uint32_t *ret)
{
	*ret = NO_LINK;
	if (!c->interp)
		return NULL;
	uintptr_t v = (uintptr_t)map_get(&c->inodes, (const char *)&c->interp, sizeof(c->interp));
	if (v) {
		*ret = (uint32_t)(v - 1);
		return NULL;
	}
	return add_link(c, c->interp, search_interp(c->search), NO_LINK, ret);
}

/* The name is the loader's, which is mapped before anything else. */
static bool names_interp(const struct closure *c, const char *name)
{
	if (c->libc == SEARCH_MUSL)
		return is_musl_itself(name);
	if (!c->interp)
		return false;
	const char *soname = c->interp->image->soname;
	return !strcmp(name, search_interp(c->search)) || (soname && !strcmp(name, soname));
}

static struct error *keep_find(struct closure *c, const char *name,
			       const struct search_result *result, uint32_t link)
{
	struct arena *a = &c->graph->arena;
	struct closure_find find = { .name = arena_strdup(a, name),
				     .path = arena_strdup(a, result->path),
				     .source = result->source,
				     .link = link };
	struct error *err = array_grow(&c->finds, &c->finds_cap, c->nfinds + 1, sizeof(find));

	if (err)
		return err;
	if (!find.name || !find.path)
		return &error_no_memory;
	c->finds[c->nfinds++] = find;
	return NULL;
}

/*
 * _dl_map_object(): the link of a name for a requester, mapped if it is new.
 * 'ret' is NO_LINK where the loader does not find it. 'source' says how it was
 * found. With 'map' false nothing is mapped, and only f->found is set.
 */
static struct error *map_object(struct finder *f, uint32_t requester, const char *name, bool map,
				const char **source, uint32_t *ret)
{
	struct closure *c = f->c;
	struct error *err;
	struct search_result result;

	*source = "mapped before under this name";
	uint32_t link = closure_find_name(c, name);
	if (link == NO_LINK && names_interp(c, name)) {
		*source = "the dynamic loader itself";
		f->found = c->interp;
		err = map ? map_interp(c, &link) : NULL;
		if (err || !map)
			return err;
	}
	if (link != NO_LINK) {
		f->found = c->links[link]->file;
		*ret = link;
		return NULL;
	}
	*ret = NO_LINK;
	f->searched = true;
	if (!run_search(f, name, &c->links[requester]->chain, &result))
		return f->failed ? &error_no_memory : NULL;
	*source = result.source;
	if (!*f->found->how_found)
		f->found->how_found = result.source;
	uintptr_t v = (uintptr_t)map_get(&c->inodes, (const char *)&f->found, sizeof(f->found));
	if (v)
		*ret = (uint32_t)(v - 1);
	else if (map) {
		err = add_link(c, f->found, result.path, requester, ret);
		if (err)
			return err;
	}
	if (*ret == NO_LINK)
		return NULL;
	err = keep_find(c, name, &result, *ret);
	if (err || (c->libc == SEARCH_MUSL && strchr(name, '/')))
		return err;
	return add_name(c, name, *ret);
}

/* Maps (or only finds) what 'from' asks for, and adds the edge. */
static struct error *depend(struct closure *c, uint32_t from, const char *name,
			    enum dep_edge_kind kind, const char *how, uint64_t address, bool map,
			    uint32_t *ret)
{
	struct error *err;
	struct finder f = { .c = c };
	const char *source = "";
	struct fgraph_file *file = c->links[from]->file;
	uint32_t edge, link = NO_LINK;
	bool is_new;

	const char *expanded = search_expand(c->search, c->links[from]->chain.paths, name);
	err = expanded ? map_object(&f, from, expanded, map, &source, &link) : NULL;
	if (!err) {
		struct fgraph_edge e = { .from = file->id,
					 .to = f.found ? f.found->id : 0,
					 .name = name,
					 .kind = kind,
					 .how = how,
					 .address = address,
					 .wanted_at_start = c->links[from]->group == 0 };
		_cleanup_free_ char *text = NULL;
		if (f.found &&
		    asprintf(&text, "%s, %s%s", how, f.searched ? "found by " : "", source) >= 0)
			e.how = text;
		err = fgraph_add_edge(c->graph, &e, &edge, &is_new);
		if (!err && is_new && !f.found)
			err = report_missing(&f, edge, name, kind, file);
	}
	error_destroy(f.bad);
	free(f.tried);
	if (!err)
		*ret = link;
	return err;
}

/* --- Breadth-first mapping (_dl_map_object_deps) --- */

struct node {
	uint32_t link;
	bool done;
	uint32_t next; /* node index, NO_LINK at the end */
};

struct walk {
	struct closure *c;
	struct node *nodes;
	size_t n, cap;
	uint32_t tail;
	bool *reserved; /* by link: in this list already */
	size_t reserved_cap;
};

static struct error *new_node(struct walk *w, uint32_t link, uint32_t *ret)
{
	struct error *err = array_grow(&w->nodes, &w->cap, w->n + 1, sizeof(*w->nodes));

	if (err)
		return err;
	w->nodes[w->n] = (struct node) { .link = link, .next = NO_LINK };
	*ret = (uint32_t)w->n++;
	return NULL;
}

static struct error *reserve(struct walk *w, uint32_t link, bool *was)
{
	size_t old = w->reserved_cap;
	struct error *err = array_grow(&w->reserved, &w->reserved_cap, (size_t)link + 1, 1);

	if (err)
		return err;
	memset(w->reserved + old, 0, w->reserved_cap - old);
	*was = w->reserved[link];
	w->reserved[link] = true;
	return NULL;
}

static struct error *append(struct walk *w, uint32_t link)
{
	struct error *err;
	bool was;
	uint32_t node;

	err = reserve(w, link, &was);
	if (err || was)
		return err;
	err = new_node(w, link, &node);
	if (err)
		return err;
	if (w->tail != NO_LINK)
		w->nodes[w->tail].next = node;
	w->tail = node;
	return NULL;
}

/*
 * DT_FILTER and DT_AUXILIARY: the filtee goes before the object. As in glibc the
 * node's contents move to a new node behind it, so that 'orig' becomes the
 * filtee's. Returns the node that is the object's now.
 */
static struct error *insert_filtee(struct walk *w, uint32_t orig, uint32_t link, uint32_t *ret)
{
	struct error *err;
	bool was;
	uint32_t moved;

	err = reserve(w, link, &was);
	if (err)
		return err;
	if (was) {
		uint32_t late = orig;
		while (w->nodes[late].next != NO_LINK && w->nodes[w->nodes[late].next].link != link)
			late = w->nodes[late].next;
		uint32_t found = w->nodes[late].next;
		*ret = orig;
		if (found == NO_LINK)
			return NULL; /* it is earlier in the list: nothing to move */
		if (w->tail == found)
			w->tail = late;
		w->nodes[late].next = w->nodes[found].next;
	}
	err = new_node(w, w->nodes[orig].link, &moved);
	if (err)
		return err;
	w->nodes[moved].done = w->nodes[orig].done;
	w->nodes[moved].next = w->nodes[orig].next;
	w->nodes[orig] = (struct node) { .link = link, .done = false, .next = moved };
	if (w->tail == orig)
		w->tail = moved;
	*ret = moved;
	return NULL;
}

static struct error *map_deps(struct walk *w, uint32_t node)
{
	struct closure *c = w->c;
	struct error *err;
	uint32_t self = w->nodes[node].link, orig = node;
	struct closure_link *link = c->links[self];
	const struct image *image = link->file->image;

	w->nodes[node].done = true;
	if (!image->ndeps)
		return NULL;
	uint32_t *needed = arena_alloc(&c->graph->arena, image->ndeps * sizeof(*needed));
	if (!needed)
		return &error_no_memory;
	size_t n = 0;
	for (size_t i = 0; i < image->ndeps; i++) {
		const struct image_dep *d = &image->deps[i];
		bool filter = d->tag != DT_NEEDED;
		if (filter && c->libc == SEARCH_MUSL)
			continue; /* musl does not know them */
		const char *how = !filter		? "DT_NEEDED"
				  : d->tag == DT_FILTER ? "DT_FILTER"
							: "DT_AUXILIARY";
		uint32_t dep;
		err = depend(c, self, d->name, filter ? DEP_FILTER : DEP_NEEDED, how, 0, true,
			     &dep);
		if (err)
			return err;
		if (dep == NO_LINK)
			continue;
		needed[n++] = dep;
		if (filter)
			err = insert_filtee(w, orig, dep, &orig);
		else
			err = append(w, dep);
		if (err)
			return err;
	}
	if (!link->needed) {
		link->needed = needed;
		link->nneeded = n;
	}
	return NULL;
}

static struct error *map_all(struct walk *w)
{
	struct error *err;

	for (uint32_t at = 0; at != NO_LINK;) {
		err = log_check_stop(w->c->graph->log);
		if (err)
			return err;
		err = map_deps(w, at);
		if (err)
			return err;
		while (at != NO_LINK && w->nodes[at].done)
			at = w->nodes[at].next;
	}
	return NULL;
}

/* --- Order of relocation (_dl_sort_maps_dfs) --- */

struct frame {
	uint32_t link;
	size_t next;
};

/*
 * Depth first over the needed lists, from the last of the scope to the first;
 * reverse postorder. With an own stack: chains of libraries may be long.
 */
static struct error *sort_group(struct closure *c, struct closure_group *g)
{
	_cleanup_free_ bool *visited = calloc(c->n + 1, 1);
	_cleanup_free_ struct frame *stack = calloc(g->nscope + 1, sizeof(*stack));
	size_t head = g->nscope, depth;

	g->init_order = arena_alloc(&c->graph->arena, (g->nscope + 1) * sizeof(uint32_t));
	if (!visited || !stack || !g->init_order)
		return &error_no_memory;
	/* What is not of this group (mapped before a dlopen) is not sorted with it. */
	memset(visited, 1, c->n);
	for (size_t i = 0; i < g->nscope; i++)
		visited[g->scope[i]] = false;
	for (size_t i = g->nscope; i-- > 0;) {
		if (visited[g->scope[i]])
			continue;
		depth = 0;
		stack[depth++] = (struct frame) { g->scope[i], 0 };
		visited[g->scope[i]] = true;
		while (depth) {
			struct frame *f = &stack[depth - 1];
			const struct closure_link *link = c->links[f->link];
			if (f->next == link->nneeded) {
				g->init_order[--head] = f->link;
				depth--;
				continue;
			}
			uint32_t dep = link->needed[f->next++];
			/* Nothing is before the main program, whoever needs it. */
			if (visited[dep] || dep == 0)
				continue;
			visited[dep] = true;
			stack[depth++] = (struct frame) { dep, 0 };
		}
	}
	return NULL;
}

/* Maps all that 'first' (and the preloads after it) need, as a new group. */
static struct error *map_group(struct closure *c, const uint32_t *first, size_t nfirst)
{
	struct error *err = NULL;
	struct walk w = { .c = c, .tail = NO_LINK };

	for (size_t i = 0; i < nfirst && !err; i++)
		err = append(&w, first[i]);
	if (!err)
		err = map_all(&w);
	if (!err)
		err = array_grow(&c->groups, &c->groups_cap, c->ngroups + 1, sizeof(*c->groups));
	if (!err) {
		struct closure_group *g = &c->groups[c->ngroups];
		*g = (struct closure_group) { 0 };
		g->scope = arena_alloc(&c->graph->arena, (w.n + 1) * sizeof(uint32_t));
		if (!g->scope)
			err = &error_no_memory;
		for (uint32_t at = 0; !err && at != NO_LINK; at = w.nodes[at].next)
			g->scope[g->nscope++] = w.nodes[at].link;
		if (!err)
			err = sort_group(c, g);
		if (!err)
			c->ngroups++;
	}
	free(w.nodes);
	free(w.reserved);
	return err;
}

/* --- Start --- */

static struct error *open_interp(struct closure *c)
{
	struct tree_entry entry;
	const char *path = search_interp(c->search);

	if (tree_find(search_tree(c->search), path, &entry))
		return NULL;
	struct error *err = fgraph_open_file(c->graph, search_tree(c->search), path, &entry,
					     c->links[0]->file->image->machine, &c->interp);
	if (err && error_get_code(err) != ERROR_NO_MEMORY) {
		log_error(c->graph->log, LOG_DEBUG, err);
		err = NULL;
	}
	if (!err && c->interp && !*c->interp->how_found)
		c->interp->how_found = "PT_INTERP";
	return err;
}

/* The kernel does not start a program whose interpreter is not there. */
static struct error *miss_interp(struct closure *c)
{
	struct fgraph_edge e = { .from = c->links[0]->file->id,
				 .name = search_interp(c->search),
				 .kind = DEP_INTERP,
				 .how = "PT_INTERP",
				 .wanted_at_start = true };
	struct tree_entry entry;
	uint32_t edge;
	bool is_new;

	struct error *err = fgraph_add_edge(c->graph, &e, &edge, &is_new);
	if (err || !is_new)
		return err;
	int errnum = tree_find(search_tree(c->search), e.name, &entry);
	return fgraph_add_tried(c->graph, edge, e.name, "PT_INTERP",
				errnum == ENOENT ? "no such file" : "cannot be loaded");
}

/*
 * The edge to the loader itself. Like ldd's, a closure holds the loader only if
 * somebody needs it by name; with glibc libc.so.6 does.
 */
static struct error *add_interp(struct closure *c)
{
	const struct fgraph_file *root = c->links[0]->file;

	if (!root->image->interp || c->interp == root)
		return NULL;
	if (!c->interp)
		return image_is_program(root->image) ? miss_interp(c) : NULL;
	struct fgraph_edge e = { .from = root->id,
				 .to = c->interp->id,
				 .name = search_interp(c->search),
				 .kind = DEP_INTERP,
				 .how = "PT_INTERP",
				 .wanted_at_start = true };
	return fgraph_add_edge(c->graph, &e, NULL, NULL);
}

struct error *closure_init(struct closure *c, struct fgraph *graph, struct search *search,
			   enum search_libc libc, struct fgraph_file *root,
			   const struct closure_options *options)
{
	struct error *err;
	uint32_t link;

	*c = (struct closure) { .graph = graph, .search = search, .libc = libc };
	map_init(&c->names);
	map_init(&c->inodes);
	err = add_link(c, root, root->tree_path, NO_LINK, &link);
	if (err)
		return err;
	/* The loader is known by its names from the start, but mapped in its place. */
	err = open_interp(c);
	if (err)
		return err;
	_cleanup_free_ uint32_t *first = calloc(options->npreloads + 1, sizeof(*first));
	if (!first)
		return &error_no_memory;
	size_t n = 1;
	for (size_t i = 0; i < options->npreloads; i++) {
		err = depend(c, 0, options->preloads[i], DEP_PRELOAD, "preloaded", 0, true, &link);
		if (err)
			return err;
		if (link != NO_LINK)
			first[n++] = link;
	}
	err = map_group(c, first, n);
	if (err)
		return err;
	err = add_interp(c);
	if (!err)
		err = closure_check_versions(c, 0);
	if (err)
		return err;
	for (size_t i = 0; i < c->n; i++)
		c->links[i]->file->loaded = true;
	return NULL;
}

void closure_deinit(struct closure *c)
{
	map_deinit(&c->names);
	map_deinit(&c->inodes);
	free(c->links);
	free(c->groups);
	free(c->finds);
	*c = (struct closure) { 0 };
}

struct error *closure_dlopen(struct closure *c, uint32_t caller, const char *name,
			     enum dep_edge_kind kind, const char *how, uint64_t address,
			     uint32_t *ret)
{
	struct error *err;
	size_t before = c->n;
	uint32_t link;

	err = depend(c, caller, name, kind, how, address, true, &link);
	if (err)
		return err;
	if (link != NO_LINK && c->n > before) {
		err = map_group(c, &link, 1);
		if (!err)
			err = closure_check_versions(c, before);
		if (err)
			return err;
	}
	*ret = link;
	return NULL;
}

struct error *closure_find(struct closure *c, uint32_t caller, const char *name,
			   enum dep_edge_kind kind, const char *how, uint64_t address)
{
	uint32_t link;

	return depend(c, caller, name, kind, how, address, false, &link);
}
