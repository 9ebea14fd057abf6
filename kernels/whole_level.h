/* SPDX-License-Identifier: Apache-2.0
 * whole_level: what kernel_cpu_whole.c gives at each level; whole.c picks one table. */
#ifndef MMSB_WHOLE_LEVEL_H
#define MMSB_WHOLE_LEVEL_H
#include "whole.h"

typedef void (*whole_scan_fn)(u8 kind, u8 type, const void *row, u64 n, u64 first, void *carry,
                              void *out);
typedef void (*whole_matmul_fn)(u8 type, const void *a, const void *b, void *out, u64 k, u64 n,
                                u64 rows[2], u64 columns[2], void *scratch);
typedef void (*whole_dot_fn)(u8 type, const void *x, const void *y, u32 n, void *out);
typedef struct {
    whole_scan_fn scan;
    whole_matmul_fn matmul;
    whole_dot_fn dot_leaves;
} whole_table;
extern const whole_table whole_table_portable, whole_table_v3, whole_table_v4;

#endif
