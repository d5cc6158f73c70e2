// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What our VMM (host/vmm/) and the shim of a VM Keep (keep/shim/vm/) agree
 * on: guest-physical addresses, ports and the state at entry. Also read by
 * the assembler, so numbers only. docs/tees/kvm.md has the reasons.
 *
 * Memory. Everything is zero but the image; what is not listed is not there,
 * and touching it ends the Keep.
 *
 *   0x00100000  1 MiB  the image: its own addresses, at most this much;
 *                      SNP: the last page the CPUID page, before it secrets
 *   0x00200000  4 MiB  ring 0: page tables, its stack at the end
 *   0x00600000  4 MiB  the shim's lists of frames and reservations
 *   0x00c00000  2 MiB  the stack
 *   0x01000000         the shared region (lib/proto/hostcall.h)
 *   0x01100000  3 pages  SNP: GHCB, guest request and its response, shared
 *   0x02000000         the frames that the Keep commits: as many bytes as
 *                      KCF1's total, rounded up to 2 MiB
 *
 * Entry: 64-bit mode at the image's entry address, ring 0, flat segments,
 * CR3 the image's first page, which is its PML4; CR0 PE MP ET NE WP AM PG,
 * CR4 PAE, EFER LME LMA NXE, RFLAGS 2, all other registers zero.
 *
 * Exits: HLT sleeps until the host kicks. A byte to DJ_VM_PORT_KICK kicks the
 * host, one to DJ_VM_PORT_HALT is the enum dj_halt that the Keep ends with.
 * Anything else that leaves the guest ends it with DJ_HALT_FAULT.
 *
 * SNP: entry is 32-bit protected mode without paging, CR0 PE ET, flat
 * segments, all else zero (lib/evidence/snp_launch.h). Where SEV_STATUS says
 * that there is no SEV the processor is emulated: a byte to
 * DJ_VM_PORT_VMGEXIT stands for VMGEXIT, and 4 to DJ_VM_PORT_PVALIDATE, a
 * frame's number, for its PVALIDATE. The rest is what the hardware has: the
 * GHCB's MSR and page. A byte to DJ_VM_PORT_WAIT sleeps as HLT does.
 */
#define DJ_VM_IMAGE       0x00100000
#define DJ_VM_IMAGE_SIZE  0x00100000
#define DJ_VM_TABLES      0x00200000
#define DJ_VM_TABLES_SIZE 0x00400000
#define DJ_VM_LISTS       0x00600000
#define DJ_VM_LISTS_SIZE  0x00400000
#define DJ_VM_STACK       0x00c00000
#define DJ_VM_STACK_SIZE  0x00200000
#define DJ_VM_LOW_END     0x00e00000
#define DJ_VM_REGION      0x01000000
#define DJ_VM_FRAMES      0x02000000
#define DJ_VM_LARGE       0x00200000 /* a large page */
#define DJ_VM_FRAMES_MAX  0x100000   /* of 4 KiB: 4 GiB */

#define DJ_VM_PORT_KICK 0x10
#define DJ_VM_PORT_HALT 0x11

#define DJ_VM_SECRETS        0x001fe000
#define DJ_VM_CPUID          0x001ff000
#define DJ_VM_GHCB           0x01100000
#define DJ_VM_REQUEST        0x01101000
#define DJ_VM_RESPONSE       0x01102000
#define DJ_VM_SNP_SIZE       0x3000
#define DJ_VM_PORT_WAIT      0x12
#define DJ_VM_PORT_VMGEXIT   0x13
#define DJ_VM_PORT_PVALIDATE 0x14

/* GHCB termination: reason set, reason an enum dj_halt. */
#define DJ_VM_SNP_REASONS 0xd
