/* SPDX-License-Identifier: Apache-2.0
 * memory_files: a read-only folder in memory behind the table of file.h. Descriptor FOLDER_FD is
 * the folder, FILE_FD + k its file k. */
#include <errno.h>

#include "fuzz.h"

#define FOLDER_FD 1000
#define FILE_FD 2000

static int folder_open_at(file_calls *self, int folder, const char *path, int flags, int mode) {
    const memory_folder *m = (const memory_folder *)self;
    (void)mode;
    if (folder != FOLDER_FD) return FOLDER_FD;
    if ((flags & 3) != 0) return -EROFS;
    for (u32 k = 0; k < m->count; k++)
        if (strcmp(m->files[k].name, path) == 0) return FILE_FD + (int)k;
    return -ENOENT;
}

static int folder_close_fd(file_calls *self, int fd) {
    (void)self, (void)fd;
    return 0;
}

static const memory_file *file_of(file_calls *self, int fd) {
    const memory_folder *m = (const memory_folder *)self;
    return fd >= FILE_FD && fd < FILE_FD + (int)m->count ? &m->files[fd - FILE_FD] : NULL;
}

static i64 folder_read_at(file_calls *self, int fd, void *to, u64 bytes, u64 at) {
    const memory_file *f = file_of(self, fd);
    if (f == NULL) return -EBADF;
    u64 count = at >= f->count ? 0 : u64_min(bytes, f->count - at);
    if (count != 0) memcpy(to, f->bytes + at, count);
    return (i64)count;
}

static i64 folder_size(file_calls *self, int fd) {
    const memory_file *f = file_of(self, fd);
    return f == NULL ? -EINVAL : (i64)f->count;
}

static i64 no_write(file_calls *self, int fd, const void *from, u64 bytes, u64 at) {
    (void)self, (void)fd, (void)from, (void)bytes, (void)at;
    return -EROFS;
}

static int no_change(file_calls *self, int folder, const char *path) {
    (void)self, (void)folder, (void)path;
    return -EROFS;
}

static int no_folder(file_calls *self, int folder, const char *path, int mode) {
    (void)mode;
    return no_change(self, folder, path);
}

static int no_rename(file_calls *self, int folder, const char *from, const char *to) {
    (void)to;
    return no_change(self, folder, from);
}

static int no_call(file_calls *self, int fd) {
    (void)self, (void)fd;
    return -EROFS;
}

static u64 no_clock(file_calls *self) {
    (void)self;
    return 0;
}

static int no_random(file_calls *self, void *to, u64 bytes) {
    (void)self;
    memset(to, 7, bytes);
    return 0;
}

static int folder_list_names(file_calls *self, int folder,
                             void (*visit)(void *context, const char *name), void *context) {
    const memory_folder *m = (const memory_folder *)self;
    (void)folder;
    for (u32 k = 0; k < m->count; k++) visit(context, m->files[k].name);
    return 0;
}

void memory_folder_open(memory_folder *m) {
    *m = (memory_folder){.calls = {.open_at = folder_open_at,
                                   .close = folder_close_fd,
                                   .read_at = folder_read_at,
                                   .write_at = no_write,
                                   .sync_data = no_call,
                                   .sync = no_call,
                                   .rename_at = no_rename,
                                   .unlink_at = no_change,
                                   .make_folder_at = no_folder,
                                   .lock = no_call,
                                   .size = folder_size,
                                   .clock_ns = no_clock,
                                   .random = no_random,
                                   .list = folder_list_names}};
}

void memory_folder_add(memory_folder *m, const char *name, const void *bytes, u64 count) {
    MUST(m->count < MEMORY_FILES_MAX);
    m->files[m->count++] = (memory_file){name, bytes, count};
}
