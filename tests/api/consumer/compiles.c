/* SPDX-License-Identifier: Apache-2.0
 * Compiles g.mmsbg in memory, runs it as program.c does, and shows what a wrong graph gives. */
#include <mmsb.h>
#include <mmsbc.h>
#include <stdio.h>
#include <string.h>

static char text[4096];

static mmsbc_result *compiled(size_t bytes, int *status) {
    mmsbc_options o;
    mmsbc_result *r = NULL;
    memset(&o, 0, sizeof o);
    o.struct_size = sizeof o;
    o.name = "g.mmsbg";
    o.text = text;
    o.bytes = bytes;
    *status = mmsbc_compile(&o, &r);
    return r;
}

int main(void) {
    FILE *f = fopen("g.mmsbg", "rb");
    size_t bytes = f == NULL ? 0 : fread(text, 1, sizeof text - 20, f), image_bytes = 0;
    int status;
    mmsb_options o;
    mmsb_engine *e = NULL;
    uint32_t total;
    uint64_t root;
    if (f != NULL) fclose(f);
    mmsbc_result *r = compiled(bytes, &status);
    if (status != 0 || mmsbc_diagnostics(r, 0, 0, NULL)[0] != 0) return 1;
    memset(&o, 0, sizeof o);
    o.struct_size = sizeof o;
    o.image = mmsbc_image(r, &image_bytes);
    o.image_bytes = image_bytes;
    status = mmsb_open(&o, &e);
    mmsbc_free(r); /* the engine has a copy */
    if (status != MMSB_OK || mmsb_page_find(e, "total", &total) != MMSB_OK ||
        mmsb_line(e, "x[2] = 1.5") != MMSB_OK || mmsb_commit(e) != MMSB_OK ||
        mmsb_line(e, "y = 2") != MMSB_OK || mmsb_commit(e) != MMSB_OK ||
        mmsb_tick(e, 1, NULL) != MMSB_OK || mmsb_root(e, &root) != MMSB_OK) {
        fprintf(stderr, "%s\n", mmsb_message(e));
        return 2;
    }
    printf("epoch %llu total %.17g root 0x%016llx\n", (unsigned long long)mmsb_epoch(e),
           *(const double *)mmsb_view(e, total, MMSB_F64), (unsigned long long)root);
    mmsb_free(e);
    strcpy(text + bytes, "page z = totl\n");
    r = compiled(strlen(text), &status);
    if (status != 1 || strstr(mmsbc_diagnostics(r, 1, 0, NULL), "g.mmsbg:6:10:") == NULL) {
        fprintf(stderr, "status %d: %s", status, mmsbc_diagnostics(r, 1, 0, NULL));
        return 3;
    }
    mmsbc_free(r);
    return 0;
}
