// SPDX-License-Identifier: Apache-2.0
#include "host/launch/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/launch/launch.h"

/*
 * No network namespace: it would cost 210 KiB of kernel memory and 0.5 ms a
 * Keep, as much as all the rest, and guards what the Keep's filter has no
 * call for; no socket survives into the Keep either.
 */
#define NAMESPACES                                                   \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | \
		CLONE_NEWUTS)
#define NOBODY 65534

/* What a failed child says through its pipe: a constant of this program,
 * which the child is a copy of. */
struct failure {
	int err;
	const char *what;
};

/* Where we may: an unprivileged launcher has nothing to drop. */
static void drop_bounding_set(void)
{
	for (int cap = 0; cap < 64; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[2] = { 0 };

	return (int)syscall(SYS_capset, &head, none);
}

const char *dj_jail_drop_root(void)
{
	if (geteuid() != 0)
		return NULL;
	drop_bounding_set();
	if (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
		setresuid(NOBODY, NOBODY, NOBODY) == 0)
		return NULL;
	/* Root of a user namespace that has nobody else: someone plain. */
	if (errno != EINVAL && errno != EPERM)
		return "cannot give up root";
	dprintf(2, "donjon-launch: root of a user namespace without nobody\n");
	return drop_capabilities() == 0 ? NULL : "cannot give up capabilities";
}

/*
 * An empty, read-only root. The mount point only has to exist: it is in our
 * own mount namespace, and everything else is unmounted right after.
 */
static int empty_root(void)
{
	static const char at[] = "/proc";
	const unsigned long flags =
		MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("none", at, "tmpfs", flags, "size=4k,mode=555") != 0 ||
		chdir(at) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
		umount2(".", MNT_DETACH) != 0)
		return -1;
	return chdir("/");
}

static int limit(int what, uint64_t most)
{
	struct rlimit r = { .rlim_cur = most, .rlim_max = most };

	return setrlimit((__rlimit_resource_t)what, &r);
}

/* Processes: the kernel may give a VM a thread of its own, whose filter does
 * not let it make one. */
static bool limit_all(uint64_t data, bool is_vm)
{
	return limit(RLIMIT_CORE, 0) == 0 && limit(RLIMIT_FSIZE, 0) == 0 &&
		limit(RLIMIT_NOFILE, DJ_LAUNCH_FD_TO_KEEP + 1) == 0 &&
		limit(RLIMIT_MEMLOCK, 0) == 0 &&
		limit(RLIMIT_MSGQUEUE, 0) == 0 &&
		limit(RLIMIT_STACK, 256 << 10) == 0 &&
		limit(RLIMIT_DATA, data) == 0 &&
		(is_vm || limit(RLIMIT_NPROC, 0) == 0);
}

/* Only 3, 5 and 6 outlive the exec. */
static bool close_the_rest(void)
{
	static const int closed[] = { 0, 1, 2, DJ_LAUNCH_FD_CONTROL };
	const int kept[] = { DJ_LAUNCH_FD_REGION, DJ_LAUNCH_FD_TO_HOST,
		DJ_LAUNCH_FD_TO_KEEP };

	if (close_range(DJ_LAUNCH_FD_TO_KEEP + 1, ~0u, CLOSE_RANGE_CLOEXEC))
		return false;
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		if (fcntl(closed[i], F_SETFD, FD_CLOEXEC) != 0 &&
			errno != EBADF)
			return false;
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (fcntl(kept[i], F_SETFD, 0) != 0)
			return false;
	}
	return true;
}

/* The same for what does not execute anything that would close them. */
static bool close_for_vm(void)
{
	return close_range(0, DJ_LAUNCH_FD_REGION - 1, 0) == 0 &&
		close_range(DJ_LAUNCH_FD_CONTROL, DJ_LAUNCH_FD_CONTROL, 0) ==
		0 &&
		close_range(DJ_LAUNCH_FD_TO_KEEP + 1, DJ_JAIL_FD_KEPT - 1, 0) ==
		0;
}

static _Noreturn void fail(int to, const char *what)
{
	struct failure f = { .err = errno, .what = what };

	(void)!write(to, &f, sizeof(f));
	_exit(127);
}

static _Noreturn void become_image(const struct dj_jail_body *b, int to)
{
	static char name[] = "donjon-keep";
	char *const argv[] = { name, NULL };
	char *const envp[] = { NULL };

	if (!close_the_rest())
		fail(to, "cannot keep descriptors from the Keep");
	if (!limit_all(b->data, false))
		fail(to, "cannot limit the Keep's resources");
	(void)execveat(b->image, "", argv, envp, AT_EMPTY_PATH);
	fail(to, "cannot start the keep image");
}

/* Closing the pipe's end says that all is well. */
static _Noreturn void become_vm(const struct dj_jail_body *b, int to)
{
	int last = fcntl(to, F_DUPFD_CLOEXEC, DJ_JAIL_FD_KEPT);
	const char *wrong;

	if (last < 0)
		fail(to, "cannot keep descriptors from the Keep");
	wrong = b->make(b->ctx);
	if (wrong != NULL)
		fail(last, wrong);
	if (!close_for_vm())
		fail(last, "cannot keep descriptors from the Keep");
	if (!limit_all(b->data, true))
		fail(last, "cannot limit the Keep's resources");
	wrong = b->ready(b->ctx, last);
	if (wrong != NULL)
		fail(last, wrong);
	b->run(b->ctx);
	_exit(127);
}

/*
 * Runs in the child. tied: closed once the launcher's death is ours; it writes
 * a byte to go only then, so an end of file there means that it died before.
 */
static _Noreturn void become_keep(const struct dj_jail_body *b, bool has_ns,
	int go, int to, int tied)
{
	sigset_t none;
	char c;

	sigemptyset(&none);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || close(tied) != 0 ||
		read(go, &c, 1) != 1 ||
		sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		fail(to, "cannot tie the Keep to its launcher");
	if (has_ns && empty_root() != 0)
		dprintf(2, "donjon-launch: the Keep has no empty root: %s\n",
			strerror(errno));
	drop_bounding_set();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		fail(to, "cannot forbid the Keep new privileges");
	if (b->run != NULL)
		become_vm(b, to);
	become_image(b, to);
}

static pid_t clone_child(uint64_t flags, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* What the child says before it runs the image; nothing if it does. */
static const char *await_exec(int from, pid_t pid)
{
	struct failure f;
	ssize_t n;

	do
		n = read(from, &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return NULL;
	(void)waitpid(pid, NULL, 0);
	if (n != (ssize_t)sizeof(f)) {
		errno = EIO;
		return "the Keep's process failed before its image ran";
	}
	errno = f.err;
	return f.what;
}

const char *dj_jail_start(const struct dj_jail_body *body,
	struct dj_jailed *ret)
{
	struct dj_jailed j;
	int go[2], from[2], tied[2];
	char c;
	bool has_ns = true;
	const char *wrong;

	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 ||
		pipe2(tied, O_CLOEXEC) != 0)
		return "cannot make a pipe";
	j.pid = clone_child(NAMESPACES, &j.pidfd);
	if (j.pid < 0 && errno != EAGAIN && errno != ENOMEM) {
		dprintf(2, "donjon-launch: the Keep has no namespaces: %s\n",
			strerror(errno));
		has_ns = false;
		j.pid = clone_child(0, &j.pidfd);
	}
	if (j.pid < 0)
		return "cannot make a process";
	if (j.pid == 0) {
		close(go[1]);
		become_keep(body, has_ns, go[0], from[1], tied[1]);
	}
	close(go[0]);
	close(from[1]);
	close(tied[1]);
	while (read(tied[0], &c, 1) < 0 && errno == EINTR)
		;
	close(tied[0]);
	/* A word that is not said is an end that the child reads. */
	(void)!write(go[1], "g", 1);
	close(go[1]);
	wrong = await_exec(from[0], j.pid);
	close(from[0]);
	if (wrong != NULL) {
		close(j.pidfd);
		return wrong;
	}
	*ret = j;
	return NULL;
}
