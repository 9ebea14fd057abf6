/* SPDX-License-Identifier: Apache-2.0
 * ring: positions that make no sense, and the end of their numbers. tests/bus/bus_ring.c has two
 * threads. */
#include <criterion/criterion.h>

#include "bus/ring.h"

#define BYTES ((u64)4096)

static _Alignas(64) _Atomic u64 head, tail;
static u8 bytes[BYTES];

static ring ring_of(void) {
    return (ring){.head = &head, .tail = &tail, .bytes = bytes, .size = BYTES};
}

Test(ring, a_position_that_makes_no_sense_is_told) {
    static const u64 wrong[] = {1,       7, 12, BYTES + 8, BYTES * 2, UINT64_MAX, UINT64_MAX - 7,
                                1u << 31};
    for (u32 k = 0; k < ARRAY_COUNT(wrong); k++) {
        ring r = ring_of();
        r.at = r.seen = 64;
        atomic_store(&head, 64 + wrong[k]);
        cr_expect(ring_filled(&r, 8) == UINT64_MAX, "head %llu", (unsigned long long)wrong[k]);
        atomic_store(&tail, 64 - wrong[k]);
        r.at = 64, r.seen = 64 - BYTES; /* full, as far as is known */
        cr_expect(ring_room(&r, 8) == UINT64_MAX, "tail %llu", (unsigned long long)wrong[k]);
        cr_expect(r.seen == 64 - BYTES, "nonsense was kept");
    }
}

Test(ring, positions_pass_the_end_of_their_numbers) {
    u64 start = UINT64_MAX - 15; /* a multiple of 8 */
    ring w = ring_of(), r = ring_of();
    u8 record[64] = {5}, copy[64];
    w.at = w.seen = r.at = r.seen = start;
    atomic_store(&head, start), atomic_store(&tail, start);
    for (u32 k = 0; k < 8; k++) {
        cr_assert(ring_room(&w, 64) >= 64);
        ring_write(&w, 0, record, 64);
        ring_put(&w, 64);
        cr_assert(ring_filled(&r, 64) == 64);
        ring_read(&r, 0, copy, 64);
        ring_take(&r, 64);
        cr_assert(memcmp(record, copy, 64) == 0);
    }
}
