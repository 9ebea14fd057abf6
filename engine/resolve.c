/* SPDX-License-Identifier: Apache-2.0
 * resolve: turns the rows of a verified image into tables of pointers, once, at open. */
#include "state.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdio.h>
#include <stdlib.h>

static operand place_of(u16 slot) {
    ASSERT(slot == SLOT_NONE || (slot & ~SLOT_UNIFORM) < SLOTS_MAX);
    if (slot == SLOT_NONE) return (operand){0, AT_NONE};
    return (operand){slot, (slot & SLOT_UNIFORM) != 0 ? AT_CELL : AT_TILE};
}

/* Notes that a uniform slot must be spread over a tile before the node's tiles run. */
static void spread(engine *e, node_state *n, operand *o, u8 type) {
    ASSERT(type < TYPE_COUNT);
    if (o->place != AT_CELL) return;
    o->place = AT_SPREAD;
    for (u32 k = 0; k < n->spread_count; k++)
        if (n->spread[k] == o->slot && e->spread_types[n->first_spread + k] == type) return;
    ASSERT(n->spread_count < 3 * n->row->tile_count);
    n->spread[n->spread_count] = o->slot;
    e->spread_types[n->first_spread + n->spread_count++] = type;
}

/* The variant that fits uniform operands, or VV with them spread. */
static void choose_variant(engine *e, node_state *n, step *s) {
    const image_instruction *r = s->row;
    const op_row *info = op_info(r->op);
    ASSERT(info->arity >= 1);
    ASSERT(info->arity <= 3);
    bool a = s->a.place == AT_CELL, b = s->b.place == AT_CELL, c = s->c.place == AT_CELL;
    u8 variant = VARIANT_VV;
    s->faults = info->faults;
    if (info->arity == 2 && !info->faults && b && !a) variant = VARIANT_VU;
    if (info->arity == 2 && !info->faults && a && !b) variant = VARIANT_UV;
    if (info->arity == 3 && c && !a && !b) variant = VARIANT_VU;
    if (info->arity == 3 && r->op == OP_SELECT && b && !a && !c) variant = VARIANT_UV;
    if (info->arity == 3 && r->op != OP_SELECT && a && !b && !c) variant = VARIANT_UV;
    s->fn = kernel_find(r->op, r->type, r->type2, variant);
    if (s->fn == NULL)
        variant = VARIANT_VV, s->fn = kernel_find(r->op, r->type, r->type2, VARIANT_VV);
    ASSERT(s->fn != NULL);
    if (variant != VARIANT_VV) return;
    spread(e, n, &s->a, r->op == OP_SELECT ? TYPE_BOOL : r->type);
    spread(e, n, &s->b, r->type);
    spread(e, n, &s->c, info->arity == 3 ? r->type : TYPE_BOOL);
}

void step_resolve(engine *e, node_state *n, step *s, const image_instruction *r, bool uniform) {
    ASSERT(r->op < INSTRUCTION_COUNT);
    *s = (step){.row = r, .a = place_of(r->a), .b = place_of(r->b), .c = place_of(r->c)};
    s->width = (u8)type_bytes(r->type);
    switch (r->op) {
    case IN_SCALAR: s->page = e->pages[r->imm].value; break;
    case IN_LANE: s->page = e->pages[r->imm].value, s->gather = kernel_gather(r->type); break;
    case IN_GATHER:
        s->page = e->pages[r->imm].value, s->offsets = kernel_offsets(r->type, r->type2);
        break;
    case IN_STORE:
        s->page = e->pages[r->imm].value, s->scatter = kernel_scatter(r->type);
        s->put = kernel_store(r->type), s->stream = kernel_stream(r->type);
        s->sums = reduce_of(e, r->imm);
        break;
    case IN_AFFINE: s->page = e->pages[e->image->affines[r->imm].page].value; break;
    default: break;
    }
    if (r->op < INSTRUCTION_FIRST && uniform) {
        s->fn = kernel_find(r->op, r->type, r->type2, VARIANT_VV);
        s->faults = op_info(r->op)->faults;
    } else if (r->op < INSTRUCTION_FIRST) {
        choose_variant(e, n, s);
    } else if (!uniform) {
        spread(e, n, &s->a, r->op == IN_GATHER ? r->type2 : r->op == IN_AXIS ? TYPE_I64 : r->type);
        spread(e, n, &s->b, r->op == IN_FEED ? TYPE_BOOL : r->type);
        spread(e, n, &s->c, TYPE_BOOL);
    }
    ASSERT(r->op >= INSTRUCTION_FIRST || s->fn != NULL);
    n->iota = n->iota || r->op == IN_IOTA;
    n->coordinates = n->coordinates || r->op == IN_AFFINE;
}

static void affine_resolve(engine *e, u32 row) {
    const image_affine *a = &e->image->affines[row];
    affine_state *f = &e->affines[row];
    const image_page *p = &e->image->pages[a->page];
    const image_shape *s = &e->image->shapes[p->shape];
    f->page = p, f->axes = a->axis_count, f->checked = a->checked != 0;
    ASSERT(f->axes == s->axis_count);
    u64 stride = 1;
    for (u32 k = f->axes; k > 0; k--) {
        f->dims[k - 1] = s->dims[k - 1], f->strides[k - 1] = stride;
        stride *= s->dims[k - 1];
    }
    for (u32 k = 0; k < f->axes; k++) {
        const image_affine_axis *x = &e->image->affine_axes[a->axis_at + k];
        f->constant[k] = x->constant;
        for (u32 t = 0; t < x->term_count; t++) {
            const image_term *term = &e->image->terms[x->term_at + t];
            ASSERT(term->axis < AXES_MAX);
            f->coefficient[k][term->axis] += term->coefficient;
        }
    }
}

/* Whether a read is the domain shifted: axis k of the page is axis k of the domain plus a constant,
 * of the same size. */
static void shift_resolve(engine *e, const image_read *r) {
    ASSERT(r->arg < e->image->affine_count);
    ASSERT(r->node < e->image->node_count);
    affine_state *f = &e->affines[r->arg];
    const image_shape *s = &e->image->shapes[e->image->nodes[r->node].shape];
    f->shift = f->axes == s->axis_count && f->axes > 0;
    for (u32 k = 0; k < f->axes && f->shift; k++) {
        f->shift = f->dims[k] == s->dims[k];
        for (u32 d = 0; d < s->axis_count; d++)
            f->shift = f->shift && f->coefficient[k][d] == (d == k);
    }
    f->flat_shift = 0;
    for (u32 k = 0; k < f->axes; k++) f->flat_shift += f->constant[k] * (i64)f->strides[k];
}

static void keyed_resolve(engine *e, node_state *n, u32 row) {
    ASSERT(e->layout.nodes[row].group_at != 0);
    n->keys = layout_outer_lanes(e->image, row), n->rest = layout_keyed_rest(e->image, row);
    ASSERT(n->rest > 0);
    n->groups = layout_keyed_groups(e->image, row);
    n->slots = layout_keyed_slots(n->keys, n->groups);
    n->order = (u32 *)(e->memory + e->layout.nodes[row].group_at);
    n->slot_of = n->order + n->slots;
    n->start = n->slot_of + n->keys;
    n->count = n->start + n->groups + 1;
    n->leaf_group = n->count + n->groups;
    if (e->layout.nodes[row].packed_at != 0) n->packed = e->memory + e->layout.nodes[row].packed_at;
}

static void whole_resolve(engine *e, node_state *n, u32 row) {
    n->outer = layout_outer_lanes(e->image, row), n->inner = n->shape->lanes / n->outer;
    ASSERT(n->outer * n->inner == n->shape->lanes);
    n->leaves = layout_scan_blocks(n->inner);
    if (type_is_float(n->row->type)) n->join = kernel_join(REDUCE_SUM, n->row->type);
    if (e->layout.nodes[row].partials_at != 0)
        n->partials = e->memory + e->layout.nodes[row].partials_at;
}

/* Numbers a store; adds up what a lane reads from pages. */
static void step_count(node_state *n, step *s, u32 *stores) {
    u16 op = s->row->op;
    ASSERT(*stores < n->row->tile_count);
    if (op == IN_STORE) s->store = (*stores)++;
    if (op == IN_LANE || op == IN_AFFINE || op == IN_GATHER)
        n->load_bytes += type_bytes(s->row->type);
}

static void node_resolve(engine *e, u32 row, step **steps, u32 *spreads) {
    ASSERT(row < e->image->node_count);
    node_state *n = &e->nodes[row];
    const image_node *r = &e->image->nodes[row];
    const image_instruction *at = e->image->instructions + r->program_at;
    n->row = r, n->shape = &e->image->shapes[r->shape];
    n->forced = (r->flags & NODE_IN_LATER) != 0 && (r->flags & NODE_IN_EPOCH0) == 0;
    n->first_spread = *spreads, n->spread = e->spread_slots + *spreads;
    n->uniform = *steps, n->tile = *steps + r->uniform_count;
    for (u32 k = 0; k < r->uniform_count; k++) step_resolve(e, n, &n->uniform[k], &at[k], true);
    for (u32 k = 0; k < r->tile_count; k++)
        step_resolve(e, n, &n->tile[k], &at[r->uniform_count + k], false);
    u32 stores = 0;
    for (u32 k = 0; k < r->tile_count; k++) step_count(n, &n->tile[k], &stores);
    e->store_most = stores > e->store_most ? stores : e->store_most;
    *steps += r->uniform_count + r->tile_count;
    *spreads += n->spread_count;
    if (r->kind == NODE_MAP || r->kind == NODE_KERNEL) return;
    if (r->kind == NODE_WHOLE) {
        whole_resolve(e, n, row);
        return;
    }
    n->leaves_of = kernel_leaves(r->reduce, r->type), n->join = kernel_join(r->reduce, r->type);
    ASSERT(n->leaves_of != NULL && n->join != NULL);
    n->outer = layout_outer_lanes(e->image, row), n->inner = n->shape->lanes / n->outer;
    n->leaves = (n->inner + LEAF_LANES - 1) / LEAF_LANES, n->tree = layout_tree_partials(n->inner);
    if (r->kind == NODE_KEYED) keyed_resolve(e, n, row);
    u64 partials_at = e->layout.nodes[row].partials_at;
    u64 count = r->kind == NODE_KEYED ? 2 * (n->slots / LEAF_LANES) * n->rest : n->tree * n->outer;
    if (partials_at == 0) return;
    ASSERT(partials_at >= e->layout.mutable_at);
    ASSERT(partials_at < e->layout.mutable_at + e->layout.mutable_bytes);
    n->partials = e->memory + partials_at;
    if (r->reduce >= REDUCE_ARGMIN)
        n->partial_index = (i64 *)(n->partials + ALIGN_UP(count * type_bytes(r->type), 64));
}

static u64 page_key(const image *i, u32 page) {
    char text[400];
    const image_page *p = &i->pages[page];
    const image_shape *s = &i->shapes[p->shape];
    size_t used = (size_t)snprintf(text, sizeof text, "%.200s%c%s%c", image_string(i, p->name), 0,
                                   type_text(p->type), 0);
    for (u32 a = 0; a < s->axis_count; a++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu", a == 0 ? "" : ",",
                                 (unsigned long long)s->dims[a]);
    ASSERT(used < sizeof text);
    return XXH3_64bits(text, used);
}

static void pages_resolve(engine *e) {
    for (u32 k = 1; k < e->image->page_count; k++) {
        page_state *p = &e->pages[k];
        const layout_page *l = &e->layout.pages[k];
        p->row = &e->image->pages[k];
        p->value = e->memory + l->value_at;
        p->lanes = e->image->shapes[p->row->shape].lanes, p->width = type_bytes(p->row->type);
        ASSERT(l->value_at >= e->layout.mutable_at);
        ASSERT(l->value_at % 4096 == 0);
        ASSERT(l->value_at + p->lanes * p->width <= e->layout.mutable_at + e->layout.mutable_bytes);
        p->stale = true;
        p->key = (p->row->flags & PAGE_ROOTED) != 0 ? page_key(e->image, k) : 0;
        set_open(&p->dirty, e->memory + l->dirty_at, p->lanes);
        if (p->row->kind == PAGE_EPOCH) e->epoch_page = k;
        if (l->inverse_at == 0) continue;
        p->target_lanes = e->image->shapes[e->image->pages[p->row->of].shape].lanes;
        p->head = (u32 *)(e->memory + l->inverse_at);
        p->next = p->head + p->target_lanes;
        p->start = (u32 *)(e->memory + l->order_at);
        p->order = p->start + p->target_lanes + 1;
        e->inverses[e->inverse_count++] = k;
    }
}

/* Pages that depend on a PREV page or on epoch in LATER: what recovery cannot recompute. */
static void saved_resolve(engine *e) {
    const image *i = e->image;
    for (u32 k = 1; k < i->page_count; k++)
        e->saved[k] = i->pages[k].kind == PAGE_SOURCE || i->pages[k].prev != 0;
    bool *moves = e->saved + i->page_count;
    ASSERT(i->page_count > 0);
    for (u32 k = 1; k < i->page_count; k++)
        moves[k] = i->pages[k].kind == PAGE_PREV || i->pages[k].kind == PAGE_EPOCH;
    for (u32 c = 0; c < i->later_count; c++) {
        const image_node *n = &i->nodes[i->later[c]];
        bool any = false;
        for (u32 k = 0; k < n->read_count; k++) any = any || moves[i->reads[n->read_at + k].page];
        for (u32 k = 0; any && k < n->uniform_count + n->tile_count; k++) {
            const image_instruction *r = &i->instructions[n->program_at + k];
            if (r->op == IN_STORE) moves[r->imm] = e->saved[r->imm] = true;
        }
        if (any && n->kind != NODE_MAP) moves[n->output] = e->saved[n->output] = true;
    }
}

static int name_order(const void *a, const void *b, void *context) {
    const image *i = context;
    return strcmp(image_string(i, i->pages[*(const u32 *)a].name),
                  image_string(i, i->pages[*(const u32 *)b].name));
}

mmsb_status resolve_all(engine *e, message *m) {
    ASSERT(e->memory != NULL);
    ASSERT(e->layout.work_lanes > 0);
    const image *i = e->image;
    arena *a = e->tables;
    u32 steps_count = 0;
    for (u32 k = 0; k < i->node_count; k++)
        steps_count += i->nodes[k].uniform_count + i->nodes[k].tile_count;
    e->pages = ARENA_ARRAY(a, page_state, i->page_count + 1u);
    e->nodes = ARENA_ARRAY(a, node_state, i->node_count + 1u);
    e->affines = ARENA_ARRAY(a, affine_state, i->affine_count + 1u);
    step *steps = ARENA_ARRAY(a, step, steps_count + 1u);
    e->spread_slots = ARENA_ARRAY(a, u16, 3u * steps_count + 1u),
    e->spread_types = ARENA_ARRAY(a, u8, 3u * steps_count + 1u);
    e->touched = ARENA_ARRAY(a, u32, i->page_count + 1u),
    e->sorted = ARENA_ARRAY(a, u32, i->page_count + 1u);
    e->saved = ARENA_ARRAY(a, bool, 2u * i->page_count + 1u);
    e->inverses = ARENA_ARRAY(a, u32, i->page_count + 1u);
    e->fired = ARENA_ARRAY(a, u32, i->event_count + 1u),
    e->event_before = ARENA_ARRAY(a, u8, i->event_count + 1u);
    e->kernels = ARENA_ARRAY(a, user_kernel, i->kernel_count + 1u);
    if (e->pages == NULL || e->nodes == NULL || e->affines == NULL || steps == NULL ||
        e->spread_slots == NULL || e->spread_types == NULL || e->touched == NULL ||
        e->sorted == NULL || e->saved == NULL || e->fired == NULL || e->event_before == NULL ||
        e->kernels == NULL || e->inverses == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the tables of %u pages",
                           i->page_count);
    pages_resolve(e);
    for (u32 k = 0; k < i->affine_count; k++) affine_resolve(e, k);
    for (u32 k = 0; k < i->read_count; k++)
        if (i->reads[k].kind == READ_AFFINE) shift_resolve(e, &i->reads[k]);
    u32 spreads = 0;
    for (u32 k = 0; k < i->node_count; k++) node_resolve(e, k, &steps, &spreads);
    for (u32 c = 0; c < i->later_count; c++) e->nodes[i->later[c]].place = c;
    saved_resolve(e);
    for (u32 k = 1; k < i->page_count; k++)
        if ((i->pages[k].flags & PAGE_ROOTED) != 0) e->sorted[e->sorted_count++] = k;
    ASSERT(e->sorted_count < i->page_count);
    if (e->sorted_count != 0)
        qsort_r(e->sorted, e->sorted_count, sizeof(u32), name_order, (void *)(uintptr_t)i);
    set_open(&e->work, e->memory + e->layout.work_at, e->layout.work_lanes);
    set_open(&e->pending, e->memory + e->layout.pending_at, i->later_count + 1u);
    e->journal = (undo_row *)(e->memory + e->layout.journal_at);
    e->journal_most = e->layout.journal_rows;
    if (e->layout.undo_at != 0)
        set_open(&e->undo_lines, e->memory + e->layout.undo_lines_at,
                 e->layout.mutable_bytes / LAYOUT_LINE_BYTES);
    return rings_resolve(e, m);
}
