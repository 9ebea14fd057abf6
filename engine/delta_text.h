/* SPDX-License-Identifier: Apache-2.0
 * delta_text: lines of deltas (language.md, "Deltas") to deltas. */
#ifndef MMSB_DELTA_TEXT_H
#define MMSB_DELTA_TEXT_H
#include "core/arena.h"
#include "delta.h"

typedef enum { LINE_NOTHING, LINE_DELTA, LINE_COMMIT, LINE_TICK } line_kind;
typedef struct {
    line_kind kind;
    u64 ticks;     /* LINE_TICK */
    delta *deltas; /* LINE_DELTA: contiguous runs of lanes, in `memory` */
    u32 count;
} delta_line;
/* Reads one line of `bytes` bytes without its newline. folder: that of the delta file, for @file.
 * MMSB_WRONG with what is wrong; the caller adds file and line. */
mmsb_status delta_text_line(const image *i, arena *memory, int folder, const char *text, u64 bytes,
                            delta_line *out, message *m);
#endif
