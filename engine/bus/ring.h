/* SPDX-License-Identifier: Apache-2.0
 * ring: a byte ring with one writer and one reader that do not trust each other. Each side keeps
 * its own position privately and publishes it; it never reads back what it published. The words
 * lie in shared memory, or in a test between two threads. */
#ifndef MMSB_BUS_RING_H
#define MMSB_BUS_RING_H
#include "protocol.h"

typedef struct {
    _Atomic u64 *head; /* the writer's */
    _Atomic u64 *tail; /* the reader's */
    u8 *bytes;
    u64 size; /* a power of two */
    u64 at;   /* own position: the writer's head or the reader's tail */
    u64 seen; /* the other's position when last read and found to make sense */
} ring;

/* Between two looks at a word that another processor writes. */
static inline void ring_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Bytes that the writer may put; UINT64_MAX: the reader's position makes no sense. Reads the
 * reader's word, once, only where what was seen last is less than `wanted`. */
u64 ring_room(ring *r, u64 wanted);
/* Copies to the place `ahead` bytes behind the own head; nothing shows before ring_put. */
void ring_write(ring *r, u64 ahead, const void *from, u64 bytes);
void ring_put(ring *r, u64 bytes);
/* Bytes that the reader may take; UINT64_MAX: the writer's position makes no sense. */
u64 ring_filled(ring *r, u64 wanted);
/* Copies out, once; what the writer does to the place meanwhile may show in the copy, never after.
 */
void ring_read(ring *r, u64 ahead, void *to, u64 bytes);
void ring_take(ring *r, u64 bytes);
#endif
