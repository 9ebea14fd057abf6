/* SPDX-License-Identifier: Apache-2.0
 * whole: functions of whole rows and matrices — scans, order statistics, matrix products — each
 * with one defined result (language.md, "Canonical reduction order" and "Reductions"). Needs base.h
 * alone. Allocates nothing: the caller gives scratch. */
#ifndef MMSB_WHOLE_H
#define MMSB_WHOLE_H
#include "whole_sizes.h"

/* Running fold of one row of n elements, from lane `first` (a multiple of SCAN_BLOCK) on: carry[b]
 * holds, per block b, the fold of the blocks before it; entries up to first / SCAN_BLOCK are read,
 * later ones written (carry[0] is unused). Every number type; integers wrap. */
void whole_scan(u8 kind, u8 type, const void *row, u64 n, u64 first, void *carry, void *out);

/* Ascending, stable, -0 before +0, NaN last. Every number type and bool. */
void whole_sort(u8 type, const void *row, u64 n, void *out, void *scratch);
/* The positions (i64) that whole_sort takes its elements from. n < 2^32. */
void whole_argsort(u8 type, const void *row, u64 n, i64 *out, void *scratch);
/* The k greatest, descending, +0 before -0, NaN last; 1 ≤ k ≤ n. */
void whole_topk(u8 type, const void *row, u64 n, u64 k, void *out, void *scratch);
/* F32 and F64: NaN if any element is; else h = q (n-1), l = floor h, a[l] + (a[min(l+1, n-1)] -
 * a[l]) (h - l), all in the row's type; q in [0, 1] as bits of that type. By selection: about 2n
 * steps. */
u64 whole_quantile(u8 type, const void *row, u64 n, u64 q, void *scratch);

/* out[m, n] = a[m, k] b[k, n], row-major: each output folds by fma in k order within chunks of 512
 * (the first product of a chunk is rounded), and chunk results join as nodes do. Integers wrap.
 * Rows [row_first, row_end) and columns [column_first, column_end) only. */
void whole_matmul(u8 type, const void *a, const void *b, void *out, u64 m, u64 k, u64 n,
                  u64 row_first, u64 row_end, u64 column_first, u64 column_end, void *scratch);

/* Leaves and joins of dot: n ≤ 512 pairs as leaves of 64; a lane folds by fma, its first product
 * rounded. Joined as a sum's. */
void whole_dot_leaves(u8 type, const void *x, const void *y, u32 n, void *out);
#endif
