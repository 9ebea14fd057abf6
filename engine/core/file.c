/* SPDX-License-Identifier: Apache-2.0
 * file: the system's table of calls, and what stands on any table. Owns every system call that
 * touches files, the clock and randomness. Never retries a failed sync, never gives out
 * descriptors 0 to 2. */
#include "file.h"
#include "arena.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096u
#define CALL_BYTES_MAX (1u << 30) /* Linux moves at most 2 GiB - 4 KiB a call */

/* Standard streams stay free of our files: output written to "2" must never land in a log. */
static int system_above_standard(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int error = errno;
    close(fd);
    return higher >= 0 ? higher : -error;
}

static int system_open_at(file_calls *self, int folder, const char *path, int flags, int mode) {
    ASSERT(path != NULL);
    (void)self;
    int fd;
    do fd = openat(folder, path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : system_above_standard(fd);
}

static int system_close(file_calls *self, int fd) {
    ASSERT(fd >= 0);
    (void)self;
    return close(fd) == 0 ? 0 : -errno;
}

static i64 system_read_at(file_calls *self, int fd, void *to, u64 bytes, u64 at) {
    ASSERT(fd >= 0);
    ASSERT(to != NULL || bytes == 0);
    ASSERT(at <= INT64_MAX || at == FILE_STREAM);
    (void)self;
    size_t most = (size_t)u64_min(bytes, CALL_BYTES_MAX);
    ssize_t got = at == FILE_STREAM ? read(fd, to, most) : pread(fd, to, most, (off_t)at);
    return got < 0 ? -errno : got;
}

static i64 system_write_at(file_calls *self, int fd, const void *from, u64 bytes, u64 at) {
    ASSERT(fd >= 0);
    ASSERT(from != NULL || bytes == 0);
    ASSERT(at <= INT64_MAX || at == FILE_STREAM);
    (void)self;
    size_t most = (size_t)u64_min(bytes, CALL_BYTES_MAX);
    ssize_t put = at == FILE_STREAM ? write(fd, from, most) : pwrite(fd, from, most, (off_t)at);
    return put < 0 ? -errno : put;
}

static int system_sync_data(file_calls *self, int fd) {
    ASSERT(fd >= 0);
    (void)self;
    return fdatasync(fd) == 0 ? 0 : -errno;
}

static int system_sync(file_calls *self, int fd) {
    ASSERT(fd >= 0);
    (void)self;
    return fsync(fd) == 0 ? 0 : -errno;
}

static int system_reserve(file_calls *self, int fd, u64 at, u64 bytes) {
    ASSERT(fd >= 0);
    ASSERT(bytes > 0);
    (void)self;
    int failed; /* tmpfs gives up at a signal */
    do failed = posix_fallocate(fd, (off_t)at, (off_t)bytes);
    while (failed == EINTR);
    return -failed;
}

static int system_truncate(file_calls *self, int fd, u64 bytes) {
    ASSERT(fd >= 0);
    (void)self;
    return ftruncate(fd, (off_t)bytes) == 0 ? 0 : -errno;
}

static int system_rename_at(file_calls *self, int folder, const char *from, const char *to) {
    ASSERT(from != NULL);
    ASSERT(to != NULL);
    (void)self;
    return renameat(folder, from, folder, to) == 0 ? 0 : -errno;
}

static int system_unlink_at(file_calls *self, int folder, const char *path) {
    ASSERT(path != NULL);
    (void)self;
    if (unlinkat(folder, path, 0) == 0) return 0;
    if (errno != EISDIR) return -errno;
    return unlinkat(folder, path, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

static int system_make_folder_at(file_calls *self, int folder, const char *path, int mode) {
    ASSERT(path != NULL);
    (void)self;
    return mkdirat(folder, path, (mode_t)mode) == 0 ? 0 : -errno;
}

static int system_lock(file_calls *self, int fd) {
    ASSERT(fd >= 0);
    (void)self;
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &all) == 0) return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

static int system_unlock(file_calls *self, int fd) {
    ASSERT(fd >= 0);
    (void)self;
    struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &all) == 0 ? 0 : -errno;
}

static i64 system_size(file_calls *self, int fd) {
    ASSERT(fd >= 0);
    (void)self;
    struct stat s;
    if (fstat(fd, &s) != 0) return -errno;
    return S_ISREG(s.st_mode) ? (i64)s.st_size : -EINVAL;
}

static u64 system_clock_ns(file_calls *self) {
    (void)self;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    ASSERT(t.tv_sec >= 0);
    ASSERT(t.tv_nsec < 1000000000);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static int system_random(file_calls *self, void *to, u64 bytes) {
    ASSERT(to != NULL || bytes == 0);
    (void)self;
    for (u64 done = 0; done < bytes;) {
        ssize_t got = getrandom((char *)to + done, bytes - done, 0);
        if (got < 0 && errno != EINTR) return -errno;
        if (got > 0) done += (u64)got;
    }
    return 0;
}

static int system_list(file_calls *self, int folder, void (*visit)(void *context, const char *name),
                       void *context) {
    ASSERT(visit != NULL);
    (void)self;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        int error = errno;
        if (fd >= 0) close(fd);
        return -error;
    }
    errno = 0;
    for (struct dirent *x; (x = readdir(d)) != NULL;)
        if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0) visit(context, x->d_name);
    int error = errno;
    closedir(d);
    return -error;
}

file_calls *file_system(void) {
    static file_calls calls = {
        .open_at = system_open_at,
        .close = system_close,
        .read_at = system_read_at,
        .write_at = system_write_at,
        .sync_data = system_sync_data,
        .sync = system_sync,
        .reserve = system_reserve,
        .truncate = system_truncate,
        .rename_at = system_rename_at,
        .unlink_at = system_unlink_at,
        .make_folder_at = system_make_folder_at,
        .lock = system_lock,
        .unlock = system_unlock,
        .size = system_size,
        .clock_ns = system_clock_ns,
        .random = system_random,
        .list = system_list,
    };
    return &calls;
}

mmsb_status file_failed(message *m, const char *what, const char *name, i64 error) {
    ASSERT(error != 0);
    char reason[128];
    int number = (int)(error < 0 ? -error : error);
    const char *text = strerror_r(number, reason, sizeof(reason));
    return message_set(m, MMSB_IO, "cannot %s %s: %s", what, name, text);
}

mmsb_status file_read_all(file_calls *f, int fd, void *to, u64 bytes, u64 at, const char *name,
                          message *m) {
    ASSERT((to != NULL || bytes == 0) && at != FILE_STREAM);
    for (u64 done = 0; done < bytes;) {
        i64 got = f->read_at(f, fd, (char *)to + done, bytes - done, at + done);
        if (got == -EINTR) continue;
        if (got < 0) return file_failed(m, "read", name, got);
        if (got == 0) {
            return message_set(m, MMSB_IO, "cannot read %s: it ends at byte %llu, %llu are missing",
                               name, (unsigned long long)(at + done),
                               (unsigned long long)(bytes - done));
        }
        done += (u64)got;
    }
    return MMSB_OK;
}

mmsb_status file_write_all(file_calls *f, int fd, const void *from, u64 bytes, u64 at,
                           const char *name, message *m) {
    ASSERT((from != NULL || bytes == 0) && at != FILE_STREAM);
    for (u64 done = 0; done < bytes;) {
        i64 put = f->write_at(f, fd, (const char *)from + done, bytes - done, at + done);
        if (put == -EINTR) continue;
        if (put <= 0) return file_failed(m, "write", name, put == 0 ? EIO : put);
        done += (u64)put;
    }
    return MMSB_OK;
}

/* Each folder on the way is opened by itself and without following links: what openat2 does in
 * one call. */
static int beneath_walk(file_calls *f, int folder, const char *path) {
    ASSERT(strlen(path) < PATH_BYTES_MAX);
    char part[PATH_BYTES_MAX];
    int at = folder;
    if (path[0] == '/') return -EXDEV;
    for (const char *p = path;;) {
        size_t length = strcspn(p, "/");
        bool last = p[length] == 0;
        memcpy(part, p, length);
        part[length] = 0;
        int fd = -EXDEV;
        if (strcmp(part, "..") != 0) {
            const char *name = length == 0 ? "." : part;
            int flags = last ? O_RDONLY | O_NONBLOCK : O_RDONLY | O_DIRECTORY;
            fd = f->open_at(f, at, name, flags | O_NOFOLLOW, 0);
        }
        if (at != folder) f->close(f, at);
        if (fd < 0 || last) return fd;
        at = fd;
        p += length + 1;
    }
}

static int beneath_open(file_calls *f, int folder, const char *path) {
    ASSERT(path[0] != 0);
    if (f != file_system()) return beneath_walk(f, folder, path);
    struct open_how how = {
        .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd;
    do fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    if (fd >= 0) return system_above_standard((int)fd);
    bool refused_call = errno == ENOSYS || errno == EPERM || errno == EINVAL;
    return refused_call ? beneath_walk(f, folder, path) : -errno;
}

mmsb_status file_open_beneath(file_calls *f, int folder, const char *path, int *fd, message *m) {
    ASSERT(path != NULL && fd != NULL);
    *fd = -1;
    if (path[0] == 0) return message_set(m, MMSB_IO, "cannot open a file without a name");
    if (strlen(path) >= PATH_BYTES_MAX) return file_failed(m, "open", "a path", ENAMETOOLONG);
    int opened = beneath_open(f, folder, path);
    if (opened == -EXDEV || opened == -ELOOP) {
        return message_set(
            m, MMSB_IO,
            "cannot open %s: it must be a file beneath the image's folder, without links; "
            "copy the file there",
            path);
    }
    if (opened < 0) return file_failed(m, "open", path, opened);
    if (f->size(f, opened) < 0) {
        f->close(f, opened);
        return message_set(m, MMSB_IO, "cannot open %s: it is not a regular file", path);
    }
    *fd = opened;
    return MMSB_OK;
}

mmsb_status file_map_fd(file_calls *f, int fd, const char *name, const void **at, u64 *bytes,
                        message *m) {
    ASSERT(fd >= 0);
    ASSERT(at != NULL);
    ASSERT(bytes != NULL);
    *at = NULL;
    *bytes = 0;
    i64 size = f->size(f, fd);
    if (size == -EINVAL)
        return message_set(m, MMSB_IO, "cannot read %s: it is not a regular file", name);
    if (size < 0) return file_failed(m, "read", name, size);
    if (size == 0) return MMSB_OK;
    void *memory = region_take((u64)size);
    if (memory == NULL) {
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the %lld bytes of %s",
                           (long long)size, name);
    }
    mmsb_status status = file_read_all(f, fd, memory, (u64)size, 0, name, m);
    if (status != MMSB_OK) {
        region_give_back(memory, (u64)size);
        return status;
    }
    /* A failure would only lose a safety net. */
    (void)mprotect(memory, ALIGN_UP((u64)size, 4096), PROT_READ);
    *at = memory;
    *bytes = (u64)size;
    return MMSB_OK;
}

mmsb_status file_map(file_calls *f, int folder, const char *path, const void **at, u64 *bytes,
                     message *m) {
    ASSERT(path != NULL && at != NULL && bytes != NULL);
    *at = NULL;
    *bytes = 0;
    int fd = f->open_at(f, folder, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) return file_failed(m, "open", path, fd);
    mmsb_status status = file_map_fd(f, fd, path, at, bytes, m);
    f->close(f, fd);
    return status;
}

void file_unmap(const void *at, u64 bytes) {
    if (at != NULL) region_give_back((void *)(uintptr_t)at, bytes);
}

mmsb_status file_open_folder_of(file_calls *f, int folder, const char *path, int *fd, message *m) {
    ASSERT(path != NULL && fd != NULL);
    char name[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    *fd = -1;
    if (length >= sizeof(name)) return file_failed(m, "open", "a folder", ENAMETOOLONG);
    memcpy(name, length > 0 ? path : ".", length > 0 ? length : 1);
    name[length > 0 ? length : 1] = 0;
    int opened = f->open_at(f, folder, name, O_RDONLY | O_DIRECTORY, 0);
    if (opened < 0) return file_failed(m, "open the folder", name, opened);
    *fd = opened;
    return MMSB_OK;
}

static mmsb_status fresh_write(file_calls *f, int fd, const file_part *parts, u32 count,
                               const char *name, message *m) {
    ASSERT(fd >= 0);
    ASSERT(count > 0);
    u64 at = 0;
    for (u32 k = 0; k < count; k++) {
        TRY(file_write_all(f, fd, parts[k].from, parts[k].bytes, at, name, m));
        at += parts[k].bytes;
    }
    return MMSB_OK;
}

static mmsb_status fresh_create(file_calls *f, const char *name, file_fresh *w, message *m) {
    ASSERT(name[0] != 0);
    ASSERT(strchr(name, '/') == NULL);
    u64 chance = 0;
    int random = f->random(f, &chance, sizeof(chance));
    if (random < 0) return file_failed(m, "name a file beside", name, random);
    int length =
        snprintf(w->beside, sizeof w->beside, "%s.new-%016llx", name, (unsigned long long)chance);
    if (length < 0 || (size_t)length >= sizeof w->beside)
        return file_failed(m, "write", name, ENAMETOOLONG);
    snprintf(w->name, sizeof w->name, "%s", name);
    w->fd = f->open_at(f, w->folder, w->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
    return w->fd < 0 ? file_failed(m, "create", name, w->fd) : MMSB_OK;
}

mmsb_status file_fresh_begin(file_calls *f, int folder, const char *path, const file_part *parts,
                             u32 count, file_fresh *out, message *m) {
    ASSERT(path != NULL && parts != NULL);
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (name[0] == 0) return message_set(m, MMSB_IO, "cannot write %s: it names a folder", path);
    *out = (file_fresh){.folder = -1, .fd = -1};
    TRY(file_open_folder_of(f, folder, path, &out->folder, m));
    mmsb_status status = fresh_create(f, name, out, m);
    if (status != MMSB_OK) {
        f->close(f, out->folder);
        return status;
    }
    status = fresh_write(f, out->fd, parts, count, name, m);
    if (status != MMSB_OK) (void)file_fresh_end(f, out, false, NULL);
    return status;
}

static mmsb_status fresh_keep(file_calls *f, const file_fresh *w, message *m) {
    ASSERT(w->name[0] != 0);
    int renamed = f->rename_at(f, w->folder, w->beside, w->name);
    return renamed < 0 ? file_failed(m, "rename a new file to", w->name, renamed) : MMSB_OK;
}

mmsb_status file_fresh_end(file_calls *f, file_fresh *w, bool keep, message *m) {
    ASSERT(w->fd >= 0 && w->folder >= 0);
    mmsb_status status = MMSB_OK;
    int synced = keep ? f->sync(f, w->fd) : 0;
    if (synced < 0) status = file_failed(m, "sync", w->name, synced);
    int closed = f->close(f, w->fd);
    if (status == MMSB_OK && closed < 0) status = file_failed(m, "close", w->name, closed);
    if (status == MMSB_OK && keep) status = fresh_keep(f, w, m);
    if (status != MMSB_OK || !keep) {
        f->unlink_at(f, w->folder, w->beside);
    } else {
        synced = f->sync(f, w->folder);
        if (synced < 0) status = file_failed(m, "sync the folder of", w->name, synced);
    }
    f->close(f, w->folder);
    w->fd = w->folder = -1;
    return status;
}

mmsb_status file_replace(file_calls *f, int folder, const char *path, const void *from, u64 bytes,
                         message *m) {
    ASSERT(from != NULL || bytes == 0);
    file_part part = {from, bytes};
    return file_replace_parts(f, folder, path, &part, 1, m);
}

mmsb_status file_replace_parts(file_calls *f, int folder, const char *path, const file_part *parts,
                               u32 count, message *m) {
    file_fresh w;
    TRY(file_fresh_begin(f, folder, path, parts, count, &w, m));
    return file_fresh_end(f, &w, true, m);
}
