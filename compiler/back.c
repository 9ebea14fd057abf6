/* SPDX-License-Identifier: Apache-2.0
 * back: the back's passes in order: pages, nodes for both modes, modes of hidden nodes, waves,
 * fusion, readers, image. */
#include "back.h"

#include "../engine/core/layout.h"

/* Its loops stand in a frame of their own: the callers recurse. */
static __attribute__((noinline)) u32 reduce_again(back *b, const ir_expr *e, u32 element,
                                                  u32 filter) {
    ir_loop loops[32];
    ASSERT(e->kind == IR_REDUCE && e->count <= 32);
    memcpy(loops, b->g->loops + e->at, e->count * sizeof(ir_loop));
    return ir_reduce(b->g, (u8)e->op, element, filter, loops, e->count, e->position);
}

/* expr as epoch 0 or a later epoch sees it: init takes one side. */
static u32 resolve(back *b, u32 expr, bool later, u32 *memo) {
    ASSERT(expr < b->front_rows);
    if (!b->g->exprs[expr].inits) return expr;
    if (memo[expr] != 0) return memo[expr];
    ir_expr e = b->g->exprs[expr];
    u32 to = expr, index[PAGE_AXES_MAX];
    if (e.kind == IR_INIT) to = resolve(b, later ? e.b : e.a, later, memo);
    if (e.kind == IR_READ && e.count != 0) {
        bool same = true;
        for (u32 k = 0; k < e.count; k++) {
            index[k] = resolve(b, b->g->lists[e.at + k], later, memo);
            same = same && index[k] == b->g->lists[e.at + k];
        }
        if (!same) to = ir_read(b->g, e.page, e.prev, index, e.count, e.position);
    }
    if (e.kind == IR_OP || e.kind == IR_ANDAND || e.kind == IR_OROR || e.kind == IR_REDUCE) {
        u32 x = resolve(b, e.a, later, memo), y = resolve(b, e.b, later, memo),
            z = e.kind == IR_OP ? resolve(b, e.c, later, memo) : 0;
        bool same = x == e.a && y == e.b && (e.kind != IR_OP || z == e.c);
        if (!same && e.kind == IR_OP) {
            u8 type = e.op == OP_CONVERT ? e.type : b->g->exprs[e.op == OP_SELECT ? y : x].type;
            to = ir_op(b->g, e.op, type, x, y, z, e.position);
        } else if (!same && e.kind == IR_REDUCE) {
            to = reduce_again(b, &e, x, y);
        } else if (!same) {
            to = e.kind == IR_ANDAND ? ir_andand(b->g, x, y) : ir_oror(b->g, x, y);
        }
    }
    return memo[expr] = to;
}

static void pages_add(back *b) {
    ASSERT(b->passes_done == BACK_NONE && b->pages_count == 0);
    ir *g = b->g;
    BACK_ADD(b, pages, (image_page){0});
    for (u32 k = 1; k < g->page_count; k++) {
        ir_page *p = &g->pages[k];
        if (!p->live) continue;
        u8 flags = (u8)((p->exported ? PAGE_EXPORTED : 0) | (p->hidden ? PAGE_HIDDEN : 0) |
                        (p->state ? PAGE_STATE : 0) | (p->event ? PAGE_EVENT : 0));
        u32 page =
            back_page(b, p->name, p->type, p->dims, p->rank, flags, back_position(b, p->place));
        b->pages[page].kind = p->kind;
        memcpy(b->pages[page].edge, p->edge, sizeof p->edge);
        memcpy(b->pages[page].fill, p->fill, sizeof p->fill);
        b->page_of[k] = page;
    }
    for (u32 k = 1; k < g->expr_count; k++) {
        const ir_expr *e = &g->exprs[k];
        if (e->kind != IR_READ || !e->prev || b->page_of[e->page] == 0 || b->prev_of[e->page] != 0)
            continue;
        u32 of = b->page_of[e->page];
        image_page p = b->pages[of];
        p.name = 0, p.kind = PAGE_PREV, p.flags = 0, p.of = of, p.prev = 0;
        b->prev_of[e->page] = BACK_ADD(b, pages, p);
        b->pages[of].prev = b->prev_of[e->page];
    }
    u64 one[1] = {1};
    for (u32 k = 1; k < g->expr_count && b->epoch_page == 0; k++)
        if (g->exprs[k].kind == IR_EPOCH) {
            b->epoch_page = back_page(b, "", TYPE_U64, one, 0, 0, 0);
            b->pages[b->epoch_page].kind = PAGE_EPOCH;
        }
    for (u32 k = 1; k < b->pages_count; k++) {
        image_page *p = &b->pages[k];
        bool rooted = p->kind == PAGE_SOURCE || (p->flags & (PAGE_EXPORTED | PAGE_EVENT)) != 0 ||
                      p->prev != 0;
        if (rooted && p->kind != PAGE_PREV && p->kind != PAGE_EPOCH) p->flags |= PAGE_ROOTED;
    }
}

static void page_nodes(back *b, u32 row, u32 *memo0, u32 *memo1) {
    ASSERT(row != 0 && row < b->g->page_count && b->passes_done == BACK_PAGES);
    ir_page p = b->g->pages[row];
    if (!p.live || p.equation == 0) return;
    b->node_definition = row;
    u32 first = b->nodes_count;
    ir_equation q = b->g->equations[p.equation];
    if (q.kind == EQUATION_KERNEL) {
        kernel_equation(b, row, q);
        return;
    }
    if (q.kind != EQUATION_MAP) {
        void (*build)(back *, u32, ir_equation, u8) =
            q.kind == EQUATION_KEYED ? keyed_equation : whole_equation;
        ir_equation start = q, later = q;
        start.expr = resolve(b, q.expr, false, memo0), later.expr = resolve(b, q.expr, true, memo1);
        start.key = resolve(b, q.key, false, memo0), later.key = resolve(b, q.key, true, memo1);
        start.filter = resolve(b, q.filter, false, memo0);
        later.filter = resolve(b, q.filter, true, memo1);
        bool same =
            start.expr == later.expr && start.key == later.key && start.filter == later.filter;
        build(b, row, start, same ? NODE_IN_EPOCH0 | NODE_IN_LATER : NODE_IN_EPOCH0);
        if (!same) build(b, row, later, NODE_IN_LATER);
        return;
    }
    for (u32 d = 0; d < 32; d++) b->g->extents[d] = d < p.rank ? p.dims[d] : 0;
    if (p.kind == PAGE_SOURCE) {
        map_node(b, q.expr, 0, p.dims, p.rank, b->page_of[row], NODE_IN_FIRST);
        for (u32 k = first; k < b->nodes_count; k++) b->nodes[k].flags |= NODE_IN_FIRST;
        return;
    }
    u32 e0 = resolve(b, q.expr, false, memo0), e1 = resolve(b, q.expr, true, memo1);
    map_node(b, e0, 0, p.dims, p.rank, b->page_of[row],
             e0 == e1 ? NODE_IN_EPOCH0 | NODE_IN_LATER : NODE_IN_EPOCH0);
    if (e0 != e1) map_node(b, e1, 0, p.dims, p.rank, b->page_of[row], NODE_IN_LATER);
}

static void writer_set(u32 *const to[3], u8 flags, u32 page, u32 node) {
    ASSERT(page != 0);
    if ((flags & NODE_IN_EPOCH0) != 0) to[0][page] = node + 1;
    if ((flags & NODE_IN_LATER) != 0) to[1][page] = node + 1;
    if ((flags & NODE_IN_FIRST) != 0) to[2][page] = node + 1;
}

/* Notes a node, + 1, at the pages that it writes, in the tables of the modes in `flags`. */
static void node_writes(const back *b, u32 node, u8 flags, u32 *const to[3]) {
    const image_node *n = &b->nodes[node];
    const image_instruction *r = &b->instructions[n->program_at + n->uniform_count];
    ASSERT(node < b->nodes_count);
    if (n->kind != NODE_MAP) writer_set(to, flags, n->output, node);
    for (u32 k = 0; k < n->tile_count; k++)
        if (r[k].op == IN_STORE) writer_set(to, flags, r[k].imm, node);
}

static bool writers_find(back *b) {
    ASSERT(b->passes_done == BACK_MODES || b->passes_done == BACK_WAVES);
    for (u32 k = 0; k < ARRAY_COUNT(b->writer); k++) {
        arena_give_back(b->memory, b->writer[k], b->writer_count * sizeof(u32));
        b->writer[k] = ARENA_ARRAY(b->memory, u32, b->pages_count + 1u);
        if (b->writer[k] == NULL) return false;
    }
    b->writer_count = b->pages_count + 1u;
    for (u32 k = 0; k < b->nodes_count; k++) node_writes(b, k, b->nodes[k].flags, b->writer);
    return true;
}

/* Hidden nodes run in every mode in which a reader of theirs does. Readers have later rows. */
static bool modes_spread(back *b) {
    ASSERT(b->passes_done == BACK_NODES);
    u32 *w = ARENA_ARRAY(b->memory, u32, b->pages_count + 1u);
    bool *named = ARENA_ARRAY(b->memory, bool, b->pages_count + 1u);
    if (w == NULL || named == NULL) return false;
    for (u32 p = 1; p < b->g->page_count; p++) named[b->page_of[p]] = true;
    for (u32 k = 0; k < b->nodes_count; k++)
        node_writes(b, k, NODE_IN_EPOCH0, (u32 *const[3]){w, NULL, NULL});
    for (u32 k = b->nodes_count; k > 0; k--) {
        const image_node *n = &b->nodes[k - 1];
        u8 modes = n->flags & (NODE_IN_FIRST | NODE_IN_EPOCH0 | NODE_IN_LATER);
        for (u32 r = 0; r < n->read_count; r++) {
            u32 page = b->reads[n->read_at + r].page;
            if ((b->pages[page].flags & PAGE_HIDDEN) == 0 || w[page] == 0) continue;
            if (!named[page]) b->nodes[w[page] - 1].flags |= modes;
        }
    }
    arena_give_back(b->memory, w, (b->pages_count + 1u) * sizeof(u32));
    arena_give_back(b->memory, named, b->pages_count + 1u);
    return true;
}

/* The page whose writer in the mode a read of `page` waits for: in epoch 0 the past is the present;
 * later nothing writes it, nor row 0. */
static u32 page_waited(const back *b, u32 page, u8 mode) {
    ASSERT(page < b->pages_count);
    const image_page *p = &b->pages[page];
    if (p->kind != PAGE_PREV) return page;
    return mode == NODE_IN_EPOCH0 ? p->of : 0;
}

/* Longest paths by repeated relaxation in a work queue; nodes that wait on nothing first. */
static bool waves_assign(back *b, u8 mode) {
    ASSERT(b->passes_done >= BACK_MODES);
    ASSERT(mode == NODE_IN_FIRST || mode == NODE_IN_EPOCH0 || mode == NODE_IN_LATER);
    const u32 *w = b->writer[mode == NODE_IN_EPOCH0 ? 0 : mode == NODE_IN_LATER ? 1 : 2];
    u32 count = b->nodes_count, queued = 0;
    u32 *left = ARENA_ARRAY(b->memory, u32, count + 1u),
        *queue = ARENA_ARRAY(b->memory, u32, count + 1u);
    u32 *first = ARENA_ARRAY(b->memory, u32, count + 2u),
        *wave = ARENA_ARRAY(b->memory, u32, count + 1u);
    if (w == NULL || left == NULL || queue == NULL || first == NULL || wave == NULL) return false;
    for (u32 k = 0; k < count; k++) {
        if ((b->nodes[k].flags & mode) == 0) continue;
        for (u32 r = 0; r < b->nodes[k].read_count; r++) {
            u32 page = page_waited(b, b->reads[b->nodes[k].read_at + r].page, mode);
            if (w[page] != 0) left[k]++, first[w[page]]++;
        }
    }
    for (u32 k = 0; k <= count; k++) first[k + 1] += first[k];
    u32 *to = ARENA_ARRAY(b->memory, u32, first[count + 1] + 1u),
        *at = ARENA_ARRAY(b->memory, u32, count + 2u);
    if (to == NULL || at == NULL) return false;
    for (u32 k = 0; k < count; k++) {
        if ((b->nodes[k].flags & mode) == 0) continue;
        for (u32 r = 0; r < b->nodes[k].read_count; r++) {
            u32 page = page_waited(b, b->reads[b->nodes[k].read_at + r].page, mode);
            if (w[page] == 0) continue;
            u32 from = w[page] - 1;
            to[first[from] + at[from]++] = k;
        }
        if (left[k] == 0) queue[queued++] = k;
    }
    for (u32 done = 0; done < queued; done++) {
        u32 k = queue[done];
        for (u32 t = 0; t < at[k]; t++) {
            u32 n = to[first[k] + t];
            wave[n] = wave[n] > wave[k] + 1 ? wave[n] : wave[k] + 1;
            if (--left[n] == 0) queue[queued++] = n;
        }
    }
    u32 in_mode = 0;
    for (u32 k = 0; k < count; k++) in_mode += (b->nodes[k].flags & mode) != 0;
    ASSERT(queued == in_mode); /* acyclic, as the front has proved */
    for (u32 k = 0; k < queued; k++) {
        u32 n = queue[k];
        if (mode == NODE_IN_EPOCH0) b->nodes[n].wave0 = wave[n];
        if (mode == NODE_IN_LATER) b->nodes[n].wave1 = wave[n];
        if (mode == NODE_IN_FIRST) BACK_ADD(b, first, n);
    }
    arena_give_back(b->memory, to, (first[count + 1] + 1u) * sizeof(u32));
    for (u32 k = 0; k < 4; k++)
        arena_give_back(b->memory, ((u32 *[]){left, queue, wave, at})[k],
                        (count + 1u) * sizeof(u32));
    arena_give_back(b->memory, first, (count + 2u) * sizeof(u32));
    return !b->out_of_memory;
}

/* Waves that fusion emptied go; the order stays, and with it which fault is the first. */
static bool waves_pack(back *b) {
    ASSERT(b->passes_done == BACK_WAVES);
    for (u32 mode = 0; mode < 2; mode++) {
        u32 *to = ARENA_ARRAY(b->memory, u32, b->epoch0_count + b->later_count + 2u), used = 0;
        u32 count = mode == 0 ? b->epoch0_count : b->later_count;
        if (to == NULL) return false;
        for (u32 k = 0; k < b->nodes_count; k++) {
            const image_node *n = &b->nodes[k];
            u32 wave = mode == 0 ? n->wave0 : n->wave1;
            ASSERT(wave < count + 1);
            to[wave] |= (n->flags & (mode == 0 ? NODE_IN_EPOCH0 : NODE_IN_LATER)) != 0;
        }
        for (u32 w = 0; w <= count; w++) to[w] = to[w] != 0 ? used++ : 0;
        for (u32 k = 0; k < b->nodes_count; k++) {
            u32 *wave = mode == 0 ? &b->nodes[k].wave0 : &b->nodes[k].wave1;
            *wave = to[*wave];
        }
        arena_give_back(b->memory, to, (b->epoch0_count + b->later_count + 2u) * sizeof(u32));
    }
    return true;
}

/* The nodes of a mode by wave, then in the order of definition, which is that of their rows. */
static bool commands_by_wave(back *b, bool later, u32 *commands, u32 count) {
    u32 *first = ARENA_ARRAY(b->memory, u32, b->nodes_count + 2u), in_mode = 0;
    u8 mode = later ? NODE_IN_LATER : NODE_IN_EPOCH0;
    if (first == NULL) return false;
    for (u32 k = 0; k < b->nodes_count; k++) {
        const image_node *n = &b->nodes[k];
        ASSERT(k == 0 || b->definitions[k - 1] <= b->definitions[k]);
        if ((n->flags & mode) != 0) first[(later ? n->wave1 : n->wave0) + 1]++;
    }
    for (u32 w = 0; w < b->nodes_count; w++) first[w + 1] += first[w];
    for (u32 k = 0; k < b->nodes_count; k++) {
        const image_node *n = &b->nodes[k];
        if ((n->flags & mode) == 0) continue;
        commands[first[later ? n->wave1 : n->wave0]++] = k;
        in_mode++;
    }
    ASSERT(in_mode == count);
    arena_give_back(b->memory, first, (b->nodes_count + 2u) * sizeof(u32));
    return true;
}

static bool commands_list(back *b) {
    ASSERT(b->passes_done >= BACK_WAVES && b->definitions_count == b->nodes_count);
    b->epoch0_count = b->later_count = 0;
    for (u32 k = 0; k < b->nodes_count; k++) {
        if ((b->nodes[k].flags & NODE_IN_EPOCH0) != 0) BACK_ADD(b, epoch0, k);
        if ((b->nodes[k].flags & NODE_IN_LATER) != 0) BACK_ADD(b, later, k);
    }
    return !b->out_of_memory && commands_by_wave(b, false, b->epoch0, b->epoch0_count) &&
           commands_by_wave(b, true, b->later, b->later_count);
}

static void readers_group(back *b) {
    ASSERT(b->passes_done == BACK_FUSED && b->readers_count == 0);
    for (u32 p = 0; p < b->pages_count; p++) b->pages[p].reader_count = 0;
    for (u32 r = 0; r < b->reads_count; r++)
        if ((b->nodes[b->reads[r].node].flags & NODE_IN_LATER) != 0)
            b->pages[b->reads[r].page].reader_count++;
    u32 at = 0;
    for (u32 p = 0; p < b->pages_count; p++) {
        b->pages[p].reader_at = at;
        at += b->pages[p].reader_count;
        b->pages[p].reader_count = 0;
    }
    for (u32 k = 0; k < at; k++) BACK_ADD(b, readers, 0);
    for (u32 r = 0; r < b->reads_count && !b->out_of_memory; r++) {
        image_page *p = &b->pages[b->reads[r].page];
        if ((b->nodes[b->reads[r].node].flags & NODE_IN_LATER) != 0)
            b->readers[p->reader_at + p->reader_count++] = r;
    }
}

static void others_add(back *b) {
    ASSERT(b->passes_done == BACK_FUSED && b->asserts_count == 0);
    ir *g = b->g;
    for (u32 k = 0; k < g->assert_count; k++) {
        const ir_assert *a = &g->asserts[k];
        BACK_ADD(b, asserts,
                 (image_assert){b->page_of[a->page], back_string(b, a->text, strlen(a->text)),
                                back_position(b, a->place), 0});
    }
    for (u32 k = 0; k < g->event_count; k++) {
        const ir_event *e = &g->events[k];
        u32 at = b->event_values_count;
        for (u32 v = 0; v < e->value_count; v++)
            BACK_ADD(b, event_values, b->page_of[g->lists[e->value_at + v]]);
        BACK_ADD(b, events,
                 (image_event){b->page_of[e->page], b->pages[b->page_of[e->page]].name, at,
                               e->value_count});
    }
    for (u32 k = 1; k < g->page_count; k++)
        if (g->pages[k].file != NULL)
            BACK_ADD(b, files,
                     (image_file){b->page_of[k],
                                  back_string(b, g->pages[k].file, strlen(g->pages[k].file)),
                                  b->pages[b->page_of[k]].position, 0});
    for (u32 k = 0; k < g->export_count; k++) BACK_ADD(b, exports, b->page_of[g->exports[k]]);
}

/* The first page that needs more than a program or a domain may have. */
static mmsb_status limit_tell(back *b) {
    const ir_page *p = &b->g->pages[b->limit_page];
    ASSERT(b->too_large || b->too_many_axes);
    diag_row *d = diag_add(b->g->diags, DIAG_LIMIT, b->g->places[p->place].at,
                           b->too_large ? "the expression of `%s` is too large"
                                        : "a reduction in `%s` spans more than %u indices with "
                                          "those around it",
                           p->name, AXES_MAX);
    diag_help(b->g->diags, d, "name parts of it as pages of their own");
    return MMSB_WRONG;
}

mmsb_status back_build(ir *g, arena *memory, void **image_bytes, u64 *bytes, back_report *report,
                       message *m) {
    ASSERT(g->diags->error_count == 0);
    back *b = arena_take(memory, sizeof *b, _Alignof(back));
    u32 room = g->page_count + 2 * g->equation_count + 16;
    if (b == NULL) return MMSB_OUT_OF_SPACE;
    *report = (back_report){0};
    *b = (back){.g = g, .memory = memory, .report = report, .memo_mask = 0xffff, .stamp_last = 1};
    while (b->memo_mask < g->expr_count && b->memo_mask < 0x3fffff)
        b->memo_mask = b->memo_mask * 2 + 1;
    b->page_of = ARENA_ARRAY(memory, u32, 3u * room),
    b->prev_of = ARENA_ARRAY(memory, u32, 3u * room);
    b->position_of = ARENA_ARRAY(memory, u32, g->place_count + 1u),
    b->memo = ARENA_ARRAY(memory, back_memo, b->memo_mask + 1u);
    if (b->page_of == NULL || b->prev_of == NULL || b->position_of == NULL || b->memo == NULL ||
        !keyed_prepare(b))
        return MMSB_OUT_OF_SPACE;
    u64 none[1] = {1};
    back_string(b, "", 0);
    back_shape(b, none, 0);
    BACK_ADD(b, positions, (image_position){0});
    pages_add(b);
    u32 exprs = g->inits ? g->expr_count + 1u : 1; /* resolve looks up what has an init */
    b->passes_done = BACK_PAGES, b->front_rows = g->expr_count;
    u32 *memo0 = ARENA_ARRAY(memory, u32, exprs), *memo1 = ARENA_ARRAY(memory, u32, exprs);
    if (memo0 == NULL || memo1 == NULL) return MMSB_OUT_OF_SPACE;
    for (u32 k = 1; k < g->page_count && !b->out_of_memory && b->limit_page == 0; k++) {
        page_nodes(b, k, memo0, memo1);
        if (b->too_many_axes || b->too_large) b->limit_page = k;
    }
    if (b->limit_page != 0) return limit_tell(b);
    b->passes_done = BACK_NODES;
    arena_give_back(memory, memo0, exprs * sizeof(u32));
    arena_give_back(memory, memo1, exprs * sizeof(u32));
    arena_give_back(memory, b->memo, (b->memo_mask + 1u) * sizeof(back_memo));
    if (b->out_of_memory || !modes_spread(b)) return MMSB_OUT_OF_SPACE;
    b->passes_done = BACK_MODES;
    if (!writers_find(b) || !waves_assign(b, NODE_IN_EPOCH0) || !waves_assign(b, NODE_IN_LATER))
        return MMSB_OUT_OF_SPACE;
    b->passes_done = BACK_WAVES;
    if (!rings_choose(b) || !commands_list(b) || !nodes_fuse(b) || !waves_pack(b) ||
        !commands_list(b) || !writers_find(b) || !waves_assign(b, NODE_IN_FIRST))
        return MMSB_OUT_OF_SPACE;
    b->passes_done = BACK_FUSED;
    readers_group(b);
    others_add(b);
    b->passes_done = BACK_READERS;
    return b->out_of_memory ? MMSB_OUT_OF_SPACE : back_write(b, image_bytes, bytes, m);
}
