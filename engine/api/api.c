/* SPDX-License-Identifier: Apache-2.0
 * api: entering and leaving a handle, its words, and what needs no handle. */
#include "api.h"

#include <stdio.h>
#include <unistd.h>

const char *mmsb_version(void) { return MMSB_VERSION; }

const char *mmsb_status_text(mmsb_status status) {
    return (u32)status <= MMSB_FORKED ? status_text(status) : "unknown status";
}

const char *mmsb_message(const mmsb_engine *e) {
    return e == NULL ? "no memory for an engine" : e->m.text;
}

bool api_is_forked(const mmsb_engine *e) {
    ASSERT(e->process > 0);
    return e->marked ? *e->mark == 0 : getpid() != e->process;
}

mmsb_status api_words(mmsb_engine *e, mmsb_status status, const message *m) {
    ASSERT(m == NULL || m->used < sizeof m->text);
    if (status == MMSB_OK) return status;
    const char *text = m == NULL || m->text[0] == 0 ? mmsb_status_text(status) : m->text;
    if (text != e->m.text) snprintf(e->m.text, sizeof e->m.text, "%s", text);
    return status;
}

static mmsb_status forked_words(mmsb_engine *e) {
    snprintf(e->m.text, sizeof e->m.text,
             "the engine belongs to process %ld, which forked this one: open another here",
             (long)e->process);
    return MMSB_FORKED;
}

mmsb_status api_enter(mmsb_engine *e, api_state least) {
    if (e == NULL) return MMSB_USAGE;
    if (api_is_forked(e)) return forked_words(e);
    if (atomic_exchange_explicit(&e->busy, true, memory_order_acquire)) return MMSB_BUSY;
    if (e->state >= least) return MMSB_OK;
    message m = {.used = 0};
    return api_leave(e, message_set(&m, MMSB_USAGE, "the engine did not open"), &m);
}

mmsb_status api_enter_change(mmsb_engine *e) {
    TRY(api_enter(e, API_OPEN));
    message m;
    if (e->state == API_CLOSED)
        return api_leave(e, message_set(&m, MMSB_USAGE, "the engine is closed"), &m);
    for (u64 k = 0; k < e->bool_count; k++) e->bools[k] = e->bools[k] != 0;
    e->bools = NULL, e->bool_count = 0;
    ASSERT(e->s != NULL);
    return MMSB_OK;
}

mmsb_status api_leave(mmsb_engine *e, mmsb_status status, const message *m) {
    ASSERT(atomic_load_explicit(&e->busy, memory_order_relaxed));
    api_words(e, status, m);
    atomic_store_explicit(&e->busy, false, memory_order_release);
    return status;
}
