// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The TEEs that this client can be told to use, by the words of --tee. "snp"
 * is the hardware or an error, "snp-emu" its emulation; one is never taken for
 * the other.
 */
struct dj_tee_choice {
	const char *word;
	uint8_t tee; /* enum dj_tee */
	bool emulated;
	const char *digest; /* what its measurement is called in a policy */
	/* In the folder of a development root: the file of this one's root,
	 * NULL for hardware, which has its vendor's; and what `donjon-emu add`
	 * is to be told when it is missing, NULL for what init makes. */
	const char *root, *add;
};

/* What there is, in the order in which people are told; the last has no word.
 */
extern const struct dj_tee_choice dj_tee_choices[];

/* NULL: no such word, or no such choice. */
const struct dj_tee_choice *dj_tee_choice_find(const char *word);
const struct dj_tee_choice *dj_tee_choice_of(uint8_t tee, bool emulated);

/* For people and --tee; the TEE's name for one that is no choice here. */
const char *dj_tee_word(uint8_t tee, bool emulated);

/* All words, as "process, kvm, ..."; a constant text. */
#define DJ_TEE_WORDS "process, kvm, snp, snp-emu, sgx, sgx-emu"
