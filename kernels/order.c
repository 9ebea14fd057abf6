/* SPDX-License-Identifier: Apache-2.0
 * order: sort, argsort, topk and quantile. Every element is mapped to an unsigned key of 32 or 64
 * bits that orders as the language does, keys are sorted by radix (stable, no data-dependent branch
 * in a pass), and mapped back. Rows up to SHORT are sorted by insertion. */
#include "whole.h"

#define DIGITS 256u
#define SHORT 48u

typedef struct {
    u64 key;
    u64 place;
} placed;

/* Ascending unsigned order of keys is the language's order; NaN is the greatest. */
static inline u64 key_f64(u64 bits) {
    if ((bits << 1) > 0xffe0000000000000u) return UINT64_MAX;
    return bits ^ ((u64)((i64)bits >> 63) | (u64)1 << 63);
}
static inline u64 f64_key(u64 key) {
    if (key == UINT64_MAX) return type_canonical(TYPE_F64, UINT64_MAX);
    return key ^ ((u64)((i64)~key >> 63) | (u64)1 << 63);
}
static inline u64 key_f32(u64 low) {
    u32 bits = (u32)low;
    if ((bits << 1) > 0xff000000u) return UINT32_MAX;
    return bits ^ ((u32)((i32)bits >> 31) | 1u << 31);
}
static inline u64 f32_key(u64 low) {
    u32 key = (u32)low;
    if (key == UINT32_MAX) return type_canonical(TYPE_F32, UINT32_MAX);
    return key ^ ((u32)((i32)~key >> 31) | 1u << 31);
}

static void keys_load(u8 type, const void *row, u64 n, u64 *to) {
    switch (type) {
    case TYPE_F64:
        for (u64 k = 0; k < n; k++) to[k] = key_f64(((const u64 *)row)[k]);
        return;
    case TYPE_F32:
        for (u64 k = 0; k < n; k++) to[k] = key_f32(((const u32 *)row)[k]);
        return;
#define LOAD(name, ctype, flip)                                                         \
    case TYPE_##name:                                                                   \
        for (u64 k = 0; k < n; k++) to[k] = (u64)(i64)((const ctype *)row)[k] ^ (flip); \
        return;
        LOAD(BOOL, u8, 0)
        LOAD(U8, u8, 0)
        LOAD(U16, u16, 0)
        LOAD(U32, u32, 0)
        LOAD(U64, u64, 0)
        LOAD(I8, i8, (u64)1 << 63)
        LOAD(I16, i16, (u64)1 << 63)
        LOAD(I32, i32, (u64)1 << 63)
        LOAD(I64, i64, (u64)1 << 63)
#undef LOAD
    default: ASSERT(type < TYPE_COUNT);
    }
}

static void keys_store(u8 type, const u64 *from, u64 n, void *row) {
    switch (type) {
    case TYPE_F64:
        for (u64 k = 0; k < n; k++) ((u64 *)row)[k] = f64_key(from[k]);
        return;
    case TYPE_F32:
        for (u64 k = 0; k < n; k++) ((u32 *)row)[k] = (u32)f32_key(from[k]);
        return;
#define STORE(name, ctype)                                              \
    case TYPE_##name:                                                   \
        for (u64 k = 0; k < n; k++) ((ctype *)row)[k] = (ctype)from[k]; \
        return;
        STORE(BOOL, u8)
        STORE(U8, u8)
        STORE(U16, u16)
        STORE(U32, u32)
        STORE(U64, u64)
        STORE(I8, u8)
        STORE(I16, u16)
        STORE(I32, u32)
#undef STORE
    case TYPE_I64:
        for (u64 k = 0; k < n; k++) ((u64 *)row)[k] = from[k] ^ (u64)1 << 63;
        return;
    default: ASSERT(type < TYPE_COUNT);
    }
}

static void keys_insertion(u64 *keys, u64 n) {
    for (u64 k = 1; k < n; k++) {
        u64 key = keys[k], at = k;
        for (; at > 0 && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* Counts every digit of every key in one reading; returns the bits in which keys differ. */
static u64 count_digits(const u64 *keys, u64 stride, u64 n, u32 counts[8][DIGITS]) {
    u64 any = 0, all = UINT64_MAX;
    memset(counts, 0, sizeof(u32) * 8 * DIGITS);
    for (u64 k = 0; k < n; k++) {
        u64 key = keys[k * stride];
        any |= key, all &= key;
        for (u32 d = 0; d < 8; d++) counts[d][key >> (8 * d) & 255]++;
    }
    return any ^ all;
}

static void counts_to_starts(u32 counts[DIGITS]) {
    u32 sum = 0;
    for (u32 k = 0; k < DIGITS; k++) {
        u32 count = counts[k];
        counts[k] = sum;
        sum += count;
    }
}

/* Sorts keys[n]; spare[n] is used in turn. Returns where the result lies. */
static u64 *keys_sort(u64 *keys, u64 *spare, u64 n) {
    if (n <= SHORT) {
        keys_insertion(keys, n);
        return keys;
    }
    u32 counts[8][DIGITS];
    u64 differ = count_digits(keys, 1, n, counts);
    for (u32 d = 0; d < 8; d++) {
        if ((differ >> (8 * d) & 255) == 0) continue;
        counts_to_starts(counts[d]);
        for (u64 k = 0; k < n; k++) spare[counts[d][keys[k] >> (8 * d) & 255]++] = keys[k];
        u64 *swap = keys;
        keys = spare, spare = swap;
    }
    return keys;
}

static placed *placed_sort(placed *rows, placed *spare, u64 n) {
    u32 counts[8][DIGITS];
    u64 differ = count_digits(&rows->key, 2, n, counts);
    for (u32 d = 0; d < 8; d++) {
        if ((differ >> (8 * d) & 255) == 0) continue;
        counts_to_starts(counts[d]);
        for (u64 k = 0; k < n; k++) spare[counts[d][rows[k].key >> (8 * d) & 255]++] = rows[k];
        placed *swap = rows;
        rows = spare, spare = swap;
    }
    return rows;
}

void whole_sort(u8 type, const void *row, u64 n, void *out, void *scratch) {
    ASSERT(n > 0 && n <= UINT32_MAX);
    u64 *keys = scratch;
    keys_load(type, row, n, keys);
    keys_store(type, keys_sort(keys, keys + n, n), n, out);
}

void whole_argsort(u8 type, const void *row, u64 n, i64 *out, void *scratch) {
    ASSERT(n > 0 && n <= UINT32_MAX);
    placed *rows = scratch;
    u64 *keys = (u64 *)(rows + n);
    keys_load(type, row, n, keys);
    for (u64 k = 0; k < n; k++) rows[k] = (placed){keys[k], k};
    rows = placed_sort(rows, rows + n, n);
    for (u64 k = 0; k < n; k++) out[k] = (i64)rows[k].place;
}

/* Puts the key of that rank at its place: smaller ones before it, greater ones after. */
static u64 keys_select(u64 *keys, u64 n, u64 rank) {
    u64 low = 0, high = n;
    while (high - low > SHORT) {
        u64 a = keys[low], b = keys[low + (high - low) / 2], c = keys[high - 1];
        u64 pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        u64 less = low;
        for (u64 k = low; k < high; k++) {
            u64 key = keys[k];
            keys[k] = keys[less], keys[less] = key;
            less += key < pivot;
        }
        u64 equal = less;
        for (u64 k = less; k < high; k++) {
            u64 key = keys[k];
            keys[k] = keys[equal], keys[equal] = key;
            equal += key == pivot;
        }
        if (rank < less)
            high = less;
        else if (rank < equal)
            return pivot;
        else
            low = equal;
    }
    keys_insertion(keys + low, high - low);
    return keys[rank];
}

void whole_topk(u8 type, const void *row, u64 n, u64 k, void *out, void *scratch) {
    ASSERT(k > 0 && k <= n && n <= UINT32_MAX);
    u64 *keys = scratch;
    u64 nan_key = type == TYPE_F64 ? UINT64_MAX : UINT32_MAX;
    keys_load(type, row, n, keys);
    u64 *sorted = keys_sort(keys, keys + n, n), *down = sorted == keys ? keys + n : keys;
    u64 numbers = n, used = 0;
    if (type_is_float(type))
        while (numbers > 0 && sorted[numbers - 1] == nan_key) numbers--;
    for (; used < k && used < numbers; used++) down[used] = sorted[numbers - 1 - used];
    for (; used < k; used++) down[used] = nan_key;
    keys_store(type, down, k, out);
}

static u64 interpolate_f64(u64 low, u64 high, f64 share) {
    f64 a, b;
    memcpy(&a, &low, 8), memcpy(&b, &high, 8);
    f64 r = a + (b - a) * share;
    u64 bits;
    memcpy(&bits, &r, 8);
    return type_canonical(TYPE_F64, bits);
}

static u64 interpolate_f32(u64 low, u64 high, f32 share) {
    u32 la = (u32)low, lb = (u32)high;
    f32 a, b;
    memcpy(&a, &la, 4), memcpy(&b, &lb, 4);
    f32 r = a + (b - a) * share;
    u32 bits;
    memcpy(&bits, &r, 4);
    return type_canonical(TYPE_F32, bits);
}

/* The key of rank + 1 (of rank itself where that is the last), given the one of rank. */
static u64 key_after(const u64 *keys, u64 n, u64 rank, u64 key) {
    u64 at_most = 0, next = UINT64_MAX;
    for (u64 k = 0; k < n; k++) {
        at_most += keys[k] <= key;
        next = keys[k] > key && keys[k] < next ? keys[k] : next;
    }
    return rank + 1 >= n || at_most >= rank + 2 ? key : next;
}

u64 whole_quantile(u8 type, const void *row, u64 n, u64 q, void *scratch) {
    ASSERT(type_is_float(type) && n > 0);
    u64 *keys = scratch;
    u64 nan_key = type == TYPE_F64 ? UINT64_MAX : UINT32_MAX, any_nan = 0;
    keys_load(type, row, n, keys);
    for (u64 k = 0; k < n; k++) any_nan |= keys[k] == nan_key;
    if (any_nan) return type_canonical(type, nan_key);
    f64 wide = 0;
    f32 narrow = 0;
    u32 low_bits = (u32)q;
    memcpy(&wide, &q, 8), memcpy(&narrow, &low_bits, 4);
    f64 h64 = wide * (f64)(n - 1);
    f32 h32 = narrow * (f32)(n - 1);
    u64 rank = type == TYPE_F64 ? (u64)h64 : (u64)h32;
    if (rank >= n) rank = n - 1;
    u64 low = keys_select(keys, n, rank), high = key_after(keys, n, rank, low);
    if (type == TYPE_F64) return interpolate_f64(f64_key(low), f64_key(high), h64 - (f64)rank);
    return interpolate_f32(f32_key(low), f32_key(high), h32 - (f32)rank);
}
