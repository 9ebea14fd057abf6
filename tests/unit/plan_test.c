/* SPDX-License-Identifier: Apache-2.0
 * Budgets: a graph that breaks one is refused, and the words name the budget and the page. */
#include <criterion/criterion.h>

#include "../../engine/core/base.h"
#include "mmsbc.h"

static const char text[] = "param n = 4096 source x: f64[n] source k: f64 = 1.0 page y = x * k\n"
                           "page total = sum(y)\npage half = total * 0.5";

typedef struct {
    unsigned long long bytes, waves;
    const char *lanes;
    int status;
    const char *words; /* in the messages */
} row;

static const row rows[] = {
    {0, 0, NULL, MMSB_OK, ""},
    {1 << 20, 4, "x=100", MMSB_OK, ""},
    {4096, 0, NULL, MMSB_WRONG, "its budget is 4096; most are of `x`: 32768"},
    {0, 2, NULL, MMSB_WRONG,
     "the graph has 4 waves, its budget is 2; `total` is the first past it"},
    {0, 0, "k=100", MMSB_WRONG, "one changed lane of `k` redoes 8194 lanes, its budget is 100"},
    {0, 0, "x=10", MMSB_WRONG, "one changed lane of `x` redoes 67 lanes, its budget is 10"},
    {0, 0, "y=10", MMSB_USAGE, "a budget names y, which is no source or state page"},
    {0, 0, "x", MMSB_USAGE, "max_amplification wants PAGE=LANES, not x"},
    {0, 0, "x=-1", MMSB_USAGE, "max_amplification wants PAGE=LANES, not x=-1"},
};

Test(plan, a_broken_budget_is_told_with_its_page) {
    for (size_t k = 0; k < ARRAY_COUNT(rows); k++) {
        char *said = NULL;
        size_t said_bytes = 0, image_bytes = 0;
        FILE *to = open_memstream(&said, &said_bytes);
        mmsbc_result *r = NULL;
        mmsbc_options o = {.name = "budget.mmsbg",
                           .text = text,
                           .bytes = strlen(text),
                           .max_bytes = rows[k].bytes,
                           .max_waves = rows[k].waves,
                           .max_amplification = &rows[k].lanes,
                           .max_amplification_count = rows[k].lanes != NULL,
                           .messages = to};
        int status = mmsbc_compile(&o, &r);
        fclose(to);
        cr_expect(status == rows[k].status, "row %zu: status %d: %s", k, status, said);
        cr_expect(strstr(said, rows[k].words) != NULL, "row %zu: %s", k, said);
        cr_expect((mmsbc_image(r, &image_bytes) != NULL) == (rows[k].status == MMSB_OK));
        if (rows[k].status == MMSB_WRONG) cr_expect(strstr(said, "E0603") != NULL, "%s", said);
        mmsbc_free(r);
        free(said);
    }
}
