/* SPDX-License-Identifier: Apache-2.0
 * tool_c: mmsbc --emit=c: one C file with an image and its native calls, to link with libmmsb. */
#include "../engine/native.h"
#include "mmsbc.h"
#include "tool_options.h"

mmsb_status tool_emit_c(const mmsbc_result *r, FILE *to, message *m) {
    size_t bytes = 0;
    const void *compiled = mmsbc_image(r, &bytes);
    image i;
    native_plan p;
    arena *a = arena_open(0);
    ASSERT(compiled != NULL);
    if (a == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    mmsb_status s = image_verify(compiled, bytes, &i, m);
    if (s == MMSB_OK) s = native_plan_make(&i, a, &p, m);
    if (s == MMSB_OK && (!native_print(&i, &p, true, to) || fflush(to) != 0))
        s = message_set(m, MMSB_IO, "the C text cannot be written");
    arena_close(a);
    return s;
}
