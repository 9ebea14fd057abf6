/* SPDX-License-Identifier: Apache-2.0
 * Runs g.mmsbx for three epochs; prints total and root. */
#include <mmsb.h>
#include <stdio.h>
#include <string.h>

static int failed(mmsb_engine *e, const char *what) {
    fprintf(stderr, "%s: %s\n", what, mmsb_message(e));
    mmsb_free(e);
    return 1;
}

int main(void) {
    mmsb_options o;
    mmsb_engine *e = NULL;
    uint32_t x, y, total;
    double value = 1.5;
    int32_t two = 2;
    uint64_t root = 0;
    memset(&o, 0, sizeof o);
    o.struct_size = sizeof o;
    o.path = "g.mmsbx";
    if (mmsb_open(&o, &e) != MMSB_OK) return failed(e, "open");
    if (mmsb_page_find(e, "x", &x) != MMSB_OK || mmsb_page_find(e, "y", &y) != MMSB_OK ||
        mmsb_page_find(e, "total", &total) != MMSB_OK)
        return failed(e, "find");
    if (mmsb_set(e, x, MMSB_SET, 2, 1, &value, 1) != MMSB_OK || mmsb_commit(e) != MMSB_OK ||
        mmsb_set(e, y, MMSB_SET, 0, 1, &two, 1) != MMSB_OK || mmsb_commit(e) != MMSB_OK ||
        mmsb_tick(e, 1, NULL) != MMSB_OK || mmsb_root(e, &root) != MMSB_OK)
        return failed(e, "epochs");
    printf("epoch %llu total %.17g root 0x%016llx\n", (unsigned long long)mmsb_epoch(e),
           *(const double *)mmsb_view(e, total, MMSB_F64), (unsigned long long)root);
    if (mmsb_close(e) != MMSB_OK) return failed(e, "close");
    mmsb_free(e);
    return 0;
}
