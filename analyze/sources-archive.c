/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An archive as SOURCE. A wheel or a package is laid over the machine (or the
 * sysroot), as if it were installed there; an image, or a tar with a dynamic
 * loader in it, is a root file system of its own.
 */
#include "analyze/depgraph-internal.h"

struct sink {
	struct image_archive_sink sink;
	struct depgraph *dg;
	struct error *err; /* of the warning itself */
};

static void keep_warning(struct image_archive_sink *s, const struct image_archive_warning *warning)
{
	struct sink *sink = (struct sink *)s;

	if (!sink->err)
		sink->err = fgraph_warn(sink->dg->graph, warning->code, warning->archive,
					warning->incomplete, "%s", warning->text);
}

static struct error *add_layers(struct tree *tree, const struct image_archive *archive)
{
	for (size_t i = 0; i < archive->nlayers; i++) {
		struct error *err = tree_add_layer(tree, archive->layers[i], archive->prefix);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *make_tree(struct depgraph *dg, struct source *source)
{
	struct error *err;

	err = tree_create(&source->own_tree);
	if (!err)
		err = add_layers(source->own_tree, source->archive);
	if (err || source->archive->kind == IMAGE_ARCHIVE_OCI ||
	    sources_has_loader(source->own_tree))
		return err;
	tree_destroy(source->own_tree);
	source->own_tree = NULL;
	if (dg->options.sysroot) {
		err = tree_create(&source->own_tree);
		if (!err)
			err = tree_add_layer(source->own_tree, dg->options.sysroot, "");
	} else {
		err = tree_create_host(&source->own_tree);
	}
	return err ? err : add_layers(source->own_tree, source->archive);
}

struct error *sources_read_archive(struct depgraph *dg, uint32_t index, const char *disk_path)
{
	struct source *source = &dg->sources[index];
	struct sink sink = { .sink.warn = keep_warning, .dg = dg };
	struct error *err;

	err = image_archive_open(disk_path, source->path, NULL, &sink.sink, dg->options.log,
				 &source->archive);
	if (err) {
		error_destroy(sink.err);
		return err;
	}
	if (sink.err)
		return sink.err;
	source->kind = image_archive_kind_name(source->archive->kind);
	err = make_tree(dg, source);
	if (err)
		return err;
	source->tree = source->own_tree;
	for (size_t i = 0; i < source->archive->nfiles; i++) {
		const struct image_archive_file *file = &source->archive->files[i];
		if (file->kind != IMAGE_ARCHIVE_ELF)
			continue;
		err = log_check_stop(dg->options.log);
		if (!err)
			err = sources_add_path(dg, index, file->member);
		if (err)
			return err;
	}
	return NULL;
}
