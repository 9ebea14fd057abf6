/* SPDX-License-Identifier: Apache-2.0
 * back_ring: which histories the engine turns instead of moving their rows (PAGE_RING): those that
 * only equations read. Needs nodes; they are not fused after. Changes no value. */
#include "back.h"

bool rings_choose(back *b) {
    ASSERT(b->passes_done == BACK_WAVES && b->readers_count == 0);
    u32 *reader = ARENA_ARRAY(b->memory, u32, b->pages_count + 1u); /* of PREV pages: node + 1 */
    image view;
    image_ring r;
    if (reader == NULL) return false;
    for (u32 k = 0; k < b->reads_count; k++) {
        const image_read *x = &b->reads[k];
        if (b->pages[x->page].kind != PAGE_PREV) continue;
        bool other = reader[x->page] != 0 && reader[x->page] != x->node + 1;
        reader[x->page] = other ? UINT32_MAX : x->node + 1;
    }
    for (u32 k = 0; k < b->kernel_pages_count; k++) {
        u32 prev = b->pages[b->kernel_pages[k]].prev;
        if (prev != 0) reader[prev] = UINT32_MAX; /* a user's kernel may count on its alignment */
    }
    back_view(b, &view);
    for (u32 k = 0; k < b->nodes_count; k++) {
        if ((b->nodes[k].flags & NODE_IN_EPOCH0) != 0 || !image_ring_find(&view, k, &r)) continue;
        image_page *p = &b->pages[r.page];
        u8 fixed = PAGE_EXPORTED | PAGE_EVENT | PAGE_OFFSETS;
        bool turns = (p->flags & PAGE_HIDDEN) != 0 && (p->flags & fixed) == 0 &&
                     reader[r.prev] == k + 1 && r.lanes <= RING_LANES_MAX;
        if (turns) p->flags |= PAGE_RING;
    }
    return true;
}
