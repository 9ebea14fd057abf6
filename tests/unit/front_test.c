/* SPDX-License-Identifier: Apache-2.0
 * Graphs that the front accepts, and ones that it refuses with a code. */
#include <criterion/criterion.h>

#include "front.h"
#include "parse.h"

static u32 errors; /* that the last text gave */

/* The code of the first diagnostic of `text`, 0 where it is accepted. */
static u32 first_code(const char *text) {
    arena *a = arena_open(0);
    sources s = {.memory = a};
    diags d = {.memory = a, .sources = &s};
    front_options o = {0};
    ir g;
    u32 file = 0, code = 0;
    ast *t = ast_open(a);
    cr_assert(sources_add(&s, "t.mmsbg", text, strlen(text), &file) == MMSB_OK);
    cr_assert(parse_file(&s, file, t, &d) == MMSB_OK);
    if (d.error_count == 0) cr_assert(front_build(&s, t, &o, a, &d, &g) == MMSB_OK);
    for (u32 k = 0; k < d.count; k++)
        cr_assert(d.rows[k].help != NULL, "a diagnostic without a fix");
    if (d.error_count != 0) code = d.rows[0].code;
    errors = d.error_count;
    arena_close(a);
    return code;
}

Test(front, good_graphs_are_accepted) {
    static const char *const texts[] = {
        "source x: f64[4] page y = x * (1/2) page z = sum(y)",
        "source k: i32[4] page y = k * 3 page z[i: 4] = if i > 0 then k[i-1] else 0",
        "source x: f64 page ema: f64 = init x then prev(ema) + 0.5 * (x - prev(ema))",
        "source x: f64[3] page v = init x then prev(v) * 0.5",
        "source p: f64[8] source i: u32[20] page v[k: 20] = p[i[k]] assert all(v >= 0.0) \"low\"",
        "source x: f64[12] source k: u32[12] page s: f64[3] = sum(x by k if x > 0.0)",
        "param n = 3 param m = 2 * n const r: f64 = 1.0 / 4.0 fn f(a, b: f64) = a * b "
        "page y[i: m] = f(r, f64(i))",
        "node e(x: f64[n], a: f64) -> (y) { page y: f64[n] = "
        "init x then prev(y) + a * (x - prev(y)) }"
        " source s: f64[5] use o = e(s, 0.5) page t = o.y",
        "source x: f64 page h = history(x, 4) page f = sum(history(x, 4)[k] * f64(k + 1) for k: 4)",
        "source a[i: 3, j: 4]: f64 edge wrap, fill -1.5 = f64(i * j) "
        "page b[i: 3, j: 4] = a[i-1, j+1] page t = transpose(a)",
        "source x: f64[4] event e = max(x) > 1.0 with argmax(x) export e",
    };
    for (u32 k = 0; k < ARRAY_COUNT(texts); k++)
        cr_expect(first_code(texts[k]) == 0, "%s: E%04u", texts[k], first_code(texts[k]));
}

Test(front, wrong_graphs_are_refused_with_their_code) {
    static const struct {
        u32 code;
        const char *text;
    } rows[] = {
        {1, "page y = "},
        {9, "source a: f64 page y = a < 1.0 < 2.0"},
        {100, "source price: f64 page y = pricee"},
        {101, "source x: f64 page x = 1.0"},
        {102, "source x: f64 page y = sqroot(x)"},
        {103, "source x: f64 page y = sqrt(x, x)"},
        {104, "fn f(x) = f(x) page y = f(1.0)"},
        {105, "param a = b param b = a page y[i: a] = i"},
        {200, "source x: i32 page y = sqrt(x)"},
        {201, "source x: f64 source k: i32 page y = x + k"},
        {201, "source k: i32 page y = k + 1.5"},
        {202, "source x: u8 page y = x + 300"},
        {204, "source x: f64 page y = x ^ 2.0"},
        {300, "source x: f64[4] source y: f64[5] page z = x + y"},
        {301, "source x: f64[4] page y[i: 4] = x"},
        {302, "source x: f64[4] page y[i: 4] = x[i, i]"},
        {303, "source x: f64[4] source k: u32[4] page s = sum(x by k)"},
        {304, "source x: f64[0]"},
        {304, "param b = 4294967296 page y: f64[b * b] = 1.0"},
        {305, "source x: f64[4] page y: f64[5] = x"},
        {306, "source x: f64[4] source k: u32[3] page y = x[k]"},
        {400, "source x: f64[8] page d[i: 8] = x[i + 1] - x[i]"},
        {500, "source x: f64 page acc = prev(acc) + x"},
        {501, "source x: f64 page a = b + x page b = c page c = a"},
        {502, "source x: f64 page y = prev(x + 1.0)"},
        {300, "source x: f64 page y = sort(x)"},
    };
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        u32 got = first_code(rows[k].text);
        cr_expect(got == rows[k].code, "%s: E%04u, expected E%04u", rows[k].text, got,
                  rows[k].code);
    }
}

Test(front, one_mistake_is_one_error) {
    static const char *const texts[] = {
        "source p: f64[4] page g = q - p page s[i: 4] = g[i] page t = sum(g) event e = t > 5.0",
        "source p: f64[4] page g = p + prev(h) page h = init 0.0 then g + nothing",
        "source p: i32[4] page g[i: 4]: f64 = p[i] page t = sum(g) + 0.5",
        "node a(x: f64[n]) -> (y) { page y = x + z } source p: f64[4] use o = a(p) page t = o.y",
    };
    for (u32 k = 0; k < ARRAY_COUNT(texts); k++) {
        cr_expect(first_code(texts[k]) != 0, "accepted: %s", texts[k]);
        cr_expect(errors == 1, "%u errors: %s", errors, texts[k]);
    }
}

Test(front, every_cut_of_a_graph_ends_in_words_or_in_equations) {
    static const char text[] =
        "param n = 6 source x[i: n]: f64 edge clamp = f64(i) "
        "page y[i: n] = if i > 0 && x[i-1] > 0.0 then x[i+1] "
        "else sum(x[k] for k: n if k != i) event e = any(y > 2.0) with max(y) export y";
    char cut[sizeof text];
    for (size_t k = 0; k < sizeof text; k++) {
        memcpy(cut, text, k);
        cut[k] = 0;
        first_code(cut);
    }
}
