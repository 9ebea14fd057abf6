/* SPDX-License-Identifier: Apache-2.0
 * whole_sizes: kinds of whole-row functions and the scratch that each needs: for the memory plan,
 * which must know it without running a kernel. Needs base.h alone. */
#ifndef MMSB_WHOLE_SIZES_H
#define MMSB_WHOLE_SIZES_H
#include "../engine/core/base.h"

typedef enum {
    WHOLE_CUMSUM,
    WHOLE_CUMPROD,
    WHOLE_CUMMIN,
    WHOLE_CUMMAX,
    WHOLE_SORT,
    WHOLE_ARGSORT,
    WHOLE_TOPK,
    WHOLE_QUANTILE,
    WHOLE_MATMUL,
    WHOLE_DOT,
    WHOLE_COUNT
} whole_kind;

#define SCAN_BLOCK 512u /* lanes of a scan's block, and k of a matrix product's chunk */
/* A matrix product works on tiles of at most MATMUL_ROWS x MATMUL_COLUMNS outputs and joins at most
 * MATMUL_LEVELS levels of chunks. */
#define MATMUL_ROWS 8u
#define MATMUL_COLUMNS 48u
#define MATMUL_LEVELS 8u
#define MATMUL_BLOCK_ROWS 64u
#define MATMUL_K_MAX ((u64)SCAN_BLOCK << 21)

static inline bool whole_is_scan(u8 kind) { return kind <= WHOLE_CUMMAX; }

/* Scratch that whole.h's calls need, 64-aligned, for rows of n elements (MATMUL: n = K, columns =
 * N). n and columns are at most 2^40. */
static inline u64 whole_scratch_bytes(u8 kind, u8 type, u64 n, u64 columns) {
    u64 width = type_bytes(type), tiles = (MATMUL_LEVELS + 1) * 8 * MATMUL_ROWS * MATMUL_COLUMNS,
        cells;
    switch (kind) {
    case WHOLE_SORT:
    case WHOLE_TOPK: return 16 * n;
    case WHOLE_ARGSORT: return 40 * n;
    case WHOLE_QUANTILE: return 8 * n;
    case WHOLE_MATMUL:
        if (!type_is_float(type)) return 0;
        if (__builtin_mul_overflow(n, columns + MATMUL_COLUMNS, &cells) || cells >> 50 != 0)
            return UINT64_MAX / 2;
        return width * (tiles + cells);
    default: return 0;
    }
}
#endif
