/* SPDX-License-Identifier: Apache-2.0
 * back_nodes: rows of pages, shapes, strings and positions; a node's values get slots by last use
 * and become instructions with their footprints. */
#include "back.h"

#include <stdio.h>

u32 back_string(back *b, const char *text, size_t bytes) {
    ASSERT(bytes < UINT32_MAX / 2);
    if (b->string_bytes == 0) {
        if (!arena_grow(b->memory, (void **)&b->strings, &b->string_capacity, 1, 1))
            b->out_of_memory = true;
        else
            b->strings[b->string_bytes++] = 0;
    }
    if (bytes == 0 || b->out_of_memory) return 0;
    if (!arena_grow(b->memory, (void **)&b->strings, &b->string_capacity,
                    b->string_bytes + (u32)bytes + 1, 1)) {
        b->out_of_memory = true;
        return 0;
    }
    u32 at = b->string_bytes;
    memcpy(b->strings + at, text, bytes);
    b->strings[at + bytes] = 0;
    b->string_bytes += (u32)bytes + 1;
    return at;
}

u32 back_shape(back *b, const u64 *dims, u32 axes) {
    ASSERT(axes <= AXES_MAX);
    image_shape s = {.axis_count = axes, .lanes = 1};
    for (u32 d = 0; d < AXES_MAX; d++) s.dims[d] = d < axes ? dims[d] : 1, s.lanes *= s.dims[d];
    for (u32 k = 0; k < b->shapes_count; k++)
        if (memcmp(&b->shapes[k], &s, sizeof s) == 0) return k;
    return BACK_ADD(b, shapes, s);
}

u32 back_position(back *b, u32 place) {
    ASSERT(place < b->g->place_count);
    const ir_place *p = &b->g->places[place];
    if (place == 0) return 0;
    if (b->position_of[place] != 0) return b->position_of[place];
    source_place at = sources_place(b->g->sources, p->at);
    const source_file *f = &b->g->sources->files[p->at.file];
    const char *slash = strrchr(f->name, '/'), *name = slash == NULL ? f->name : slash + 1,
               *page = p->page;
    u32 bytes = at.end - at.begin > 200 ? 200 : at.end - at.begin;
    while (bytes > 0 && bytes == 200 && ((u8)f->text[at.begin + bytes] & 0xc0) == 0x80) bytes--;
    image_position row = {.line = at.line, .column = at.column};
    bool same = b->positions_count > 1 && b->last_page == page;
    row.page_name =
        same ? b->positions[b->positions_count - 1].page_name : back_string(b, page, strlen(page));
    row.file = b->last_file == f ? b->positions[b->positions_count - 1].file
                                 : back_string(b, name, strlen(name));
    row.text = back_string(b, f->text + at.begin, bytes);
    b->last_page = page, b->last_file = f;
    return b->position_of[place] = BACK_ADD(b, positions, row);
}

/* A page that a node needs beside the one that it defines is called after it: total.reduction. */
u32 back_page(back *b, const char *name, u8 type, const u64 *dims, u32 axes, u8 flags,
              u32 position) {
    ASSERT(type < TYPE_COUNT && axes <= AXES_MAX);
    image_page p = {.type = type, .kind = PAGE_DERIVED, .flags = flags, .position = position};
    char full[400];
    const char *owner = b->node_definition != 0 ? b->g->pages[b->node_definition].name : "";
    if (owner[0] != 0) snprintf(full, sizeof full, "%.300s.%.80s", owner, name), name = full;
    p.name = back_string(b, name, strlen(name));
    p.shape = back_shape(b, dims, axes);
    return BACK_ADD(b, pages, p);
}

/* expr with its variables replaced: map[v] is the new expression, 0 keeps v; inner loops keep their
 * own. */
static u32 substitute_one(back *b, u32 expr, const u32 *map);
static u32 substitute_loops(back *b, ir_expr e, const u32 *map) {
    ASSERT(e.kind == IR_REDUCE && e.count <= 32);
    u32 inner[32];
    ir_loop loops[32];
    memcpy(inner, map, sizeof inner);
    u32 was = b->sub_now;
    for (u32 k = 0; k < e.count; k++) {
        loops[k] = b->g->loops[e.at + k];
        inner[loops[k].var] = 0;
    }
    /* Loop variables move past the ones that the replaced expressions mention. */
    u32 used = 0;
    for (u32 v = 0; v < 32; v++)
        if ((e.vars >> v & 1) != 0) used |= inner[v] != 0 ? b->g->exprs[inner[v]].vars : 1u << v;
    u32 next = used == 0 ? 0 : 32u - (u32)__builtin_clz(used);
    u64 kept[32];
    memcpy(kept, b->g->extents, sizeof kept);
    for (u32 k = 0; k < e.count; k++) {
        inner[loops[k].var] = ir_index(b->g, next + k);
        loops[k].var = next + k;
        b->g->extents[next + k] = loops[k].extent;
    }
    b->sub_now = ++b->sub_last;
    u32 element = substitute_one(b, e.a, inner),
        filter = e.b != 0 ? substitute_one(b, e.b, inner) : 0;
    b->sub_now = was;
    memcpy(b->g->extents, kept, sizeof kept);
    return ir_reduce(b->g, (u8)e.op, element, filter, loops, e.count, e.position);
}

static u32 substitute_fresh(back *b, u32 expr, const u32 *map) {
    ASSERT(expr != 0 && expr < b->g->expr_count);
    ir_expr e = b->g->exprs[expr];
    u32 index[PAGE_AXES_MAX];
    switch (e.kind) {
    case IR_INDEX: return map[e.var] != 0 ? map[e.var] : expr;
    case IR_READ:
        for (u32 k = 0; k < e.count; k++) index[k] = substitute_one(b, b->g->lists[e.at + k], map);
        return ir_read(b->g, e.page, e.prev, index, e.count, e.position);
    case IR_OP: {
        u32 x = substitute_one(b, e.a, map), y = e.b != 0 ? substitute_one(b, e.b, map) : 0,
            z = e.c != 0 ? substitute_one(b, e.c, map) : 0;
        u8 type = e.op == OP_CONVERT ? e.type : b->g->exprs[e.op == OP_SELECT ? y : x].type;
        return ir_op(b->g, e.op, type, x, y, z, e.position);
    }
    case IR_ANDAND:
        return ir_andand(b->g, substitute_one(b, e.a, map), substitute_one(b, e.b, map));
    case IR_OROR: return ir_oror(b->g, substitute_one(b, e.a, map), substitute_one(b, e.b, map));
    case IR_REDUCE: return substitute_loops(b, e, map);
    default: return expr;
    }
}

static u32 substitute_one(back *b, u32 expr, const u32 *map) {
    ASSERT(expr < b->g->expr_count && b->sub_now <= b->sub_last);
    if (expr == 0 || b->g->exprs[expr].vars == 0) return expr;
    if (expr < b->sub_capacity && b->sub_stamp[expr] == b->sub_now) return b->sub_to[expr];
    u32 to = substitute_fresh(b, expr, map), same = b->sub_capacity, more = b->sub_capacity;
    if (expr >= b->sub_capacity) {
        u32 was = b->sub_capacity;
        if (!arena_grow(b->memory, (void **)&b->sub_to, &same, expr + 1, sizeof(u32)) ||
            !arena_grow(b->memory, (void **)&b->sub_stamp, &more, expr + 1, sizeof(u32))) {
            b->out_of_memory = true;
            return to;
        }
        b->sub_capacity = same;
        memset(b->sub_stamp + was, 0, (same - was) * sizeof(u32));
    }
    b->sub_stamp[expr] = b->sub_now, b->sub_to[expr] = to;
    return to;
}

u32 substitute(back *b, u32 expr, const u32 *map, const u64 *extents) {
    ASSERT(expr < b->g->expr_count);
    b->sub_now = ++b->sub_last;
    memcpy(b->g->extents, extents, 32 * sizeof(u64));
    return substitute_one(b, expr, map);
}

void node_begin(back *b, const u64 *dims, u32 axes) {
    ASSERT(axes <= AXES_MAX);
    u64 kept[AXES_MAX] = {0};
    memcpy(kept, dims, axes * sizeof(u64));
    memcpy(b->dims, kept, sizeof kept);
    b->axes = axes;
    b->values = NULL, b->value_count = b->value_capacity = 0;
    b->stamp = ++b->stamp_last;
}

static void read_add(back *b, u32 first, u32 node, u32 page, u32 kind, u32 arg) {
    ASSERT(first <= b->reads_count && kind < READ_KIND_COUNT);
    ASSERT(b->out_of_memory || (page != 0 && page < b->pages_count));
    for (u32 k = first; k < b->reads_count; k++)
        if (b->reads[k].page == page && b->reads[k].kind == kind && b->reads[k].arg == arg) return;
    BACK_ADD(b, reads, (image_read){node, page, kind, arg});
}

static void read_of(back *b, u32 first, u32 node, const back_value *v) {
    ASSERT(node == b->nodes_count && v->row.op < INSTRUCTION_COUNT);
    const image_instruction *r = &v->row;
    switch (r->op) {
    case IN_SCALAR: read_add(b, first, node, r->imm, READ_ALL, 0); return;
    case IN_LANE: read_add(b, first, node, r->imm, READ_LANE, 0); return;
    case IN_AFFINE: read_add(b, first, node, b->affines[r->imm].page, READ_AFFINE, r->imm); return;
    case IN_GATHER: read_add(b, first, node, r->imm, READ_GATHER, b->values[v->a].row.imm); return;
    default: return;
    }
}

typedef struct {
    u16 free_slots[SLOTS_MAX];
    u32 free_count, tile_slots, uniform_slots;
    u16 *slot; /* of each value */
} slot_state;

static u16 slot_take(slot_state *s, bool uniform) {
    ASSERT(s->free_count <= SLOTS_MAX && s->tile_slots < SLOTS_MAX && s->uniform_slots < SLOTS_MAX);
    if (uniform) return (u16)(SLOT_UNIFORM | s->uniform_slots++);
    if (s->free_count != 0) return s->free_slots[--s->free_count];
    return (u16)s->tile_slots++;
}

static bool has_result(const image_instruction *r) {
    ASSERT(r->op < INSTRUCTION_COUNT);
    return r->op != IN_STORE && r->op != IN_FEED;
}

static void emit_value(back *b, slot_state *s, u32 v) {
    ASSERT(v < b->value_count);
    back_value *x = &b->values[v];
    image_instruction r = x->row;
    u32 in[3] = {x->a, x->b, x->c};
    u16 *to[3] = {&r.a, &r.b, &r.c};
    r.dst = SLOT_NONE;
    for (u32 k = 0; k < 3; k++) *to[k] = in[k] == VALUE_NONE ? SLOT_NONE : s->slot[in[k]];
    if (has_result(&r)) s->slot[v] = r.dst = slot_take(s, x->uniform);
    BACK_ADD(b, instructions, r);
    for (u32 k = 0; k < 3; k++) {
        bool again = (k > 0 && in[k] == in[0]) || (k > 1 && in[k] == in[1]);
        if (in[k] == VALUE_NONE || again || b->values[in[k]].uniform || b->values[in[k]].last != v)
            continue;
        s->free_slots[s->free_count++] = s->slot[in[k]];
    }
    if (has_result(&r) && !x->uniform && x->last == v) s->free_slots[s->free_count++] = r.dst;
}

u32 node_end(back *b, image_node n) {
    ASSERT(n.kind < NODE_KIND_COUNT && n.shape < b->shapes_count);
    slot_state *s = arena_take(b->memory, sizeof *s, 8);
    u32 first = b->reads_count, node = b->nodes_count;
    if (s == NULL || (s->slot = ARENA_ARRAY(b->memory, u16, b->value_count + 1u)) == NULL) {
        b->out_of_memory = true;
        return 0;
    }
    for (u32 v = 0; v < b->value_count; v++) {
        u32 in[3] = {b->values[v].a, b->values[v].b, b->values[v].c};
        b->values[v].last = v;
        for (u32 k = 0; k < 3; k++)
            if (in[k] != VALUE_NONE) b->values[in[k]].last = v;
        read_of(b, first, node, &b->values[v]);
    }
    n.program_at = b->instructions_count;
    for (u32 pass = 0; pass < 2; pass++) {
        for (u32 v = 0; v < b->value_count; v++) {
            if (b->values[v].uniform != (pass == 0) || s->tile_slots + 4 > SLOTS_MAX ||
                s->uniform_slots + 4 > SLOTS_MAX)
                continue;
            emit_value(b, s, v);
            if (pass == 0)
                n.uniform_count++;
            else
                n.tile_count++;
        }
    }
    b->too_large =
        b->too_large || s->tile_slots + 4 > SLOTS_MAX || s->uniform_slots + 4 > SLOTS_MAX;
    n.uniform_slots = s->uniform_slots, n.tile_slots = s->tile_slots;
    if (n.kind != NODE_MAP && n.element != 0) read_add(b, first, node, n.element, READ_ELEMENT, 0);
    if (n.kind != NODE_MAP && n.present != 0) read_add(b, first, node, n.present, READ_ELEMENT, 0);
    if (n.kind == NODE_KEYED) read_add(b, first, node, n.group, READ_GROUP, 0);
    n.read_at = first, n.read_count = b->reads_count - first;
    BACK_ADD(b, definitions, b->node_definition);
    return BACK_ADD(b, nodes, n);
}

u32 map_node(back *b, u32 expr, u32 guard, const u64 *dims, u32 axes, u32 page, u8 flags) {
    ASSERT(b->out_of_memory || (page != 0 && page < b->pages_count));
    back_value *values = b->values;
    u32 was_count = b->value_count, was_capacity = b->value_capacity, was_stamp = b->stamp,
        was_axes = b->axes;
    u64 was_dims[AXES_MAX];
    memcpy(was_dims, b->dims, sizeof was_dims);
    node_begin(b, dims, axes);
    u32 v = lower_value(b, expr, guard);
    value_add(b, (image_instruction){.op = IN_STORE, .type = b->pages[page].type, .imm = page}, v,
              VALUE_NONE, VALUE_NONE, false);
    u32 node = node_end(b, (image_node){.kind = NODE_MAP,
                                        .flags = flags,
                                        .shape = back_shape(b, b->dims, axes),
                                        .position = b->pages[page].position});
    memcpy(b->dims, was_dims, sizeof was_dims);
    b->values = values, b->value_count = was_count, b->value_capacity = was_capacity,
    b->stamp = was_stamp, b->axes = was_axes;
    return node;
}
