/* SPDX-License-Identifier: Apache-2.0
 * back_kernel: a call of a user's own C kernel becomes a KERNEL node that reads its arguments
 * whole. */
#include "back.h"

void kernel_equation(back *b, u32 row, ir_equation q) {
    const ir_page *p = &b->g->pages[row];
    const ir_kernel *k = &b->g->kernels[q.kernel];
    ASSERT(q.kernel != 0 && q.kernel < b->g->kernel_count && b->page_of[row] != 0);
    image_node n = {.kind = NODE_KERNEL,
                    .type = p->type,
                    .flags = NODE_IN_EPOCH0 | NODE_IN_LATER,
                    .output = b->page_of[row],
                    .position = back_position(b, p->place)};
    image_kernel call = {.library = back_string(b, k->library, strlen(k->library)),
                         .symbol = back_string(b, k->symbol, strlen(k->symbol)),
                         .page_at = b->kernel_pages_count,
                         .page_count = k->count,
                         .position = back_position(b, k->place)};
    n.shape = back_shape(b, p->dims, p->rank);
    n.read_at = b->reads_count;
    n.program_at = b->instructions_count;
    for (u32 a = 0; a < k->count; a++) {
        u32 page = b->page_of[b->g->lists[k->at + a]];
        bool known = false;
        for (u32 r = n.read_at; r < b->reads_count; r++) known |= b->reads[r].page == page;
        BACK_ADD(b, kernel_pages, page);
        if (!known) BACK_ADD(b, reads, (image_read){b->nodes_count, page, READ_ALL, 0});
    }
    n.read_count = b->reads_count - n.read_at;
    n.group = BACK_ADD(b, kernels, call);
    BACK_ADD(b, definitions, b->node_definition);
    BACK_ADD(b, nodes, n);
}
