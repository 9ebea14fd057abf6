/* SPDX-License-Identifier: Apache-2.0
 * compiled: native code for the engine of a trial. */
#include "compiled.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

mmsb_status compiled_make(const image *i, arena *memory, compiled_calls *out, message *m) {
    char *text = NULL;
    size_t bytes = 0;
    native_compiler compiler;
    void *object = NULL;
    u64 object_bytes = 0;
    *out = (compiled_calls){.fd = -1};
    TRY(native_plan_make(i, memory, &out->plan, m));
    if (out->plan.call_count == 0) return MMSB_OK;
    TRY(native_compiler_find(&compiler, m));
    FILE *to = open_memstream(&text, &bytes);
    if (to == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the C text");
    bool whole = native_print(i, &out->plan, false, to);
    whole = fclose(to) == 0 && whole;
    mmsb_status s = whole
                        ? native_compile(&compiler, text, bytes, memory, &object, &object_bytes, m)
                        : message_set(m, MMSB_OUT_OF_SPACE, "no memory for the C text");
    free(text);
    TRY(s);
    return native_load(object, object_bytes, &out->library, &out->fd, &out->table, m);
}

mmsb_status compiled_install(engine *e, const compiled_calls *c, u64 *calls, message *m) {
    u32 refused = 0;
    if (c->table == NULL) return MMSB_OK;
    TRY(native_install(e, &c->plan, c->table, &refused, m));
    *calls += native_installed(e);
    return refused == 0
               ? MMSB_OK
               : message_set(m, MMSB_BUG, "%u programs give other bits than the VM", refused);
}

void compiled_free(compiled_calls *c) {
    if (c->library == NULL) return;
    dlclose(c->library);
    close(c->fd);
    c->library = NULL;
}
