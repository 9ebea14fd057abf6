/* SPDX-License-Identifier: Apache-2.0
 * arena: growing arenas in chunks, and reserved regions. The only place that asks the system for
 * memory. A growing arena is used by one thread; regions and the count of system calls by any. */
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define CHUNK_BYTES_MIN ((u64)256 << 10)
#define CHUNK_BYTES_MAX ((u64)64 << 20)
#define PAGE_BYTES 4096u
#define HUGE_BYTES ((u64)2 << 20)
#define AHEAD_BYTES ((u64)256 << 10)
#define READY_BYTES_MAX ((u64)64 << 20)
/* From here on a growing array has a mapping of its own, which moves without a copy. */
#define LARGE_BYTES ((u64)256 << 10)
/* Up to here arrays double; later they take a quarter more, since that costs no copy. By rows:
 * arrays side by side keep one capacity. */
#define ROWS_DOUBLE 65536u
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define BLOCK_BYTES_MIN 256u
#define BLOCKS_MAX 32u

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define SANITIZED true
#define POISON(at, bytes) ASAN_POISON_MEMORY_REGION(at, bytes)
#define UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
#define SANITIZED false
#define POISON(at, bytes) ((void)(at), (void)(bytes))
#define UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

/* Chunks form a list; `used` counts from the chunk's start, its head included; `ready` bytes of it
 * have been asked of the system. */
typedef struct chunk {
    struct chunk *before;
    u64 bytes, used, ready;
    u64 zero[4];
} chunk;
static_assert(sizeof(chunk) == 64, "a chunk's head keeps lines whole");

/* What was given back: blocks[0 .. block_count), each at least BLOCK_BYTES_MIN, aligned to 16. */
typedef struct {
    u8 *at;
    u64 bytes;
} block;
/* A growing array in a mapping of its own. */
typedef struct large {
    struct large *before;
    void *at;
    u64 bytes;
    bool given; /* back: it is blocks now, and the arena's until it closes */
} large;

struct arena {
    chunk *last;
    large *larges;
    u64 bytes_max, bytes, chunk_bytes;
    u32 block_count;
    bool sealed;
    block blocks[BLOCKS_MAX];
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

/* Asks for the memory of [at, at + bytes) at once: a fault for each page costs four times as much.
 * An older system refuses, and faults. Huge pages would be fewer still, but a virtual machine that
 * has given its free memory back to its host waits longer for one of them than for 512 small ones
 * that it still has. */
static void system_fill(void *at, u64 bytes) {
    ASSERT(((uintptr_t)at & (PAGE_BYTES - 1)) == 0 && bytes != 0);
    madvise(at, bytes, MADV_POPULATE_WRITE);
}

u64 arena_system_calls(void) { return atomic_load_explicit(&system_calls, memory_order_relaxed); }

/* Asks for the pages of `used` and the next AHEAD_BYTES at once. A piece beyond READY_BYTES_MAX is
 * its user's to touch or leave. */
static void chunk_ready(chunk *c) {
    ASSERT(c->used > c->ready && c->used <= c->bytes);
    u64 to = ALIGN_UP(c->used, PAGE_BYTES);
    if (to - c->ready <= READY_BYTES_MAX) {
        u64 end = u64_min(to + AHEAD_BYTES, c->bytes);
        system_fill((u8 *)c + c->ready, end - c->ready);
        to = end;
    }
    c->ready = to;
    ASSERT(c->ready % PAGE_BYTES == 0);
}

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

static void system_give_back(void *at, u64 bytes) {
    ASSERT(at != NULL && bytes != 0);
    UNPOISON(at, bytes);
    munmap(at, bytes);
}

static void larges_give_back(arena *a) {
    for (large *l = a->larges; l != NULL; l = l->before) {
        ASSERT(l->bytes <= a->bytes);
        a->bytes -= l->bytes;
        system_give_back(l->at, l->bytes);
    }
    a->larges = NULL;
}

void arena_close(arena *a) {
    if (a == NULL) return;
    larges_give_back(a);
    for (chunk *c = a->last; c != NULL;) {
        ASSERT(c->used <= c->bytes);
        chunk *before = c->before;
        system_give_back(c, c->bytes);
        c = before;
    }
}

void arena_clear(arena *a) {
    ASSERT(a->last != NULL);
    ASSERT(!a->sealed);
    larges_give_back(a);
    a->block_count = 0;
    while (a->last->before != NULL) {
        chunk *before = a->last->before;
        a->bytes -= a->last->bytes;
        system_give_back(a->last, a->last->bytes);
        a->last = before;
    }
    u64 kept = ALIGN_UP(sizeof(chunk), _Alignof(arena)) + sizeof(arena);
    ASSERT(a->last->used >= kept);
    UNPOISON(a->last, a->last->bytes);
    memset((u8 *)a->last + kept, 0, a->last->used - kept);
    a->last->used = kept;
    a->chunk_bytes = CHUNK_BYTES_MIN;
}

static void block_give_back(arena *a, void *at, u64 bytes) {
    ASSERT(at != NULL || bytes == 0);
    u64 skip = ALIGN_UP((uintptr_t)at, 16) - (uintptr_t)at;
    if (bytes < skip + BLOCK_BYTES_MIN) return;
    block b = {(u8 *)at + skip, (bytes - skip) & ~(u64)15};
    POISON(b.at, b.bytes);
    if (SANITIZED) return;
    if (a->block_count < BLOCKS_MAX) {
        a->blocks[a->block_count++] = b;
        return;
    }
    u32 least = 0;
    for (u32 k = 1; k < BLOCKS_MAX; k++)
        if (a->blocks[k].bytes < a->blocks[least].bytes) least = k;
    if (a->blocks[least].bytes < b.bytes) a->blocks[least] = b;
}

static u64 block_skip(const block *b, u64 align) {
    ASSERT(align != 0 && (align & (align - 1)) == 0);
    return ALIGN_UP((uintptr_t)b->at, align) - (uintptr_t)b->at;
}

/* The smallest block that fits, with the `bytes` that are taken zeroed; NULL: none does. */
static u8 *block_take(arena *a, u64 bytes, u64 align) {
    ASSERT(bytes >= BLOCK_BYTES_MIN && a->block_count <= BLOCKS_MAX);
    u32 best = BLOCKS_MAX;
    for (u32 k = 0; k < a->block_count; k++)
        if (a->blocks[k].bytes >= bytes + block_skip(&a->blocks[k], align) &&
            (best == BLOCKS_MAX || a->blocks[k].bytes < a->blocks[best].bytes))
            best = k;
    if (best == BLOCKS_MAX) return NULL;
    block b = a->blocks[best];
    u64 skip = block_skip(&b, align), used = skip + ALIGN_UP(bytes, 16);
    a->blocks[best] = a->blocks[--a->block_count];
    if (skip != 0) block_give_back(a, b.at, skip);
    if (b.bytes > used) block_give_back(a, b.at + used, b.bytes - used);
    memset(b.at + skip, 0, bytes);
    return b.at + skip;
}

void arena_give_back(arena *a, void *at, u64 bytes) {
    ASSERT(!a->sealed && (at != NULL || bytes == 0));
    for (large *l = a->larges; l != NULL && bytes >= LARGE_BYTES; l = l->before) {
        if (l->at != at || l->given) continue;
        ASSERT(bytes <= l->bytes);
        bytes = l->bytes, l->given = true;
        break;
    }
    block_give_back(a, at, bytes);
}

void *arena_take(arena *a, u64 bytes, u64 align) {
    ASSERT(align != 0 && (align & (align - 1)) == 0 && align <= PAGE_BYTES);
    ASSERT(!a->sealed);
    if (bytes > (u64)1 << 60) return NULL;
    if (bytes >= BLOCK_BYTES_MIN && a->block_count != 0) {
        u8 *again = block_take(a, bytes, align < 16 ? 16 : align);
        if (again != NULL) return again;
    }
    u64 at = ALIGN_UP(a->last->used, align);
    if (at > a->last->bytes || bytes > a->last->bytes - at) {
        if (!arena_add(a, bytes)) return NULL;
        at = ALIGN_UP(a->last->used, align);
    }
    ASSERT(at + bytes <= a->last->bytes);
    a->last->used = at + bytes;
    if (a->last->used > a->last->ready) chunk_ready(a->last);
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

/* An array of `was` bytes as a mapping of its own of `bytes`, rounded up to pages; its first `was`
 * bytes are those of `items`. NULL when memory is short. */
static void *large_grow(arena *a, void *items, u64 was, u64 bytes) {
    ASSERT(bytes >= LARGE_BYTES && was <= bytes);
    ASSERT(items != NULL || was == 0);
    large *l = a->larges;
    while (l != NULL && (items == NULL || l->at != items || l->given)) l = l->before;
    u64 size = ALIGN_UP(bytes, PAGE_BYTES), had = l == NULL ? 0 : l->bytes, more = size - had;
    if (a->bytes_max != 0 && a->bytes + more > a->bytes_max) return NULL;
    if (l == NULL) {
        l = arena_take(a, sizeof *l, _Alignof(large));
        void *at = l == NULL ? NULL : system_take(size);
        if (at == NULL) return NULL;
        system_fill(at, size);
        if (was != 0) memcpy(at, items, was);
        arena_give_back(a, items, was);
        *l = (large){a->larges, at, size, false};
        a->larges = l;
    } else {
        atomic_fetch_add_explicit(&system_calls, 1, memory_order_relaxed);
        void *at = mremap(l->at, l->bytes, size, MREMAP_MAYMOVE);
        if (at == MAP_FAILED) return NULL;
        l->at = at, l->bytes = size;
        if (more != 0) system_fill((u8 *)at + had, more);
    }
    a->bytes += more;
    return l->at;
}

bool arena_grow_more(arena *a, void **items, u32 *capacity, u32 needed, u64 size) {
    ASSERT(items != NULL && needed > *capacity);
    ASSERT(size != 0 && !a->sealed);
    u64 more = *capacity < ROWS_DOUBLE ? *capacity : *capacity / 4;
    u64 next = u64_max(u64_max((u64)*capacity + more, needed), 16), was = *capacity * size;
    if (next > UINT32_MAX) next = UINT32_MAX;
    void *copy;
    if (next * size >= LARGE_BYTES && !SANITIZED) {
        copy = large_grow(a, *items, was, next * size);
        if (copy == NULL) return false;
    } else {
        copy = arena_array(a, next, size, 16);
        if (copy == NULL) return false;
        if (was != 0) memcpy(copy, *items, was);
        arena_give_back(a, *items, was);
    }
    *items = copy;
    *capacity = (u32)next;
    ASSERT(*capacity >= needed);
    return true;
}

/* Memory and swap, or the limit of a control group (v2) where one is set. */
u64 region_bytes_max(void) {
    struct sysinfo all;
    char text[32] = "";
    u64 most = UINT64_MAX;
    if (sysinfo(&all) == 0) most = ((u64)all.totalram + all.totalswap) * all.mem_unit;
    int file = open("/sys/fs/cgroup/memory.max", O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    ASSERT(got < (ssize_t)sizeof text);
    if (got > 0 && text[0] >= '0' && text[0] <= '9') most = u64_min(most, strtoull(text, NULL, 10));
    return most;
}

void *region_take(u64 bytes) {
    ASSERT(bytes != 0);
    u64 size = ALIGN_UP(bytes, PAGE_BYTES);
    if (size < bytes) return NULL;
    void *at = system_take(size);
    if (at != NULL && size >= HUGE_BYTES) madvise(at, size, MADV_HUGEPAGE);
    return at;
}

void region_touch(void *at, u64 bytes) {
    uintptr_t from = (uintptr_t)at & ~(uintptr_t)(PAGE_BYTES - 1);
    u64 size = ALIGN_UP((uintptr_t)at + bytes, PAGE_BYTES) - from;
    ASSERT(bytes != 0 && size >= bytes);
    if (madvise((u8 *)at - ((uintptr_t)at - from), size, MADV_POPULATE_WRITE) == 0) return;
    for (u64 k = 0; k < bytes; k += PAGE_BYTES) { /* an older system */
        volatile u8 *byte = (u8 *)at + k;
        *byte = *byte;
    }
}

void region_give_back(void *at, u64 bytes) {
    ASSERT(at == NULL || bytes != 0);
    ASSERT(((uintptr_t)at & (PAGE_BYTES - 1)) == 0);
    if (at != NULL) munmap(at, ALIGN_UP(bytes, PAGE_BYTES));
}

/* Reserved first, then sealed: a promise of memory would end in SIGBUS. */
static int shared_fill(shared_region *r, void *over, bool others_write) {
    ASSERT(r->bytes % PAGE_BYTES == 0);
    ASSERT(((uintptr_t)over & (PAGE_BYTES - 1)) == 0);
    int seals = F_SEAL_SHRINK | F_SEAL_GROW;
    if (fchmod(r->fd, others_write ? 0600 : 0400) != 0) return -errno;
    int failed; /* memfds give up at a signal */
    do failed = posix_fallocate(r->fd, 0, (off_t)r->bytes);
    while (failed == EINTR);
    if (failed != 0) return -failed;
    atomic_fetch_add_explicit(&system_calls, 1, memory_order_relaxed);
    void *at = mmap(over, r->bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | (over != NULL ? MAP_FIXED : 0), r->fd, 0);
    if (at == MAP_FAILED) return -errno;
    r->at = at;
    if (!others_write) seals |= F_SEAL_FUTURE_WRITE;
    return fcntl(r->fd, F_ADD_SEALS, seals | F_SEAL_SEAL) != 0 ? -errno : 0;
}

int shared_take(shared_region *r, u64 bytes, void *over, bool others_write) {
    ASSERT(bytes != 0);
    *r = (shared_region){.bytes = ALIGN_UP(bytes, PAGE_BYTES)};
    r->fd = memfd_create("mmsb", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (r->fd < 0) return -errno;
    int failed = shared_fill(r, over, others_write);
    if (failed == 0) return 0;
    if (over != NULL) r->at = NULL; /* the place stays mapped, for its owner to give back */
    shared_give_back(r);
    return failed;
}

int shared_reader(const shared_region *r) {
    ASSERT(r->fd >= 0);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", r->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int shared_map(int fd, u64 bytes, bool write, void **at) {
    ASSERT(at != NULL);
    struct stat s;
    *at = NULL;
    if (bytes == 0 || bytes % PAGE_BYTES != 0) return -EINVAL;
    int seals = fcntl(fd, F_GET_SEALS), sized = F_SEAL_SHRINK | F_SEAL_GROW;
    if (seals < 0 || (seals & sized) != sized) return -EINVAL;
    if (fstat(fd, &s) != 0) return -errno;
    if (s.st_size < 0 || (u64)s.st_size != bytes) return -EINVAL;
    void *map = mmap(NULL, bytes, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return -errno;
    *at = map;
    return 0;
}

void shared_unmap(const void *at, u64 bytes) {
    ASSERT(at == NULL || bytes % PAGE_BYTES == 0);
    if (at != NULL) munmap((void *)(uintptr_t)at, bytes);
}

void shared_give_back(shared_region *r) {
    ASSERT(r->at == NULL || r->bytes != 0);
    shared_unmap(r->at, r->bytes);
    if (r->bytes != 0 && r->fd >= 0) close(r->fd);
    *r = (shared_region){.fd = -1};
}
