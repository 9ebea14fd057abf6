/* SPDX-License-Identifier: Apache-2.0
 * tool_print: pages and events as text on standard output, for the commands. Not in the library. */
#ifndef MMSB_TOOL_PRINT_H
#define MMSB_TOOL_PRINT_H
#include "engine.h"

void print_value(const engine *e, u32 page, u64 lane);
void print_page(const engine *e, u32 page); /* delta lines, a line a row */
/* Lanes [first, first + count) of a page whose lanes stand at `lanes`: a line a row. */
void print_lanes(const image *i, u32 page, const void *lanes, u64 first, u64 count);
void print_lane(const engine *e, u32 page, u64 lane);
void print_table(const engine *e);  /* the exports: scalars, the first 8 values of arrays */
void print_events(const engine *e); /* those of the last accepted epoch */
void print_root(engine *e);
/* A delta as lines of delta text, each after `before`. */
void print_delta(const image *i, const delta *d, const char *before);
/* Reads "name" or "name[i, j]" : the page (0: unknown) and the lane (UINT64_MAX: all). MMSB_WRONG,
 * MMSB_USAGE with words. */
mmsb_status page_parse(const image *i, const char *text, u32 *page, u64 *lane, message *m);
/* The line of --version; false where it cannot be written. */
bool version_print(const char *program);
#endif
