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

/* What a failed child says through its pipe. */
struct failure {
	int err;
	int step;
};

static const char *const steps[] = {
	"cannot tie the Keep to its launcher",
	"cannot limit the Keep's resources",
	"cannot forbid the Keep new privileges",
	"cannot keep descriptors from the Keep",
	"cannot start the keep image",
};
enum step {
	TIE,
	LIMIT,
	PRIVILEGE,
	DESCRIPTORS,
	EXEC
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

static bool limit_all(uint64_t data)
{
	return limit(RLIMIT_CORE, 0) == 0 && limit(RLIMIT_FSIZE, 0) == 0 &&
		limit(RLIMIT_NOFILE, DJ_LAUNCH_FD_TO_KEEP + 1) == 0 &&
		limit(RLIMIT_MEMLOCK, 0) == 0 &&
		limit(RLIMIT_MSGQUEUE, 0) == 0 &&
		limit(RLIMIT_STACK, 256 << 10) == 0 &&
		limit(RLIMIT_DATA, data) == 0 && limit(RLIMIT_NPROC, 0) == 0;
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

static _Noreturn void fail(int to, enum step step)
{
	struct failure f = { .err = errno, .step = (int)step };

	(void)!write(to, &f, sizeof(f));
	_exit(127);
}

/*
 * Runs in the child. go: the launcher writes a byte once it is ready; its end
 * of file means that the launcher died before we were tied to it.
 */
static _Noreturn void become_keep(int image, uint64_t data, bool has_ns, int go,
	int to)
{
	static char name[] = "donjon-keep";
	char *const argv[] = { name, NULL };
	char *const envp[] = { NULL };
	sigset_t none;
	char c;

	sigemptyset(&none);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || read(go, &c, 1) != 1 ||
		sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		fail(to, TIE);
	if (has_ns && empty_root() != 0)
		dprintf(2, "donjon-launch: the Keep has no empty root: %s\n",
			strerror(errno));
	drop_bounding_set();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		fail(to, PRIVILEGE);
	if (!close_the_rest())
		fail(to, DESCRIPTORS);
	if (!limit_all(data))
		fail(to, LIMIT);
	(void)execveat(image, "", argv, envp, AT_EMPTY_PATH);
	fail(to, EXEC);
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
	if (n != (ssize_t)sizeof(f) || f.step < 0 || f.step > EXEC) {
		errno = EIO;
		return "the Keep's process failed before its image ran";
	}
	errno = f.err;
	return steps[f.step];
}

const char *dj_jail_start(int image, uint64_t data, struct dj_jailed *ret)
{
	struct dj_jailed j;
	int go[2], from[2];
	bool has_ns = true;
	const char *wrong;

	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
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
		become_keep(image, data, has_ns, go[0], from[1]);
	}
	close(go[0]);
	close(from[1]);
	(void)!write(go[1], "g", 1);
	wrong = await_exec(from[0], j.pid);
	close(go[1]);
	close(from[0]);
	if (wrong != NULL) {
		close(j.pidfd);
		return wrong;
	}
	*ret = j;
	return NULL;
}
