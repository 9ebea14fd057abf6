/* SPDX-License-Identifier: Apache-2.0
 * cuda_open: from an image to a GPU that is ready: driver, memory by the plan's figure, the text
 * assembled by the driver. Everything is taken here. */
#include <stdlib.h>

#include "../core/layout.h"
#include "cuda_private.h"

enum { JIT_ERROR_LOG = 5, JIT_ERROR_LOG_BYTES = 6, LOG_BYTES = 1024 };

/* Steps times lanes; a reduction's join is one step. */
static u64 node_work(const image *i, u32 node) {
    const image_node *n = &i->nodes[node];
    u64 lanes = i->shapes[n->shape].lanes, all;
    ASSERT(lanes <= LANES_MAX);
    u64 columns = n->kind == NODE_WHOLE
                      ? i->shapes[i->pages[n->output].shape].lanes / layout_outer_lanes(i, node)
                      : 1;
    return __builtin_mul_overflow(lanes, columns * (n->tile_count + 1u), &all) ? UINT64_MAX : all;
}

mmsb_status cuda_work(const image *i, u64 *work, message *m) {
    cuda_plan p;
    arena *a = arena_open(0);
    *work = 0;
    if (a == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the GPU's plan");
    mmsb_status s = cuda_plan_make(i, a, &p, m);
    for (u32 k = 0; s == MMSB_OK && k < i->node_count; k++)
        if (p.roles[k] != CUDA_ON_CPU && __builtin_add_overflow(*work, node_work(i, k), work))
            *work = UINT64_MAX;
    ASSERT(s == MMSB_OK || *work == 0);
    arena_close(a);
    return s;
}

/* What goes with a node's largest launch: cells, list, fault, changed lanes or leaves. */
static u64 node_staging(const engine *e, const cuda_plan *p, u32 node) {
    const node_state *n = &e->nodes[node];
    u64 cells = (u64)n->row->uniform_slots * LAYOUT_CELL_BYTES, units = 0, each = 0;
    u64 leaves = cuda_leaves_each(e->image, node) * n->outer;
    ASSERT(node < e->image->node_count);
    switch (p->roles[node]) {
    case CUDA_ON_CPU: break;
    case CUDA_SCAN: /* two launches: blocks with their totals; tiles, with what is before blocks */
        cells = leaves * (sizeof(u64) + type_bytes(n->row->type)); /* fall through */
    case CUDA_MAP:
    case CUDA_PRODUCT:
        units = p->roles[node] == CUDA_PRODUCT ? e->pages[n->row->output].lanes : n->shape->lanes;
        units = (units + TILE_LANES - 1) / TILE_LANES;
        each = sizeof(u32) + (u64)p->stores_most * CUDA_CHANGED_BYTES;
        break;
    case CUDA_KEYED:
        units = cuda_leaves_each(e->image, node) * n->rest;
        each = sizeof(u64) + CUDA_ARG_BYTES + LEAF_LANES * sizeof(u32) / ORDER_PART;
        break;
    default: units = leaves, each = sizeof(u64) + CUDA_ARG_BYTES;
    }
    return cells + FAULT_BYTES + 256 + units * each;
}

static u64 staging_bytes(const engine *e, const cuda_plan *p) {
    u64 most = 4096;
    for (u32 k = 0; k < e->image->node_count; k++) most = u64_max(most, node_staging(e, p, k));
    ASSERT(most < (u64)1 << 46);
    return ALIGN_UP(most, 4096);
}

static mmsb_status memory_open(engine *e, message *m) {
    struct cuda *c = e->cuda;
    size_t room = 0, total = 0;
    u64 pages = u64_max(c->plan.bytes, CUDA_BLOCK_BYTES); /* a sum of coordinates has none */
    u64 batch = BATCH_BLOCKS * (sizeof(u64) + (u64)CUDA_BLOCK_BYTES);
    u64 shadow = e->layout.undo_at != 0 ? c->plan.resident_most : 0;
    c->staging_bytes = staging_bytes(e, &c->plan);
    u64 need = pages + shadow + c->staging_bytes + batch;
    TRY(CUDA(c, memory_info, "cuMemGetInfo", &room, &total));
    if (need > room)
        return message_set(m, MMSB_OUT_OF_SPACE,
                           "the graph needs %llu bytes of the GPU's memory, and %llu are free",
                           (unsigned long long)need, (unsigned long long)room);
    ASSERT(pages % CUDA_BLOCK_BYTES == 0);
    TRY(CUDA(c, memory_take, "memory for pages", &c->pages_at, pages));
    if (shadow != 0) TRY(CUDA(c, memory_take, "memory for undo", &c->shadow_at, shadow));
    TRY(CUDA(c, memory_take, "memory for lists", &c->staging_at, c->staging_bytes));
    TRY(CUDA(c, memory_take, "memory for blocks", &c->batch_at, batch));
    void *host = NULL;
    TRY(CUDA(c, pinned_take, "pinned memory for lists", &host, c->staging_bytes, 0));
    c->staging = host, host = NULL;
    TRY(CUDA(c, pinned_take, "pinned memory for blocks", &host, batch, 0));
    c->batch.places = host;
    c->batch.packed = (u8 *)host + BATCH_BLOCKS * sizeof(u64);
    return MMSB_OK;
}

/* The driver assembles the text; what it says of a fault is in the words. */
static mmsb_status module_open(engine *e, message *m) {
    struct cuda *c = e->cuda;
    char *text = NULL, log[LOG_BYTES] = "";
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    bool whole = to != NULL && cuda_print(e->image, &c->plan, to);
    if (to != NULL && fclose(to) != 0) whole = false;
    if (!whole) {
        free(text);
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the GPU's kernels");
    }
    int options[] = {JIT_ERROR_LOG, JIT_ERROR_LOG_BYTES};
    void *values[] = {log, (void *)(uintptr_t)sizeof log};
    int code = c->d.module_load(&c->module, text, 2, options, values);
    free(text);
    log[LOG_BYTES - 1] = 0;
    mmsb_status s = cuda_call(c, code, "cuModuleLoadDataEx", m);
    if (s != MMSB_OK && log[0] != 0) message_add(m, ": %.300s", log);
    return s;
}

static mmsb_status functions_find(engine *e, message *m) {
    struct cuda *c = e->cuda;
    c->functions = ARENA_ARRAY(e->tables, void *, e->image->node_count + 1u);
    c->folds = ARENA_ARRAY(e->tables, void *, e->image->node_count + 1u);
    if (c->functions == NULL || c->folds == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a GPU");
    for (u32 k = 0; k < e->image->node_count; k++) {
        char name[32];
        if (c->plan.roles[k] == CUDA_ON_CPU) continue;
        snprintf(name, sizeof name, "%s_%u", cuda_role_name(c->plan.roles[k]), k);
        TRY(CUDA(c, module_function, "cuModuleGetFunction", &c->functions[k], c->module, name));
        if (c->plan.roles[k] != CUDA_SCAN) continue;
        snprintf(name, sizeof name, "blocks_%u", k);
        TRY(CUDA(c, module_function, "cuModuleGetFunction", &c->folds[k], c->module, name));
    }
    TRY(CUDA(c, module_function, "cuModuleGetFunction", &c->blocks_in, c->module,
             "mmsb_blocks_in"));
    ASSERT(c->blocks_in != NULL);
    return CUDA(c, module_function, "cuModuleGetFunction", &c->blocks_out, c->module,
                "mmsb_blocks_out");
}

mmsb_status cuda_open(engine *e, bool automatic, message *m) {
    ASSERT(e->phase == PHASE_NEW && e->cuda == NULL);
    if (!cuda_is_built())
        return message_set(m, MMSB_ABSENT,
                           "this build has no CUDA executor: it was made without nvcc");
    struct cuda *c = arena_take(e->tables, sizeof *c, _Alignof(struct cuda));
    if (c == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a GPU");
    c->automatic = automatic;
    TRY(cuda_plan_make(e->image, e->tables, &c->plan, m));
    TRY(cuda_driver_open(&c->d, m));
    e->cuda = c;
    mmsb_status s = copies_open(e, m);
    if (s == MMSB_OK && c->plan.node_count != 0) s = memory_open(e, m);
    if (s == MMSB_OK && c->plan.node_count != 0) s = module_open(e, m);
    if (s == MMSB_OK && c->plan.node_count != 0) s = functions_find(e, m);
    if (s == MMSB_OK && automatic && c->plan.node_count != 0) s = cuda_measure(e, m);
    if (s != MMSB_OK) cuda_close(e);
    for (u32 k = 0; s == MMSB_OK && k < e->image->node_count; k++)
        if (c->plan.roles[k] == CUDA_KEYED) e->nodes[k].packed = NULL;
    return s;
}

void cuda_close(engine *e) {
    struct cuda *c = e->cuda;
    if (c == NULL) return;
    ASSERT(c->d.library != NULL);
    c->d.context_set(c->d.context);
    if (c->d.stream != NULL) c->d.stream_wait(c->d.stream);
    if (c->module != NULL) c->d.module_unload(c->module);
    const u64 taken[] = {c->pages_at, c->shadow_at, c->staging_at, c->batch_at};
    for (u32 k = 0; k < ARRAY_COUNT(taken); k++)
        if (taken[k] != 0) c->d.memory_free(taken[k]);
    if (c->staging != NULL) c->d.pinned_free(c->staging);
    if (c->batch.places != NULL) c->d.pinned_free(c->batch.places);
    cuda_driver_close(&c->d);
    e->cuda = NULL;
}

bool cuda_is_open(const engine *e) { return e->cuda != NULL; }
