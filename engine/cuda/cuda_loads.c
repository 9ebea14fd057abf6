/* SPDX-License-Identifier: Apache-2.0
 * cuda_loads: reads of pages, indices with edges, groups, and stores, as PTX. %lane has the lane
 * (of a dead one: the last, so that no load leaves its page), %live whether it counts, %bad whether
 * a lane faulted. */
#include "cuda_print.h"

const char *memory_type(u8 type) {
    static const char *const names[TYPE_COUNT] = {
        [TYPE_BOOL] = "u8", [TYPE_I8] = "s8",   [TYPE_I16] = "s16", [TYPE_I32] = "s32",
        [TYPE_I64] = "s64", [TYPE_U8] = "u8",   [TYPE_U16] = "u16", [TYPE_U32] = "u32",
        [TYPE_U64] = "u64", [TYPE_F32] = "f32", [TYPE_F64] = "f64"};
    ASSERT(type < TYPE_COUNT);
    return names[type];
}

void fault_raise(printer *p, u16 guard) {
    ASSERT(guard == SLOT_NONE || (guard & ~SLOT_UNIFORM) < SLOTS_MAX);
    if (guard != SLOT_NONE) {
        say(p, "setp.ne.u32 %%p5, %s, 0", slot_name(guard, TYPE_BOOL).text);
        say(p, "and.pred %%p0, %%p0, %%p5");
    }
    say(p, "and.pred %%p0, %%p0, %%live");
    say(p, "or.pred %%bad, %%bad, %%p0");
}

void print_address(printer *p, u32 page, const char *lane) {
    u64 at = p->plan->pages[page].at;
    ASSERT(at != CUDA_NOWHERE);
    u32 shift = (u32)__builtin_ctz(type_bytes(p->i->pages[page].type));
    say(p, "shl.b64 %%y7, %s, %u", lane, shift);
    say(p, "add.u64 %%y7, %%y7, %%base");
    if (at != 0) say(p, "add.u64 %%y7, %%y7, 0x%llx", (unsigned long long)at);
}

void print_element(printer *p, u32 page, const char *to) {
    print_address(p, page, "%lane");
    say(p, "ld.global.%s %s, [%%y7]", memory_type(p->i->pages[page].type), to);
}

bool needs_coordinates(const printer *p) {
    for (u32 k = 0; k < p->n->tile_count; k++)
        if (p->rows[k].op == IN_IOTA || p->rows[k].op == IN_AFFINE) return true;
    return false;
}

void print_coordinates(printer *p) {
    const image_shape *s = &p->i->shapes[p->n->shape];
    bool small = s->lanes <= UINT32_MAX;
    ASSERT(s->axis_count > 0);
    say(p, small ? "cvt.u32.u64 %%x6, %%lane" : "mov.b64 %%y6, %%lane");
    for (u32 a = s->axis_count; a > 0; a--) {
        unsigned long long dim = s->dims[a - 1];
        if (a == 1 && small) {
            say(p, "cvt.u64.u32 %%c0, %%x6");
        } else if (a == 1) {
            say(p, "mov.b64 %%c0, %%y6");
        } else if (small) {
            say(p, "rem.u32 %%x7, %%x6, %llu", dim);
            say(p, "cvt.u64.u32 %%c%u, %%x7", a - 1);
            say(p, "div.u32 %%x6, %%x6, %llu", dim);
        } else {
            say(p, "rem.u64 %%c%u, %%y6, 0x%llx", a - 1, dim);
            say(p, "div.u64 %%y6, %%y6, 0x%llx", dim);
        }
    }
}

/* The index %y0 brought inside an axis by its edge; CLAMP, WRAP or MIRROR. */
static void print_edge(printer *p, u8 edge, u64 dim) {
    long long d = (long long)dim;
    ASSERT(edge == EDGE_CLAMP || edge == EDGE_WRAP || edge == EDGE_MIRROR);
    if (edge == EDGE_CLAMP) {
        say(p, "max.s64 %%y0, %%y0, 0");
        say(p, "min.s64 %%y0, %%y0, %lld", d - 1);
        return;
    }
    if (dim == 1) {
        say(p, "mov.b64 %%y0, 0");
        return;
    }
    long long period = edge == EDGE_WRAP ? d : 2 * (d - 1);
    say(p, "rem.s64 %%y0, %%y0, %lld", period);
    say(p, "setp.lt.s64 %%p2, %%y0, 0");
    say(p, "add.s64 %%y3, %%y0, %lld", period);
    say(p, "selp.b64 %%y0, %%y3, %%y0, %%p2");
    if (edge == EDGE_WRAP) return;
    say(p, "sub.s64 %%y3, %lld, %%y0", period);
    say(p, "setp.lt.s64 %%p2, %%y0, %lld", d);
    say(p, "selp.b64 %%y0, %%y0, %%y3, %%p2");
}

/* The register that holds what a load gives where there is no lane. */
static const char *other_name(u8 type) {
    if (type_is_float(type)) return type == TYPE_F64 ? "%h3" : "%g3";
    return is_wide(type) ? "%y5" : "%x5";
}

/* %p4: some axis before is not outside. The index %y0 of one axis: it faults, takes the fill, or is
 * brought inside. */
static void affine_axis(printer *p, const image_instruction *r, const image_page *page, u32 axis,
                        u64 dim, bool checked) {
    u8 edge = axis < PAGE_AXES_MAX ? page->edge[axis] : EDGE_NONE;
    ASSERT(edge < EDGE_COUNT);
    if (edge != EDGE_NONE && edge != EDGE_FILL) {
        print_edge(p, edge, dim);
        return;
    }
    if (edge == EDGE_NONE && !checked) return;
    say(p, "setp.ge.u64 %%p1, %%y0, 0x%llx", (unsigned long long)dim);
    say(p, "and.pred %%p0, %%p4, %%p1");
    say(p, "not.pred %%p1, %%p1");
    say(p, "and.pred %%p4, %%p4, %%p1");
    if (edge == EDGE_NONE) {
        fault_raise(p, r->c);
        return;
    }
    const char *other = other_name(r->type);
    say(p, "selp.%s %s, %s, %s, %%p0", move_type(r->type), other,
        immediate(r->type, page->fill[axis]).text, other);
}

static void print_other(printer *p, u8 type) {
    say(p, "mov.%s %s, %s", move_type(type), other_name(type), immediate(type, 0).text);
}

static void print_affine(printer *p, const image_instruction *r) {
    const image_affine *f = &p->i->affines[r->imm];
    const image_page *page = &p->i->pages[f->page];
    const image_shape *s = &p->i->shapes[page->shape];
    u64 stride = s->lanes;
    ASSERT(f->axis_count == s->axis_count);
    print_other(p, r->type);
    say(p, "setp.eq.b64 %%p4, %%base, %%base");
    say(p, "mov.b64 %%y4, 0");
    for (u32 a = 0; a < f->axis_count; a++) {
        const image_affine_axis *x = &p->i->affine_axes[f->axis_at + a];
        stride /= s->dims[a];
        say(p, "mov.b64 %%y0, %lld", (long long)x->constant);
        for (u32 t = 0; t < x->term_count; t++) {
            const image_term *term = &p->i->terms[x->term_at + t];
            say(p, "mad.lo.s64 %%y0, %%c%u, %lld, %%y0", term->axis, (long long)term->coefficient);
        }
        affine_axis(p, r, page, a, s->dims[a], f->checked != 0);
        say(p, "mad.lo.s64 %%y4, %%y0, %llu, %%y4", (unsigned long long)stride);
    }
    name d = slot_name(r->dst, r->type);
    print_address(p, f->page, "%y4");
    say(p, "mov.%s %s, %s", move_type(r->type), d.text, other_name(r->type));
    fprintf(p->to, "\t@%%p4 ld.global.%s %s, [%%y7];\n", memory_type(r->type), d.text);
}

static void print_gather(printer *p, const image_instruction *r) {
    const image_page *page = &p->i->pages[r->imm];
    name d = slot_name(r->dst, r->type), a = slot_name(r->a, r->type2);
    ASSERT(r->type2 == TYPE_I32 || r->type2 == TYPE_I64);
    say(p, r->type2 == TYPE_I32 ? "cvt.s64.s32 %%y0, %s" : "mov.b64 %%y0, %s", a.text);
    print_other(p, r->type);
    for (u32 axis = 0; axis < PAGE_AXES_MAX; axis++) {
        if (page->edge[axis] != EDGE_FILL) continue;
        say(p, "setp.eq.s64 %%p1, %%y0, %d", -1 - (int)axis);
        say(p, "selp.%s %s, %s, %s, %%p1", move_type(r->type), other_name(r->type),
            immediate(r->type, page->fill[axis]).text, other_name(r->type));
    }
    say(p, "setp.ge.s64 %%p4, %%y0, 0");
    print_address(p, r->imm, "%y0");
    say(p, "mov.%s %s, %s", move_type(r->type), d.text, other_name(r->type));
    fprintf(p->to, "\t@%%p4 ld.global.%s %s, [%%y7];\n", memory_type(r->type), d.text);
}

/* %y0 = the index in register `from`, as i64 (u64 keeps its bits). */
static void print_index(printer *p, u8 type, name from) {
    ASSERT(type_is_integer(type));
    if (is_wide(type))
        say(p, "mov.b64 %%y0, %s", from.text);
    else
        say(p, "cvt.%s.%s %%y0, %s", type_is_signed(type) ? "s64" : "u64", arithmetic(type),
            from.text);
}

static void print_axis(printer *p, const image_instruction *r) {
    const image_check *check = &p->i->checks[r->imm];
    unsigned long long dim = check->dim;
    bool outside = check->edge == EDGE_NONE || check->edge == EDGE_FILL;
    ASSERT(check->dim > 0);
    print_index(p, r->type, slot_name(r->b, r->type));
    if (r->a != SLOT_NONE)
        say(p, "mov.b64 %%y1, %s", slot_name(r->a, TYPE_I64).text);
    else
        say(p, "mov.b64 %%y1, 0");
    say(p, "setp.lt.s64 %%p3, %%y1, 0");
    if (r->type == TYPE_U64 && check->edge == EDGE_CLAMP)
        say(p, "min.u64 %%y0, %%y0, 0x7fffffffffffffff");
    if (r->type == TYPE_U64 && (check->edge == EDGE_WRAP || check->edge == EDGE_MIRROR) && dim > 1)
        say(p, "rem.u64 %%y0, %%y0, 0x%llx", check->edge == EDGE_WRAP ? dim : 2 * (dim - 1));
    if (outside)
        say(p, "setp.ge.u64 %%p1, %%y0, 0x%llx", dim);
    else
        print_edge(p, check->edge, check->dim);
    say(p, "mad.lo.s64 %%y2, %%y1, %llu, %%y0", dim);
    if (check->edge == EDGE_NONE) {
        say(p, "not.pred %%p2, %%p3");
        say(p, "and.pred %%p0, %%p1, %%p2");
        fault_raise(p, r->c);
    }
    if (outside)
        say(p, "selp.b64 %%y2, %d, %%y2, %%p1",
            check->edge == EDGE_FILL ? -1 - (int)check->axis : 0);
    say(p, "selp.b64 %s, %%y1, %%y2, %%p3", slot_name(r->dst, TYPE_I64).text);
}

static void print_group(printer *p, const image_instruction *r) {
    const image_check *check = &p->i->checks[r->imm];
    ASSERT(check->dim > 0);
    print_index(p, r->type, slot_name(r->b, r->type));
    say(p, "setp.ge.u64 %%p1, %%y0, 0x%llx", (unsigned long long)check->dim);
    say(p, "and.pred %%p0, %%p1, %%p1");
    fault_raise(p, r->c);
    say(p, "cvt.u32.u64 %%x0, %%y0");
    say(p, "selp.b32 %s, 0xffffffff, %%x0, %%p1", slot_name(r->dst, TYPE_I32).text);
}

void print_load(printer *p, const image_instruction *r) {
    switch (r->op) {
    case IN_LANE: print_element(p, r->imm, slot_name(r->dst, r->type).text); return;
    case IN_AFFINE: print_affine(p, r); return;
    case IN_GATHER: print_gather(p, r); return;
    case IN_IOTA: say(p, "mov.b64 %s, %%c%u", slot_name(r->dst, TYPE_I64).text, r->imm); return;
    case IN_AXIS: print_axis(p, r); return;
    default: ASSERT(r->op == IN_GROUP); print_group(p, r);
    }
}

/* The value's bits, NaN canonical, in %y0 (64-bit types) or %x0, zero-extended. */
static void print_bits(printer *p, u8 type, name a) {
    switch (type) {
    case TYPE_F64:
        say(p, "setp.num.f64 %%p1, %s, %s", a.text, a.text);
        say(p, "mov.b64 %%y0, %s", a.text);
        say(p, "selp.b64 %%y0, %%y0, 0x7ff8000000000000, %%p1");
        return;
    case TYPE_F32:
        say(p, "setp.num.f32 %%p1, %s, %s", a.text, a.text);
        say(p, "mov.b32 %%x0, %s", a.text);
        say(p, "selp.b32 %%x0, %%x0, 0x7fc00000, %%p1");
        return;
    default: break;
    }
    ASSERT(type_is_integer(type) || type == TYPE_BOOL);
    if (is_wide(type))
        say(p, "mov.b64 %%y0, %s", a.text);
    else if (type_bytes(type) == 4)
        say(p, "mov.b32 %%x0, %s", a.text);
    else
        say(p, "and.b32 %%x0, %s, 0x%x", a.text, type_bytes(type) == 1 ? 255u : 65535u);
}

/* Compares, keeps the old value where the epoch may be undone, stores, and notes the changed lanes:
 * lanes of a warp are neighbours, so a vote is a word of them. */
void print_store(printer *p, const image_instruction *r) {
    u32 width = type_bytes(r->type);
    char c = width == 8 ? 'y' : 'x';
    ASSERT(p->store < p->store_count);
    print_bits(p, r->type, slot_name(r->a, r->type));
    print_address(p, r->imm, "%lane");
    say(p, "ld.global.u%u %%%c1, [%%y7]", width * 8, c);
    say(p, "setp.ne.u%u %%p1, %%%c0, %%%c1", width == 8 ? 64 : 32, c, c);
    say(p, "and.pred %%p1, %%p1, %%live");
    if (p->plan->pages[r->imm].resident) {
        say(p, "add.u64 %%y2, %%y7, %%shadow");
        say(p, "and.pred %%p2, %%live, %%save");
        fprintf(p->to, "\t@%%p2 st.global.u%u [%%y2], %%%c1;\n", width * 8, c);
    }
    fprintf(p->to, "\t@%%p1 st.global.u%u [%%y7], %%%c0;\n", width * 8, c);
    say(p, "vote.sync.ballot.b32 %%x2, %%p1, 0xffffffff");
    fprintf(p->to, "\t@%%first st.global.u32 [%%word+%u], %%x2;\n", p->store * CUDA_CHANGED_BYTES);
    p->store++;
}
