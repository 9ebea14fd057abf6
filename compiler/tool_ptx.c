/* SPDX-License-Identifier: Apache-2.0
 * tool_ptx: mmsbc --emit=ptx: the module that the engine gives to a GPU's driver. */
#include "../engine/cuda/cuda_plan.h"
#include "mmsbc.h"
#include "tool_options.h"

mmsb_status tool_emit_ptx(const mmsbc_result *r, FILE *to, message *m) {
    size_t bytes = 0;
    const void *compiled = mmsbc_image(r, &bytes);
    image i;
    cuda_plan p;
    ASSERT(compiled != NULL);
    if (!cuda_is_built())
        return message_set(m, MMSB_ABSENT,
                           "this build has no CUDA executor: it was made without nvcc");
    arena *a = arena_open(0);
    if (a == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    mmsb_status s = image_verify(compiled, bytes, &i, m);
    if (s == MMSB_OK) s = cuda_plan_make(&i, a, &p, m);
    if (s == MMSB_OK && (!cuda_print(&i, &p, to) || fflush(to) != 0))
        s = message_set(m, MMSB_IO, "the PTX text cannot be written");
    arena_close(a);
    return s;
}
