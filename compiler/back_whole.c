/* SPDX-License-Identifier: Apache-2.0
 * back_whole: functions of whole rows and matrices become WHOLE nodes; their operands are stored
 * pages, converted where the result is wider. */
#include "../kernels/whole_sizes.h"
#include "back.h"

static u32 operand_page(back *b, u32 expr, u8 type, const u64 *dims, u32 axes, const char *name) {
    ASSERT(type < TYPE_COUNT && axes <= PAGE_AXES_MAX);
    memset(b->g->extents, 0, sizeof b->g->extents);
    for (u32 d = 0; d < axes; d++) b->g->extents[d] = dims[d];
    if (b->g->exprs[expr].type != type) expr = ir_op(b->g, OP_CONVERT, type, expr, 0, 0, 0);
    return element_page(b, expr, 0, dims, axes, name);
}

/* Whether q is a constant in 0 to 1: such a node cannot fault. */
static bool quantile_is_sure(const back *b, u32 expr, u8 type) {
    ASSERT(type_is_float(type));
    const ir_expr *e = &b->g->exprs[expr];
    f64 wide;
    f32 narrow;
    memcpy(&wide, &e->bits, 8);
    memcpy(&narrow, &e->bits, 4);
    if (e->kind != IR_CONST) return false;
    return type == TYPE_F64 ? wide >= 0 && wide <= 1 : narrow >= 0 && narrow <= 1;
}

void whole_equation(back *b, u32 row, ir_equation q, u8 flags) {
    ASSERT(q.kind == EQUATION_WHOLE && q.reduction < WHOLE_COUNT);
    ir_page p = b->g->pages[row];
    u8 kind = q.reduction, own = b->g->exprs[q.expr].type;
    bool result = kind == WHOLE_CUMSUM || kind == WHOLE_CUMPROD || kind == WHOLE_QUANTILE;
    u8 type = result ? p.type : own;
    u64 dims[PAGE_AXES_MAX] = {1, 1, 1, 1};
    u32 axes = q.domain_rank;
    memcpy(dims, q.domain, axes * sizeof(u64));
    image_node n = {.kind = NODE_WHOLE,
                    .reduce = kind,
                    .type = type,
                    .flags = flags,
                    .output = b->page_of[row],
                    .position = back_position(b, p.place)};
    n.element = operand_page(b, q.expr, type, dims, axes, "element");
    if (kind == WHOLE_QUANTILE && quantile_is_sure(b, q.key, type))
        n.group = BACK_ADD(b, constants, b->g->exprs[q.key].bits);
    else if (q.key != 0)
        n.present = operand_page(b, q.key, type, q.key_domain, q.key_rank, "operand");
    if (kind == WHOLE_MATMUL && axes == 1) dims[1] = dims[0], dims[0] = 1, axes = 2;
    if (kind == WHOLE_DOT)
        for (; axes > 1; axes--) dims[0] *= dims[axes - 1];
    n.outer_axes = kind == WHOLE_DOT ? 0 : axes - 1;
    n.shape = back_shape(b, dims, axes);
    node_begin(b, dims, axes);
    node_end(b, n);
}
