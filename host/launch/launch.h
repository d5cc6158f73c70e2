// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Between donjond and one launcher process (donjon-launch), which maps and
 * measures the image and then forks the Keep. A launcher lives exactly as
 * long as its Keep: it dies with donjond (PR_SET_PDEATHSIG), the Keep dies
 * with it, and it reports how the Keep ended.
 *
 *   donjon-launch TEE IMAGE        started with these descriptors:
 *     0,1 /dev/null  2 stderr (a pipe to donjond: the console)
 *     3 the shared region (memfd, DJ_HC_REGION_SIZE; configuration in place)
 *     4 control, SOCK_SEQPACKET, messages below
 *     5 eventfd Keep -> host   6 eventfd host -> Keep
 *     7 the emulator's socket (lib/proto/emu.h), or closed
 *     8,9 cgroup.procs of the Keep's control groups, or closed; the launcher
 *       enters them before anything else
 *
 * 5 is read without blocking, 6 is blocking: the jail must refuse the Keep's
 * writing to it, since a full eventfd would block donjond. Whoever puts
 * frames in a ring kicks; the Keep also kicks when it has taken frames from
 * a ring that was over three quarters full.
 *
 * Control messages are struct dj_launch_msg followed by len bytes. STARTED
 * or FAILED comes first; after FAILED the launcher exits. STARTED is sent
 * once the image runs in its jail. One REPORT at a time: another before its
 * REPORTED is answered by REPORTED with EBUSY, one without an emulator by
 * ENOSYS. ENDED is the last. A Keep that was killed by its filter has the
 * wait status of SIGSYS; one that halted exits with its enum dj_halt.
 *
 * What the jail could not have on this machine (namespaces, an empty root)
 * is said on stderr, one line each; what it must have is an error. Closing
 * the control socket ends launcher and Keep. Never needs root; as root it
 * becomes nobody (65534) as soon as the image is read.
 *
 * SGX: the Keep asks for its quoting enclave's target info first; then what it
 * leaves to be reported is a REPORT (lib/evidence/sgx.h), and the report is a
 * quote.
 */
#define DJ_LAUNCH_FD_REGION  3
#define DJ_LAUNCH_FD_CONTROL 4
#define DJ_LAUNCH_FD_TO_HOST 5
#define DJ_LAUNCH_FD_TO_KEEP 6
#define DJ_LAUNCH_FD_EMU     7
#define DJ_LAUNCH_FD_CGROUP  8 /* and 9 */

enum dj_launch_type {
	/* launcher -> donjond */
	DJ_LAUNCH_STARTED = 1,  /* bytes: the measurement, 32 or 48 */
	DJ_LAUNCH_FAILED = 2,   /* value: errno; bytes: text for the log */
	DJ_LAUNCH_REPORTED = 3, /* value: 0 or errno; bytes: the report, or
				   what is known of the error, in words */
	DJ_LAUNCH_ENDED = 4,    /* value: the Keep's wait status */
	/* donjond -> launcher */
	DJ_LAUNCH_REPORT = 16, /* bytes: u8 report_data[64]; SGX: a REPORT */
	DJ_LAUNCH_KILL = 17,
	DJ_LAUNCH_TARGET = 18, /* SGX: for whom a REPORT is to be; REPORTED */
};

struct dj_launch_msg {
	uint32_t type;
	uint32_t value;
	uint32_t len;
	uint32_t zero;
};

/* Guest policy of SNP Keeps: SMT allowed, which most hosts have on; no
 * debugging, no migration. */
#define DJ_LAUNCH_SNP_POLICY UINT64_C(0x30000)

#define DJ_LAUNCH_ASK_MAX 432 /* bytes of a message to a launcher */
#define DJ_LAUNCH_MSG_MAX (sizeof(struct dj_launch_msg) + 0x4000)
