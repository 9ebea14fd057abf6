/* SPDX-License-Identifier: Apache-2.0
 * compiled: native code for the engine of a trial, made anew for each graph, no cache. */
#ifndef ORACLE_COMPILED_H
#define ORACLE_COMPILED_H
#include "../../engine/native.h"

typedef struct {
    native_plan plan;
    const native_table *table; /* NULL: the graph has nothing to compile */
    void *library;
    int fd;
} compiled_calls;
/* Prints, compiles and loads the calls of an image. MMSB_ABSENT: no compiler. */
mmsb_status compiled_make(const image *i, arena *memory, compiled_calls *out, message *m);
/* Gives them to an engine, before its epoch 0. MMSB_BUG: a call failed the test against the VM.
 * *calls: how many it uses. */
mmsb_status compiled_install(engine *e, const compiled_calls *c, u64 *calls, message *m);
/* After the engine is closed. */
void compiled_free(compiled_calls *c);
#endif
