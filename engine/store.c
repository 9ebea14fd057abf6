/* SPDX-License-Identifier: Apache-2.0
 * store: results into pages, with comparison, undo, dirty lanes and the inverse lists of offsets.
 */
#include "state.h"

#define STREAM_FROM_BYTES ((u64)8 << 20) /* of all pages that a node stores */

void page_touch(engine *e, u32 page) {
    page_state *p = &e->pages[page];
    if (p->touched) return;
    ASSERT(page != 0);
    p->touched = true;
    p->stale = true;
    e->touched[e->touched_count++] = page;
    readers_mark(e, page);
}

void page_changed_lane(engine *e, u32 page, u64 lane) {
    ASSERT(lane < e->pages[page].lanes);
    set_add(&e->pages[page].dirty, lane);
    e->stats.lanes_changed++;
    if (e->verify && !e->verify_failed)
        e->verify_failed = true, e->verify_page = page, e->verify_lane = lane;
    page_touch(e, page);
}

void page_set_lane(engine *e, u32 page, u64 lane, const void *bits) {
    ASSERT(lane < e->pages[page].lanes);
    page_state *p = &e->pages[page];
    u64 now = type_canonical(p->row->type, lane_bits(bits, p->width));
    u8 *at = p->value + lane * p->width;
    if (now == lane_bits(at, p->width)) return;
    undo_save_value(e, at);
    lane_put(at, now, p->width);
    page_changed_lane(e, page, lane);
}

/* Offsets that change move in the inverse lists before they are stored. */
static void offsets_move(worker *w, page_state *p, const void *from) {
    ASSERT(p->width == 4 || p->width == 8);
    for (u32 k = 0; k < w->count; k++) {
        u64 lane = w->lanes_at != NULL ? w->lanes_at[k] : w->base + k;
        i64 old = offset_at(p, lane);
        i64 now = p->width == 4 ? ((const i32 *)from)[k] : ((const i64 *)from)[k];
        if (old != now) inverse_move(w->e, p, lane, old, now);
    }
}

static void changed_words(worker *w, u32 page, const u64 *changed, u32 count) {
    engine *e = w->e;
    page_state *p = &e->pages[page];
    u64 before = p->dirty.count;
    if (w->lanes_at != NULL) {
        u64 word = SET_NONE, mask = 0; /* packed lanes of a word stand together */
        for (u32 k = 0; k * 64 < count; k++)
            for (u64 bits = changed[k]; bits != 0; bits &= bits - 1) {
                u64 lane = w->lanes_at[k * 64 + (u32)__builtin_ctzll(bits)];
                if (lane / 64 != word) {
                    if (mask != 0) set_add_mask(&p->dirty, word, mask);
                    word = lane / 64, mask = 0;
                }
                mask |= (u64)1 << (lane & 63);
            }
        if (mask != 0) set_add_mask(&p->dirty, word, mask);
    } else {
        set_add_words(&p->dirty, w->base / TILE_LANES, changed, (count + 63) / 64);
    }
    w->stats->lanes_changed += p->dirty.count - before;
    if (e->verify && !e->verify_failed) {
        u32 word = 0;
        while (changed[word] == 0) word++;
        u32 k = word * 64 + (u32)__builtin_ctzll(changed[word]);
        e->verify_failed = true, e->verify_page = page;
        e->verify_lane = w->lanes_at != NULL ? w->lanes_at[k] : w->base + k;
    }
    page_touch(e, page);
}

bool store_streams(const engine *e, const node_state *n) {
    ASSERT(n->row->kind == NODE_MAP);
    u64 bytes = 0;
    if (!(e->first_run || e->options.recompute_all) || !e->work.whole || e->verify) return false;
    for (u32 k = 0; k < n->row->tile_count; k++)
        bytes += n->tile[k].row->op == IN_STORE ? n->shape->lanes * n->tile[k].width : 0;
    u64 from = e->options.stream_from;
    return bytes >= (from != 0 ? from : STREAM_FROM_BYTES);
}

void store_streams_begin(engine *e, const node_state *n) {
    ASSERT(e->streams);
    for (u32 k = 0; k < n->row->tile_count && e->cuda == NULL; k++) {
        node_state *r = n->tile[k].sums;
        if (r == NULL) continue;
        r->leaves_pass = e->pass;
        undo_save(e, r->partials, r->tree * type_bytes(r->row->type));
        if (r->partial_index != NULL) undo_save(e, r->partial_index, r->tree * 8);
    }
}

void store_streams_end(engine *e, const node_state *n) {
    ASSERT(e->streams);
    for (u32 k = 0; k < n->row->tile_count; k++) {
        const step *s = &n->tile[k];
        if (s->row->op != IN_STORE) continue;
        page_state *p = &e->pages[s->row->imm];
        e->stats.lanes_changed += p->lanes - p->dirty.count;
        set_add_all(&p->dirty);
        page_touch(e, s->row->imm);
    }
    e->streams = false;
}

/* The same of one of several workers: leaf words are its own, words above may be another's too;
 * what stands higher, the count and the readers are the first worker's, in store_join. */
static void changed_shared(worker *w, const step *s, const u64 *changed, u32 count) {
    page_state *p = &w->e->pages[s->row->imm];
    u64 tile = w->base / TILE_LANES, any = 0, *leaf = p->dirty.leaf + tile * SET_TILE_WORDS;
    for (u32 k = 0; k * 64 < count; k++) {
        w->changed[s->store] += (u64)__builtin_popcountll(changed[k] & ~leaf[k]);
        leaf[k] |= changed[k];
        any |= changed[k];
    }
    if (any != 0)
        __atomic_fetch_or(&p->dirty.level[0][tile / 64], (u64)1 << (tile & 63), __ATOMIC_RELAXED);
}

void store_join(engine *e, const node_state *n) {
    for (u32 k = 0; k < n->row->tile_count; k++) {
        const step *s = &n->tile[k];
        if (s->row->op != IN_STORE) continue;
        page_state *p = &e->pages[s->row->imm];
        u64 changed = 0;
        for (u32 w = 0; w < e->worker_count; w++) changed += e->workers[w].changed[s->store];
        if (e->undo_on) undo_join(e, p->value, p->lanes * p->width);
        if (changed == 0) continue;
        set_join(&p->dirty, changed);
        e->stats.lanes_changed += changed;
        page_touch(e, s->row->imm);
    }
}

void store_lanes(worker *w, const step *s, const void *from) {
    engine *e = w->e;
    u32 page = s->row->imm;
    page_state *p = &e->pages[page];
    u64 changed[8];
    u32 any;
    if (p->head != NULL && !e->first_run) offsets_move(w, p, from);
    if (w->lanes_at != NULL && w->count == 1) { /* one changed lane goes through page after page */
        ASSERT(!w->shared);
        w->stats->bytes_stored += p->width;
        page_set_lane(e, page, w->lanes_at[0], from);
        return;
    }
    if (w->lanes_at != NULL) {
        for (u32 k = 0; k < w->count && e->undo_on; k++)
            undo_save_value(e, p->value + w->lanes_at[k] * p->width);
        any = s->scatter(p->value, from, w->lanes_at, w->count, changed);
    } else {
        u8 *at = p->value + w->base * p->width;
        if (e->undo_on)
            (w->shared ? undo_save_shared : undo_save_lines)(e, at, w->count * p->width);
        if (e->streams) {
            w->stats->bytes_stored += (u64)w->count * p->width;
            s->stream(at, from, w->count);
            if (s->sums != NULL && s->sums->leaves_pass == e->pass)
                reduce_leaves(w, s->sums, w->base, from, w->count);
            return;
        }
        ASSERT(w->base % TILE_LANES == 0);
        any = s->put(at, from, w->count, changed);
    }
    w->stats->bytes_stored += (u64)w->count * p->width;
    if (!any) return;
    if (w->shared)
        changed_shared(w, s, changed, w->count);
    else
        changed_words(w, page, changed, w->count);
}
