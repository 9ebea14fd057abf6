/* SPDX-License-Identifier: Apache-2.0
 * Density: work against the share of lanes that change, from one lane to all, beside a full
 * recompute of the same engine. Maps, a stencil, a gather, a sum and a keyed sum stand in one
 * graph.
 *
 *     bench_density                 rows of times
 *     bench_density --lanes         lanes computed, beside what the footprints say; status 1 where
 *                                   they are more than twice that
 *     bench_density --one PATTERN incremental|full   the epochs of one pattern inside measured(),
 *                                   for counting instructions (tests/density.py) */
#include "bench.h"

#define N ((u64)1 << 18)
#define SMALL_N ((u64)1 << 15) /* for counting instructions */
#define PRICES 4096u
#define GROUPS 64u
#define LEAF 64u
#define EPOCHS 6u
#define TRIES 9u

/* Everything counted is called from here; never inlined. */
__attribute__((noinline)) void measured(engine *e, const delta *d, u32 count);

static const char *const graph =
    "param n = 262144\n"
    "source x: f64[n] source p: f64[4096] = 1.0 source at: u32[n] source k: u32[n]\n"
    "page a = x * 2.0 + 1.0\n"
    "page b[i: n] edge clamp = a[i] * 3.0\n"
    "page d[i: n] = b[i-1] + b[i+1] - b[i]\n"
    "page c[i: n] = a[i] * p[at[i]]\n"
    "page total = sum(d)\npage g: f64[64] = sum(c by k)\nexport a, b, c, d, total, g\n";

typedef struct {
    const char *name;
    f64 share; /* of lanes, 0: as the name says */
} pattern;
static const pattern patterns[] = {
    {"one lane", 0},  {"a run of 64", 0}, {"every 64th", 0}, {"0.01 %", 0.0001},
    {"0.1 %", 0.001}, {"1 %", 0.01},      {"5 %", 0.05},     {"10 %", 0.1},
    {"25 %", 0.25},   {"50 %", 0.5},      {"75 %", 0.75},    {"100 %", 1.0},
};
#define PATTERNS (sizeof patterns / sizeof *patterns)

static image i;
static u64 n, seed = 5;
static u32 at_of[N], key_of[N];
static u8 mask[N / 8], changed[N], also[N];
static f64 values[EPOCHS][N];

static bool chosen(const pattern *p, u64 lane) {
    if (strcmp(p->name, "one lane") == 0) return lane == n / 3;
    if (strcmp(p->name, "a run of 64") == 0) return lane - n / 3 < 64;
    if (strcmp(p->name, "every 64th") == 0) return lane % 64 == 17;
    return (f64)(bench_random(&seed) >> 11) * 0x1p-53 < p->share;
}

/* One delta of a pattern's lanes for each epoch, with new values. */
static u64 deltas_make(const pattern *p, delta *d) {
    u64 used = 0;
    memset(mask, 0, sizeof mask);
    for (u64 lane = 0; lane < n; lane++) {
        changed[lane] = chosen(p, lane);
        mask[lane / 8] |= (u8)(changed[lane] << lane % 8);
        if (!changed[lane]) continue;
        for (u32 k = 0; k < EPOCHS; k++)
            values[k][used] = 1.0 + (f64)(bench_random(&seed) >> 11) * 0x1p-53;
        used++;
    }
    for (u32 k = 0; k < EPOCHS; k++)
        d[k] = (delta){.page = bench_page(&i, "x"),
                       .form = used == n ? DELTA_RANGE : DELTA_MASK,
                       .type = TYPE_F64,
                       .first = 0,
                       .count = n,
                       .payload_bytes = used * 8,
                       .mask = used == n ? NULL : mask,
                       .payload = values[k]};
    return used;
}

void measured(engine *e, const delta *d, u32 count) {
    message m = {.used = 0};
    for (u32 k = 0; k < count; k++) {
        engine_apply(e, &d[k]);
        bench_try(engine_run(e, &m), &m);
        engine_accept(e);
    }
}

static engine *open_engine(bool whole) {
    engine_options o = {.recompute_all = whole};
    engine *e = NULL;
    message m = {.used = 0};
    bench_try(engine_open(&i, &o, &e, &m), &m);
    bench_try(engine_first(e, NULL, &m), &m);
    for (u64 k = 0; k < n; k++) {
        at_of[k] = (u32)(k * 2654435761u % PRICES);
        key_of[k] = (u32)(k * 40503u / 7 % GROUPS);
    }
    memcpy(engine_page_bytes(e, bench_page(&i, "at")), at_of, n * 4);
    memcpy(engine_page_bytes(e, bench_page(&i, "k")), key_of, n * 4);
    bench_try(engine_epoch0(e, &m), &m);
    return e;
}

/* Elements of the leaves of 64 that hold a changed element; `of` is an element's place among its
 * group's, groups lie one behind the other from `start`. */
static u64 leaves_of(const u8 *dirty, const u64 *place, u64 total) {
    static u8 leaf[N / LEAF + GROUPS + 1];
    u64 sum = 0;
    memset(leaf, 0, sizeof leaf);
    for (u64 k = 0; k < n; k++)
        if (dirty[k]) leaf[place[k] / LEAF] = 1;
    for (u64 k = 0; k * LEAF < total; k++) sum += leaf[k] ? u64_min(LEAF, total - k * LEAF) : 0;
    return sum;
}

/* Lanes of every equation that depend on the changed ones, from the graph's text. */
static u64 footprint(u64 used) {
    static u64 place[N];
    static u64 count[GROUPS], start[GROUPS + 1];
    u64 sum = 3 * used; /* a, b, c */
    memcpy(also, changed, n);
    for (u64 k = 0; k < n; k++)
        if (changed[k]) also[k == 0 ? 0 : k - 1] = also[k + 1 == n ? k : k + 1] = 1;
    for (u64 k = 0; k < n; k++) sum += also[k], place[k] = k;
    sum += leaves_of(also, place, n);
    memset(count, 0, sizeof count);
    for (u64 k = 0; k < n; k++) count[key_of[k]]++;
    for (u32 g = 0; g < GROUPS; g++) start[g + 1] = start[g] + ALIGN_UP(count[g], LEAF);
    memset(count, 0, sizeof count);
    for (u64 k = 0; k < n; k++) place[k] = start[key_of[k]] + count[key_of[k]]++;
    return sum + leaves_of(changed, place, start[GROUPS]);
}

static int lanes_report(void) {
    delta d[EPOCHS];
    message m = {.used = 0};
    int status = 0;
    engine *e = open_engine(false), *whole = open_engine(true);
    for (u32 k = 0; k < PATTERNS; k++) {
        u64 used = deltas_make(&patterns[k], d), said = footprint(used);
        u64 before = engine_statistics(e)->lanes_run, full = engine_statistics(whole)->lanes_run;
        measured(e, d, 1);
        measured(whole, d, 1);
        u64 lanes = engine_statistics(e)->lanes_run - before;
        full = engine_statistics(whole)->lanes_run - full;
        bool good = lanes <= 2 * said && lanes <= full;
        printf("%s %s: %llu lanes change, the footprints say %llu, %llu computed, %llu in full\n",
               good ? "ok" : "FAILED", patterns[k].name, (unsigned long long)used,
               (unsigned long long)said, (unsigned long long)lanes, (unsigned long long)full);
        status |= !good;
    }
    if (engine_root(e) != engine_root(whole)) {
        printf("FAILED: incremental and full end with two roots\n");
        status = 1;
    }
    bench_try(engine_run(e, &m), &m);
    bench_try(engine_check(e, &m), &m);
    engine_accept(e);
    engine_close(e);
    engine_close(whole);
    return status;
}

static void times(void) {
    delta d[EPOCHS];
    f64 part[TRIES], all[TRIES];
    char name[96];
    engine *e = open_engine(false), *whole = open_engine(true);
    for (u32 k = 0; k < PATTERNS; k++) {
        u64 used = deltas_make(&patterns[k], d);
        f64 percent = 100.0 * (f64)used / (f64)n;
        for (u32 t = 0; t < TRIES; t++) {
            u64 start = bench_ns();
            measured(e, d, EPOCHS);
            part[t] = (f64)(bench_ns() - start) / EPOCHS;
            start = bench_ns();
            measured(whole, d, EPOCHS);
            all[t] = (f64)(bench_ns() - start) / EPOCHS;
        }
        snprintf(name, sizeof name, "%.5f %% of lanes (%s), full recompute", percent,
                 patterns[k].name);
        f64 base = bench_row("density", name, all, TRIES, 1e3, "us", 0, 0, "1 thread");
        snprintf(name, sizeof name, "%.5f %% of lanes (%s), what changed", percent,
                 patterns[k].name);
        bench_row("density", name, part, TRIES, 1e3, "us", base, 1.1,
                  "ratio to the full recompute");
    }
    engine_close(e);
    engine_close(whole);
}

static int one(const char *name, const char *which) {
    delta d[EPOCHS];
    engine *e = open_engine(strcmp(which, "full") == 0);
    for (u32 k = 0; k < PATTERNS; k++) {
        if (strcmp(patterns[k].name, name) != 0) continue;
        deltas_make(&patterns[k], d);
        measured(e, d, EPOCHS);
        engine_close(e);
        return 0;
    }
    fprintf(stderr, "bench_density: no pattern `%s`\n", name);
    return 2;
}

int main(int count, char **arguments) {
    bool counts = count == 4 && strcmp(arguments[1], "--one") == 0;
    char text[1200];
    n = counts ? SMALL_N : N;
    snprintf(text, sizeof text, "%s", graph);
    if (counts) memcpy(strstr(text, "262144"), " 32768", 6);
    mmsbc_result *r = bench_compile(text, &i);
    int status = 0;
    bench_pin();
    if (counts)
        status = one(arguments[2], arguments[3]);
    else if (count == 2 && strcmp(arguments[1], "--lanes") == 0)
        status = lanes_report();
    else if (count == 1)
        times();
    else
        status = 2;
    mmsbc_free(r);
    return status;
}
