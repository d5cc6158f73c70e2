// SPDX-License-Identifier: Apache-2.0
#include "client/stay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "client/journal.h"
#include "client/policy_file.h"
#include "client/receipt.h"
#include "client/tees.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/begin.h"

#define RESULT_MAX  ((size_t)1 << 20)
#define STREAMS_MAX ((size_t)2 * DJ_NAMED_MAX * DJ_PATH_MAX)

bool dj_stay_file(int fd, char ret[static DJ_PATH_MAX], uint64_t *ret_base)
{
	char link[40];
	struct stat here, there;
	off_t at;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, DJ_PATH_MAX - 1);
	if (n <= 0 || fstat(fd, &here) < 0 || !S_ISREG(here.st_mode))
		return false;
	ret[n] = '\0';
	if (stat(ret, &there) < 0 || here.st_dev != there.st_dev ||
		here.st_ino != there.st_ino)
		return false;
	at = (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? here.st_size
						  : lseek(fd, 0, SEEK_CUR);
	*ret_base = (uint64_t)at;
	return at >= 0;
}

bool dj_stay_named(const struct dj_named *named, size_t count)
{
	char path[DJ_PATH_MAX];
	uint64_t at;

	for (size_t i = 0; i < count; i++) {
		const struct dj_named *n = &named[i];

		if ((n->in_fd >= 0 && !dj_stay_file(n->in_fd, path, &at)) ||
			(n->out_fd >= 0 && !dj_stay_file(n->out_fd, path, &at)))
			return false;
	}
	return true;
}

void dj_stay_init(struct dj_stay *y)
{
	*y = (struct dj_stay){ .describe = y->describe, .ctx = y->ctx };
	y->record.fd = -1;
}

static int own(struct dj_stay *y, int fd)
{
	if (fd >= 0)
		y->fds[y->fd_count++] = fd;
	return fd;
}

bool dj_stay_make(struct dj_stay *y, const char *name, bool is_fixed,
	struct dj_err *err)
{
	return dj_record_make(&y->record, name, is_fixed, err);
}

static bool set_text(struct dj_stay *y, enum dj_ticket_text which,
	const char *text, bool is_path, struct dj_err *err)
{
	char *full = NULL;
	bool good;

	if (text == NULL || text[0] == '\0')
		return true;
	if (is_path && text[0] != '/') {
		char *cwd = getcwd(NULL, 0);

		if (cwd == NULL || asprintf(&full, "%s/%s", cwd, text) < 0)
			full = NULL;
		free(cwd);
		text = full;
	}
	good = text != NULL && strlen(text) < DJ_PATH_MAX;
	if (good)
		memcpy(y->t.text[which], text, strlen(text) + 1);
	free(full);
	return good ||
		dj_err_set(err, "state.write",
			"writing the ticket: a path is too long");
}

bool dj_stay_path(struct dj_stay *y, enum dj_ticket_text which,
	const char *path, struct dj_err *err)
{
	return set_text(y, which, path, true, err);
}

/* A pipe or a terminal has no place that could be found again. */
static void find_streams(struct dj_stay *y)
{
	const struct dj_job *j = y->job;
	struct dj_ticket_file *t = &y->t;
	struct stat st;

	if (j->in_fd < 0 ||
		(fstat(j->in_fd, &st) == 0 && S_ISCHR(st.st_mode) &&
			st.st_rdev == makedev(1, 3)))
		t->flags |= DJ_TICKET_NO_INPUT;
	else if (!dj_stay_file(j->in_fd, t->text[DJ_TICKET_IN], &t->in_base))
		t->text[DJ_TICKET_IN][0] = '\0';
	if (!dj_stay_file(j->out_fd, t->text[DJ_TICKET_OUT], &t->out_base)) {
		t->text[DJ_TICKET_OUT][0] = '\0';
		t->flags |= DJ_TICKET_DISCARD_OUT;
	}
	/* Our own standard error has our own messages between: no offsets. */
	if (j->err_fd == STDERR_FILENO ||
		!dj_stay_file(j->err_fd, t->text[DJ_TICKET_ERR],
			&t->err_base)) {
		t->text[DJ_TICKET_ERR][0] = '\0';
		if (fstat(j->err_fd, &st) == 0 && S_ISCHR(st.st_mode) &&
			st.st_rdev == makedev(1, 3))
			t->flags |= DJ_TICKET_DISCARD_ERR;
	}
}

static bool hash_file(const char *path, uint8_t ret[static 32])
{
	char *text = NULL;
	size_t len = 0;

	if (dj_file_read(path, DJ_POLICY_SIZE_MAX, &text, &len) != DJ_OK)
		return false;
	dj_sha256(text, len, ret);
	free(text);
	return true;
}

static bool fill(struct dj_stay *y, struct dj_err *err)
{
	const struct dj_visit *v = y->visit;
	const struct dj_visit_options *o = v->o;

	y->t.tee = v->tees[0].tee;
	y->t.emulated = v->tees[0].emulated;
	y->t.trees = (uint8_t)y->job->tree_count;
	y->t.begun = (uint64_t)time(NULL);
	y->t.module_len = y->job->module_len;
	memcpy(y->t.module_hash, y->job->module_hash, 32);
	memcpy(y->t.config_hash, v->config_hash, 32);
	dj_sha256(y->job->begin, y->job->begin_len, y->t.begin_hash);
	y->t.flags |= (o->one_size ? (uint32_t)DJ_TICKET_ONE_SIZE : 0) |
		(o->receipts ? (uint32_t)DJ_TICKET_RECEIPTS : 0);
	find_streams(y);
	return set_text(y, DJ_TICKET_HOST, dj_host_name(v->host), false, err) &&
		set_text(y, DJ_TICKET_KEEP, v->keep, false, err) &&
		set_text(y, DJ_TICKET_POLICY, o->policy, true, err) &&
		set_text(y, DJ_TICKET_OWNER, o->owner, true, err) &&
		set_text(y, DJ_TICKET_CA, o->host.ca, true, err) &&
		set_text(y, DJ_TICKET_CERT, o->host.cert, true, err) &&
		set_text(y, DJ_TICKET_KEY, o->host.key, true, err) &&
		set_text(y, DJ_TICKET_TOKEN_FILE, o->host.token_file, true,
			err) &&
		(hash_file(y->t.text[DJ_TICKET_POLICY], y->t.policy_hash) ||
			dj_err_set(err, "policy.read",
				"reading the policy %s: %s", o->policy,
				strerror(errno)));
}

static int make_file(struct dj_stay *y, const char *name)
{
	return own(y,
		openat(y->record.fd, name,
			O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600));
}

static bool spool_tree(struct dj_stay *y, struct dj_tar *tar, int fd,
	struct dj_err *err)
{
	uint8_t piece[65536];
	size_t len = 0;

	do {
		if (!dj_tar_read(tar, piece, sizeof(piece), &len, err))
			return false;
		if (write(fd, piece, len) != (ssize_t)len)
			return dj_err_set(err, "state.write",
				"packing a folder into %s: %s", y->record.dir,
				strerror(errno));
	} while (len > 0);
	return fsync(fd) == 0 ||
		dj_err_set(err, "state.write", "packing a folder into %s: %s",
			y->record.dir, strerror(errno));
}

/* The file of a descriptor and a NUL; nothing but that for -1. */
static size_t put_path(char *dst, int fd)
{
	uint64_t at;

	if (fd < 0 || !dj_stay_file(fd, dst, &at))
		dst[0] = '\0';
	return strlen(dst) + 1;
}

/* `streams`: the two files of each named stream, in BEGIN's order. */
static bool spool_named(struct dj_stay *y, struct dj_err *err)
{
	const struct dj_job *j = y->job;
	char *text = malloc(STREAMS_MAX);
	size_t len = 0;
	bool good;

	if (text == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	for (size_t i = 0; i < j->named_count; i++) {
		len += put_path(text + len, j->named[i].in_fd);
		len += put_path(text + len, j->named[i].out_fd);
	}
	good = dj_record_write(&y->record, "streams", text, len, err);
	free(text);
	return good;
}

static bool spool(struct dj_stay *y, struct dj_err *err)
{
	struct dj_job *j = y->job;

	if (!spool_named(y, err) ||
		!dj_record_write(&y->record, "module", j->module, j->module_len,
			err) ||
		!dj_record_write(&y->record, "begin", j->begin, j->begin_len,
			err))
		return false;
	for (size_t i = 0; i < j->tree_count; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "tree-%zu", i);
		j->tree_fds[i] = make_file(y, name);
		if (j->tree_fds[i] < 0 ||
			!spool_tree(y, j->trees[i], j->tree_fds[i], err))
			return dj_err_set(err, "state.write", "making %s/%s",
				y->record.dir, name);
	}
	j->diag_fd = make_file(y, "diag");
	return j->diag_fd >= 0 ||
		dj_err_set(err, "state.write", "making %s/diag: %s",
			y->record.dir, strerror(errno));
}

static bool write_receipt(struct dj_stay *y, const struct dj_outcome *o,
	struct dj_err *err)
{
	const char *path = y->t.text[DJ_TICKET_RECEIPT];
	char *text;
	bool good;

	if (path[0] == '\0' || o->receipt == NULL)
		return true;
	text = dj_receipt_text(&y->visit->session, y->job, o,
		y->visit->verdict.tee, y->visit->verdict.emulated);
	if (text == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	good = dj_durable_write(path, text, strlen(text), err);
	free(text);
	return good;
}

bool dj_stay_publish(struct dj_stay *y, struct dj_err *err)
{
	const char *path = y->t.text[DJ_TICKET_EXIT_FILE];
	size_t len = 0;
	uint8_t *text;
	bool good;

	if (path[0] == '\0')
		return true;
	text = dj_record_read(&y->record, "result", RESULT_MAX, &len);
	good = text != NULL ? dj_durable_write(path, text, len, err)
			    : dj_err_set(err, "keep.ticket",
				      "reading the result of %s: it is damaged",
				      y->record.name);
	free(text);
	return good;
}

static void note(const struct dj_stay *y, const char *event, json_t *detail)
{
	if (y->record.fd >= 0)
		dj_journal_add(&y->record, y->t.text[DJ_TICKET_KEEP], event,
			detail);
	else
		json_decref(detail);
}

/* For people: the word for it, and the program's code if it ended itself. */
static void note_end(const struct dj_stay *y, const struct dj_outcome *o)
{
	static const char *const how[] = { "exit", "trap", "stopped", "engine",
		"limit", "refused" };
	json_t *detail = json_object();

	if (o->exit.how < sizeof(how) / sizeof(how[0]))
		(void)json_object_set_new(detail, "how",
			json_string(how[o->exit.how]));
	if (o->exit.how == DJ_EXIT_EXIT)
		(void)json_object_set_new(detail, "code",
			json_integer(o->exit.code));
	note(y, "exited", detail);
}

/*
 * How it ended is written once; who comes again finds it written, and gives
 * the exit file the same bytes.
 */
static bool write_result(struct dj_stay *y, const struct dj_outcome *o,
	struct dj_err *err)
{
	const char *exit_file = y->t.text[DJ_TICKET_EXIT_FILE];
	bool has_folder = y->record.fd >= 0, good = true;
	char *text;

	if (!write_receipt(y, o, err))
		return false;
	if (has_folder && dj_record_has(&y->record, "result"))
		return dj_stay_publish(y, err);
	text = y->describe(y->ctx, o);
	if (text == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	if (has_folder)
		good = dj_record_write(&y->record, "result", text, strlen(text),
			err);
	if (good && exit_file[0] != '\0')
		good = dj_durable_write(exit_file, text, strlen(text), err);
	free(text);
	if (good)
		note_end(y, o);
	return good;
}

static bool on_fact(void *ctx, enum dj_job_fact fact,
	const struct dj_outcome *o, struct dj_err *err)
{
	struct dj_stay *y = ctx;

	if (fact == DJ_JOB_RESULT)
		return write_result(y, o, err);
	if (y->record.fd < 0 || y->t.text[DJ_TICKET_IN][0] != '\0' ||
		(y->t.flags & DJ_TICKET_NO_INPUT) != 0)
		return true;
	y->t.flags |= DJ_TICKET_INPUT_KNOWN;
	y->t.input_len = o->input_len;
	memcpy(y->t.input_hash, o->input_hash, 32);
	return dj_record_store(&y->record, &y->t, err);
}

static void on_step(void *ctx, enum dj_job_step step)
{
	struct dj_stay *y = ctx;

	switch (step) {
	case DJ_JOB_SENT:
		if (!y->was_running)
			note(y, "running", NULL);
		break;
	case DJ_JOB_ATTESTED:
		note(y, "attested", NULL);
		break;
	}
}

/* What was judged, to be shown and judged again. Not durable. */
static void keep_evidence(struct dj_stay *y)
{
	size_t len = 0;
	uint8_t *p = dj_visit_bundle(y->visit, &len);
	int fd = p == NULL ? -1 : make_file(y, "evidence");

	if (fd >= 0)
		(void)!write(fd, p, len);
	free(p);
}

/* Rule D: nothing is sent after READY before this has held. */
static bool on_ready(void *ctx, const struct dj_session *s, struct dj_err *err)
{
	struct dj_stay *y = ctx;
	bool lost = y->input_lost ||
		((y->t.flags & DJ_TICKET_INPUT_KNOWN) != 0 &&
			s->ready.stdin_next < y->t.input_len);

	keep_evidence(y);
	y->t.ticket = s->ticket;
	y->t.attach_no = s->attach_no;
	memcpy(y->t.keep_id, s->keep_id, 32);
	if (!dj_record_store(&y->record, &y->t, err))
		return false;
	dj_record_set_about(&y->record, &y->t);
	y->visit->is_kept = true;
	y->is_attached = true;
	note(y, y->is_back ? "attached" : "claimed",
		json_pack("{s:I}", "attach_no", (json_int_t)s->attach_no));
	y->was_running = s->ready.phase >= DJ_PHASE_RUNNING;
	if (!lost || !y->is_back || s->ready.phase == DJ_PHASE_EXITED)
		return true;
	return dj_err_set(err, "keep.input",
		"coming back to %s: it wants its input from byte %llu on, and that came from a pipe",
		y->record.name, (unsigned long long)s->ready.stdin_next);
}

static void hook(struct dj_stay *y, struct dj_visit *v, struct dj_job *job)
{
	y->visit = v;
	y->job = job;
	job->record = on_fact;
	job->record_ctx = y;
	if (y->record.fd < 0)
		return;
	v->on_ready = on_ready;
	v->on_step = on_step;
	v->ready_ctx = y;
	job->is_durable = true;
	dj_no_core();
}

bool dj_stay_begin(struct dj_stay *y, struct dj_visit *v, struct dj_job *job,
	struct dj_err *err)
{
	hook(y, v, job);
	return y->record.fd < 0 ||
		(fill(y, err) && spool(y, err) &&
			dj_record_store(&y->record, &y->t, err));
}

bool dj_stay_open(struct dj_stay *y, const char *name, struct dj_err *err)
{
	dj_stay_init(y);
	y->is_back = true;
	dj_no_core();
	return dj_record_open(&y->record, name, err);
}

static const char *text_of(const struct dj_stay *y, enum dj_ticket_text which)
{
	return y->t.text[which][0] == '\0' ? NULL : y->t.text[which];
}

void dj_stay_options(const struct dj_stay *y, struct dj_visit_options *ret,
	const char **host, const char **tee)
{
	*host = y->t.text[DJ_TICKET_HOST];
	*tee = dj_tee_word(y->t.tee, y->t.emulated);
	*ret = (struct dj_visit_options){
		.hosts = host,
		.host_count = 1,
		.host = {
			.ca = text_of(y, DJ_TICKET_CA),
			.cert = text_of(y, DJ_TICKET_CERT),
			.key = text_of(y, DJ_TICKET_KEY),
			.token_file = text_of(y, DJ_TICKET_TOKEN_FILE),
			.private_fd = -1,
		},
		.policy = text_of(y, DJ_TICKET_POLICY),
		.tees = tee,
		.tee_count = 1,
		.owner = text_of(y, DJ_TICKET_OWNER),
		.one_size = (y->t.flags & DJ_TICKET_ONE_SIZE) != 0,
		.receipts = (y->t.flags & DJ_TICKET_RECEIPTS) != 0,
	};
}

bool dj_stay_policy(const struct dj_stay *y, struct dj_err *err)
{
	uint8_t hash[32];

	if (!hash_file(y->t.text[DJ_TICKET_POLICY], hash))
		return dj_err_set(err, "policy.read",
			"reading the policy %s: %s",
			y->t.text[DJ_TICKET_POLICY], strerror(errno));
	return memcmp(hash, y->t.policy_hash, 32) == 0 ||
		dj_err_set(err, "keep.policy",
			"coming back to %s: %s is not as it was when this Keep was accepted",
			y->record.name, y->t.text[DJ_TICKET_POLICY]);
}

/* An output that goes on where its file ends; all of it must be on the disk. */
static int reopen(struct dj_stay *y, uint8_t stream, int fd, uint64_t base,
	const char *path, struct dj_err *err)
{
	struct dj_resume_stream *s = &y->resume.streams[y->resume.stream_count];
	struct stat st;

	own(y, fd);
	if (fd < 0 || fdatasync(fd) < 0 || fstat(fd, &st) < 0) {
		(void)dj_err_set(err, "output.read",
			"opening what is here of the output: %s: %s", path,
			strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < base) {
		(void)dj_err_set(err, "output.read",
			"opening what is here of the output: %s is shorter than it was",
			path);
		return -1;
	}
	s->stream = stream;
	s->next = (uint64_t)st.st_size - base;
	y->resume.stream_count++;
	return fd;
}

static int null_or(struct dj_stay *y, bool is_null, int fd)
{
	return is_null ? own(y, open("/dev/null", O_WRONLY | O_CLOEXEC)) : fd;
}

static bool reopen_outputs(struct dj_stay *y, struct dj_err *err)
{
	struct dj_job *j = y->job;
	const char *out = text_of(y, DJ_TICKET_OUT);
	const char *errs = text_of(y, DJ_TICKET_ERR);
	char diag[DJ_PATH_MAX];

	j->out_base = y->t.out_base;
	j->err_base = y->t.err_base;
	j->out_floats = out == NULL;
	j->err_floats = errs == NULL;
	j->out_fd = out == NULL ? null_or(y, true, -1)
				: reopen(y, 1, open(out, O_RDWR | O_CLOEXEC),
					  j->out_base, out, err);
	if (j->out_fd < 0)
		return false;
	j->err_fd = errs == NULL
		? null_or(y, (y->t.flags & DJ_TICKET_DISCARD_ERR) != 0,
			  STDERR_FILENO)
		: reopen(y, 2, open(errs, O_RDWR | O_CLOEXEC), j->err_base,
			  errs, err);
	if (j->err_fd < 0 || !dj_record_path(&y->record, "diag", diag))
		return false;
	j->diag_fd = reopen(y, 3, open(diag, O_RDWR | O_CLOEXEC), 0, diag, err);
	return j->diag_fd >= 0;
}

static bool reopen_input(struct dj_stay *y, const char *in, struct dj_err *err)
{
	struct dj_job *j = y->job;

	j->in_fd = -1;
	j->in_base = y->t.in_base;
	if ((y->t.flags & DJ_TICKET_INPUT_KNOWN) != 0) {
		j->has_input = true;
		j->input_len = y->t.input_len;
		memcpy(j->input_hash, y->t.input_hash, 32);
	}
	if (in != NULL)
		j->in_base = 0;
	else
		in = text_of(y, DJ_TICKET_IN);
	if (in == NULL) {
		y->input_lost =
			(y->t.flags &
				(DJ_TICKET_NO_INPUT | DJ_TICKET_INPUT_KNOWN)) ==
			0;
		return true;
	}
	y->t.flags &= ~(uint32_t)DJ_TICKET_INPUT_KNOWN;
	j->has_input = false;
	j->in_fd = own(y, open(in, O_RDONLY | O_CLOEXEC));
	return j->in_fd >= 0 ||
		dj_err_set(err, "input.file",
			"opening the program's input %s: %s", in,
			strerror(errno));
}

static bool reload_program(struct dj_stay *y, struct dj_err *err)
{
	struct dj_job *j = y->job;
	uint8_t hash[32];

	y->begin = dj_record_read(&y->record, "begin", DJ_BEGIN_MAX,
		&j->begin_len);
	y->module = dj_record_read(&y->record, "module", DJ_MODULE_MAX,
		&j->module_len);
	j->begin = y->begin;
	j->module = y->module;
	j->tree_count = y->t.trees;
	memcpy(j->module_hash, y->t.module_hash, 32);
	for (size_t i = 0; i < j->tree_count; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "tree-%zu", i);
		j->tree_fds[i] = own(y,
			openat(y->record.fd, name, O_RDONLY | O_CLOEXEC));
		if (j->tree_fds[i] < 0)
			j->begin = NULL;
	}
	if (j->begin != NULL && j->module != NULL) {
		dj_sha256(j->begin, j->begin_len, hash);
		if (memcmp(hash, y->t.begin_hash, 32) == 0)
			return true;
	}
	return dj_err_set(err, "keep.ticket",
		"reading %s: what was to be sent is not there as it was",
		y->record.dir);
}

/* The next text of `streams`; NULL: there is none. */
static const char *next_path(const char **at, const char *end)
{
	const char *p = *at;
	const char *nul = memchr(p, '\0', (size_t)(end - p));

	if (nul == NULL)
		return NULL;
	*at = nul + 1;
	return p;
}

static bool reopen_one(struct dj_stay *y, struct dj_named *n, const char *in,
	const char *out, struct dj_err *err)
{
	n->in_fd = n->out_fd = -1;
	if (in[0] != '\0') {
		n->in_fd = own(y, open(in, O_RDONLY | O_CLOEXEC));
		if (n->in_fd < 0)
			return dj_err_set(err, "input.file",
				"opening the stream %s, %s: %s", n->name, in,
				strerror(errno));
	}
	if (out[0] == '\0')
		return true;
	n->out_fd = reopen(y, n->number, open(out, O_RDWR | O_CLOEXEC), 0, out,
		err);
	return n->out_fd >= 0;
}

/* BEGIN says which named streams there are, `streams` where they lie. */
static bool reopen_named(struct dj_stay *y, struct dj_err *err)
{
	struct dj_job *j = y->job;
	struct dj_begin_item item;
	struct dj_begin begin;
	size_t len = 0, at = 0;
	char *text = (char *)dj_record_read(&y->record, "streams", STREAMS_MAX,
		&len);
	const char *p = text;
	bool good = text != NULL &&
		dj_begin_parse(j->begin, j->begin_len, &begin) == DJ_OK &&
		begin.stream_count <= DJ_NAMED_MAX;
	bool is_whole = good;

	while (good && dj_begin_next(&begin, &at, &item)) {
		struct dj_named *n = &y->named[j->named_count];
		const char *in, *out;

		if (item.tag != DJ_BEGIN_STREAM)
			continue;
		in = next_path(&p, text + len);
		out = in == NULL ? NULL : next_path(&p, text + len);
		is_whole = out != NULL && item.text_len < sizeof(n->name);
		if (!is_whole)
			break;
		memcpy(n->name, item.text, item.text_len);
		n->number = item.stream;
		j->named_count++;
		good = reopen_one(y, n, in, out, err);
	}
	free(text);
	j->named = y->named;
	return (good && is_whole) ||
		dj_err_set(err, "keep.ticket",
			"reading %s: its named streams are not there as they were",
			y->record.dir);
}

bool dj_stay_resume(struct dj_stay *y, struct dj_visit *v, struct dj_job *job,
	const char *in, struct dj_err *err)
{
	hook(y, v, job);
	job->is_resumed = true;
	job->receipts = (y->t.flags & DJ_TICKET_RECEIPTS) != 0;
	y->resume.ticket = y->t.ticket;
	y->resume.attach_no = y->t.attach_no;
	v->resume = &y->resume;
	v->keep_id = y->t.keep_id;
	v->is_kept = true;
	memcpy(v->config_hash, y->t.config_hash, 32);
	(void)snprintf(v->keep, sizeof(v->keep), "%.79s",
		y->t.text[DJ_TICKET_KEEP]);
	return reload_program(y, err) && reopen_outputs(y, err) &&
		reopen_named(y, err) && reopen_input(y, in, err);
}

void dj_stay_end(struct dj_stay *y, bool finished, bool remove)
{
	static const char *const spent[] = { "ticket", "module", "begin",
		"streams", "diag" };
	char name[32];

	if (!remove && y->is_attached) {
		note(y,
			finished && y->visit->is_released ? "released"
							  : "detached",
			NULL);
		dj_journal_seen(&y->record, &y->visit->session.wire.seen);
	}
	y->is_attached = false;
	if (remove) {
		dj_record_remove(&y->record);
	} else if (finished && y->record.fd >= 0) {
		for (size_t i = 0; i < sizeof(spent) / sizeof(spent[0]); i++)
			dj_record_drop(&y->record, spent[i]);
		for (size_t i = 0; i < DJ_TREES_MAX; i++) {
			(void)snprintf(name, sizeof(name), "tree-%zu", i);
			dj_record_drop(&y->record, name);
		}
		(void)fsync(y->record.fd);
	}
	for (size_t i = 0; i < y->fd_count; i++)
		close(y->fds[i]);
	y->fd_count = 0;
	if (y->module != NULL && y->job != NULL)
		dj_wipe(y->module, y->job->module_len);
	free(y->module);
	free(y->begin);
	y->module = y->begin = NULL;
	dj_wipe(&y->t, sizeof(y->t));
	dj_wipe(&y->resume, sizeof(y->resume));
	if (y->record.dir[0] != '\0')
		dj_record_close(&y->record);
}
