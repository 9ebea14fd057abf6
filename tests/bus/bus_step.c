/* SPDX-License-Identifier: Apache-2.0
 * bus_step: kills a client at chosen instructions of mmsb_bus_set and mmsb_bus_commit. `bus_step
 * NAME PID SAMPLES SEED` for the engine PID that serves NAME the graph of run.py. The client is
 * stepped one instruction at a time; where it stands, and where it has died, this program commits
 * itself and takes the time. Prints one line; status 1: a promise was broken.
 *
 * What a death holds up it holds up each time, what a busy machine does it does not: a stall counts
 * where it comes again in every one of TRIES tries at the same instruction. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mmsb_bus.h"

typedef unsigned long long llu;

#define LANES 64u /* that the client sets, from 0 on, all to one value */
#define MINE 4096u
#define SECONDS 1000000000ull
#define LIMIT_NS (60 * SECONDS) /* a busy machine may take it */
#define STALL_NS 10000000ull
#define TRIES 8u
#define STEPS_MAX 1000000u

static mmsb_bus *b;
static const char *name, *program;
static uint32_t page;
static int engine;
static double value = 1; /* that stands in the client's lanes */

static int broken(const char *what) {
    printf("broken: %s: %s\n", what, mmsb_bus_message(b));
    return 1;
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECONDS + (uint64_t)t.tv_nsec;
}

static mmsb_status attach(void) {
    mmsb_bus_options o = {.struct_size = sizeof o, .name = name, .ring_bytes = 4096};
    mmsb_status s = mmsb_bus_attach(&o, &b);
    return s != MMSB_OK ? s : mmsb_bus_page_find(b, "x", &page);
}

/* The client: between the two stops lies what is stepped. */
static int victim_run(double to) {
    double values[LANES];
    for (uint32_t k = 0; k < LANES; k++) values[k] = to;
    if (attach() != MMSB_OK) return broken("the client was not let in");
    raise(SIGSTOP);
    mmsb_status s = mmsb_bus_set(b, page, MMSB_SET, 0, LANES, values, LANES);
    if (s == MMSB_OK) s = mmsb_bus_commit(b, 0, NULL);
    raise(SIGUSR1);
    return (int)s;
}

/* What the engine holds for clients: descriptors, maps of rings and their bytes. */
typedef struct {
    uint64_t descriptors, maps, bytes;
} held;

static held held_now(void) {
    held h = {0};
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/fd", engine);
    DIR *d = opendir(path);
    while (d != NULL && readdir(d) != NULL) h.descriptors++;
    if (d != NULL) closedir(d);
    snprintf(path, sizeof path, "/proc/%d/maps", engine);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strstr(line, "memfd:mmsb") == NULL) continue;
        char *dash = line; /* FROM-TO, in hex */
        llu from = strtoull(line, &dash, 16), to = *dash == '-' ? strtoull(dash + 1, NULL, 16) : 0;
        if (to < from) continue;
        h.maps++, h.bytes += to - from;
    }
    if (f != NULL) fclose(f);
    return h;
}

/* A commit of this program, answered: how long it took; UINT64_MAX: it was not. */
static uint64_t trip(void) {
    static double mine;
    mmsb_bus_answer a = {.struct_size = sizeof a};
    uint64_t begin = now();
    mine += 1;
    if (mmsb_bus_set(b, page, MMSB_SET, MINE, 1, &mine, 1) != MMSB_OK) return UINT64_MAX;
    if (mmsb_bus_commit(b, 0, NULL) != MMSB_OK) return UINT64_MAX;
    if (mmsb_bus_answer_next(b, LIMIT_NS, &a) != MMSB_OK || a.status != MMSB_OK) return UINT64_MAX;
    return now() - begin;
}

/* A client at its first stop; the same addresses each time. */
static pid_t victim_start(double to) {
    char words[32];
    int status;
    snprintf(words, sizeof words, "%.0f", to);
    pid_t child = fork();
    if (child == 0) {
        personality(ADDR_NO_RANDOMIZE);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execl(program, program, name, "victim", words, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        if (WSTOPSIG(status) == SIGSTOP) return child;
        ptrace(PTRACE_CONT, child, NULL, NULL); /* the stop of exec */
    }
    return -1;
}

/* Steps up to `most` instructions; returns how many were made until the second stop. */
static uint64_t victim_step(pid_t child, uint64_t most) {
    int status;
    for (uint64_t k = 0; k < most; k++) {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0) return UINT64_MAX;
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return UINT64_MAX;
        if (WSTOPSIG(status) == SIGUSR1) return k;
    }
    return most;
}

static void victim_kill(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Waits until the engine holds what it held before the client came. */
static int settle(const held *before) {
    uint64_t end = now() + LIMIT_NS;
    for (;;) {
        held h = held_now();
        if (memcmp(&h, before, sizeof h) == 0) return 0;
        if (now() > end) {
            printf("descriptors %llu maps %llu bytes %llu, before %llu %llu %llu\n",
                   (llu)h.descriptors, (llu)h.maps, (llu)h.bytes, (llu)before->descriptors,
                   (llu)before->maps, (llu)before->bytes);
            return broken("a dead client left something behind");
        }
        usleep(200);
    }
}

/* Whether the commit of the client that would set `to` was taken: whole, or not at all. */
static int taken_find(double to, int *taken) {
    double lanes[LANES];
    mmsb_status s = MMSB_BUSY; /* where the engine has no processor for a second */
    for (uint64_t end = now() + LIMIT_NS; s == MMSB_BUSY && now() < end;)
        s = mmsb_bus_read(b, page, MMSB_F64, 0, LANES, lanes, NULL);
    if (s != MMSB_OK) return broken("no epoch can be read");
    *taken = lanes[0] == to;
    if (lanes[0] != to && lanes[0] != value) return broken("a value that nobody sent");
    for (uint32_t k = 1; k < LANES; k++)
        if (lanes[k] != lanes[0]) return broken("half a commit was taken");
    value = lanes[0];
    return 0;
}

typedef struct {
    uint64_t steps;            /* from the first stop to the second */
    uint64_t longest, repeats; /* of stalls; tries that a busy machine spoilt */
    uint64_t last_lost, first_taken;
    uint64_t deaths;
} campaign;

/* One death after `steps` instructions. *stall: how much longer than trips beside it any took.
 * Every other time nothing wakes the engine between where the client stands and its death. */
static int death(campaign *c, uint64_t steps, uint64_t *stall) {
    held before = held_now();
    double to = value + 1;
    int taken;
    uint64_t quiet = trip();
    pid_t child = victim_start(to);
    if (child < 0) return broken("a slot was lost: no client can start");
    if (victim_step(child, steps) != steps) return broken("the client ends early");
    uint64_t stands = c->deaths++ % 2 == 0 ? trip() : 0;
    victim_kill(child);
    uint64_t died = trip();
    if (settle(&before) != 0 || taken_find(to, &taken) != 0) return 1;
    uint64_t after = trip();
    if (quiet == UINT64_MAX || stands == UINT64_MAX || died == UINT64_MAX || after == UINT64_MAX)
        return broken("a commit beside it was not taken");
    uint64_t beside = quiet > after ? quiet : after, worst = stands > died ? stands : died;
    *stall = worst > beside ? worst - beside : 0;
    if (taken && steps < c->first_taken) c->first_taken = steps;
    if (!taken && steps > c->last_lost) c->last_lost = steps;
    return 0;
}

static int sample(campaign *c, uint64_t steps) {
    uint64_t least = UINT64_MAX;
    for (uint32_t k = 0; k < TRIES && least > STALL_NS; k++) {
        uint64_t stall;
        if (death(c, steps, &stall) != 0) {
            printf("after %llu instructions of %llu\n", (llu)steps, (llu)c->steps);
            return 1;
        }
        if (stall < least) least = stall;
        c->repeats += k > 0;
    }
    if (least > c->longest) c->longest = least;
    return least > STALL_NS ? broken("a death holds others up for more than 10 ms") : 0;
}

static int campaign_run(uint64_t samples, uint64_t seed) {
    campaign c = {.first_taken = UINT64_MAX};
    pid_t whole = victim_start(value + 1);
    int taken;
    if (whole < 0) return broken("no client can be traced here");
    c.steps = victim_step(whole, STEPS_MAX);
    victim_kill(whole);
    if (c.steps < 100 || c.steps >= STEPS_MAX) return broken("nothing was stepped");
    if (trip() == UINT64_MAX || taken_find(value + 1, &taken) != 0) return 1;
    if (!taken) return broken("a commit that was sent whole is lost");
    for (uint64_t k = 0; k < samples; k++) {
        /* The ends, where it matters most, then evenly, each a little off. */
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t steps = (k * c.steps + (seed >> 33) % c.steps) / samples;
        if (sample(&c, k + 1 == samples ? c.steps - 1 : steps) != 0) return 1;
    }
    /* Between the last that was lost and the first that was taken: one instruction, found. */
    while (c.first_taken != UINT64_MAX && c.last_lost + 1 < c.first_taken)
        if (sample(&c, (c.last_lost + c.first_taken) / 2) != 0) return 1;
    if (c.first_taken == UINT64_MAX || c.last_lost + 1 != c.first_taken)
        return broken("commits are not taken from one instruction on");
    printf("%llu deaths in %llu instructions, taken from %llu on, others held up at most %.1f ms, "
           "%llu tries again\n",
           (llu)c.deaths, (llu)c.steps, (llu)c.first_taken, (double)c.longest * 1e-6,
           (llu)c.repeats);
    return 0;
}

int main(int count, char **a) {
    if (count < 4) return 2;
    name = a[1], program = a[0];
    if (strcmp(a[2], "victim") == 0) return victim_run(strtod(a[3], NULL));
    if (count < 5) return 2;
    engine = (int)strtol(a[2], NULL, 10);
    if (attach() != MMSB_OK) return broken("not let in");
    double first[LANES];
    for (uint32_t k = 0; k < LANES; k++) first[k] = value;
    mmsb_bus_answer told = {.struct_size = sizeof told};
    if (mmsb_bus_set(b, page, MMSB_SET, 0, LANES, first, LANES) != MMSB_OK ||
        mmsb_bus_commit(b, 0, NULL) != MMSB_OK ||
        mmsb_bus_answer_next(b, LIMIT_NS, &told) != MMSB_OK || told.status != MMSB_OK)
        return broken("the first commit");
    int status = campaign_run(strtoull(a[3], NULL, 10), strtoull(a[4], NULL, 10));
    mmsb_bus_free(b);
    return status;
}
