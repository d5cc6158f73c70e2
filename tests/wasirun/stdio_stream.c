// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "keep/stream.h"
#include "tests/wasirun/wasirun.h"

static bool stdin_ended;

dj_status dj_stream_write(uint8_t stream, const void *p, size_t len)
{
	FILE *f = stream == DJ_STREAM_STDOUT ? stdout : stderr;

	if (stream != DJ_STREAM_STDOUT && stream != DJ_STREAM_STDERR)
		return DJ_E_INPUT;
	if (len != 0 && fwrite(p, 1, len, f) != len)
		return DJ_E_SYS;
	return DJ_OK;
}

void stdio_stream_flush(void)
{
	fflush(stdout);
	fflush(stderr);
}

dj_status dj_stream_read(uint8_t stream, void *p, size_t cap, size_t *ret_len)
{
	ssize_t n;

	if (stream != DJ_STREAM_STDIN)
		return DJ_E_INPUT;
	stdio_stream_flush();
	do {
		n = read(STDIN_FILENO, p, cap);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return DJ_E_SYS;
	stdin_ended = n == 0;
	*ret_len = (size_t)n;
	return DJ_OK;
}

uint64_t dj_stream_readable(uint8_t stream, bool *ret_ended)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	int n = 0;

	*ret_ended = stdin_ended;
	if (stream != DJ_STREAM_STDIN || poll(&p, 1, 0) <= 0)
		return 0;
	if (ioctl(STDIN_FILENO, FIONREAD, &n) == 0 && n > 0)
		return (uint64_t)n;
	*ret_ended = true;
	return 0;
}

uint64_t dj_stream_writable(uint8_t stream)
{
	return stream == DJ_STREAM_STDIN ? 0 : 1 << 20;
}

dj_status dj_stream_wait(uint64_t deadline)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now, ms = INT_MAX;

	stdio_stream_flush();
	if (dj_clock_monotonic(&now) != DJ_OK)
		return DJ_E_SYS;
	if (deadline != UINT64_MAX) {
		ms = deadline > now ? (deadline - now + 999999) / 1000000 : 0;
		if (ms > INT_MAX)
			ms = INT_MAX;
	}
	if (poll(&p, stdin_ended ? 0 : 1, (int)ms) < 0 && errno != EINTR)
		return DJ_E_SYS;
	/* Input that nobody waits for must not make waiting a busy loop. */
	if (p.revents != 0)
		usleep(1000);
	return DJ_OK;
}

static dj_status read_clock(clockid_t id, uint64_t *ret_ns)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		return DJ_E_SYS;
	*ret_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	return DJ_OK;
}

dj_status dj_clock_realtime(uint64_t *ret_ns)
{
	return read_clock(CLOCK_REALTIME, ret_ns);
}

dj_status dj_clock_recent(uint64_t *ret_ns)
{
	return dj_clock_realtime(ret_ns);
}

dj_status dj_clock_monotonic(uint64_t *ret_ns)
{
	return read_clock(CLOCK_MONOTONIC, ret_ns);
}

uint64_t dj_clock_resolution(void)
{
	return 1;
}

dj_status dj_program_random(void *dst, size_t len)
{
	uint8_t *p = dst;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			return DJ_E_SYS;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return DJ_OK;
}
