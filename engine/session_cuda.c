/* SPDX-License-Identifier: Apache-2.0
 * session_cuda: gives an engine a GPU, as the session's options say. Before epoch 0, and only then.
 */
#include "cuda/cuda.h"
#include "session_state.h"

/* Operators times lanes of one whole pass from which on `auto` looks for a GPU: 30 ms of the VM.
 * Opening a driver is said to take 100 ms and more. Not measured. */
#define AUTO_WORK ((u64)1 << 28)

mmsb_status gpu_open(session *s, message *m) {
    u64 work = 0;
    message why = {.used = 0};
    ASSERT(s->e != NULL);
    if (s->o.executor == EXECUTOR_CUDA) return cuda_open(s->e, false, m);
    /* Whoever maps the pages finds there what the server has fetched: every page that an epoch
     * changed. That is for who asks for it. */
    if (s->o.engine.shared || s->o.executor != EXECUTOR_AUTO || !cuda_is_built()) return MMSB_OK;
    TRY(cuda_work(s->i, &work, m));
    if (work < AUTO_WORK || cuda_open(s->e, true, &why) == MMSB_OK) return MMSB_OK;
    session_note(s, "no GPU: using the CPU: %s", why.text);
    return MMSB_OK;
}
