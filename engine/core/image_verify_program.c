/* SPDX-License-Identifier: Apache-2.0
 * image_verify_program: one node's program: known operators, types of slots, assignment before use,
 * loads that footprints cover, offsets and groups that stay inside. Needs verified tables and the
 * node's reads marked. A program is straight, so one walk knows the type of every slot. */
#include "image_verify.h"

#define OP(name, text, arity, operands, result, faults) {arity, #operands, #result, faults},
static const struct {
    u8 arity;
    char operands[2];
    char result[6];
    u8 faults;
} operators[] = {
#include "../../kernels/ops.def"
};
static_assert(ARRAY_COUNT(operators) < INSTRUCTION_FIRST, "operators come before the rest");
#undef OP
#define OP(name, text, arity, operands, result, faults) OPERATOR_##name,
enum {
#include "../../kernels/ops.def"
};
#undef OP

/* What is known of a value beyond its type. */
typedef enum {
    VALUE_ANY,
    VALUE_CHAIN,   /* an offset into the axes of check `row`'s page up to that check's axis */
    VALUE_OFFSETS, /* a lane of OFFSETS page `row` */
    VALUE_GROUP    /* -1 to the dim of check `row`, less one */
} value_kind;
typedef struct {
    u8 type;  /* TYPE_NONE: not assigned */
    u8 known; /* value_kind */
    u16 zero;
    u32 row;
} slot;

typedef struct {
    verify *v;
    const image *i;
    const image_node *node;
    const image_shape *domain;
    u32 node_row;
    u32 row;      /* of the instruction */
    bool uniform; /* in the uniform part */
    bool can_fault;
    bool ring; /* it stores a page that is turned */
    u32 feeds, stores;
    slot tile[SLOTS_MAX];
    slot once[SLOTS_MAX];
} program;

#define NEED_HERE(condition, reason)                                                 \
    do {                                                                             \
        if (!(condition)) return verify_refuse(p->v, "instruction", p->row, reason); \
    } while (0)

/* The slot of that number, NULL where it is outside. */
static slot *program_slot(program *p, u16 number) {
    ASSERT(p->node->uniform_slots <= SLOTS_MAX);
    ASSERT(p->node->tile_slots <= SLOTS_MAX);
    u32 at = number & (SLOT_UNIFORM - 1u);
    if (number == SLOT_NONE) return NULL;
    if ((number & SLOT_UNIFORM) != 0) return at < p->node->uniform_slots ? &p->once[at] : NULL;
    return at < p->node->tile_slots ? &p->tile[at] : NULL;
}

/* Whether the operand is assigned, holds `type` and may be used here. */
static bool operand_is(program *p, u16 number, u8 type) {
    ASSERT(type < TYPE_COUNT);
    const slot *s = program_slot(p, number);
    if (s == NULL || s->type != type) return false;
    return !p->uniform || (number & SLOT_UNIFORM) != 0;
}

static bool guard_is(program *p, u16 number) {
    return number == SLOT_NONE || operand_is(p, number, TYPE_BOOL);
}

static mmsb_status assign(program *p, u16 number, u8 type, u8 known, u32 row) {
    ASSERT(type < TYPE_COUNT);
    ASSERT(known <= VALUE_GROUP);
    slot *s = program_slot(p, number);
    NEED_HERE(s != NULL && ((number & SLOT_UNIFORM) != 0) == p->uniform,
              "its result has no slot of its part");
    *s = (slot){.type = type, .known = known, .row = row};
    return MMSB_OK;
}

static bool operands_allow(char operands, u8 type) {
    ASSERT(type < TYPE_COUNT);
    switch (operands) {
    case 'N': return type != TYPE_BOOL;
    case 'F': return type_is_float(type);
    case 'I': return type_is_integer(type);
    case 'J': return !type_is_float(type);
    case 'B': return type == TYPE_BOOL;
    default: return true;
    }
}

/* An offset narrowed from i64 to i32 still is one; every other conversion forgets. */
static value_kind convert_keeps(program *p, const image_instruction *n) {
    ASSERT(n->op == OPERATOR_CONVERT);
    const slot *a = program_slot(p, n->a);
    return a != NULL && n->type == TYPE_I64 && n->type2 == TYPE_I32 ? (value_kind)a->known
                                                                    : VALUE_ANY;
}

static mmsb_status verify_operator(program *p, const image_instruction *n) {
    ASSERT(n->op < ARRAY_COUNT(operators));
    u8 arity = operators[n->op].arity;
    bool faults = operators[n->op].faults != 0;
    NEED_HERE(n->type < TYPE_COUNT && operands_allow(operators[n->op].operands[0], n->type),
              "its operator does not take its type");
    NEED_HERE(n->op == OPERATOR_CONVERT ? n->type2 < TYPE_COUNT : n->type2 == 0,
              "its second type is unknown");
    NEED_HERE(n->imm == 0, "it has a number without need");
    u8 first = n->op == OPERATOR_SELECT ? TYPE_BOOL : n->type;
    NEED_HERE(operand_is(p, n->a, first), "its first operand is not there");
    NEED_HERE(arity >= 2 ? operand_is(p, n->b, n->type) : n->b == SLOT_NONE,
              "its second operand is not there");
    bool third = arity == 3 ? operand_is(p, n->c, n->type) : n->c == SLOT_NONE;
    NEED_HERE(faults ? guard_is(p, n->c) : third, "its third operand is not there");
    NEED_HERE(!faults || n->position > 0, "a fault of it would have no place");
    p->can_fault = p->can_fault || faults;
    if (n->op == OPERATOR_CONVERT) {
        value_kind known = convert_keeps(p, n);
        u32 row = known == VALUE_ANY ? 0 : program_slot(p, n->a)->row;
        return assign(p, n->dst, n->type2, (u8)known, row);
    }
    bool to_bool = operators[n->op].result[0] == 'B';
    return assign(p, n->dst, to_bool ? TYPE_BOOL : n->type, VALUE_ANY, 0);
}

static bool no_operands(const image_instruction *n) {
    return n->a == SLOT_NONE && n->b == SLOT_NONE && n->c == SLOT_NONE;
}

static u64 page_lanes(const program *p, u32 page) {
    ASSERT(page < p->i->page_count);
    return p->i->shapes[p->i->pages[page].shape].lanes;
}

/* Whether the node's footprints cover a load of any lane of the page. */
static bool read_whole(const program *p, u32 page) {
    ASSERT(page < p->i->page_count);
    return p->v->all_reader[page] == p->node_row + 1;
}

static bool read_by_lane(const program *p, u32 page) {
    ASSERT(page < p->i->page_count);
    return read_whole(p, page) || p->v->lane_reader[page] == p->node_row + 1;
}

static mmsb_status verify_const(program *p, const image_instruction *n) {
    ASSERT(n->op == IN_CONST);
    NEED_HERE(p->uniform && n->imm < p->i->constant_count && no_operands(n) &&
                  n->type < TYPE_COUNT && verify_bits_fit(n->type, p->i->constants[n->imm]),
              "its constant does not fit");
    return assign(p, n->dst, n->type, VALUE_ANY, 0);
}

/* A lane of an OFFSETS page is known to be one; a lane of any other is only a number. */
static mmsb_status assign_lane(program *p, const image_instruction *n) {
    ASSERT(n->imm < p->i->page_count);
    bool offsets = (p->i->pages[n->imm].flags & PAGE_OFFSETS) != 0;
    return assign(p, n->dst, n->type, offsets ? VALUE_OFFSETS : VALUE_ANY, offsets ? n->imm : 0);
}

static mmsb_status verify_lane(program *p, const image_instruction *n) {
    ASSERT(n->op == IN_SCALAR || n->op == IN_LANE);
    bool scalar = n->op == IN_SCALAR;
    NEED_HERE(p->uniform == scalar && no_operands(n), "it stands in the wrong part");
    NEED_HERE(n->imm > 0 && n->imm < p->i->page_count && p->i->pages[n->imm].type == n->type,
              "it loads no page of its type");
    NEED_HERE(page_lanes(p, n->imm) == (scalar ? 1 : p->domain->lanes),
              "its page has not the lanes of its domain");
    bool covered =
        scalar && p->domain->lanes != 1 ? read_whole(p, n->imm) : read_by_lane(p, n->imm);
    NEED_HERE(covered, "no footprint covers its load");
    return assign_lane(p, n);
}

static mmsb_status verify_affine_load(program *p, const image_instruction *n) {
    NEED_HERE(!p->uniform && n->imm < p->i->affine_count && n->a == SLOT_NONE &&
                  n->b == SLOT_NONE && guard_is(p, n->c),
              "its operands are not there");
    const image_affine *a = &p->i->affines[n->imm];
    ASSERT(a->page < p->i->page_count);
    NEED_HERE(p->i->pages[a->page].type == n->type, "it loads no page of its type");
    NEED_HERE(read_whole(p, a->page) || p->v->affine_reader[n->imm] == p->node_row + 1,
              "no footprint covers its load");
    NEED_HERE(a->checked == 0 || n->position > 0, "a fault of it would have no place");
    TRY(verify_affine(p->v, n->imm, p->domain));
    p->can_fault = p->can_fault || a->checked == 1;
    return assign(p, n->dst, n->type, VALUE_ANY, 0);
}

static bool read_by_gather(const program *p, u32 page, u32 offsets) {
    ASSERT(page < p->i->page_count);
    ASSERT(offsets < p->i->page_count);
    for (u32 r = 0; r < p->node->read_count; r++) {
        const image_read *read = &p->i->reads[p->node->read_at + r];
        if (read->kind == READ_GATHER && read->page == page && read->arg == offsets) return true;
    }
    return read_whole(p, page);
}

static mmsb_status verify_gather(program *p, const image_instruction *n) {
    NEED_HERE(!p->uniform && n->b == SLOT_NONE && n->c == SLOT_NONE, "it stands in the wrong part");
    NEED_HERE(n->imm > 0 && n->imm < p->i->page_count && p->i->pages[n->imm].type == n->type,
              "it loads no page of its type");
    NEED_HERE((n->type2 == TYPE_I32 || n->type2 == TYPE_I64) && operand_is(p, n->a, n->type2),
              "its offset is not there");
    const slot *a = program_slot(p, n->a);
    ASSERT(a != NULL);
    NEED_HERE(a->known == VALUE_OFFSETS, "its offset comes from no page of offsets");
    ASSERT(a->row < p->i->page_count);
    const image_page *of = &p->i->pages[p->i->pages[a->row].of];
    NEED_HERE(
        verify_shapes_equal(&p->i->shapes[of->shape], &p->i->shapes[p->i->pages[n->imm].shape]),
        "its offsets are made for another shape");
    NEED_HERE(read_by_gather(p, n->imm, a->row), "no footprint covers its load");
    return assign(p, n->dst, n->type, VALUE_ANY, 0);
}

static mmsb_status verify_iota(program *p, const image_instruction *n) {
    ASSERT(p->domain->axis_count <= AXES_MAX);
    NEED_HERE(!p->uniform && no_operands(n) && n->imm < p->domain->axis_count &&
                  n->type == TYPE_I64,
              "it counts no axis of its domain");
    return assign(p, n->dst, TYPE_I64, VALUE_ANY, 0);
}

/* The chain of axes must start at axis 0 and go on one by one through one page's shape. */
static bool chain_goes_on(program *p, u16 number, const image_check *c) {
    if (c->axis == 0) return number == SLOT_NONE;
    if (!operand_is(p, number, TYPE_I64)) return false;
    const slot *s = program_slot(p, number);
    if (s->known != VALUE_CHAIN) return false;
    ASSERT(s->row < p->i->check_count);
    const image_check *before = &p->i->checks[s->row];
    return before->page == c->page && before->axis + 1 == c->axis;
}

static mmsb_status verify_axis(program *p, const image_instruction *n) {
    NEED_HERE(!p->uniform && n->imm < p->i->check_count && type_is_integer(n->type) &&
                  operand_is(p, n->b, n->type) && guard_is(p, n->c),
              "its operands are not there");
    const image_check *c = &p->i->checks[n->imm];
    ASSERT(c->page < p->i->page_count);
    u8 edge = c->axis < PAGE_AXES_MAX ? p->i->pages[c->page].edge[c->axis] : EDGE_NONE;
    NEED_HERE(c->edge == edge, "its edge is not its page's");
    NEED_HERE(chain_goes_on(p, n->a, c), "it does not go on from the axis before");
    NEED_HERE(edge != EDGE_NONE || n->position > 0, "a fault of it would have no place");
    p->can_fault = p->can_fault || edge == EDGE_NONE;
    return assign(p, n->dst, TYPE_I64, VALUE_CHAIN, n->imm);
}

static mmsb_status verify_group(program *p, const image_instruction *n) {
    ASSERT(n->op == IN_GROUP);
    NEED_HERE(!p->uniform && n->imm < p->i->check_count && n->a == SLOT_NONE &&
                  type_is_integer(n->type) && operand_is(p, n->b, n->type) && guard_is(p, n->c),
              "its operands are not there");
    NEED_HERE(p->i->checks[n->imm].dim <= INT32_MAX, "it has more groups than i32 counts");
    NEED_HERE(n->position > 0, "a fault of it would have no place");
    p->can_fault = true;
    return assign(p, n->dst, TYPE_I32, VALUE_GROUP, n->imm);
}

/* A page of offsets takes only whole chains of its target's shape. */
static bool store_fits_offsets(const program *p, const slot *s, const image_page *page) {
    ASSERT(page->of < p->i->page_count);
    if (s->known != VALUE_CHAIN) return false;
    ASSERT(s->row < p->i->check_count);
    const image_check *last = &p->i->checks[s->row];
    const image_shape *chain = &p->i->shapes[p->i->pages[last->page].shape];
    return last->axis + 1u == chain->axis_count &&
           verify_shapes_equal(chain, &p->i->shapes[p->i->pages[page->of].shape]);
}

static void store_origin(program *p, u32 page, const slot *s) {
    ASSERT(page < p->i->page_count);
    ASSERT(s->known != VALUE_GROUP || s->row < p->i->check_count);
    page_origin *origin = &p->v->origins[page];
    u64 bound = s->known == VALUE_GROUP ? p->i->checks[s->row].dim : 0;
    bool group = bound > 0 && origin->kind != ORIGIN_OTHER;
    origin->bound = u64_max(origin->bound, bound);
    origin->kind = group ? ORIGIN_GROUP : ORIGIN_OTHER;
}

static mmsb_status verify_store(program *p, const image_instruction *n) {
    NEED_HERE(!p->uniform && p->node->kind == NODE_MAP && n->dst == SLOT_NONE &&
                  n->b == SLOT_NONE && n->c == SLOT_NONE,
              "it stores where it may not");
    NEED_HERE(n->imm > 0 && n->imm < p->i->page_count, "it stores to no page");
    const image_page *page = &p->i->pages[n->imm];
    NEED_HERE(page->type == n->type && operand_is(p, n->a, n->type), "it stores no value");
    NEED_HERE(page_lanes(p, n->imm) == p->domain->lanes,
              "its page has not the lanes of its domain");
    bool source = page->kind == PAGE_SOURCE && p->node->flags == NODE_IN_FIRST;
    NEED_HERE(source || page->kind == PAGE_DERIVED, "it stores to a page that is given");
    const slot *s = program_slot(p, n->a);
    ASSERT(s != NULL);
    NEED_HERE((page->flags & PAGE_OFFSETS) == 0 || store_fits_offsets(p, s, page),
              "it stores no offset to a page of offsets");
    for (u32 mode = 0; mode < MODE_COUNT; mode++) {
        if ((p->node->flags & (1u << mode)) == 0) continue;
        NEED_HERE(p->v->writer[mode][n->imm] == 0, "its page is written twice");
        p->v->writer[mode][n->imm] = p->node_row + 1;
    }
    store_origin(p, n->imm, s);
    p->ring = p->ring || (page->flags & PAGE_RING) != 0;
    p->stores++;
    return MMSB_OK;
}

static mmsb_status verify_feed(program *p, const image_instruction *n) {
    bool arg = p->node->reduce == REDUCE_ARGMIN || p->node->reduce == REDUCE_ARGMAX;
    NEED_HERE(!p->uniform && p->node->kind == NODE_REDUCE && n->dst == SLOT_NONE &&
                  n->c == SLOT_NONE && n->imm == 0,
              "it feeds no reduction");
    NEED_HERE(n->type == p->node->type && operand_is(p, n->a, n->type), "it feeds no element");
    NEED_HERE(n->b == SLOT_NONE || (arg && operand_is(p, n->b, TYPE_BOOL)), "it feeds no presence");
    p->feeds++;
    return MMSB_OK;
}

static mmsb_status verify_instruction(program *p, const image_instruction *n) {
    ASSERT(p->row < p->i->instruction_count);
    NEED_HERE(n->zero == 0 && n->position < p->i->position_count, "it has unknown fields");
    if (n->op < ARRAY_COUNT(operators)) return verify_operator(p, n);
    NEED_HERE(n->op == IN_GATHER || n->type2 == 0, "it has a second type without need");
    switch (n->op) {
    case IN_CONST: return verify_const(p, n);
    case IN_SCALAR:
    case IN_LANE: return verify_lane(p, n);
    case IN_AFFINE: return verify_affine_load(p, n);
    case IN_GATHER: return verify_gather(p, n);
    case IN_IOTA: return verify_iota(p, n);
    case IN_AXIS: return verify_axis(p, n);
    case IN_GROUP: return verify_group(p, n);
    case IN_STORE: return verify_store(p, n);
    case IN_FEED: return verify_feed(p, n);
    default: return verify_refuse(p->v, "instruction", p->row, "it is unknown");
    }
}

mmsb_status verify_program(verify *v, u32 node) {
    const image_node *n = &v->i->nodes[node];
    ASSERT((u64)n->program_at + n->uniform_count + n->tile_count <= v->i->instruction_count);
    NEED(n->uniform_slots <= SLOTS_MAX && n->tile_slots <= SLOTS_MAX, "node", node,
         "it has too many slots");
    program state;
    program *p = &state;
    memset(p, 0, offsetof(program, tile));
    memset(p->tile, TYPE_NONE, n->tile_slots * sizeof(slot));
    memset(p->once, TYPE_NONE, n->uniform_slots * sizeof(slot));
    p->v = v;
    p->i = v->i;
    p->node = n;
    p->node_row = node;
    p->domain = &v->i->shapes[n->shape];
    for (u32 k = 0; k < n->uniform_count + n->tile_count; k++) {
        p->uniform = k < n->uniform_count;
        p->row = n->program_at + k;
        TRY(verify_instruction(p, &v->i->instructions[p->row]));
    }
    NEED(n->kind == NODE_MAP ? p->stores > 0 : p->feeds == 1, "node", node,
         "its program gives nothing");
    /* A history's guard keeps it inside (verify_rings). */
    if (p->can_fault && !p->ring && (n->flags & NODE_IN_LATER) != 0) v->faults_later = true;
    return MMSB_OK;
}
