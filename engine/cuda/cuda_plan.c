/* SPDX-License-Identifier: Apache-2.0
 * cuda_plan: chooses the nodes whose programs run on a GPU, and where their pages lie in its
 * memory. A page without a name is resident: it stays there until the CPU needs it. */
#include "cuda_plan.h"

#include "../../kernels/cuda_text.h"
#include "../../kernels/kernels.h"
#include "../../kernels/whole_sizes.h"
#include "../core/layout.h"

bool cuda_is_built(void) { return kernel_cuda_text[0] != 0; }

const char *cuda_role_name(u8 role) {
    static const char *const names[] = {"none", "map", "leaves", "keyed", "dot", "product", "scan"};
    ASSERT(role < sizeof names / sizeof *names);
    return names[role];
}

u64 cuda_leaves_each(const image *i, u32 node) {
    const image_node *n = &i->nodes[node];
    ASSERT(node < i->node_count);
    if (n->kind == NODE_KEYED)
        return layout_keyed_slots(layout_outer_lanes(i, node), layout_keyed_groups(i, node)) /
               LEAF_LANES;
    u64 inner = i->shapes[n->shape].lanes / layout_outer_lanes(i, node);
    if (n->kind == NODE_WHOLE && whole_is_scan(n->reduce)) return layout_scan_blocks(inner);
    return (inner + LEAF_LANES - 1) / LEAF_LANES;
}

u32 cuda_leaf_bytes(const image_node *n) {
    ASSERT(n->kind != NODE_MAP);
    bool arg = n->kind != NODE_WHOLE && n->reduce >= REDUCE_ARGMIN;
    return arg ? CUDA_ARG_BYTES : type_bytes(n->type);
}

/* What has a name may be looked at between epochs, through a pointer that was taken long before;
 * lists of offsets and scalars are read by the host's bookkeeping. */
static bool page_is_resident(const image *i, u32 page) {
    const image_page *p = &i->pages[page];
    ASSERT(page > 0 && page < i->page_count);
    return p->kind == PAGE_DERIVED && p->prev == 0 && i->shapes[p->shape].lanes > 1 &&
           (p->flags & PAGE_HIDDEN) != 0 &&
           (p->flags & (PAGE_EXPORTED | PAGE_STATE | PAGE_EVENT | PAGE_OFFSETS | PAGE_ROOTED)) == 0;
}

static bool stores_offsets(const image *i, const image_node *n) {
    const image_instruction *r = &i->instructions[n->program_at + n->uniform_count];
    for (u32 k = 0; k < n->tile_count; k++)
        if (r[k].op == IN_STORE && (i->pages[r[k].imm].flags & PAGE_OFFSETS) != 0) return true;
    return false;
}

static cuda_role whole_role(const image *i, const image_node *n) {
    const image_shape *s = &i->shapes[n->shape];
    ASSERT(n->kind == NODE_WHOLE && s->axis_count > 0);
    u64 row = s->dims[s->axis_count - 1];
    if (n->reduce == WHOLE_DOT) return CUDA_DOT;
    if (whole_is_scan(n->reduce)) return row >= CUDA_SCAN_LEAST ? CUDA_SCAN : CUDA_ON_CPU;
    bool fits = row <= CUDA_PRODUCT_K_MOST && i->shapes[i->pages[n->output].shape].lanes > 1;
    return n->reduce == WHOLE_MATMUL && fits ? CUDA_PRODUCT : CUDA_ON_CPU;
}

static cuda_role role_of(const image *i, u32 node) {
    const image_node *n = &i->nodes[node];
    u64 lanes = i->shapes[n->shape].lanes;
    ASSERT(n->kind < NODE_KIND_COUNT);
    if ((n->flags & (NODE_IN_EPOCH0 | NODE_IN_LATER)) == 0 || lanes == 1) return CUDA_ON_CPU;
    if (n->tile_count > CUDA_ROWS_MOST) return CUDA_ON_CPU;
    if (n->kind == NODE_MAP) return stores_offsets(i, n) ? CUDA_ON_CPU : CUDA_MAP;
    if (n->kind == NODE_KEYED) return CUDA_KEYED;
    if (n->kind == NODE_WHOLE) return whole_role(i, n);
    if (n->kind != NODE_REDUCE) return CUDA_ON_CPU;
    /* Without stored partials only rows of one leaf have a place for them. */
    bool stored = (n->flags & NODE_PARTIALS) != 0;
    return stored || cuda_leaves_each(i, node) == 1 ? CUDA_LEAVES : CUDA_ON_CPU;
}

/* Rows of text that a node is counted as: its program's, and what is written out of a product. */
static u64 node_rows(const image *i, u32 node, cuda_role role) {
    const image_node *n = &i->nodes[node];
    const image_shape *s = &i->shapes[n->shape];
    ASSERT(role != CUDA_ON_CPU);
    if (role != CUDA_PRODUCT) return n->tile_count;
    return 8 * ((s->dims[s->axis_count - 1] + SCAN_BLOCK - 1) / SCAN_BLOCK);
}

static void page_use(cuda_plan *p, u32 page) {
    ASSERT(page != 0);
    p->pages[page].at = 0;
}

/* The pages that a node on the GPU loads and stores there. */
static void pages_use(const image *i, cuda_plan *p, const image_node *n) {
    u32 stores = 0;
    for (u32 k = 0; k < n->tile_count; k++) {
        const image_instruction *r = &i->instructions[n->program_at + n->uniform_count + k];
        switch (r->op) {
        case IN_STORE: stores++; /* fall through */
        case IN_LANE:
        case IN_GATHER: page_use(p, r->imm); break;
        case IN_AFFINE: page_use(p, i->affines[r->imm].page); break;
        default: break;
        }
    }
    ASSERT(n->kind == NODE_MAP || stores == 0);
    if (n->element != 0) page_use(p, n->element);
    if (n->present != 0) page_use(p, n->present);
    if (n->kind == NODE_WHOLE && n->reduce != WHOLE_DOT) page_use(p, n->output), stores = 1;
    p->stores_most = stores > p->stores_most ? stores : p->stores_most;
}

static void pages_place(const image *i, cuda_plan *p, bool resident) {
    for (u32 k = 1; k < i->page_count; k++) {
        cuda_page *x = &p->pages[k];
        if (x->at == CUDA_NOWHERE || x->resident != resident) continue;
        x->at = p->bytes;
        u64 lanes = i->shapes[i->pages[k].shape].lanes;
        p->bytes += ALIGN_UP(lanes * type_bytes(i->pages[k].type), CUDA_BLOCK_BYTES);
    }
    ASSERT(p->bytes % CUDA_BLOCK_BYTES == 0);
}

static void orders_place(const image *i, cuda_plan *p) {
    for (u32 k = 0; k < i->node_count; k++) {
        if (p->roles[k] != CUDA_KEYED) continue;
        p->orders[k] = p->bytes;
        p->bytes += ALIGN_UP(cuda_leaves_each(i, k) * LEAF_LANES * sizeof(u32), CUDA_BLOCK_BYTES);
    }
    ASSERT(p->bytes % CUDA_BLOCK_BYTES == 0);
}

/* One place for the folds of any scan: nodes run one after the other. */
static void folds_place(const image *i, cuda_plan *p) {
    u64 most = 0;
    for (u32 k = 0; k < i->node_count; k++) {
        const image_node *n = &i->nodes[k];
        if (p->roles[k] == CUDA_SCAN)
            most = u64_max(most, i->shapes[n->shape].lanes * type_bytes(n->type));
    }
    ASSERT(p->bytes % CUDA_BLOCK_BYTES == 0);
    p->folds_at = p->bytes;
    p->bytes += ALIGN_UP(most, CUDA_BLOCK_BYTES);
}

mmsb_status cuda_plan_make(const image *i, arena *a, cuda_plan *out, message *m) {
    *out = (cuda_plan){.pages = ARENA_ARRAY(a, cuda_page, i->page_count + 1u),
                       .roles = ARENA_ARRAY(a, u8, i->node_count + 1u),
                       .orders = ARENA_ARRAY(a, u64, i->node_count + 1u)};
    if (out->pages == NULL || out->roles == NULL || out->orders == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the GPU's plan");
    for (u32 k = 0; k < i->page_count; k++)
        out->pages[k] = (cuda_page){CUDA_NOWHERE, k != 0 && page_is_resident(i, k)};
    u64 rows = 0;
    for (u32 k = 0; k < i->node_count; k++) {
        const image_node *n = &i->nodes[k];
        cuda_role role = role_of(i, k);
        if (role == CUDA_ON_CPU || rows + node_rows(i, k, role) > CUDA_TEXT_ROWS_MOST) continue;
        out->roles[k] = (u8)role;
        out->node_count++, rows += node_rows(i, k, role);
        pages_use(i, out, n);
    }
    pages_place(i, out, true);
    out->resident_most = out->bytes;
    pages_place(i, out, false);
    orders_place(i, out);
    folds_place(i, out);
    return MMSB_OK;
}
