/* SPDX-License-Identifier: Apache-2.0
 * cuda_memory: which side has which block, and moving them. Few blocks that lie apart are packed
 * and move in one copy; many neighbours have a copy of their own. */
#include "cuda_private.h"

static u64 page_bytes(const engine *e, u32 page) {
    return e->pages[page].lanes * e->pages[page].width;
}
static u64 block_of(const page_state *p, u64 tile) {
    return tile * TILE_LANES * p->width / CUDA_BLOCK_BYTES;
}
static u64 words_of(u64 blocks) { return (blocks + 63) / 64; }

static void fill(u64 *bits, u64 blocks) {
    for (u64 k = 0; k < blocks / 64; k++) bits[k] = UINT64_MAX;
    if (blocks % 64 != 0) bits[blocks / 64] = ((u64)1 << blocks % 64) - 1;
    ASSERT(blocks > 0);
}

mmsb_status copies_open(engine *e, message *m) {
    struct cuda *c = e->cuda;
    c->copies = ARENA_ARRAY(e->tables, page_copy, e->image->page_count + 1u);
    bool taken = c->copies != NULL;
    for (u32 k = 1; taken && k < e->image->page_count; k++) {
        page_copy *p = &c->copies[k];
        if (c->plan.pages[k].at == CUDA_NOWHERE) continue;
        p->blocks = (page_bytes(e, k) + CUDA_BLOCK_BYTES - 1) / CUDA_BLOCK_BYTES;
        u64 words = words_of(p->blocks);
        p->host_stale = ARENA_ARRAY(e->tables, u64, 4 * words);
        taken = p->host_stale != NULL;
        if (!taken) break;
        p->device_stale = p->host_stale + words, p->wrote = p->device_stale + words;
        p->sent = p->wrote + words;
        fill(p->device_stale, p->blocks);
        p->any_device = true;
    }
    block_batch *b = &c->batch;
    c->order_sent = ARENA_ARRAY(e->tables, bool, e->image->node_count + 1u);
    taken = taken && c->order_sent != NULL;
    b->targets = ARENA_ARRAY(e->tables, u8 *, BATCH_BLOCKS);
    b->bytes = ARENA_ARRAY(e->tables, u32, BATCH_BLOCKS);
    if (taken && b->targets != NULL && b->bytes != NULL) return MMSB_OK;
    return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the GPU's tables");
}

u32 node_page(const engine *e, const node_state *n, u32 row, bool *stored) {
    u32 rows = n->row->tile_count;
    ASSERT(row < rows + PAGES_MORE);
    *stored = row == rows + 2 && n->row->kind == NODE_WHOLE && cuda_maps(role_of_node(e, n));
    if (row == rows) return n->row->element;
    if (row == rows + 1) return n->row->present;
    if (row == rows + 2) return *stored ? n->row->output : 0;
    const image_instruction *r = n->tile[row].row;
    switch (r->op) {
    case IN_STORE: *stored = true; return r->imm;
    case IN_LANE:
    case IN_GATHER: return r->imm;
    case IN_AFFINE: return e->image->affines[r->imm].page;
    default: return 0;
    }
}

/* Lanes that the host changed in this epoch and that have not gone over: their blocks are stale. A
 * page has one writer an epoch, so what a kernel wrote is not among them. */
static void dirty_note(engine *e, u32 page) {
    page_copy *c = &e->cuda->copies[page];
    const page_state *p = &e->pages[page];
    const lane_set *d = &p->dirty;
    if (d->whole) {
        for (u64 k = 0; k < c->blocks; k++)
            if (!bit_get(c->wrote, k) && !bit_get(c->sent, k)) bit_set(c->device_stale, k);
        c->any_device = true;
        return;
    }
    for (u64 tile = set_next_tile(d, 0); tile != SET_NONE; tile = set_next_tile(d, tile + 1)) {
        u64 k = block_of(p, tile);
        ASSERT(k < c->blocks);
        if (bit_get(c->wrote, k) || bit_get(c->sent, k)) continue;
        bit_set(c->device_stale, k);
        c->any_device = true;
    }
}

/* The first run of set bits at or after `from`; *count 0: none. */
static u64 run_next(const u64 *bits, u64 blocks, u64 from, u64 *count) {
    *count = 0;
    while (from < blocks && !bit_get(bits, from))
        from = bits[from / 64] >> (from & 63) == 0 ? (from | 63) + 1 : from + 1;
    while (from + *count < blocks && bit_get(bits, from + *count)) ++*count;
    return from;
}

static u64 run_bytes(const engine *e, u32 page, u64 block, u64 count) {
    u64 at = block * CUDA_BLOCK_BYTES;
    ASSERT(at < page_bytes(e, page));
    return u64_min(count * CUDA_BLOCK_BYTES, page_bytes(e, page) - at);
}

mmsb_status batch_send(engine *e, message *m) {
    struct cuda *c = e->cuda;
    block_batch *b = &c->batch;
    u64 head = BATCH_BLOCKS * sizeof(u64), bytes = head + (u64)b->count * CUDA_BLOCK_BYTES;
    ASSERT(b->count <= BATCH_BLOCKS);
    if (b->count == 0) return MMSB_OK;
    u64 parameters[3] = {c->pages_at, c->batch_at, c->batch_at + head};
    TRY(CUDA(c, copy_in, "blocks to the GPU", c->batch_at, b->places, bytes, c->d.stream));
    e->stats.cuda_bytes_in += bytes;
    u32 count = b->count;
    b->count = 0, b->busy = true;
    return cuda_launch(e, c->blocks_in, count, 256, parameters, 3, m);
}

static mmsb_status batch_add(engine *e, u32 page, u64 block, message *m) {
    block_batch *b = &e->cuda->batch;
    if (b->busy) TRY(cuda_wait(e, m));
    ASSERT(b->count < BATCH_BLOCKS);
    b->places[b->count] = e->cuda->plan.pages[page].at + block * CUDA_BLOCK_BYTES;
    memcpy(b->packed + (u64)b->count * CUDA_BLOCK_BYTES,
           e->pages[page].value + block * CUDA_BLOCK_BYTES, run_bytes(e, page, block, 1));
    b->count++;
    return b->count == BATCH_BLOCKS ? batch_send(e, m) : MMSB_OK;
}

mmsb_status page_send(engine *e, u32 page, message *m) {
    struct cuda *c = e->cuda;
    page_copy *p = &c->copies[page];
    u64 count;
    ASSERT(p->blocks != 0);
    dirty_note(e, page);
    if (!p->any_device) return MMSB_OK;
    for (u64 at = run_next(p->device_stale, p->blocks, 0, &count); count != 0;
         at = run_next(p->device_stale, p->blocks, at + count, &count)) {
        if (count >= DIRECT_BLOCKS) {
            u64 bytes = run_bytes(e, page, at, count), offset = at * CUDA_BLOCK_BYTES;
            TRY(CUDA(c, copy_in, "a page to the GPU", c->pages_at + c->plan.pages[page].at + offset,
                     e->pages[page].value + offset, bytes, c->d.stream));
            e->stats.cuda_bytes_in += bytes;
        }
        for (u64 k = at; k < at + count; k++) {
            ASSERT(!bit_get(p->host_stale, k));
            bit_set(p->sent, k);
            if (count < DIRECT_BLOCKS) TRY(batch_add(e, page, k, m));
        }
    }
    memset(p->device_stale, 0, words_of(p->blocks) * sizeof(u64));
    p->any_device = false, p->any_epoch = true;
    return MMSB_OK;
}

/* The batch as it came back, to where its blocks lie. */
static mmsb_status batch_receive(engine *e, message *m) {
    struct cuda *c = e->cuda;
    block_batch *b = &c->batch;
    u64 head = BATCH_BLOCKS * sizeof(u64), bytes = (u64)b->count * CUDA_BLOCK_BYTES;
    u64 parameters[3] = {c->pages_at, c->batch_at, c->batch_at + head};
    u32 count = b->count;
    b->count = 0;
    ASSERT(count <= BATCH_BLOCKS);
    if (count == 0) return MMSB_OK;
    TRY(CUDA(c, copy_in, "places to the GPU", c->batch_at, b->places, head, c->d.stream));
    TRY(cuda_launch(e, c->blocks_out, count, 256, parameters, 3, m));
    TRY(CUDA(c, copy_out, "blocks from the GPU", b->packed, c->batch_at + head, bytes,
             c->d.stream));
    TRY(cuda_wait(e, m));
    e->stats.cuda_bytes_out += bytes;
    for (u32 k = 0; k < count; k++)
        memcpy(b->targets[k], b->packed + (u64)k * CUDA_BLOCK_BYTES, b->bytes[k]);
    return MMSB_OK;
}

/* Lines of pages that undo covers are saved before they are written. */
static mmsb_status run_receive(engine *e, u32 page, u64 at, u64 count, message *m) {
    struct cuda *c = e->cuda;
    block_batch *b = &c->batch;
    u8 *to = e->pages[page].value + at * CUDA_BLOCK_BYTES;
    u64 bytes = run_bytes(e, page, at, count);
    u64 from = c->plan.pages[page].at + at * CUDA_BLOCK_BYTES;
    ASSERT(count > 0);
    if (!c->plan.pages[page].resident) undo_save(e, to, bytes);
    if (count >= DIRECT_BLOCKS) {
        e->stats.cuda_bytes_out += bytes;
        return CUDA(c, copy_out, "a page from the GPU", to, c->pages_at + from, bytes, c->d.stream);
    }
    for (u64 k = 0; k < count; k++) {
        if (b->busy) TRY(cuda_wait(e, m));
        b->places[b->count] = from + k * CUDA_BLOCK_BYTES;
        b->targets[b->count] = to + k * CUDA_BLOCK_BYTES;
        b->bytes[b->count++] = (u32)run_bytes(e, page, at + k, 1);
        if (b->count == BATCH_BLOCKS) TRY(batch_receive(e, m));
    }
    return MMSB_OK;
}

mmsb_status cuda_page_to_host(engine *e, u32 page, message *m) {
    struct cuda *c = e->cuda;
    page_copy *p = &c->copies[page];
    u64 count;
    ASSERT(page < e->image->page_count);
    if (p->blocks == 0 || !p->any_host) return MMSB_OK;
    if (c->failed) {
        if (m != NULL) *m = c->words;
        return MMSB_ABSENT;
    }
    ASSERT(c->batch.count == 0);
    TRY(CUDA(c, context_set, "cuCtxSetCurrent", c->d.context));
    for (u64 at = run_next(p->host_stale, p->blocks, 0, &count); count != 0;
         at = run_next(p->host_stale, p->blocks, at + count, &count))
        TRY(run_receive(e, page, at, count, m));
    TRY(batch_receive(e, m));
    TRY(cuda_wait(e, m));
    memset(p->host_stale, 0, words_of(p->blocks) * sizeof(u64));
    p->any_host = false;
    return MMSB_OK;
}

mmsb_status cuda_reads_to_host(engine *e, const node_state *n, message *m) {
    ASSERT(e->cuda != NULL);
    for (u32 k = 0; k < n->row->read_count; k++)
        TRY(cuda_page_to_host(e, e->image->reads[n->row->read_at + k].page, m));
    return MMSB_OK;
}

mmsb_status cuda_keys_to_host(engine *e, const node_state *n, message *m) {
    ASSERT(n->row->kind == NODE_KEYED);
    if (n->packed != NULL) return cuda_reads_to_host(e, n, m);
    return cuda_page_to_host(e, n->row->group, m);
}

void cuda_order_moved(engine *e, const node_state *n) {
    ASSERT(n->row->kind == NODE_KEYED);
    if (e->cuda != NULL) e->cuda->order_sent[n->row - e->image->nodes] = false;
}

/* Undo and recovery write the orders here. */
static void orders_stale(engine *e) {
    ASSERT(e->cuda->order_sent != NULL);
    memset(e->cuda->order_sent, 0, e->image->node_count * sizeof(bool));
}

mmsb_status cuda_node_to_host(engine *e, const node_state *n, message *m) {
    TRY(cuda_reads_to_host(e, n, m));
    for (u32 k = 0; k < n->row->tile_count; k++) {
        bool stored;
        u32 page = node_page(e, n, k, &stored);
        ASSERT(page < e->image->page_count);
        if (stored) TRY(cuda_page_to_host(e, page, m));
    }
    return n->row->kind == NODE_MAP ? MMSB_OK : cuda_page_to_host(e, n->row->output, m);
}

void copy_wrote(engine *e, u32 page, u64 tile) {
    page_copy *c = &e->cuda->copies[page];
    u64 k = block_of(&e->pages[page], tile);
    ASSERT(k < c->blocks && !bit_get(c->device_stale, k));
    bit_set(c->wrote, k);
    c->any_epoch = true;
}

void copy_changed(engine *e, u32 page, u64 tile) {
    page_copy *c = &e->cuda->copies[page];
    ASSERT(bit_get(c->wrote, block_of(&e->pages[page], tile)));
    bit_set(c->host_stale, block_of(&e->pages[page], tile));
    c->any_host = true;
}

void copy_renewed(engine *e, u32 page) {
    page_copy *c = &e->cuda->copies[page];
    ASSERT(c->blocks != 0);
    memset(c->device_stale, 0, words_of(c->blocks) * sizeof(u64));
    c->any_device = false;
}

void cuda_page_is_here(engine *e, u32 page) {
    ASSERT(page < e->image->page_count);
    if (e->cuda == NULL || e->cuda->copies[page].blocks == 0) return;
    page_copy *c = &e->cuda->copies[page];
    memset(c->host_stale, 0, words_of(c->blocks) * sizeof(u64));
    fill(c->device_stale, c->blocks);
    c->any_host = false, c->any_device = true;
}

void cuda_restart(engine *e) {
    if (e->cuda != NULL) orders_stale(e);
    for (u32 k = 1; e->cuda != NULL && k < e->image->page_count; k++) {
        page_copy *c = &e->cuda->copies[k];
        if (c->blocks == 0) continue;
        for (u64 w = 0; w < words_of(c->blocks); w++) c->wrote[w] = c->sent[w] = 0;
        fill(c->device_stale, c->blocks);
        for (u64 w = 0; w < words_of(c->blocks); w++) c->device_stale[w] &= ~c->host_stale[w];
        c->any_device = true, c->any_epoch = false;
    }
}

static void epoch_end(page_copy *c) {
    ASSERT(c->blocks != 0);
    if (!c->any_epoch) return;
    for (u64 w = 0; w < words_of(c->blocks); w++) c->wrote[w] = c->sent[w] = 0;
    c->any_epoch = false;
}

void cuda_accept(engine *e) {
    for (u32 k = 1; e->cuda != NULL && k < e->image->page_count; k++) {
        page_copy *c = &e->cuda->copies[k];
        if (c->blocks == 0) continue;
        if (!set_is_empty(&e->pages[k].dirty)) dirty_note(e, k);
        epoch_end(c);
    }
}

/* Old values of a resident page's written blocks, from the shadow. */
static void shadow_restore(engine *e, u32 page) {
    struct cuda *c = e->cuda;
    page_copy *p = &c->copies[page];
    message *m = &c->words;
    u64 count, place = c->plan.pages[page].at;
    ASSERT(c->shadow_at != 0);
    for (u64 at = run_next(p->wrote, p->blocks, 0, &count); count != 0 && !c->failed;
         at = run_next(p->wrote, p->blocks, at + count, &count)) {
        u64 offset = place + at * CUDA_BLOCK_BYTES;
        if (CUDA(c, copy_inside, "undo on the GPU", c->pages_at + offset, c->shadow_at + offset,
                 count * CUDA_BLOCK_BYTES, c->d.stream) != MMSB_OK)
            return;
    }
}

/* Blocks that a kernel wrote: of a resident page the device gets the old values back, of others the
 * host does. Blocks that went over hold what is now undone. */
void cuda_reject(engine *e) {
    struct cuda *x = e->cuda;
    if (x == NULL) return;
    x->batch.count = 0;
    orders_stale(e);
    for (u32 k = 1; k < e->image->page_count; k++) {
        page_copy *c = &x->copies[k];
        if (c->blocks == 0) continue;
        if (!set_is_empty(&e->pages[k].dirty)) dirty_note(e, k);
        if (!c->any_epoch) continue;
        bool resident = x->plan.pages[k].resident;
        if (resident) shadow_restore(e, k);
        for (u64 w = 0; w < words_of(c->blocks); w++) {
            u64 sent = c->sent[w] & ~c->wrote[w];
            c->host_stale[w] =
                resident ? c->host_stale[w] | c->wrote[w] : c->host_stale[w] & ~c->wrote[w];
            c->device_stale[w] |= resident ? sent : sent | c->wrote[w];
            ASSERT((c->host_stale[w] & c->device_stale[w]) == 0);
        }
        c->any_host = c->any_device = true;
        epoch_end(c);
    }
    if (!x->failed) cuda_wait(e, &x->words);
}
