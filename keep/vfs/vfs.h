// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keep/vfs/errno.h"
#include "lib/base/arena.h"
#include "lib/base/status.h"

/*
 * The file systems of a program: trees in the Keep's own memory. One kind of
 * tree serves all uses: filled from a tar or empty, writable or not. Contents
 * that came from a tar stay there and are borrowed; a written page of such a
 * file is copied, no more (so "overlay" is a tree from a tar that is
 * writable).
 *
 *   dj_vfs_init(&v, arena, &pages);
 *   dj_vfs_tree(&v, tar, len, writable, &root, &err);   any number of times
 *   dj_vfs_walk(...), dj_vfs_create(...), ...
 *   dj_vfs_done(&v);
 *
 * Memory: what a tar brings is described in the arena; everything made
 * afterwards (contents, nodes, names, tables) comes from one range of pages
 * that are committed as they are needed and counted together, so a program
 * that fills its disk gets ENOSPC and nothing else suffers.
 *
 * Times: a change only marks a node; the mark becomes a time when somebody
 * looks or the file is closed (dj_vfs_settle), because asking the host for
 * the time at each write would cost more than the write. Reads leave atim.
 */
#define DJ_VFS_PAGE     4096
#define DJ_VFS_NAME_MAX 255
#define DJ_VFS_PATH_MAX 4096
#define DJ_VFS_LINKS    40 /* links followed in one path */
#define DJ_VFS_CLASSES  8  /* 32, 64 .. 4096 bytes */

/* Where pages come from (struct dj_mem_ops of the engine has these too). */
struct dj_vfs_pages {
	void *(*reserve)(size_t len);
	dj_status (*commit)(void *p, size_t len);
	void (*release)(void *p, size_t len);
	uint64_t max_bytes;
};

/* A sparse array of pointers: a radix tree of pages, 512 each. */
struct dj_vfs_map {
	void *root;
	unsigned height; /* 0: root is element 0 itself */
};

struct dj_vfs {
	struct dj_arena *arena; /* while trees are made; then NULL */
	struct dj_vfs_pages pages;
	uint8_t *base;
	uint64_t reserved, committed, used;
	void *free[DJ_VFS_CLASSES];
	struct dj_vfs_map names; /* buckets, by linear hashing */
	uint64_t name_count, bucket_count, bucket_mask;
	uint64_t next_ino;
};

enum dj_vfs_type {
	DJ_VFS_DIR,
	DJ_VFS_FILE,
	DJ_VFS_LINK,
	DJ_VFS_STREAM /* a name for a stream of the session */
};

enum { /* times that a change made stale */
	DJ_VFS_ATIM = 1,
	DJ_VFS_MTIM = 2,
	DJ_VFS_CTIM = 4,
};

struct dj_vfs_name; /* an entry of a directory */

struct dj_vfs_node {
	enum dj_vfs_type type;
	uint8_t stale;
	bool writable;
	bool implied;   /* a folder that the tar did not name (yet) */
	uint32_t dev;   /* which tree */
	uint32_t refs;  /* whoever holds it outside the tree */
	uint32_t names; /* entries that lead here; the root has one */
	uint64_t ino;
	uint64_t atim, mtim, ctim; /* ns */
	union {
		struct {
			struct dj_vfs_node *parent; /* NULL: removed */
			struct dj_vfs_name *first, *last;
			uint64_t seq;     /* of the newest entry */
			uint64_t changes; /* entries taken out so far */
			uint64_t count;
		} dir;
		struct {
			uint64_t size;
			const uint8_t *base; /* borrowed from the tar */
			uint64_t base_len;
			struct dj_vfs_map map;
		} file;
		struct {
			const char *target;
			size_t len;
			bool owned;
		} link;
		struct {
			uint8_t number;
			bool is_in, is_out; /* to the program, from it */
		} stream;
	};
};

struct dj_vfs_name {
	struct dj_vfs_name *next_in_bucket;
	struct dj_vfs_name *prev, *next; /* in the directory, by seq */
	struct dj_vfs_node *dir, *node;
	uint64_t seq;
	uint32_t hash;
	uint16_t len;
	bool same; /* as in the tar: changes.c, at the end of a run */
	char text[];
};

struct dj_vfs_error {
	const char *what; /* constant text */
	char name[64];    /* of the member, cut, NUL-terminated */
};

/* pages is copied. DJ_E_NOMEM: no address space for max_bytes. */
dj_status dj_vfs_init(struct dj_vfs *v, struct dj_arena *arena,
	const struct dj_vfs_pages *pages);
void dj_vfs_done(struct dj_vfs *v);

/*
 * A tree; tar == NULL: an empty one. DJ_E_INPUT, DJ_E_UNSUPPORTED,
 * DJ_E_LIMIT: see lib/proto/untar.h; also a member named twice or below
 * something that is no folder. err (may be NULL) names the member.
 */
dj_status dj_vfs_tree(struct dj_vfs *v, const uint8_t *tar, size_t tar_len,
	bool writable, struct dj_vfs_node **ret, struct dj_vfs_error *err);
/* A stream at the top of a tree. DJ_E_INPUT: no name for a file, or taken. */
dj_status dj_vfs_add_stream(struct dj_vfs *v, struct dj_vfs_node *root,
	const char *name, size_t len, uint8_t number, bool is_in, bool is_out);
/* No more trees: from now on nothing is taken from the arena. */
void dj_vfs_seal(struct dj_vfs *v);

/* Where a path leads. */
struct dj_vfs_at {
	struct dj_vfs_node *dir; /* that has, or would have, the name */
	const char *name;        /* NULL: the path ends in . or .. */
	size_t name_len;
	struct dj_vfs_node *node; /* NULL: there is none of that name */
	bool slash;               /* the path ended in a slash */
};

/*
 * Follows a path from a directory and never above it: ENOTCAPABLE for an
 * absolute path, for `..` at the top and for a link that does either.
 * follow: whether a link in the last place is followed. ENOENT: a folder on
 * the way is missing (a missing last part is no error), ENOTDIR (also: a slash
 * behind what is no folder), ELOOP, ENAMETOOLONG. The path is UTF-8 without
 * NUL. *ret is borrowed: valid until something is removed.
 */
enum dj_errno dj_vfs_walk(struct dj_vfs *v, struct dj_vfs_node *dir,
	const char *path, size_t len, bool follow, struct dj_vfs_at *ret);

/* A reference of one's own; unref frees what no entry leads to any more. */
void dj_vfs_ref(struct dj_vfs_node *n);
void dj_vfs_unref(struct dj_vfs *v, struct dj_vfs_node *n);

/* A new node at at->dir, at->name, which must not exist. Target: links. */
enum dj_errno dj_vfs_create(struct dj_vfs *v, const struct dj_vfs_at *at,
	enum dj_vfs_type type, const char *target, size_t target_len,
	struct dj_vfs_node **ret);
/* A further name for a node that is no folder. */
enum dj_errno dj_vfs_link(struct dj_vfs *v, struct dj_vfs_node *n,
	const struct dj_vfs_at *to);
/* Takes out a name; folders (want_dir) must be empty. */
enum dj_errno dj_vfs_remove(struct dj_vfs *v, const struct dj_vfs_at *at,
	bool want_dir);
/* As rename(2): replaces a file by a file, an empty folder by a folder. */
enum dj_errno dj_vfs_rename(struct dj_vfs *v, const struct dj_vfs_at *from,
	const struct dj_vfs_at *to);

/* Contents of files. Reading past the end gives 0 bytes. */
size_t dj_vfs_read(const struct dj_vfs_node *n, uint64_t off, void *dst,
	size_t len);
/* All of it, or as much as there is room for (*ret_len), or ENOSPC. */
enum dj_errno dj_vfs_write(struct dj_vfs *v, struct dj_vfs_node *n,
	uint64_t off, const void *src, size_t len, size_t *ret_len);
enum dj_errno dj_vfs_resize(struct dj_vfs *v, struct dj_vfs_node *n,
	uint64_t size);
/* Makes room for [off, off + len), so that writing it cannot fail. */
enum dj_errno dj_vfs_allocate(struct dj_vfs *v, struct dj_vfs_node *n,
	uint64_t off, uint64_t len);

/*
 * The first entry whose seq is above a cookie, or NULL. Seqs of entries
 * begin with 3 and only grow. hint makes going on where one was cheap.
 */
struct dj_vfs_hint {
	const struct dj_vfs_name *at;
	uint64_t changes;
};
const struct dj_vfs_name *dj_vfs_after(const struct dj_vfs_node *dir,
	uint64_t cookie, struct dj_vfs_hint *hint);

void dj_vfs_settle(struct dj_vfs_node *n, uint64_t now);
uint64_t dj_vfs_size(const struct dj_vfs_node *n);

/* Inside keep/vfs: memory and maps (pool.c, map.c), names (name.c). */
void *dj_vfs_alloc(struct dj_vfs *v, size_t size);
void dj_vfs_free(struct dj_vfs *v, void *p, size_t size);
void *dj_vfs_map_get(const struct dj_vfs_map *m, uint64_t i);
/* The place of element i, made if need be; NULL: no memory. */
void **dj_vfs_map_at(struct dj_vfs *v, struct dj_vfs_map *m, uint64_t i);
/* Frees all pages that are elements from i on. */
void dj_vfs_map_trim(struct dj_vfs *v, struct dj_vfs_map *m, uint64_t i);
struct dj_vfs_name *dj_vfs_find(const struct dj_vfs *v,
	const struct dj_vfs_node *dir, const char *name, size_t len);
bool dj_vfs_name_add(struct dj_vfs *v, struct dj_vfs_node *dir,
	const char *name, size_t len, struct dj_vfs_node *n);
void dj_vfs_name_del(struct dj_vfs *v, struct dj_vfs_name *name);
struct dj_vfs_node *dj_vfs_node_new(struct dj_vfs *v, enum dj_vfs_type type);
