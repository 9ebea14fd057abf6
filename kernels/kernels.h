/* SPDX-License-Identifier: Apache-2.0
 * kernels: what one instruction does to a tile, found by number. Built several times from one text
 * (portable, x86-64-v3, x86-64-v4, aarch64), every build with the same bits. Needs base.h alone;
 * knows nothing of images or pages. */
#ifndef MMSB_KERNELS_H
#define MMSB_KERNELS_H
#include "../engine/core/base.h"

#define OP(name, text, arity, operands, result, faults) OP_##name,
typedef enum {
#include "ops.def"
    OP_COUNT
} op_id;
#undef OP

typedef struct {
    const char *name; /* "ADD" */
    const char *text; /* "+" */
    u8 arity;
    char operands; /* N F I J B A */
    u8 result_bool;
    u8 faults;
} op_row;
const op_row *op_info(u16 op);
/* Whether ops.def allows operand type `type`. */
bool op_takes(u16 op, u8 type);

/* d[k] = op(a[k], b[k], c[k]) for k < n. n is 1 to 512; nothing past n is written, up to 63 bytes
 * past n may be read; d may equal any operand. d is 64-aligned; operands need only their type's
 * alignment. A faulting operator takes its guard (bool tile, or NULL) as c, gives 0 in lanes that
 * would fault, and returns whether a lane with its guard set did; the others return 0. */
typedef u32 (*kernel_fn)(void *d, const void *a, const void *b, const void *c, u32 n);
typedef enum { VARIANT_VV, VARIANT_VU, VARIANT_UV, VARIANT_COUNT } kernel_variant;
/* VU: b is one value; UV: a is one value. For SELECT: VU: c one value, UV: b one value (a is always
 * a tile). For MULADD, MULSUB, SUBMUL, NMULADD, FMA: VU: c one value, UV: a one value. NULL where
 * there is none (then the caller spreads the value). type2: CONVERT's target. */
kernel_fn kernel_find(u16 op, u8 type, u8 type2, u8 variant);

/* Stores (by type; a float's NaN becomes canonical, then bits are compared with what stood there).
 * n ≤ 512. dense: page[k] = s[k]; bit k of changed[] (8 words) is set where bits differ. Returns
 * whether any did. packed: page[lane[k]] = s[k], likewise. */
typedef u32 (*kernel_store_fn)(void *page, const void *s, u32 n, u64 changed[8]);
typedef u32 (*kernel_scatter_fn)(void *page, const void *s, const u64 *lane, u32 n, u64 changed[8]);
kernel_store_fn kernel_store(u8 type);
/* page[k] = s[k], NaN canonical, past the caches and without comparison. page is 64-aligned. The
 * end: other threads may read it. */
typedef void (*kernel_stream_fn)(void *page, const void *s, u32 n);
kernel_stream_fn kernel_stream(u8 type);
void kernel_stream_end(void);
kernel_scatter_fn kernel_scatter(u8 type);
/* d[k] = page[lane[k]], by element width. Every lane is in range (the caller's duty). */
typedef void (*kernel_gather_fn)(void *d, const void *page, const u64 *lane, u32 n);
kernel_gather_fn kernel_gather(u8 type);
/* d[k] = page[first + k * stride]; a stride of 0 or below is allowed. */
typedef void (*kernel_strided_fn)(void *d, const void *page, i64 first, i64 stride, u32 n);
kernel_strided_fn kernel_strided(u8 type);
/* d[k] = offset[k] < 0 ? fill[-1 - offset[k]] : page[offset[k]]; offsets are i32 (offset_type
 * TYPE_I32) or i64. fill: 4 values as bits. */
typedef void (*kernel_offsets_fn)(void *d, const void *page, const void *offset, const u64 fill[4],
                                  u32 n);
kernel_offsets_fn kernel_offsets(u8 type, u8 offset_type);
void kernel_spread(u8 type, void *d, u64 bits, u32 n); /* d[k] = bits */

/* Canonical reduction (language.md, "Canonical reduction order"). reduce: 0 SUM, 1 PROD, 2 MIN, 3
 * MAX (bool too), 4 ARGMIN, 5 ARGMAX. leaves: n ≤ 512 elements as leaves of 64, the last may be
 * short: out[j] for each leaf. join: 1 to 8 partials to one. For ARG: `index` arrays go with the
 * values: leaves get the index of element 0 in `base` (element k has base + k) and `present` (bool
 * tile or NULL); an absent partial has index -1. For others index, base, present are unused (NULL,
 * 0). ARG values are the elements themselves; of bit-equal ones the lowest index wins; NaN is
 * before all for both. */
typedef void (*kernel_leaves_fn)(const void *s, const void *present, u32 n, i64 base, void *out,
                                 i64 *index);
typedef void (*kernel_join_fn)(const void *in, const i64 *in_index, u32 count, void *out,
                               i64 *index);
kernel_leaves_fn kernel_leaves(u8 reduce, u8 type);
kernel_join_fn kernel_join(u8 reduce, u8 type);
/* Bits of the reduction of nothing (0, 1, the type's largest or smallest value or an infinity;
 * false/true). ARG: 0. */
u64 kernel_nothing(u8 reduce, u8 type);

/* Sum modulo 2^64 of splitmix64's finaliser over bits ^ (key + (first + k) * 0x9E3779B97F4A7C15): a
 * page's digest (engine.md, "Root"). */
u64 kernel_digest(u8 type, const void *page, u64 first, u64 count, u64 key);

typedef enum { KERNELS_PORTABLE, KERNELS_V3, KERNELS_V4, KERNELS_LEVELS } kernels_level;
/* Chooses the build for this processor (once, before the first find; thread-safe). `most` caps it;
 * env MMSB_KERNELS=portable|v3|v4 too (tests). Returns the level taken. */
kernels_level kernels_choose(kernels_level most);
/* What MMSB_KERNELS asks for where this processor or build has no such level, else NULL. */
const char *kernels_refused(void);
const char *kernels_level_text(kernels_level level);
/* Sets MXCSR / FPCR to round to nearest, denormals kept; returns what stood there. Call at every
 * entry and on every worker. */
u64 kernels_fp_enter(void);
void kernels_fp_leave(u64 before);
#endif
