/* SPDX-License-Identifier: Apache-2.0
 * board: what every client reads: sequence, epoch, counters, page table, the ring of changes.
 * Written by the engine's thread alone, by plain stores: the fences say what is seen in which
 * order. */
#include <errno.h>

#include "server_state.h"

#define CHANGE_ROWS ((u64)1 << 14)
#define CHANGE_GAP 8u           /* runs of changed lanes that are nearer are one */
#define CHANGE_PAGE_ROWS 256u   /* of a page in an epoch; then its last run grows */
#define CHANGE_EPOCH_ROWS 4096u /* of an epoch; then all pages are said to have changed */
static_assert(CHANGE_EPOCH_ROWS * 2 < CHANGE_ROWS, "an epoch's rows never meet their own begin");

static bool page_is_readable(const image_page *p) {
    ASSERT(p->kind < PAGE_KIND_COUNT);
    return (p->kind == PAGE_SOURCE || p->kind == PAGE_DERIVED) && (p->flags & PAGE_HIDDEN) == 0;
}

static void page_fill(bus_server *b, u32 page, bus_page *to) {
    const image_page *p = &b->i->pages[page];
    const image_shape *shape = &b->i->shapes[p->shape];
    const layout *l = engine_layout(b->e);
    ASSERT(shape->axis_count <= PAGE_AXES_MAX);
    *to = (bus_page){.pages_at = l->pages[page].value_at - l->mutable_at,
                     .home_at = b->home_bytes,
                     .lanes = shape->lanes,
                     .row = page,
                     .type = p->type,
                     .axis_count = (u8)shape->axis_count,
                     .flags = p->flags,
                     .takes = p->kind == PAGE_SOURCE || (p->flags & PAGE_STATE) != 0};
    for (u32 a = 0; a < PAGE_AXES_MAX; a++) to->dims[a] = shape->dims[a];
    b->home_bytes += ALIGN_UP(shape->lanes * type_bytes(p->type), 4096);
}

static void pages_fill(bus_server *b, u64 names_at) {
    u32 row = 0;
    for (u32 k = 1; k < b->i->page_count; k++) {
        b->row_of[k] = PAGE_ROW_NONE;
        if (!page_is_readable(&b->i->pages[k])) continue;
        const char *name = image_string(b->i, b->i->pages[k].name);
        size_t bytes = strlen(name) + 1;
        page_fill(b, k, &b->pages[row]);
        b->pages[row].name_at = (u32)names_at;
        memcpy((u8 *)b->board + names_at, name, bytes);
        names_at += bytes;
        b->row_of[k] = row++;
    }
    ASSERT(row == b->page_count);
    ASSERT(names_at <= b->board_memory.bytes);
}

static void changes_note(void *context, const engine *e);

mmsb_status board_open(bus_server *b, message *m) {
    ASSERT(b->board == NULL);
    u64 names = 0;
    for (u32 k = 1; k < b->i->page_count; k++) {
        if (!page_is_readable(&b->i->pages[k])) continue;
        b->page_count++;
        names += strlen(image_string(b->i, b->i->pages[k].name)) + 1;
    }
    u64 pages_at = ALIGN_UP(sizeof(bus_board), 4096);
    u64 changes_at = pages_at + ALIGN_UP(b->page_count * sizeof(bus_page), 64);
    u64 names_at = changes_at + CHANGE_ROWS * sizeof(bus_change);
    u64 bytes = ALIGN_UP(names_at + names, 4096);
    b->row_of = ARENA_ARRAY(b->tables, u32, b->i->page_count);
    if (b->row_of == NULL || bytes > UINT32_MAX)
        return message_set(m, MMSB_OUT_OF_SPACE, "the graph has too many pages for a bus");
    int failed = shared_take(&b->board_memory, bytes, NULL, false);
    if (failed != 0)
        return message_set(m, MMSB_OUT_OF_SPACE, "no shared memory for the board: %s",
                           strerror(-failed));
    b->board = b->board_memory.at;
    memcpy(b->board->magic, BUS_MAGIC, 8);
    b->board->version = BUS_VERSION;
    b->board->generation = b->generation;
    b->board->bytes = bytes;
    b->board->page_count = b->page_count, b->board->home_count = b->o.homes;
    b->board->pages_at = pages_at, b->board->changes_at = changes_at;
    b->board->change_count = b->change_count = CHANGE_ROWS;
    b->board->flags = session_syncs(b->s) ? BUS_KEEPS_LOG : 0;
    b->pages = (bus_page *)((u8 *)b->board + pages_at);
    b->changes = (bus_change *)((u8 *)b->board + changes_at);
    pages_fill(b, names_at);
    atomic_store_explicit(&b->board->state, BUS_LIVE, memory_order_relaxed);
    board_begin(b);
    for (u32 k = 1; k < b->i->page_count; k++)
        if (b->row_of[k] != PAGE_ROW_NONE) TRY(engine_fetch(b->e, k, m));
    board_publish(b);
    board_durable(b);
    engine_watch(b->e, changes_note, b);
    return MMSB_OK;
}

void board_end(bus_server *b) {
    if (b->board == NULL) return;
    bool failed = session_failed(b->s) || b->fetched != MMSB_OK;
    ASSERT((b->sequence & 1) == 0 || failed);
    /* Release: whoever reads "closed" reads the last epoch whole. */
    atomic_store_explicit(&b->board->state, failed ? BUS_FAILED : BUS_CLOSED, memory_order_release);
}

void board_close(bus_server *b) {
    ASSERT(b->board == NULL || b->board == b->board_memory.at);
    if (b->board == NULL) return;
    engine_watch(b->e, NULL, NULL);
    shared_give_back(&b->board_memory);
    b->board = NULL;
}

void board_begin(bus_server *b) {
    ASSERT((b->sequence & 1) == 0);
    atomic_store_explicit(&b->board->sequence, ++b->sequence, memory_order_relaxed);
    /* Release fence, with the reader's acquire fence behind its copy: whoever read a byte that is
     * written from here on also reads the odd sequence, and tries again. */
    atomic_thread_fence(memory_order_release);
}

void board_publish(bus_server *b) {
    ASSERT((b->sequence & 1) == 1);
    b->epoch = engine_epoch(b->e);
    atomic_store_explicit(&b->board->epoch, b->epoch, memory_order_relaxed);
    /* Release, with the reader's acquire: who reads this end reads the rows before it. */
    atomic_store_explicit(&b->board->changes_end, b->change_end, memory_order_release);
    /* Release, with the acquire load of the sequence before a copy: all of the epoch is there. */
    atomic_store_explicit(&b->board->sequence, ++b->sequence, memory_order_release);
}

mmsb_status board_fetched(const bus_server *b, message *m) {
    ASSERT(b->fetched == MMSB_OK || (b->sequence & 1) == 1);
    if (b->fetched != MMSB_OK) *m = b->fetch_words;
    return b->fetched;
}

bool board_durable(bus_server *b) {
    u64 durable = session_durable_epoch(b->s);
    ASSERT(durable <= b->epoch || !session_syncs(b->s));
    if (durable == b->durable) return false;
    ASSERT(durable > b->durable);
    b->durable = durable;
    atomic_store_explicit(&b->board->durable_epoch, durable, memory_order_release);
    return true;
}

static void change_put(bus_server *b, u32 page, u64 first, u64 count) {
    u64 next = b->change_end + 1;
    ASSERT(next - b->change_first <= CHANGE_EPOCH_ROWS + 1);
    atomic_store_explicit(&b->board->changes_begun, next, memory_order_relaxed);
    /* Release fence, with the reader's acquire fence behind its copy of rows: who read a row that
     * is written over here also reads that it was begun. */
    atomic_thread_fence(memory_order_release);
    b->changes[b->change_end & (b->change_count - 1)] =
        (bus_change){.epoch = engine_epoch(b->e), .page = page, .first = first, .count = count};
    b->change_end = next;
}

static void change_run(void *context, u64 first, u64 count) {
    bus_server *b = context;
    ASSERT(b->change_page < b->page_count);
    homes_mark(b, b->change_page, first, count);
    if (b->change_left > 0) {
        change_put(b, b->change_page, first, count);
        b->change_left--;
        return;
    }
    if (b->change_end - b->change_first > CHANGE_EPOCH_ROWS) return; /* all are said to change */
    bus_change *last = &b->changes[(b->change_end - 1) & (b->change_count - 1)];
    ASSERT(last->page == b->change_page && last->first < first);
    last->count = first + count - last->first;
}

/* What a GPU changed, to where readers look. */
static void page_fetch(bus_server *b, const engine *e, u32 page) {
    ASSERT((b->sequence & 1) == 1);
    if (b->fetched == MMSB_OK) b->fetched = engine_fetch(e, page, &b->fetch_words);
}

/* In engine_accept: what the epoch changed goes to the ring and to the homes' sets. */
static void changes_note(void *context, const engine *e) {
    bus_server *b = context;
    const u32 *touched;
    u32 count = engine_touched(e, &touched);
    ASSERT((b->sequence & 1) == 1);
    b->change_first = b->change_end;
    for (u32 k = 0; k < count; k++) {
        b->change_page = b->row_of[touched[k]];
        if (b->change_page == PAGE_ROW_NONE) continue;
        page_fetch(b, e, touched[k]);
        u64 used = b->change_end - b->change_first;
        if (used == CHANGE_EPOCH_ROWS) change_put(b, BUS_CHANGE_ALL, 0, 0);
        b->change_left = used >= CHANGE_EPOCH_ROWS
                             ? 0
                             : (u32)u64_min(CHANGE_PAGE_ROWS, CHANGE_EPOCH_ROWS - used);
        engine_changed(e, touched[k], CHANGE_GAP, change_run, b);
    }
    if (b->publishes && b->fetched == MMSB_OK) board_publish(b); /* not only after its checkpoint */
}
