/* SPDX-License-Identifier: Apache-2.0
 * mmsb_bus.h from outside, against a served mmsb-run: wrong calls, threads, fork, all or nothing,
 * full rings, streams, leases, an engine that is stopped or killed. The examples of the header are
 * run by tests/api/header.py. */
#include <criterion/criterion.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../compiler/include/mmsbc.h"
#include "mmsb_bus.h"

#define SECONDS ((uint64_t)20 * 1000000000)
#define WIDE 40000

static const char graph_text[] =
    "source price: f64[4] = 100.0\nsource qty: i64[4] = 1\nsource on: bool[4] = true\n"
    "source wide: i32[40000]\n"
    "page value: f64[4] = price * f64(qty)\npage total = sum(value)\npage all = sum(wide)\n"
    "assert all(price > 0.0) \"price not positive\"\n";

static char folder[64], image[PATH_MAX];
static pid_t engine;

static void setup(void) {
    mmsbc_options o = {
        .name = "g.mmsbg", .text = graph_text, .bytes = sizeof graph_text - 1, .messages = stderr};
    mmsbc_result *compiled = NULL;
    size_t bytes = 0;
    cr_assert_eq(mmsbc_compile(&o, &compiled), 0);
    const void *at = mmsbc_image(compiled, &bytes);
    snprintf(folder, sizeof folder, "/tmp/mmsb-bus-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(image, sizeof image, "%s/g.mmsbx", folder);
    FILE *f = fopen(image, "wb");
    cr_assert_eq(fwrite(at, 1, bytes, f), bytes);
    fclose(f);
    mmsbc_free(compiled);
    setenv("XDG_RUNTIME_DIR", folder, 1);
}

static void engine_end(int with) {
    if (engine > 0) kill(engine, with), waitpid(engine, NULL, 0);
    engine = 0;
}

static void teardown(void) {
    char command[100];
    engine_end(SIGKILL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}
TestSuite(bus_api, .init = setup, .fini = teardown);

/* Serves the graph as bus "b" and waits until it is there. */
static void serve(const char *option, const char *value) {
    char run[PATH_MAX], at[PATH_MAX + 16], door[128];
    struct stat s;
    ssize_t bytes = readlink("/proc/self/exe", run, sizeof run - 1);
    cr_assert_gt(bytes, 0);
    run[bytes] = 0;
    for (int up = 0; up < 2; up++) *strrchr(run, '/') = 0;
    snprintf(at, sizeof at, "%s/bin/mmsb-run", run);
    snprintf(door, sizeof door, "%s/mmsb/b", folder);
    unlink(door);
    engine = fork();
    if (engine == 0) {
        FILE *quiet = freopen("/dev/null", "w", stdout);
        if (freopen("/dev/null", "w", stderr) == NULL || quiet == NULL || chdir(folder) != 0)
            _exit(1);
        execl(at, "mmsb-run", image, "--serve", "b", option, value, (char *)NULL);
        _exit(127);
    }
    for (int tries = 0; stat(door, &s) != 0; tries++) {
        cr_assert_lt(tries, 4000, "%s does not serve", at);
        cr_assert_eq(waitpid(engine, NULL, WNOHANG), 0, "%s ends", at);
        usleep(5000);
    }
}

static mmsb_bus *attached(uint64_t ring_bytes, uint64_t stream) {
    mmsb_bus_options o = {
        .struct_size = sizeof o, .name = "b", .ring_bytes = ring_bytes, .stream = stream};
    mmsb_bus *b = NULL;
    cr_assert_eq(mmsb_bus_attach(&o, &b), MMSB_OK, "%s", mmsb_bus_message(b));
    return b;
}

static uint32_t page_of(mmsb_bus *b, const char *name) {
    uint32_t page = 99;
    cr_assert_eq(mmsb_bus_page_find(b, name, &page), MMSB_OK, "%s", mmsb_bus_message(b));
    return page;
}

static mmsb_bus_answer answer_of(mmsb_bus *b) {
    mmsb_bus_answer a = {.struct_size = sizeof a};
    cr_assert_eq(mmsb_bus_answer_next(b, SECONDS, &a), MMSB_OK, "%s", mmsb_bus_message(b));
    return a;
}

static mmsb_bus_answer done(mmsb_bus *b, const char *line) {
    cr_assert_eq(mmsb_bus_line(b, line), MMSB_OK, "%s", mmsb_bus_message(b));
    cr_assert_eq(mmsb_bus_commit(b, 0, NULL), MMSB_OK, "%s", mmsb_bus_message(b));
    return answer_of(b);
}

static mmsb_bus_state state_of(mmsb_bus *b, mmsb_status want) {
    mmsb_bus_state s = {.struct_size = sizeof s};
    cr_assert_eq(mmsb_bus_state_read(b, &s), want, "%s", mmsb_bus_message(b));
    return s;
}

Test(bus_api, wrong_options_are_told) {
    struct {
        mmsb_bus_options o;
        uint64_t newer;
    } big = {.o = {.struct_size = sizeof big, .name = "b"}};
    mmsb_bus *b = NULL;
    mmsb_bus_options o = {.struct_size = sizeof o};
    cr_expect_eq(mmsb_bus_attach(&o, NULL), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_attach(NULL, &b), MMSB_USAGE);
    mmsb_bus_free(b);
    const struct {
        const char *name, *words;
        uint64_t ring_bytes;
        mmsb_status status;
    } rows[] = {{NULL, "name of a bus is missing", 0, MMSB_USAGE},
                {"none", "none", 0, MMSB_ABSENT},
                {"a/b", "a/b", 0, MMSB_USAGE},
                {"", "name", 0, MMSB_USAGE},
                {"b", "ring", 5000, MMSB_USAGE}};
    serve("--leases", "1");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        o.name = rows[k].name, o.ring_bytes = rows[k].ring_bytes;
        cr_expect_eq(mmsb_bus_attach(&o, &b), rows[k].status, "row %zu: %s", k,
                     mmsb_bus_message(b));
        cr_expect_not_null(strstr(mmsb_bus_message(b), rows[k].words), "row %zu: %s", k,
                           mmsb_bus_message(b));
        cr_expect_eq(mmsb_bus_commit(b, 0, NULL), MMSB_USAGE);
        cr_expect_eq(mmsb_bus_page_count(b) + mmsb_bus_epoch(b), 0);
        cr_expect_null(mmsb_bus_view(b, 0, MMSB_ANY));
        cr_expect_eq(mmsb_bus_view_begin(b, &(mmsb_bus_mark){0}), MMSB_USAGE);
        mmsb_bus_free(b);
    }
    cr_expect_eq(mmsb_bus_attach(&big.o, &b), MMSB_OK, "%s", mmsb_bus_message(b));
    mmsb_bus_free(b);
    big.newer = 1;
    cr_expect_eq(mmsb_bus_attach(&big.o, &b), MMSB_USAGE);
    cr_expect_not_null(strstr(mmsb_bus_message(b), "a newer library"));
    mmsb_bus_free(b);
}

Test(bus_api, wrong_calls_are_told_and_change_nothing) {
    serve("--leases", "0");
    mmsb_bus *b = attached(0, 0);
    mmsb_bus_answer a = {0};
    mmsb_bus_state s = {0};
    mmsb_page_info info = {0};
    double v = 1;
    uint8_t two = 2;
    uint32_t price = page_of(b, "price");
    cr_expect_eq(mmsb_bus_page_find(NULL, "x", &price), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_page_find(b, NULL, &price), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_page_describe(b, price, &info), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_state_read(b, &s), MMSB_USAGE);
    cr_expect_null(mmsb_bus_view(b, 77, MMSB_ANY));
    cr_expect_eq(mmsb_bus_read(b, 77, MMSB_ANY, 0, 1, &v, NULL), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_read(b, price, MMSB_F32, 0, 1, &v, NULL), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_read(b, price, MMSB_F64, 0, 1, NULL, NULL), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_read(b, price, MMSB_F64, UINT64_MAX, 2, &v, NULL), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_lease(b, SECONDS, NULL), MMSB_ABSENT);
    cr_expect_eq(mmsb_bus_changes(b, NULL, 1, NULL, NULL), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_set(b, price, (mmsb_kind)9, 0, 1, &v, 1), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_set(b, price, MMSB_XOR, 0, 1, &v, 1), MMSB_WRONG);
    cr_expect_eq(mmsb_bus_set(b, price, MMSB_SET, 3, 2, &v, 1), MMSB_WRONG);
    cr_expect_eq(mmsb_bus_set(b, price, MMSB_SET, 0, 4, &v, 3), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_set(b, price, MMSB_SET, 0, 4, NULL, 4), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_set(b, page_of(b, "total"), MMSB_SET, 0, 1, &v, 1), MMSB_WRONG);
    cr_expect_eq(mmsb_bus_set(b, page_of(b, "on"), MMSB_SET, 0, 1, &two, 1), MMSB_WRONG);
    cr_expect_eq(mmsb_bus_mask(b, price, MMSB_SET, 0, 5, &two, &v, 1), MMSB_WRONG);
    cr_expect_eq(mmsb_bus_mask(b, price, MMSB_SET, 2, UINT64_MAX, &two, &v, 1), MMSB_WRONG);
    cr_expect_eq(mmsb_bus_mask(b, price, MMSB_SET, 3, 1, &two, &v, 1),
                 MMSB_WRONG); /* past the end */
    cr_expect_eq(mmsb_bus_mask(b, price, MMSB_SET, 0, 4, &two, &v, 2), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_mask(b, price, MMSB_SET, 0, 4, NULL, &v, 1), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_mask(b, price, MMSB_SET, 0, 4, &two, NULL, 1), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_line(b, "commit"), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_line(b, NULL), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_answer_next(b, 0, &a), MMSB_USAGE);
    cr_expect_eq(mmsb_bus_wait_durable(b, 0, 0), MMSB_ABSENT);
    s = state_of(b, MMSB_OK);
    cr_expect_eq(s.pending_bytes + s.unanswered + s.flags + s.epoch, 0);
    mmsb_bus_free(b);
}

Test(bus_api, what_does_not_fit_leaves_the_commit_as_it_was) {
    serve("--leases", "1");
    mmsb_bus *b = attached(4096, 0);
    static uint64_t lanes[WIDE];
    static int32_t values[WIDE];
    for (int k = 0; k < WIDE; k++) lanes[k] = (uint64_t)(k / 2 * 2), values[k] = k;
    uint32_t wide = page_of(b, "wide");
    cr_assert_eq(mmsb_bus_line(b, "qty[1] = 7"), MMSB_OK);
    uint64_t pending = state_of(b, MMSB_OK).pending_bytes;
    cr_expect_eq(mmsb_bus_scatter(b, wide, MMSB_SET, lanes, 1000, values, 1000), MMSB_OUT_OF_SPACE);
    cr_expect_eq(mmsb_bus_set(b, wide, MMSB_SET, 0, WIDE, values, WIDE), MMSB_OUT_OF_SPACE);
    lanes[9] = WIDE;
    cr_expect_eq(mmsb_bus_scatter(b, wide, MMSB_SET, lanes, 10, values, 10), MMSB_WRONG);
    cr_expect_eq(state_of(b, MMSB_OK).pending_bytes, pending);
    cr_assert_eq(mmsb_bus_commit(b, 0, NULL), MMSB_OK);
    cr_expect_eq(answer_of(b).status, MMSB_OK);
    cr_expect_eq(*(const int64_t *)mmsb_bus_view(b, page_of(b, "all"), MMSB_ANY), 0);
    cr_expect_eq(((const int64_t *)mmsb_bus_view(b, page_of(b, "qty"), MMSB_I64))[1], 7);
    mmsb_bus_free(b);
}

Test(bus_api, masks_are_the_lanes_of_their_bits) {
    serve("--leases", "1");
    mmsb_bus *b = attached(0, 0);
    static uint8_t mask[WIDE / 8];
    static int32_t values[WIDE], want[WIDE];
    uint32_t wide = page_of(b, "wide");
    uint64_t seed = 7;
    for (int round = 0; round < 40; round++) {
        uint64_t first = (uint64_t)round * 131, count = WIDE - first - (uint64_t)round % 64,
                 set = 0;
        memset(mask, 0, sizeof mask);
        for (uint64_t k = 0; k < count; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if ((seed >> 40) % (uint64_t)(round + 1) != 0) continue;
            mask[k / 8] |= (uint8_t)(1 << k % 8);
            values[set] = (int32_t)(seed >> 33);
            want[first + k] ^= round % 2 == 0 ? values[set] : 5;
            set++;
        }
        if (round % 2 != 0) values[0] = 5; /* one for all */
        cr_assert_eq(
            mmsb_bus_mask(b, wide, MMSB_XOR, first, count, mask, values, round % 2 == 0 ? set : 1),
            MMSB_OK, "%s", mmsb_bus_message(b));
        cr_assert_eq(mmsb_bus_commit(b, 0, NULL), MMSB_OK, "%s", mmsb_bus_message(b));
        cr_expect_eq(answer_of(b).status, MMSB_OK);
        cr_assert_arr_eq(mmsb_bus_view(b, wide, MMSB_I32), want, sizeof want, "round %d", round);
    }
    mmsb_bus_free(b);
}

Test(bus_api, a_full_ring_keeps_the_commit_until_an_answer_is_taken) {
    serve("--leases", "1");
    mmsb_bus *b = attached(4096, 0);
    int64_t seven = 7;
    uint32_t qty = page_of(b, "qty");
    uint64_t sent = 0, last = 0;
    kill(engine, SIGSTOP);
    mmsb_status s = MMSB_OK;
    while (s == MMSB_OK) {
        cr_assert_eq(mmsb_bus_set(b, qty, MMSB_ADD, 0, 1, &seven, 1), MMSB_OK);
        s = mmsb_bus_commit(b, 0, &last);
        sent += s == MMSB_OK;
        cr_assert_lt(sent, 1000);
    }
    cr_assert_eq(s, MMSB_BUSY, "%s", mmsb_bus_message(b));
    cr_expect_gt(state_of(b, MMSB_OK).pending_bytes, 0);
    cr_expect_eq(state_of(b, MMSB_OK).unanswered, sent);
    cr_expect_eq(mmsb_bus_answer_next(b, 1000000, &(mmsb_bus_answer){.struct_size = 40}),
                 MMSB_BUSY);
    kill(engine, SIGCONT);
    cr_expect_eq(answer_of(b).number, 1);
    while (mmsb_bus_commit(b, 0, &last) == MMSB_BUSY) answer_of(b);
    cr_expect_eq(last, sent + 1);
    while (state_of(b, MMSB_OK).unanswered != 0) last = answer_of(b).number;
    cr_expect_eq(last, sent + 1);
    cr_expect_eq(*(const int64_t *)mmsb_bus_view(b, qty, MMSB_I64), 1 + 7 * ((int64_t)sent + 1));
    mmsb_bus_free(b);
}

static void *waiter(void *bus) {
    return (void *)(uintptr_t)mmsb_bus_wait(bus, mmsb_bus_epoch(bus), SECONDS);
}

Test(bus_api, a_second_thread_reads_and_gets_busy_else) {
    serve("--leases", "1");
    mmsb_bus *b = attached(0, 0), *other = attached(0, 0);
    const double *total = mmsb_bus_view(b, page_of(b, "total"), MMSB_F64);
    mmsb_bus_mark mark;
    pthread_t t;
    void *status = NULL;
    cr_assert_eq(pthread_create(&t, NULL, waiter, b), 0);
    for (int k = 0; k < 4000 && mmsb_bus_drop(b) != MMSB_BUSY; k++) usleep(1000);
    cr_expect_eq(mmsb_bus_line(b, "qty[0] = 3"), MMSB_BUSY);
    cr_expect_eq(mmsb_bus_detach(b), MMSB_BUSY);
    cr_expect_null(mmsb_bus_view(b, 0, MMSB_ANY));
    cr_expect_eq(mmsb_bus_descriptor(b), -1);
    cr_expect_str_eq(mmsb_bus_message(b), "");
    cr_expect_eq(mmsb_bus_view_begin(b, &mark), MMSB_OK);
    cr_expect(*total == 400.0 && mark.epoch == 0);
    cr_expect_eq(mmsb_bus_view_end(b, &mark), 1);
    cr_expect_eq(done(other, "qty[0] = 3").epoch, 1);
    pthread_join(t, &status);
    cr_expect_eq((uintptr_t)status, MMSB_OK);
    cr_expect_eq(mmsb_bus_epoch(b), 1);
    cr_expect_eq(mmsb_bus_view_end(b, &mark), 0);
    mmsb_bus_free(b);
    mmsb_bus_free(other);
}

/* In a forked child: 0 where everything is as promised. */
static int child(mmsb_bus *b, const double *total) {
    uint64_t epoch;
    if (mmsb_bus_commit(b, 0, NULL) != MMSB_FORKED ||
        mmsb_bus_lease(b, SECONDS, &epoch) != MMSB_FORKED)
        return 1;
    if (strstr(mmsb_bus_message(b), "which forked this one") == NULL) return 2;
    if (mmsb_bus_detach(b) != MMSB_FORKED || mmsb_bus_view(b, 0, MMSB_ANY) != NULL) return 3;
    if (mmsb_bus_view_begin(b, &(mmsb_bus_mark){0}) != MMSB_FORKED || *total != 400.0) return 4;
    mmsb_bus_free(b);
    return 0;
}

Test(bus_api, a_child_gets_forked_and_leaves_the_connection_alone) {
    serve("--leases", "1");
    mmsb_bus *b = attached(0, 0);
    int ended = 0;
    const double *total = mmsb_bus_view(b, page_of(b, "total"), MMSB_F64);
    cr_assert_eq(mmsb_bus_lease(b, SECONDS, NULL), MMSB_OK);
    pid_t p = fork();
    if (p == 0) _exit(child(b, total));
    waitpid(p, &ended, 0);
    cr_expect_eq(ended, 0, "the child's step %d", WEXITSTATUS(ended));
    cr_expect_eq(done(b, "qty[0] = 2").status, MMSB_OK);
    cr_expect_eq(*(const double *)mmsb_bus_leased(b, page_of(b, "total"), MMSB_F64), 400.0);
    cr_expect_eq(*total, 500.0);
    mmsb_bus_free(b);
}

Test(bus_api, detach_gives_the_lease_back_though_a_child_lives) {
    serve("--leases", "1");
    mmsb_bus *b = attached(0, 0), *other = attached(0, 0);
    cr_assert_eq(mmsb_bus_lease(b, SECONDS, NULL), MMSB_OK);
    const double *leased = mmsb_bus_leased(b, page_of(b, "total"), MMSB_F64);
    cr_expect_eq(done(other, "qty[0] = 2").status, MMSB_OK);
    cr_expect_eq(mmsb_bus_lease(other, SECONDS, NULL), MMSB_BUSY);
    pid_t p = fork();
    if (p == 0) {
        pause();
        _exit(0);
    }
    cr_expect_eq(*leased, 400.0);
    cr_expect_eq(mmsb_bus_detach(b), MMSB_OK);
    mmsb_status s = MMSB_BUSY;
    for (int k = 0; k < 4000 && (s = mmsb_bus_lease(other, SECONDS, NULL)) == MMSB_BUSY; k++)
        usleep(1000);
    cr_expect_eq(s, MMSB_OK, "%s", mmsb_bus_message(other));
    cr_expect_eq(mmsb_bus_detach(b), MMSB_OK);
    state_of(b, MMSB_USAGE);
    cr_expect_null(mmsb_bus_leased(b, 0, MMSB_ANY));
    double now = 0;
    cr_expect_eq(mmsb_bus_read(b, page_of(b, "total"), MMSB_F64, 0, 1, &now, NULL), MMSB_OK);
    cr_expect_eq(now, 500.0);
    kill(p, SIGKILL);
    waitpid(p, NULL, 0);
    mmsb_bus_free(b);
    mmsb_bus_free(other);
}

static void *interrupt_soon(void *bus) {
    usleep(20000);
    cr_expect_eq(mmsb_bus_interrupt(bus), MMSB_OK);
    return NULL;
}

/* Each in another thread's time, asleep: no limit but the interruption ends them. */
Test(bus_api, waits_are_interrupted, .timeout = 60) {
    serve("--leases", "1");
    mmsb_bus *b = attached(0, 0);
    mmsb_bus_answer a = {.struct_size = sizeof a};
    for (int what = 0; what < 3; what++) {
        pthread_t t;
        kill(engine, SIGSTOP);
        if (what == 1) cr_expect_eq(mmsb_bus_commit(b, 0, NULL), MMSB_OK);
        cr_assert_eq(pthread_create(&t, NULL, interrupt_soon, b), 0);
        mmsb_status s = what == 0   ? mmsb_bus_wait(b, 0, UINT64_MAX)
                        : what == 1 ? mmsb_bus_answer_next(b, UINT64_MAX, &a)
                                    : mmsb_bus_lease(b, UINT64_MAX, NULL);
        cr_expect_eq(s, MMSB_BUSY);
        cr_expect_not_null(strstr(mmsb_bus_message(b), "interrupted"), "%s", mmsb_bus_message(b));
        pthread_join(t, NULL);
        kill(engine, SIGCONT);
        if (what == 1) cr_expect_eq(answer_of(b).status, MMSB_OK);
    }
    cr_expect_eq(mmsb_bus_interrupt(b), MMSB_OK); /* before the wait: that one comes back */
    cr_expect_eq(mmsb_bus_wait(b, 0, UINT64_MAX), MMSB_OK, "what is there needs no wait");
    cr_expect_eq(mmsb_bus_wait(b, 9, UINT64_MAX), MMSB_BUSY);
    cr_expect_eq(mmsb_bus_wait(b, 9, 1000000), MMSB_BUSY);
    cr_expect_null(strstr(mmsb_bus_message(b), "interrupted"), "one is interrupted, not two");
    mmsb_bus_free(b);
}

/* The engine comes to it when nobody waits any more: nothing stays pinned. */
Test(bus_api, a_lease_that_was_given_up_pins_nothing, .timeout = 60) {
    serve("--leases", "1");
    mmsb_bus *b = attached(4096, 0), *other = attached(0, 0);
    kill(engine, SIGSTOP);
    for (int k = 0; k < 200; k++) /* more than its ring holds */
        cr_expect_eq(mmsb_bus_lease(b, 1, NULL), MMSB_BUSY);
    cr_expect_eq(mmsb_bus_lease(b, 10000000, NULL), MMSB_BUSY);
    kill(engine, SIGCONT);
    cr_expect_eq(done(other, "qty[0] = 2").status, MMSB_OK);
    mmsb_status s = MMSB_BUSY;
    for (int k = 0; k < 4000 && s == MMSB_BUSY; k++) s = mmsb_bus_lease(b, SECONDS, NULL);
    cr_assert_eq(s, MMSB_OK, "%s", mmsb_bus_message(b));
    cr_expect_eq(*(const double *)mmsb_bus_leased(b, page_of(b, "total"), MMSB_F64), 500.0);
    cr_expect_eq(mmsb_bus_lease_end(b), MMSB_OK);
    cr_expect_eq(done(other, "qty[0] = 3").status, MMSB_OK);
    for (s = MMSB_BUSY; s == MMSB_BUSY;) s = mmsb_bus_lease(other, SECONDS, NULL);
    cr_expect_eq(s, MMSB_OK, "%s", mmsb_bus_message(other));
    for (int k = 0; k < 300; k++) cr_expect_eq(done(b, "qty[1] += 1").status, MMSB_OK);
    mmsb_bus_free(b);
    mmsb_bus_free(other);
}

Test(bus_api, what_a_killed_engine_left_can_be_read) {
    serve("--leases", "1");
    mmsb_bus *b = attached(0, 0);
    cr_expect_eq(done(b, "qty[0] = 2").status, MMSB_OK);
    cr_assert_eq(mmsb_bus_lease(b, SECONDS, NULL), MMSB_OK);
    uint32_t total = page_of(b, "total");
    const double *leased = mmsb_bus_leased(b, total, MMSB_F64);
    const double *live = mmsb_bus_view(b, total, MMSB_F64);
    struct pollfd p = {.fd = mmsb_bus_descriptor(b), .events = POLLIN};
    cr_expect_eq(poll(&p, 1, 0), 0);
    engine_end(SIGKILL);
    cr_expect_eq(poll(&p, 1, 20000), 1);
    cr_expect(*leased == 500.0 && *live == 500.0);
    mmsb_bus_state s = state_of(b, MMSB_IO);
    cr_expect_eq(s.epoch, 1);
    cr_expect_not_null(strstr(mmsb_bus_message(b), "is gone"));
    double copy = 0;
    cr_expect_eq(mmsb_bus_read(b, total, MMSB_F64, 0, 1, &copy, NULL), MMSB_OK);
    cr_expect_eq(copy, 500.0);
    cr_expect_eq(mmsb_bus_wait(b, 1, SECONDS), MMSB_IO);
    cr_expect_eq(mmsb_bus_lease_end(b), MMSB_OK);
    cr_expect_eq(mmsb_bus_lease(b, SECONDS, NULL), MMSB_IO);
    mmsb_bus_commit(b, 0, NULL); /* goes into the ring; nobody answers */
    cr_expect_eq(mmsb_bus_answer_next(b, SECONDS, &(mmsb_bus_answer){.struct_size = 40}), MMSB_IO);
    cr_expect(*leased == 500.0 && *live == 500.0);
    mmsb_bus_free(b);
}

Test(bus_api, a_number_that_is_sent_again_counts_once_whatever_dies) {
    serve("--state", "s");
    mmsb_bus *b = attached(0, 77);
    uint64_t number = 0;
    cr_expect_eq(state_of(b, MMSB_OK).last_number, 0);
    mmsb_bus_answer a = done(b, "qty[0] += 1");
    cr_expect(a.number == 1 && a.again == 0);
    cr_assert_eq(mmsb_bus_wait_durable(b, a.epoch, SECONDS), MMSB_OK);
    cr_expect_geq(state_of(b, MMSB_OK).durable_epoch, 1);
    engine_end(SIGKILL);
    mmsb_bus_free(b);
    serve("--state", "s");
    b = attached(0, 77);
    mmsb_bus_state s = state_of(b, MMSB_OK);
    cr_expect(s.last_number == 1 && s.next_number == 2);
    cr_assert_eq(mmsb_bus_line(b, "qty[0] += 1"), MMSB_OK);
    cr_assert_eq(mmsb_bus_commit(b, 1, &number), MMSB_OK);
    a = answer_of(b);
    cr_expect(a.number == 1 && a.again == 1 && a.status == MMSB_OK && number == 1);
    a = done(b, "qty[0] += 1");
    cr_expect(a.number == 2 && a.again == 0);
    cr_assert_eq(mmsb_bus_commit(b, 1, NULL), MMSB_OK);
    cr_expect_eq(answer_of(b).again, 1);
    cr_expect_eq(state_of(b, MMSB_OK).next_number, 3, "an old number is not gone on from");
    cr_expect_eq(*(const int64_t *)mmsb_bus_view(b, page_of(b, "qty"), MMSB_I64), 3);
    mmsb_bus_free(b);
}

Test(bus_api, changes_are_listed_and_lost_ones_told) {
    serve("--leases", "1");
    mmsb_bus *b = attached(0, 0), *late = attached(0, 0);
    static uint64_t lanes[WIDE];
    mmsb_bus_change rows[300];
    uint32_t count = 0, wide = page_of(b, "wide");
    int missed = 0, listed = 0;
    for (int k = 0; k < WIDE; k++) lanes[k] = (uint64_t)k * 100 % WIDE;
    for (int32_t k = 0; k < 120; k++) {
        cr_assert_eq(mmsb_bus_scatter(b, wide, MMSB_ADD, lanes, 200, &(int32_t){1}, 1), MMSB_OK);
        cr_assert_eq(mmsb_bus_commit(b, 0, NULL), MMSB_OK);
        cr_expect_eq(answer_of(b).epoch, (uint64_t)k + 1);
        cr_assert_eq(mmsb_bus_changes(b, rows, 300, &count, &missed), MMSB_OK);
        cr_expect(!missed && count == 201, "%d %u", missed, count);
        cr_expect(rows[0].page == wide && rows[0].epoch == (uint64_t)k + 1);
        listed += (int)count;
    }
    cr_expect_gt(listed, 16384);
    cr_assert_eq(mmsb_bus_changes(late, rows, 300, &count, &missed), MMSB_OK);
    cr_expect(missed == 1 && count == 0);
    cr_assert_eq(mmsb_bus_changes(late, rows, 300, &count, &missed), MMSB_OK);
    cr_expect(missed == 0 && count == 0);
    mmsb_bus_free(b);
    mmsb_bus_free(late);
}

Test(bus_api, a_descriptor_wakes_an_event_loop) {
    serve("--leases", "1");
    mmsb_bus *b = attached(0, 0), *other = attached(0, 0);
    struct pollfd p = {.fd = mmsb_bus_descriptor(b), .events = POLLIN};
    for (uint64_t k = 1; k <= 50; k++) {
        cr_expect_eq(poll(&p, 1, 0), 0);
        cr_expect_eq(done(other, "qty[0] += 1").epoch, k);
        cr_expect_eq(poll(&p, 1, 20000), 1);
        cr_expect_eq(mmsb_bus_descriptor(b), p.fd);
        cr_expect_eq(mmsb_bus_epoch(b), k);
    }
    cr_assert_eq(mmsb_bus_commit(b, 0, NULL), MMSB_OK);
    cr_expect_eq(poll(&p, 1, 20000), 1);
    cr_expect_eq(answer_of(b).epoch, 51);
    mmsb_bus_free(b);
    mmsb_bus_free(other);
}
