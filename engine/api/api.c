/* SPDX-License-Identifier: Apache-2.0
 * api: entering and leaving a handle, its words, and what needs no handle. */
#include "api.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARK_BYTES 4096u

const char *mmsb_version(void) { return MMSB_VERSION; }

const char *mmsb_status_text(mmsb_status status) {
    return (u32)status <= MMSB_FORKED ? status_text(status) : "unknown status";
}

const char *mmsb_message(const mmsb_engine *e) {
    return e == NULL ? "no memory for an engine" : e->h.m.text;
}

/* A word that a forked child sees as 0. */
void api_handle_open(api_handle *h, const char *what) {
    u32 *mark = region_take(MARK_BYTES);
    ASSERT(h->mark == NULL);
    h->what = what, h->process = getpid();
    if (mark == NULL) return;
    h->marked = madvise(mark, MARK_BYTES, MADV_WIPEONFORK) == 0;
    *mark = 1;
    h->mark = mark;
}

void api_handle_close(api_handle *h) {
    ASSERT(h->process > 0);
    if (h->mark != NULL) region_give_back((void *)(uintptr_t)h->mark, MARK_BYTES);
    h->mark = NULL;
}

bool api_is_forked(const api_handle *h) {
    ASSERT(h->process > 0);
    return h->marked ? *h->mark == 0 : getpid() != h->process;
}

mmsb_status api_words(api_handle *h, mmsb_status status, const message *m) {
    ASSERT(m == NULL || m->used < sizeof m->text);
    if (status == MMSB_OK) return status;
    const char *text = m == NULL || m->text[0] == 0 ? mmsb_status_text(status) : m->text;
    if (text != h->m.text) snprintf(h->m.text, sizeof h->m.text, "%s", text);
    return status;
}

static mmsb_status forked_words(api_handle *h) {
    snprintf(h->m.text, sizeof h->m.text,
             "the %s belongs to process %ld, which forked this one: open another here", h->what,
             (long)h->process);
    return MMSB_FORKED;
}

mmsb_status api_enter(api_handle *h, api_state least) {
    if (h == NULL) return MMSB_USAGE;
    if (api_is_forked(h)) return forked_words(h);
    if (atomic_exchange_explicit(&h->busy, true, memory_order_acquire)) return MMSB_BUSY;
    if (h->state >= least) return MMSB_OK;
    message m = {.used = 0};
    return api_leave(h, message_set(&m, MMSB_USAGE, "the %s did not open", h->what), &m);
}

mmsb_status api_enter_change(mmsb_engine *e) {
    if (e == NULL) return MMSB_USAGE;
    TRY(api_enter(&e->h, API_OPEN));
    message m;
    if (e->h.state == API_CLOSED)
        return api_leave(&e->h, message_set(&m, MMSB_USAGE, "the engine is closed"), &m);
    for (u64 k = 0; k < e->bool_count; k++) e->bools[k] = e->bools[k] != 0;
    e->bools = NULL, e->bool_count = 0;
    ASSERT(e->s != NULL);
    return MMSB_OK;
}

mmsb_status api_leave(api_handle *h, mmsb_status status, const message *m) {
    ASSERT(atomic_load_explicit(&h->busy, memory_order_relaxed));
    api_words(h, status, m);
    atomic_store_explicit(&h->busy, false, memory_order_release);
    return status;
}
