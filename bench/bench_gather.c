/* SPDX-License-Identifier: Apache-2.0
 * Gather: one of 4096 prices ticks, the positions that hold it are revalued, the total and 64 books
 * are right again. Beside it, in one run: hand-written C of the same incremental work (positions by
 * price, leaves of 64, a path of eights, books packed), and the fused full recompute. All bits are
 * compared. Then one changed key, and all keys changed. */
#include "bench.h"

#define N ((u64)1 << 20)
#define M 4096u
#define BOOKS 64u
#define TRIES 2000
#define FULL_TRIES 15
#define KEY_TRIES 300

static const char *text =
    "param n = 1_048_576 param m = 4_096 param nb = 64\n"
    "source price: f64[m] = 100.0 source inst: u32[n] source qty: f64[n] source cost: f64[n]\n"
    "source book: u32[n]\n"
    "page value[i: n] = qty[i] * price[inst[i]]\npage pnl = value - qty * cost\n"
    "page total = sum(pnl)\npage by_book: f64[nb] = sum(pnl by book)\nexport total, by_book\n";

static f64 price[M], *qty, *cost, *value, *pnl, *packed;
static u32 *inst, *book, *order, first[M + 1], *slot;

/* A sum over n elements: leaves of 64 in 8 lanes, then eights. */
typedef struct {
    f64 *part;
    const f64 *from;
    u64 n, leaves;
} tree;
static tree all, books[BOOKS];

static f64 eight(const f64 *x) {
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}
static f64 leaf_sum(const f64 *x, u64 n) {
    f64 s[8];
    for (u32 l = 0; l < 8; l++) s[l] = l < n ? x[l] : -0.0;
    for (u64 k = 8; k < n; k++) s[k & 7] += x[k];
    return eight(s);
}
static f64 join(const f64 *x, u64 n) {
    f64 s[8];
    for (u32 l = 0; l < 8; l++) s[l] = l < n ? x[l] : -0.0;
    return eight(s);
}
static void tree_open(tree *t, const f64 *from, u64 n) {
    *t = (tree){bench_memory((n / 32 + 16) * 8), from, n, (n + 63) / 64};
}
static void tree_up(tree *t, u64 *list, u32 count) {
    u64 at = 0, level = t->leaves;
    while (level > 1) {
        u32 used = 0;
        for (u32 k = 0; k < count; k++)
            if (used == 0 || list[used - 1] != list[k] / 8) list[used++] = list[k] / 8;
        count = used;
        for (u32 k = 0; k < count; k++) {
            u64 kids = level - list[k] * 8;
            t->part[at + level + list[k]] = join(t->part + at + list[k] * 8, kids < 8 ? kids : 8);
        }
        at += level, level = (level + 7) / 8;
    }
}
static void leaf_redo(tree *t, u64 leaf) {
    u64 left = t->n - leaf * 64;
    t->part[leaf] = leaf_sum(t->from + leaf * 64, left < 64 ? left : 64);
}
static f64 tree_root(const tree *t) {
    u64 at = 0, level = t->leaves;
    while (level > 1) at += level, level = (level + 7) / 8;
    return t->part[at];
}
static void tree_all(tree *t) {
    static u64 list[N / 64];
    for (u64 k = 0; k < t->leaves; k++) leaf_redo(t, k), list[k] = k;
    tree_up(t, list, (u32)t->leaves);
}

static u64 marks[N / 4096 + BOOKS + 64];
static u32 marks_take(u64 from, u64 words, u64 *list) {
    u32 count = 0;
    for (u64 w = 0; w < words; w++) {
        for (u64 bits = marks[from + w]; bits != 0; bits &= bits - 1)
            list[count++] = w * 64 + (u64)__builtin_ctzll(bits);
        marks[from + w] = 0;
    }
    return count;
}

/* The floor of one tick: what a careful hand would write for this graph and no other. */
static void floor_tick(u32 p, f64 now) {
    static u64 list[N / 64], book_marks[BOOKS][N / BOOKS / 1024 + 2];
    price[p] = now;
    for (u32 k = first[p]; k < first[p + 1]; k++) {
        u64 lane = order[k];
        f64 v = qty[lane] * now, x = v - qty[lane] * cost[lane];
        value[lane] = v, pnl[lane] = x;
        marks[lane / 4096] |= (u64)1 << (lane / 64 & 63);
        u32 b = book[lane], at = slot[lane];
        packed[(u64)(books[b].from - packed) + at] = x;
        book_marks[b][at / 4096] |= (u64)1 << (at / 64 & 63);
    }
    u32 count = marks_take(0, N / 4096, list);
    for (u32 k = 0; k < count; k++) leaf_redo(&all, list[k]);
    tree_up(&all, list, count);
    for (u32 b = 0; b < BOOKS; b++) {
        count = 0;
        for (u64 w = 0; w < N / BOOKS / 1024 + 2; w++) {
            for (u64 bits = book_marks[b][w]; bits != 0; bits &= bits - 1)
                list[count++] = w * 64 + (u64)__builtin_ctzll(bits);
            book_marks[b][w] = 0;
        }
        for (u32 k = 0; k < count; k++) leaf_redo(&books[b], list[k]);
        if (count != 0) tree_up(&books[b], list, count);
    }
}

/* Everything again, fused: values, profits, packed elements, leaves. */
static void floor_full(void) {
    for (u64 k = 0; k < N; k++) {
        value[k] = qty[k] * price[inst[k]];
        pnl[k] = value[k] - qty[k] * cost[k];
        packed[(u64)(books[book[k]].from - packed) + slot[k]] = pnl[k];
    }
    tree_all(&all);
    for (u32 b = 0; b < BOOKS; b++) tree_all(&books[b]);
}

static void floor_open(void) {
    static u32 count[BOOKS];
    packed = bench_memory(N * 8), slot = bench_memory(N * 4), order = bench_memory(N * 4);
    value = bench_memory(N * 8), pnl = bench_memory(N * 8);
    for (u64 k = 0; k < N; k++) first[inst[k] + 1]++, slot[k] = count[book[k]]++;
    for (u32 p = 0; p < M; p++) first[p + 1] += first[p];
    static u32 at[M];
    memcpy(at, first, sizeof at);
    for (u64 k = 0; k < N; k++) order[at[inst[k]]++] = (u32)k;
    u64 from = 0;
    for (u32 b = 0; b < BOOKS; b++) tree_open(&books[b], packed + from, count[b]), from += count[b];
    tree_open(&all, pnl, N);
    for (u32 p = 0; p < M; p++) price[p] = 100.0;
    floor_full();
}

static f64 step(engine *e, u32 page, u8 type, u64 lane, u64 count, u64 bytes, const void *payload) {
    message m = {.used = 0};
    delta d = {.page = page,
               .type = type,
               .first = lane,
               .count = count,
               .payload_bytes = bytes,
               .payload = payload};
    u64 a = bench_ns();
    engine_apply(e, &d);
    bench_try(engine_run(e, &m), &m);
    engine_accept(e);
    return (f64)(bench_ns() - a);
}

static void check(engine *e, const image *i) {
    f64 total = *(const f64 *)engine_page(e, bench_page(i, "total")), ours = tree_root(&all);
    const f64 *by_book = engine_page(e, bench_page(i, "by_book"));
    bool same = memcmp(&total, &ours, 8) == 0 &&
                memcmp(engine_page(e, bench_page(i, "pnl")), pnl, N * 8) == 0;
    for (u32 b = 0; b < BOOKS; b++) {
        f64 root = tree_root(&books[b]);
        same = same && memcmp(&by_book[b], &root, 8) == 0;
    }
    if (same) return;
    fprintf(stderr, "bench: total, books or positions differ from the floor's\n");
    exit(70);
}

static void keys(engine *e, const image *i, u64 *seed) {
    static f64 one[KEY_TRIES], every[FULL_TRIES];
    static u32 next[N];
    u32 page = bench_page(i, "book");
    for (int t = 0; t < KEY_TRIES; t++) {
        u32 to = (u32)(bench_random(seed) % BOOKS);
        one[t] = step(e, page, TYPE_U32, bench_random(seed) % N, 1, 4, &to);
    }
    for (int t = 0; t < FULL_TRIES; t++) {
        for (u64 k = 0; k < N; k++) next[k] = (u32)(bench_random(seed) % BOOKS);
        every[t] = step(e, page, TYPE_U32, 0, N, N * 4, next);
    }
    bench_row("keys", "one key of 1 Mi changes book (segments of 16384)", one, KEY_TRIES, 1e3, "us",
              20e3 + 10.0 * 2 * N / BOOKS, 1.0, "ratio to 20 us + 10 ns an element of both");
    bench_row("keys", "all keys of 1 Mi change", every, FULL_TRIES, 1e6, "ms", 10.0 * N, 1.0,
              "ratio to 10 ns a key; delta, pages and undo included");
}

int main(void) {
    image i;
    message m = {.used = 0};
    engine *e = NULL;
    static f64 ours[TRIES], floor_ns[TRIES], full[FULL_TRIES], whole[FULL_TRIES];
    bench_pin();
    mmsbc_result *r = bench_compile(text, &i);
    bench_try(engine_open(&i, NULL, &e, &m), &m);
    u64 seed = 11;
    inst = engine_page_bytes(e, bench_page(&i, "inst"));
    book = engine_page_bytes(e, bench_page(&i, "book"));
    qty = engine_page_bytes(e, bench_page(&i, "qty"));
    cost = engine_page_bytes(e, bench_page(&i, "cost"));
    for (u64 k = 0; k < N; k++) {
        inst[k] = (u32)(bench_random(&seed) % M), book[k] = (u32)(bench_random(&seed) % BOOKS);
        qty[k] = (f64)(bench_random(&seed) % 1000);
        cost[k] = 90.0 + (f64)(bench_random(&seed) % 20);
    }
    u32 page = bench_page(&i, "price");
    f64 *start = engine_page_bytes(e, page);
    for (u32 p = 0; p < M; p++) start[p] = 100.0;
    bench_try(engine_epoch0(e, &m), &m);
    floor_open();
    check(e, &i);
    for (int t = -100; t < TRIES; t++) {
        u32 p = (u32)(bench_random(&seed) % M);
        f64 now = 50.0 + (f64)(bench_random(&seed) >> 44);
        u64 a = bench_ns();
        floor_tick(p, now);
        f64 base = (f64)(bench_ns() - a), own = step(e, page, TYPE_F64, p, 1, 8, &now);
        if (t >= 0) floor_ns[t] = base, ours[t] = own;
    }
    check(e, &i);
    for (int t = 0; t < FULL_TRIES; t++) {
        for (u32 p = 0; p < M; p++) price[p] = 50.0 + (f64)(bench_random(&seed) >> 44);
        u64 a = bench_ns();
        floor_full();
        full[t] = (f64)(bench_ns() - a);
        whole[t] = step(e, page, TYPE_F64, 0, M, sizeof price, price);
    }
    check(e, &i);
    f64 base = bench_row("gather", "floor: C of this graph alone, incremental", floor_ns, TRIES,
                         1e3, "us", 0, 0, "");
    f64 tick = bench_row("gather", "1 of 4096 prices, 1 Mi positions, total and 64 books", ours,
                         TRIES, 1e3, "us", base, 0, "about 256 lanes; undo kept; goal 25 us");
    f64 fused = bench_row("gather", "floor: C, fused full recompute", full, FULL_TRIES, 1e3, "us",
                          0, 0, "");
    bench_row("gather", "all 4096 prices tick", whole, FULL_TRIES, 1e3, "us", fused, 0,
              "undo kept");
    bench_row("gather", "1 of 4096 prices against the fused full recompute", ours, TRIES, 1e3, "us",
              fused, 0.01, "goal: 100 times faster");
    (void)tick;
    keys(e, &i, &seed);
    engine_close(e);
    mmsbc_free(r);
    return 0;
}
