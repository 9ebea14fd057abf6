/* SPDX-License-Identifier: Apache-2.0
 * compile: what one compilation keeps, for the reports and tools made from it. */
#ifndef MMSB_COMPILE_H
#define MMSB_COMPILE_H
#include "mmsbc.h"

#include "../dsl/parse.h"
#include "back.h"

struct mmsbc_result {
    arena *memory;
    void *image;
    u64 bytes;
    const char *stem;
    sources sources; /* file 0 is the graph, then imports in the order they were read */
    diags diags;
    ast *tree;        /* NULL before it was read without errors */
    ir *graph;        /* NULL before the front passed */
    const char *text; /* of mmsbc_format and mmsbc_fix */
    u64 text_bytes;
    back_report report;
    mmsb_status status; /* of the last call, and its words where no diagnostic has them */
    const char *words;
};

/* A result with the text as file 0; NULL when memory is short. */
mmsbc_result *result_open(const mmsbc_options *o);
/* Reads file 0 into r->tree. MMSB_WRONG where the text is not a graph. */
mmsb_status result_parse(const mmsbc_options *o, mmsbc_result *r);
/* unused_nodes.c: diagnostics for nodes that no `use` reaches. Needs: the front has run. */
mmsb_status unused_nodes_check(const mmsbc_options *o, mmsbc_result *r);
/* Keeps what the status means; writes diagnostics, or that, to o->messages. */
void result_tell(const mmsbc_options *o, mmsbc_result *r, mmsb_status status, const message *m);
#endif
