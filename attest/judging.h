// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/judge.h"

/*
 * What the judges of the TEEs share: a case under way. judge.c reads HELLO,
 * OFFER and EVIDENCE and makes the checks that are the same for all; then the
 * one function of the evidence's format makes the others, in the order of
 * attest/judge.h.
 *
 * A check begins with dj_check_begin(), which lists it as failed: whatever
 * goes wrong from there on refuses. dj_check_say() settles it. Running out of
 * memory in any of these refuses the whole.
 */
struct dj_judging {
	const struct dj_judge_input *in;
	struct dj_verdict *v;
	bool has_hello, has_offer;
	struct dj_hello hello;
	struct dj_offer offer;
	bool has_evidence;
	struct dj_evidence evidence;
	bool has_want_rd;
	uint8_t want_rd[64];
	bool no_memory;
};

struct dj_check *dj_check_begin(struct dj_judging *j, const char *name);
void dj_check_say(struct dj_check *c, enum dj_check_state state);
void dj_check_got(struct dj_judging *j, struct dj_check *c, const char *fmt,
	...) __attribute__((format(printf, 3, 4)));
void dj_check_want(struct dj_judging *j, struct dj_check *c, const char *fmt,
	...) __attribute__((format(printf, 3, 4)));
void dj_check_got_hex(struct dj_judging *j, struct dj_check *c,
	const uint8_t *p, size_t len);
void dj_check_want_hex(struct dj_judging *j, struct dj_check *c,
	const uint8_t *p, size_t len);
/* A check in one line: good, or failed with got and want (NULL: nothing to
 * say). */
void dj_check_simple(struct dj_judging *j, const char *name, bool good,
	const char *got, const char *want);
/* A check that cannot be made; why may be NULL. */
void dj_check_na(struct dj_judging *j, const char *name, const char *why);
/*
 * A check of many demands: each that is not met adds to what was got and what
 * was wanted, the first gives the policy's line; then dj_check_settle() says
 * whether there was none.
 */
void dj_check_fault(struct dj_judging *j, struct dj_check *c, unsigned line,
	const char *want, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void dj_check_settle(struct dj_check *c);

/* The checks that all formats make alike once they know their value. */
void dj_check_report_data(struct dj_judging *j, const uint8_t got[static 64]);
void dj_check_measurement(struct dj_judging *j, const uint8_t *got, size_t len);
/* evidence.validity of count certificates, each with its name; 0: no chain. */
void dj_check_validity(struct dj_judging *j, size_t count, X509 *const *cert,
	const char *const *name);

/*
 * The judge of one format. Appends every check from evidence.reserved on, and
 * sets measurement, report_data and platform of the verdict as far as they
 * can be read. In has_evidence is true.
 */
struct dj_format_judge {
	uint16_t format;
	enum dj_tee tee;
	void (*judge)(struct dj_judging *j);
	bool (*explain)(const struct dj_evidence *e, dj_judge_field *say,
		void *ctx);
};

extern const struct dj_format_judge dj_judge_process, dj_judge_snp,
	dj_judge_snp_emulated;
extern const struct dj_format_judge dj_judge_kvm;
extern const struct dj_format_judge dj_judge_sgx, dj_judge_sgx_emulated;
