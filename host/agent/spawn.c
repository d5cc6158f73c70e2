// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/agent/agent.h"
#include "host/agent/keep.h"
#include "host/launch/launch.h"
#include "lib/proto/offer.h"

/*
 * Every descriptor here is close-on-exec; a child gets exactly the ones it
 * is due, at the numbers of launch.h. Sources are moved above those numbers
 * first, so that no dup2 can overwrite one that is still to come.
 */
#define FIRST_FREE 16

enum {
	NULL_FD,
	STDERR_FD,
	REGION,
	CONTROL,
	TO_HOST,
	TO_KEEP,
	EMU_LAUNCHER, /* the two ends of the emulator's socket */
	EMU,
	CGROUP, /* DJ_CGROUP_MAX of them */
	COUNT = CGROUP + DJ_CGROUP_MAX
};

struct parts {
	int child[COUNT]; /* -1: none */
	int control;
	int console;
};

static int raise_fd(int fd)
{
	int high;

	if (fd < 0 || fd >= FIRST_FREE)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
	close(fd);
	return high;
}

static bool make_region(struct dj_keep *k, struct parts *p)
{
	int fd = raise_fd(
		memfd_create("donjon-region", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	p->child[REGION] = fd;
	if (fd < 0 || ftruncate(fd, DJ_HC_REGION_SIZE) != 0 ||
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return false;
	k->region = mmap(NULL, DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED, fd, 0);
	if (k->region == MAP_FAILED) {
		k->region = NULL;
		return false;
	}
	if (dj_serve_init(&k->serve, k->region, k->ask.block,
		    k->ask.block_len) != DJ_OK)
		return false;
	dj_adversary_block(k, k->region + DJ_HC_CONFIG_OFF + 4,
		k->ask.block_len);
	return true;
}

/* ours is non-blocking, theirs blocks. */
static bool make_pair(int *ours, int *theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	*ours = raise_fd(fds[0]);
	*theirs = raise_fd(fds[1]);
	return *ours >= 0 && *theirs >= 0 &&
		fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static bool make_parts(struct dj_keep *k, struct parts *p)
{
	int fds[2];
	int emu;

	p->child[NULL_FD] = raise_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
	if (p->child[NULL_FD] < 0 || pipe2(fds, O_CLOEXEC) != 0)
		return false;
	p->console = raise_fd(fds[0]);
	p->child[STDERR_FD] = raise_fd(fds[1]);
	if (p->console < 0 || p->child[STDERR_FD] < 0 ||
		fcntl(p->console, F_SETFL, O_NONBLOCK) != 0)
		return false;
	if (!make_region(k, p) || !make_pair(&p->control, &p->child[CONTROL]))
		return false;
	/* The Keep's own kicks never block, for nobody fills that counter;
	   ours to it never do, for the jail keeps it from writing there. */
	p->child[TO_HOST] = raise_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	p->child[TO_KEEP] = raise_fd(eventfd(0, EFD_CLOEXEC));
	if (p->child[TO_HOST] < 0 || p->child[TO_KEEP] < 0)
		return false;
	if (!k->is_emulated)
		return true;
	/* Neither end is ours, so both block. */
	if (!make_pair(&emu, &p->child[EMU_LAUNCHER]))
		return false;
	p->child[EMU] = emu;
	return fcntl(emu, F_SETFL, 0) == 0;
}

struct gift {
	int from; /* index of struct parts.child */
	int to;
};

static int start(const struct parts *p, const struct gift *gifts, size_t count,
	char *const *argv, pid_t *ret)
{
	static char path[] = "PATH=/usr/bin:/bin";
	static char *env[] = { path, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t set;
	int end = 0;
	int err;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	err = 0;
	for (size_t i = 0; i < count && err == 0; i++) {
		if (p->child[gifts[i].from] < 0)
			continue;
		err = posix_spawn_file_actions_adddup2(&fa,
			p->child[gifts[i].from], gifts[i].to);
		end = gifts[i].to + 1;
	}
	if (err == 0)
		err = posix_spawn_file_actions_addclosefrom_np(&fa, end);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&at, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&at, &set);
	posix_spawnattr_setflags(&at,
		POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (err == 0)
		err = posix_spawn(ret, argv[0], &fa, &at, argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	return err;
}

/* argv wants no const, and the program does not write to it. */
static char *arg(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { .in = s };

	return u.out;
}

static int start_emulator(struct dj_keep *k, const struct parts *p)
{
	static const struct gift gifts[] = { { NULL_FD, 0 }, { NULL_FD, 1 },
		{ STDERR_FD, 2 }, { EMU, 3 } };
	char *argv[] = { k->agent->emulator, arg("serve"), arg(k->kind->name),
		arg(k->agent->opt.emulation), NULL };

	return start(p, gifts, 4, argv, &k->emulator);
}

static int start_launcher(struct dj_keep *k, const struct parts *p)
{
	static const struct gift gifts[] = { { NULL_FD, 0 }, { NULL_FD, 1 },
		{ STDERR_FD, 2 }, { REGION, DJ_LAUNCH_FD_REGION },
		{ CONTROL, DJ_LAUNCH_FD_CONTROL },
		{ TO_HOST, DJ_LAUNCH_FD_TO_HOST },
		{ TO_KEEP, DJ_LAUNCH_FD_TO_KEEP },
		{ EMU_LAUNCHER, DJ_LAUNCH_FD_EMU },
		{ CGROUP, DJ_LAUNCH_FD_CGROUP },
		{ CGROUP + 1, DJ_LAUNCH_FD_CGROUP + 1 } };
	char image[4096 + 64];
	const char *folder =
		k->kind->tee == DJ_TEE_SNP ? k->agent->opt.snp : NULL;
	char *argv[] = { k->agent->launcher, arg(k->kind->name), image,
		folder == NULL ? NULL : arg(folder), NULL };

	snprintf(image, sizeof(image), "%s/%s.elf", k->agent->image_dir,
		k->kind->name);
	dj_adversary_image(k, image, sizeof(image));
	return start(p, gifts, sizeof(gifts) / sizeof(gifts[0]), argv,
		&k->launcher);
}

/* A Keep without the limits that were asked for does not start. */
static int enter_cgroup(struct dj_keep *k, struct parts *p)
{
	const struct dj_cgroup *g = &k->agent->cgroup;
	int procs[DJ_CGROUP_MAX] = { -1, -1 };
	int err = 0;

	if (g->count == 0)
		return 0;
	if (dj_cgroup_make(g, k->id, k->ask.config.total_memory, procs) !=
		DJ_OK)
		err = errno;
	else
		k->has_cgroup = true;
	for (size_t i = 0; i < DJ_CGROUP_MAX; i++)
		p->child[CGROUP + i] = raise_fd(procs[i]);
	return err;
}

static void close_all(struct parts *p)
{
	for (size_t i = 0; i < COUNT; i++)
		if (p->child[i] >= 0)
			close(p->child[i]);
}

dj_status dj_keep_spawn(struct dj_keep *k, char text[static 256])
{
	struct parts p = { .control = -1, .console = -1 };
	const char *what = "descriptors";
	int err = 0;

	for (size_t i = 0; i < COUNT; i++)
		p.child[i] = -1;
	if (!make_parts(k, &p)) {
		err = errno;
	} else {
		what = "its control group";
		err = enter_cgroup(k, &p);
	}
	if (err == 0) {
		if (k->is_emulated) {
			what = k->agent->emulator;
			err = start_emulator(k, &p);
		}
		if (err == 0) {
			what = k->agent->launcher;
			err = start_launcher(k, &p);
		}
	}
	if (err != 0) {
		snprintf(text, 256, "cannot start a Keep: %.120s: %s", what,
			strerror(err));
		close_all(&p);
		if (p.control >= 0)
			close(p.control);
		if (p.console >= 0)
			close(p.console);
		return DJ_E_SYS;
	}
	k->control = p.control;
	k->console_fd = p.console;
	k->to_host = p.child[TO_HOST];
	k->to_keep = p.child[TO_KEEP];
	p.child[TO_HOST] = -1;
	p.child[TO_KEEP] = -1;
	close_all(&p);
	return DJ_OK;
}
