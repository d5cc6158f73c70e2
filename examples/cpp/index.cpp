// SPDX-License-Identifier: Apache-2.0
/*
 * An index: for each word of the files named, the lines it is on. C++17 with
 * its library, without exceptions, which Debian's library for Wasm has not.
 *
 *   clang++-19 --target=wasm32-wasi -std=c++17 -O2 -s -fno-exceptions index.cpp -o index.wasm
 */
#include <cctype>
#include <cstdio>
#include <map>
#include <set>
#include <string>

using Index = std::map<std::string, std::set<unsigned>>;

static bool add(Index &index, const char *path)
{
	std::FILE *f = std::fopen(path, "r");
	std::string word;
	unsigned line = 1;
	int c;

	if (f == nullptr) {
		std::perror(path);
		return false;
	}
	do {
		c = std::fgetc(f);
		if (c != EOF && std::isalnum(c)) {
			word += static_cast<char>(std::tolower(c));
			continue;
		}
		if (!word.empty())
			index[word].insert(line);
		word.clear();
		line += c == '\n';
	} while (c != EOF);
	std::fclose(f);
	return true;
}

int main(int argc, char **argv)
{
	Index index;

	for (int i = 1; i < argc; i++)
		if (!add(index, argv[i]))
			return 1;
	for (const auto &[word, lines] : index) {
		std::printf("%s:", word.c_str());
		for (unsigned line : lines)
			std::printf(" %u", line);
		std::printf("\n");
	}
}
