// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "client/job.h"
#include "lib/session/binding.h"

/*
 * A receipt file, donjon.receipt/1: the values of session.md 7 and the
 * evidence over them, so that anyone can check later that this program, so
 * configured, on that input, gave that output in such a Keep.
 */
#define DJ_RECEIPT_MAX ((size_t)1 << 20)

struct dj_receipt_file {
	struct dj_receipt r; /* its streams point into the next */
	struct dj_receipt_stream streams[DJ_RECEIPT_STREAMS];
	char tee[16];
	bool emulated;
	uint8_t *evidence; /* owned */
	size_t evidence_len;
};

/* The file's text, to be freed; NULL: no memory. */
char *dj_receipt_text(const struct dj_session *s, const struct dj_job *job,
	const struct dj_outcome *o, uint8_t tee, bool emulated);

/*
 * Strict: every key there once and no other, streams ascending (a named one may
 * be there twice: in, then out). receipt.file.
 * Release with dj_receipt_done() in any case.
 */
DJ_NODISCARD bool dj_receipt_read(const char *text, size_t len,
	struct dj_receipt_file *ret, struct dj_err *err);
void dj_receipt_done(struct dj_receipt_file *f);
