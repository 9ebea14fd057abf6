/* SPDX-License-Identifier: Apache-2.0
 * print: tree to canonical text. parse(print(t)) gives an equal tree, and print of it equal text.
 */
#ifndef MMSB_PRINT_H
#define MMSB_PRINT_H
#include "ast.h"
#include <stdio.h>
void print_items(const ast *t, u32 file, FILE *to);
void print_expr(const ast *t, u32 expr, FILE *to); /* fewest parentheses */
bool ast_equal(const ast *a, u32 file_a, const ast *b, u32 file_b);
#endif
