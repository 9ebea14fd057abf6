/* SPDX-License-Identifier: Apache-2.0
 * apply: puts a checked delta into its page and says which lanes changed. */
#include "engine.h"

#include "state.h"

/* Sets `count` lanes from a word's border at most to the next; bit k of the result: lane k changed.
 * Values whose bits are equal change nothing. */
#define SET_LANES(type)                                                                     \
    static u64 set_lanes_##type(type *at, const u8 *from, u64 stride, u32 count) {          \
        u64 changed = 0;                                                                    \
        u32 k = 0;                                                                          \
        for (; stride == sizeof(type) && k + 8 <= count; k += 8, from += 8 * stride) {      \
            type now[8];                                                                    \
            memcpy(now, from, sizeof now);                                                  \
            u64 eight = (u64)(at[k] != now[0]) | (u64)(at[k + 1] != now[1]) << 1 |          \
                        (u64)(at[k + 2] != now[2]) << 2 | (u64)(at[k + 3] != now[3]) << 3 | \
                        (u64)(at[k + 4] != now[4]) << 4 | (u64)(at[k + 5] != now[5]) << 5 | \
                        (u64)(at[k + 6] != now[6]) << 6 | (u64)(at[k + 7] != now[7]) << 7;  \
            memcpy(at + k, now, sizeof now);                                                \
            changed |= eight << k;                                                          \
        }                                                                                   \
        for (; k < count; k++, from += stride) {                                            \
            type now;                                                                       \
            memcpy(&now, from, sizeof now);                                                 \
            changed |= (u64)(at[k] != now) << k;                                            \
            at[k] = now;                                                                    \
        }                                                                                   \
        return changed;                                                                     \
    }
SET_LANES(u8)
SET_LANES(u16)
SET_LANES(u32)
SET_LANES(u64)

static u64 set_lanes(u32 width, u8 *at, const u8 *from, u64 stride, u32 count) {
    switch (width) {
    case 1: return set_lanes_u8(at, from, stride, count);
    case 2: return set_lanes_u16((u16 *)at, from, stride, count);
    case 4: return set_lanes_u32((u32 *)at, from, stride, count);
    default: return set_lanes_u64((u64 *)at, from, stride, count);
    }
}

/* The most frequent delta: a value for one lane. */
static void apply_one(engine *e, u32 page, const delta *d) {
    page_state *p = &e->pages[page];
    u8 *at = p->value + d->first * p->width;
    ASSERT(d->count == 1 && d->first < p->lanes);
    u64 bits = type_canonical(p->row->type, lane_bits(d->payload, p->width));
    if (bits == lane_bits(at, p->width)) return;
    undo_save_value(e, at);
    lane_put(at, bits, p->width);
    set_add_mask(&p->dirty, d->first / 64, (u64)1 << (d->first & 63));
    e->stats.lanes_changed++;
    page_touch(e, page);
}

/* Values for a run of lanes, a word of the dirty set at a time. */
static void apply_set(engine *e, u32 page, const delta *d) {
    ASSERT(d->count > 1);
    ASSERT(d->count <= e->pages[page].lanes - d->first);
    page_state *p = &e->pages[page];
    const u8 *from = d->payload;
    u64 stride = d->broadcast ? 0 : p->width, end = d->first + d->count;
    _Alignas(64) u8 canonical[64 * 8];
    bool is_float = type_is_float(p->row->type);
    undo_save(e, p->value + d->first * p->width, d->count * p->width);
    for (u64 lane = d->first; lane < end;) {
        u32 count = (u32)(u64_min(end, (lane | 63) + 1) - lane);
        const u8 *source = from;
        if (is_float) {
            for (u32 k = 0; k < count; k++) {
                u64 bits = number_word(p->row->type, from + k * stride);
                bits = type_canonical(p->row->type, bits);
                memcpy(canonical + k * p->width, &bits, p->width);
            }
            source = canonical;
        }
        u64 changed = set_lanes(p->width, p->value + lane * p->width, source,
                                source == from ? stride : p->width, count);
        if (changed != 0) {
            set_add_mask(&p->dirty, lane / 64, changed << (lane & 63));
            e->stats.lanes_changed += set_bits(changed);
            page_touch(e, page);
        }
        from += count * stride, lane += count;
    }
}

static u32 delta_page(const engine *e, const delta *d) {
    ASSERT(d->page > 0);
    ASSERT(d->page < e->image->page_count);
    bool state = (e->image->pages[d->page].flags & PAGE_STATE) != 0;
    return state ? e->image->pages[d->page].prev : d->page;
}

void engine_prefetch(const engine *e, const delta *d) {
    const page_state *p = &e->pages[delta_page(e, d)];
    __builtin_prefetch(p->value + d->first * p->width, 1);
    __builtin_prefetch(&p->dirty.leaf[d->first / 64], 1);
}

#define BATCH_LANES 64u

/* Lanes of one page, in order, with the values that a delta has for them. */
typedef struct {
    u32 count;
    u64 lane[BATCH_LANES];
    _Alignas(64) u8 old[BATCH_LANES * 8];
    _Alignas(64) u8 value[BATCH_LANES * 8];
    _Alignas(64) u8 now[BATCH_LANES * 8];
} batch;

/* Stores what differs; a word of the dirty set is touched once. */
static void batch_store(engine *e, u32 page, const batch *b, const u8 *now) {
    ASSERT(b->count != 0 && b->count <= BATCH_LANES);
    page_state *p = &e->pages[page];
    u64 word = b->lane[0] / 64, changed = 0;
    for (u32 k = 0; k < b->count; k++) {
        u8 *at = p->value + b->lane[k] * p->width;
        u64 bits = type_canonical(p->row->type, lane_bits(now + k * p->width, p->width));
        if (bits == lane_bits(at, p->width)) continue;
        undo_save_value(e, at);
        lane_put(at, bits, p->width);
        if (b->lane[k] / 64 != word) {
            if (changed != 0) set_add_mask(&p->dirty, word, changed);
            word = b->lane[k] / 64, changed = 0;
        }
        changed |= (u64)1 << (b->lane[k] & 63);
        e->stats.lanes_changed++;
        page_touch(e, page);
    }
    if (changed != 0) set_add_mask(&p->dirty, word, changed);
}

/* A word of a delta's mask from its lane `at` on; all ones where it has none. */
static u64 mask_word(const delta *d, u64 at) {
    ASSERT(at < d->count && at % 64 == 0);
    u64 lanes = u64_min(64, d->count - at), word = UINT64_MAX;
    if (d->form == DELTA_MASK && lanes == 64) {
        memcpy(&word, d->mask + at / 8, 8);
    } else if (d->form == DELTA_MASK) {
        word = 0;
        memcpy(&word, d->mask + at / 8, (lanes + 7) / 8);
    }
    return lanes == 64 ? word : word & (((u64)1 << lanes) - 1);
}

static void apply_batches(engine *e, u32 page, const delta *d, kernel_fn join) {
    const page_state *p = &e->pages[page];
    const u8 *from = d->payload;
    batch b;
    ASSERT(d->kind == DELTA_SET || join != NULL);
    for (u64 at = 0; at < d->count; at += 64) {
        u64 bits = mask_word(d, at);
        if (bits == 0) continue;
        for (b.count = 0; bits != 0; bits &= bits - 1) {
            u64 lane = d->first + at + (u64)__builtin_ctzll(bits);
            memcpy(b.old + b.count * p->width, p->value + lane * p->width, p->width);
            if (d->broadcast != 0) memcpy(b.value + b.count * p->width, from, p->width);
            b.lane[b.count++] = lane;
        }
        if (d->broadcast == 0) {
            memcpy(b.value, from, b.count * p->width);
            from += b.count * p->width;
        }
        if (join != NULL) join(b.now, b.old, b.value, NULL, b.count);
        batch_store(e, page, &b, join != NULL ? b.now : b.value);
    }
}

void engine_apply(engine *e, const delta *d) {
    static const u16 ops[DELTA_KIND_COUNT] = {0, OP_ADD, OP_MIN, OP_MAX, OP_AND, OP_OR, OP_XOR};
    u32 page = delta_page(e, d);
    ASSERT(page != 0);
    ASSERT(e->phase == PHASE_READY);
    ASSERT(d->type == e->pages[page].row->type && d->kind < DELTA_KIND_COUNT);
    e->undo_on = e->layout.undo_at != 0;
    if (d->kind == DELTA_SET && d->form == DELTA_RANGE) {
        (d->count == 1 ? apply_one : apply_set)(e, page, d);
        return;
    }
    u64 before = kernels_fp_enter();
    apply_batches(e, page, d,
                  d->kind == DELTA_SET
                      ? NULL
                      : kernel_find(ops[d->kind], e->pages[page].row->type, 0, VARIANT_VV));
    kernels_fp_leave(before);
}
