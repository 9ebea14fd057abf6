/* SPDX-License-Identifier: Apache-2.0
 * generate_changes: random deltas to the pages of a graph. */
#include "generate.h"
#include <math.h>

static u64 some_bits(chance *c, u8 type) {
    static const f64 floats[] = {0.0,  -0.0, 1.0,   -1.0,   0.5,      3.0,       17.25, -40.0,
                                 75.0, 1e-3, 1e300, -1e300, INFINITY, -INFINITY, NAN,   5e-324};
    if (type == TYPE_BOOL) return chance_below(c, 2);
    if (!type_is_float(type)) {
        u64 bits = chance_percent(c, 90) ? chance_below(c, 9) : chance_next(c);
        return type_bytes(type) == 8 ? bits : bits & ((1ull << 8 * type_bytes(type)) - 1);
    }
    f64 value = chance_percent(c, 25)
                    ? floats[chance_below(c, chance_percent(c, 70) ? 8 : (u32)ARRAY_COUNT(floats))]
                    : (f64)chance_below(c, 400) / 16.0 - 10.0;
    f32 narrow = (f32)value;
    u64 bits = 0;
    if (type == TYPE_F32)
        memcpy(&bits, &narrow, 4);
    else
        memcpy(&bits, &value, 8);
    return bits;
}

bool generate_delta(chance *c, const oracle *o, const bool *takes, generated_delta *out) {
    u32 seen = 0;
    for (u32 k = 0; k < o->page_count; k++) {
        const oracle_page *p = &o->pages[k];
        if (takes[k] && p->lanes <= GENERATE_CHANGES_MAX && chance_below(c, ++seen) == 0)
            out->page = k;
    }
    if (seen == 0) return false;
    const oracle_page *p = &o->pages[out->page];
    u32 pattern = chance_below(c, 6), kinds = type_is_float(p->form.type) ? 4 : 7;
    u8 least = p->form.type == TYPE_BOOL ? CHANGE_AND : CHANGE_ADD;
    out->kind = chance_percent(c, 60) ? CHANGE_SET : (u8)(least + chance_below(c, kinds - least));
    out->broadcast = chance_percent(c, 30);
    out->masked = pattern == 3 || pattern == 4;
    out->first = pattern == 5 ? 0 : chance_below(c, (u32)p->lanes);
    u64 room = p->lanes - out->first;
    out->count = pattern < 2 ? 1 : pattern == 5 ? p->lanes : 1 + chance_below(c, (u32)room);
    out->used = 0;
    memset(out->mask, 0, sizeof out->mask);
    static const u32 shares[] = {1, 10, 100, 1000, 3000, 10000}; /* of 10,000 */
    u32 share = shares[chance_below(c, (u32)ARRAY_COUNT(shares))];
    for (u64 k = 0; out->masked && k < out->count; k++)
        if (pattern == 3 ? k % 64 == 0 : chance_below(c, 10000) < share)
            out->mask[k / 8] |= (u8)(1u << k % 8), out->used++;
    if (!out->masked) out->used = out->count;
    for (u64 k = 0; k < (out->broadcast ? 1 : out->used); k++)
        out->bits[k] = some_bits(c, p->form.type);
    return out->used > 0;
}
