/* SPDX-License-Identifier: Apache-2.0
 * A program that holds its graph: the text of mmsbc --emit=c linked with libmmsb. Prints the root
 * after five ticks, and which executor ran. */
#include <stdio.h>

#include <mmsb.h>

extern const mmsb_graph mmsb_compiled;

int main(void) {
    mmsb_engine *e = NULL;
    mmsb_options o = {sizeof o};
    mmsb_metrics m = {sizeof m};
    uint64_t root = 0;
    o.graph = &mmsb_compiled;
    mmsb_status status = mmsb_open(&o, &e);
    if (status == MMSB_OK) status = mmsb_tick(e, 5, NULL);
    if (status == MMSB_OK) status = mmsb_root(e, &root);
    if (status == MMSB_OK) status = mmsb_metrics_read(e, &m);
    if (status == MMSB_OK)
        printf("epoch %llu root 0x%016llx\n%s\n", (unsigned long long)m.epoch,
               (unsigned long long)root, m.executor);
    else
        fprintf(stderr, "%s\n", mmsb_message(e));
    mmsb_free(e);
    return (int)status;
}
