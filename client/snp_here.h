// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What this machine's secure processor says of itself, for doctor: asked of
 * /dev/sev (SNP_PLATFORM_STATUS, 56860 section 8.3), explained by a pure
 * function. NEVER RUN ON HARDWARE: there was none.
 */
#define DJ_SNP_STATUS_SIZE 32

struct dj_snp_here {
	int device;     /* opening it: 0 or an errno */
	int asked;      /* asking it: 0 or an errno */
	uint32_t error; /* firmware's, if it refused */
	uint8_t status[DJ_SNP_STATUS_SIZE];
};

/* What is asked of the kernel; tests have their own. */
struct dj_snp_device {
	int (*open)(const char *path);
	int (*ioctl)(int fd, unsigned long op, void *arg);
	int (*close)(int fd);
};
extern const struct dj_snp_device dj_snp_device;

void dj_snp_here_look(const struct dj_snp_device *d, struct dj_snp_here *ret);

/* True: firmware is ready for SEV-SNP guests. text: what it says, or what is
 * in the way; hint: what would help, or nothing. */
bool dj_snp_here_explain(const struct dj_snp_here *h, char *text,
	size_t text_cap, char *hint, size_t hint_cap);
