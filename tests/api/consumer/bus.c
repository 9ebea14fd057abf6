/* SPDX-License-Identifier: Apache-2.0
 * Does to an engine that is served (bus NAME) what program.c does to its own; prints the epoch and
 * the total, and waits until both commits are durable. */
#include <mmsb_bus.h>
#include <stdio.h>
#include <string.h>

static const uint64_t most = (uint64_t)10 * 1000000000; /* 10 s */

static int failed(mmsb_bus *b, const char *what) {
    fprintf(stderr, "%s: %s\n", what, mmsb_bus_message(b));
    mmsb_bus_free(b);
    return 1;
}

int main(int count, char **words) {
    mmsb_bus_options o;
    mmsb_bus_answer answer;
    mmsb_bus *b = NULL;
    uint32_t x, y, total;
    uint64_t epoch = 0;
    double value = 1.5, sum = 0;
    int32_t two = 2;
    int k;
    memset(&o, 0, sizeof o);
    memset(&answer, 0, sizeof answer);
    o.struct_size = sizeof o;
    o.name = count > 1 ? words[1] : NULL;
    answer.struct_size = sizeof answer;
    if (mmsb_bus_attach(&o, &b) != MMSB_OK) return failed(b, "attach");
    if (mmsb_bus_page_find(b, "x", &x) != MMSB_OK || mmsb_bus_page_find(b, "y", &y) != MMSB_OK ||
        mmsb_bus_page_find(b, "total", &total) != MMSB_OK)
        return failed(b, "find");
    if (mmsb_bus_set(b, x, MMSB_SET, 2, 1, &value, 1) != MMSB_OK ||
        mmsb_bus_commit(b, 0, NULL) != MMSB_OK ||
        mmsb_bus_set(b, y, MMSB_SET, 0, 1, &two, 1) != MMSB_OK ||
        mmsb_bus_commit(b, 0, NULL) != MMSB_OK || mmsb_bus_commit(b, 0, NULL) != MMSB_OK)
        return failed(b, "commit");
    for (k = 0; k < 3; k++)
        if (mmsb_bus_answer_next(b, most, &answer) != MMSB_OK || answer.status != MMSB_OK)
            return failed(b, "answer");
    if (mmsb_bus_wait_durable(b, answer.epoch, most) != MMSB_OK) return failed(b, "durable");
    if (mmsb_bus_read(b, total, MMSB_F64, 0, 1, &sum, &epoch) != MMSB_OK) return failed(b, "read");
    printf("epoch %llu total %.17g\n", (unsigned long long)epoch, sum);
    mmsb_bus_free(b);
    return 0;
}
