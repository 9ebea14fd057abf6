/* SPDX-License-Identifier: Apache-2.0
 * session_native: gives an engine native calls, as the session's options say: from a table of the
 * program's own, from the cache, or compiled now. Before epoch 0, and only then. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "cuda/cuda.h"
#include "session_state.h"

/* Operators times lanes of one whole pass from which on compiling pays at once: some 0.2 s of the
 * VM, which is what a compiler takes. */
#define AUTO_WORK ((u64)1 << 30)

typedef struct {
    arena *memory;
    native_plan plan;
    native_compiler compiler;
    char *text;
    size_t bytes;
    void *object;
    u64 object_bytes;
} attempt;

static bool executor_is_auto(const session *s) { return s->o.executor == EXECUTOR_AUTO; }

static mmsb_status text_make(session *s, attempt *x, message *m) {
    FILE *to = open_memstream(&x->text, &x->bytes);
    bool whole = to != NULL && native_print(s->i, &x->plan, false, to);
    if (to != NULL && fclose(to) != 0) whole = false;
    ASSERT(!whole || x->bytes != 0);
    return whole ? MMSB_OK : message_set(m, MMSB_OUT_OF_SPACE, "no memory for the C text");
}

/* Finds the object in the cache or compiles it. *object NULL: auto decides against it. */
static mmsb_status object_make(session *s, attempt *x, message *m) {
    message why = {.used = 0};
    bool compiles = !executor_is_auto(s) || x->plan.work >= AUTO_WORK;
    int folder = native_cache_open(compiles, &why);
    if (why.text[0] != 0 && compiles) session_note(s, "native code is not kept: %s", why.text);
    if (folder < 0 && !compiles) return MMSB_OK;
    mmsb_status status = native_compiler_find(&x->compiler, m);
    if (status == MMSB_OK) status = text_make(s, x, m);
    native_key key = {0, 0};
    if (status == MMSB_OK) key = native_key_of(&x->compiler, x->text, x->bytes);
    why.text[0] = 0;
    if (status == MMSB_OK && folder >= 0)
        x->object = native_cache_read(folder, key, x->memory, &x->object_bytes, &why);
    if (why.text[0] != 0) session_note(s, "%s: it is not used", why.text);
    if (status == MMSB_OK && x->object == NULL && compiles) {
        status = native_compile(&x->compiler, x->text, x->bytes, x->memory, &x->object,
                                &x->object_bytes, m);
        if (status == MMSB_OK && folder >= 0)
            native_cache_write(folder, key, x->object, x->object_bytes);
    }
    if (folder >= 0) close(folder);
    return status;
}

static mmsb_status table_install(session *s, const native_plan *p, const native_table *t,
                                 message *m) {
    u32 refused = 0;
    TRY(native_install(s->e, p, t, &refused, m));
    if (refused != 0)
        session_note(s, "native code of %u programs gives other bits than the VM: the VM runs them",
                     refused);
    return MMSB_OK;
}

mmsb_status native_open(session *s, message *m) {
    attempt x = {.memory = NULL};
    ASSERT(s->native_library == NULL);
    bool asked = s->o.executor == EXECUTOR_NATIVE || executor_is_auto(s);
    if (!asked && s->o.native == NULL) return MMSB_OK;
    x.memory = arena_open(0);
    if (x.memory == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for native code");
    mmsb_status status = native_plan_make(s->i, x.memory, &x.plan, m);
    const native_table *t = s->o.native;
    if (status == MMSB_OK && t == NULL && x.plan.call_count != 0) {
        status = object_make(s, &x, m);
        if (status == MMSB_OK && x.object != NULL)
            status =
                native_load(x.object, x.object_bytes, &s->native_library, &s->native_fd, &t, m);
    }
    if (status == MMSB_OK && t != NULL) status = table_install(s, &x.plan, t, m);
    free(x.text);
    arena_close(x.memory);
    if (status == MMSB_ABSENT && executor_is_auto(s)) {
        session_note(s, "%s: the VM is used", m->text);
        *m = (message){.used = 0};
        return MMSB_OK;
    }
    return status;
}

void native_close(session *s) {
    if (s->native_library != NULL) dlclose(s->native_library);
    if (s->native_fd >= 0) close(s->native_fd);
    s->native_library = NULL, s->native_fd = -1;
}

const char *session_executor_text(const session *s) {
    ASSERT(s->e != NULL);
    if (cuda_is_open(s->e)) return "cuda";
    return native_installed(s->e) != 0 ? "native" : "vm";
}
