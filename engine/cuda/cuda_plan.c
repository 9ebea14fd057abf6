/* SPDX-License-Identifier: Apache-2.0
 * cuda_plan: chooses the nodes whose programs run on a GPU, and where their pages lie in its
 * memory. A page without a name is resident: it stays there until the CPU needs it. */
#include "cuda_plan.h"

#include "../../kernels/cuda_text.h"
#include "../../kernels/kernels.h"
#include "../core/layout.h"

bool cuda_is_built(void) { return kernel_cuda_text[0] != 0; }

u64 cuda_leaves_each(const image *i, u32 node) {
    ASSERT(node < i->node_count && i->nodes[node].kind == NODE_REDUCE);
    u64 inner = i->shapes[i->nodes[node].shape].lanes / layout_outer_lanes(i, node);
    return (inner + LEAF_LANES - 1) / LEAF_LANES;
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

static cuda_role role_of(const image *i, u32 node) {
    const image_node *n = &i->nodes[node];
    u64 lanes = i->shapes[n->shape].lanes;
    ASSERT(n->kind < NODE_KIND_COUNT);
    if ((n->flags & (NODE_IN_EPOCH0 | NODE_IN_LATER)) == 0 || lanes == 1) return CUDA_ON_CPU;
    if (n->tile_count > CUDA_ROWS_MOST) return CUDA_ON_CPU;
    if (n->kind == NODE_MAP) return stores_offsets(i, n) ? CUDA_ON_CPU : CUDA_MAP;
    if (n->kind != NODE_REDUCE || n->reduce >= REDUCE_ARGMIN) return CUDA_ON_CPU;
    /* Without stored partials only rows of one leaf have a place for them. */
    bool stored = (n->flags & NODE_PARTIALS) != 0;
    return stored || cuda_leaves_each(i, node) == 1 ? CUDA_LEAVES : CUDA_ON_CPU;
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
    if (n->kind == NODE_REDUCE && n->element != 0) page_use(p, n->element);
    ASSERT(n->kind != NODE_REDUCE || stores == 0);
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

mmsb_status cuda_plan_make(const image *i, arena *a, cuda_plan *out, message *m) {
    *out = (cuda_plan){.pages = ARENA_ARRAY(a, cuda_page, i->page_count + 1u),
                       .roles = ARENA_ARRAY(a, u8, i->node_count + 1u)};
    if (out->pages == NULL || out->roles == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the GPU's plan");
    for (u32 k = 0; k < i->page_count; k++)
        out->pages[k] = (cuda_page){CUDA_NOWHERE, k != 0 && page_is_resident(i, k)};
    u64 rows = 0;
    for (u32 k = 0; k < i->node_count; k++) {
        const image_node *n = &i->nodes[k];
        cuda_role role = role_of(i, k);
        if (role == CUDA_ON_CPU || rows + n->tile_count > CUDA_TEXT_ROWS_MOST) continue;
        out->roles[k] = (u8)role;
        out->node_count++, rows += n->tile_count;
        pages_use(i, out, n);
    }
    pages_place(i, out, true);
    out->resident_most = out->bytes;
    pages_place(i, out, false);
    return MMSB_OK;
}
