// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/paths.h"
#include "lib/base/secret.h"
#include "lib/base/status.h"
#include "lib/session/keys.h"

/*
 * The ticket file of a Keep (session.md 4): all that a client needs to come
 * back to it after its own death. Big-endian:
 *
 *   "DJT1", u32 ticket number, 32 ticket, u32 attach_no, 32 keep_id,
 *   32 config_hash, 32 hash of the policy file, 32 module hash, 32 hash of
 *   BEGIN's body, u64 bytes of the module, u64 begun (seconds since 1970),
 *   u8 tee, u8 emulated, u8 trees, u8 zero, u32 flags, u64 where input,
 *   output and error output begin in their files, u64 length of the input,
 *   32 its hash, then texts: u16 length, bytes; 32 SHA-256 of all before.
 *
 * Ticket number 0: the Keep was asked for and has not been claimed.
 */
enum dj_ticket_text {
	DJ_TICKET_HOST,   /* URL of its agent */
	DJ_TICKET_KEEP,   /* the host's name of the Keep */
	DJ_TICKET_POLICY, /* files, absolute; "": none */
	DJ_TICKET_OWNER,
	DJ_TICKET_CA,
	DJ_TICKET_CERT,
	DJ_TICKET_KEY,
	DJ_TICKET_TOKEN_FILE,
	DJ_TICKET_IN, /* "": not a file */
	DJ_TICKET_OUT,
	DJ_TICKET_ERR,
	DJ_TICKET_EXIT_FILE,
	DJ_TICKET_RECEIPT,
	DJ_TICKET_TEXTS
};

enum dj_ticket_flag {
	DJ_TICKET_DISCARD_OUT = 1, /* nobody wants the output */
	DJ_TICKET_DISCARD_ERR = 2,
	DJ_TICKET_RECEIPTS = 4,    /* the launch block asks for receipts */
	DJ_TICKET_INPUT_KNOWN = 8, /* input_len and input_hash are set */
	DJ_TICKET_NO_INPUT = 16,   /* the input is empty */
	DJ_TICKET_ONE_SIZE = 32,
	DJ_TICKET_SENT = 64, /* RUN has left: nothing to send again */
	DJ_TICKET_FLAGS = 127
};

#define DJ_TICKET_TREES_MAX 16
#define DJ_TICKET_FILE_MAX  (DJ_TICKET_TEXTS * DJ_PATH_MAX + 512)

struct dj_ticket_file {
	struct dj_ticket ticket;
	uint32_t attach_no; /* that made the ticket */
	uint8_t keep_id[32];
	uint8_t config_hash[32];
	uint8_t policy_hash[32];
	uint8_t module_hash[32];
	uint8_t begin_hash[32];
	uint64_t module_len;
	uint64_t begun;
	uint8_t tee;
	bool emulated;
	uint8_t trees;
	uint32_t flags;
	uint64_t in_base, out_base, err_base;
	uint64_t input_len;
	uint8_t input_hash[32];
	char text[DJ_TICKET_TEXTS][DJ_PATH_MAX];
};

/*
 * DJ_E_INPUT: not one, or cut, or changed; DJ_E_UNSUPPORTED: of another
 * version. On failure *ret is wiped.
 */
dj_status dj_ticket_parse(const uint8_t *buf, size_t len,
	struct dj_ticket_file *ret);
/* DJ_E_LIMIT: cap. */
dj_status dj_ticket_write(const struct dj_ticket_file *t, uint8_t *dst,
	size_t cap, size_t *ret_len);
