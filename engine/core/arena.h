/* SPDX-License-Identifier: Apache-2.0
 * arena: one lifetime of memory. A growing arena serves compilers and loaders; a reserved one is
 * the engine's state, laid out by the image. Only arena.c and file.c ask the system for memory. */
#ifndef MMSB_ARENA_H
#define MMSB_ARENA_H
#include "base.h"

typedef struct arena arena;

/* A growing arena; bytes_max 0 means no limit. NULL when memory is short. */
arena *arena_open(u64 bytes_max);
void arena_close(arena *a); /* NULL is allowed */
/* Takes everything back but the first chunk, which is zeroed where it was used. */
void arena_clear(arena *a);
/* Zeroed memory aligned to `align` (a power of two ≤ 4096), or NULL when the limit or memory is
 * reached. */
void *arena_take(arena *a, u64 bytes, u64 align);
/* Copies count bytes and a closing NUL. */
char *arena_text(arena *a, const char *text, u64 count);
u64 arena_bytes(const arena *a);
/* From here on taking from it is our own bug: a run that has started asks for nothing. */
void arena_seal(arena *a);
#define ARENA_ARRAY(a, type, count) \
    ((type *)arena_array((a), (u64)(count), sizeof(type), _Alignof(type)))
/* arena_take(count * size) with the product checked. */
void *arena_array(arena *a, u64 count, u64 size, u64 align);

/* Takes back what arena_take or arena_array gave, for later takes; nothing may point into it. */
void arena_give_back(arena *a, void *at, u64 bytes);

/* A growable array inside an arena: doubles, then grows by a quarter; large ones move by remapping,
 * without a copy. The old place goes back to the arena: rows are held by number, not by pointer,
 * across it. New rows are zeroed. Returns false when memory is short. items: address of the
 * pointer; capacity: address of the capacity. */
bool arena_grow_more(arena *a, void **items, u32 *capacity, u32 needed, u64 size);
static inline bool arena_grow(arena *a, void **items, u32 *capacity, u32 needed, u64 size) {
    return needed <= *capacity || arena_grow_more(a, items, capacity, needed, size);
}

/* One zeroed region of address space straight from the system, 4096-aligned, huge pages asked for
 * from 2 MiB on; pages are touched when first written. NULL when refused. */
void *region_take(u64 bytes);
u64 region_bytes_max(void); /* what this machine, or its container, has */
/* Sees to it that the bytes have memory, whatever they hold: no write waits for it later. */
void region_touch(void *at, u64 bytes);
void region_give_back(void *at, u64 bytes);
/* Memory in a file without a name, for other processes to map by its descriptor. All of it is there
 * (not promised), its size is sealed. Where others only read, no later mapping writes, whoever
 * makes it: `at` is the only one. */
typedef struct {
    void *at;
    u64 bytes; /* a multiple of 4096 */
    int fd;    /* close-on-exec; others who only read get shared_reader's */
} shared_region;
/* Zeroed, 4096-aligned; at `over` where that is not NULL (4096-aligned, mapped before). 0 or
 * -errno; then nothing is taken. */
int shared_take(shared_region *r, u64 bytes, void *over, bool others_write);
/* A descriptor of the region that only reads, or -errno; the caller closes it. */
int shared_reader(const shared_region *r);
/* Maps a descriptor of `bytes` bytes from another process: refused (-EINVAL) where its size is not
 * sealed or is another. 0 or -errno. The descriptor stays the caller's. */
int shared_map(int fd, u64 bytes, bool write, void **at);
void shared_unmap(const void *at, u64 bytes); /* NULL is allowed */
void shared_give_back(shared_region *r);      /* also where it was never taken: zeroed, fd -1 */

/* How often region_take, malloc-like calls of arena were made in this process: a test proves that
 * it stands still. */
u64 arena_system_calls(void);
#endif
