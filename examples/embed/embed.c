/* SPDX-License-Identifier: Apache-2.0
 * The risk graph inside a C program: embed IMAGE TICKS. An epoch a tick; prints breaches as they
 * come, the last total and the root. cc embed.c -lmmsb */
#include <inttypes.h>
#include <mmsb.h>
#include <stdio.h>
#include <string.h>

static int breached(void *context, const mmsb_event *event) {
    (void)context;
    printf("epoch %" PRIu64 ": book %" PRIu64 " is at %.17g\n", event->epoch, event->values[1].bits,
           event->values[0].number);
    return 0;
}

static int failed(mmsb_engine *e, const char *what) {
    fprintf(stderr, "%s: %s\n", what, mmsb_message(e));
    mmsb_free(e);
    return 1;
}

int main(int count, char **a) {
    mmsb_options o = {.struct_size = sizeof o, .on_event = breached};
    mmsb_engine *e = NULL;
    FILE *ticks = count == 3 ? fopen(a[2], "r") : NULL;
    char line[256];
    uint32_t total;
    uint64_t root;
    if (ticks == NULL) return fprintf(stderr, "usage: embed IMAGE TICKS\n"), 2;
    o.path = a[1];
    if (mmsb_open(&o, &e) != MMSB_OK) return failed(e, a[1]);
    if (mmsb_page_find(e, "total", &total) != MMSB_OK) return failed(e, "total");
    const double *value = mmsb_view(e, total, MMSB_F64); /* follows every epoch */
    while (fgets(line, sizeof line, ticks) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, "commit") != 0) {
            if (mmsb_line(e, line) != MMSB_OK) return failed(e, line);
        } else if (mmsb_commit(e) != MMSB_OK) {
            return failed(e, "commit");
        }
    }
    if (mmsb_root(e, &root) != MMSB_OK) return failed(e, "root");
    printf("epoch %" PRIu64 " total %.17g root 0x%016" PRIx64 "\n", mmsb_epoch(e), *value, root);
    fclose(ticks);
    if (mmsb_close(e) != MMSB_OK) return failed(e, "close");
    mmsb_free(e);
    return 0;
}
