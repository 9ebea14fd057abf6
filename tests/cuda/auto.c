/* SPDX-License-Identifier: Apache-2.0
 * auto: where a node's side is chosen by what was measured (on the driver that
 * MMSB_CUDA_DRIVER names): one with much to do for each byte goes there and what it left there
 * stays, one with little stays here; values are those of an engine without a GPU. */
#include <stdio.h>
#include <stdlib.h>

#include "../../engine/cuda/cuda.h"
#include "../../engine/state.h"
#include "mmsbc.h"

#define LANES 20000u
static int failed;

#define CHECK(what, ...)                   \
    do {                                   \
        if (!(what)) {                     \
            printf("FAILED " __VA_ARGS__); \
            putchar('\n');                 \
            failed = 1;                    \
        }                                  \
    } while (0)

/* A page of 400 products and sums a lane, and one of a sum. */
static char *graph_text(void) {
    static char text[20000];
    int at = snprintf(text, sizeof text,
                      "graph g\nsource x: f64[%u] = 0.5\nsource z: f64[600] = 1.0\n"
                      "page y = ",
                      LANES);
    for (int k = 0; k < 200; k++) at += snprintf(text + at, sizeof text - (size_t)at, "(");
    at += snprintf(text + at, sizeof text - (size_t)at, "x");
    for (int k = 0; k < 200; k++)
        at += snprintf(text + at, sizeof text - (size_t)at, " * x + 0.25)");
    snprintf(text + at, sizeof text - (size_t)at,
             "\npage w = z + 1.0\npage t = sum(w)\nexport y, w, t\n");
    return text;
}

static engine *opened(const image *i, bool gpu) {
    message m = {.used = 0};
    engine *e = NULL;
    mmsb_status s = engine_open(i, NULL, &e, &m);
    if (s == MMSB_OK && gpu) s = cuda_open(e, true, &m);
    if (s == MMSB_OK) s = engine_epoch0(e, &m);
    CHECK(s == MMSB_OK, "opening: %s", m.text);
    return s == MMSB_OK ? e : NULL;
}

/* One lane, or all, of page x. */
static void epoch(engine *e, u32 page, u64 count, f64 value) {
    static f64 values[LANES];
    message m = {.used = 0};
    for (u64 k = 0; k < count; k++) values[k] = value;
    delta d = {.page = page,
               .type = TYPE_F64,
               .first = 0,
               .count = count,
               .payload_bytes = count * 8,
               .payload = values};
    engine_apply(e, &d);
    CHECK(engine_run(e, &m) == MMSB_OK, "an epoch: %s", m.text);
    engine_accept(e);
}

static void compare(const image *i, engine *a, engine *b, const char *when) {
    for (u32 page = 1; page < i->page_count; page++)
        CHECK(memcmp(engine_page(a, page), engine_page(b, page),
                     i->shapes[i->pages[page].shape].lanes * type_bytes(i->pages[page].type)) == 0,
              "%s: page %u differs", when, page);
}

int main(void) {
    if (!cuda_is_built()) {
        puts("skipped: no nvcc: this build has no CUDA executor");
        return 0;
    }
    message m = {.used = 0};
    mmsbc_result *compiled = NULL;
    const char *text = graph_text();
    mmsbc_options o = {.name = "t.mmsbg", .text = text, .bytes = strlen(text), .messages = stderr};
    image i;
    size_t bytes = 0;
    if (mmsbc_compile(&o, &compiled) != 0) return 1;
    const void *at = mmsbc_image(compiled, &bytes);
    if (image_verify(at, bytes, &i, &m) != MMSB_OK) return 1;
    engine *here = opened(&i, false), *both = opened(&i, true);
    if (here == NULL || both == NULL) return 1;
    const engine_stats *s = engine_statistics(both);
    CHECK(s->cuda_nodes == 1 && s->cuda_nodes_here >= 2, "epoch 0: %llu nodes there, %llu here",
          (unsigned long long)s->cuda_nodes, (unsigned long long)s->cuda_nodes_here);
    compare(&i, here, both, "epoch 0");
    u32 x = image_find_page(&i, "x", 1);
    epoch(here, x, 1, 0.75), epoch(both, x, 1, 0.75);
    CHECK(s->cuda_nodes == 1, "a lane: %llu nodes there", (unsigned long long)s->cuda_nodes);
    compare(&i, here, both, "a lane");
    epoch(here, x, LANES, 0.125), epoch(both, x, LANES, 0.125);
    CHECK(s->cuda_nodes == 2, "all lanes: %llu nodes there", (unsigned long long)s->cuda_nodes);
    compare(&i, here, both, "all lanes");
    engine_close(here), engine_close(both);
    mmsbc_free(compiled);
    if (!failed) puts("the side is chosen by what was measured");
    return failed;
}
