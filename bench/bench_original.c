/* SPDX-License-Identifier: Apache-2.0
 * The cases of the original MMSB: pages of 1,024 bytes. Its figures (published, another machine)
 * stand in the ratio: they are no floor of this run. usage: bench_original DIR */
#include "bench.h"

#define PAGE 1024
#define TRIES 2000

static message m;

static mmsb_status clear(const char *state) {
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", state);
    return system(command) == 0 ? MMSB_OK : MMSB_IO;
}

/* n pages of `bytes` bytes as sources s0, s1, ...; with `hops`, derived pages d1..dhops after s0.
 */
static char *graph_text(u32 n, u32 bytes, u32 hops) {
    size_t room = 64 * ((size_t)n + hops + 1), used = 0;
    char *text = malloc(room);
    if (text == NULL) exit(5);
    for (u32 k = 0; k < n; k++)
        used += (size_t)snprintf(text + used, room - used, "source s%u: u8[%u]\n", k, bytes);
    for (u32 k = 1; k <= hops; k++)
        used += (size_t)snprintf(text + used, room - used, "page d%u = %s%u + 1\n", k,
                                 k == 1 ? "s" : "d", k - 1);
    return text;
}

typedef struct {
    mmsbc_result *compiled;
    image i;
    engine *e;
    u32 first; /* page row of s0; the others follow */
    u32 pages;
} bed;
static bed *bed_open(u32 n, u32 bytes, u32 hops) {
    bed *b = calloc(1, sizeof *b);
    if (b == NULL) exit(5);
    char *text = graph_text(n, bytes, hops);
    b->compiled = bench_compile(text, &b->i);
    bench_try(engine_open(&b->i, NULL, &b->e, &m), &m);
    bench_try(engine_epoch0(b->e, &m), &m);
    b->first = bench_page(&b->i, "s0"), b->pages = n;
    free(text);
    return b;
}
static void bed_close(bed *b) {
    engine_close(b->e);
    mmsbc_free(b->compiled);
    free(b);
}

static void original(const char *name, f64 *ns, u32 n, f64 scale, const char *unit, f64 published) {
    char note[96];
    snprintf(note, sizeof note, "the original's own figure: %g %s, another machine", published,
             unit);
    bench_row("original", name, ns, n, scale, unit, published * scale, 0, note);
}

/* `count` deltas of `bytes` bytes each to `pages` pages, then one epoch. `step`: bytes between the
 * bytes that change; above 1 a masked delta. */
static void deltas(const char *name, u32 page_bytes, u32 pages, u32 each, u32 step, u32 hops,
                   f64 published) {
    bed *b = bed_open(pages, page_bytes, hops);
    f64 *ns = calloc(TRIES, sizeof *ns);
    u8 *payload = malloc(page_bytes), *mask = calloc(1, page_bytes / 8);
    if (ns == NULL || payload == NULL || mask == NULL) exit(5);
    for (u32 k = 0; k < page_bytes; k += step) mask[k / 8] |= (u8)(1u << k % 8);
    for (u32 t = 0; t < TRIES; t++) {
        u64 start = bench_ns();
        for (u32 p = 0; p < pages; p++) {
            for (u32 k = 0; k < each; k++) {
                memset(payload, (int)(t + k + 1), page_bytes / step);
                delta d = {.page = b->first + p,
                           .type = TYPE_U8,
                           .count = page_bytes,
                           .payload_bytes = (page_bytes + step - 1) / step,
                           .payload = payload};
                if (step > 1) d.form = DELTA_MASK, d.mask = mask;
                engine_apply(b->e, &d);
            }
        }
        bench_try(engine_run(b->e, &m), &m);
        engine_accept(b->e);
        ns[t] = (f64)(bench_ns() - start);
    }
    const u8 *page = engine_page(b->e, b->first);
    if (page[0] != (u8)(TRIES - 1 + each)) exit(70);
    original(name, ns, TRIES, 1e3, "us", published);
    free(ns), free(payload), free(mask);
    bed_close(b);
}

/* An engine with 10,000 pages, opened: what a page costs before anything writes to it. */
static void alloc(void) {
    f64 ns[21];
    char *text = graph_text(10000, PAGE, 0);
    image i;
    mmsbc_result *r = bench_compile(text, &i);
    for (u32 t = 0; t < 21; t++) {
        engine *e = NULL;
        u64 start = bench_ns();
        bench_try(engine_open(&i, NULL, &e, &m), &m);
        ns[t] = (f64)(bench_ns() - start) / 10000;
        engine_close(e);
    }
    original("alloc, one of 10,000 pages", ns, 21, 1e3, "us", 0.28);
    mmsbc_free(r);
    free(text);
}

/* Checkpoint of all pages into DIR, and a state directory opened from it. */
static void checkpoints(const char *folder, u32 pages, u32 bytes, f64 scale, const char *unit,
                        f64 published_out, f64 published_in) {
    char state[512], name[96];
    f64 out[15], in[15];
    image i;
    char *text = graph_text(pages, bytes, 0);
    mmsbc_result *r = bench_compile(text, &i);
    snprintf(state, sizeof state, "%s/state", folder);
    bench_try(clear(state), &m);
    session_options o = {
        .state = state, .image_path = "bench.mmsbx", .durability = DURABILITY_NONE};
    for (u32 t = 0; t < 15; t++) {
        session *s = NULL;
        u8 value = (u8)(t + 1);
        delta d = {.page = bench_page(&i, "s0"),
                   .type = TYPE_U8,
                   .count = 1,
                   .payload_bytes = 1,
                   .payload = &value};
        u64 start = bench_ns();
        bench_try(session_open(&i, &o, &s, &m), &m);
        in[t] = (f64)(bench_ns() - start);
        bench_try(session_delta(s, &d, &m), &m);
        bench_try(session_commit(s, NULL, &m), &m);
        start = bench_ns();
        bench_try(session_checkpoint(s, &m), &m);
        out[t] = (f64)(bench_ns() - start);
        bench_try(session_close(s, &m), &m);
    }
    snprintf(name, sizeof name, "checkpoint, %u pages of %u bytes, synced", pages, bytes);
    original(name, out, 15, scale, unit, published_out);
    snprintf(name, sizeof name, "restore, %u pages of %u bytes, verified", pages, bytes);
    original(name, in + 1, 14, scale, unit, published_in); /* the first made the directory */
    bench_try(clear(state), &m);
    mmsbc_free(r);
    free(text);
}

/* A log of `updates` epochs of one delta, replayed from nothing. */
static void replay(const char *folder, u32 updates, f64 published_us) {
    char state[512], name[96];
    f64 ns[15];
    image i;
    char *text = graph_text(1, PAGE, 0);
    mmsbc_result *r = bench_compile(text, &i);
    snprintf(state, sizeof state, "%s/state", folder);
    bench_try(clear(state), &m);
    session_options o = {
        .state = state, .image_path = "bench.mmsbx", .durability = DURABILITY_NONE};
    session *s = NULL;
    bench_try(session_open(&i, &o, &s, &m), &m);
    for (u32 k = 0; k < updates; k++) {
        u8 value = (u8)(k + 1);
        delta d = {.page = bench_page(&i, "s0"),
                   .type = TYPE_U8,
                   .first = k % PAGE,
                   .count = 1,
                   .payload_bytes = 1,
                   .payload = &value};
        bench_try(session_delta(s, &d, &m), &m);
        bench_try(session_commit(s, NULL, &m), &m);
    }
    u64 root = engine_root(session_engine(s));
    bench_try(session_close(s, &m), &m);
    for (u32 t = 0; t < 15; t++) {
        session_replay_options all = {.to = UINT64_MAX};
        u64 start = bench_ns();
        bench_try(session_replay(&i, &o, &all, &s, &m), &m);
        ns[t] = (f64)(bench_ns() - start);
        if (engine_root(session_engine(s)) != root) exit(70);
        bench_try(session_close(s, &m), &m);
    }
    snprintf(name, sizeof name, "replay of %u updates, from opening on", updates);
    original(name, ns, 15, 1e3, "us", published_us);
    bench_try(clear(state), &m);
    mmsbc_free(r);
    free(text);
}

/* The original sorts 1,024 nodes; here the whole compiler runs over them. */
static void order(void) {
    f64 ns[21];
    char *text = graph_text(1, PAGE, 1023);
    for (u32 t = 0; t < 21; t++) {
        image i;
        u64 start = bench_ns();
        mmsbc_result *r = bench_compile(text, &i);
        ns[t] = (f64)(bench_ns() - start);
        mmsbc_free(r);
    }
    original("order of 1,024 nodes: text to verified image", ns, 21, 1e3, "us", 270);
    free(text);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: bench_original DIR   (a folder for state directories)\n");
        return 2;
    }
    bench_pin();
    alloc();
    deltas("sparse delta, 16 bytes of 1,024", PAGE, 1, 1, 64, 0, 5.2);
    deltas("dense delta, 1,024 bytes", PAGE, 1, 1, 1, 0, 5.5);
    deltas("sparse delta, 4 KiB of 256 KiB", 256 << 10, 1, 1, 64, 0, 904);
    deltas("dense delta, 256 KiB", 256 << 10, 1, 1, 1, 0, 1025);
    deltas("single hop", PAGE, 1, 1, 1, 1, 9.9);
    deltas("chain of 10", PAGE, 1, 1, 1, 10, 49.9);
    deltas("batch of 32 pages, 4 deltas each", PAGE, 32, 4, 1, 0, 178);
    deltas("batch of 128 pages, 2 deltas each", PAGE, 128, 2, 1, 0, 672);
    checkpoints(arguments[1], 16, PAGE, 1e3, "us", 20.9, 12.7);
    checkpoints(arguments[1], 10000, 4096, 1e6, "ms", 70, 33);
    replay(arguments[1], 5, 10.8);
    replay(arguments[1], 100, 152);
    replay(arguments[1], 10000, 26000);
    order();
    return 0;
}
