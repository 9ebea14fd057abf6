/* SPDX-License-Identifier: Apache-2.0
 * Hierarchical sets against a plain array of flags, at sizes around every border of a level. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "layout.h"
#include "set.h"

typedef struct {
    lane_set set;
    u64 *memory;
    u8 *flags;
} pair;

static u64 seed = 88172645463325252u;
static u64 any_below(u64 limit) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed % limit;
}

static pair pair_open(u64 lanes) {
    pair p = {.memory = calloc(1, layout_set_bytes(lanes)), .flags = calloc(1, lanes)};
    set_open(&p.set, p.memory, lanes);
    return p;
}

static void pair_close(pair *p) {
    free(p->memory);
    free(p->flags);
}

static void add(pair *p, u64 lane) {
    set_add(&p->set, lane);
    p->flags[lane] = 1;
}

static void expect_equal(const pair *p) {
    u64 from = 0, count = 0;
    for (u64 lane = 0; lane < p->set.lanes; lane++) {
        cr_assert_eq(set_has(&p->set, lane), p->flags[lane] != 0);
        if (!p->flags[lane]) continue;
        u64 next = set_next(&p->set, from);
        cr_assert_eq(next, lane, "%llu of %llu", (unsigned long long)next,
                     (unsigned long long)p->set.lanes);
        from = lane + 1;
        count++;
    }
    cr_assert_eq(set_next(&p->set, from), SET_NONE);
    cr_assert_eq(p->set.count, count);
    cr_assert_eq(set_is_empty(&p->set), count == 0);
}

static const u64 sizes[] = {1,       2,       63,      64,      65,      511,
                            512,     513,     32767,   32768,   32769,   65537,
                            2097151, 2097152, 2097153, 2100000, 4194304, 5000000};

Test(set, it_holds_what_was_added_and_nothing_after_it_is_cleared) {
    for (u32 k = 0; k < ARRAY_COUNT(sizes); k++) {
        pair p = pair_open(sizes[k]);
        for (u32 round = 0; round < 3; round++) {
            for (u32 n = 0; n < 40; n++) add(&p, any_below(sizes[k]));
            add(&p, 0);
            add(&p, sizes[k] - 1);
            u64 first = any_below(sizes[k]), count = any_below(sizes[k] - first + 1) % 3000;
            set_add_range(&p.set, first, count);
            memset(p.flags + first, 1, count);
            expect_equal(&p);
            set_clear(&p.set);
            memset(p.flags, 0, sizes[k]);
            for (u64 w = 0; w < layout_set_bytes(sizes[k]) / 8; w++) cr_assert_eq(p.memory[w], 0);
        }
        expect_equal(&p);
        pair_close(&p);
    }
}

Test(set, words_of_a_tile_are_added_at_once) {
    pair p = pair_open(2000);
    u64 words[8] = {1, 0, (u64)1 << 63, 0, 0, 6, 0, 0};
    set_add_words(&p.set, 1, words, 8);
    set_add_words(&p.set, 1, words, 8);
    p.flags[512] = p.flags[512 + 191] = p.flags[512 + 321] = p.flags[512 + 322] = 1;
    expect_equal(&p);
    cr_assert_eq(set_tile_count(&p.set, 1), 4);
    cr_assert_eq(set_tile_count(&p.set, 0), 0);
    cr_assert_eq(set_next_tile(&p.set, 0), 1);
    cr_assert_eq(set_next_tile(&p.set, 2), SET_NONE);
    pair_close(&p);
}

Test(set, an_empty_word_below_a_marked_bit_is_passed_over) {
    pair p = pair_open(70000);
    add(&p, 5);
    add(&p, 69999);
    p.set.leaf[0] = 0;
    cr_assert_eq(set_next(&p.set, 0), 69999);
    set_clear(&p.set);
    cr_assert(set_is_empty(&p.set));
    pair_close(&p);
}
