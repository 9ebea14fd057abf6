/* SPDX-License-Identifier: Apache-2.0
 * inverse: which lanes gather from a target. Lanes stand sorted by the target that they had when
 * the order was last built, so that a target's lanes lie together and are read without waiting for
 * one another; lanes that have moved since stand in a list of their target as well (links are rows
 * + 1; 0 ends). A lane of the order counts only while its offset still is that target: nothing is
 * taken out of it. When many have moved the order is built anew after the epoch; until then the
 * inverse is stale, and offsets are looked up one by one. */
#include "state.h"

#define MOVED_SHARE 16u /* of the lanes: past that the order is built anew */
#define LIST_WALK 64u   /* links of a list that one move may follow */

static bool in_order(const page_state *p, u64 lane, u64 target) {
    u32 low = p->start[target], high = p->start[target + 1];
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (p->order[middle] < lane)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->start[target + 1] && p->order[low] == lane;
}

static void link_in(engine *e, page_state *p, u64 lane, u64 target) {
    ASSERT(target < p->target_lanes && lane < p->lanes);
    undo_save_value(e, &p->head[target]);
    undo_save_value(e, &p->next[lane]);
    p->next[lane] = p->head[target];
    p->head[target] = (u32)lane + 1;
}

/* False where the list is too long to look for the lane. */
static bool link_out(engine *e, page_state *p, u64 lane, u64 target) {
    u32 *link = &p->head[target];
    for (u32 k = 0; k < LIST_WALK; k++) {
        ASSERT(*link != 0); /* a lane that is not in its target's order is in its list */
        if (*link == (u32)lane + 1) {
            undo_save_value(e, link);
            *link = p->next[lane];
            return true;
        }
        link = &p->next[*link - 1];
    }
    return false;
}

void inverse_move(engine *e, page_state *p, u64 lane, i64 from, i64 to) {
    ASSERT(p->head != NULL);
    ASSERT(from < (i64)p->target_lanes && to < (i64)p->target_lanes);
    if (p->inverse_stale) return;
    p->moved++;
    if (p->moved > p->lanes / MOVED_SHARE ||
        (from >= 0 && !in_order(p, lane, (u64)from) && !link_out(e, p, lane, (u64)from))) {
        p->inverse_stale = true;
        return;
    }
    if (to >= 0 && !in_order(p, lane, (u64)to)) link_in(e, p, lane, (u64)to);
}

void inverse_build(engine *e, u32 page) {
    page_state *p = &e->pages[page];
    if (p->head == NULL) return;
    ASSERT(!e->undo_on);
    ASSERT(p->lanes < UINT32_MAX && p->target_lanes < UINT32_MAX);
    memset(p->head, 0, p->target_lanes * sizeof(u32));
    memset(p->start, 0, (p->target_lanes + 1) * sizeof(u32));
    for (u64 lane = 0; lane < p->lanes; lane++) {
        i64 target = offset_at(p, lane);
        if (target >= 0) p->start[target + 1]++;
    }
    for (u64 t = 0; t < p->target_lanes; t++) p->start[t + 1] += p->start[t];
    for (u64 lane = 0; lane < p->lanes; lane++) {
        i64 target = offset_at(p, lane);
        if (target >= 0) p->order[p->start[target]++] = (u32)lane;
    }
    for (u64 t = p->target_lanes; t > 0; t--) p->start[t] = p->start[t - 1];
    p->start[0] = 0;
    p->moved = p->moved_before = 0;
    p->inverse_stale = false;
}

void inverses_accept(engine *e) {
    for (u32 k = 0; k < e->inverse_count; k++) {
        page_state *p = &e->pages[e->inverses[k]];
        if (p->inverse_stale) inverse_build(e, e->inverses[k]);
        p->moved_before = p->moved;
    }
}

void inverses_reject(engine *e) {
    for (u32 k = 0; k < e->inverse_count; k++) {
        page_state *p = &e->pages[e->inverses[k]];
        ASSERT(p->moved >= p->moved_before);
        p->moved = p->moved_before;
        p->inverse_stale = false;
    }
}
