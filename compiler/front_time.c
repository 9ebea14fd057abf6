/* SPDX-License-Identifier: Apache-2.0
 * front_time: the two dependency graphs, cycles told as a path, state pages, live pages. Needs:
 * equations. No recursion over the graph. */
#include "front_state.h"

#include <stdio.h>

typedef enum { GRAPH_EPOCH0, GRAPH_LATER, GRAPH_ALL } graph_kind;
typedef struct {
    u32 *first, *to;
    bool *prev; /* the edge reads prev */
    u32 count, capacity, prev_capacity;
} page_edges;

typedef struct {
    u32 *stack, *seen; /* seen: the last walk that visited the expression */
    u32 capacity, mark;
    bool met_init;
} walker;

static bool edge_add(front *f, page_edges *e, u32 page, bool prev) {
    ASSERT(page != 0 && page < f->ir->page_count);
    if (!arena_grow(f->memory, (void **)&e->to, &e->capacity, e->count + 1, sizeof(u32)) ||
        !arena_grow(f->memory, (void **)&e->prev, &e->prev_capacity, e->count + 1, sizeof(bool))) {
        f->out_of_memory = true;
        return false;
    }
    e->to[e->count] = page;
    e->prev[e->count++] = prev;
    return true;
}

/* Adds the reads of an expression that the walk in hand has not met; notes an init. */
static void walk(front *f, walker *w, page_edges *e, graph_kind kind, u32 root) {
    ASSERT(root < f->ir->expr_count && w->mark != 0);
    const ir *g = f->ir;
    u32 count = 0;
    if (root == 0) return;
    w->stack[count++] = root;
    while (count > 0) {
        u32 row = w->stack[--count];
        const ir_expr *x = &g->exprs[row];
        if (w->seen[row] == w->mark) continue;
        w->seen[row] = w->mark;
        u32 below[3], used = 0;
        if (x->kind == IR_READ && !(x->prev && kind == GRAPH_LATER))
            edge_add(f, e, x->page, x->prev);
        if (x->kind == IR_INIT) {
            w->met_init = true;
            if (kind != GRAPH_LATER) below[used++] = x->a;
            if (kind != GRAPH_EPOCH0) below[used++] = x->b;
        } else if (x->kind != IR_READ && x->kind != IR_CONST && x->kind != IR_INDEX &&
                   x->kind != IR_EPOCH) {
            below[used++] = x->a, below[used++] = x->b, below[used++] = x->c;
        }
        u32 more = used + (x->kind == IR_READ ? x->count : 0);
        if (!arena_grow(f->memory, (void **)&w->stack, &w->capacity, count + more, sizeof(u32))) {
            f->out_of_memory = true;
            return;
        }
        for (u32 k = 0; k < used; k++)
            if (below[k] != 0) w->stack[count++] = below[k];
        for (u32 k = 0; x->kind == IR_READ && k < x->count; k++)
            w->stack[count++] = g->lists[x->at + k];
    }
}

static void page_walk(front *f, walker *w, page_edges *e, graph_kind kind, const ir_equation *q) {
    const ir *g = f->ir;
    ASSERT(q->page != 0 && w->mark < UINT32_MAX);
    w->mark++, w->met_init = false;
    walk(f, w, e, kind, q->expr);
    walk(f, w, e, kind, q->key);
    walk(f, w, e, kind, q->filter);
    for (u32 k = 0; q->kernel != 0 && k < g->kernels[q->kernel].count; k++)
        edge_add(f, e, g->lists[g->kernels[q->kernel].at + k], false);
}

/* Without an init a page reads the same in every epoch, but that the past is no edge later. */
static void edges_copy(front *f, page_edges *e, graph_kind kind, const page_edges *all, u32 first) {
    ASSERT(first <= all->count);
    for (u32 k = first; k < all->count; k++)
        if (!all->prev[k] || kind == GRAPH_EPOCH0) edge_add(f, e, all->to[k], all->prev[k]);
}

/* e: the edges of each graph_kind. */
static bool edges_build(front *f, page_edges e[3]) {
    ASSERT(e[GRAPH_ALL].count == 0 && f->ir->page_count > 0);
    const ir *g = f->ir;
    walker w = {0};
    w.seen = ARENA_ARRAY(f->memory, u32, g->expr_count + 1);
    for (u32 k = 0; k < 3; k++) e[k].first = ARENA_ARRAY(f->memory, u32, g->page_count + 1);
    if (w.seen == NULL || e[0].first == NULL || e[1].first == NULL || e[2].first == NULL ||
        !arena_grow(f->memory, (void **)&w.stack, &w.capacity, 64, sizeof(u32)))
        return false;
    page_edges *all = &e[GRAPH_ALL];
    for (u32 page = 1; page < g->page_count; page++) {
        for (u32 k = 0; k < 3; k++) e[k].first[page] = e[k].count;
        if (g->pages[page].equation == 0 || g->pages[page].kind == PAGE_SOURCE) continue;
        const ir_equation *q = &g->equations[g->pages[page].equation];
        page_walk(f, &w, all, GRAPH_ALL, q);
        bool same = !w.met_init;
        for (graph_kind kind = GRAPH_EPOCH0; kind != GRAPH_ALL; kind++) {
            if (same)
                edges_copy(f, &e[kind], kind, all, all->first[page]);
            else
                page_walk(f, &w, &e[kind], kind, q);
        }
    }
    for (u32 k = 0; k < 3; k++) e[k].first[g->page_count] = e[k].count;
    arena_give_back(f->memory, w.seen, (g->expr_count + 1) * sizeof(u32));
    return !f->out_of_memory;
}

/* Tells a cycle: path[0 .. count) of pages, each needing the next, the last needing the first. */
static void tell_cycle(front *f, graph_kind kind, const u32 *path, u32 count, bool through_prev) {
    ASSERT(count > 0 && kind != GRAPH_ALL);
    char text[1200];
    int used = 0;
    u32 start = 0;
    for (u32 k = 0; k < count; k++)
        if (!f->ir->pages[path[k]].hidden) {
            start = k;
            break;
        }
    for (u32 k = 0; k <= count && used < 1000; k++) {
        const ir_page *p = &f->ir->pages[path[(start + k) % count]];
        if (p->hidden && k != count) continue;
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", used == 0 ? "" : " -> ",
                         p->name);
    }
    const ir_page *first = &f->ir->pages[path[start]];
    span at = f->ir->places[first->place].at;
    if (kind == GRAPH_EPOCH0 && through_prev) {
        diag_row *d =
            diag_add(f->diags, DIAG_NEEDS_INIT, at,
                     "`%s` needs its own past before there is one: %s", first->name, text);
        diag_help(f->diags, d, "say what it starts with: `page %s = init ... then ...`",
                  first->name);
    } else {
        diag_row *d =
            diag_add(f->diags, DIAG_CYCLE, at, "pages need each other in the same epoch: %s", text);
        diag_help(f->diags, d,
                  "read the past of one of them, with a start: `init ... then ... prev(%s) ...`",
                  first->name);
    }
}

/* Depth-first search with its own stack; each cycle found is told once, by its first page. */
static bool cycles_tell(front *f, const page_edges *e, graph_kind kind) {
    ASSERT(e->first != NULL && kind != GRAPH_ALL);
    u32 pages = f->ir->page_count, depth, told = 0;
    u32 *path = ARENA_ARRAY(f->memory, u32, pages + 1),
        *at = ARENA_ARRAY(f->memory, u32, pages + 1);
    u8 *state = ARENA_ARRAY(f->memory, u8, pages + 1);
    if (path == NULL || at == NULL || state == NULL) return false;
    for (u32 start = 1; start < pages; start++) {
        if (state[start] != FRESH) continue;
        depth = 0;
        path[0] = start, at[start] = e->first[start], state[start] = BUSY;
        for (;;) {
            u32 page = path[depth];
            if (at[page] == e->first[page + 1]) {
                state[page] = DONE;
                if (depth-- == 0) break;
                continue;
            }
            u32 edge = at[page]++, to = e->to[edge];
            if (state[to] == FRESH) {
                path[++depth] = to, at[to] = e->first[to], state[to] = BUSY;
            } else if (state[to] == BUSY && told < 10) {
                u32 from = depth;
                while (path[from] != to) from--;
                bool prev = e->prev[edge];
                for (u32 k = from; k < depth && !prev; k++) prev = e->prev[at[path[k]] - 1];
                tell_cycle(f, kind, path + from, depth - from + 1, prev);
                told++;
            }
        }
    }
    arena_give_back(f->memory, path, (pages + 1) * sizeof(u32));
    arena_give_back(f->memory, at, (pages + 1) * sizeof(u32));
    arena_give_back(f->memory, state, pages + 1);
    return told == 0;
}

/* Marks pages that lie on a cycle and are read by prev from within it. */
static bool states_mark(front *f, const page_edges *e) {
    ASSERT(e->first != NULL && e->first[f->ir->page_count] == e->count);
    u32 pages = f->ir->page_count, depth, next = 0, stack_count = 0;
    u32 *number = ARENA_ARRAY(f->memory, u32, pages), *low = ARENA_ARRAY(f->memory, u32, pages);
    u32 *stack = ARENA_ARRAY(f->memory, u32, pages), *path = ARENA_ARRAY(f->memory, u32, pages);
    u32 *at = ARENA_ARRAY(f->memory, u32, pages), *group = ARENA_ARRAY(f->memory, u32, pages);
    if (number == NULL || low == NULL || stack == NULL || path == NULL || at == NULL ||
        group == NULL)
        return false;
    for (u32 start = 1; start < pages; start++) {
        if (number[start] != 0) continue;
        depth = 0;
        path[0] = start, at[start] = e->first[start], number[start] = low[start] = ++next,
        stack[stack_count++] = start;
        for (;;) {
            u32 page = path[depth];
            if (at[page] < e->first[page + 1]) {
                u32 to = e->to[at[page]++];
                if (number[to] == 0) {
                    number[to] = low[to] = ++next, stack[stack_count++] = to, at[to] = e->first[to];
                    path[++depth] = to;
                } else if (group[to] == 0 && number[to] < low[page]) {
                    low[page] = number[to];
                }
                continue;
            }
            if (low[page] == number[page]) {
                u32 member;
                do {
                    member = stack[--stack_count];
                    group[member] = page;
                } while (member != page);
            }
            if (depth-- == 0) break;
            if (low[page] < low[path[depth]]) low[path[depth]] = low[page];
        }
    }
    for (u32 page = 1; page < pages; page++)
        for (u32 k = e->first[page]; k < e->first[page + 1]; k++)
            if (e->prev[k] && group[e->to[k]] == group[page] &&
                f->ir->pages[e->to[k]].kind == PAGE_DERIVED)
                f->ir->pages[e->to[k]].state = true;
    u32 *tables[] = {number, low, stack, path, at, group};
    for (u32 k = 0; k < ARRAY_COUNT(tables); k++)
        arena_give_back(f->memory, tables[k], pages * sizeof(u32));
    return true;
}

static void edges_give_back(front *f, const page_edges *e) {
    ASSERT(e->count <= e->capacity);
    arena_give_back(f->memory, e->first, (f->ir->page_count + 1) * sizeof(u32));
    arena_give_back(f->memory, e->to, e->capacity * sizeof(u32));
    arena_give_back(f->memory, e->prev, e->prev_capacity * sizeof(bool));
}

/* Marks the pages that something outside needs, and what these read in any epoch. */
static bool live_mark(front *f, const page_edges *all) {
    ASSERT(f->diags->error_count == 0 && all->first != NULL);
    ir *g = f->ir;
    u32 *stack = ARENA_ARRAY(f->memory, u32, g->page_count + 1), count = 0;
    if (stack == NULL) return false;
    for (u32 page = 1; page < g->page_count; page++) {
        bool root = g->pages[page].exported || g->pages[page].event ||
                    g->pages[page].kind == PAGE_SOURCE || g->pages[page].live;
        g->pages[page].live = root;
        if (root) stack[count++] = page;
    }
    while (count > 0) {
        u32 page = stack[--count];
        for (u32 k = all->first[page]; k < all->first[page + 1]; k++) {
            if (g->pages[all->to[k]].live) continue;
            g->pages[all->to[k]].live = true;
            stack[count++] = all->to[k];
        }
    }
    arena_give_back(f->memory, stack, (g->page_count + 1) * sizeof(u32));
    return true;
}

bool time_check(front *f) {
    ASSERT(f->passes_done == PASS_EQUATIONS);
    page_edges e[3] = {{0}};
    if (f->ir->page_count == 0) return true;
    if (!edges_build(f, e)) return false;
    if (cycles_tell(f, &e[GRAPH_LATER], GRAPH_LATER))
        cycles_tell(f, &e[GRAPH_EPOCH0], GRAPH_EPOCH0);
    bool ok = states_mark(f, &e[GRAPH_ALL]);
    if (ok && f->diags->error_count == 0) ok = live_mark(f, &e[GRAPH_ALL]);
    for (u32 k = 0; k < 3; k++) edges_give_back(f, &e[k]);
    return ok;
}
