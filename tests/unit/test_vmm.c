// SPDX-License-Identifier: Apache-2.0
#include "host/vmm/vmm.h"
#include "lib/proto/hostcall.h"
#include "lib/proto/vm.h"
#include "tests/tap.h"

/* kvm_run and the page that follows it, where KVM puts an OUT's bytes. */
static union {
	struct kvm_run run;
	uint8_t bytes[8192];
} page;

static struct kvm_run *out(uint16_t port, uint8_t value)
{
	memset(&page, 0, sizeof(page));
	page.run.exit_reason = KVM_EXIT_IO;
	page.run.io.direction = KVM_EXIT_IO_OUT;
	page.run.io.size = 1;
	page.run.io.count = 1;
	page.run.io.port = port;
	page.run.io.data_offset = 4096;
	page.bytes[4096] = value;
	return &page.run;
}

static struct kvm_run *reason(uint32_t why)
{
	memset(&page, 0, sizeof(page));
	page.run.exit_reason = why;
	return &page.run;
}

static void a_byte_to_the_kick_port_kicks(void)
{
	uint8_t code = 77;

	eq_u64(dj_vmm_exit(out(DJ_VM_PORT_KICK, 9), &code), DJ_VMM_KICK);
}

static void halting_the_processor_waits(void)
{
	uint8_t code = 77;

	eq_u64(dj_vmm_exit(reason(KVM_EXIT_HLT), &code), DJ_VMM_WAIT);
	eq_u64(code, 77);
}

static void an_interruption_goes_on(void)
{
	uint8_t code = 77;

	eq_u64(dj_vmm_exit(reason(KVM_EXIT_INTR), &code), DJ_VMM_AGAIN);
	eq_u64(code, 77);
}

static void a_known_halt_code_ends_with_it(void)
{
	for (unsigned i = 0; i < DJ_HALT_COUNT; i++) {
		uint8_t code = 77;

		eq_u64(dj_vmm_exit(out(DJ_VM_PORT_HALT, (uint8_t)i), &code),
			DJ_VMM_END);
		eq_u64(code, i);
	}
}

static void an_unknown_halt_code_is_a_fault(void)
{
	for (unsigned i = DJ_HALT_COUNT; i < 256; i++) {
		uint8_t code = 77;

		eq_u64(dj_vmm_exit(out(DJ_VM_PORT_HALT, (uint8_t)i), &code),
			DJ_VMM_END);
		eq_u64(code, DJ_HALT_FAULT);
	}
}

static void every_other_port_is_a_fault(void)
{
	for (uint32_t port = 0; port < 65536; port++) {
		uint8_t code = 77;

		if (port == DJ_VM_PORT_KICK || port == DJ_VM_PORT_HALT ||
			port == DJ_VM_PORT_WAIT)
			continue;
		if (!eq_u64(dj_vmm_exit(out((uint16_t)port, 0), &code),
			    DJ_VMM_END) ||
			!eq_u64(code, DJ_HALT_FAULT))
			return;
	}
}

static void only_one_byte_going_out_counts(void)
{
	uint8_t code = 77;
	struct kvm_run *run = out(DJ_VM_PORT_KICK, 0);

	run->io.size = 2;
	eq_u64(dj_vmm_exit(run, &code), DJ_VMM_END);
	run = out(DJ_VM_PORT_KICK, 0);
	run->io.count = 2;
	eq_u64(dj_vmm_exit(run, &code), DJ_VMM_END);
	run = out(DJ_VM_PORT_HALT, 0);
	run->io.direction = KVM_EXIT_IO_IN;
	code = 77;
	eq_u64(dj_vmm_exit(run, &code), DJ_VMM_END);
	eq_u64(code, DJ_HALT_FAULT);
}

static void every_other_exit_is_a_fault(void)
{
	for (uint32_t why = 0; why < 64; why++) {
		uint8_t code = 77;

		if (why == KVM_EXIT_HLT || why == KVM_EXIT_INTR)
			continue;
		eq_u64(dj_vmm_exit(reason(why), &code), DJ_VMM_END);
		eq_u64(code, DJ_HALT_FAULT);
	}
}

static void frames_are_whole_large_pages_up_to_4_gib(void)
{
	static const struct {
		uint64_t total, want;
	} cases[] = {
		{ 0, DJ_VM_LARGE },
		{ 1, DJ_VM_LARGE },
		{ DJ_VM_LARGE, DJ_VM_LARGE },
		{ DJ_VM_LARGE + 1, 2 * DJ_VM_LARGE },
		{ UINT64_C(4) << 30, UINT64_C(4) << 30 },
	};
	uint64_t size = 5;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(dj_vmm_frames(cases[i].total, &size));
		eq_u64(size, cases[i].want);
	}
	size = 5;
	ok(!dj_vmm_frames((UINT64_C(4) << 30) + 1, &size));
	ok(!dj_vmm_frames(UINT64_MAX, &size));
	eq_u64(size, 5);
}

int main(void)
{
	RUN(a_byte_to_the_kick_port_kicks);
	RUN(halting_the_processor_waits);
	RUN(an_interruption_goes_on);
	RUN(a_known_halt_code_ends_with_it);
	RUN(an_unknown_halt_code_is_a_fault);
	RUN(every_other_port_is_a_fault);
	RUN(only_one_byte_going_out_counts);
	RUN(every_other_exit_is_a_fault);
	RUN(frames_are_whole_large_pages_up_to_4_gib);
	return done();
}
