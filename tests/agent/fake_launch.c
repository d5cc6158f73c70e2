// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/launch/launch.h"
#include "lib/proto/hostcall.h"

/*
 * A launcher and its Keep in one, for tests of the host agent: speaks
 * host/launch/launch.h and lib/proto/hostcall.h, with no jail, no image and no
 * session. It answers HELLO by a report and an OFFER, sends every RECORD
 * back, and behaves badly when the launch block's item 0x7000 names how:
 *
 *   fail       does not start          sigsys   ENDED by SIGSYS at a RECORD
 *   vanish     exits at a RECORD       mute     reports fail
 *   badline    an impossible out_head  badop    an unknown call
 *   badframe   sends EVIDENCE itself   again    a report at a RECORD
 *   busy       a call while its report is being made
 *   late       again, the report 300 ms late    lost   late, and it fails
 *   halt       three RECORDs, then releases itself at a RECORD
 *   tick       a RECORD each time a WAIT of 20 ms has passed
 */
static uint8_t *region;
static char mode[16] = "echo";
static struct dj_hc_keep line = { .magic = DJ_HC_MAGIC };

static volatile struct dj_hc_keep *keep_line(void)
{
	return (void *)(region + DJ_HC_KEEP_OFF);
}

static volatile struct dj_hc_host *host_line(void)
{
	return (void *)(region + DJ_HC_HOST_OFF);
}

static void barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void kick(void)
{
	uint64_t one = 1;

	if (write(DJ_LAUNCH_FD_TO_HOST, &one, 8) != 8)
		exit(1);
}

static void say(uint32_t type, uint32_t value, const void *p, uint32_t len)
{
	uint8_t buf[DJ_LAUNCH_MSG_MAX];
	struct dj_launch_msg m = { .type = type, .value = value, .len = len };

	memcpy(buf, &m, sizeof(m));
	if (len != 0)
		memcpy(buf + sizeof(m), p, len);
	if (send(DJ_LAUNCH_FD_CONTROL, buf, sizeof(m) + len, MSG_NOSIGNAL) < 0)
		exit(1);
}

static bool is_late(void)
{
	return strcmp(mode, "late") == 0 || strcmp(mode, "lost") == 0;
}

static void on_control(void)
{
	static const char again[] = "keep-session-v1 again";
	uint8_t buf[256];
	uint8_t report[240] = "DJPR";
	struct dj_launch_msg m;
	ssize_t n = recv(DJ_LAUNCH_FD_CONTROL, buf, sizeof(buf), 0);
	bool is_again;

	if (n < (ssize_t)sizeof(m))
		exit(0);
	memcpy(&m, buf, sizeof(m));
	if (m.type == DJ_LAUNCH_KILL) {
		say(DJ_LAUNCH_ENDED, SIGKILL, NULL, 0);
		exit(0);
	}
	memcpy(report + 72, buf + sizeof(m), 64);
	is_again = memcmp(report + 72 + 32, again, sizeof(again)) == 0;
	if (is_late() && is_again)
		usleep(300000);
	if (strcmp(mode, "mute") == 0 ||
		(strcmp(mode, "lost") == 0 && is_again))
		say(DJ_LAUNCH_REPORTED, 5, NULL, 0);
	else
		say(DJ_LAUNCH_REPORTED, 0, report, sizeof(report));
}

/* Sleeps until a kick, answering as the launcher meanwhile. */
static void doze(void)
{
	struct pollfd p[2] = { { .fd = DJ_LAUNCH_FD_CONTROL, .events = POLLIN },
		{ .fd = DJ_LAUNCH_FD_TO_KEEP, .events = POLLIN } };
	uint64_t kicks;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			exit(1);
		if (p[0].revents != 0)
			on_control();
		if (p[1].revents == 0)
			continue;
		if (read(DJ_LAUNCH_FD_TO_KEEP, &kicks, 8) != 8)
			exit(1);
		return;
	}
}

static void post(uint32_t op, uint64_t arg)
{
	volatile struct dj_hc_keep *k = keep_line();

	k->out_head = line.out_head;
	k->begin = ++line.seq;
	barrier();
	k->op = op;
	k->arg = arg;
	barrier();
	k->seq = line.seq;
	barrier();
	kick();
}

static void call(uint32_t op, uint64_t arg)
{
	post(op, arg);
	while (host_line()->reply_seq != line.seq)
		doze();
	barrier();
}

static void ring(uint32_t base, uint32_t pos, void *p, uint32_t len, bool out)
{
	uint32_t at = pos % DJ_HC_RING;
	uint32_t first = DJ_HC_RING - at < len ? DJ_HC_RING - at : len;
	uint8_t *b = p;

	if (out) {
		memcpy(region + base + at, b, first);
		memcpy(region + base, b + first, len - first);
	} else {
		memcpy(b, region + base + at, first);
		memcpy(b + first, region + base, len - first);
	}
}

static void put(uint8_t type, const void *p, uint32_t len)
{
	uint8_t frame[8 + 16400] = { type, 1, 0, 0, 0, 0, (uint8_t)(len >> 8),
		(uint8_t)len };

	memcpy(frame + 8, p, len);
	while (DJ_HC_RING - (line.out_head - host_line()->out_tail) < len + 8) {
		post(DJ_HC_WAIT, 0);
		doze();
	}
	barrier();
	ring(DJ_HC_OUT_OFF, line.out_head, frame, len + 8, true);
	line.out_head += len + 8;
}

static void report(const char *label, const uint8_t *nonce)
{
	uint8_t data[64] = { 0 };

	memcpy(data, nonce, 32);
	strcpy((char *)data + 32, label);
	memcpy(region + DJ_HC_DATA_OFF, data, 64);
	call(DJ_HC_REPORT, 0);
}

static void end(const char *how)
{
	volatile struct dj_hc_keep *k = keep_line();

	if (strcmp(how, "sigsys") == 0) {
		say(DJ_LAUNCH_ENDED, SIGSYS, NULL, 0);
		exit(0);
	}
	if (strcmp(how, "vanish") == 0)
		exit(7);
	if (strcmp(how, "badline") == 0)
		k->out_head = line.out_head + DJ_HC_RING + 1;
	if (strcmp(how, "badop") == 0)
		post(9, 0);
	if (strcmp(how, "busy") == 0) {
		uint8_t asked[256];

		post(DJ_HC_REPORT, 0);
		/* Once the agent has passed it on, which stays unanswered. */
		if (recv(DJ_LAUNCH_FD_CONTROL, asked, sizeof(asked), 0) <= 0)
			exit(1);
		post(DJ_HC_CLOCK, 0);
	}
	if (strcmp(how, "halt") == 0) {
		k->out_head = line.out_head;
		k->arg = DJ_HALT_RELEASED;
		barrier();
		k->op = DJ_HC_HALT;
		kick();
		say(DJ_LAUNCH_ENDED, 0, NULL, 0);
		exit(0);
	}
	kick();
	for (;;)
		doze();
}

static void on_record(const uint8_t *p, uint32_t len)
{
	if (strcmp(mode, "halt") == 0)
		for (int i = 0; i < 3; i++)
			put(5, p, len);
	if (strcmp(mode, "again") == 0 || is_late())
		report("keep-session-v1 again", p);
	if (strcmp(mode, "badframe") == 0)
		put(3, p, len);
	else
		put(5, p, len);
	if (strcmp(mode, "echo") != 0 && strcmp(mode, "again") != 0 &&
		strcmp(mode, "badframe") != 0 && strcmp(mode, "tick") != 0 &&
		!is_late())
		end(mode);
}

static bool take(void)
{
	uint8_t frame[8 + 16400];
	uint32_t have = host_line()->in_head - line.in_tail;
	uint32_t len;

	barrier();
	if (have == 0)
		return false;
	ring(DJ_HC_IN_OFF, line.in_tail, frame, 8, false);
	len = (uint32_t)frame[6] << 8 | frame[7];
	ring(DJ_HC_IN_OFF, line.in_tail, frame, 8 + len, false);
	line.in_tail += 8 + len;
	barrier();
	keep_line()->in_tail = line.in_tail;
	if (have > DJ_HC_RING / 4 * 3)
		kick();
	if (frame[0] == 1) {
		report("keep-session-v1 offer", frame + 16);
		put(2, "OFFER of a fake", 15);
	} else if (frame[0] == 5) {
		on_record(frame + 8, len);
	}
	return true;
}

/* Item 0x7000 of the launch block. */
static void read_mode(void)
{
	const uint8_t *p = region + DJ_HC_CONFIG_OFF + 4;
	uint32_t len;
	uint32_t n;

	memcpy(&len, region + DJ_HC_CONFIG_OFF, 4);
	for (uint32_t at = 48; at + 4 <= len; at += 4 + n) {
		n = (uint32_t)p[at + 2] << 8 | p[at + 3];
		if (p[at] != 0x70 || n >= sizeof(mode) || at + 4 + n > len)
			continue;
		memcpy(mode, p + at + 4, n);
		mode[n] = '\0';
	}
}

static uint64_t tick(void)
{
	static uint8_t note[272];
	static uint64_t next;
	uint64_t now;

	if (strcmp(mode, "tick") != 0 || line.in_tail == 0)
		return 0;
	call(DJ_HC_CLOCK, 1);
	now = host_line()->value;
	if (next != 0 && now >= next)
		put(5, note, sizeof(note));
	if (next == 0 || now >= next)
		next = now + 20000000;
	return next;
}

int main(void)
{
	static const uint8_t measurement[32] = { 0xfa, 0xce };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	region = mmap(NULL, DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED, DJ_LAUNCH_FD_REGION, 0);
	if (region == MAP_FAILED)
		return 1;
	read_mode();
	if (strcmp(mode, "fail") == 0) {
		say(DJ_LAUNCH_FAILED, 12, "no memory for the image", 23);
		return 1;
	}
	fprintf(stderr, "fake: mode %s\n", mode);
	say(DJ_LAUNCH_STARTED, 0, measurement, sizeof(measurement));
	memcpy(region + DJ_HC_KEEP_OFF, &line, sizeof(line));
	for (;;) {
		while (take())
			continue;
		post(DJ_HC_WAIT, tick());
		doze();
	}
}
