/* SPDX-License-Identifier: Apache-2.0
 * back_drop: which pages must be stored whatever fusion does, and the removal of those that need
 * not. Needs: nodes built. Never changes what a stored page holds. */
#include "back.h"

bool *pages_loose(const back *b) {
    ASSERT(b->passes_done == BACK_WAVES);
    const ir *g = b->g;
    u8 seen = PAGE_EXPORTED | PAGE_STATE | PAGE_EVENT | PAGE_ROOTED | PAGE_OFFSETS;
    bool *loose = ARENA_ARRAY(b->memory, bool, b->pages_count + 1u);
    if (loose == NULL) return NULL;
    for (u32 p = 1; p < b->pages_count; p++) {
        const image_page *x = &b->pages[p];
        loose[p] = x->kind == PAGE_DERIVED && (x->flags & seen) == 0 && x->prev == 0;
    }
    for (u32 p = 1; p < b->pages_count; p++) loose[b->pages[p].of] = false;
    for (u32 k = 0; k < b->checks_count; k++) loose[b->checks[k].page] = false;
    for (u32 k = 1; k < g->page_count; k++)
        if (g->pages[k].kept) loose[b->page_of[k]] = false;
    for (u32 k = 0; k < g->assert_count; k++) loose[b->page_of[g->asserts[k].page]] = false;
    for (u32 k = 0; k < g->event_count; k++) {
        const ir_event *e = &g->events[k];
        for (u32 v = 0; v < e->value_count; v++)
            loose[b->page_of[g->lists[e->value_at + v]]] = false;
    }
    return loose;
}

static void report_add(back *b, const image_page *p) {
    back_report *r = b->report;
    ASSERT(p->kind == PAGE_DERIVED && p->shape < b->shapes_count);
    if (!arena_grow(b->memory, (void **)&r->fused, &r->fused_capacity, r->fused_count + 1,
                    sizeof *r->fused)) {
        b->out_of_memory = true;
        return;
    }
    const char *name = b->strings + p->name;
    r->fused[r->fused_count++] =
        (plan_fused){arena_text(b->memory, name, strlen(name)), b->shapes[p->shape].lanes, p->type};
}

/* Rows that name pages, under their new numbers. */
static void rows_renumber(back *b, const u32 *to) {
    ASSERT(b->readers_count == 0 && to[0] == 0);
    for (u32 k = 0; k < b->instructions_count; k++) {
        image_instruction *r = &b->instructions[k];
        if (r->op != IN_SCALAR && r->op != IN_LANE && r->op != IN_GATHER && r->op != IN_STORE)
            continue;
        ASSERT(to[r->imm] != 0);
        r->imm = to[r->imm];
    }
    for (u32 k = 0; k < b->nodes_count; k++) {
        image_node *n = &b->nodes[k];
        if (n->kind == NODE_MAP) continue;
        n->element = to[n->element], n->present = to[n->present], n->output = to[n->output];
        if (n->kind == NODE_KEYED) n->group = to[n->group];
        ASSERT(n->output != 0);
    }
    for (u32 k = 0; k < b->reads_count; k++) {
        image_read *r = &b->reads[k];
        ASSERT(to[r->page] != 0);
        r->page = to[r->page];
        if (r->kind == READ_GATHER) r->arg = to[r->arg];
    }
    for (u32 k = 0; k < b->affines_count; k++) b->affines[k].page = to[b->affines[k].page];
    for (u32 k = 0; k < b->checks_count; k++) b->checks[k].page = to[b->checks[k].page];
    for (u32 k = 0; k < b->kernel_pages_count; k++) b->kernel_pages[k] = to[b->kernel_pages[k]];
    for (u32 k = 1; k < b->g->page_count; k++) {
        b->page_of[k] = to[b->page_of[k]];
        b->prev_of[k] = to[b->prev_of[k]];
    }
    b->epoch_page = to[b->epoch_page];
}

bool pages_drop(back *b, const bool *gone) {
    u32 *to = ARENA_ARRAY(b->memory, u32, b->pages_count + 1u), count = 1;
    ASSERT(!gone[0] && b->readers_count == 0);
    if (to == NULL) return false;
    for (u32 p = 1; p < b->pages_count; p++) {
        if (gone[p])
            report_add(b, &b->pages[p]);
        else
            to[p] = count++;
    }
    if (count == b->pages_count) return !b->out_of_memory;
    for (u32 p = 1; p < b->pages_count; p++) {
        if (to[p] == 0) continue;
        image_page page = b->pages[p];
        ASSERT(to[p] <= p);
        page.of = to[page.of], page.prev = to[page.prev];
        b->pages[to[p]] = page;
    }
    rows_renumber(b, to);
    b->pages_count = count;
    return !b->out_of_memory;
}
