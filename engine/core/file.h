/* SPDX-License-Identifier: Apache-2.0
 * file: every system call that touches files, the clock and randomness, through one table, so
 * that a test replays a whole run with faults from one seed. Never retries a failed sync. */
#ifndef MMSB_FILE_H
#define MMSB_FILE_H
#include "base.h"
#include <sys/types.h>

#define FILE_STREAM UINT64_MAX

/* Each call returns what the system call of that name does, or -errno. `self` is the
 * table's own. */
typedef struct file_calls file_calls;
struct file_calls {
    int (*open_at)(file_calls *self, int folder, const char *path, int flags, int mode);
    int (*close)(file_calls *self, int fd);
    /* at FILE_STREAM: from where the descriptor stands (pipes, terminals). */
    i64 (*read_at)(file_calls *self, int fd, void *to, u64 bytes, u64 at);
    i64 (*write_at)(file_calls *self, int fd, const void *from, u64 bytes, u64 at);
    int (*sync_data)(file_calls *self, int fd);                  /* fdatasync */
    int (*sync)(file_calls *self, int fd);                       /* fsync */
    int (*reserve)(file_calls *self, int fd, u64 at, u64 bytes); /* posix_fallocate */
    int (*truncate)(file_calls *self, int fd, u64 bytes);
    int (*rename_at)(file_calls *self, int folder, const char *from, const char *to);
    int (*unlink_at)(file_calls *self, int folder, const char *path); /* or an empty folder */
    int (*make_folder_at)(file_calls *self, int folder, const char *path, int mode);
    int (*lock)(file_calls *self, int fd); /* OFD write lock on the whole file; -EAGAIN when held */
    /* Before the last close, since a forked child may hold the descriptor, too. NULL: nothing. */
    int (*unlock)(file_calls *self, int fd);
    i64 (*size)(file_calls *self, int fd); /* of a regular file, else -EINVAL */
    u64 (*clock_ns)(file_calls *self);     /* monotonic */
    int (*random)(file_calls *self, void *to, u64 bytes);
    /* Calls visit with the name of each entry of a folder, but for "." and "..", in any order. */
    int (*list)(file_calls *self, int folder, void (*visit)(void *context, const char *name),
                void *context);
};
/* The system's own. Thread-safe. Its open_at never gives out descriptors 0 to 2; all of them
 * close on exec. */
file_calls *file_system(void);

/* Reads or writes all bytes, going on after short counts and EINTR. MMSB_IO with the path's name
 * and reason. */
mmsb_status file_read_all(file_calls *f, int fd, void *to, u64 bytes, u64 at, const char *name,
                          message *m);
mmsb_status file_write_all(file_calls *f, int fd, const void *from, u64 bytes, u64 at,
                           const char *name, message *m);
/* Opens beneath `folder` for reading: no symlink on the way, no "..", not absolute, a regular
 * file (openat2 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, with a checked walk where the kernel
 * lacks it). Used for paths that stand in an image. */
mmsb_status file_open_beneath(file_calls *f, int folder, const char *path, int *fd, message *m);
/* A whole regular file in read-only memory of its own: what others do to the file later does not
 * show. *bytes may be 0 (then *at is NULL). file_unmap gives it back. */
mmsb_status file_map(file_calls *f, int folder, const char *path, const void **at, u64 *bytes,
                     message *m);
void file_unmap(const void *at, u64 bytes);
/* The same of an open descriptor, whose name is for messages. */
mmsb_status file_map_fd(file_calls *f, int fd, const char *name, const void **at, u64 *bytes,
                        message *m);
/* Writes bytes to a new file beside `path` (PATH.new- and 16 hex digits), syncs it, renames it
 * over `path`, syncs the folder. After a failure `path` is what it was and the new file
 * is gone. */
mmsb_status file_replace(file_calls *f, int folder, const char *path, const void *from, u64 bytes,
                         message *m);
/* The same for bytes in several pieces, one behind the other. */
typedef struct {
    const void *from;
    u64 bytes;
} file_part;
mmsb_status file_replace_parts(file_calls *f, int folder, const char *path, const file_part *parts,
                               u32 count, message *m);
/* The same in two halves: written beside, which goes at the speed of memory; then, perhaps by
 * another thread, synced and renamed, which takes a disk's time. What was begun must be ended. */
#define FILE_NAME_BYTES 256u
typedef struct {
    int folder, fd;
    char name[FILE_NAME_BYTES], beside[FILE_NAME_BYTES];
} file_fresh;
mmsb_status file_fresh_begin(file_calls *f, int folder, const char *path, const file_part *parts,
                             u32 count, file_fresh *out, message *m);
/* keep: false where it is not wanted any more. */
mmsb_status file_fresh_end(file_calls *f, file_fresh *w, bool keep, message *m);
/* Opens the folder of `path` ("." where it has none) for use as `folder`. */
mmsb_status file_open_folder_of(file_calls *f, int folder, const char *path, int *fd, message *m);
/* MMSB_IO with "cannot WHAT NAME: reason"; error is positive or negative errno. */
mmsb_status file_failed(message *m, const char *what, const char *name, i64 error);
#endif
