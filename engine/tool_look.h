/* SPDX-License-Identifier: Apache-2.0
 * tool_look: what the parts of mmsb that look at state directories share. */
#ifndef MMSB_TOOL_LOOK_H
#define MMSB_TOOL_LOOK_H
#include "session.h"

/* The image of a state directory. */
typedef struct {
    image i;
    const void *bytes;
    u64 byte_count;
    char path[4096];
    const char *state;
    bool allow_kernels;
    arena *names; /* of image_index */
} graph;

mmsb_status graph_open(graph *g, const char *state, bool allow_kernels, message *m);
void graph_close(graph *g);
/* The state at the end of an epoch (UINT64_MAX: the last), from the checkpoint
 * before it. */
mmsb_status graph_at(const graph *g, u64 epoch, session **out, message *m);
void look_note(void *context, const char *text);

/* Each prints its report and returns the exit status; m holds the words of a
 * failure, or none. */
mmsb_status why_print(const graph *g, const char *what, u64 at, message *m);
mmsb_status impact_print(const graph *g, const char *what, u64 at, message *m);
/* *differ: something does. */
mmsb_status page_diff_print(const graph *g, u64 a, u64 b, const char *what, bool *differ,
                            message *m);
mmsb_status log_diff_print(const graph *a, const graph *b, bool *differ, message *m);
#endif
