/* SPDX-License-Identifier: Apache-2.0
 * mmsbc: compiles the text of a graph to an image, in memory. No printing, no exit, no globals; any
 * thread, one call an options struct. */
#ifndef MMSBC_H
#define MMSBC_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    const char *name; /* of the file, for messages and for the default graph name */
    const char *text;
    size_t bytes;
    const char *const *defines; /* "n=1000": overrides of params */
    size_t define_count;
    const char *const *folders; /* import search path */
    size_t folder_count;
    /* Budgets, 0: none. A graph that breaks one is wrong, and the diagnostic names the page. */
    unsigned long long max_bytes;         /* of memory that a run takes */
    unsigned long long max_waves;         /* of a later epoch */
    const char *const *max_amplification; /* "price=5000": lanes that one changed lane may redo */
    size_t max_amplification_count;
    int diagnostics; /* 0 human, 1 short, 2 json */
    int colour;
    FILE *messages; /* diagnostics go here; NULL: nowhere */
} mmsbc_options;
typedef struct mmsbc_result mmsbc_result;
/* Returns an mmsb_status value (0 ok, 1 the graph is wrong, ...). *out is set also on errors where
 * memory allows; free it. */
int mmsbc_compile(const mmsbc_options *options, mmsbc_result **out);
/* The image, 8-aligned, owned by the result; NULL after an error. */
const void *mmsbc_image(const mmsbc_result *r, size_t *bytes);
/* Reports of a compiled graph (--emit): "plan", "dot", "ir", "ast", "json". 0, or nonzero for an
 * unknown kind or no graph. */
int mmsbc_emit(const mmsbc_result *r, const char *kind, FILE *to);
void mmsbc_free(mmsbc_result *r);
#endif
