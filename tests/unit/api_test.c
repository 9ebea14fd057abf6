/* SPDX-License-Identifier: Apache-2.0
 * The public header from outside: every way of opening, changing, reading, ending, and every way of
 * doing it wrong. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../compiler/include/mmsbc.h"
#include "mmsb.h"

static const char graph_text[] =
    "source price: f64[4] = 100.0\nsource qty: i64[4] = 1\nsource on: bool[4] = true\n"
    "source grid: f32[2, 3]\nsource small: i8[3] = -5\n"
    "page value: f64[4] = price * f64(qty)\npage total = sum(value)\n"
    "page ema: f64 = init total then prev(ema) + 0.5 * (total - prev(ema))\n"
    "page even = epoch % 2 == 0\n"
    "assert all(price > 0.0) \"price not positive\"\n"
    "event rich = total > 1000.0 with total, min(small), count(qty > 0), any(on)\n"
    "event beat = even with epoch\n";

typedef struct {
    mmsbc_result *compiled;
    mmsb_options o;
    char folder[64];
} fixture;
static fixture f;

static void setup(void) {
    mmsbc_options o = {
        .name = "g.mmsbg", .text = graph_text, .bytes = sizeof graph_text - 1, .messages = stderr};
    size_t bytes = 0;
    cr_assert_eq(mmsbc_compile(&o, &f.compiled), 0);
    f.o = (mmsb_options){.struct_size = sizeof f.o};
    f.o.image = mmsbc_image(f.compiled, &bytes);
    f.o.image_bytes = bytes;
    snprintf(f.folder, sizeof f.folder, "/tmp/mmsb-api-XXXXXX");
    cr_assert_not_null(mkdtemp(f.folder));
}

static void teardown(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", f.folder);
    cr_assert_eq(system(command), 0);
    mmsbc_free(f.compiled);
}
TestSuite(api, .init = setup, .fini = teardown);

static mmsb_engine *opened(void) {
    mmsb_engine *e = NULL;
    cr_assert_eq(mmsb_open(&f.o, &e), MMSB_OK, "%s", mmsb_message(e));
    return e;
}

static uint32_t page_of(mmsb_engine *e, const char *name) {
    uint32_t page = 99;
    cr_assert_eq(mmsb_page_find(e, name, &page), MMSB_OK, "%s", mmsb_message(e));
    return page;
}

static double f64_of(mmsb_engine *e, const char *name, int lane) {
    const double *at = mmsb_view(e, page_of(e, name), MMSB_F64);
    cr_assert_not_null(at);
    return at[lane];
}

static uint64_t root_of(mmsb_engine *e) {
    uint64_t root = 0;
    cr_assert_eq(mmsb_root(e, &root), MMSB_OK);
    return root;
}

static void line(mmsb_engine *e, const char *text) {
    cr_assert_eq(mmsb_line(e, text), MMSB_OK, "%s: %s", text, mmsb_message(e));
}

Test(api, pages_have_numbers_names_and_shapes) {
    mmsb_engine *e = opened();
    mmsb_page_info info = {.struct_size = sizeof info};
    uint32_t named = 0;
    for (uint32_t k = 0; k < mmsb_page_count(e); k++) {
        cr_assert_eq(mmsb_page_describe(e, k, &info), MMSB_OK);
        cr_assert_eq(page_of(e, info.name), k);
        cr_assert_not_null(mmsb_view(e, k, MMSB_ANY));
        named += info.line != 0;
    }
    cr_assert_eq(named, mmsb_page_count(e));
    cr_assert_eq(mmsb_page_describe(e, page_of(e, "grid"), &info), MMSB_OK);
    cr_assert(info.type == MMSB_F32 && info.axes == 2 && info.lanes == 6 && info.bytes == 24);
    cr_assert(info.dims[0] == 2 && info.dims[1] == 3 && info.dims[2] == 1 && info.line == 4);
    cr_assert_eq(info.flags, MMSB_PAGE_SOURCE | MMSB_PAGE_EXPORTED);
    cr_assert_str_eq(info.file, "g.mmsbg");
    cr_assert_eq(mmsb_page_describe(e, page_of(e, "ema"), &info), MMSB_OK);
    cr_assert_eq(info.flags, MMSB_PAGE_STATE | MMSB_PAGE_EXPORTED);
    cr_assert_eq(mmsb_page_describe(e, page_of(e, "rich"), &info), MMSB_OK);
    cr_assert_neq(info.flags & MMSB_PAGE_EVENT, 0);
    cr_assert_eq(mmsb_page_describe(e, mmsb_page_count(e), &info), MMSB_USAGE);
    mmsb_free(e);
}

Test(api, a_wrong_name_is_told_the_right_one) {
    mmsb_engine *e = opened();
    uint32_t page;
    cr_assert_eq(mmsb_page_find(e, "prise", &page), MMSB_WRONG);
    cr_assert_str_eq(mmsb_message(e), "there is no page `prise`; did you mean `price`?");
    cr_assert_eq(mmsb_page_find(e, "nothing_like_it", &page), MMSB_WRONG);
    cr_assert_str_eq(mmsb_message(e), "there is no page `nothing_like_it` that is kept");
    mmsb_free(e);
}

/* Each row changes pages of a fresh engine by a function, and a second one by lines. */
Test(api, every_kind_of_change_equals_its_line) {
    const double two[2] = {2.5, 1.5}, one = 3.0;
    const float six[6] = {1, 2, 3, 4, 5, 6};
    const int8_t small = 7;
    const uint8_t mask[1] = {0x5}, off = 0, on[2] = {0, 1};
    const uint64_t lanes[4] = {3, 0, 1, 0};
    const int64_t many[4] = {9, 8, 7, 6};
    mmsb_engine *e = opened(), *lined = opened();
    uint32_t price = page_of(e, "price"), qty = page_of(e, "qty"), on_page = page_of(e, "on");
    uint32_t small_page = page_of(e, "small");
    void *to = NULL;
    mmsb_status s = MMSB_OK;
    s |= mmsb_set(e, price, MMSB_SET, 1, 2, two, 2), line(lined, "price[1..3] = 2.5, 1.5");
    s |= mmsb_set(e, price, MMSB_ADD, 0, 4, &one, 1), line(lined, "price[0..4] += 3.0");
    s |= mmsb_set(e, price, MMSB_MIN, 0, 1, &one, 1), line(lined, "price[0] min= 3.0");
    s |= mmsb_set(e, page_of(e, "grid"), MMSB_SET, 0, 6, six, 6),
        line(lined, "grid[0..2, 0..3] = 1, 2, 3, 4, 5, 6");
    s |= mmsb_set(e, small_page, MMSB_MAX, 0, 3, &small, 1), line(lined, "small[0..3] max= 7");
    s |= mmsb_set(e, small_page, MMSB_XOR, 2, 1, &small, 1), line(lined, "small[2] ^= 7");
    s |= mmsb_scatter(e, qty, MMSB_ADD, lanes, 4, many, 4), line(lined, "qty[3] += 9"),
        line(lined, "qty[0..2] += 8, 7"), line(lined, "qty[0] += 6");
    s |= mmsb_scatter(e, qty, MMSB_OR, lanes, 2, many, 1), line(lined, "qty[3] |= 9"),
        line(lined, "qty[0] |= 9");
    s |= mmsb_mask(e, on_page, MMSB_AND, 1, 3, mask, &off, 1), line(lined, "on[1] = false"),
        line(lined, "on[3] &= false");
    s |= mmsb_mask(e, on_page, MMSB_SET, 0, 3, mask, on, 2), line(lined, "on[0] = 0"),
        line(lined, "on[2] = 1");
    s |= mmsb_place(e, on_page, MMSB_SET, 2, 2, &to);
    ((uint8_t *)to)[0] = 77; /* becomes true */
    line(lined, "on[2..4] = true, false");
    s |= mmsb_place(e, price, MMSB_SET, 2, 2, &to);
    ((double *)to)[0] = 6.0, ((double *)to)[1] = 7.0;
    line(lined, "price[2..4] = 6, 7");
    cr_assert_eq(s, MMSB_OK, "%s", mmsb_message(e));
    cr_assert_eq(mmsb_commit(e), MMSB_OK, "%s", mmsb_message(e));
    cr_assert_eq(mmsb_commit(lined), MMSB_OK);
    cr_assert_eq(root_of(e), root_of(lined));
    cr_assert_eq(f64_of(e, "price", 1), 5.5);
    const uint8_t *bools = mmsb_view(e, on_page, MMSB_BOOL);
    cr_assert(bools[0] == 0 && bools[1] == 0 && bools[2] == 1 && bools[3] == 0);
    mmsb_free(e);
    mmsb_free(lined);
}

static void words_are(mmsb_engine *e, mmsb_status got, mmsb_status wanted, const char *words) {
    cr_assert_eq(got, wanted, "%s: %d", words, (int)got);
    cr_assert_not_null(strstr(mmsb_message(e), words), "wanted %s, got %s", words, mmsb_message(e));
}

/* After the wrong calls a commit is a tick: its root is that of a fresh engine's tick. */
static void nothing_is_queued(mmsb_engine *e) {
    mmsb_engine *fresh = opened();
    mmsb_metrics m = {.struct_size = sizeof m};
    cr_assert_eq(mmsb_metrics_read(e, &m), MMSB_OK);
    cr_assert_eq(m.pending_bytes, 0);
    cr_assert_eq(mmsb_commit(e), MMSB_OK);
    cr_assert_eq(mmsb_commit(fresh), MMSB_OK);
    cr_assert_eq(root_of(e), root_of(fresh));
    mmsb_free(e);
    mmsb_free(fresh);
}

Test(api, a_wrong_set_or_scatter_has_words_and_queues_nothing) {
    mmsb_engine *e = opened();
    const double value = 1.0;
    const uint8_t two = 2;
    const uint64_t far[2] = {0, 4};
    uint32_t price = page_of(e, "price"), on = page_of(e, "on"), total = page_of(e, "total");
    words_are(e, mmsb_set(e, 77, MMSB_SET, 0, 1, &value, 1), MMSB_USAGE, "no page number 77");
    words_are(e, mmsb_set(e, price, (mmsb_kind)9, 0, 1, &value, 1), MMSB_USAGE, "no kind");
    words_are(e, mmsb_set(e, price, MMSB_OR, 0, 1, &value, 1), MMSB_WRONG, "kind of delta");
    words_are(e, mmsb_set(e, total, MMSB_SET, 0, 1, &value, 1), MMSB_WRONG,
              "total is not a source");
    words_are(e, mmsb_set(e, price, MMSB_SET, 2, 3, &value, 1), MMSB_WRONG, "3 lanes from 2");
    words_are(e, mmsb_set(e, price, MMSB_SET, UINT64_MAX, 2, &value, 1), MMSB_WRONG, "lanes from");
    words_are(e, mmsb_set(e, price, MMSB_SET, 0, UINT64_MAX, &value, 1), MMSB_WRONG, "price");
    words_are(e, mmsb_set(e, price, MMSB_SET, 0, 3, &value, 2), MMSB_USAGE, "2 values for 3 lanes");
    words_are(e, mmsb_set(e, price, MMSB_SET, 0, 1, NULL, 1), MMSB_USAGE, "no values");
    words_are(e, mmsb_set(e, on, MMSB_SET, 0, 1, &two, 1), MMSB_WRONG, "neither 0 nor 1");
    words_are(e, mmsb_scatter(e, price, MMSB_SET, far, 2, &value, 1), MMSB_WRONG,
              "lane 4 is outside");
    words_are(e, mmsb_scatter(e, on, MMSB_SET, far, 1, &two, 1), MMSB_WRONG, "neither 0 nor 1");
    words_are(e, mmsb_scatter(e, price, MMSB_SET, NULL, 1, &value, 1), MMSB_USAGE, "no lanes");
    nothing_is_queued(e);
}

Test(api, a_wrong_mask_place_or_line_has_words_and_queues_nothing) {
    mmsb_engine *e = opened();
    const double value = 1.0;
    const uint8_t bits = 0xff;
    uint32_t price = page_of(e, "price"), total = page_of(e, "total");
    void *to;
    words_are(e, mmsb_mask(e, price, MMSB_SET, 1, 4, &bits, &value, 1), MMSB_WRONG,
              "4 lanes from 1");
    words_are(e, mmsb_mask(e, price, MMSB_SET, 0, 4, &bits, &value, 1), MMSB_WRONG,
              "mask bits past");
    words_are(e, mmsb_mask(e, price, MMSB_SET, 0, 4, NULL, &value, 1), MMSB_USAGE, "no mask");
    words_are(e, mmsb_place(e, price, MMSB_SET, 3, 2, &to), MMSB_WRONG, "2 lanes from 3");
    words_are(e, mmsb_place(e, price, MMSB_SET, 9, 1, &to), MMSB_WRONG, "1 lanes from 9");
    words_are(e, mmsb_place(e, price, MMSB_SET, 0, 0, &to), MMSB_WRONG, "0 lanes");
    words_are(e, mmsb_place(e, total, MMSB_SET, 0, 1, &to), MMSB_WRONG, "total is not a source");
    words_are(e, mmsb_place(e, price, MMSB_SET, 0, 1, NULL), MMSB_USAGE, "NULL");
    words_are(e, mmsb_line(e, "price[0] = x"), MMSB_WRONG, "`x` is not a value");
    words_are(e, mmsb_line(e, "commit"), MMSB_USAGE, "functions of their own");
    words_are(e, mmsb_line(e, "tick 3"), MMSB_USAGE, "functions of their own");
    words_are(e, mmsb_line(e, NULL), MMSB_USAGE, "NULL");
    words_are(e, mmsb_line(e, "price = @nowhere.npy"), MMSB_IO, "nowhere.npy");
    nothing_is_queued(e);
}

Test(api, a_success_leaves_the_words_alone) {
    mmsb_engine *e = opened();
    words_are(e, mmsb_line(e, "price[0] = x"), MMSB_WRONG, "`x` is not a value for price");
    line(e, "price[0] = 2");
    cr_assert_not_null(strstr(mmsb_message(e), "`x` is not"));
    words_are(e, mmsb_tick(e, 1, NULL), MMSB_USAGE, "deltas are queued");
    mmsb_free(e);
}

Test(api, a_rejected_epoch_changes_no_bit) {
    mmsb_engine *e = opened();
    line(e, "price[0] = 50");
    cr_assert_eq(mmsb_commit(e), MMSB_OK);
    uint64_t before = root_of(e);
    line(e, "qty[0..4] = 7");
    line(e, "price[2] = -1");
    words_are(e, mmsb_commit(e), MMSB_REJECTED, "price not positive");
    cr_assert_not_null(strstr(mmsb_message(e), "g.mmsbg:10"), "%s", mmsb_message(e));
    cr_assert_eq(mmsb_epoch(e), 1);
    cr_assert_eq(root_of(e), before);
    cr_assert_eq(mmsb_commit(e), MMSB_OK);
    cr_assert_eq(f64_of(e, "total", 0), 350.0);
    mmsb_free(e);
}

Test(api, events_are_kept_until_the_next_commit) {
    mmsb_engine *e = opened();
    mmsb_event event = {.struct_size = sizeof event};
    line(e, "price[0] = 900");
    cr_assert_eq(mmsb_commit(e), MMSB_OK);
    cr_assert_eq(mmsb_event_next(e, &event), 1);
    cr_assert_str_eq(event.name, "rich");
    cr_assert(event.epoch == 1 && event.value_count == 4);
    cr_assert(event.values[0].type == MMSB_F64 && event.values[0].number == 1200.0);
    cr_assert(event.values[1].type == MMSB_I8 && event.values[1].number == -5.0);
    cr_assert_eq(event.values[1].bits, (uint64_t)-5);
    cr_assert(event.values[2].type == MMSB_I64 && event.values[2].number == 4.0);
    cr_assert(event.values[3].type == MMSB_BOOL && event.values[3].bits == 1);
    cr_assert_eq(mmsb_event_next(e, &event), 0);
    cr_assert_eq(mmsb_commit(e), MMSB_OK); /* epoch 2: beat fires, and nobody takes it */
    cr_assert_eq(mmsb_commit(e), MMSB_OK);
    cr_assert_eq(mmsb_event_next(e, &event), 0);
    mmsb_free(e);
}

Test(api, a_tick_stops_where_its_events_find_no_room) {
    f.o.event_room = 3; /* two events a graph: after two are kept there is room for one more */
    mmsb_engine *e = opened();
    mmsb_event event = {.struct_size = sizeof event};
    uint64_t done = 0, all = 0, events = 0;
    while (all < 100) {
        cr_assert_eq(mmsb_tick(e, 100 - all, &done), MMSB_OK);
        cr_assert(done == 4 || all + done == 100, "%llu", (unsigned long long)done);
        all += done;
        while (mmsb_event_next(e, &event) == 1) cr_assert_eq(event.values[0].bits, 2 * ++events);
    }
    cr_assert_eq(events, 50);
    mmsb_free(e);
}

typedef struct {
    mmsb_engine *e;
    unsigned calls, stop_at;
    mmsb_status inside;
    double total;
} heard;

static int hear(void *context, const mmsb_event *event) {
    heard *h = context;
    h->calls++;
    if (h->e != NULL) {
        h->inside = mmsb_commit(h->e);
        h->total = f64_of(h->e, "total", 0);
        cr_assert_eq(mmsb_epoch(h->e), event->epoch);
    }
    return h->calls == h->stop_at;
}

Test(api, a_callback_hears_events_on_the_callers_thread_and_may_stop_a_tick) {
    heard h = {.stop_at = 3};
    f.o.on_event = hear, f.o.event_context = &h;
    mmsb_engine *e = opened();
    mmsb_event event = {.struct_size = sizeof event};
    uint64_t done;
    h.e = e;
    cr_assert_eq(mmsb_tick(e, 100, &done), MMSB_OK);
    cr_assert(done == 6 && h.calls == 3 && h.inside == MMSB_BUSY && h.total == 400.0);
    cr_assert_eq(mmsb_event_next(e, &event), 0);
    cr_assert_eq(mmsb_tick(e, 4, &done), MMSB_OK);
    cr_assert(done == 4 && h.calls == 5);
    mmsb_free(e);
}

Test(api, a_directory_is_recovered_replayed_and_given_free) {
    mmsb_engine *e, *second = NULL, *past = NULL;
    char state[100];
    heard h = {0};
    snprintf(state, sizeof state, "%s/s", f.folder);
    f.o.state = state, f.o.checkpoint_epochs = 3;
    e = opened();
    for (int k = 0; k < 7; k++) {
        line(e, k % 2 == 0 ? "price[1] += 2.5" : "ema = 3");
        cr_assert_eq(mmsb_commit(e), MMSB_OK);
    }
    uint64_t root = root_of(e);
    cr_assert_eq(mmsb_open(&f.o, &second), MMSB_BUSY);
    cr_assert_not_null(strstr(mmsb_message(second), "in use"));
    cr_assert_eq(mmsb_commit(second), MMSB_USAGE);
    cr_assert(mmsb_page_count(second) == 0 || mmsb_view(second, 0, MMSB_ANY) == NULL);
    mmsb_free(second);
    cr_assert_eq(mmsb_close(e), MMSB_OK);
    cr_assert_eq(root_of(e), root);
    words_are(e, mmsb_commit(e), MMSB_USAGE, "closed");
    cr_assert_eq(mmsb_close(e), MMSB_OK);
    second = opened(); /* while the views of the first one still stand */
    cr_assert_eq(mmsb_epoch(second), 7);
    cr_assert_eq(root_of(second), root);
    cr_assert_eq(f64_of(e, "price", 1), f64_of(second, "price", 1));
    mmsb_free(e);
    mmsb_options o = {.struct_size = sizeof o, .state = state};
    o.on_event = hear, o.event_context = &h;
    cr_assert_eq(mmsb_replay(&o, 4, &past), MMSB_OK, "%s", mmsb_message(past));
    cr_assert_eq(mmsb_epoch(past), 4);
    cr_assert_eq(h.calls, 2, "beat in epochs 2 and 4");
    cr_assert_eq(f64_of(past, "price", 1), 105.0);
    line(past, "price[0] = 1"); /* what if: kept nowhere */
    cr_assert_eq(mmsb_commit(past), MMSB_OK);
    mmsb_free(past);
    cr_assert_eq(mmsb_replay(&o, 8, &past), MMSB_WRONG);
    cr_assert_not_null(strstr(mmsb_message(past), "0 to 7, not 8"), "%s", mmsb_message(past));
    mmsb_free(past);
    cr_assert_eq(mmsb_replay(&o, UINT64_MAX, &past), MMSB_OK);
    cr_assert_eq(root_of(past), root);
    mmsb_free(past);
    mmsb_free(second);
}

Test(api, durability_epoch_is_durable_when_commit_returns) {
    mmsb_metrics m = {.struct_size = sizeof m};
    char state[100];
    snprintf(state, sizeof state, "%s/s", f.folder);
    f.o.state = state, f.o.durability = MMSB_DURABLE_EPOCH;
    mmsb_engine *e = opened();
    for (uint64_t k = 1; k <= 5; k++) {
        cr_assert_eq(mmsb_commit(e), MMSB_OK);
        cr_assert_eq(mmsb_metrics_read(e, &m), MMSB_OK);
        cr_assert(m.durable_epoch == k && m.epoch == k && m.epochs == k);
    }
    cr_assert_str_eq(m.executor, "vm");
    mmsb_free(e);
}

static int in_child(mmsb_engine *e) {
    uint64_t root;
    double value = 1.0;
    mmsb_snapshot *snap;
    void *to;
    if (mmsb_commit(e) != MMSB_FORKED || mmsb_tick(e, 1, NULL) != MMSB_FORKED) return 1;
    if (mmsb_set(e, 0, MMSB_SET, 0, 1, &value, 1) != MMSB_FORKED) return 2;
    if (mmsb_line(e, "price[0] = 1") != MMSB_FORKED || mmsb_root(e, &root) != MMSB_FORKED) return 3;
    if (mmsb_sync(e) != MMSB_FORKED || mmsb_checkpoint(e) != MMSB_FORKED) return 4;
    if (mmsb_close(e) != MMSB_FORKED || mmsb_drop(e) != MMSB_FORKED) return 5;
    if (mmsb_place(e, 0, MMSB_SET, 0, 1, &to) != MMSB_FORKED) return 6;
    if (mmsb_snapshot_take(e, NULL, 0, &snap) != MMSB_FORKED) return 7;
    if (strstr(mmsb_message(e), "forked") == NULL) return 8;
    mmsb_free(e);
    return 0;
}

Test(api, a_forked_child_is_told_and_writes_nothing) {
    char state[100];
    int ended = -1;
    snprintf(state, sizeof state, "%s/s", f.folder);
    f.o.state = state, f.o.threads = 2;
    mmsb_engine *e = opened();
    cr_assert_eq(mmsb_commit(e), MMSB_OK);
    pid_t child = fork();
    if (child == 0) _exit(in_child(e));
    cr_assert_eq(waitpid(child, &ended, 0), child);
    cr_assert(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "%d", WEXITSTATUS(ended));
    child = fork(); /* one that lives on must not hold the lock after the parent's close */
    if (child == 0) {
        pause();
        _exit(0);
    }
    cr_assert_eq(mmsb_commit(e), MMSB_OK);
    cr_assert_eq(mmsb_close(e), MMSB_OK);
    mmsb_free(e);
    e = opened();
    cr_assert_eq(mmsb_epoch(e), 2);
    mmsb_free(e);
    kill(child, SIGKILL);
    waitpid(child, &ended, 0);
}

static void *commit_many(void *context) {
    mmsb_engine *e = context;
    for (int k = 0; k < 2000; k++) {
        if (mmsb_line(e, "price[0] += 0.25") != MMSB_OK || mmsb_commit(e) != MMSB_OK) return e;
        if (k % 100 == 0 && root_of(e) == 0) return e;
    }
    return NULL;
}

Test(api, two_engines_on_two_threads_are_independent) {
    mmsb_engine *e[2] = {opened(), opened()};
    pthread_t t[2];
    void *wrong[2] = {e[0], e[1]};
    for (int k = 0; k < 2; k++) cr_assert_eq(pthread_create(&t[k], NULL, commit_many, e[k]), 0);
    for (int k = 0; k < 2; k++) pthread_join(t[k], &wrong[k]);
    cr_assert(wrong[0] == NULL && wrong[1] == NULL);
    cr_assert_eq(root_of(e[0]), root_of(e[1]));
    mmsb_free(e[0]);
    mmsb_free(e[1]);
}

static void *snapshot_reader(void *context) {
    const mmsb_snapshot *s = context;
    for (int k = 0; k < 1000; k++)
        for (uint32_t page = 0; page < 5; page++)
            if (mmsb_snapshot_view(s, page, MMSB_ANY) == NULL) return context;
    return NULL;
}

Test(api, a_snapshot_stays_and_outlives_its_engine) {
    mmsb_engine *e = opened();
    mmsb_snapshot *all = NULL, *some = NULL;
    uint32_t pages[2] = {page_of(e, "total"), page_of(e, "small")}, price = page_of(e, "price");
    void *wrong = e;
    pthread_t t;
    cr_assert_eq(mmsb_snapshot_take(e, NULL, 0, &all), MMSB_OK);
    cr_assert_eq(pthread_create(&t, NULL, snapshot_reader, all), 0);
    cr_assert_null(commit_many(e));
    pthread_join(t, &wrong);
    cr_assert_null(wrong);
    cr_assert_eq(mmsb_snapshot_take(e, pages, 2, &some), MMSB_OK);
    uint32_t bad = 1000;
    words_are(e, mmsb_snapshot_take(e, &bad, 1, &all), MMSB_USAGE, "no page number 1000");
    mmsb_free(e);
    cr_assert_null(all, "a failure leaves NULL");
    cr_assert_eq(mmsb_snapshot_epoch(some), 2000);
    cr_assert_eq(*(const double *)mmsb_snapshot_view(some, pages[0], MMSB_F64), 900.0);
    cr_assert_eq(((const int8_t *)mmsb_snapshot_view(some, pages[1], MMSB_I8))[2], -5);
    cr_assert_null(mmsb_snapshot_view(some, pages[0], MMSB_F32));
    cr_assert_null(mmsb_snapshot_view(some, price, MMSB_ANY));
    mmsb_snapshot_free(some);
}

Test(api, inputs_come_from_memory) {
    mmsb_status status;
    const double prices[4] = {1, 2, 3, 4};
    const uint8_t wrong[4] = {0, 1, 2, 1};
    mmsb_input in[2] = {
        {.page = "price", .lanes = prices, .lane_bytes = sizeof prices, .type = MMSB_F64},
        {.page = "on", .lanes = wrong, .lane_bytes = 4}};
    mmsb_engine *e = NULL;
    f.o.inputs = in, f.o.input_count = 1;
    e = opened();
    cr_assert_eq(f64_of(e, "total", 0), 10.0);
    cr_assert_eq(f64_of(e, "ema", 0), 10.0);
    mmsb_free(e);
    f.o.input_count = 2;
    status = mmsb_open(&f.o, &e);
    words_are(e, status, MMSB_WRONG, "the input of on has a bool");
    mmsb_free(e);
    in[1] = (mmsb_input){.page = "price", .lanes = prices, .lane_bytes = 24, .type = MMSB_F64};
    status = mmsb_open(&f.o, &e);
    words_are(e, status, MMSB_WRONG, "24 bytes; the page has 32");
    mmsb_free(e);
    in[1] = (mmsb_input){.page = "qty", .lanes = prices, .lane_bytes = 32, .type = MMSB_F64};
    status = mmsb_open(&f.o, &e);
    words_are(e, status, MMSB_WRONG, "the input of qty is of f64; the page is of i64");
    mmsb_free(e);
    in[1] = (mmsb_input){.page = "prize", .lanes = prices, .lane_bytes = 32};
    status = mmsb_open(&f.o, &e);
    words_are(e, status, MMSB_USAGE, "prize=memory: there is no source");
    mmsb_free(e);
    in[1] = (mmsb_input){.page = "price"};
    status = mmsb_open(&f.o, &e);
    words_are(e, status, MMSB_USAGE, "either a path or lanes");
    mmsb_free(e);
}

Test(api, every_executor_gives_one_root_or_says_why_not) {
    uint64_t vm = 0;
    for (uint32_t executor = MMSB_EXECUTOR_VM; executor <= MMSB_EXECUTOR_CUDA; executor++) {
        mmsb_engine *e = NULL;
        f.o.executor = executor;
        mmsb_status s = mmsb_open(&f.o, &e);
        if (s == MMSB_OK) {
            line(e, "price[1] = 3.25");
            cr_assert_eq(mmsb_commit(e), MMSB_OK);
            vm = executor == MMSB_EXECUTOR_VM ? root_of(e) : vm;
            cr_assert_eq(root_of(e), vm);
        } else {
            cr_assert(s == MMSB_ABSENT || s == MMSB_OUT_OF_SPACE);
            cr_assert(executor == MMSB_EXECUTOR_NATIVE || executor == MMSB_EXECUTOR_CUDA);
            cr_assert_neq(mmsb_message(e)[0], 0);
        }
        mmsb_free(e);
    }
    f.o.executor = MMSB_EXECUTOR_CUDA + 1;
    mmsb_engine *e = NULL;
    cr_assert_eq(mmsb_open(&f.o, &e), MMSB_USAGE);
    mmsb_free(e);
}

Test(api, files_lie_beside_the_path_of_an_image_in_memory) {
    static const char text[] = "source x: f64[2] from \"x.csv\"\npage y = x * 2.0\n";
    mmsbc_options how = {.name = "g.mmsbg", .text = text, .bytes = sizeof text - 1};
    mmsbc_result *compiled;
    char path[100];
    cr_assert_eq(mmsbc_compile(&how, &compiled), 0);
    size_t bytes = 0;
    mmsb_options o = {.struct_size = sizeof o, .image = mmsbc_image(compiled, &bytes)};
    o.image_bytes = bytes;
    mmsb_engine *e = NULL;
    mmsb_status status = mmsb_open(&o, &e);
    words_are(e, status, MMSB_IO, "x.csv");
    mmsb_free(e);
    snprintf(path, sizeof path, "%s/x.csv", f.folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("1.5\n-2\n", file);
    fclose(file);
    snprintf(path, sizeof path, "%s/nothing is read here", f.folder);
    o.path = path;
    cr_assert_eq(mmsb_open(&o, &e), MMSB_OK, "%s", mmsb_message(e));
    cr_assert_eq(f64_of(e, "y", 0), 3.0);
    cr_assert_eq(f64_of(e, "y", 1), -4.0);
    mmsb_free(e);
    mmsbc_free(compiled);
}

Test(api, a_failed_open_keeps_its_words) {
    mmsb_status status;
    mmsb_engine *e = NULL;
    uint64_t root;
    struct {
        mmsb_options o;
        uint64_t more;
    } newer = {.o = f.o, .more = 0};
    cr_assert_eq(mmsb_open(&f.o, NULL), MMSB_USAGE);
    status = mmsb_open(NULL, &e);
    words_are(e, status, MMSB_USAGE, "struct_size");
    words_are(e, mmsb_root(e, &root), MMSB_USAGE, "did not open");
    mmsb_free(e);
    newer.o.struct_size = sizeof newer;
    cr_assert_eq(mmsb_open(&newer.o, &e), MMSB_OK);
    mmsb_free(e);
    newer.more = 1;
    status = mmsb_open(&newer.o, &e);
    words_are(e, status, MMSB_USAGE, "newer library");
    mmsb_free(e);
    newer.o.struct_size = sizeof newer.o,
    newer.o.graph = (const mmsb_graph *)f.o.image; /* not read */
    status = mmsb_open(&newer.o, &e);
    words_are(e, status, MMSB_USAGE, "one of image and graph");
    mmsb_free(e);
    f.o.image = NULL, f.o.path = "/nowhere/g.mmsbx";
    status = mmsb_open(&f.o, &e);
    words_are(e, status, MMSB_IO, "/nowhere/g.mmsbx");
    mmsb_free(e);
    f.o.path = NULL;
    status = mmsb_open(&f.o, &e);
    words_are(e, status, MMSB_USAGE, "no graph");
    mmsb_free(e);
    f.o.image = "not an image at all", f.o.image_bytes = 19;
    cr_assert_eq(mmsb_open(&f.o, &e), MMSB_DAMAGED);
    cr_assert_neq(mmsb_message(e)[0], 0);
    cr_assert_eq(mmsb_close(e), MMSB_OK);
    mmsb_free(e);
    cr_assert_eq(mmsb_commit(NULL), MMSB_USAGE);
    cr_assert_str_eq(mmsb_status_text((mmsb_status)1234), "unknown status");
}
