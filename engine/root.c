/* SPDX-License-Identifier: Apache-2.0
 * root: the digest of the whole state at an epoch (engine.md, "Root"). Only pages that changed
 * since it was last asked are summed again. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "state.h"

u64 engine_page_digest(engine *e, u32 page) {
    ASSERT(page > 0 && page < e->image->page_count);
    page_state *p = &e->pages[page];
    if ((p->row->flags & PAGE_ROOTED) == 0) return 0;
    if (p->stale) p->digest = kernel_digest(p->row->type, p->value, 0, p->lanes, p->key);
    p->stale = false;
    return p->digest;
}

u64 engine_root(engine *e) {
    XXH3_state_t s;
    u64 head[3] = {ROOT_VERSION, MATH_VERSION, e->epoch};
    XXH3_64bits_reset(&s);
    ASSERT(e->sorted_count < e->image->page_count);
    XXH3_64bits_update(&s, head, sizeof head);
    for (u32 k = 0; k < e->sorted_count; k++) {
        u64 row[2] = {e->pages[e->sorted[k]].key, engine_page_digest(e, e->sorted[k])};
        XXH3_64bits_update(&s, row, sizeof row);
    }
    return XXH3_64bits_digest(&s);
}
