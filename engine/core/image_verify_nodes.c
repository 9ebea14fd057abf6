/* SPDX-License-Identifier: Apache-2.0
 * image_verify_nodes: kinds, shapes and footprints of nodes, and the order of the command lists.
 * Needs verified tables. */
#include "image_verify.h"

static u64 page_lanes(const image *i, u32 page) {
    ASSERT(page < i->page_count);
    return i->shapes[i->pages[page].shape].lanes;
}

static mmsb_status verify_read(verify *v, u32 node, u32 row) {
    ASSERT(node < v->i->node_count);
    ASSERT(row < v->i->read_count);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    const image_read *r = &i->reads[row];
    u64 lanes = i->shapes[n->shape].lanes;
    NEED(r->node == node && r->page > 0 && r->page < i->page_count && r->kind < READ_KIND_COUNT,
         "read", row, "it is no read of its node");
    bool has_arg = r->kind == READ_AFFINE || r->kind == READ_GATHER;
    NEED(has_arg || r->arg == 0, "read", row, "it has an argument without need");
    switch ((read_kind)r->kind) {
    case READ_LANE:
        NEED(page_lanes(i, r->page) == lanes, "read", row, "its page has not the domain's lanes");
        v->lane_reader[r->page] = node + 1;
        break;
    case READ_ALL: v->all_reader[r->page] = node + 1; break;
    case READ_AFFINE:
        TRY(verify_affine(v, r->arg, &i->shapes[n->shape]));
        NEED(i->affines[r->arg].page == r->page, "read", row, "its affine row is another page's");
        v->affine_reader[r->arg] = node + 1;
        break;
    case READ_GATHER:
        NEED(r->arg < i->page_count && (i->pages[r->arg].flags & PAGE_OFFSETS) != 0, "read", row,
             "it gathers through no page of offsets");
        NEED(page_lanes(i, r->arg) == lanes &&
                 page_lanes(i, i->pages[r->arg].of) == page_lanes(i, r->page),
             "read", row, "its offsets are made for another shape");
        break;
    case READ_ELEMENT:
        NEED(r->page == n->element || r->page == n->present, "read", row,
             "it is not the node's element");
        break;
    case READ_GROUP: NEED(r->page == n->group, "read", row, "it is not the node's group"); break;
    case READ_KIND_COUNT: ASSERT(false);
    }
    return MMSB_OK;
}

static bool node_reads(const image *i, const image_node *n, u32 page, u32 kind) {
    ASSERT((u64)n->read_at + n->read_count <= i->read_count);
    for (u32 r = 0; r < n->read_count; r++) {
        const image_read *read = &i->reads[n->read_at + r];
        if (read->page == page && read->kind == kind) return true;
    }
    return false;
}

/* Sums and products are of the widest types; the rest is of any. */
static bool reduce_takes(u8 reduce, u8 type) {
    ASSERT(type < TYPE_COUNT);
    if (reduce != REDUCE_SUM && reduce != REDUCE_PROD) return true;
    return type == TYPE_I64 || type == TYPE_U64 || type_is_float(type);
}

static bool node_is_arg(const image_node *n) {
    return n->reduce == REDUCE_ARGMIN || n->reduce == REDUCE_ARGMAX;
}

mmsb_status verify_output_of(verify *v, u32 node, u8 type) {
    ASSERT(type < TYPE_COUNT);
    ASSERT(v->i->nodes[node].kind != NODE_MAP);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    NEED(n->output > 0 && n->output < i->page_count, "node", node, "it has no output");
    const image_page *p = &i->pages[n->output];
    NEED(p->kind == PAGE_DERIVED && (p->flags & PAGE_OFFSETS) == 0, "node", node,
         "its output is a page that is given");
    NEED(p->type == type, "node", node, "its output has another type");
    for (u32 mode = 0; mode < MODE_COUNT; mode++) {
        if ((n->flags & (1u << mode)) == 0) continue;
        NEED(v->writer[mode][n->output] == 0, "node", node, "its output is written twice");
        v->writer[mode][n->output] = node + 1;
    }
    v->origins[n->output].kind = ORIGIN_OTHER;
    return MMSB_OK;
}

static mmsb_status verify_output(verify *v, u32 node) {
    ASSERT(v->i->nodes[node].kind != NODE_WHOLE);
    const image_node *n = &v->i->nodes[node];
    return verify_output_of(v, node, node_is_arg(n) ? TYPE_I64 : n->type);
}

static mmsb_status verify_element(verify *v, u32 node) {
    ASSERT(v->i->nodes[node].shape < v->i->shape_count);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    u64 lanes = i->shapes[n->shape].lanes;
    NEED(n->element < i->page_count && n->present < i->page_count, "node", node,
         "its element is not there");
    if (n->element != 0) {
        NEED(i->pages[n->element].type == n->type && page_lanes(i, n->element) == lanes &&
                 node_reads(i, n, n->element, READ_ELEMENT),
             "node", node, "its element does not fit its domain");
    }
    if (n->present != 0) {
        NEED(node_is_arg(n) && n->element != 0 && i->pages[n->present].type == TYPE_BOOL &&
                 page_lanes(i, n->present) == lanes && node_reads(i, n, n->present, READ_ELEMENT),
             "node", node, "its presence does not fit its domain");
    }
    return MMSB_OK;
}

static mmsb_status verify_reduce(verify *v, u32 node) {
    ASSERT(v->i->nodes[node].kind == NODE_REDUCE);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    const image_shape *domain = &i->shapes[n->shape];
    NEED(n->outer_axes <= domain->axis_count && n->group == 0, "node", node,
         "it keeps axes that it has not");
    u64 outer = 1;
    for (u32 axis = 0; axis < n->outer_axes; axis++) outer *= domain->dims[axis];
    ASSERT(domain->lanes % outer == 0);
    TRY(verify_output(v, node));
    NEED(page_lanes(i, n->output) == outer, "node", node, "its output has other lanes");
    NEED((n->flags & NODE_PARTIALS) == 0 || domain->lanes / outer > LEAF_LANES, "node", node,
         "it keeps partials of a single leaf");
    return verify_element(v, node);
}

/* The domain is the element's shape, its leading axes the group's; the output is [G, the rest]. */
static mmsb_status verify_keyed(verify *v, u32 node) {
    ASSERT(v->i->nodes[node].kind == NODE_KEYED);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    const image_shape *domain = &i->shapes[n->shape];
    TRY(verify_output(v, node));
    TRY(verify_element(v, node));
    NEED(n->element != 0 && n->group > 0 && n->group < i->page_count, "node", node,
         "it has no element or no group");
    const image_page *group = &i->pages[n->group];
    const image_shape *keys = &i->shapes[group->shape];
    const image_shape *output = &i->shapes[i->pages[n->output].shape];
    u32 axes = n->outer_axes, rest = domain->axis_count - axes;
    NEED(axes >= 1 && axes <= domain->axis_count && keys->axis_count == axes &&
             output->axis_count == rest + 1,
         "node", node, "its key has other axes");
    NEED(memcmp(keys->dims, domain->dims, axes * sizeof(u64)) == 0 &&
             memcmp(output->dims + 1, domain->dims + axes, rest * sizeof(u64)) == 0,
         "node", node, "its key or its output has another shape");
    NEED(group->kind == PAGE_DERIVED && group->type == TYPE_I32 && group->prev == 0 &&
             keys->lanes < UINT32_MAX && node_reads(i, n, n->group, READ_GROUP),
         "node", node, "its group page is none");
    return MMSB_OK;
}

static mmsb_status verify_node_fields(verify *v, u32 node) {
    ASSERT(node < v->i->node_count);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    u8 modes = NODE_IN_FIRST | NODE_IN_EPOCH0 | NODE_IN_LATER;
    NEED(n->kind < NODE_KIND_COUNT && (n->kind == NODE_WHOLE || n->reduce < REDUCE_COUNT) &&
             n->zero == 0 && (n->flags & ~(modes | NODE_PARTIALS)) == 0 && (n->flags & modes) != 0,
         "node", node, "it has unknown fields");
    NEED(n->shape < i->shape_count && n->position < i->position_count, "node", node,
         "it refers to a row that is not there");
    if (n->kind == NODE_WHOLE || n->kind == NODE_KERNEL) return MMSB_OK;
    NEED(n->kind == NODE_MAP || (n->type < TYPE_COUNT && reduce_takes(n->reduce, n->type)), "node",
         node, "its reduction does not take its type");
    bool others =
        n->outer_axes == 0 && n->element == 0 && n->present == 0 && n->group == 0 && n->output == 0;
    NEED(n->kind != NODE_MAP || (others && (n->flags & NODE_PARTIALS) == 0), "node", node,
         "it has fields of a reduction");
    return MMSB_OK;
}

/* A user's kernel: it reads all of its arguments, and its domain is its output's shape. */
static mmsb_status verify_kernel_node(verify *v, u32 node) {
    ASSERT(v->i->nodes[node].kind == NODE_KERNEL);
    const image *i = v->i;
    const image_node *n = &i->nodes[node];
    NEED(n->group < i->kernel_count && n->type < TYPE_COUNT && n->reduce == 0 &&
             (n->element | n->present | n->outer_axes) == 0 && (n->flags & NODE_PARTIALS) == 0,
         "node", node, "it is no call of a kernel");
    TRY(verify_output_of(v, node, n->type));
    NEED(verify_shapes_equal(&i->shapes[n->shape], &i->shapes[i->pages[n->output].shape]), "node",
         node, "its domain is not its output's shape");
    const image_kernel *k = &i->kernels[n->group];
    for (u32 a = 0; a < k->page_count; a++) {
        u32 page = i->kernel_pages[k->page_at + a];
        NEED(page != n->output && node_reads(i, n, page, READ_ALL), "node", node,
             "it does not read an argument of its kernel");
    }
    v->faults_later = v->faults_later || (n->flags & NODE_IN_LATER) != 0;
    return MMSB_OK;
}

mmsb_status verify_node(verify *v, u32 node) {
    ASSERT(node < v->i->node_count);
    const image_node *n = &v->i->nodes[node];
    TRY(verify_node_fields(v, node));
    for (u32 r = 0; r < n->read_count; r++) TRY(verify_read(v, node, n->read_at + r));
    if (n->kind == NODE_REDUCE) TRY(verify_reduce(v, node));
    if (n->kind == NODE_KEYED) TRY(verify_keyed(v, node));
    if (n->kind == NODE_WHOLE) TRY(verify_whole(v, node));
    if (n->kind == NODE_KERNEL) TRY(verify_kernel_node(v, node));
    bool program = n->kind == NODE_MAP || (n->kind == NODE_REDUCE && n->element == 0);
    if (program) return verify_program(v, node);
    NEED((n->uniform_count | n->tile_count) == 0, "node", node, "it has a program without need");
    return MMSB_OK;
}
