/* SPDX-License-Identifier: Apache-2.0
 * hot_paths: five hot paths, each run a fixed number of times inside measured(), for counting
 * instructions (tests/hot_paths.py). usage: hot_paths hot|random|gather|append|replay DIR */
#include "bench.h"

#define LANES 65536u
#define ROUNDS 200u

static engine *e;
static session *s;
static image i;
static u32 page;
static u64 seed = 7;
static bool random_lane, prices;
static const char *folder;

/* Everything counted is called from here; never inlined. */
__attribute__((noinline)) void measured(void);

static void one_step(void) {
    message m = {.used = 0};
    f64 value = 1.0 + (f64)(bench_random(&seed) >> 40);
    u64 lane = prices ? bench_random(&seed) % 256 : random_lane ? bench_random(&seed) % LANES : 777;
    delta d = {.page = page,
               .type = TYPE_F64,
               .first = lane,
               .count = 1,
               .payload_bytes = 8,
               .payload = &value};
    if (s != NULL) {
        bench_try(session_delta(s, &d, &m), &m);
        bench_try(session_commit(s, NULL, &m), &m);
        return;
    }
    engine_apply(e, &d);
    bench_try(engine_run(e, &m), &m);
    engine_accept(e);
}

static void replay(void) {
    message m = {.used = 0};
    session *read = NULL;
    session_options o = {.state = folder, .image_path = "bench.mmsbx"};
    session_replay_options every = {.to = UINT64_MAX};
    bench_try(session_replay(&i, &o, &every, &read, &m), &m);
    if (engine_epoch(session_engine(read)) != ROUNDS) exit(70);
    bench_try(session_close(read, &m), &m);
}

void measured(void) {
    if (folder != NULL && s == NULL) {
        replay();
        return;
    }
    for (u32 k = 0; k < ROUNDS; k++) one_step();
}

static const char *chain = "source s0: f64[65_536]\npage s1 = s0 * 1.5 + 0.5\n"
                           "page s2 = max(s1, 0.5) * 1.25\npage s3 = s2 * 1.5 + 0.5\n"
                           "page s4 = max(s3, 0.5) * 1.25\npage total = sum(s4)\n";
static const char *book = "param n = 65_536\nsource s0: f64[256] = 100.0\nsource inst: u32[n]\n"
                          "source qty: f64[n] = 3.0\nsource book: u32[n]\n"
                          "page value[i: n] = qty[i] * s0[inst[i]]\npage total = sum(value)\n"
                          "page by_book: f64[64] = sum(value by book)\nexport total, by_book\n";

static void open_engine(const char *text) {
    message m = {.used = 0};
    bench_compile(text, &i);
    bench_try(engine_open(&i, NULL, &e, &m), &m);
    page = bench_page(&i, "s0");
    for (u32 k = 0; prices && k < LANES; k++) {
        ((u32 *)engine_page_bytes(e, bench_page(&i, "inst")))[k] = k * 2654435761u >> 24;
        ((u32 *)engine_page_bytes(e, bench_page(&i, "book")))[k] = k * 40503u >> 10 & 63;
    }
    for (u32 k = 0; prices && k < 256; k++) ((f64 *)engine_page_bytes(e, page))[k] = 100.0;
    bench_try(engine_epoch0(e, &m), &m);
}

static void open_session(void) {
    message m = {.used = 0};
    session_options o = {.state = folder,
                         .image_path = "bench.mmsbx",
                         .segment_bytes = 1u << 20,
                         .durability = DURABILITY_NONE};
    bench_compile("source s0: f64[1_024] = 0.0\npage total = sum(s0)\n", &i);
    page = bench_page(&i, "s0");
    bench_try(session_open(&i, &o, &s, &m), &m);
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    if (count == 3 && (strcmp(what, "append") == 0 || strcmp(what, "replay") == 0)) {
        message m = {.used = 0};
        folder = arguments[2];
        open_session();
        if (what[0] == 'r') {
            for (u32 k = 0; k < ROUNDS; k++) one_step();
            bench_try(session_close(s, &m), &m);
            s = NULL;
        }
        measured();
        if (s != NULL) bench_try(session_close(s, &m), &m);
        return 0;
    }
    random_lane = strcmp(what, "random") == 0, prices = strcmp(what, "gather") == 0;
    if (count != 3 || (!random_lane && !prices && strcmp(what, "hot") != 0)) {
        fprintf(stderr, "usage: hot_paths hot|random|gather|append|replay DIR\n");
        return 2;
    }
    open_engine(prices ? book : chain);
    for (u32 k = 0; k < 20; k++) one_step();
    measured();
    engine_close(e);
    return 0;
}
