/* SPDX-License-Identifier: Apache-2.0
 * Arenas: arrays that grow, what is given back and taken again, limits. */
#include <criterion/criterion.h>

#include "arena.h"

Test(arena, rows_outlive_growth_and_new_ones_are_zero) {
    enum { TABLES = 7, ROWS = 300000 };
    arena *a = arena_open(0);
    u64 *rows[TABLES] = {NULL};
    u32 capacity[TABLES] = {0}, seen[TABLES] = {0};
    for (u32 k = 0; k < ROWS; k++)
        for (u32 t = 0; t < TABLES && k < ROWS >> t; t++) {
            cr_assert(arena_grow(a, (void **)&rows[t], &capacity[t], k + 1, sizeof(u64)));
            for (; seen[t] < capacity[t]; seen[t]++)
                cr_assert(rows[t][seen[t]] == 0, "table %u, row %u", t, seen[t]);
            rows[t][k] = (u64)t << 32 | k | 1;
        }
    for (u32 t = 0; t < TABLES; t++)
        for (u32 k = 0; k < ROWS >> t; k++) cr_assert(rows[t][k] == ((u64)t << 32 | k | 1));
    arena_close(a);
}

Test(arena, what_is_given_back_comes_again_zeroed_and_whole) {
    arena *a = arena_open(0);
    u8 *first = arena_take(a, 4096, 16);
    memset(first, 0xff, 4096);
    arena_give_back(a, first, 4096);
    u8 *one = arena_take(a, 1000, 8), *two = arena_take(a, 3000, 8);
    cr_assert(one + 1000 <= two || two + 3000 <= one);
    for (u32 k = 0; k < 1000; k++) cr_assert(one[k] == 0);
    for (u32 k = 0; k < 3000; k++) cr_assert(two[k] == 0);
#ifndef __SANITIZE_ADDRESS__
    cr_expect(one == first && two == first + 1008);
#endif
    arena_close(a);
}

Test(arena, a_limit_holds_for_large_arrays_too) {
    arena *a = arena_open((u64)4 << 20);
    u8 *rows = NULL;
    u32 capacity = 0;
    cr_expect(arena_grow(a, (void **)&rows, &capacity, 1u << 20, 1));
    cr_expect(!arena_grow(a, (void **)&rows, &capacity, 5u << 20, 1));
    cr_expect(arena_bytes(a) <= (u64)4 << 20);
    arena_clear(a);
    cr_expect(arena_bytes(a) <= (u64)512 << 10);
    arena_close(a);
}
