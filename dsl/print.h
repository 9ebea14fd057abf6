/* SPDX-License-Identifier: Apache-2.0
 * print: a file's tree as canonical text: one style, at most 100 columns where the text allows,
 * fewest parentheses, every comment, literals as they are written. parse(print(t)) gives an equal
 * tree, and print of that the same text. */
#ifndef MMSB_PRINT_H
#define MMSB_PRINT_H
#include "ast.h"
#include "diag.h"

/* Needs: file `file` of s parsed into t without errors. Sets *text (NUL-ended, in `memory`) and
 * *bytes. MMSB_OUT_OF_SPACE when memory is short. */
mmsb_status print_file(const sources *s, const ast *t, u32 file, arena *memory, const char **text,
                       u64 *bytes);
/* The structure of a file's tree as text, one item a line, in the form that docs/CLI.md describes
 * at --emit=ast: no places, no parentheses, no comments. Two files have equal trees exactly if
 * these texts are equal. Sets as print_file does. */
mmsb_status ast_print(const ast *t, u32 file, arena *memory, const char **text, u64 *bytes);
#endif
