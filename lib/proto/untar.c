// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/proto/untar.h"

#define BLOCK 512

/* Offsets in a ustar header. */
enum {
	NAME = 0,
	SIZE = 124,
	MTIME = 136,
	CHECKSUM = 148,
	TYPE = 156,
	LINKNAME = 157,
	MAGIC = 257,
	PREFIX = 345,
};
#define NAME_LEN     100
#define NUMBER_LEN   12
#define CHECKSUM_LEN 8
#define PREFIX_LEN   155

/* What an x header said for the member after it. */
struct extended {
	const char *path, *linkpath; /* NULL: not said */
	size_t path_len, linkpath_len;
	uint64_t size, mtime;
	bool has_size, has_mtime;
};

void dj_untar_init(struct dj_untar *t, const uint8_t *p, size_t len)
{
	*t = (struct dj_untar){ .p = p, .left = len, .len = len, .what = "" };
}

static dj_status refuse(struct dj_untar *t, dj_status st, const char *what)
{
	t->what = what;
	t->left = 0;
	return st;
}

/* Lengths of the sequence by its first byte; 0: none may begin so. */
static unsigned utf8_len(uint8_t c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

/* Overlong forms, surrogates and values past U+10FFFF show in byte two. */
static bool second_ok(uint8_t c, uint8_t d)
{
	switch (c) {
	case 0xe0:
		return d >= 0xa0;
	case 0xed:
		return d < 0xa0;
	case 0xf0:
		return d >= 0x90;
	case 0xf4:
		return d < 0x90;
	default:
		return true;
	}
}

bool dj_utf8_ok(const char *p, size_t len)
{
	const uint8_t *s = (const uint8_t *)p;
	size_t i = 0;

	while (i < len) {
		unsigned n = utf8_len(s[i]);

		if (n == 0 || n > len - i || s[i] == 0)
			return false;
		if (n > 1 && !second_ok(s[i], s[i + 1]))
			return false;
		for (unsigned k = 1; k < n; k++)
			if ((s[i + k] & 0xc0) != 0x80)
				return false;
		i += n;
	}
	return true;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

/* Octal digits, ended by NUL or space or the field's end. */
static bool octal(const uint8_t *p, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	if (i == 0)
		return false;
	for (; i < len; i++)
		if (p[i] != 0 && p[i] != ' ')
			return false;
	*ret = v;
	return true;
}

/* Digits from *p on; false if there is none or too many. */
static bool decimal(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	const uint8_t *s = *p;
	uint64_t v = 0;

	while (s < end && *s >= '0' && *s <= '9') {
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, *s - '0', &v))
			return false;
		s++;
	}
	if (s == *p)
		return false;
	*p = s;
	*ret = v;
	return true;
}

/* Seconds with a fraction; what does not fit or is negative becomes 0. */
static bool timestamp(const uint8_t *p, const uint8_t *end, uint64_t *ret_ns)
{
	bool negative = p < end && *p == '-';
	uint64_t s, ns = 0, unit = 100000000;

	p += negative;
	if (!decimal(&p, end, &s))
		return false;
	if (p < end && *p == '.') {
		for (p++; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10)
			ns += (uint64_t)(*p - '0') * unit;
	}
	if (p != end)
		return false;
	if (negative || __builtin_mul_overflow(s, 1000000000, &s) ||
		__builtin_add_overflow(s, ns, &ns))
		ns = 0;
	*ret_ns = ns;
	return true;
}

static bool key_is(const uint8_t *key, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(key, name, len) == 0;
}

static dj_status keyword(struct dj_untar *t, struct extended *x,
	const uint8_t *key, size_t key_len, const uint8_t *v, size_t v_len)
{
	const uint8_t *end = v + v_len;

	if (key_is(key, key_len, "path")) {
		x->path = (const char *)v;
		x->path_len = v_len;
	} else if (key_is(key, key_len, "linkpath")) {
		x->linkpath = (const char *)v;
		x->linkpath_len = v_len;
	} else if (key_is(key, key_len, "size")) {
		x->has_size = true;
		if (!decimal(&v, end, &x->size) || v != end)
			return refuse(t, DJ_E_INPUT, "bad size in x header");
	} else if (key_is(key, key_len, "mtime")) {
		x->has_mtime = true;
		if (!timestamp(v, end, &x->mtime))
			return refuse(t, DJ_E_INPUT, "bad mtime in x header");
	} else {
		return refuse(t, DJ_E_UNSUPPORTED, "unknown key in x header");
	}
	return DJ_OK;
}

/* Records "LENGTH KEY=VALUE\n"; LENGTH counts the whole record. */
static dj_status extended_header(struct dj_untar *t, struct extended *x,
	const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;

	while (p < end) {
		const uint8_t *s = p, *key, *eq;
		uint64_t n;
		dj_status st;

		if (!decimal(&s, end, &n) || n > (uint64_t)(end - p) ||
			s == end || *s != ' ' || n < (uint64_t)(s - p) + 3 ||
			p[n - 1] != '\n')
			return refuse(t, DJ_E_INPUT, "bad record in x header");
		key = s + 1;
		eq = memchr(key, '=', (size_t)(p + n - 1 - key));
		if (eq == NULL)
			return refuse(t, DJ_E_INPUT, "bad record in x header");
		st = keyword(t, x, key, (size_t)(eq - key), eq + 1,
			(size_t)(p + n - 1 - (eq + 1)));
		if (st != DJ_OK)
			return st;
		p += n;
	}
	return DJ_OK;
}

/* The text of a field: up to a NUL or the field's end. */
static size_t field_len(const uint8_t *p, size_t cap)
{
	const uint8_t *nul = memchr(p, 0, cap);

	return nul == NULL ? cap : (size_t)(nul - p);
}

static void take_path(struct dj_untar *t, const uint8_t *h,
	const struct extended *x, struct dj_untar_member *m)
{
	size_t n = field_len(h + NAME, NAME_LEN);
	size_t k = field_len(h + PREFIX, PREFIX_LEN);

	if (x->path != NULL) {
		m->path = x->path;
		m->path_len = x->path_len;
		return;
	}
	_Static_assert(sizeof(t->joined) >= PREFIX_LEN + 1 + NAME_LEN,
		"a joined path fits");
	memcpy(t->joined, h + PREFIX, k);
	if (k != 0)
		t->joined[k++] = '/';
	memcpy(t->joined + k, h + NAME, n);
	m->path = t->joined;
	m->path_len = k + n;
}

static dj_status part_ok(struct dj_untar *t, const char *p, size_t len)
{
	if (len == 0)
		return refuse(t, DJ_E_INPUT, "empty part in a path");
	if (len > DJ_UNTAR_NAME_MAX)
		return refuse(t, DJ_E_LIMIT, "name too long");
	if (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.')))
		return refuse(t, DJ_E_INPUT, "'.' or '..' in a path");
	return DJ_OK;
}

/* Strips "./" and trailing slashes, then every part must be a plain name. */
static dj_status clean_path(struct dj_untar *t, struct dj_untar_member *m)
{
	const char *p = m->path, *slash;
	size_t len = m->path_len;
	dj_status st;

	if (len == 0 || p[0] == '/')
		return refuse(t, DJ_E_INPUT, "empty or absolute path");
	if (len > DJ_UNTAR_PATH_MAX)
		return refuse(t, DJ_E_LIMIT, "path too long");
	if (!dj_utf8_ok(p, len))
		return refuse(t, DJ_E_INPUT, "path is not UTF-8");
	if (p[0] == '.' && (len == 1 || p[1] == '/')) {
		p += len == 1 ? 1 : 2;
		len -= len == 1 ? 1 : 2;
	}
	if (len != 0 && p[len - 1] == '/' && m->type == DJ_UNTAR_DIR)
		len--;
	m->path = p;
	m->path_len = len;
	while (len != 0) {
		slash = memchr(p, '/', len);
		st = part_ok(t, p, slash == NULL ? len : (size_t)(slash - p));
		if (st != DJ_OK)
			return st;
		if (slash == NULL)
			break;
		len -= (size_t)(slash - p) + 1;
		p = slash + 1;
		if (len == 0)
			return refuse(t, DJ_E_INPUT, "empty part in a path");
	}
	return DJ_OK;
}

static dj_status take_target(struct dj_untar *t, const uint8_t *h,
	const struct extended *x, struct dj_untar_member *m)
{
	m->target = x->linkpath;
	m->target_len = x->linkpath_len;
	if (x->linkpath == NULL) {
		m->target = (const char *)h + LINKNAME;
		m->target_len = field_len(h + LINKNAME, NAME_LEN);
	}
	if (m->target_len == 0)
		return refuse(t, DJ_E_INPUT, "empty link");
	if (m->target_len > DJ_UNTAR_PATH_MAX)
		return refuse(t, DJ_E_LIMIT, "link too long");
	if (!dj_utf8_ok(m->target, m->target_len))
		return refuse(t, DJ_E_INPUT, "link is not UTF-8");
	return DJ_OK;
}

static dj_status check_header(struct dj_untar *t, const uint8_t *h)
{
	uint64_t want, sum = 0;

	if (memcmp(h + MAGIC,
		    "ustar\0"
		    "00",
		    8) != 0)
		return refuse(t, DJ_E_INPUT, "not a ustar header");
	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LEN ? ' '
								    : h[i];
	if (!octal(h + CHECKSUM, CHECKSUM_LEN, &want) || want != sum)
		return refuse(t, DJ_E_INPUT, "bad checksum");
	return DJ_OK;
}

/* size bytes and the padding to a whole block. */
static dj_status take_data(struct dj_untar *t, uint64_t size,
	const uint8_t **ret)
{
	uint64_t whole;

	if (__builtin_add_overflow(size, BLOCK - 1, &whole) ||
		(whole &= ~(uint64_t)(BLOCK - 1)) > t->left)
		return refuse(t, DJ_E_INPUT, "cut short");
	*ret = t->p;
	t->p += whole;
	t->left -= (size_t)whole;
	return DJ_OK;
}

/* Two zero blocks end the archive; what pads it after them is zero too. */
static dj_status take_end(struct dj_untar *t, struct dj_untar_member *ret)
{
	if (t->left < BLOCK || !all_zero(t->p, t->left))
		return refuse(t, DJ_E_INPUT, "bad end");
	t->left = 0;
	*ret = (struct dj_untar_member){ .type = DJ_UNTAR_END };
	return DJ_OK;
}

static dj_status member(struct dj_untar *t, const uint8_t *h, uint64_t size,
	const struct extended *x, struct dj_untar_member *m)
{
	uint64_t mtime = 0;
	dj_status st;

	take_path(t, h, x, m);
	switch (h[TYPE]) {
	case '0':
	case '\0':
		m->type = DJ_UNTAR_FILE;
		break;
	case '2':
		m->type = DJ_UNTAR_LINK;
		break;
	case '5':
		m->type = DJ_UNTAR_DIR;
		break;
	default:
		return refuse(t, DJ_E_UNSUPPORTED,
			"not a file, folder or symbolic link");
	}
	st = clean_path(t, m);
	if (st == DJ_OK && m->path_len == 0 && m->type != DJ_UNTAR_DIR)
		st = refuse(t, DJ_E_INPUT, "the root is not a folder");
	if (st == DJ_OK && m->type == DJ_UNTAR_LINK)
		st = take_target(t, h, x, m);
	if (st != DJ_OK)
		return st;
	if (m->type != DJ_UNTAR_FILE && size != 0)
		return refuse(t, DJ_E_INPUT, "a folder or link with contents");
	if (!octal(h + MTIME, NUMBER_LEN, &mtime))
		return refuse(t, DJ_E_INPUT, "bad mtime");
	/* 12 octal digits are at most 2^36 seconds: in range as ns of 2^64
	 * only below 2^34, so the larger ones become 0 as in the x header. */
	m->mtime = mtime > UINT64_MAX / 1000000000 ? 0 : mtime * 1000000000;
	if (x->has_mtime)
		m->mtime = x->mtime;
	m->size = size;
	return take_data(t, size, &m->data);
}

dj_status dj_untar_next(struct dj_untar *t, struct dj_untar_member *ret)
{
	struct extended x = { 0 };
	bool extended = false;
	const uint8_t *h, *data;
	uint64_t size;
	dj_status st;

	*ret = (struct dj_untar_member){ 0 };
	for (;;) {
		t->offset = t->len - t->left;
		if (t->left < BLOCK)
			return refuse(t, DJ_E_INPUT, "cut short");
		h = t->p;
		t->p += BLOCK;
		t->left -= BLOCK;
		if (all_zero(h, BLOCK))
			return extended ? refuse(t, DJ_E_INPUT, "bad end")
					: take_end(t, ret);
		st = check_header(t, h);
		if (st != DJ_OK)
			return st;
		if (!octal(h + SIZE, NUMBER_LEN, &size))
			return refuse(t, DJ_E_INPUT, "bad size");
		if (h[TYPE] != 'x')
			break;
		if (extended)
			return refuse(t, DJ_E_INPUT, "two x headers");
		extended = true;
		st = take_data(t, size, &data);
		if (st == DJ_OK)
			st = extended_header(t, &x, data, (size_t)size);
		if (st != DJ_OK)
			return st;
	}
	return member(t, h, x.has_size ? x.size : size, &x, ret);
}
