/* SPDX-License-Identifier: Apache-2.0
 * delta: sizes, bytes and checks of one change. Needs a verified image; applies nothing. */
#include "delta.h"

static u64 delta_mask_bytes(const delta *d) {
    ASSERT(d->form != DELTA_MASK || d->count <= LANES_MAX);
    return d->form == DELTA_MASK ? d->count / 8 + (d->count % 8 != 0) : 0;
}

u64 delta_bytes(const delta *d) {
    ASSERT(d->count <= LANES_MAX && d->payload_bytes <= LANES_MAX * 8);
    return DELTA_HEAD_BYTES + ALIGN_UP(delta_mask_bytes(d), 8) + ALIGN_UP(d->payload_bytes, 8);
}

static u8 *padded_copy(u8 *to, const void *from, u64 bytes) {
    ASSERT(((uintptr_t)to & 7) == 0);
    ASSERT(from != NULL || bytes == 0);
    if (bytes > 0) memcpy(to, from, bytes);
    u64 whole = ALIGN_UP(bytes, 8);
    memset(to + bytes, 0, whole - bytes);
    return to + whole;
}

void delta_head_write(const delta *d, u8 *to) {
    ASSERT(d->form < DELTA_FORM_COUNT && d->kind < DELTA_KIND_COUNT);
    ASSERT(((uintptr_t)to & 7) == 0);
    memcpy(to, &d->page, 4);
    to[4] = d->kind;
    to[5] = d->form;
    to[6] = d->broadcast;
    to[7] = d->type;
    memcpy(to + 8, &d->first, 8);
    memcpy(to + 16, &d->count, 8);
    memcpy(to + 24, &d->payload_bytes, 8);
}

void delta_write(const delta *d, u8 *to) {
    delta_head_write(d, to);
    u8 *after_mask = padded_copy(to + DELTA_HEAD_BYTES, d->mask, delta_mask_bytes(d));
    padded_copy(after_mask, d->payload, d->payload_bytes);
}

/* Whether the bytes that pad `bytes` to a multiple of 8 are zero. */
static bool padding_is_zero(const u8 *at, u64 bytes) {
    ASSERT(at != NULL || bytes == 0);
    u8 any = 0;
    for (u64 k = bytes; k < ALIGN_UP(bytes, 8); k++) any |= at[k];
    return any == 0;
}

/* The most frequent delta, values for a run of lanes whose bytes need no padding: read and checked
 * in one go. Whatever it does not take, delta_read words. */
static bool read_plain(const image *i, const u8 *at, u64 bytes, delta *out) {
    struct {
        u32 page;
        u8 kind, form, broadcast, type;
        u64 first, count, payload_bytes;
    } h;
    static_assert(sizeof h == DELTA_HEAD_BYTES, "delta.h says where the fields lie");
    ASSERT(bytes >= DELTA_HEAD_BYTES);
    memcpy(&h, at, sizeof h);
    if (h.page == 0 || h.page >= i->page_count) return false;
    const image_page *p = &i->pages[h.page];
    u64 lanes = i->shapes[p->shape].lanes;
    bool takes =
        p->kind == PAGE_SOURCE || ((p->flags & PAGE_STATE) != 0 && (p->flags & PAGE_RING) == 0);
    if (!takes || h.type != p->type || h.type == TYPE_BOOL || h.kind != DELTA_SET ||
        h.form != DELTA_RANGE || h.broadcast != 0 || h.count == 0 || h.first >= lanes ||
        h.count > lanes - h.first || h.payload_bytes != h.count * type_bytes(h.type) ||
        h.payload_bytes % 8 != 0 || h.payload_bytes > bytes - DELTA_HEAD_BYTES)
        return false;
    *out = (delta){.page = h.page,
                   .kind = DELTA_SET,
                   .form = DELTA_RANGE,
                   .type = h.type,
                   .first = h.first,
                   .count = h.count,
                   .payload_bytes = h.payload_bytes,
                   .payload = at + DELTA_HEAD_BYTES};
    return true;
}

mmsb_status delta_read(const image *i, const u8 *at, u64 bytes, delta *out, u64 *used, message *m) {
    ASSERT(((uintptr_t)at & 7) == 0);
    ASSERT(out != NULL);
    ASSERT(used != NULL);
    delta d = {0};
    if (bytes < DELTA_HEAD_BYTES) return message_set(m, MMSB_WRONG, "a delta's head is cut off");
    if (read_plain(i, at, bytes, out)) {
        *used = DELTA_HEAD_BYTES + out->payload_bytes;
        return MMSB_OK;
    }
    memcpy(&d.page, at, 4);
    d.kind = at[4];
    d.form = at[5];
    d.broadcast = at[6];
    d.type = at[7];
    memcpy(&d.first, at + 8, 8);
    memcpy(&d.count, at + 16, 8);
    memcpy(&d.payload_bytes, at + 24, 8);
    u64 left = bytes - DELTA_HEAD_BYTES;
    if (d.form >= DELTA_FORM_COUNT || d.count > LANES_MAX || d.payload_bytes > left ||
        delta_mask_bytes(&d) > left || delta_bytes(&d) > bytes) {
        return message_set(m, MMSB_WRONG, "a delta of page row %u does not fit its %llu bytes",
                           d.page, (unsigned long long)bytes);
    }
    const u8 *mask = at + DELTA_HEAD_BYTES;
    const u8 *payload = mask + ALIGN_UP(delta_mask_bytes(&d), 8);
    d.mask = d.form == DELTA_MASK ? mask : NULL;
    d.payload = payload;
    if (!padding_is_zero(mask, delta_mask_bytes(&d)) ||
        !padding_is_zero(payload, d.payload_bytes)) {
        return message_set(m, MMSB_WRONG, "a delta of page row %u has padding that is not zero",
                           d.page);
    }
    TRY(delta_check(i, &d, m));
    *out = d;
    *used = delta_bytes(&d);
    ASSERT(*used <= bytes);
    return MMSB_OK;
}

/* What a delta of this kind does, as the operator that its type must allow. */
static bool kind_fits(u8 kind, u8 type) {
    ASSERT(type < TYPE_COUNT);
    switch ((delta_kind)kind) {
    case DELTA_SET: return true;
    case DELTA_ADD: return type != TYPE_BOOL;
    case DELTA_MIN:
    case DELTA_MAX: return true;
    case DELTA_AND:
    case DELTA_OR:
    case DELTA_XOR: return !type_is_float(type);
    case DELTA_KIND_COUNT: break;
    }
    return false;
}

static u64 mask_set_bits(const delta *d) {
    ASSERT(d->form == DELTA_MASK);
    ASSERT(d->mask != NULL);
    u64 set = 0;
    for (u64 k = 0; k < delta_mask_bytes(d); k++) set += (u64)__builtin_popcount(d->mask[k]);
    return set;
}

static bool mask_is_inside(const delta *d) {
    ASSERT(d->form == DELTA_MASK);
    ASSERT(d->mask != NULL);
    u64 over = d->count % 8;
    return over == 0 || d->mask[d->count / 8] >> over == 0;
}

static bool bools_are_bools(const delta *d) {
    ASSERT(d->type == TYPE_BOOL);
    const u8 *value = d->payload;
    u8 any = 0;
    for (u64 k = 0; k < d->payload_bytes; k++) any |= value[k];
    return any <= 1;
}

static mmsb_status check_page(const image *i, const delta *d, message *m) {
    ASSERT(d != NULL);
    if (d->page == 0 || d->page >= i->page_count) {
        return message_set(m, MMSB_WRONG, "a delta names page row %u, but the graph has %u",
                           d->page, i->page_count);
    }
    const image_page *p = &i->pages[d->page];
    const char *name = image_string(i, p->name);
    if (p->kind != PAGE_SOURCE && ((p->flags & PAGE_STATE) == 0 || (p->flags & PAGE_RING) != 0)) {
        return message_set(
            m, MMSB_WRONG,
            "%s is not a source: deltas change sources and state pages only, the rest is derived",
            name);
    }
    if (d->type != p->type) {
        return message_set(m, MMSB_WRONG, "a delta of %s has type %s, but the page is %s", name,
                           d->type < TYPE_COUNT ? type_text(d->type) : "?", type_text(p->type));
    }
    if (!kind_fits(d->kind, d->type)) {
        return message_set(m, MMSB_WRONG, "%s is %s, which this kind of delta does not take", name,
                           type_text(p->type));
    }
    return MMSB_OK;
}

mmsb_status delta_check(const image *i, const delta *d, message *m) {
    ASSERT(i->page_count > 0);
    TRY(check_page(i, d, m));
    const char *name = image_string(i, i->pages[d->page].name);
    u64 lanes = i->shapes[i->pages[d->page].shape].lanes;
    unsigned long long first = d->first, count = d->count, all = lanes;
    if (d->count == 0 || d->first >= lanes || d->count > lanes - d->first) {
        return message_set(m, MMSB_WRONG,
                           "a delta of %s names %llu lanes from %llu, but the page has %llu", name,
                           count, first, all);
    }
    bool masked = d->form == DELTA_MASK;
    if (d->form >= DELTA_FORM_COUNT || d->broadcast > 1 || masked != (d->mask != NULL)) {
        return message_set(m, MMSB_WRONG, "a delta of %s has an unknown form", name);
    }
    if (masked && !mask_is_inside(d)) {
        return message_set(m, MMSB_WRONG, "a delta of %s has mask bits past its %llu lanes", name,
                           count);
    }
    u64 values = d->broadcast ? 1 : masked ? mask_set_bits(d) : d->count;
    if (d->payload_bytes != values * type_bytes(d->type) || (d->payload == NULL && values > 0)) {
        return message_set(m, MMSB_WRONG,
                           "a delta of %s at lane %llu has %llu payload bytes, not %llu", name,
                           first, (unsigned long long)d->payload_bytes,
                           (unsigned long long)(values * type_bytes(d->type)));
    }
    if (d->type == TYPE_BOOL && !bools_are_bools(d)) {
        return message_set(m, MMSB_WRONG,
                           "a delta of %s at lane %llu has a bool that is neither 0 nor 1", name,
                           first);
    }
    return MMSB_OK;
}
