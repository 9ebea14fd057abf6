/* SPDX-License-Identifier: Apache-2.0
 * tool_slice: which lanes a lane is made of, and which ones it reaches, by the
 * footprints of the image and the offsets and groups of one epoch. For `mmsb
 * why` and `mmsb impact`: slow and plain.
 */
#ifndef MMSB_TOOL_SLICE_H
#define MMSB_TOOL_SLICE_H
#include "engine.h"

typedef struct {
    engine *e;
    const image *i;
    arena *memory;
    u64 **marks; /* of each page, a bit a lane; NULL: none */
    u64 *domain; /* of the node in hand */
    u64 added;   /* lanes marked since it was last set to 0 */
    bool failed; /* memory ran out */
} slice;

mmsb_status slice_open(slice *s, engine *e, message *m);
void slice_close(slice *s);
void slice_mark(slice *s, u32 page, u64 lane);
bool slice_has(const slice *s, u32 page, u64 lane);
u64 slice_count(const slice *s, u32 page); /* marked lanes */
/* Marks what the marked lanes are made of: in that epoch (later: one after
 * epoch 0). */
void slice_back(slice *s, bool later);
/* Marks what a change of the marked lanes reaches in the same epoch. */
void slice_forward(slice *s);
/* What `s` reads of the epoch before, into `before`; what is read of `s` one
 * epoch later, into `later`. The two may be one. */
void slice_last(const slice *s, slice *before);
void slice_next(const slice *s, slice *later);
#endif
