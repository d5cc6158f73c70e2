// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"

/*
 * What evidence is judged with and does not carry, fetched from its vendor's
 * service into a folder, where `verify --collateral` and donjond find it.
 *
 *   sgx   Intel's PCS or a PCCS: files of the names of client/sgx_file.h,
 *         for the platform that the quote's own chain names
 *   snp   AMD's KDS: vek.der (of the report's chip and reported TCB),
 *         cert_chain.pem, crl.der
 *
 * The folder is a cache: a file that is still in force is not asked for again
 * (a VCEK always is), each is replaced as a whole or not at all. After a
 * failure the service is left alone for a while, twice as long each time, or
 * as long as it asks: the file .retry has until when.
 */
struct dj_collateral_ask {
	const char *url;    /* base; NULL: the vendor's */
	const char *folder; /* made if it is not there */
	bool refresh;       /* asks for everything, and at once */
	int64_t now;        /* seconds since 1970 */
};

struct dj_collateral_done {
	unsigned fetched, kept;
	int64_t until; /* the first of them goes out of force then; 0: never */
};

/*
 * Errors: evidence.file (a quote or report that does not say what to ask for),
 * collateral.backoff (too soon after a failure), those of dj_fetch(),
 * collateral.answer (what came is not what was asked for), output.write.
 */
DJ_NODISCARD bool dj_collateral_sgx(const uint8_t *quote, size_t len,
	const struct dj_collateral_ask *ask, struct dj_collateral_done *ret,
	struct dj_err *err);
DJ_NODISCARD bool dj_collateral_snp(const uint8_t *report, size_t len,
	const struct dj_collateral_ask *ask, struct dj_collateral_done *ret,
	struct dj_err *err);
