/* SPDX-License-Identifier: Apache-2.0
 * Histories that are turned, turned lane by lane, and moved: the same pages, roots, faults and
 * words over many epochs, some rejected, with a recovery in between; and an image that calls
 * something a ring that is none is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine.h"
#include "mmsbc.h"

#define EPOCHS 90u
#define FORMS 4u

static u64 seed;
static u32 below(u32 n) {
    seed ^= seed >> 12, seed ^= seed << 25, seed ^= seed >> 27;
    return (u32)((seed * 2685821657736338717u >> 33) % n);
}

static mmsbc_result *compile(const char *text, image *i) {
    message m = {.used = 0};
    mmsbc_result *compiled;
    mmsbc_options o = {.name = "t.mmsbg", .text = text, .bytes = strlen(text), .messages = stderr};
    size_t bytes = 0;
    cr_assert(mmsbc_compile(&o, &compiled) == 0);
    const void *at = mmsbc_image(compiled, &bytes);
    cr_assert(image_verify(at, bytes, i, &m) == MMSB_OK, "%s", m.text);
    return compiled;
}

static u32 rings_of(const image *i) {
    u32 count = 0;
    for (u32 k = 1; k < i->page_count; k++) count += (i->pages[k].flags & PAGE_RING) != 0;
    return count;
}

/* Readers of every sort; a state page; an assert that refuses some epochs. */
static const char *const every_reader =
    "source x: f64[300]\nsource g: i32[300]\nsource t: f32 = 1.5\nsource b: bool[9]\n"
    "source u: i16[3, 5, 2] edge wrap\nsource bad: f64\n"
    "page s[i: 40] = init 0.0 then 0.5 * s1[i] + x[i]\npage s1 = prev(s)\n"
    "page fir[i: 300] = sum(history(x, 7)[k, i] * f64(k + 1) for k: 7)\n"
    "page own = sum(history(s, 3))\npage filter[i: 40] = history(prev(s), 4)[3, i]\n"
    "page at[i: 300] = history(x, 7)[g[i], (i * 7) % 300]\n"
    "page last = history(t, 50)[49] + min(history(t, 2))\n"
    "page sorted = sort(history(x, 3))\npage product = matmul(transpose(history(s, 6)), "
    "history(s, 6))\n"
    "page shown = history(g, 2)\npage where_true = count(history(b, 5))\n"
    "page wraps[i: 3, j: 5, k: 2] = history(u, 4)[2, i - 1, j + 1, k]\n"
    "page scan = cumsum(history(g, 3))\npage best = argmax(history(x, 9))\n"
    "page both[k: 3, i: 300] = if history(x, 3)[k, i] > 0.0 then 1.0 else history(x, 3)[2, i]\n"
    "page one = history(x, 2)[1, 7] + history(x, 2)[0, 7]\n"
    "page keyed: f64[2] = sum(history(x, 3) by history(g, 3))\n"
    "page counts: i64[3] = count(by history(g, 5))\n"
    "assert bad < 1.0\nassert one < 1e6\n"
    "export s, fir, own, filter, at, last, sorted, product, shown, where_true, wraps, scan, best, "
    "both, one, keyed, counts\n";

typedef struct {
    image i;
    engine *e[FORMS];
    mmsbc_result *compiled;
} world;

static engine *engine_of(const world *w, u32 form) {
    static const engine_options forms[FORMS] = {
        {.histories = HISTORIES_MOVE},
        {.histories = HISTORIES_TURN},
        {.histories = HISTORIES_SPARSE, .threads = 3, .split_from = 1},
        {.histories = HISTORIES_SPARSE, .recompute_all = true}};
    message m = {.used = 0};
    engine *e;
    cr_assert(engine_open(&w->i, &forms[form], &e, &m) == MMSB_OK, "%s", m.text);
    return e;
}

static void world_open(world *w) {
    message m = {.used = 0};
    w->compiled = compile(every_reader, &w->i);
    cr_assert(rings_of(&w->i) >= 15);
    for (u32 f = 0; f < FORMS; f++) {
        w->e[f] = engine_of(w, f);
        cr_assert(engine_first(w->e[f], NULL, &m) == MMSB_OK, "%s", m.text);
        cr_assert(engine_epoch0(w->e[f], &m) == MMSB_OK, "%s", m.text);
    }
}

static void same_state(world *w, u32 epoch) {
    u64 root = engine_root(w->e[0]);
    for (u32 f = 1; f < FORMS; f++) {
        for (u32 page = 1; page < w->i.page_count; page++) {
            const image_page *p = &w->i.pages[page];
            u64 bytes = w->i.shapes[p->shape].lanes * type_bytes(p->type);
            bool same = memcmp(engine_page(w->e[0], page), engine_page(w->e[f], page), bytes) == 0;
            cr_assert(same, "epoch %u, form %u: page %u, %s", epoch, f, page,
                      image_string(&w->i, p->name));
        }
        cr_assert(engine_root(w->e[f]) == root, "epoch %u, form %u: root", epoch, f);
    }
}

static void deltas_put(world *w, const char *name, u32 count) {
    u32 page = image_find_page(&w->i, name, strlen(name));
    cr_assert(page != 0);
    u64 lanes = w->i.shapes[w->i.pages[page].shape].lanes;
    u8 type = w->i.pages[page].type;
    u32 first = count < lanes ? below((u32)(lanes - count)) : 0;
    count = (u32)u64_min(count, lanes);
    u8 *payload = calloc(count, 8);
    for (u32 k = 0; k < count; k++) {
        f64 wide = (f64)below(9) - 4;
        f32 narrow = (f32)wide;
        u64 bits = below(2);
        if (type == TYPE_F64) memcpy(&bits, &wide, 8);
        if (type == TYPE_F32) bits = 0, memcpy(&bits, &narrow, 4);
        memcpy(payload + k * type_bytes(type), &bits, type_bytes(type));
    }
    delta d = {.page = page,
               .type = type,
               .first = first,
               .count = count,
               .payload_bytes = (u64)count * type_bytes(type),
               .payload = payload};
    for (u32 f = 0; f < FORMS; f++) engine_apply(w->e[f], &d);
    free(payload);
}

/* Whether the assert on `bad` holds. */
static void bad_put(world *w, f64 value) {
    u32 page = image_find_page(&w->i, "bad", 3);
    delta d = {.page = page,
               .type = TYPE_F64,
               .count = 1,
               .payload_bytes = sizeof value,
               .payload = &value};
    for (u32 f = 0; f < FORMS; f++) engine_apply(w->e[f], &d);
}

static void changes_put(world *w) {
    static const char *const names[] = {"x", "x", "x", "g", "t", "b", "u", "s", "s"};
    u32 count = below(5);
    for (u32 k = 0; k < count; k++)
        deltas_put(w, names[below(ARRAY_COUNT(names))], below(8) == 0 ? 400 : 1 + below(3));
}

static void epoch(world *w, u32 number) {
    message words[FORMS];
    mmsb_status status[FORMS];
    changes_put(w);
    bool bad = below(5) == 0;
    bad_put(w, bad ? 2.0 : 0.0);
    for (u32 f = 0; f < FORMS; f++) {
        words[f] = (message){.used = 0};
        status[f] = engine_run(w->e[f], &words[f]);
        if (status[f] == MMSB_OK) {
            message m = {.used = 0};
            cr_assert(engine_check(w->e[f], &m) == MMSB_OK, "epoch %u, form %u: %s", number, f,
                      m.text);
        }
        cr_assert(status[f] == status[0], "epoch %u: %s", number, words[f].text);
        cr_assert(strcmp(words[f].text, words[0].text) == 0, "%s", words[f].text);
    }
    cr_assert(!bad || status[0] == MMSB_REJECTED);
    bool refused = status[0] != MMSB_OK || below(9) == 0; /* or the log could not be written */
    for (u32 f = 0; f < FORMS; f++) (refused ? engine_reject : engine_accept)(w->e[f]);
    same_state(w, number);
}

/* The engine's end and its recovery from what a checkpoint holds. */
static void recover(world *w, u32 form) {
    engine *old = w->e[form], *fresh = engine_of(w, form);
    message m = {.used = 0};
    if (engine_epoch(old) == 0) {
        engine_close(fresh);
        return;
    }
    for (u32 page = 1; page < w->i.page_count; page++)
        if (engine_is_saved(old, page))
            memcpy(engine_page_bytes(fresh, page), engine_page(old, page),
                   w->i.shapes[w->i.pages[page].shape].lanes * type_bytes(w->i.pages[page].type));
    cr_assert(engine_restored(fresh, engine_epoch(old), &m) == MMSB_OK, "%s", m.text);
    cr_assert(engine_root(fresh) == engine_root(old));
    engine_close(old);
    w->e[form] = fresh;
}

Test(engine_history, turned_and_moved_histories_are_the_same) {
    for (u64 s = 1; s <= 6; s++) {
        world w;
        seed = s * 7919;
        world_open(&w);
        same_state(&w, 0);
        for (u32 k = 1; k <= EPOCHS; k++) {
            epoch(&w, k);
            if (below(12) == 0) recover(&w, below(FORMS));
        }
        for (u32 f = 0; f < FORMS; f++) engine_close(w.e[f]);
        mmsbc_free(w.compiled);
    }
}

static u64 lanes_of_epoch(const char *text, engine_histories how, u32 count) {
    message m = {.used = 0};
    image i;
    engine *e;
    engine_options o = {.histories = how};
    mmsbc_result *compiled = compile(text, &i);
    cr_assert(engine_open(&i, &o, &e, &m) == MMSB_OK, "%s", m.text);
    cr_assert(engine_epoch0(e, &m) == MMSB_OK, "%s", m.text);
    u64 before = 0;
    f64 *values = calloc(count, sizeof *values);
    for (u32 k = 0; k < 200; k++) {
        for (u32 v = 0; v < count; v++) values[v] = k + 1;
        delta d = {.page = image_find_page(&i, "x", 1),
                   .type = TYPE_F64,
                   .first = count == 1 ? (k * 37) % 4096 : 0,
                   .count = count,
                   .payload_bytes = count * sizeof *values,
                   .payload = values};
        before = engine_statistics(e)->lanes_run;
        engine_apply(e, &d);
        cr_assert(engine_run(e, &m) == MMSB_OK, "%s", m.text);
        engine_accept(e);
    }
    u64 lanes = engine_statistics(e)->lanes_run - before;
    free(values);
    engine_close(e);
    mmsbc_free(compiled);
    return lanes;
}

/* One lane of the row that is read, and what the ring writes. */
Test(engine_history, an_epoch_writes_one_row) {
    const char *text = "source x: f64[4096]\npage y[i: 4096] = history(x, 64)[63, i]\n";
    cr_expect(lanes_of_epoch(text, HISTORIES_TURN, 4096) == 4096 + 4096);
    cr_expect(lanes_of_epoch(text, HISTORIES_MOVE, 4096) == 64 * 4096 + 4096);
    /* 66 lanes changed since the slot was written: 64 rows, the one behind them, and now. */
    cr_expect(lanes_of_epoch(text, HISTORIES_TURN, 1) <= 66 + 1);
}

static mmsb_status verify_copy(const u8 *bytes, u64 count, void (*change)(image_head *, u8 *),
                               message *m) {
    u8 *copy = aligned_alloc(64, ALIGN_UP(count, 64));
    image i;
    memcpy(copy, bytes, count);
    image_head *h = (image_head *)copy;
    if (change != NULL) change(h, copy);
    h->digest = XXH3_64bits(copy + 24, count - 24);
    mmsb_status status = image_verify(copy, count, &i, m);
    free(copy);
    return status;
}

static image_page *pages_of(image_head *h, u8 *at) {
    return (image_page *)(at + h->sections[SECTION_PAGES].at);
}
static void older(image_head *h, u8 *at) {
    (void)at;
    h->version = 3;
}
static void newer(image_head *h, u8 *at) {
    (void)at;
    h->version = IMAGE_VERSION + 1;
}
static void calls_any_page_a_ring(image_head *h, u8 *at) {
    for (u64 k = 1; k < h->sections[SECTION_PAGES].count; k++)
        if (pages_of(h, at)[k].kind == PAGE_DERIVED) pages_of(h, at)[k].flags |= PAGE_RING;
}
/* Row 2 stands where row 1 should: the second constant is the row of prev(x). */
static void another_row(image_head *h, u8 *at) {
    u64 *constants = (u64 *)(at + h->sections[SECTION_CONSTANTS].at);
    for (u64 k = 0; k < h->sections[SECTION_CONSTANTS].count; k++)
        if (constants[k] == 1) constants[k] = 2;
}
/* Without its guard row 0 would read a row before the first. */
static void no_guard(image_head *h, u8 *at) {
    image_instruction *r = (image_instruction *)(at + h->sections[SECTION_INSTRUCTIONS].at);
    for (u64 k = 0; k < h->sections[SECTION_INSTRUCTIONS].count; k++)
        if (r[k].op == IN_AFFINE && r[k].c != SLOT_NONE) r[k].c = SLOT_NONE;
}

static void refused(const char *text, void (*change)(image_head *, u8 *), mmsb_status status,
                    const char *words) {
    message m = {.used = 0};
    size_t bytes;
    image i;
    mmsbc_result *compiled = compile(text, &i);
    const u8 *at = mmsbc_image(compiled, &bytes);
    cr_expect(verify_copy(at, bytes, NULL, &m) == MMSB_OK, "%s", m.text);
    mmsb_status said = verify_copy(at, bytes, change, &m);
    cr_expect(said == status, "%s: %d %s", words, (int)said, m.text);
    if (status != MMSB_OK) cr_expect(strstr(m.text, words) != NULL, "%s", m.text);
    mmsbc_free(compiled);
}

Test(engine_history, what_is_called_a_ring_is_one) {
    const char *plain = "source x: f64[8]\npage y = x + 1.0\n",
               *ring = "source x: f64[8]\npage y[i: 8] = history(x, 3)[2, i]\n";
    refused(plain, older, MMSB_OK, ""); /* images of before are read */
    refused(plain, newer, MMSB_WRONG, "this build reads formats 3 to");
    refused(ring, older, MMSB_DAMAGED, "it is turned, but is no history");
    refused(plain, calls_any_page_a_ring, MMSB_DAMAGED, "it is turned, but is no history");
    refused(ring, another_row, MMSB_DAMAGED, "it is turned, but is no history");
    refused(ring, no_guard, MMSB_DAMAGED, "it is turned, but is no history");
}

/* Of every type and rank; a kernel of the user's own may count on where its arguments begin. */
Test(engine_history, histories_that_equations_read_are_rings) {
    static const char *const types[] = {"bool", "i8",  "i16", "i32", "i64", "u8",
                                        "u16",  "u32", "u64", "f32", "f64"};
    static const char *const shapes[] = {"", "[1]", "[5]", "[1, 4]", "[3, 1, 2]"};
    char text[300];
    image i;
    for (u32 t = 0; t < ARRAY_COUNT(types); t++)
        for (u32 s = 0; s < ARRAY_COUNT(shapes); s++)
            for (u32 rows = 2; rows < 5; rows++) {
                snprintf(text, sizeof text, "source x: %s%s\npage y = history(x, %u)\n", types[t],
                         shapes[s], rows);
                mmsbc_result *compiled = compile(text, &i);
                cr_expect(rings_of(&i) == 1, "%s", text);
                mmsbc_free(compiled);
            }
    mmsbc_result *compiled =
        compile("kernel f(a: f64[k, n]) -> f64[n] from \"l.so\" symbol \"f\"\n"
                "source x: f64[8]\npage y = f(history(x, 3))\npage z = history(x, 2)\n",
                &i);
    cr_expect(rings_of(&i) == 1);
    mmsbc_free(compiled);
}
