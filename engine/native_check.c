/* SPDX-License-Identifier: Apache-2.0
 * native_check: the self-test of compiled calls: the same operators, one by one, by the VM's
 * kernels, on random and special values; every kept value must have the same bits. */
#include "native.h"

#include "../kernels/kernels.h"
#include "core/layout.h"

#define SPREAD_TILES 3u
#define CELLS_BYTES ((u64)SLOTS_MAX * LAYOUT_CELL_BYTES)

u64 native_check_bytes(const native_plan *p) {
    return (u64)(p->slots + NATIVE_OPS_MOST + SPREAD_TILES) * LAYOUT_SLOT_BYTES + CELLS_BYTES;
}

static u64 random_next(u64 *state) { /* splitmix64 */
    u64 z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static u64 special_f64(u64 k) {
    static const f64 rows[] = {0.0,    -0.0,    1.0,          -1.0,   0.5,    2.5,     -3.5, 1e300,
                               1e-310, -5e-324, 2147483648.0, 0x1p53, 0x1p63, -0x1p63, 1e10, 127.5};
    static const u64 bits[] = {0x7ff0000000000000u, 0xfff0000000000000u, 0x7ff8000000000000u};
    u64 x;
    k %= ARRAY_COUNT(rows) + ARRAY_COUNT(bits);
    if (k >= ARRAY_COUNT(rows)) return bits[k - ARRAY_COUNT(rows)];
    memcpy(&x, &rows[k], 8);
    return x;
}

/* Bits of a value: special, any, or of a plain size. */
static u64 value_bits(u8 type, u64 r) {
    u64 kind = r & 3, bits = r >> 8;
    f64 plain = (f64)(i64)(r >> 20) * 0x1p-34 - 512.0;
    ASSERT(type < TYPE_COUNT);
    if (type == TYPE_BOOL) return r & 1;
    if (type == TYPE_F64) {
        memcpy(&bits, &plain, 8);
        bits = kind == 0 ? special_f64(r >> 2) : kind == 1 ? r * 0x9E3779B97F4A7C15u : bits;
    } else if (type == TYPE_F32) {
        f64 wide = plain;
        u64 special = special_f64(r >> 2);
        if (kind == 0) memcpy(&wide, &special, 8);
        f32 narrow = (f32)wide;
        u32 half;
        memcpy(&half, &narrow, 4);
        bits = kind == 1 ? r >> 32 : half;
    } else {
        static const u64 rows[] = {0, 1, UINT64_MAX, 0x80, 0x8000, 0x80000000u, (u64)1 << 63, 0x7f};
        bits = kind == 0 ? rows[(r >> 2) & 7] : kind == 1 ? (r >> 8) & 255 : r;
    }
    return type_canonical(
        type, type_bytes(type) == 8 ? bits : bits & (((u64)1 << 8 * type_bytes(type)) - 1));
}

static void tile_fill(u8 type, u8 *to, u32 count, u64 seed) {
    u32 width = type_bytes(type);
    for (u32 k = 0; k < count; k++) {
        u64 bits = value_bits(type, random_next(&seed));
        memcpy(to + (u64)k * width, &bits, width);
    }
}

typedef struct {
    const image *i;
    const native_plan *p;
    const native_call *c;
    u8 *slots, *values, *spread, *cells;
} test;

static const void *operand(const test *t, const native_source *s, u32 number, u32 n) {
    u8 *to = t->spread + (u64)number * LAYOUT_SLOT_BYTES;
    u64 bits = 0;
    switch (s->kind) {
    case SOURCE_VALUE: return t->values + (u64)s->at * LAYOUT_SLOT_BYTES;
    case SOURCE_SLOT: return t->slots + (u64)s->at * LAYOUT_SLOT_BYTES;
    case SOURCE_CELL: memcpy(&bits, t->cells + (u64)s->at * LAYOUT_CELL_BYTES, 8); break;
    case SOURCE_CONSTANT: bits = t->i->constants[s->at]; break;
    default: return NULL;
    }
    kernel_spread(s->type, to, bits, n);
    return to;
}

static void inputs_fill(const test *t, u64 seed) {
    for (u32 k = 0; k < t->c->op_count; k++) {
        for (u32 o = 0; o < 3; o++) {
            const native_source *s = &t->p->ops[t->c->op_at + k].from[o];
            if (s->kind == SOURCE_SLOT)
                tile_fill(s->type, t->slots + (u64)s->at * LAYOUT_SLOT_BYTES, TILE_LANES,
                          seed + s->at);
            if (s->kind == SOURCE_CELL)
                tile_fill(s->type, t->cells + (u64)s->at * LAYOUT_CELL_BYTES, 1, seed * 31 + s->at);
        }
    }
    ASSERT(t->c->op_count != 0);
}

static bool same(u8 type, const u8 *a, const u8 *b, u32 n) {
    u32 width = type_bytes(type);
    for (u32 k = 0; k < n; k++) {
        u64 x = 0, y = 0;
        memcpy(&x, a + (u64)k * width, width), memcpy(&y, b + (u64)k * width, width);
        if (type_canonical(type, x) != type_canonical(type, y)) return false;
    }
    return true;
}

static bool round_agrees(const test *t, native_fn f, u32 n, u64 seed) {
    void *slots[NATIVE_SLOTS_MOST];
    bool agrees = true;
    for (u32 k = 0; k < t->p->slots; k++) slots[k] = t->slots + (u64)k * LAYOUT_SLOT_BYTES;
    inputs_fill(t, seed);
    f(slots, t->cells, n);
    for (u32 k = 0; k < t->c->op_count && agrees; k++) {
        const native_op *o = &t->p->ops[t->c->op_at + k];
        const image_instruction *r = &t->i->instructions[o->row];
        u8 *to = t->values + (u64)k * LAYOUT_SLOT_BYTES;
        kernel_fn fn = kernel_find(r->op, r->type, r->type2, VARIANT_VV);
        ASSERT(fn != NULL);
        fn(to, operand(t, &o->from[0], 0, n), operand(t, &o->from[1], 1, n),
           operand(t, &o->from[2], 2, n), n);
        u8 type = r->op == OP_CONVERT           ? r->type2
                  : op_info(r->op)->result_bool ? TYPE_BOOL
                                                : r->type;
        if (o->slot != SLOT_NONE) agrees = same(type, slots[o->slot], to, n);
    }
    return agrees;
}

bool native_agrees(const image *i, const native_plan *p, const native_call *c, native_fn f,
                   u8 *memory) {
    ASSERT(c->op_count <= NATIVE_OPS_MOST);
    ASSERT(((uintptr_t)memory & 63) == 0);
    static const u32 counts[] = {TILE_LANES, 133, 7, 1};
    test t = {i, p, c, memory, NULL, NULL, NULL};
    t.values = t.slots + (u64)p->slots * LAYOUT_SLOT_BYTES;
    t.spread = t.values + (u64)NATIVE_OPS_MOST * LAYOUT_SLOT_BYTES;
    t.cells = t.spread + (u64)SPREAD_TILES * LAYOUT_SLOT_BYTES;
    bool agrees = true;
    for (u32 k = 0; k < ARRAY_COUNT(counts) && agrees; k++)
        agrees = round_agrees(&t, f, counts[k], 1000u * (k + 1));
    return agrees;
}
