/* SPDX-License-Identifier: Apache-2.0
 * session_kernels: libraries of a user's own kernels. They load only where the caller allows it,
 * from beneath the image's folder; a state directory keeps a copy of each, from which a replay
 * runs. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "session_state.h"

static const char *library_of(const session *s, u32 kernel) {
    return image_string(s->i, s->i->kernels[kernel].library);
}

/* The first row that names the same library: its file in a state directory is kernel-ROW.so. */
static u32 library_row(const session *s, u32 kernel) {
    ASSERT(kernel < s->i->kernel_count);
    for (u32 k = 0; k < kernel; k++)
        if (strcmp(library_of(s, k), library_of(s, kernel)) == 0) return k;
    return kernel;
}

static void copy_name(char to[32], u32 row) { snprintf(to, 32, "kernel-%u.so", row); }

/* A descriptor of the library: the copy of a state directory, or the file beneath the image's
 * folder. */
static mmsb_status library_open(session *s, u32 row, bool copy, int *fd, message *m) {
    ASSERT(!copy || s->folder >= 0);
    char name[32];
    if (copy) {
        copy_name(name, row);
        return file_open_beneath(s->files, s->folder, name, fd, m);
    }
    int folder = -1;
    const char *path = s->o.image_path == NULL ? "." : s->o.image_path;
    TRY(file_open_folder_of(s->files, AT_FDCWD, path, &folder, m));
    mmsb_status status = file_open_beneath(s->files, folder, library_of(s, row), fd, m);
    s->files->close(s->files, folder);
    return status;
}

/* The descriptor itself is loaded, so that the file that was checked is the file that runs. It
 * stays open: the loader knows a library by its path, and the next one opened would get the same.
 */
static mmsb_status library_load(session *s, u32 row, int fd, message *m) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ASSERT(s->libraries[row] == NULL);
    s->libraries[row] = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (s->libraries[row] != NULL) return MMSB_OK;
    const char *why = dlerror();
    return message_set(m, MMSB_WRONG, "%s cannot be loaded: %s", library_of(s, row),
                       why != NULL ? why : "no reason given");
}

static mmsb_status symbol_find(session *s, u32 kernel, message *m) {
    ASSERT(s->libraries != NULL);
    const char *name = image_string(s->i, s->i->kernels[kernel].symbol);
    void *found = dlsym(s->libraries[library_row(s, kernel)], name);
    user_kernel function;
    if (found == NULL)
        return message_set(m, MMSB_WRONG, "%s exports no function `%s`", library_of(s, kernel),
                           name);
    memcpy(&function, &found, sizeof function); /* POSIX: a data pointer holds a function's */
    engine_kernel_set(s->e, kernel, function);
    return MMSB_OK;
}

mmsb_status kernels_open(session *s, bool copies, message *m) {
    u32 count = s->i->kernel_count;
    if (count == 0) return MMSB_OK;
    if (!s->o.allow_kernels)
        return message_set(m, MMSB_USAGE,
                           "the graph calls kernels of %s, which may do anything: run it with "
                           "--allow-kernels if you trust them",
                           library_of(s, 0));
    s->libraries = ARENA_ARRAY(s->tables, void *, count);
    s->library_files = ARENA_ARRAY(s->tables, int, count);
    if (s->libraries == NULL || s->library_files == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for kernels");
    for (u32 k = 0; k < count; k++) s->library_files[k] = -1;
    for (u32 k = 0; k < count; k++) {
        if (library_row(s, k) == k) {
            TRY(library_open(s, k, copies, &s->library_files[k], m));
            TRY(library_load(s, k, s->library_files[k], m));
        }
        TRY(symbol_find(s, k, m));
    }
    return MMSB_OK;
}

void kernels_close(session *s) {
    if (s->libraries == NULL || s->library_files == NULL) return;
    for (u32 k = 0; k < s->i->kernel_count; k++) {
        if (s->libraries[k] != NULL) dlclose(s->libraries[k]);
        if (s->library_files[k] >= 0) s->files->close(s->files, s->library_files[k]);
    }
}

/* Writes each library into the state directory, or compares it with the copy there. */
static mmsb_status copy_keep(session *s, u32 row, bool compare, message *m) {
    ASSERT(s->folder >= 0);
    char name[32];
    const void *bytes, *kept;
    u64 count, kept_count;
    int fd = -1;
    copy_name(name, row);
    TRY(library_open(s, row, false, &fd, m));
    mmsb_status status = file_map_fd(s->files, fd, library_of(s, row), &bytes, &count, m);
    s->files->close(s->files, fd);
    TRY(status);
    if (!compare) {
        status = file_replace(s->files, s->folder, name, bytes, count, m);
    } else if ((status = file_map(s->files, s->folder, name, &kept, &kept_count, m)) == MMSB_OK) {
        if (count != kept_count || memcmp(bytes, kept, count) != 0)
            status = message_set(m, MMSB_WRONG,
                                 "%s is not the library that %s began with (its %s): put that one "
                                 "back, or use a new directory",
                                 library_of(s, row), s->o.state, name);
        file_unmap(kept, kept_count);
    }
    file_unmap(bytes, count);
    return status;
}

mmsb_status kernels_keep(session *s, bool compare, message *m) {
    for (u32 k = 0; k < s->i->kernel_count; k++)
        if (library_row(s, k) == k) TRY(copy_keep(s, k, compare, m));
    return MMSB_OK;
}
