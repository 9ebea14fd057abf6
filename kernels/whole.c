/* SPDX-License-Identifier: Apache-2.0
 * whole: picks the level's scans and products. */
#include "whole_level.h"

#include "kernels.h"

static const whole_table *table(void) {
    switch (kernels_choose(KERNELS_V4)) {
#ifdef KERNELS_HAVE_V4
    case KERNELS_V4: return &whole_table_v4;
#endif
#ifdef KERNELS_HAVE_V3
    case KERNELS_V3: return &whole_table_v3;
#endif
    default: return &whole_table_portable;
    }
}

void whole_scan(u8 kind, u8 type, const void *row, u64 n, u64 first, void *carry, void *out) {
    ASSERT(first % SCAN_BLOCK == 0 && first < n);
    table()->scan(kind, type, row, n, first, carry, out);
}

void whole_matmul(u8 type, const void *a, const void *b, void *out, u64 m, u64 k, u64 n,
                  u64 row_first, u64 row_end, u64 column_first, u64 column_end, void *scratch) {
    ASSERT(row_first <= row_end && row_end <= m && column_first <= column_end && column_end <= n);
    ASSERT(k > 0 && k <= MATMUL_K_MAX);
    u64 rows[2] = {row_first, row_end}, columns[2] = {column_first, column_end};
    table()->matmul(type, a, b, out, k, n, rows, columns, scratch);
}

void whole_dot_leaves(u8 type, const void *x, const void *y, u32 n, void *out) {
    ASSERT(n > 0 && n <= 512);
    table()->dot_leaves(type, x, y, n, out);
}
