/* SPDX-License-Identifier: Apache-2.0
 * bus_ring: every record that one thread puts into a ring arrives whole and in order in another.
 * The thread sanitizer sees both sides touch one address, which in two maps of one file it would
 * not; so this is a program of its own (Criterion does not start under that sanitizer). */
#include <pthread.h>
#include <stdio.h>

#include "bus/ring.h"

#define BYTES ((u64)4096)
#define RECORDS 200000u

static _Alignas(64) _Atomic u64 head;
static _Alignas(64) _Atomic u64 tail;
static u8 bytes[BYTES];

static ring ring_of(void) {
    return (ring){.head = &head, .tail = &tail, .bytes = bytes, .size = BYTES};
}

static u64 record_bytes(u64 n) { return 8 + n * 2654435761u % 25 * 8; }

static void *writer_run(void *context) {
    ring r = ring_of();
    u8 record[256];
    for (u64 n = 0; n < RECORDS; n++) {
        u64 size = record_bytes(n);
        memset(record, (int)(n & 0xff), size);
        memcpy(record, &n, 8);
        while (ring_room(&r, size) < size) ring_pause();
        ring_write(&r, 0, record, 8);
        if (size > 8) ring_write(&r, 8, record + 8, size - 8);
        ring_put(&r, size);
    }
    return context;
}

int main(void) {
    pthread_t t;
    ring r = ring_of();
    u8 record[256], want[256];
    u64 wrong = 0;
    if (pthread_create(&t, NULL, writer_run, NULL) != 0) return 3;
    for (u64 n = 0, got; n < RECORDS; n++) {
        u64 size = record_bytes(n);
        while (ring_filled(&r, size) < size) ring_pause();
        ring_read(&r, 0, record, size);
        ring_take(&r, size);
        memcpy(&got, record, 8);
        memset(want, (int)(n & 0xff), size);
        wrong += got != n || memcmp(record + 8, want + 8, size - 8) != 0;
    }
    pthread_join(t, NULL);
    printf("%u records, %llu wrong\n", RECORDS, (unsigned long long)wrong);
    return wrong != 0;
}
