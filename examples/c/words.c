// SPDX-License-Identifier: Apache-2.0
/*
 * The demonstration's program: counts the words of standard input and of the
 * files named as arguments, and prints the most frequent ones. Plain C and
 * plain WASI; it does not know that it runs in a Keep.
 *
 *   clang-19 --target=wasm32-wasi -O2 -s words.c -o words.wasm
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX  64
#define WORDS_MAX 20000

struct word {
	char text[WORD_MAX];
	unsigned long count;
};

static struct word words[WORDS_MAX];
static size_t word_count;
static unsigned long total;

static int count(const char *text)
{
	total++;
	for (size_t i = 0; i < word_count; i++) {
		if (strcmp(words[i].text, text) == 0) {
			words[i].count++;
			return 0;
		}
	}
	if (word_count == WORDS_MAX)
		return -1;
	strcpy(words[word_count].text, text);
	words[word_count++].count = 1;
	return 0;
}

static int read_words(FILE *f)
{
	char text[WORD_MAX];
	size_t len = 0;
	int c;

	do {
		c = fgetc(f);
		if (c != EOF && isalpha(c)) {
			if (len < WORD_MAX - 1)
				text[len++] = (char)tolower(c);
		} else if (len > 0) {
			text[len] = '\0';
			len = 0;
			if (count(text) != 0)
				return -1;
		}
	} while (c != EOF);
	return ferror(f) ? -1 : 0;
}

static int by_count(const void *a, const void *b)
{
	const struct word *x = a;
	const struct word *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->text, y->text);
}

int main(int argc, char **argv)
{
	if (read_words(stdin) != 0) {
		perror("words: standard input");
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "r");

		if (f == NULL || read_words(f) != 0) {
			perror(argv[i]);
			return 1;
		}
		fclose(f);
	}
	qsort(words, word_count, sizeof(words[0]), by_count);
	printf("%lu words, %zu of them different\n", total, word_count);
	for (size_t i = 0; i < word_count && i < 5; i++)
		printf("%5lu %s\n", words[i].count, words[i].text);
	return 0;
}
