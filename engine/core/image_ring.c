/* SPDX-License-Identifier: Apache-2.0
 * image_ring: whether a node's program is a history: row 0 is a page, row 1 the page's past, every
 * other row what the row before it was. Each slot is followed as what it is known to hold. */
#include "image.h"

#define OP(name, text, arity, operands, result, faults) OPERATOR_##name,
enum {
#include "../../kernels/ops.def"
};
#undef OP

#define PROGRAM_MOST 24u

typedef enum {
    IS_ANYTHING,
    IS_ROW,       /* the index of axis 0 */
    IS_ZERO,      /* i64 */
    IS_ONE,       /* i64 */
    IS_FIRST,     /* whether the row is row 0 */
    IS_SECOND,    /* whether it is row 1 */
    IS_NOT_FIRST, /* false in row 0, whatever in the others */
    IS_NOW,       /* `of` at the row's own lane */
    IS_BEFORE,    /* prev(of) there */
    IS_SHIFTED,   /* prev(page) one row up */
    IS_PAST,      /* IS_BEFORE in row 1, IS_SHIFTED in the rows behind it */
    IS_HISTORY    /* IS_NOW in row 0, IS_PAST in the others */
} meaning;

typedef struct {
    const image *i;
    const image_node *n;
    image_ring *ring;
    u16 slot[PROGRAM_MOST]; /* the latest that holds it counts */
    u8 is[PROGRAM_MOST];
    u32 count;
} follower;

static meaning slot_is(const follower *f, u16 slot) {
    ASSERT(f->count <= PROGRAM_MOST);
    for (u32 k = f->count; k > 0 && slot != SLOT_NONE; k--)
        if (f->slot[k - 1] == slot) return (meaning)f->is[k - 1];
    return IS_ANYTHING;
}

/* Whether axis `axis` of the page is axis `of` of the domain plus `constant`. */
static bool axis_is(const follower *f, const image_affine *a, u32 axis, u32 of, i64 constant) {
    const image_affine_axis *x = &f->i->affine_axes[a->axis_at + axis];
    ASSERT(axis < a->axis_count);
    if (x->constant != constant) return false;
    if (x->term_count == 0) return f->i->shapes[f->n->shape].dims[of] == 1;
    const image_term *t = &f->i->terms[x->term_at];
    return x->term_count == 1 && t->axis == of && t->coefficient == 1;
}

static bool axes_are(const follower *f, const image_affine *a, u32 first, u32 shift) {
    ASSERT(first <= 1 && shift <= 1);
    for (u32 axis = first; axis < a->axis_count; axis++)
        if (!axis_is(f, a, axis, axis + shift, 0)) return false;
    return true;
}

/* A read of the page that is kept, or of its past, at the lane's own place in a row. */
static meaning row_read(follower *f, u32 page) {
    const image_page *p = &f->i->pages[page];
    ASSERT(page < f->i->page_count);
    if (p->kind == PAGE_PREV) {
        if (f->ring->past != 0 && f->ring->past != page) return IS_ANYTHING;
        f->ring->past = page;
        return IS_BEFORE;
    }
    if (f->ring->of != 0 && f->ring->of != page) return IS_ANYTHING;
    f->ring->of = page;
    return IS_NOW;
}

static meaning affine_is(follower *f, const image_instruction *r) {
    const image_affine *a = &f->i->affines[r->imm];
    const image_page *page = &f->i->pages[a->page];
    u32 axes = f->i->shapes[f->n->shape].axis_count;
    ASSERT(r->op == IN_AFFINE);
    if (a->axis_count + 1 == axes) {
        if (a->checked != 0 || !axes_are(f, a, 0, 1)) return IS_ANYTHING;
        return row_read(f, a->page);
    }
    bool own = page->kind == PAGE_PREV && page->of == f->ring->page && a->axis_count == axes;
    bool guarded = slot_is(f, r->c) == IS_NOT_FIRST;
    if (!own || !guarded || !axis_is(f, a, 0, 0, -1) || !axes_are(f, a, 1, 0)) return IS_ANYTHING;
    return IS_SHIFTED;
}

static meaning operator_is(const follower *f, const image_instruction *r) {
    meaning a = slot_is(f, r->a), b = slot_is(f, r->b), c = slot_is(f, r->c);
    ASSERT(r->op < INSTRUCTION_FIRST);
    switch (r->op) {
    case OPERATOR_EQ:
        if (r->type != TYPE_I64 || a != IS_ROW) return IS_ANYTHING;
        return b == IS_ZERO ? IS_FIRST : b == IS_ONE ? IS_SECOND : IS_ANYTHING;
    case OPERATOR_NOT: return a == IS_FIRST ? IS_NOT_FIRST : IS_ANYTHING;
    case OPERATOR_AND:
        if (r->type != TYPE_BOOL) return IS_ANYTHING;
        return a == IS_NOT_FIRST || b == IS_NOT_FIRST ? IS_NOT_FIRST : IS_ANYTHING;
    case OPERATOR_SELECT:
        if (a == IS_SECOND && b == IS_BEFORE && c == IS_SHIFTED) return IS_PAST;
        return a == IS_FIRST && b == IS_NOW && c == IS_PAST ? IS_HISTORY : IS_ANYTHING;
    default: return IS_ANYTHING;
    }
}

static meaning result_is(follower *f, const image_instruction *r) {
    if (r->op < INSTRUCTION_FIRST) return operator_is(f, r);
    if (r->op == IN_AFFINE) return affine_is(f, r);
    if (r->op == IN_IOTA) return r->imm == 0 ? IS_ROW : IS_ANYTHING;
    if (r->op == IN_SCALAR) return row_read(f, r->imm);
    if (r->op != IN_CONST || r->type != TYPE_I64) return IS_ANYTHING;
    u64 bits = f->i->constants[r->imm];
    return bits == 0 ? IS_ZERO : bits == 1 ? IS_ONE : IS_ANYTHING;
}

/* Whether a row of `page` has the shape of `of`, and there are two at least. */
static bool shapes_fit(const image *i, image_ring *r) {
    const image_shape *s = &i->shapes[i->pages[r->page].shape],
                      *row = &i->shapes[i->pages[r->of].shape];
    ASSERT(r->page != 0 && r->of != 0);
    if (s->axis_count != row->axis_count + 1 || s->dims[0] < 2) return false;
    for (u32 k = 0; k < row->axis_count; k++)
        if (s->dims[k + 1] != row->dims[k]) return false;
    r->rows = s->dims[0], r->lanes = row->lanes;
    return i->pages[r->page].type == i->pages[r->of].type;
}

bool image_ring_find(const image *i, u32 node, image_ring *out) {
    const image_node *n = &i->nodes[node];
    u32 count = n->uniform_count + n->tile_count;
    *out = (image_ring){0};
    ASSERT(node < i->node_count);
    if (n->kind != NODE_MAP || (n->flags & NODE_IN_LATER) == 0 || count > PROGRAM_MOST ||
        n->tile_count == 0)
        return false;
    const image_instruction *program = &i->instructions[n->program_at], *last = program + count - 1;
    if (last->op != IN_STORE) return false;
    out->page = last->imm, out->prev = i->pages[last->imm].prev;
    if (out->prev == 0 || n->shape != i->pages[out->page].shape) return false;
    follower f = {.i = i, .n = n, .ring = out};
    for (u32 k = 0; k + 1 < count; k++) {
        const image_instruction *r = &program[k];
        if (r->op == IN_STORE || r->op == IN_FEED) return false;
        u8 is = (u8)result_is(&f, r);
        f.slot[f.count] = r->dst, f.is[f.count++] = is;
    }
    bool follows = slot_is(&f, last->a) == IS_HISTORY && i->pages[out->of].prev == out->past;
    return follows && shapes_fit(i, out);
}
