/* SPDX-License-Identifier: Apache-2.0
 * engine: opens a graph's state and steps it from epoch to epoch. */
#include "engine.h"

#include "cuda/cuda.h"
#include "state.h"

/* The asserts of each node: those whose page it writes stand together, since the compiler emits
 * them in command order of their pages. */
static mmsb_status asserts_find(engine *e, message *m) {
    const image *i = e->image;
    if (i->assert_count == 0) return MMSB_OK;
    u32 *first = ARENA_ARRAY(e->tables, u32, i->page_count),
        *end = ARENA_ARRAY(e->tables, u32, i->page_count);
    if (first == NULL || end == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    for (u32 k = i->assert_count; k > 0; k--) {
        u32 page = i->asserts[k - 1].page;
        ASSERT(page != 0 && page < i->page_count);
        first[page] = k - 1;
        if (end[page] == 0) end[page] = k;
    }
    for (u32 n = 0; n < i->node_count; n++) {
        const image_node *node = &i->nodes[n];
        u32 from = UINT32_MAX, to = 0;
        for (u32 c = 0; c <= node->uniform_count + node->tile_count; c++) {
            bool last = c == node->uniform_count + node->tile_count;
            u32 page = node->kind != NODE_MAP ? node->output : 0;
            if (!last) {
                const image_instruction *r = &i->instructions[node->program_at + c];
                page = r->op == IN_STORE ? r->imm : 0;
            }
            if (page == 0 || end[page] == 0) continue;
            from = first[page] < from ? first[page] : from;
            to = end[page] > to ? end[page] : to;
        }
        if (to == 0) continue;
        e->nodes[n].first_assert = from, e->nodes[n].assert_count = to - from;
    }
    return MMSB_OK;
}

mmsb_status engine_open(const image *i, const engine_options *options, engine **out, message *m) {
    ASSERT(i != NULL);
    ASSERT(out != NULL);
    arena *a = arena_open(0);
    engine *e = a == NULL ? NULL : arena_take(a, sizeof *e, _Alignof(engine));
    *out = NULL;
    if (e == NULL) {
        arena_close(a);
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for an engine");
    }
    kernels_choose(KERNELS_V4);
    e->image = i, e->tables = a;
    if (options != NULL) e->options = *options;
    mmsb_status s = layout_compute(i, a, &e->layout, m);
    if (s == MMSB_OK) {
        e->memory_bytes = e->layout.plan.arena_bytes + 2u * 4096u;
        bool fits = e->memory_bytes <= region_bytes_max();
        e->memory = fits ? region_take(e->memory_bytes) : NULL;
        if (e->memory == NULL)
            s = message_set(m, MMSB_OUT_OF_SPACE,
                            "the plan needs %llu bytes of memory, more than the system gives",
                            (unsigned long long)e->memory_bytes);
    }
    if (s == MMSB_OK && e->options.shared) s = share_open(e, m);
    if (s == MMSB_OK) s = resolve_all(e, m);
    if (s == MMSB_OK) s = split_open(e, m);
    if (s == MMSB_OK) s = asserts_find(e, m);
    if (s != MMSB_OK) {
        engine_close(e);
        return s;
    }
    *out = e;
    return MMSB_OK;
}

void engine_close(engine *e) {
    if (e == NULL) return;
    split_close(e);
    cuda_close(e);
    if (e->native_memory != NULL) region_give_back(e->native_memory, e->native_bytes);
    share_close(e);
    region_give_back(e->memory, e->memory_bytes);
    arena_close(e->tables);
}

const image *engine_image(const engine *e) { return e->image; }
const layout *engine_layout(const engine *e) {
    ASSERT(e->layout.plan.arena_bytes != 0);
    return &e->layout;
}
u64 engine_epoch(const engine *e) {
    ASSERT(e->phase != PHASE_NEW || e->epoch == 0);
    return e->epoch;
}
mmsb_status engine_fetch(const engine *e, u32 page, message *m) {
    ASSERT(page < e->image->page_count);
    engine *writable = (engine *)(uintptr_t)e; /* where values lie is no part of what it says */
    return e->cuda == NULL ? MMSB_OK : cuda_page_to_host(writable, page, m);
}

const void *engine_page(const engine *e, u32 page) {
    ASSERT(page < e->image->page_count);
    engine_fetch(e, page, NULL);
    return e->pages[page].value;
}
void *engine_page_bytes(engine *e, u32 page) {
    ASSERT(page < e->image->page_count);
    return e->pages[page].value;
}
bool engine_is_saved(const engine *e, u32 page) {
    ASSERT(page < e->image->page_count);
    return e->saved[page];
}
const engine_stats *engine_statistics(const engine *e) { return &e->stats; }

/* Empties the dirty sets of pages touched in the epoch; PREV pages keep theirs for the next one. */
static void touched_clear(engine *e) {
    ASSERT(e->touched_count < e->image->page_count);
    for (u32 k = 0; k < e->touched_count; k++) {
        page_state *p = &e->pages[e->touched[k]];
        p->touched = false;
        if (p->row->kind != PAGE_PREV) set_clear(&p->dirty);
    }
    e->touched_count = 0;
}

/* What the next epoch must look at whatever the deltas: PREV pages that moved, and the epoch's
 * number. */
static void next_mark(engine *e) {
    ASSERT(e->touched_count == 0);
    set_clear(&e->pending);
    for (u32 k = 1; k < e->image->page_count && e->has_prev; k++)
        if (e->pages[k].row->kind == PAGE_PREV && !set_is_empty(&e->pages[k].dirty))
            readers_mark(e, k);
    rings_mark(e);
    if (e->epoch_page != 0) {
        set_add(&e->pages[e->epoch_page].dirty, 0);
        page_touch(e, e->epoch_page);
    }
}

static void prev_store(page_state *p, const page_state *of, u64 lane) {
    ASSERT(lane < p->lanes);
    u8 *to = p->value + lane * p->width;
    const u8 *from = of->value + lane * p->width;
    if (memcmp(to, from, p->width) == 0) return;
    memcpy(to, from, p->width);
    set_add(&p->dirty, lane);
}

/* Brings a PREV page up to its page; its dirty set becomes the lanes that moved. */
static void prev_advance(engine *e, u32 page) {
    page_state *p = &e->pages[page], *of = &e->pages[p->row->of];
    ASSERT(p->row->kind == PAGE_PREV);
    ASSERT(p->lanes == of->lanes);
    ASSERT(p->width == of->width);
    lane_set *d = &p->dirty, *s = &of->dirty;
    if (d->whole || s->whole) {
        set_clear(d);
        for (u64 lane = 0; lane < p->lanes; lane++) prev_store(p, of, lane);
        return;
    }
    e->old_count = 0;
    for (u64 tile = set_next_tile(d, 0); tile != SET_NONE; tile = set_next_tile(d, tile + 1)) {
        for (u64 w = tile * 8; w < tile * 8 + 8; w++) {
            for (u64 bits = d->leaf[w]; bits != 0; bits &= bits - 1) {
                u64 lane = w * 64 + (u64)__builtin_ctzll(bits);
                bool same =
                    memcmp(p->value + lane * p->width, of->value + lane * p->width, p->width) == 0;
                if (same)
                    d->leaf[w] &= ~((u64)1 << (lane & 63)), d->count--;
                else
                    memcpy(p->value + lane * p->width, of->value + lane * p->width, p->width);
            }
        }
    }
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1))
        for (u64 w = tile * 8; w < tile * 8 + 8; w++)
            for (u64 bits = s->leaf[w] & ~d->leaf[w]; bits != 0; bits &= bits - 1)
                prev_store(p, of, w * 64 + (u64)__builtin_ctzll(bits));
    bool any = false;
    for (u64 tile = set_next_tile(d, 0); tile != SET_NONE && !any;
         tile = set_next_tile(d, tile + 1))
        for (u64 w = tile * 8; w < tile * 8 + 8; w++) any = any || d->leaf[w] != 0;
    if (!any) set_clear(d);
}

static void events_note(engine *e, bool first) {
    ASSERT(!first || e->fired_count == 0);
    e->fired_count = 0;
    for (u32 k = 0; k < e->image->event_count; k++) {
        u8 now = e->pages[e->image->events[k].page].value[0];
        if (!first && now != 0 && e->event_before[k] == 0) e->fired[e->fired_count++] = k;
        if (first) e->event_before[k] = now;
    }
}

mmsb_status engine_first(engine *e, const u8 *skip, message *m) {
    ASSERT(e->phase == PHASE_NEW);
    ASSERT(e->epoch == 0);
    u64 before = kernels_fp_enter();
    mmsb_status s = MMSB_OK;
    e->pass++, e->first_run = true;
    for (u32 k = 0; s == MMSB_OK && k < e->image->first_count; k++) {
        const image_node *n = &e->image->nodes[e->image->first[k]];
        u32 page = 0;
        for (u32 c = 0; c < n->uniform_count + n->tile_count; c++) {
            const image_instruction *r = &e->image->instructions[n->program_at + c];
            if (r->op == IN_STORE && e->image->pages[r->imm].kind == PAGE_SOURCE) page = r->imm;
        }
        if (skip == NULL || page == 0 || !skip[page]) s = node_run(e, e->image->first[k], true, m);
    }
    e->first_run = false;
    touched_clear(e);
    set_clear(&e->pending);
    kernels_fp_leave(before);
    return s == MMSB_REJECTED ? MMSB_WRONG : s;
}

/* NaNs of lanes [from, to), looked for by vectors: most pages have none. */
#define CANONICALISE(word, most)                                             \
    static void canonicalise_##word(u8 type, word *at, u64 from, u64 to) {   \
        bool nans = false;                                                   \
        for (u64 k = from; k < to; k++) nans |= (word)(at[k] << 1) > (most); \
        for (u64 k = from; nans && k < to; k++) {                            \
            word bits = (word)type_canonical(type, at[k]);                   \
            if (bits != at[k]) at[k] = bits;                                 \
        }                                                                    \
    }
CANONICALISE(u32, 0xff000000u)
CANONICALISE(u64, 0xffe0000000000000u)

void engine_canonicalise(const image *i, u32 page, void *lanes) {
    ASSERT(page > 0 && page < i->page_count);
    ASSERT(lanes != NULL);
    u8 type = i->pages[page].type;
    u64 count = i->shapes[i->pages[page].shape].lanes;
    for (u64 from = 0; type_is_float(type) && from < count; from += TILE_LANES) {
        u64 to = u64_min(count, from + TILE_LANES);
        if (type == TYPE_F32)
            canonicalise_u32(type, lanes, from, to);
        else
            canonicalise_u64(type, lanes, from, to);
    }
}

/* PREV pages of sources are known before anything runs; those of derived pages when their page is.
 */
static void prev_copy(engine *e, u32 page) {
    ASSERT(page > 0 && page < e->image->page_count);
    u32 prev = e->image->pages[page].prev;
    if (prev != 0)
        memcpy(e->pages[prev].value, e->pages[page].value,
               e->pages[page].lanes * e->pages[page].width);
}

static mmsb_status epoch0_node(engine *e, u32 row, message *m) {
    ASSERT(row < e->image->node_count);
    ASSERT(e->first_run);
    const image_node *n = &e->image->nodes[row];
    TRY(node_run(e, row, true, m));
    for (u32 c = 0; c < n->uniform_count + n->tile_count; c++) {
        const image_instruction *r = &e->image->instructions[n->program_at + c];
        if (r->op == IN_STORE) prev_copy(e, r->imm);
    }
    if (n->kind != NODE_MAP) prev_copy(e, n->output);
    return MMSB_OK;
}

static void started(engine *e) {
    ASSERT(!e->first_run);
    ASSERT(e->phase == PHASE_NEW);
    cuda_accept(e);
    for (u32 k = 1; k < e->image->page_count; k++) {
        inverse_build(e, k);
        e->has_prev = e->has_prev || e->image->pages[k].kind == PAGE_PREV;
    }
    rings_start(e);
    touched_clear(e);
    events_note(e, true);
    next_mark(e);
    arena_seal(e->tables);
    e->phase = PHASE_READY;
}

mmsb_status engine_epoch0(engine *e, message *m) {
    ASSERT(e->phase == PHASE_NEW);
    ASSERT(e->touched_count == 0);
    u64 before = kernels_fp_enter();
    mmsb_status s = MMSB_OK;
    e->pass++, e->first_run = true;
    cuda_restart(e);
    for (u32 k = 1; k < e->image->page_count; k++) {
        if (e->image->pages[k].kind != PAGE_SOURCE) continue;
        engine_canonicalise(e->image, k, e->pages[k].value);
        /* The first delta of a lane shall not wait for the system to find memory. */
        region_touch(e->pages[k].value, e->pages[k].lanes * e->pages[k].width);
        prev_copy(e, k);
    }
    for (u32 k = 0; s == MMSB_OK && k < e->image->epoch0_count; k++)
        s = epoch0_node(e, e->image->epoch0[k], m);
    e->first_run = false;
    e->epoch = 0;
    if (s == MMSB_OK) started(e);
    kernels_fp_leave(before);
    return s == MMSB_REJECTED ? MMSB_WRONG : s;
}

static u32 event_page_row(const engine *e, u32 k) {
    ASSERT(k < e->image->event_count);
    return e->image->events[k].page;
}

mmsb_status engine_restored(engine *e, u64 epoch, message *m) {
    u64 before = kernels_fp_enter();
    mmsb_status s = MMSB_OK;
    ASSERT(epoch > 0);
    ASSERT(e->phase == PHASE_NEW);
    e->pass++, e->first_run = true;
    e->epoch = epoch;
    for (u32 k = 1; k < e->image->page_count; k++) prev_copy(e, k);
    if (e->epoch_page != 0) memcpy(e->pages[e->epoch_page].value, &epoch, 8);
    u8 *kept = arena_take(e->tables, e->image->page_count * 8u + 8u, 8);
    if (kept == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for recovery");
    /* Pages that were saved must not be recomputed: PREV pages have moved on. Nodes are run for
     * partials and indexes, then the saved lanes are put back. */
    u64 bytes = e->layout.mutable_bytes;
    u8 *copy = region_take(bytes);
    if (copy == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for recovery");
    memcpy(copy, e->memory + e->layout.mutable_at, bytes);
    cuda_restart(e);
    for (u32 k = 0; s == MMSB_OK && k < e->image->later_count; k++) {
        message words = {.used = 0};
        s = node_run(e, e->image->later[k], true, &words);
        if (s != MMSB_OK && s != MMSB_REJECTED && m != NULL) *m = words;
        if (s == MMSB_REJECTED)
            s = MMSB_OK; /* the past that these nodes read has gone: their saved values stand */
    }
    for (u32 k = 1; k < e->image->page_count; k++) {
        if (!e->saved[k]) continue;
        u64 at = e->layout.pages[k].value_at - e->layout.mutable_at;
        memcpy(e->pages[k].value, copy + at, e->pages[k].lanes * e->pages[k].width);
        cuda_page_is_here(e, k);
    }
    region_give_back(copy, bytes);
    cuda_restart(e);
    for (u32 k = 1; k < e->image->page_count; k++)
        if (e->image->pages[k].kind == PAGE_PREV || e->image->pages[k].kind == PAGE_SOURCE)
            e->pages[k].dirty.whole = e->image->pages[k].kind == PAGE_PREV;
    e->first_run = false;
    e->recovered = true;
    for (u32 k = 0; k < e->image->event_count; k++)
        e->event_before[k] = e->pages[event_page_row(e, k)].value[0];
    started(e);
    kernels_fp_leave(before);
    return s;
}

static mmsb_status later_run(engine *e, message *m) {
    ASSERT(set_is_empty(&e->work));
    if (e->options.recompute_all || e->recovered) {
        return waves_run(e, e->image->later, e->image->later_count, m);
    }
    for (u32 k = 0; e->epoch == 0 && k < e->image->later_count; k++)
        if (e->nodes[e->image->later[k]].forced) set_add(&e->pending, k);
    for (u64 tile = set_next_tile(&e->pending, 0); tile != SET_NONE;
         tile = set_next_tile(&e->pending, tile)) {
        u64 w = tile * 8, end = w + 8;
        while (w < end && e->pending.leaf[w] == 0) w++;
        if (w == end) {
            tile++;
            continue;
        }
        u64 place = w * 64 + (u64)__builtin_ctzll(e->pending.leaf[w]);
        ASSERT(place < e->image->later_count);
        e->pending.leaf[w] &= e->pending.leaf[w] - 1;
        u32 node = e->image->later[place];
        TRY(node_run(e, node, e->epoch == 0 && e->nodes[node].forced, m));
    }
    return MMSB_OK;
}

mmsb_status engine_run(engine *e, message *m) {
    ASSERT(e->phase == PHASE_READY);
    u64 before = kernels_fp_enter(), next = e->epoch + 1;
    e->undo_on = e->layout.undo_at != 0;
    if (e->epoch_page != 0) {
        undo_save_value(e, e->pages[e->epoch_page].value);
        memcpy(e->pages[e->epoch_page].value, &next, 8);
    }
    e->pass++;
    mmsb_status s = later_run(e, m);
    if (s == MMSB_OK) events_note(e, false);
    e->phase = s == MMSB_OK ? PHASE_RAN : PHASE_FAULT;
    e->undo_on = false;
    kernels_fp_leave(before);
    return s;
}

void engine_accept(engine *e) {
    ASSERT(e->phase == PHASE_RAN);
    e->epoch++;
    e->stats.epochs++;
    cuda_accept(e);
    for (u32 k = 1; k < e->image->page_count && e->has_prev; k++)
        if (e->image->pages[k].kind == PAGE_PREV && e->pages[k].ring == NULL) prev_advance(e, k);
    rings_accept(e);
    for (u32 k = 0; k < e->image->event_count; k++)
        e->event_before[k] = e->pages[e->image->events[k].page].value[0];
    e->phase = PHASE_READY;
    e->recovered = false;
    e->undo_on = false;
    undo_forget(e);
    groups_accept(e);
    inverses_accept(e);
    if (e->watch != NULL) e->watch(e->watch_context, e);
    touched_clear(e);
    next_mark(e);
}

void engine_reject(engine *e) {
    ASSERT(e->phase != PHASE_NEW);
    e->undo_on = false;
    e->fired_count = 0;
    cuda_reject(e);
    undo_restore(e);
    rings_reject(e); /* before what is built again from pages */
    groups_reject(e);
    inverses_reject(e);
    set_clear(&e->work);
    touched_clear(e);
    next_mark(e);
    e->phase = PHASE_READY;
}

mmsb_status engine_check(engine *e, message *m) {
    u64 before = kernels_fp_enter();
    ASSERT(e->phase == PHASE_RAN);
    e->undo_on = e->layout.undo_at != 0;
    e->pass++, e->verify = true, e->verify_failed = false;
    rings_point(e);
    mmsb_status s = waves_run(e, e->image->later, e->image->later_count, m);
    e->verify = false, e->undo_on = false;
    kernels_fp_leave(before);
    if (s != MMSB_OK || !e->verify_failed) return s;
    char text[200];
    image_lane_text(e->image, e->verify_page, e->verify_lane, text, sizeof text);
    return message_set(m, MMSB_BUG,
                       "epoch %llu: %s differs between the incremental and the full evaluation",
                       (unsigned long long)e->epoch + 1, text);
}

u32 engine_fired(const engine *e, u32 *rows, u32 most) {
    ASSERT(rows != NULL || most == 0);
    ASSERT(e->fired_count <= e->image->event_count);
    for (u32 k = 0; k < e->fired_count && k < most; k++) rows[k] = e->fired[k];
    return e->fired_count;
}
