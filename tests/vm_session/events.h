// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* What a host can force into a VM by KVM_SET_VCPU_EVENTS: all exceptions, and
 * 20 interrupt vectors. */
#define EXCEPTIONS 32
#define INTERRUPTS 20
#define VECTORS    (EXCEPTIONS + INTERRUPTS)

static inline unsigned event_number(unsigned nr)
{
	static const uint8_t interrupts[INTERRUPTS] = { 32, 33, 34, 39, 46, 48,
		64, 0x41, 0x50, 0x60, 0x70, 0x7f, 0x80, 0x81, 0x90, 0xa0, 0xd1,
		0xec, 0xfd, 0xff };

	return nr < EXCEPTIONS ? nr : interrupts[nr - EXCEPTIONS];
}

/* With an error code: double fault, TSS, segment, stack, protection, page,
 * alignment, control protection, VMM communication, security. */
static inline bool event_has_error(unsigned nr)
{
	return nr == 8 || (nr >= 10 && nr <= 14) || nr == 17 || nr == 21 ||
		nr == 29 || nr == 30;
}

static inline bool force_event(int cpu, unsigned nr)
{
	struct kvm_vcpu_events ev;

	if (ioctl(cpu, KVM_GET_VCPU_EVENTS, &ev) != 0)
		return false;
	if (nr >= EXCEPTIONS) {
		ev.interrupt.injected = 1;
		ev.interrupt.nr = (uint8_t)event_number(nr);
	} else if (nr == 2) {
		ev.nmi.injected = 1;
	} else {
		ev.exception.injected = 1;
		ev.exception.nr = (uint8_t)nr;
		ev.exception.has_error_code = event_has_error(nr);
		ev.exception.error_code = 0;
	}
	return ioctl(cpu, KVM_SET_VCPU_EVENTS, &ev) == 0;
}
