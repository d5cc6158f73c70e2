// SPDX-License-Identifier: Apache-2.0
#include "host/launch/snp_id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 1: all of it, and nothing more; 0: no such file; -1: errno. */
static int read_whole(const char *folder, const char *name, uint8_t *dst,
	size_t len)
{
	char path[4096 + 64];
	uint8_t more;
	bool good;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >=
		(int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	errno = EINVAL;
	good = read(fd, dst, len) == (ssize_t)len && read(fd, &more, 1) == 0;
	close(fd);
	return good ? 1 : -1;
}

const char *dj_launch_id_read(const char *folder, struct dj_launch_id *ret)
{
	struct dj_launch_id id = { 0 };
	int block =
		read_whole(folder, "id-block.bin", id.bytes, DJ_SNP_ID_BLOCK);
	int auth = block < 0
		? 0
		: read_whole(folder, "id-auth.bin", id.bytes + DJ_SNP_ID_BLOCK,
			  DJ_SNP_ID_AUTH);

	if (block < 0)
		return "id-block.bin is not an ID block of 96 bytes";
	if (auth < 0)
		return "id-auth.bin is not 4096 bytes of ID authentication";
	if (block != auth) {
		errno = ENOENT;
		return "id-block.bin and id-auth.bin go together";
	}
	id.is_there = block == 1;
	*ret = id;
	return NULL;
}

const char *dj_launch_id_check(const struct dj_launch_id *id,
	const uint8_t digest[static 48], uint64_t policy)
{
	struct dj_snp_id block;
	struct dj_snp_id_auth auth;

	errno = EINVAL;
	if (dj_snp_id_parse(id->bytes, &block) != DJ_OK)
		return "id-block.bin is not an ID block of version 1";
	if (dj_snp_id_auth_parse(id->bytes + DJ_SNP_ID_BLOCK, &auth) != DJ_OK)
		return "id-auth.bin is not signed with P-384";
	errno = EBADMSG;
	if (memcmp(block.digest, digest, sizeof(block.digest)) != 0)
		return "the ID block is of another image (donjon measure --tee "
		       "snp)";
	errno = EPERM;
	if (block.policy != policy)
		return "the ID block asks for another guest policy than 0x30000";
	return NULL;
}
