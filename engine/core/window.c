/* SPDX-License-Identifier: Apache-2.0
 * window: see window.h. */
#include "window.h"

#include <errno.h>

#include "arena.h"

#define WINDOW_BYTES (512u << 10)
#define KEEP_ALIGN 64u

mmsb_status window_open(file_window *w, file_calls *f, int fd, const char *name, message *m) {
    ASSERT(fd >= 0);
    ASSERT(w->fd == -1 || w->memory == NULL);
    i64 size = f->size(f, fd);
    if (size < 0) {
        f->close(f, fd);
        if (size == -EINVAL)
            return message_set(m, MMSB_IO, "cannot read %s: it is not a regular file", name);
        return file_failed(m, "read", name, size);
    }
    w->files = f, w->fd = fd, w->name = name, w->size = (u64)size;
    w->from = w->filled = 0;
    return MMSB_OK;
}

/* Room for `bytes`, keeping what the window holds from `at` on. */
static mmsb_status window_move(file_window *w, u64 at, u64 bytes, message *m) {
    ASSERT(at % KEEP_ALIGN == 0);
    u64 held = at >= w->from && at < w->from + w->filled ? w->from + w->filled - at : 0;
    u8 *to = w->memory;
    u64 room = w->room;
    if (bytes > room) {
        room = u64_max(bytes, WINDOW_BYTES);
        to = region_take(room);
        if (to == NULL)
            return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the %llu bytes of %s",
                               (unsigned long long)bytes, w->name);
    }
    if (held != 0) memmove(to, w->memory + (at - w->from), held);
    if (to != w->memory && w->memory != NULL) region_give_back(w->memory, w->room);
    w->memory = to, w->room = room;
    w->from = at, w->filled = held;
    return MMSB_OK;
}

mmsb_status window_at(file_window *w, u64 at, u64 bytes, const u8 **out, message *m) {
    ASSERT(at <= w->size);
    ASSERT(bytes <= w->size - at);
    if (at < w->from || at + bytes > w->from + w->filled) {
        u64 first = at / KEEP_ALIGN * KEEP_ALIGN, need = at + bytes - first;
        TRY(window_move(w, first, need, m));
        u64 most = u64_min(u64_min(w->room, u64_max(need, WINDOW_BYTES)), w->size - first);
        if (most > w->filled)
            TRY(file_read_all(w->files, w->fd, w->memory + w->filled, most - w->filled,
                              w->from + w->filled, w->name, m));
        w->filled = u64_max(most, w->filled);
    }
    *out = w->memory + (at - w->from);
    return MMSB_OK;
}

void window_close(file_window *w) {
    if (w->files != NULL && w->fd >= 0) w->files->close(w->files, w->fd);
    if (w->memory != NULL) region_give_back(w->memory, w->room);
    *w = (file_window){.fd = -1};
}
