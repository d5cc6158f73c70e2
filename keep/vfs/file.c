// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/vfs/vfs.h"
#include "lib/base/size.h"

/*
 * Contents: pages of our own where something was written, else the tar's
 * bytes up to base_len, else zeros. base_len never grows again, so what was
 * cut off stays away.
 */
#define PAGE DJ_VFS_PAGE

uint64_t dj_vfs_size(const struct dj_vfs_node *n)
{
	switch (n->type) {
	case DJ_VFS_FILE:
		return n->file.size;
	case DJ_VFS_LINK:
		return n->link.len;
	case DJ_VFS_STREAM:
		return 0;
	case DJ_VFS_DIR:
		break;
	}
	return n->dir.count * 32;
}

/* len bytes at off, which lie in one page. */
static void read_piece(const struct dj_vfs_node *n, uint64_t off, uint8_t *dst,
	size_t len)
{
	const uint8_t *page = dj_vfs_map_get(&n->file.map, off / PAGE);
	size_t have = 0;

	if (page != NULL) {
		memcpy(dst, page + off % PAGE, len);
		return;
	}
	if (off < n->file.base_len) {
		have = len;
		if (have > n->file.base_len - off)
			have = (size_t)(n->file.base_len - off);
		memcpy(dst, n->file.base + off, have);
	}
	memset(dst + have, 0, len - have);
}

static size_t piece_len(uint64_t off, size_t len)
{
	size_t room = PAGE - (size_t)(off % PAGE);

	return len < room ? len : room;
}

size_t dj_vfs_read(const struct dj_vfs_node *n, uint64_t off, void *dst,
	size_t len)
{
	uint8_t *p = dst;

	if (off >= n->file.size)
		return 0;
	if (len > n->file.size - off)
		len = (size_t)(n->file.size - off);
	/* The whole of it still in the tar: one copy. */
	if (n->file.map.root == NULL &&
		dj_range_ok(off, len, n->file.base_len)) {
		if (len != 0)
			memcpy(p, n->file.base + off, len);
		return len;
	}
	for (size_t done = 0, k; done < len; done += k) {
		k = piece_len(off + done, len - done);
		read_piece(n, off + done, p + done, k);
	}
	return len;
}

/* The page that holds off, made if need be with what it read as before. */
static uint8_t *own_page(struct dj_vfs *v, struct dj_vfs_node *n, uint64_t off)
{
	void **place = dj_vfs_map_at(v, &n->file.map, off / PAGE);
	uint64_t start = off - off % PAGE;
	uint8_t *page;
	size_t len;

	if (place == NULL)
		return NULL;
	if (*place != NULL)
		return *place;
	page = dj_vfs_alloc(v, PAGE);
	if (page == NULL)
		return NULL;
	if (start < n->file.base_len) {
		len = PAGE;
		if (len > n->file.base_len - start)
			len = (size_t)(n->file.base_len - start);
		memcpy(page, n->file.base + start, len);
	}
	*place = page;
	return page;
}

enum dj_errno dj_vfs_write(struct dj_vfs *v, struct dj_vfs_node *n,
	uint64_t off, const void *src, size_t len, size_t *ret_len)
{
	const uint8_t *p = src;
	size_t done = 0, k;
	uint64_t end;

	if (!n->writable)
		return DJ_EROFS;
	if (!dj_u64_add(off, len, &end) || end > INT64_MAX)
		return DJ_EFBIG;
	for (; done < len; done += k) {
		uint8_t *page = own_page(v, n, off + done);

		if (page == NULL)
			break;
		k = piece_len(off + done, len - done);
		memcpy(page + (off + done) % PAGE, p + done, k);
	}
	if (done == 0 && len != 0)
		return DJ_ENOSPC;
	if (done != 0 && off + done > n->file.size)
		n->file.size = off + done;
	if (done != 0)
		n->stale |= DJ_VFS_MTIM | DJ_VFS_CTIM;
	*ret_len = done;
	return DJ_ESUCCESS;
}

enum dj_errno dj_vfs_resize(struct dj_vfs *v, struct dj_vfs_node *n,
	uint64_t size)
{
	uint8_t *page;

	if (!n->writable)
		return DJ_EROFS;
	if (size > INT64_MAX)
		return DJ_EFBIG;
	if (size < n->file.size) {
		dj_vfs_map_trim(v, &n->file.map, (size + PAGE - 1) / PAGE);
		if (n->file.base_len > size)
			n->file.base_len = size;
		page = dj_vfs_map_get(&n->file.map, size / PAGE);
		if (page != NULL && size % PAGE != 0)
			memset(page + size % PAGE, 0, PAGE - size % PAGE);
	}
	n->file.size = size;
	n->stale |= DJ_VFS_MTIM | DJ_VFS_CTIM;
	return DJ_ESUCCESS;
}

enum dj_errno dj_vfs_allocate(struct dj_vfs *v, struct dj_vfs_node *n,
	uint64_t off, uint64_t len)
{
	uint64_t end, room = v->reserved - v->used;

	if (!n->writable)
		return DJ_EROFS;
	if (len == 0)
		return DJ_EINVAL;
	if (!dj_u64_add(off, len, &end) || end > INT64_MAX)
		return DJ_EFBIG;
	/* Hopeless requests are refused before they take what there is. */
	if (len > v->reserved || (len > room && v->free[7] == NULL))
		return DJ_ENOSPC;
	for (uint64_t at = off - off % PAGE; at < end; at += PAGE)
		if (own_page(v, n, at) == NULL) {
			/* What was taken behind the end is of no use there. */
			dj_vfs_map_trim(v, &n->file.map,
				(n->file.size + PAGE - 1) / PAGE);
			return DJ_ENOSPC;
		}
	if (end > n->file.size)
		n->file.size = end;
	n->stale |= DJ_VFS_MTIM | DJ_VFS_CTIM;
	return DJ_ESUCCESS;
}
