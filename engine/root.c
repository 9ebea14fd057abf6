/* SPDX-License-Identifier: Apache-2.0
 * root: the digest of the whole state at an epoch (engine.md, "Root"). Only pages that changed
 * since it was last asked are summed again. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "state.h"

#define DIGEST_STEPS 4u /* what a lane costs, in steps of a program */

static void digest_share(worker *w, void *context, u64 from, u64 to) {
    const page_state *p = context;
    ASSERT(to <= p->lanes);
    w->sum = kernel_digest(p->row->type, p->value, from, to - from, p->key);
}

/* A sum modulo 2^64: parts may be added in any order. */
static u64 digest_sum(engine *e, page_state *p) {
    split s = {.e = e, .units = p->lanes, .share = digest_share, .context = p};
    if (!split_is_worth(e, p->lanes, DIGEST_STEPS))
        return kernel_digest(p->row->type, p->value, 0, p->lanes, p->key);
    split_run(&s);
    u64 sum = 0;
    for (u32 k = 0; k < e->worker_count; k++) sum += e->workers[k].sum;
    return sum;
}

u64 engine_page_digest(engine *e, u32 page) {
    ASSERT(page > 0 && page < e->image->page_count);
    page_state *p = &e->pages[page];
    if ((p->row->flags & PAGE_ROOTED) == 0) return 0;
    if (p->stale) p->digest = digest_sum(e, p);
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
