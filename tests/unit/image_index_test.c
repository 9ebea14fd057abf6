/* SPDX-License-Identifier: Apache-2.0
 * Pages by name: the same with a table of names and without. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "image.h"
#include "mmsbc.h"

#define SOURCES 3000u

Test(image_index, finds_what_a_look_at_every_page_finds) {
    static char text[SOURCES * 40];
    size_t bytes = 0, used = 0;
    message m = {.used = 0};
    image plain, indexed;
    mmsbc_result *compiled;
    for (u32 k = 0; k < SOURCES; k++)
        used += (size_t)snprintf(text + used, sizeof text - used, "source s%u: f64[2]\n", k);
    used += (size_t)snprintf(text + used, sizeof text - used,
                             "page y = init 0.0 then prev(y) + sum(s7 * s8)\nevent e = y > 1.0\n");
    mmsbc_options o = {.name = "g.mmsbg", .text = text, .bytes = used, .messages = stderr};
    cr_assert_eq(mmsbc_compile(&o, &compiled), 0);
    const void *at = mmsbc_image(compiled, &bytes);
    cr_assert_eq(image_verify(at, bytes, &plain, &m), MMSB_OK, "%s", m.text);
    arena *memory = arena_open(0);
    indexed = plain;
    image_index(&indexed, memory);
    cr_assert(plain.name_slots == NULL && indexed.name_slots != NULL);
    u32 found = 0;
    for (u32 page = 0; page < plain.page_count; page++) { /* hidden ones and prev(y), too */
        const char *name = image_string(&plain, plain.pages[page].name);
        u32 row = image_find_page(&plain, name, strlen(name));
        cr_assert_eq(image_find_page(&indexed, name, strlen(name)), row, "%s", name);
        found += row == page && row != 0;
    }
    cr_assert_geq(found, SOURCES + 1);
    cr_assert_eq(image_find_page(&indexed, "s3000", 5), 0);
    cr_assert_eq(image_find_page(&indexed, "s30001", 4),
                 image_find_page(&plain, "s300", 4)); /* by length */
    cr_assert_eq(image_find_page(&indexed, "", 0), 0);
    arena_close(memory);
    mmsbc_free(compiled);
}

Test(image_index, leaves_a_small_image_as_it_is) {
    static const char text[] = "source x: f64\n";
    size_t bytes = 0;
    message m = {.used = 0};
    image i;
    mmsbc_result *compiled;
    mmsbc_options o = {.name = "g.mmsbg", .text = text, .bytes = sizeof text - 1};
    cr_assert_eq(mmsbc_compile(&o, &compiled), 0);
    const void *at = mmsbc_image(compiled, &bytes);
    cr_assert_eq(image_verify(at, bytes, &i, &m), MMSB_OK, "%s", m.text);
    arena *memory = arena_open(0);
    image_index(&i, memory);
    cr_assert_null(i.name_slots);
    cr_assert_eq(image_find_page(&i, "x", 1), 1);
    arena_close(memory);
    mmsbc_free(compiled);
}
