/* SPDX-License-Identifier: Apache-2.0
 * crew: see crew.h. `round` counts what was handed out, `left` who is not done: a worker sees its
 * work through an acquiring load of `round`, the caller the results through one of `left`. */
#include "crew.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kernels/kernels.h"

/* About 20 µs: longer than the gap between the nodes of one epoch, shorter than a futex's sleep and
 * wake-up twice over. */
#define SPINS 4000u

typedef struct {
    pthread_t thread;
    crew *crew;
    u32 number;
} crew_member;

struct crew {
    _Atomic u32 round, left;
    _Atomic u32 sleepers; /* workers asleep on `round` */
    _Atomic u32 waiting;  /* the caller is asleep on `left` */
    crew_work work;
    void *context;
    u32 threads, started, spins;
    bool stop;
    crew_member members[CREW_MOST];
};

static void pause_short(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void sleep_on(_Atomic u32 *word, u32 seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void wake(_Atomic u32 *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Waits until *word is other than `seen`; returns what it is. `asleep` tells the other side to wake
 * us: it is set before the word is looked at again, so no wake-up is lost. */
static u32 wait_for_change(_Atomic u32 *word, u32 seen, _Atomic u32 *asleep, u32 spins) {
    for (u32 k = 0; k < spins; k++) {
        u32 now = atomic_load_explicit(word, memory_order_acquire);
        if (now != seen) return now;
        pause_short();
    }
    atomic_fetch_add(asleep, 1);
    u32 now;
    while ((now = atomic_load(word)) == seen) sleep_on(word, seen);
    atomic_fetch_sub(asleep, 1);
    return now;
}

static void *member(void *context) {
    const crew_member *own = context;
    crew *c = own->crew;
    u32 seen = 0;
    ASSERT(own->number > 0 && own->number < c->threads);
    kernels_fp_enter();
    for (;;) {
        seen = wait_for_change(&c->round, seen, &c->sleepers, c->spins);
        if (c->stop) return NULL;
        c->work(c->context, own->number);
        if (atomic_fetch_sub(&c->left, 1) == 1 && atomic_load(&c->waiting) != 0) wake(&c->left);
    }
}

crew *crew_open(arena *a, u32 threads) {
    ASSERT(threads >= 2);
    ASSERT(threads <= CREW_MOST);
    crew *c = arena_take(a, sizeof *c, 64);
    sigset_t all, before;
    cpu_set_t cpus;
    if (c == NULL) return NULL;
    bool known = sched_getaffinity(0, sizeof cpus, &cpus) == 0;
    c->threads = threads;
    c->spins =
        known && (u32)CPU_COUNT(&cpus) >= threads ? SPINS : 0; /* else one spins for nobody */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (u32 k = 1, failed = 0; k < threads && failed == 0; k++) {
        c->members[k].crew = c, c->members[k].number = k;
        failed = (u32)pthread_create(&c->members[k].thread, NULL, member, &c->members[k]);
        c->started += failed == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (c->started + 1 == threads) return c;
    crew_close(c);
    return NULL;
}

static void round_start(crew *c) {
    atomic_fetch_add(&c->round, 1);
    if (atomic_load(&c->sleepers) != 0) wake(&c->round);
}

void crew_run(crew *c, crew_work work, void *context) {
    ASSERT(work != NULL);
    ASSERT(atomic_load(&c->left) == 0);
    c->work = work, c->context = context;
    atomic_store(&c->left, c->threads - 1);
    round_start(c);
    work(context, 0);
    for (u32 left = atomic_load(&c->left); left != 0;)
        left = wait_for_change(&c->left, left, &c->waiting, c->spins);
}

void crew_close(crew *c) {
    if (c == NULL) return;
    ASSERT(c->started < c->threads);
    c->stop = true;
    round_start(c);
    for (u32 k = 1; k <= c->started; k++) pthread_join(c->members[k].thread, NULL);
}
