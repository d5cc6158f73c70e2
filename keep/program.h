// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/proto/error.h"
#include "lib/proto/record.h"

/*
 * The one program of a Keep's life: BEGIN, MODULE, RUN, and how it ended
 * (session.md 6.3, 6.4). Goes on whatever the session does.
 *
 *   EMPTY    until BEGIN is whole
 *   LOADING  MODULE and trees come in; RUN is taken when all are there
 *   RUNNING  from RUN on
 *   EXITED   how it ended is known; output may still be on its way
 *
 * A program that this Keep will not run ends as DJ_EXIT_REFUSED, and stream 3
 * says why. What the client did wrong while loading is an error of the
 * session.
 */
void dj_program_init(void);

enum dj_phase dj_program_phase(void);

enum dj_error dj_program_begin(bool more, uint64_t off, const uint8_t *p,
	size_t len);
enum dj_error dj_program_module(uint64_t off, const uint8_t *p, size_t len);
enum dj_error dj_program_run(void);
/* SIGNAL stop: the program ends at its next poll or blocking call. */
enum dj_error dj_program_stop(void);
/* A new attach: a BEGIN that was cut begins again. */
void dj_program_attach(void);
uint64_t dj_program_module_next(void);

/* RUN was taken and nothing has run yet. */
bool dj_program_is_due(void);
/* Runs it to its end. Called by main.c alone. */
void dj_program_go(void);

/* Is the program to be unwound? Looked at by everything that blocks. */
bool dj_program_stopping(void);
/* When its wall time is over, on the host's monotonic clock; or UINT64_MAX. */
uint64_t dj_program_deadline(void);
/* Looks at the clock; past the deadline the program is stopping. */
void dj_program_check_time(void);

/* After EXITED: EXIT's data; then the receipt, if the block wants one. */
void dj_program_exit(uint8_t dst[static DJ_EXIT_SIZE]);
bool dj_program_receipt(uint8_t ret_report_data[static 64]);
