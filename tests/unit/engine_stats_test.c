/* SPDX-License-Identifier: Apache-2.0
 * What --stats counts is what was done: rows of small graphs whose work is known by hand, one lane
 * changed after epoch 0. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "../../compiler/include/mmsbc.h"
#include "engine.h"

typedef struct {
    const char *what, *text;
    u64 lane;
    u64 nodes, lanes, changed, loaded, stored; /* of epoch 1, in which lane `lane` of x becomes 5 */
} row;

static const row rows[] = {
    {"a map redoes one lane", "source x: f64[4096]\npage y = x + 1.0\n", 7, 1, 1, 2, 8, 8},
    {"two reads; of two stores one finds other bits",
     "source x: f64[4096]\nsource k: f64[4096]\npage y = x + k\npage z = x * k\n", 7, 1, 1, 2, 16,
     16},
    {"a stencil redoes three lanes",
     "source x: f64[4096] edge clamp\npage y[i: 4096] = x[i-1] + x[i+1] + x[i]\n", 100, 1, 3, 4,
     3 * 24, 24},
    {"a sum redoes a leaf of 64, then a map its lane",
     "source x: f64[4096]\npage s = sum(x) + 1.0\n", 700, 2, 64 + 1, 3, 512, 16},
    {"a sum of a map does, too", "source x: f64[4096]\npage s = sum(x * 2.0 + 1.0) * 3.0\n", 700, 2,
     64 + 1, 3, 512, 16},
    {"a scan goes on from its block, the map behind it in two dense tiles",
     "source x: i64[4096]\npage c = cumsum(x) + 1\n", 3400, 2, 1024 + 1024, 1 + 696 + 696,
     8 * (1024 + 1024), 8 * (1024 + 1024)},
    {"an unchanged result stops there",
     "source x: i64[512]\npage m = max(x) + 1\npage far = m + 1\n", 511, 1, 64, 1, 512, 8},
};

Test(engine_stats, counts_are_what_was_done) {
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        const row *r = &rows[k];
        image i;
        message m = {0};
        size_t bytes;
        mmsbc_result *compiled;
        mmsbc_options o = {
            .name = "g.mmsbg", .text = r->text, .bytes = strlen(r->text), .messages = stderr};
        cr_assert_eq(mmsbc_compile(&o, &compiled), 0, "%s", r->what);
        const void *at = mmsbc_image(compiled, &bytes);
        cr_assert_eq(image_verify(at, bytes, &i, &m), MMSB_OK, "%s", m.text);
        engine *e;
        cr_assert_eq(engine_open(&i, NULL, &e, &m), MMSB_OK, "%s", m.text);
        u32 x = image_find_page(&i, "x", 1);
        if (i.pages[x].type == TYPE_I64) ((i64 *)engine_page_bytes(e, x))[3] = 9;
        cr_assert_eq(engine_epoch0(e, &m), MMSB_OK, "%s", m.text);
        engine_stats before = *engine_statistics(e);
        f64 five = 5.0;
        i64 whole = 5;
        delta d = {.page = x,
                   .type = i.pages[x].type,
                   .first = r->lane,
                   .count = 1,
                   .payload_bytes = 8,
                   .payload = i.pages[x].type == TYPE_F64 ? (const void *)&five : &whole};
        engine_apply(e, &d);
        cr_assert_eq(engine_run(e, &m), MMSB_OK, "%s", m.text);
        engine_accept(e);
        engine_stats s = *engine_statistics(e);
        cr_expect_eq(s.epochs - before.epochs, 1);
        cr_expect_eq(s.nodes_run - before.nodes_run, r->nodes, "%s: %llu nodes", r->what,
                     (unsigned long long)(s.nodes_run - before.nodes_run));
        cr_expect_eq(s.lanes_run - before.lanes_run, r->lanes, "%s: %llu lanes", r->what,
                     (unsigned long long)(s.lanes_run - before.lanes_run));
        cr_expect_eq(s.lanes_changed - before.lanes_changed, r->changed, "%s: %llu changed",
                     r->what, (unsigned long long)(s.lanes_changed - before.lanes_changed));
        cr_expect_eq(s.bytes_loaded - before.bytes_loaded, r->loaded, "%s: %llu bytes loaded",
                     r->what, (unsigned long long)(s.bytes_loaded - before.bytes_loaded));
        cr_expect_eq(s.bytes_stored - before.bytes_stored, r->stored, "%s: %llu bytes stored",
                     r->what, (unsigned long long)(s.bytes_stored - before.bytes_stored));
        engine_close(e);
        mmsbc_free(compiled);
    }
}
