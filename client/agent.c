// SPDX-License-Identifier: Apache-2.0
#include "client/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AGENT_FD   3
#define PATIENCE_S 5

/* What a child is to have: AGENT_FD is fd (-1: closed), stderr is log. */
static void in_child(char *const argv[], int fd, int log, pid_t parent)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	/* A terminal's Ctrl-C is for us: the program is to stop in order. */
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
		dup2(null, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(127);
	if (fd == AGENT_FD)
		(void)fcntl(fd, F_SETFD, 0);
	else if (fd >= 0 && dup2(fd, AGENT_FD) < 0)
		_exit(127);
	(void)execv(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static pid_t start(char *const argv[], int fd, int log)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		in_child(argv, fd, log, parent);
	return pid;
}

/* The last line of a log, cleaned; "" if there is none. */
static void last_line(int log, char *dst, size_t cap)
{
	char text[2048];
	ssize_t n;
	off_t size = lseek(log, 0, SEEK_END);
	off_t from =
		size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0;
	char *p = text;
	size_t len;

	dst[0] = '\0';
	n = pread(log, text, sizeof(text), from);
	if (n <= 0)
		return;
	len = (size_t)n;
	while (len > 0 && text[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			p = text + i + 1;
	}
	dj_clean(dst, cap, p, (size_t)(text + len - p));
}

static int remove_one(const char *path, const struct stat *st, int flag,
	struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* Runs donjon-emu; what it says last explains a failure. */
static bool run_emu(char *const argv[], const char *dir, struct dj_err *err)
{
	char program[DJ_PATH_MAX], said[300];
	char *args[8] = { program };
	int log = memfd_create("donjon-emu", MFD_CLOEXEC);
	int status = -1;
	pid_t pid;

	if (!dj_path_program(program, "donjon-emu")) {
		close(log);
		return dj_err_set(err, "agent.start",
			"making the development root: donjon-emu is not installed beside this program");
	}
	for (size_t i = 0; argv[i] != NULL && i < 6; i++)
		args[i + 1] = argv[i];
	pid = start(args, -1, log);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	last_line(log, said, sizeof(said));
	close(log);
	return status == 0 ||
		dj_err_set(err, "agent.root",
			"making the development root in %s: %s", dir,
			said[0] == '\0' ? "donjon-emu failed" : said);
}

/* Made under another name, then renamed: never seen half made. */
static bool make_root(const char *root, struct dj_err *err)
{
	char fresh[DJ_PATH_MAX];
	char verb[] = "init";
	char *argv[] = { verb, fresh, NULL };
	sigset_t stops, before;
	bool good;

	if (snprintf(fresh, sizeof(fresh), "%s.%d", root, (int)getpid()) >=
		(int)sizeof(fresh))
		return dj_err_set(err, "state.write",
			"making the development root %s: the path is too long",
			root);
	/* A moment; who ends us in it would leave keys under that name. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &stops, &before);
	good = run_emu(argv, fresh, err);
	/* Another run may have been faster. */
	if (good && rename(fresh, root) != 0 && errno != ENOTEMPTY &&
		errno != EEXIST)
		good = dj_err_set(err, "state.write",
			"making the development root %s: %s", root,
			strerror(errno));
	(void)nftw(fresh, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return good;
}

bool dj_agent_has(const char *root, const char *tee)
{
	char file[DJ_PATH_MAX + 64];

	(void)snprintf(file, sizeof(file), "%s/%s-chain.pem", root, tee);
	return access(file, R_OK) == 0;
}

bool dj_agent_add(const char *root, const char *tee, struct dj_err *err)
{
	char dir[DJ_PATH_MAX], name[16];
	char verb[] = "add";
	char *argv[] = { verb, name, dir, NULL };

	if (dj_agent_has(root, tee))
		return true;
	(void)snprintf(dir, sizeof(dir), "%s", root);
	(void)snprintf(name, sizeof(name), "%s", tee);
	return run_emu(argv, dir, err);
}

bool dj_agent_root(char ret[static DJ_PATH_MAX], struct dj_err *err)
{
	char file[DJ_PATH_MAX + 16];

	if (!dj_path_state(ret, "emulation"))
		return dj_state_make(err);
	(void)snprintf(file, sizeof(file), "%s/root.pem", ret);
	if (access(file, R_OK) == 0)
		return true;
	return dj_state_make(err) && make_root(ret, err);
}

bool dj_agent_start(struct dj_agent *a, bool verbose, struct dj_err *err)
{
	char program[DJ_PATH_MAX], launch[DJ_PATH_MAX], emu[DJ_PATH_MAX];
	char words[][16] = { "--private-fd", "3", "--image-dir", "--launcher",
		"--emulator", "--emulation", "--verbose" };
	char *argv[] = { program, words[0], words[1], words[2], a->images,
		words[3], launch, words[4], emu, words[5], a->root,
		verbose ? words[6] : NULL, NULL };
	int pair[2];

	*a = (struct dj_agent){ .fd = -1, .log = -1 };
	if (!dj_path_program(program, "donjond") ||
		!dj_path_program(launch, "donjon-launch") ||
		!dj_path_program(emu, "donjon-emu") ||
		!dj_path_images(a->images))
		return dj_err_set(err, "agent.start",
			"starting a private agent: donjond, donjon-launch, donjon-emu or the Keep images are not beside this program nor installed");
	if (!dj_agent_root(a->root, err))
		return false;
	a->log = verbose ? dup(STDERR_FILENO)
			 : memfd_create("donjond", MFD_CLOEXEC);
	if (a->log < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return dj_err_set(err, "agent.start",
			"starting a private agent: %s", strerror(errno));
	a->pid = start(argv, pair[1], a->log);
	close(pair[1]);
	a->fd = pair[0];
	if (a->pid > 0)
		return true;
	a->pid = 0;
	return dj_err_set(err, "agent.start", "starting a private agent: %s",
		strerror(errno));
}

void dj_agent_explain(const struct dj_agent *a, struct dj_err *err)
{
	char said[300];
	size_t len = strlen(err->text);

	if (a->log < 0 || err->info == NULL)
		return;
	last_line(a->log, said, sizeof(said));
	if (said[0] != '\0')
		(void)snprintf(err->text + len, sizeof(err->text) - len,
			"; the agent says: %s", said);
}

void dj_agent_end(struct dj_agent *a)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	for (int i = 0; a->pid > 0 && i < PATIENCE_S * 500; i++) {
		if (waitpid(a->pid, NULL, WNOHANG) != 0)
			a->pid = 0;
		else
			(void)nanosleep(&pause, NULL);
	}
	if (a->pid > 0) {
		(void)kill(a->pid, SIGKILL);
		(void)waitpid(a->pid, NULL, 0);
		a->pid = 0;
	}
	if (a->log >= 0)
		close(a->log);
	a->log = -1;
}
