/* SPDX-License-Identifier: Apache-2.0
 * window: a file read from front to back through a small buffer, so that what is read is used while
 * the caches hold it. Bytes behind the window can be read again. One thread at a time. */
#ifndef MMSB_WINDOW_H
#define MMSB_WINDOW_H
#include "file.h"

typedef struct {
    file_calls *files;
    int fd;
    const char *name; /* for messages; outlives the window */
    u64 size;         /* of the file, when it was opened */
    u8 *memory;
    u64 room, from, filled; /* memory holds `filled` bytes of the file from byte `from` on */
} file_window;

/* Takes over `fd`, a regular file; closes it where that fails, and in window_close. A window may be
 * opened again: its memory stays. Zeroed before the first time. */
mmsb_status window_open(file_window *w, file_calls *f, int fd, const char *name, message *m);
/* Bytes [at, at + bytes), which lie inside the file; aligned as `at` is, up to 64. They stay until
 * the next call. */
mmsb_status window_at(file_window *w, u64 at, u64 bytes, const u8 **out, message *m);
void window_close(file_window *w);
#endif
