/* SPDX-License-Identifier: Apache-2.0
 * print_items: parts of expressions and items that both printers use. Private to dsl/. */
#ifndef MMSB_PRINT_ITEMS_H
#define MMSB_PRINT_ITEMS_H
#include "print.h"
#include "print_state.h"

void print_expr(print_state *p, u32 row);
void print_operand(print_state *p, u32 row); /* if, let and init in parentheses */
void print_hanging(print_state *p, u32 row);
void print_list(print_state *p, const u32 *rows, u32 count);
void print_axes(print_state *p, u32 at, u32 count);
void print_call(print_state *p, const ast_call *c);
void print_open(print_state *p, const char *bracket);
void print_close(print_state *p, const char *bracket);
#endif
