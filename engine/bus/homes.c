/* SPDX-License-Identifier: Apache-2.0
 * homes: copies of all readable pages for leases. A home that nobody holds falls behind by the
 * blocks that epochs change, and is caught up by copying those alone. */
#include "server_state.h"

#define BLOCK_BYTES 4096u

static mmsb_status home_open(bus_server *b, home *h, message *m) {
    ASSERT(b->home_blocks > 0);
    h->set_memory = region_take(layout_set_bytes(b->home_blocks));
    if (h->set_memory == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the leases");
    set_open(&h->behind, h->set_memory, b->home_blocks);
    h->behind.whole = true;
    return MMSB_OK;
}

mmsb_status homes_open(bus_server *b, message *m) {
    ASSERT(b->o.homes <= BUS_HOMES_MAX);
    if (b->o.homes == 0 || b->home_bytes == 0) return MMSB_OK;
    b->home_blocks = b->home_bytes / BLOCK_BYTES;
    b->block_page = ARENA_ARRAY(b->tables, u32, b->home_blocks);
    int failed = b->block_page == NULL
                     ? 12
                     : -shared_take(&b->homes_memory, b->home_bytes * b->o.homes, NULL, false);
    if (failed != 0)
        return message_set(
            m, MMSB_OUT_OF_SPACE, "no %llu bytes for %u leased epochs: %s; lower --leases",
            (unsigned long long)(b->home_bytes * b->o.homes), b->o.homes, strerror(failed));
    for (u32 row = 0; row < b->page_count; row++) {
        const bus_page *p = &b->pages[row];
        u64 blocks = ALIGN_UP(p->lanes * type_bytes(p->type), BLOCK_BYTES) / BLOCK_BYTES;
        for (u64 k = 0; k < blocks; k++) b->block_page[p->home_at / BLOCK_BYTES + k] = row;
    }
    for (u32 k = 0; k < b->o.homes; k++) TRY(home_open(b, &b->homes[k], m));
    return MMSB_OK;
}

void homes_close(bus_server *b) {
    ASSERT(b->o.homes <= BUS_HOMES_MAX);
    for (u32 k = 0; k < b->o.homes; k++)
        region_give_back(b->homes[k].set_memory, layout_set_bytes(u64_max(b->home_blocks, 1)));
    if (b->homes_memory.bytes != 0) shared_give_back(&b->homes_memory);
}

void homes_mark(bus_server *b, u32 row, u64 first, u64 count) {
    const bus_page *p = &b->pages[row];
    ASSERT(count > 0 && first < p->lanes && count <= p->lanes - first);
    u64 width = type_bytes(p->type), from = (p->home_at + first * width) / BLOCK_BYTES;
    u64 to = (p->home_at + (first + count) * width - 1) / BLOCK_BYTES;
    for (u32 k = 0; k < b->o.homes && b->home_blocks != 0; k++) {
        lane_set *behind = &b->homes[k].behind;
        if (!behind->whole) set_add_range(behind, from, to - from + 1);
    }
}

static void block_copy(bus_server *b, u8 *to, u64 block) {
    ASSERT(block < b->home_blocks);
    const bus_page *p = &b->pages[b->block_page[block]];
    u64 at = block * BLOCK_BYTES - p->home_at, bytes = p->lanes * type_bytes(p->type);
    memcpy(to + block * BLOCK_BYTES, (const u8 *)engine_page(b->e, p->row) + at,
           u64_min(BLOCK_BYTES, bytes - at));
}

/* Readers see the copies by the reply that names the home: its head is stored with release. */
static void home_catch_up(bus_server *b, u32 k) {
    home *h = &b->homes[k];
    u8 *to = (u8 *)b->homes_memory.at + k * b->home_bytes;
    u64 copied = 0;
    ASSERT(h->readers == 0);
    if (h->behind.whole)
        for (; copied < b->home_blocks; copied++) block_copy(b, to, copied);
    else
        for (u64 block = set_next(&h->behind, 0); block != SET_NONE;
             block = set_next(&h->behind, block + 1), copied++)
            block_copy(b, to, block);
    set_clear(&h->behind);
    ASSERT(copied <= b->home_blocks);
    h->epoch = b->epoch;
    count_add(&b->board->count.lease_blocks, (i64)copied);
}

static u64 home_cost(const bus_server *b, const home *h) {
    ASSERT(h->behind.count <= b->home_blocks);
    return h->behind.whole ? b->home_blocks : h->behind.count;
}

u32 homes_lease(bus_server *b) {
    ASSERT((b->sequence & 1) == 0);
    u32 best = HOME_NONE;
    for (u32 k = 0; k < b->o.homes && b->home_blocks != 0; k++) {
        home *h = &b->homes[k];
        if (h->readers != 0 && h->epoch == b->epoch) {
            h->readers++;
            return k;
        }
        if (h->readers == 0 &&
            (best == HOME_NONE || home_cost(b, h) < home_cost(b, &b->homes[best])))
            best = k;
    }
    if (best == HOME_NONE) return HOME_NONE;
    if (b->homes[best].epoch != b->epoch || home_cost(b, &b->homes[best]) != 0)
        home_catch_up(b, best);
    b->homes[best].readers = 1;
    return best;
}

void homes_return(bus_server *b, u32 k) {
    ASSERT(k < b->o.homes);
    ASSERT(b->homes[k].readers > 0);
    b->homes[k].readers--;
}
