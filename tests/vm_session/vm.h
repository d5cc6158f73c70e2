// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/vmm/vmm.h"
#include "tests/support/fake_shim.h"

/*
 * The host that tests/support/ksp_client.h talks to (fake_put_frame(),
 * fake_run(), fake_get_frame()), with a real Keep behind it: a VM image in our
 * own VMM and, for SNP, its emulated secure processor, all in this process
 * and thread. So a session can be stopped between any two instructions of
 * the Keep, and taken up again. A process has one VM.
 */

/* Makes the VM; nothing has run yet. block: KCF1. NULL, or what failed. */
const char *vm_start(const char *image, const void *block, size_t len);

/* What fake_run() does with the Keep until its next exit; the default is to
 * run the processor. */
extern enum dj_vmm_next (*vm_next)(uint8_t *ret_code);
/* KVM_RUN until an exit that means something. DJ_VMM_AGAIN: an alarm rang, or
 * the debugger's (see vm_run_page()). */
enum dj_vmm_next vm_run(uint8_t *ret_code);
struct kvm_run *vm_run_page(void);
int vm_cpu(void);
/* Microseconds from now; 0: none. */
void vm_alarm(unsigned us);
/* True once for each alarm. */
bool vm_has_rung(void);

/* All of the Keep and of its host: processor, memory, positions. */
bool vm_save(void);
bool vm_restore(void);

/* An address that native code must not touch: in the guard of the largest
 * reservation. 0: there is none yet. */
uint64_t vm_guard(void);

/* Windows of a secret (tests/scan/scanner.h) in what the host can see of a
 * real VM Keep. */
size_t vm_scan(void);
