/* SPDX-License-Identifier: Apache-2.0
 * image_verify_whole: nodes of whole rows and matrices: operands, shapes, types. Needs verified
 * tables and the node's reads. */
#include "../../kernels/whole_sizes.h"
#include "image_verify.h"

static u64 page_lanes(const image *i, u32 page) {
    ASSERT(page < i->page_count);
    return i->shapes[i->pages[page].shape].lanes;
}

static bool operand_fits(const image *i, const image_node *n, u32 page, u64 lanes) {
    ASSERT((u64)n->read_at + n->read_count <= i->read_count);
    if (page == 0 || page >= i->page_count) return false;
    if (i->pages[page].type != n->type || page_lanes(i, page) != lanes) return false;
    for (u32 r = 0; r < n->read_count; r++) {
        const image_read *read = &i->reads[n->read_at + r];
        if (read->page == page && read->kind == READ_ELEMENT) return true;
    }
    return false;
}

/* Whether the function takes the type. Sums and products of integers are of the widest ones. */
static bool type_fits(u8 kind, u8 type) {
    ASSERT(kind < WHOLE_COUNT);
    ASSERT(type < TYPE_COUNT);
    switch (kind) {
    case WHOLE_CUMSUM:
    case WHOLE_CUMPROD: return type_is_float(type) || type == TYPE_I64 || type == TYPE_U64;
    case WHOLE_CUMMIN:
    case WHOLE_CUMMAX: return type != TYPE_BOOL;
    case WHOLE_QUANTILE: return type_is_float(type);
    case WHOLE_MATMUL:
    case WHOLE_DOT: return type != TYPE_BOOL;
    default: return true;
    }
}

static bool part_of_one(u8 type, u64 bits) {
    ASSERT(type_is_float(type));
    f64 wide;
    f32 narrow;
    u32 low = (u32)bits;
    memcpy(&wide, &bits, 8);
    memcpy(&narrow, &low, 4);
    return type == TYPE_F64 ? wide >= 0 && wide <= 1
                            : bits >> 32 == 0 && narrow >= 0 && narrow <= 1;
}

static mmsb_status verify_quantile(verify *v, u32 node, u64 outer) {
    ASSERT(outer > 0);
    ASSERT(v->i->nodes[node].reduce == WHOLE_QUANTILE);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    NEED(page_lanes(i, n->output) == outer, "node", node, "its output has other lanes");
    if (n->present != 0) {
        NEED(n->group == 0 && operand_fits(i, n, n->present, 1), "node", node,
             "its quantile is no scalar");
        v->faults_later = v->faults_later || (n->flags & NODE_IN_LATER) != 0;
        return MMSB_OK;
    }
    NEED(n->group < i->constant_count && part_of_one(n->type, i->constants[n->group]), "node", node,
         "its quantile is outside 0 to 1");
    return MMSB_OK;
}

static mmsb_status verify_matmul(verify *v, u32 node, u64 m, u64 k) {
    ASSERT(m > 0);
    ASSERT(k > 0);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    u64 out = page_lanes(i, n->output), right;
    NEED(i->shapes[n->shape].axis_count == 2 && k <= MATMUL_K_MAX && out % m == 0, "node", node,
         "it is no matrix product");
    NEED(!__builtin_mul_overflow(k, out / m, &right) && operand_fits(i, n, n->present, right),
         "node", node, "its right operand does not fit");
    return MMSB_OK;
}

mmsb_status verify_whole(verify *v, u32 node) {
    ASSERT(v->i->nodes[node].kind == NODE_WHOLE);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    const image_shape *domain = &i->shapes[n->shape];
    u8 kind = n->reduce;
    NEED(kind < WHOLE_COUNT && n->type < TYPE_COUNT && type_fits(kind, n->type) &&
             (n->flags & NODE_PARTIALS) == 0,
         "node", node, "its function does not take its type");
    bool rows = kind != WHOLE_DOT;
    NEED(domain->axis_count >= 1 && n->outer_axes == (rows ? domain->axis_count - 1 : 0), "node",
         node, "it has other axes than its function");
    TRY(verify_output_of(v, node, kind == WHOLE_ARGSORT ? TYPE_I64 : n->type));
    NEED(operand_fits(i, n, n->element, domain->lanes), "node", node,
         "its element does not fit its domain");
    u64 inner = rows ? domain->dims[domain->axis_count - 1] : domain->lanes;
    u64 outer = domain->lanes / inner, out = page_lanes(i, n->output);
    ASSERT(outer * inner == domain->lanes);
    ASSERT(n->output > 0);
    if (kind == WHOLE_QUANTILE) return verify_quantile(v, node, outer);
    NEED(n->group == 0, "node", node, "it has a group without need");
    if (kind == WHOLE_MATMUL) return verify_matmul(v, node, outer, inner);
    if (kind == WHOLE_DOT) {
        NEED(out == 1 && operand_fits(i, n, n->present, domain->lanes), "node", node,
             "its operands differ");
        return MMSB_OK;
    }
    NEED(n->present == 0 && (kind != WHOLE_ARGSORT || inner < UINT32_MAX), "node", node,
         "it has an operand without need, or rows that are too long");
    bool shorter =
        kind == WHOLE_TOPK && out % outer == 0 && out / outer >= 1 && out / outer <= inner;
    NEED(shorter || out == domain->lanes, "node", node, "its output has other lanes");
    return MMSB_OK;
}
