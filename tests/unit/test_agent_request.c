// SPDX-License-Identifier: Apache-2.0
#include "host/agent/options.h"
#include "host/agent/request.h"
#include "host/agent/sd.h"
#include "host/agent/traffic.h"
#include "lib/proto/frame.h"
#include "tests/tap.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void every_path_finds_its_route_and_no_other(void)
{
	static const struct {
		const char *path;
		enum dj_route route;
		const char *name;
		const char *allow;
	} paths[] = {
		{ "/healthz", DJ_ROUTE_HEALTH, "", "GET, HEAD" },
		{ "/metrics", DJ_ROUTE_METRICS, "", "GET, HEAD" },
		{ "/v1/agent", DJ_ROUTE_AGENT, "", "GET, HEAD" },
		{ "/v1/keeps", DJ_ROUTE_KEEPS, "", "GET, HEAD, POST" },
		{ "/v1/keeps/k-1", DJ_ROUTE_KEEP, "k-1", "GET, HEAD, DELETE" },
		{ "/v1/keeps/k-1/session", DJ_ROUTE_SESSION, "k-1", "GET" },
		{ "/v1/keeps/k-1/evidence", DJ_ROUTE_EVIDENCE, "k-1",
			"GET, HEAD" },
		{ "/v1/keeps/k-1/console", DJ_ROUTE_CONSOLE, "k-1",
			"GET, HEAD" },
		{ "/v1/keeps/k-1/kill", DJ_ROUTE_KILL, "k-1", "POST" },
		{ "/v1/collateral/snp", DJ_ROUTE_COLLATERAL, "snp",
			"GET, HEAD" },
		{ "/", DJ_ROUTE_NONE, "", NULL },
		{ "/healthz/", DJ_ROUTE_NONE, "", NULL },
		{ "/v1/keeps/", DJ_ROUTE_NONE, "", NULL },
		{ "/v1/keeps//kill", DJ_ROUTE_NONE, "", NULL },
		{ "/v1/keeps/k-1/", DJ_ROUTE_NONE, "", NULL },
		{ "/v1/keeps/k-1/killer", DJ_ROUTE_NONE, "", NULL },
		{ "/v1/keeps/../x", DJ_ROUTE_NONE, "", NULL },
		{ "/v1/keeps/%6b-1", DJ_ROUTE_NONE, "", NULL },
		{ "/v1/keeps/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", DJ_ROUTE_KEEP,
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"GET, HEAD, DELETE" },
		{ "/v1/keeps/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", DJ_ROUTE_NONE,
			"", NULL },
	};
	char name[DJ_NAME_MAX];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		eq_u64(dj_route_find(paths[i].path, name), paths[i].route);
		eq_str(name, paths[i].name);
		if (paths[i].allow != NULL)
			eq_str(dj_route_allow(paths[i].route), paths[i].allow);
	}
	eq_u64(dj_verb_find("DELETE"), DJ_VERB_DELETE);
	eq_u64(dj_verb_find("get"), DJ_VERB_OTHER);
}

/* A block of 48 bytes: "KCF1", 1 page, no more. */
#define BLOCK "S0NGMQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAA"

/* The stable error name, or "" for a good body. */
static const char *create(const char *body)
{
	struct dj_create c;
	const char *error = "";
	char text[256] = "";

	if (dj_create_parse((const uint8_t *)body, strlen(body), &c, &error,
		    text) != DJ_OK) {
		ok(text[0] != '\0');
		return error;
	}
	dj_create_done(&c);
	return "";
}

static void a_request_for_a_keep_is_read_strictly(void)
{
	static const struct {
		const char *body;
		const char *error;
	} bodies[] = {
		{ "{\"tee\":\"snp\",\"config\":\"" BLOCK "\"}", "" },
		{ "{\"tee\":\"snp\",\"emulated\":true,\"ttl\":31622400,\"labels\":{\"a\":\"\"},\"config\":\"" BLOCK
		  "\"}",
			"" },
		{ "", "request.json" },
		{ "null", "request.json" },
		{ "{\"tee\":\"snp\",}", "request.json" },
		{ "{\"tee\":\"snp\"}{}", "request.json" },
		{ "{\"tee\":\"a\",\"tee\":\"b\"}", "request.json" },
		{ "{\"tee\":\"\\u0000\"}", "request.json" },
		{ "{\"x\":1}", "request.unknown-key" },
		{ "{\"config\":\"" BLOCK "\"}", "request.missing" },
		{ "{\"tee\":\"snp\"}", "request.missing" },
		{ "{\"tee\":1}", "request.value" },
		{ "{\"tee\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
			"request.value" },
		{ "{\"emulated\":1}", "request.value" },
		{ "{\"ttl\":0}", "request.value" },
		{ "{\"ttl\":31622401}", "request.value" },
		{ "{\"ttl\":1.5}", "request.value" },
		{ "{\"ttl\":-1}", "request.value" },
		{ "{\"labels\":[]}", "request.value" },
		{ "{\"labels\":{\"\":\"a\"}}", "request.value" },
		{ "{\"labels\":{\"a=\":\"a\"}}", "request.value" },
		{ "{\"labels\":{\"a\":\"\\n\"}}", "request.value" },
		{ "{\"config\":\"\"}", "request.config" },
		{ "{\"config\":\"S0N\"}", "request.config" },
		{ "{\"config\":\"S0N=\"}", "request.config" },
		{ "{\"config\":\"S0NGMR==\"}", "request.config" },
		{ "{\"config\":\"S0-_\"}", "request.config" },
		{ "{\"config\":\"=0NG\"}", "request.config" },
		{ "{\"config\":\"S0NGMQ==\"}", "request.config" },
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		if (!eq_str(create(bodies[i].body), bodies[i].error))
			printf("# %s\n", bodies[i].body);
}

static void what_was_asked_is_what_is_read(void)
{
	static const char body[] =
		"{\"tee\":\"process\",\"emulated\":true,\"ttl\":5,\"labels\":{\"a\":\"b\"},\"config\":\"" BLOCK
		"\"}";
	struct dj_create c;
	const char *error;
	char text[256];

	eq_u64(dj_create_parse((const uint8_t *)body, sizeof(body) - 1, &c,
		       &error, text),
		DJ_OK);
	eq_str(c.tee, "process");
	ok(c.emulated);
	eq_u64(c.ttl, 5);
	eq_u64(c.block_len, 48);
	eq_u64(c.config.max_memory_pages, 1);
	eq_u64(c.config.total_memory, DJ_CONFIG_MEMORY_DEFAULT);
	eq_str(json_string_value(json_object_get(c.labels, "a")), "b");
	dj_create_done(&c);
}

static dj_status options(const char *line, struct dj_options *o, char *err)
{
	char copy[256];
	char name[] = "donjond";
	char *argv[16] = { name };
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *s = strtok(copy, " "); s != NULL; s = strtok(NULL, " "))
		argv[argc++] = s;
	return dj_options_parse(argc, argv, o, err);
}

static void options_are_refused_with_what_was_meant(void)
{
	static const struct {
		const char *line;
		const char *err;
	} bad[] = {
		{ "--sokcet x", "no option --sokcet; did you mean --socket?" },
		{ "--sock x", "no option --sock; did you mean --socket?" },
		{ "--zzzzzzzz", "no option --zzzzzzzz" },
		{ "-x", "no option -x" },
		{ "--socket", "--socket needs a value" },
		{ "a", "no argument is wanted: a" },
		{ "--max-keeps 0", "--max-keeps must be at least 1" },
		{ "--max-keeps 4097",
			"--max-keeps: 4097 is not a number up to 4096" },
		{ "--max-keeps -1",
			"--max-keeps: -1 is not a number up to 4096" },
		{ "--log-format xml", "--log-format is text or json, not xml" },
		{ "--listen 1.2.3.4:5",
			"--listen needs --tls-cert and --tls-key" },
		{ "--listen 1.2.3.4:5 --tls-cert a --tls-key b",
			"--listen needs --client-ca or --token-file, or anybody could start Keeps" },
		{ "--private-fd 3 --socket x",
			"--private-fd goes with no other socket" },
	};
	struct dj_options o;
	char err[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		eq_u64(options(bad[i].line, &o, err), DJ_E_INPUT);
		eq_str(err, bad[i].err);
	}
	eq_u64(options("--socket=/a -v -v --max-keeps 7 --log-format json", &o,
		       err),
		DJ_OK);
	eq_str(o.socket, "/a");
	eq_u64(o.max_keeps, 7);
	eq_u64(o.verbose, 2);
	ok(o.log_json && o.private_fd == -1);
}

static void passed_sockets_are_counted_for_this_process_only(void)
{
	int n = 9;

	eq_u64(dj_sd_listen_fds(NULL, NULL, 7, &n), DJ_OK);
	eq_u64(n, 0);
	eq_u64(dj_sd_listen_fds("7", "2", 7, &n), DJ_OK);
	eq_u64(n, 2);
	eq_u64(dj_sd_listen_fds("8", "2", 7, &n), DJ_OK);
	eq_u64(n, 0);
	eq_u64(dj_sd_listen_fds("7", "16", 7, &n), DJ_OK);
	eq_u64(dj_sd_listen_fds("7", "17", 7, &n), DJ_E_LIMIT);
	eq_u64(dj_sd_listen_fds("7", "", 7, &n), DJ_E_INPUT);
	eq_u64(dj_sd_listen_fds("7", "2x", 7, &n), DJ_E_INPUT);
	eq_u64(dj_sd_listen_fds("-7", "2", 7, &n), DJ_E_INPUT);
	eq_u64(dj_sd_listen_fds("7", "99999999999999999999", 7, &n),
		DJ_E_INPUT);
}

static void names_of_passed_sockets_are_found_and_cut(void)
{
	char name[4];

	dj_sd_listen_name("ab:cdefg::h", 0, name, sizeof(name));
	eq_str(name, "ab");
	dj_sd_listen_name("ab:cdefg::h", 1, name, sizeof(name));
	eq_str(name, "cde");
	dj_sd_listen_name("ab:cdefg::h", 2, name, sizeof(name));
	eq_str(name, "");
	dj_sd_listen_name("ab:cdefg::h", 3, name, sizeof(name));
	eq_str(name, "h");
	dj_sd_listen_name("ab:cdefg::h", 4, name, sizeof(name));
	eq_str(name, "");
	dj_sd_listen_name(NULL, 0, name, sizeof(name));
	eq_str(name, "");
}

static void a_notice_reaches_an_abstract_socket(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char text[128] = "";
	socklen_t len;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "donjon-test-%d",
		getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		strlen(sa.sun_path + 1));
	ok(bind(fd, (struct sockaddr *)&sa, len) == 0);
	snprintf(text, sizeof(text), "@%s", sa.sun_path + 1);
	eq_u64(dj_sd_notify(text, "READY=1"), DJ_OK);
	memset(text, 0, sizeof(text));
	eq_u64(recv(fd, text, sizeof(text), MSG_DONTWAIT), 7);
	eq_str(text, "READY=1");
	close(fd);
	eq_u64(dj_sd_notify(NULL, "READY=1"), DJ_OK);
	eq_u64(dj_sd_notify("", "READY=1"), DJ_E_INPUT);
	eq_u64(dj_sd_notify("relative", "READY=1"), DJ_E_INPUT);
	eq_u64(dj_sd_notify("/", "READY=1"), DJ_E_INPUT);
	eq_u64(dj_sd_notify("/nowhere/at/all", "READY=1"), DJ_E_SYS);
}

static void frames_are_counted_by_kind_and_way(void)
{
	struct dj_traffic t = { 0 };

	dj_traffic_count(&t, DJ_WAY_C2K, DJ_FRAME_RECORD, 272);
	dj_traffic_count(&t, DJ_WAY_C2K, DJ_FRAME_RECORD, 16400);
	dj_traffic_count(&t, DJ_WAY_K2C, DJ_FRAME_RECORD, 16400);
	dj_traffic_count(&t, DJ_WAY_K2C, DJ_FRAME_RECORD, 5);
	eq_u64(t.frames[DJ_WAY_C2K][DJ_TRAFFIC_RECORD_256], 1);
	eq_u64(t.bytes[DJ_WAY_C2K][DJ_TRAFFIC_RECORD_16384], 16408);
	eq_u64(t.frames[DJ_WAY_K2C][DJ_TRAFFIC_RECORD_16384], 1);
	eq_u64(t.bytes[DJ_WAY_K2C][DJ_TRAFFIC_RECORD_ODD], 13);
}

int main(void)
{
	RUN(every_path_finds_its_route_and_no_other);
	RUN(a_request_for_a_keep_is_read_strictly);
	RUN(what_was_asked_is_what_is_read);
	RUN(options_are_refused_with_what_was_meant);
	RUN(passed_sockets_are_counted_for_this_process_only);
	RUN(names_of_passed_sockets_are_found_and_cut);
	RUN(a_notice_reaches_an_abstract_socket);
	RUN(frames_are_counted_by_kind_and_way);
	return done();
}
