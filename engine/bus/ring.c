/* SPDX-License-Identifier: Apache-2.0
 * ring: positions and copies. Never waits, never trusts a position that it did not check. */
#include "ring.h"

/* Positions are multiples of 8, at most a ring apart. */
static u64 distance_checked(const ring *r, u64 head, u64 tail) {
    ASSERT((r->size & (r->size - 1)) == 0);
    u64 filled = head - tail;
    return filled > r->size || filled % 8 != 0 ? UINT64_MAX : filled;
}

u64 ring_room(ring *r, u64 wanted) {
    ASSERT(r->at % 8 == 0);
    u64 filled = r->at - r->seen;
    if (r->size - filled >= wanted) return r->size - filled;
    /* Acquire, with the reader's release in ring_take: what it read there it has read before we
     * write over it. */
    u64 tail = atomic_load_explicit(r->tail, memory_order_acquire);
    filled = distance_checked(r, r->at, tail);
    if (filled == UINT64_MAX) return UINT64_MAX;
    r->seen = tail;
    return r->size - filled;
}

void ring_write(ring *r, u64 ahead, const void *from, u64 bytes) {
    ASSERT(ahead + bytes <= r->size);
    u64 at = (r->at + ahead) & (r->size - 1), first = u64_min(bytes, r->size - at);
    memcpy(r->bytes + at, from, first);
    if (bytes > first) memcpy(r->bytes, (const u8 *)from + first, bytes - first);
}

void ring_put(ring *r, u64 bytes) {
    ASSERT(bytes % 8 == 0 && bytes <= r->size);
    r->at += bytes;
    /* Release, with the reader's acquire in ring_filled: the bytes are there before the head says
     * so. */
    atomic_store_explicit(r->head, r->at, memory_order_release);
}

u64 ring_filled(ring *r, u64 wanted) {
    ASSERT(r->at % 8 == 0);
    if (r->seen - r->at >= wanted) return r->seen - r->at;
    /* Acquire, with the writer's release in ring_put. */
    u64 head = atomic_load_explicit(r->head, memory_order_acquire);
    u64 filled = distance_checked(r, head, r->at);
    if (filled != UINT64_MAX) r->seen = head;
    return filled;
}

void ring_read(ring *r, u64 ahead, void *to, u64 bytes) {
    ASSERT(ahead + bytes <= r->size);
    u64 at = (r->at + ahead) & (r->size - 1), first = u64_min(bytes, r->size - at);
    memcpy(to, r->bytes + at, first);
    if (bytes > first) memcpy((u8 *)to + first, r->bytes, bytes - first);
    /* A compiler may not fetch from the ring again what the copy holds: a hostile writer would
     * change it between check and use. */
    atomic_signal_fence(memory_order_seq_cst);
}

void ring_take(ring *r, u64 bytes) {
    ASSERT(bytes % 8 == 0 && bytes <= r->size);
    r->at += bytes;
    /* Release, with the writer's acquire in ring_room: the copies are made before the place is
     * free. */
    atomic_store_explicit(r->tail, r->at, memory_order_release);
}
