// SPDX-License-Identifier: Apache-2.0
#include "cli/dash.h"

/* The assembler reads the files; Makefile tells make so. */
// clang-format off
#define FILE_AS(name, path) \
	__asm__(".pushsection .rodata\n" \
		".globl " #name "\n" #name ":\n" \
		".incbin \"" path "\"\n" \
		".globl " #name "_end\n" #name "_end:\n" \
		".byte 0\n" \
		".popsection\n")
// clang-format on

FILE_AS(dj_dash_css, "cli/dash/dash.css");
FILE_AS(dj_dash_js, "cli/dash/dash.js");
FILE_AS(dj_dash_svg, "cli/dash/dash.svg");
