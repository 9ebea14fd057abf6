/* SPDX-License-Identifier: Apache-2.0
 * tool_look: see tool_look.h. */
#include "tool_look.h"

#include <fcntl.h>
#include <stdio.h>

mmsb_status graph_open(graph *g, const char *state, bool allow_kernels, message *m) {
    ASSERT(state != NULL);
    *g = (graph){.state = state, .allow_kernels = allow_kernels};
    snprintf(g->path, sizeof g->path, "%s/graph.mmsbx", state);
    TRY(file_map(file_system(), AT_FDCWD, g->path, &g->bytes, &g->byte_count, m));
    mmsb_status s = image_verify(g->bytes, g->byte_count, &g->i, m);
    if (s != MMSB_OK) graph_close(g);
    g->names = s == MMSB_OK ? arena_open(0) : NULL;
    if (g->names != NULL) image_index(&g->i, g->names);
    return s;
}

void graph_close(graph *g) {
    ASSERT(g != NULL);
    if (g->bytes != NULL) file_unmap(g->bytes, g->byte_count);
    arena_close(g->names);
    g->bytes = NULL, g->names = NULL;
}

void look_note(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "mmsb: %s\n", text);
}

mmsb_status graph_at(const graph *g, u64 epoch, session **out, message *m) {
    ASSERT(g->bytes != NULL);
    session_options o = {.state = g->state,
                         .image_path = g->path,
                         .note = look_note,
                         .allow_kernels = g->allow_kernels};
    session_replay_options replay = {.to = epoch, .from_most = epoch};
    return session_replay(&g->i, &o, &replay, out, m);
}
