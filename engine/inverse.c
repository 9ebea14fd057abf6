/* SPDX-License-Identifier: Apache-2.0
 * inverse: which lanes gather from a target: lists through the lanes, kept right when an offset
 * changes. Links are rows + 1; 0 ends. */
#include "state.h"

static i64 offset_at(const page_state *p, u64 lane) {
    ASSERT(lane < p->lanes);
    return p->width == 4 ? ((const i32 *)p->value)[lane] : ((const i64 *)p->value)[lane];
}

static void link_in(engine *e, page_state *p, u64 lane, u64 target) {
    ASSERT(target < p->target_lanes);
    ASSERT(lane < p->lanes);
    u32 first = p->head[target];
    undo_save(e, &p->head[target], 4);
    undo_save(e, &p->next[lane], 4);
    undo_save(e, &p->before[lane], 4);
    p->next[lane] = first;
    p->before[lane] = 0;
    if (first != 0) {
        undo_save(e, &p->before[first - 1], 4);
        p->before[first - 1] = (u32)lane + 1;
    }
    p->head[target] = (u32)lane + 1;
}

static void link_out(engine *e, page_state *p, u64 lane, u64 target) {
    ASSERT(target < p->target_lanes);
    ASSERT(lane < p->lanes);
    u32 next = p->next[lane], before = p->before[lane];
    ASSERT(before != 0 || p->head[target] == (u32)lane + 1);
    ASSERT(next == 0 || p->before[next - 1] == (u32)lane + 1);
    if (before != 0) {
        undo_save(e, &p->next[before - 1], 4);
        p->next[before - 1] = next;
    } else {
        undo_save(e, &p->head[target], 4);
        p->head[target] = next;
    }
    if (next != 0) {
        undo_save(e, &p->before[next - 1], 4);
        p->before[next - 1] = before;
    }
}

void inverse_move(engine *e, page_state *p, u64 lane, i64 from, i64 to) {
    ASSERT(p->head != NULL);
    ASSERT(from < (i64)p->target_lanes && to < (i64)p->target_lanes);
    if (from >= 0) link_out(e, p, lane, (u64)from);
    if (to >= 0) link_in(e, p, lane, (u64)to);
}

void inverse_build(engine *e, u32 page) {
    page_state *p = &e->pages[page];
    if (p->head == NULL) return;
    ASSERT(p->lanes < UINT32_MAX);
    ASSERT(p->target_lanes < UINT32_MAX);
    memset(p->head, 0, p->target_lanes * sizeof(u32));
    for (u64 lane = p->lanes; lane > 0; lane--) {
        i64 target = offset_at(p, lane - 1);
        if (target >= 0) link_in(e, p, lane - 1, (u64)target);
    }
}
