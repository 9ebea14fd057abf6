/* SPDX-License-Identifier: Apache-2.0
 * compile_fuzz: text to image; what compiles verifies, and runs three epochs if it is small. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "mmsbc.h"

static FILE *nowhere;

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    mmsbc_result *r = NULL;
    size_t image_bytes;
    image i;
    if (nowhere == NULL) nowhere = fopen("/dev/null", "w");
    mmsbc_options o = {
        .name = "fuzz.mmsbg", .text = (const char *)data, .bytes = bytes, .messages = nowhere};
    int status = mmsbc_compile(&o, &r);
    MUST(status != MMSB_BUG && status != MMSB_DAMAGED);
    if (status == MMSB_OK) {
        const void *at = mmsbc_image(r, &image_bytes);
        MUST(image_verify(at, image_bytes, &i, NULL) == MMSB_OK);
        MUST(mmsbc_emit(r, "plan", nowhere) == 0 && mmsbc_emit(r, "json", nowhere) == 0);
        MUST(mmsbc_emit(r, "dot", nowhere) == 0);
        if (small_image(&i)) small_run(&i);
    }
    mmsbc_free(r);
    return 0;
}
