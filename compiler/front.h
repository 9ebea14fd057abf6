/* SPDX-License-Identifier: Apache-2.0
 * front: from tree to equations (ir.h): names, constants, types, shapes, index form, time. */
#ifndef MMSB_FRONT_H
#define MMSB_FRONT_H
#include "../dsl/ast.h"
#include "ir.h"

typedef struct {
    const char *const *defines; /* "n=1000" */
    size_t define_count;
    const char *const *folders; /* searched for imports after the importing file's own */
    size_t folder_count;
} front_options;

/* Needs: file 0 of s parsed into t without errors. Gives: out, whole where d has no errors
 * afterwards. Imports add to s and t. MMSB_OK also where d has errors; MMSB_OUT_OF_SPACE when
 * memory is short. */
mmsb_status front_build(sources *s, ast *t, const front_options *options, arena *memory, diags *d,
                        ir *out);
/* The names of the language's functions, one by one; NULL past the last. */
const char *builtin_name(u32 k);
#endif
