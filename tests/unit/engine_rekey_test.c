/* SPDX-License-Identifier: Apache-2.0
 * Keys and indices that change: few, many and all of them, with rejected epochs between; after each
 * epoch everything is recomputed whole and compared, and a rejected one leaves every byte as it
 * was. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine.h"
#include "mmsbc.h"

#define LANES 700u
#define TARGETS 9u

static u64 seed;
static u32 below(u32 n) {
    seed ^= seed >> 12, seed ^= seed << 25, seed ^= seed >> 27;
    return (u32)(seed * 2685821657736338717u >> 33) % n;
}

static void set_lane(engine *e, u32 page, u8 type, u32 lane, const void *value) {
    delta d = {.page = page,
               .type = type,
               .first = lane,
               .count = 1,
               .payload_bytes = type_bytes(type),
               .payload = value};
    engine_apply(e, &d);
}

typedef struct {
    image i;
    engine *e;
    u32 price, inst, qty, book;
    u8 *before;
    mmsbc_result *compiled;
} world;

static u64 state_bytes(const world *w) { return engine_layout(w->e)->plan.pages_bytes; }
static const u8 *state(const world *w) { return engine_page(w->e, 1); }

/* In place: the engine keeps a pointer to the image view. */
static void world_open(world *w, const char *text) {
    *w = (world){.before = NULL};
    message m = {.used = 0};
    mmsbc_options o = {.name = "t.mmsbg", .text = text, .bytes = strlen(text), .messages = stderr};
    size_t bytes = 0;
    cr_assert(mmsbc_compile(&o, &w->compiled) == 0);
    const void *at = mmsbc_image(w->compiled, &bytes);
    cr_assert(image_verify(at, bytes, &w->i, &m) == MMSB_OK, "%s", m.text);
    cr_assert(engine_open(&w->i, NULL, &w->e, &m) == MMSB_OK, "%s", m.text);
    w->price = image_find_page(&w->i, "price", 5), w->inst = image_find_page(&w->i, "inst", 4);
    w->qty = image_find_page(&w->i, "qty", 3), w->book = image_find_page(&w->i, "book", 4);
    u32 *inst = engine_page_bytes(w->e, w->inst), *book = engine_page_bytes(w->e, w->book);
    for (u32 k = 0; k < LANES; k++) inst[k] = below(TARGETS), book[k] = below(3);
    cr_assert(engine_epoch0(w->e, &m) == MMSB_OK, "%s", m.text);
    w->before = malloc(state_bytes(w));
}

/* An epoch of `count` changed lanes of one page each round; bad: one of them is out of range. */
static void epoch(world *w, u32 count, bool bad) {
    message m = {.used = 0};
    memcpy(w->before, state(w), state_bytes(w));
    for (u32 k = 0; k < count; k++) {
        u32 target = below(TARGETS), book = below(3), lane = below(LANES);
        f64 value = (f64)below(1000) / 8;
        switch (below(4)) {
        case 0: set_lane(w->e, w->inst, TYPE_U32, lane, &target); break;
        case 1: set_lane(w->e, w->book, TYPE_U32, lane, &book); break;
        case 2: set_lane(w->e, w->qty, TYPE_F64, lane, &value); break;
        default: set_lane(w->e, w->price, TYPE_F64, target, &value);
        }
    }
    u32 wrong = 77;
    if (bad) set_lane(w->e, below(2) == 0 ? w->inst : w->book, TYPE_U32, below(LANES), &wrong);
    mmsb_status s = engine_run(w->e, &m);
    cr_assert(s == (bad ? MMSB_REJECTED : MMSB_OK), "%s", m.text);
    if (bad) {
        engine_reject(w->e);
        cr_assert(memcmp(w->before, state(w), state_bytes(w)) == 0);
        return;
    }
    cr_assert(engine_check(w->e, &m) == MMSB_OK, "%s", m.text);
    engine_accept(w->e);
}

static void world_close(world *w) {
    engine_close(w->e);
    mmsbc_free(w->compiled);
    free(w->before);
}

#define HEAD                                                                          \
    "source price: f64[9] = 1.0\nsource inst: u32[700]\nsource qty: f64[700] = 2.0\n" \
    "source book: u32[700]\npage value[i: 700] = qty[i] * price[inst[i]]\n"

static void many_epochs(const char *text) {
    for (u32 run = 0; run < 12; run++) {
        seed = 91 + run;
        world w;
        world_open(&w, text);
        for (u32 k = 0; k < 80; k++)
            epoch(&w, k % 20 == 19 ? 2000 : below(3) == 0 ? below(60) : 1 + below(3), k % 5 == 4);
        world_close(&w);
    }
}

Test(engine_rekey, gathers_and_keyed_sums_follow_changed_keys) {
    many_epochs(HEAD "page total = sum(value)\npage by_book: f64[3] = sum(value by book)\n");
}

Test(engine_rekey, keyed_extremes_and_where_they_lie_follow_changed_keys) {
    many_epochs(HEAD "page low: f64[3] = min(value by book)\n"
                     "page at: i64[3] = argmax(value by book)\n");
}

Test(engine_rekey, rows_of_a_group_move_together) {
    many_epochs(HEAD "page wide[i: 700, j: 5] = value[i] + f64(j)\n"
                     "page by_book: f64[3, 5] = sum(wide by book)\n");
}

Test(engine_rekey, small_groups_keep_their_elements_where_they_are) {
    many_epochs(HEAD "page fine[i: 700] = book[i] * 13 + inst[i]\n"
                     "page by_fine: f64[100] = sum(value by fine)\n");
}

Test(engine_rekey, groups_grow_and_shrink_by_leaves) {
    many_epochs(HEAD "page by_inst: f64[10] = sum(value by inst)\n"
                     "page by_book: f64[3] = sum(value by book)\n");
}

/* The fault comes behind the keyed node: what that built whole without undo is built again. */
Test(engine_rekey, an_epoch_rejected_behind_new_groups_leaves_the_old_ones) {
    many_epochs(
        "source price: f64[9] = 1.0\nsource inst: u32[700]\nsource qty: f64[700] = 2.0\n"
        "source book: u32[700]\npage fine[i: 700] = book[i] * 13 + inst[i] % 13\n"
        "page value[i: 700] = qty[i] * price[inst[i] % 9]\n"
        "page by_book: f64[3] = sum(value by book)\n"
        "page by_fine: f64[100] = sum(value by fine)\n"
        "page at: i64[3] = argmax(f32(value) by book)\n"
        "page wide[i: 700, j: 5] = value[i] + f64(j)\n"
        "page by_wide: f64[3, 5] = sum(wide by book)\n"
        "page single[i: 700] = f32(value[i])\n"
        "page by_single: f32[3] = sum(single by book)\n"
        "page seen = by_book[0] + by_fine[1] + f64(at[2]) + by_wide[1, 1] + f64(by_single[0])\n"
        "page late[i: 700] = 7 / (min(i64(seen), 0) + 77 - i64(inst[i]))\n");
}
