// SPDX-License-Identifier: Apache-2.0
/* zstd's streams: `c LEVEL` packs standard input, `d` unpacks it. */
#include <stdio.h>
#include <stdlib.h>

#include "zstd.h"

static char in[65536], out[65536];

static int put(const ZSTD_outBuffer *o)
{
	return fwrite(out, 1, o->pos, stdout) == o->pos ? 0 : 1;
}

static int pack(int level)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n, left;

	if (c == NULL ||
		ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel,
			level)))
		return 1;
	do {
		ZSTD_inBuffer i = { in, 0, 0 };

		n = i.size = fread(in, 1, sizeof(in), stdin);
		do {
			ZSTD_outBuffer o = { out, sizeof(out), 0 };

			left = ZSTD_compressStream2(c, &o, &i,
				n == 0 ? ZSTD_e_end : ZSTD_e_continue);
			if (ZSTD_isError(left) || put(&o) != 0)
				return 1;
		} while (n == 0 ? left != 0 : i.pos < i.size);
	} while (n != 0);
	return 0;
}

static int unpack(void)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	size_t n, left = 0;

	while (d != NULL && (n = fread(in, 1, sizeof(in), stdin)) != 0) {
		ZSTD_inBuffer i = { in, n, 0 };
		ZSTD_outBuffer o;

		do {
			o = (ZSTD_outBuffer){ out, sizeof(out), 0 };
			left = ZSTD_decompressStream(d, &o, &i);
			if (ZSTD_isError(left) || put(&o) != 0)
				return 1;
		} while (i.pos < i.size || o.pos == o.size);
	}
	return d == NULL || left != 0;
}

int main(int argc, char **argv)
{
	int bad = argc > 2 ? pack(atoi(argv[2])) : unpack();

	return bad != 0 || fclose(stdout) != 0;
}
