/* SPDX-License-Identifier: Apache-2.0
 * arena: growing arenas in chunks, and reserved regions. The only place that asks the system for
 * memory. A growing arena is used by one thread; regions and the count of system calls by any. */
#include "arena.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define CHUNK_BYTES_MIN ((u64)256 << 10)
#define CHUNK_BYTES_MAX ((u64)64 << 20)
#define PAGE_BYTES 4096u
#define HUGE_BYTES ((u64)2 << 20)

/* Chunks form a list; `used` counts from the chunk's start, its head included. */
typedef struct chunk {
    struct chunk *before;
    u64 bytes, used;
    u64 zero[5];
} chunk;
static_assert(sizeof(chunk) == 64, "a chunk's head keeps lines whole");

struct arena {
    chunk *last;
    u64 bytes_max, bytes, chunk_bytes;
    bool sealed;
};

static _Atomic u64 system_calls;

static void *system_take(u64 bytes) {
    ASSERT(bytes != 0);
    ASSERT(bytes % PAGE_BYTES == 0);
    atomic_fetch_add_explicit(&system_calls, 1, memory_order_relaxed);
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

u64 arena_system_calls(void) { return atomic_load_explicit(&system_calls, memory_order_relaxed); }

/* Adds a chunk with room for `bytes` at any alignment up to a page; false where the limit or memory
 * ends. */
static bool arena_add(arena *a, u64 bytes) {
    ASSERT(a->chunk_bytes >= CHUNK_BYTES_MIN);
    ASSERT(a->chunk_bytes <= CHUNK_BYTES_MAX);
    u64 needed = ALIGN_UP(bytes + sizeof(chunk) + PAGE_BYTES, PAGE_BYTES);
    if (needed < bytes) return false;
    u64 size = u64_max(needed, a->chunk_bytes);
    if (a->bytes_max != 0 && a->bytes + needed > a->bytes_max) return false;
    if (a->bytes_max != 0 && a->bytes + size > a->bytes_max) size = needed;
    chunk *c = system_take(size);
    if (c == NULL) return false;
    c->before = a->last, c->bytes = size, c->used = sizeof(chunk);
    a->last = c;
    a->bytes += size;
    ASSERT(a->bytes_max == 0 || a->bytes <= a->bytes_max);
    a->chunk_bytes = u64_min(a->chunk_bytes * 2, CHUNK_BYTES_MAX);
    return true;
}

arena *arena_open(u64 bytes_max) {
    arena seed = {.bytes_max = bytes_max, .chunk_bytes = CHUNK_BYTES_MIN};
    if (!arena_add(&seed, sizeof(arena))) return NULL;
    arena *a = arena_take(&seed, sizeof(arena), _Alignof(arena));
    if (a != NULL) *a = seed;
    return a;
}

void arena_close(arena *a) {
    if (a == NULL) return;
    for (chunk *c = a->last; c != NULL;) {
        ASSERT(c->used <= c->bytes);
        chunk *before = c->before;
        munmap(c, c->bytes);
        c = before;
    }
}

void arena_clear(arena *a) {
    ASSERT(a->last != NULL);
    ASSERT(!a->sealed);
    while (a->last->before != NULL) {
        chunk *before = a->last->before;
        a->bytes -= a->last->bytes;
        munmap(a->last, a->last->bytes);
        a->last = before;
    }
    u64 kept = ALIGN_UP(sizeof(chunk), _Alignof(arena)) + sizeof(arena);
    ASSERT(a->last->used >= kept);
    memset((u8 *)a->last + kept, 0, a->last->used - kept);
    a->last->used = kept;
    a->chunk_bytes = CHUNK_BYTES_MIN;
}

void *arena_take(arena *a, u64 bytes, u64 align) {
    ASSERT(align != 0 && (align & (align - 1)) == 0 && align <= PAGE_BYTES);
    ASSERT(!a->sealed);
    if (bytes > (u64)1 << 60) return NULL;
    u64 at = ALIGN_UP(a->last->used, align);
    if (at > a->last->bytes || bytes > a->last->bytes - at) {
        if (!arena_add(a, bytes)) return NULL;
        at = ALIGN_UP(a->last->used, align);
    }
    ASSERT(at + bytes <= a->last->bytes);
    a->last->used = at + bytes;
    return (u8 *)a->last + at;
}

void arena_seal(arena *a) {
    ASSERT(a->last != NULL);
    a->sealed = true;
}

char *arena_text(arena *a, const char *text, u64 count) {
    ASSERT(text != NULL || count == 0);
    ASSERT(count < UINT64_MAX);
    char *copy = arena_take(a, count + 1, 1);
    if (copy == NULL) return NULL;
    if (count != 0) memcpy(copy, text, count);
    copy[count] = 0;
    return copy;
}

u64 arena_bytes(const arena *a) {
    ASSERT(a->bytes != 0);
    return a->bytes;
}

void *arena_array(arena *a, u64 count, u64 size, u64 align) {
    ASSERT(size != 0);
    u64 bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return arena_take(a, bytes, align);
}

bool arena_grow(arena *a, void **items, u32 *capacity, u32 needed, u64 size) {
    ASSERT(items != NULL);
    ASSERT(size != 0);
    if (needed <= *capacity) return true;
    u64 next = u64_max(u64_max((u64)*capacity * 2, needed), 16);
    if (next > UINT32_MAX) next = UINT32_MAX;
    void *copy = arena_array(a, next, size, 16);
    if (copy == NULL) return false;
    if (*capacity != 0) memcpy(copy, *items, *capacity * size);
    *items = copy;
    *capacity = (u32)next;
    ASSERT(*capacity >= needed);
    return true;
}

void *region_take(u64 bytes) {
    ASSERT(bytes != 0);
    u64 size = ALIGN_UP(bytes, PAGE_BYTES);
    if (size < bytes) return NULL;
    void *at = system_take(size);
    if (at != NULL && size >= HUGE_BYTES) madvise(at, size, MADV_HUGEPAGE);
    return at;
}

void region_give_back(void *at, u64 bytes) {
    ASSERT(at == NULL || bytes != 0);
    ASSERT(((uintptr_t)at & (PAGE_BYTES - 1)) == 0);
    if (at != NULL) munmap(at, ALIGN_UP(bytes, PAGE_BYTES));
}
