/* SPDX-License-Identifier: Apache-2.0
 * compiled: native code for the engine of a trial. */
#include "compiled.h"

#include <dlfcn.h>
#include <unistd.h>

mmsb_status compiled_make(const image *i, arena *memory, compiled_calls *out, message *m) {
    return native_compile_image(i, memory, &out->plan, &out->library, &out->fd, &out->table, m);
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
