/* SPDX-License-Identifier: Apache-2.0
 * After the start nothing is allocated: thousands of epochs with deltas, ticks, rejections, events,
 * roots, group commit, new segments and checkpoints ask neither the arenas, nor malloc, nor mmap
 * for a byte. In sanitized builds, whose own allocator stands before ours, only the arenas count.
 */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../compiler/include/mmsbc.h"
#include "core/arena.h"
#include "session.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS_ALL 0
#endif
#endif
#ifndef COUNTS_ALL
#define COUNTS_ALL 1
#endif

static _Atomic u64 asked;

#if COUNTS_ALL
/* These names come before the C library's, for its own calls too. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *at, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void *malloc(size_t bytes) {
    atomic_fetch_add(&asked, 1);
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
    atomic_fetch_add(&asked, 1);
    return __libc_calloc(count, bytes);
}
void *realloc(void *at, size_t bytes) {
    atomic_fetch_add(&asked, 1);
    return __libc_realloc(at, bytes);
}
void *aligned_alloc(size_t align, size_t bytes) {
    atomic_fetch_add(&asked, 1);
    return __libc_memalign(align, bytes);
}
int posix_memalign(void **at, size_t align, size_t bytes) {
    atomic_fetch_add(&asked, 1);
    *at = __libc_memalign(align, bytes);
    return *at == NULL;
}
void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    atomic_fetch_add(&asked, 1);
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}
#endif

static const char text[] =
    "source x: f64[3000] = 1.0\nsource k: u32[3000]\nsource at: u32[3000]\n"
    "page ema: f64[3000] = init x then prev(ema) + 0.25 * (x - prev(ema))\n"
    "page hit[i: 3000] = ema[at[i]]\npage total = sum(hit)\npage grouped: f64[8] = sum(ema by k)\n"
    "page run = cumsum(x)\npage middle = median(x)\npage places = argsort(x)\n"
    "page level = floor(total / 50.0)\nevent odd = mod(level, 2.0) == 1.0 with total\n"
    "assert all(x < 1000.0)\n";

typedef struct {
    session *s;
    image i;
    u64 seed, rejected, fired, checkpoints;
} walk;

static u64 draw(walk *w, u64 below) {
    w->seed ^= w->seed >> 12, w->seed ^= w->seed << 25, w->seed ^= w->seed >> 27;
    return (w->seed * 2685821657736338717u >> 33) % below;
}

static void change(walk *w, const char *name, u8 type, const void *payload, u64 first) {
    message m = {0};
    delta d = {.page = image_find_page(&w->i, name, strlen(name)),
               .type = type,
               .first = first,
               .count = 1,
               .payload_bytes = type_bytes(type),
               .payload = payload};
    if (session_delta(w->s, &d, &m) != MMSB_OK) abort();
}

/* One epoch: a few deltas, a tick, or one that an assert or an index refuses. */
static void step(walk *w, u64 number) {
    message m = {0};
    u64 kind = draw(w, 20), done;
    mmsb_status status;
    if (kind < 3) {
        status = session_ticks(w->s, 1 + kind, NULL, NULL, NULL, &done, &m);
    } else {
        for (u64 n = draw(w, 6) + 1; n > 0; n--) {
            f64 value = kind == 19 ? 2000.0 : (f64)draw(w, 900);
            u32 key = (u32)draw(w, kind == 18 ? 20 : 8), to = (u32)draw(w, 3000);
            change(w, "x", TYPE_F64, &value, draw(w, 3000));
            if (kind > 12) change(w, "k", TYPE_U32, &key, draw(w, 3000));
            if (kind > 10) change(w, "at", TYPE_U32, &to, draw(w, 3000));
        }
        session_request r = {number % 3 + 1, number};
        status = session_commit(w->s, &r, &m);
    }
    if (status != MMSB_OK && status != MMSB_REJECTED) abort();
    w->rejected += status == MMSB_REJECTED;
    w->fired += engine_fired(session_engine(w->s), NULL, 0);
    if (number % 700 == 0) {
        if (session_checkpoint(w->s, &m) != MMSB_OK) abort();
        w->checkpoints++;
    }
}

static void nothing_is_asked_for(durability_mode mode, u64 steps) {
    char folder[] = "/tmp/mmsb-memory-XXXXXX", command[128];
    walk w = {.seed = 88172645463325252u + mode};
    size_t bytes;
    message m = {0};
    mmsbc_result *compiled;
    mmsbc_options c = {.name = "g.mmsbg", .text = text, .bytes = strlen(text), .messages = stderr};
    cr_assert_eq(mmsbc_compile(&c, &compiled), 0);
    const void *image_bytes = mmsbc_image(compiled, &bytes);
    cr_assert_eq(image_verify(image_bytes, bytes, &w.i, &m), MMSB_OK, "%s", m.text);
    cr_assert(mkdtemp(folder) != NULL);
    session_options o = {.state = folder,
                         .durability = mode,
                         .audit_epochs = 5,
                         .segment_bytes = 60000,
                         .oracle_epochs = 97,
                         .engine = {.threads = 3}};
    cr_assert_eq(session_open(&w.i, &o, &w.s, &m), MMSB_OK, "%s", m.text);
    u64 regions = arena_system_calls(), others = atomic_load(&asked);
    for (u64 k = 1; k <= steps; k++) step(&w, k);
    u64 root = engine_root(session_engine(w.s));
    regions = arena_system_calls() - regions, others = atomic_load(&asked) - others;
    cr_expect_eq(regions, 0, "%llu regions", (unsigned long long)regions);
    cr_expect_eq(others, 0, "%llu calls", (unsigned long long)others);
    cr_expect(w.rejected > 0 && w.fired > 0 && root != 0 && w.checkpoints == steps / 700);
    cr_assert_eq(session_close(w.s, &m), MMSB_OK, "%s", m.text);
    snprintf(command, sizeof command, "[ -e %s/log-2 ] && rm -r %s", folder, folder);
    cr_expect_eq(system(command), 0, "the log has one segment only");
    mmsbc_free(compiled);
}

Test(session_memory, the_counters_count) {
    u64 before = atomic_load(&asked), regions = arena_system_calls();
    void *volatile at = malloc(100);
    free(at);
    arena_close(arena_open(0));
    cr_expect(!COUNTS_ALL || atomic_load(&asked) > before + 1);
    cr_expect(arena_system_calls() > regions);
}

Test(session_memory, thousands_of_epochs_allocate_nothing_with_group_commit) {
    nothing_is_asked_for(DURABILITY_BATCH, 6000);
}

Test(session_memory, nor_with_a_sync_for_each_epoch) {
    nothing_is_asked_for(DURABILITY_SEALED, 700);
}
