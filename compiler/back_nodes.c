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

static u64 mix(u64 h, u64 x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

/* Room in a hash table of rows for one more; false where memory is short. Grown tables are empty:
 * *fresh says so. */
static bool table_room(back *b, u32 **table, u32 *capacity, u32 rows, bool *fresh) {
    ASSERT((*capacity & (*capacity - 1)) == 0);
    *fresh = (rows + 1) * 2 > *capacity;
    if (!*fresh) return true;
    u32 more = *capacity == 0 ? 64 : *capacity * 2;
    u32 *grown = ARENA_ARRAY(b->memory, u32, more);
    if (grown == NULL) {
        b->out_of_memory = true;
        return false;
    }
    *table = grown, *capacity = more;
    return true;
}

static void table_put(u32 *table, u32 capacity, u64 hash, u32 row) {
    ASSERT((capacity & (capacity - 1)) == 0 && capacity != 0);
    u64 at = hash & (capacity - 1);
    while (table[at] != 0) at = (at + 1) & (capacity - 1);
    table[at] = row + 1;
}

static u64 shape_hash(const image_shape *s) {
    ASSERT(s->axis_count <= AXES_MAX);
    u64 h = s->axis_count;
    for (u32 d = 0; d < AXES_MAX; d++) h = mix(h, s->dims[d]);
    return h;
}

u32 back_shape(back *b, const u64 *dims, u32 axes) {
    ASSERT(axes <= AXES_MAX);
    image_shape s = {.axis_count = axes, .lanes = 1};
    bool fresh;
    for (u32 d = 0; d < AXES_MAX; d++) s.dims[d] = d < axes ? dims[d] : 1, s.lanes *= s.dims[d];
    if (!table_room(b, &b->shape_table, &b->shape_table_capacity, b->shapes_count, &fresh))
        return 0;
    u32 mask = b->shape_table_capacity - 1;
    for (u32 k = 0; fresh && k < b->shapes_count; k++)
        table_put(b->shape_table, mask + 1, shape_hash(&b->shapes[k]), k);
    for (u64 at = shape_hash(&s) & mask; b->shape_table[at] != 0; at = (at + 1) & mask)
        if (memcmp(&b->shapes[b->shape_table[at] - 1], &s, sizeof s) == 0)
            return b->shape_table[at] - 1;
    table_put(b->shape_table, mask + 1, shape_hash(&s), b->shapes_count);
    return BACK_ADD(b, shapes, s);
}

static u64 hidden_hash(const back_hidden *h) {
    ASSERT(h->kind <= IR_REDUCTION_COUNT);
    return mix(mix(mix(h->kind, h->expr | (u64)h->guard << 32), h->present | (u64)h->shape << 32),
               h->outer);
}

u32 hidden_find(const back *b, const back_hidden *h) {
    u32 mask = b->hidden_table_capacity - 1;
    ASSERT(h->expr < b->g->expr_count);
    if (b->hidden_table_capacity == 0) return 0;
    for (u64 at = hidden_hash(h) & mask; b->hidden_table[at] != 0; at = (at + 1) & mask) {
        const back_hidden *k = &b->hidden[b->hidden_table[at] - 1];
        bool same = k->kind == h->kind && k->expr == h->expr && k->guard == h->guard &&
                    k->present == h->present && k->shape == h->shape && k->outer == h->outer;
        if (same) return k->page;
    }
    return 0;
}

void hidden_add(back *b, back_hidden h) {
    bool fresh;
    ASSERT(h.page != 0 || b->out_of_memory || b->too_many_axes);
    if (!table_room(b, &b->hidden_table, &b->hidden_table_capacity, b->hidden_count, &fresh))
        return;
    for (u32 k = 0; fresh && k < b->hidden_count; k++)
        table_put(b->hidden_table, b->hidden_table_capacity, hidden_hash(&b->hidden[k]), k);
    table_put(b->hidden_table, b->hidden_table_capacity, hidden_hash(&h), b->hidden_count);
    BACK_ADD(b, hidden, h);
}

u32 back_position(back *b, u32 place) {
    ASSERT(place < b->g->place_count);
    const ir_place *p = &b->g->places[place];
    if (place == 0) return 0;
    if (b->position_of[place] != 0) return b->position_of[place];
    source_place at = sources_place_near(b->g->sources, p->at, &b->last_line);
    const source_file *f = &b->g->sources->files[p->at.file];
    const char *slash = strrchr(f->name, '/'), *name = slash == NULL ? f->name : slash + 1,
               *page = p->page;
    bool cut = at.end - at.begin > 200;
    u32 bytes = cut ? 200 : at.end - at.begin;
    while (cut && bytes > 0 && ((u8)f->text[at.begin + bytes] & 0xc0) == 0x80) bytes--;
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
    size_t before = strnlen(owner, 300), bytes = strlen(name);
    if (before != 0) {
        bytes = strnlen(name, 80);
        memcpy(full, owner, before), full[before] = '.', memcpy(full + before + 1, name, bytes);
        name = full, bytes += before + 1;
    }
    p.name = back_string(b, name, bytes);
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
    b->values = b->spare, b->value_count = 0, b->value_capacity = b->spare_capacity;
    b->spare = NULL, b->spare_capacity = 0;
    b->stamp = ++b->stamp_last;
}

/* A footprint of the node that ends, once. Every affine row is read by one value. */
static void read_add(back *b, u32 first, u32 node, u32 page, u32 kind, u32 arg) {
    ASSERT(first <= b->reads_count && kind < READ_KIND_COUNT);
    ASSERT(b->out_of_memory || (page != 0 && page < b->pages_count));
    if (!arena_grow(b->memory, (void **)&b->read_last, &b->read_last_capacity, page + 1, 4) ||
        !arena_grow(b->memory, (void **)&b->read_before, &b->read_before_capacity,
                    b->reads_count + 1, 4)) {
        b->out_of_memory = true;
        return;
    }
    u32 last = b->read_last[page];
    if (last > b->reads_count || last <= first || b->reads[last - 1].page != page) last = 0;
    for (u32 at = last; at != 0 && kind != READ_AFFINE; at = b->read_before[at - 1])
        if (b->reads[at - 1].kind == kind && b->reads[at - 1].arg == arg) return;
    b->read_before[b->reads_count] = last;
    b->read_last[page] = b->reads_count + 1;
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

struct back_slots {
    u16 free_slots[SLOTS_MAX];
    u32 free_count, tile_slots, uniform_slots;
    u16 *slot; /* of each value */
    u32 slot_capacity;
};

static u16 slot_take(back_slots *s, bool uniform) {
    ASSERT(s->free_count <= SLOTS_MAX && s->tile_slots < SLOTS_MAX && s->uniform_slots < SLOTS_MAX);
    if (uniform) return (u16)(SLOT_UNIFORM | s->uniform_slots++);
    if (s->free_count != 0) return s->free_slots[--s->free_count];
    return (u16)s->tile_slots++;
}

static bool has_result(const image_instruction *r) {
    ASSERT(r->op < INSTRUCTION_COUNT);
    return r->op != IN_STORE && r->op != IN_FEED;
}

static u16 slot_of(const back_slots *s, u32 value) {
    ASSERT(value == VALUE_NONE || value < s->slot_capacity);
    return value == VALUE_NONE ? SLOT_NONE : s->slot[value];
}

/* The tables have room for all values of the node. */
static void emit_value(back *b, back_slots *s, u32 v) {
    ASSERT(v < b->value_count && b->instructions_count < b->instructions_capacity);
    const back_value *x = &b->values[v];
    image_instruction *r = &b->instructions[b->instructions_count++];
    *r = x->row;
    r->a = slot_of(s, x->a), r->b = slot_of(s, x->b), r->c = slot_of(s, x->c);
    bool result = has_result(r);
    r->dst = result ? slot_take(s, x->uniform) : SLOT_NONE;
    if (result) s->slot[v] = r->dst;
    const u32 in[3] = {x->a, x->b, x->c};
    for (u32 k = 0; k < 3; k++) {
        bool again = (k > 0 && in[k] == in[0]) || (k > 1 && in[k] == in[1]);
        if (in[k] == VALUE_NONE || again || b->values[in[k]].uniform || b->values[in[k]].last != v)
            continue;
        s->free_slots[s->free_count++] = s->slot[in[k]];
    }
    if (result && !x->uniform && x->last == v) s->free_slots[s->free_count++] = r->dst;
}

static back_slots *slots_empty(back *b) {
    if (b->slots == NULL) b->slots = arena_take(b->memory, sizeof *b->slots, 8);
    back_slots *s = b->slots;
    if (s == NULL ||
        !arena_grow(b->memory, (void **)&s->slot, &s->slot_capacity, b->value_count + 1u,
                    sizeof(u16)) ||
        !arena_grow(b->memory, (void **)&b->instructions, &b->instructions_capacity,
                    b->instructions_count + b->value_count, sizeof *b->instructions)) {
        b->out_of_memory = true;
        return NULL;
    }
    s->free_count = s->tile_slots = s->uniform_slots = 0;
    ASSERT(s->slot_capacity > b->value_count);
    return s;
}

u32 node_end(back *b, image_node n) {
    ASSERT(n.kind < NODE_KIND_COUNT && n.shape < b->shapes_count);
    u32 first = b->reads_count, node = b->nodes_count;
    back_slots *s = slots_empty(b);
    if (s == NULL) return 0;
    for (u32 v = 0; v < b->value_count; v++) {
        back_value *x = &b->values[v];
        x->last = v;
        if (x->a != VALUE_NONE) b->values[x->a].last = v;
        if (x->b != VALUE_NONE) b->values[x->b].last = v;
        if (x->c != VALUE_NONE) b->values[x->c].last = v;
        if (x->row.op >= INSTRUCTION_FIRST) read_of(b, first, node, x);
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
    if (b->value_capacity > b->spare_capacity)
        b->spare = b->values, b->spare_capacity = b->value_capacity;
    b->values = NULL, b->value_count = b->value_capacity = 0;
    BACK_ADD(b, definitions, b->node_definition);
    return BACK_ADD(b, nodes, n);
}

back_kept node_suspend(back *b) {
    back_kept k = {b->values, b->value_count, b->value_capacity, b->stamp, b->axes, {0}};
    ASSERT(b->axes <= AXES_MAX);
    memcpy(k.dims, b->dims, sizeof k.dims);
    b->values = NULL, b->value_count = b->value_capacity = 0;
    return k;
}

void node_resume(back *b, const back_kept *k) {
    ASSERT(b->value_count == 0 || b->out_of_memory);
    b->values = k->values, b->value_count = k->value_count, b->value_capacity = k->value_capacity;
    b->stamp = k->stamp, b->axes = k->axes;
    memcpy(b->dims, k->dims, sizeof b->dims);
}

u32 map_node(back *b, u32 expr, u32 guard, const u64 *dims, u32 axes, u32 page, u8 flags) {
    ASSERT(b->out_of_memory || (page != 0 && page < b->pages_count));
    back_kept kept = node_suspend(b);
    node_begin(b, dims, axes);
    u32 v = lower_value(b, expr, guard);
    value_add(b, (image_instruction){.op = IN_STORE, .type = b->pages[page].type, .imm = page}, v,
              VALUE_NONE, VALUE_NONE, false);
    u32 node = node_end(b, (image_node){.kind = NODE_MAP,
                                        .flags = flags,
                                        .shape = back_shape(b, b->dims, axes),
                                        .position = b->pages[page].position});
    node_resume(b, &kept);
    return node;
}
