/* SPDX-License-Identifier: Apache-2.0
 * image_verify_order: the command lists and the readers of pages. Needs verified nodes, so that the
 * writers of pages are known. */
#include "image_verify.h"

typedef struct {
    const char *name;
    const u32 *rows;
    u32 count;
    u32 mode;
} command_list;

/* Whether the page has its value when the command at `place` of the list reads it. */
static bool page_is_there(const verify *v, const command_list *list, u32 page, u32 wave,
                          u32 place) {
    ASSERT(page < v->i->page_count);
    ASSERT(list->mode < MODE_COUNT);
    const image_page *p = &v->i->pages[page];
    /* In epoch 0 a PREV page is filled as soon as its page is. */
    if (p->kind == PAGE_PREV && list->mode == MODE_EPOCH0) p = &v->i->pages[page = p->of];
    u32 writer = v->writer[list->mode][page];
    if (writer != 0) {
        const image_node *n = &v->i->nodes[writer - 1];
        u32 before = list->mode == MODE_LATER ? n->wave1 : n->wave0;
        u32 at = v->place[writer - 1];
        return at != 0 && at < place && (list->mode == MODE_FIRST || before < wave);
    }
    if (p->kind == PAGE_PREV) return list->mode == MODE_LATER;
    if (p->kind != PAGE_DERIVED) return true;
    bool first = v->writer[MODE_FIRST][page] != 0;
    return first || (list->mode == MODE_LATER && v->writer[MODE_EPOCH0][page] != 0);
}

static mmsb_status verify_command(verify *v, const command_list *list, u32 at, u32 *wave) {
    ASSERT(at < list->count);
    ASSERT(*wave == 0 || list->mode != MODE_FIRST);
    const image *i = v->i;
    u32 row = list->rows[at];
    NEED(row < i->node_count, list->name, at, "its node is not there");
    const image_node *n = &i->nodes[row];
    NEED((n->flags & (1u << list->mode)) != 0 && v->place[row] == 0, list->name, at,
         "its node is not meant for it, or stands twice");
    u32 own = list->mode == MODE_LATER ? n->wave1 : n->wave0;
    NEED(list->mode == MODE_FIRST || own >= *wave, list->name, at, "its wave comes too late");
    if (list->mode != MODE_FIRST) *wave = own;
    for (u32 r = 0; r < n->read_count; r++) {
        NEED(page_is_there(v, list, i->reads[n->read_at + r].page, own, at + 1), list->name, at,
             "it reads a page that is not there yet");
    }
    v->place[row] = at + 1;
    return MMSB_OK;
}

static mmsb_status verify_list(verify *v, const command_list *list) {
    const image *i = v->i;
    u32 wave = 0, meant = 0;
    memset(v->place, 0, (size_t)i->node_count * sizeof(u32));
    for (u32 at = 0; at < list->count; at++) TRY(verify_command(v, list, at, &wave));
    for (u32 n = 0; n < i->node_count; n++) meant += (i->nodes[n].flags >> list->mode) & 1u;
    ASSERT(meant <= i->node_count);
    NEED(meant == list->count, list->name, list->count, "a node that is meant for it is missing");
    return MMSB_OK;
}

/* READERS holds, page by page and rising, every read of the nodes of LATER. */
static mmsb_status verify_readers(verify *v) {
    const image *i = v->i;
    u64 at = 0, later = 0;
    for (u32 r = 0; r < i->read_count; r++) {
        ASSERT(i->reads[r].node < i->node_count);
        later += (i->nodes[i->reads[r].node].flags & NODE_IN_LATER) != 0;
    }
    NEED(later == i->reader_count, "reader", i->reader_count, "a read is missing");
    for (u32 page = 1; page < i->page_count; page++) {
        const image_page *p = &i->pages[page];
        NEED(p->reader_count == 0 || p->reader_at == at, "page", page,
             "its readers do not follow those of the page before");
        for (u32 k = 0; k < p->reader_count; k++) {
            u32 row = i->readers[at + k];
            bool fits = row < i->read_count && i->reads[row].page == page &&
                        (i->nodes[i->reads[row].node].flags & NODE_IN_LATER) != 0;
            NEED(fits && (k == 0 || i->readers[at + k - 1] < row), "reader", at + k,
                 "it is no read of its page");
        }
        at += p->reader_count;
    }
    NEED(at == i->reader_count, "reader", at, "it belongs to no page");
    return MMSB_OK;
}

/* Whether epoch 0 leaves a value in the page. */
static bool page_has_value(const verify *v, u32 page) {
    ASSERT(page < v->i->page_count);
    const image_page *p = &v->i->pages[page];
    if (p->kind != PAGE_DERIVED) return true;
    return v->writer[MODE_EPOCH0][page] != 0 || v->writer[MODE_FIRST][page] != 0;
}

static mmsb_status verify_results(const verify *v) {
    ASSERT(v->writer[MODE_EPOCH0] != NULL);
    ASSERT(v->writer[MODE_LATER] != NULL);
    const image *i = v->i;
    for (u32 row = 0; row < i->export_count; row++) {
        NEED(page_has_value(v, i->exports[row]), "export", row, "nothing computes its page");
    }
    for (u32 row = 0; row < i->assert_count; row++) {
        NEED(page_has_value(v, i->asserts[row].page), "assert", row, "nothing computes its page");
    }
    for (u32 row = 0; row < i->event_count; row++) {
        NEED(page_has_value(v, i->events[row].page), "event", row, "nothing computes its page");
    }
    for (u32 row = 0; row < i->event_value_count; row++) {
        u32 page = i->event_values[row];
        NEED(page_has_value(v, page) || v->writer[MODE_LATER][page] != 0, "event value", row,
             "nothing computes its page");
    }
    return MMSB_OK;
}

mmsb_status verify_order(verify *v) {
    const image *i = v->i;
    command_list lists[MODE_COUNT] = {
        {"first command", i->first, i->first_count, MODE_FIRST},
        {"command of epoch 0", i->epoch0, i->epoch0_count, MODE_EPOCH0},
        {"later command", i->later, i->later_count, MODE_LATER},
    };
    for (u32 mode = 0; mode < MODE_COUNT; mode++) {
        ASSERT(lists[mode].mode == mode);
        TRY(verify_list(v, &lists[mode]));
    }
    TRY(verify_readers(v));
    return verify_results(v);
}

/* Lanes of a row are listed by u32; what outsiders point at stays where it is. */
static bool ring_fits(const verify *v, u32 page) {
    ASSERT(page < v->i->page_count);
    const image_page *p = &v->i->pages[page];
    u8 fixed = PAGE_EXPORTED | PAGE_EVENT | PAGE_OFFSETS;
    u32 writer = v->writer[MODE_LATER][page];
    image_ring r;
    return v->i->head->version >= 4 && p->kind == PAGE_DERIVED && (p->flags & PAGE_HIDDEN) != 0 &&
           (p->flags & fixed) == 0 && writer != 0 && image_ring_find(v->i, writer - 1, &r) &&
           r.page == page && r.lanes <= RING_LANES_MAX;
}

mmsb_status verify_rings(const verify *v) {
    const image *i = v->i;
    for (u32 page = 1; page < i->page_count; page++)
        NEED((i->pages[page].flags & PAGE_RING) == 0 || ring_fits(v, page), "page", page,
             "it is turned, but is no history");
    for (u32 row = 0; row < i->read_count; row++) {
        const image_page *p = &i->pages[i->reads[row].page];
        ASSERT(p->of < i->page_count);
        if (p->kind != PAGE_PREV || (i->pages[p->of].flags & PAGE_RING) == 0) continue;
        NEED(v->writer[MODE_LATER][p->of] == i->reads[row].node + 1, "read", row,
             "it reads the past of a page that is turned");
    }
    for (u32 row = 0; row < i->kernel_page_count; row++)
        NEED((i->pages[i->kernel_pages[row]].flags & PAGE_RING) == 0, "kernel page", row,
             "it is turned");
    return MMSB_OK;
}
