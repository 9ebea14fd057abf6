/* SPDX-License-Identifier: Apache-2.0
 * port: folder, socket, packets. Every path is walked by descriptors that were checked, so that no
 * link or rename in between leads elsewhere. */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../core/file.h"

#define BACKLOG 64

static mmsb_status folder_failed(message *m, const char *path, const char *why) {
    return message_set(m, MMSB_IO,
                       "%s: %s; the bus needs a folder of this user alone (mode 0700) there", path,
                       why);
}

mmsb_status port_folder(bool make, int *fd, message *m) {
    ASSERT(fd != NULL);
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[4200];
    struct stat s;
    bool own = runtime != NULL && runtime[0] == '/' && strlen(runtime) < 4096;
    *fd = -1;
    if (own)
        snprintf(path, sizeof path, "%s/mmsb", runtime);
    else
        snprintf(path, sizeof path, "/tmp/mmsb-%u", (unsigned)geteuid());
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return folder_failed(m, path, strerror(errno));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT && !make)
        return message_set(m, MMSB_ABSENT, "no bus is served: %s is not there", path);
    if (folder < 0)
        return folder_failed(
            m, path, errno == ELOOP || errno == ENOTDIR ? "a link, or no folder" : strerror(errno));
    const char *why = NULL;
    if (fstat(folder, &s) != 0)
        why = strerror(errno);
    else if (s.st_uid != geteuid())
        why = "it belongs to another user";
    else if ((s.st_mode & 077) != 0)
        why = "others may enter it";
    if (why != NULL) {
        close(folder);
        return folder_failed(m, path, why);
    }
    *fd = folder;
    return MMSB_OK;
}

static mmsb_status name_check(const char *name, message *m) {
    ASSERT(name != NULL);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t bytes = strlen(name);
    if (bytes != 0 && bytes <= PORT_NAME_MAX && name[0] != '.' && strspn(name, allowed) == bytes)
        return MMSB_OK;
    return message_set(m, MMSB_USAGE,
                       "`%.80s` is no name of a bus: at most %u letters, digits, `.`, `_`, `-`, "
                       "not first a dot",
                       name, PORT_NAME_MAX);
}

/* The socket's path through the folder's descriptor: no other folder can come in between, and its
 * length does not matter. */
static void address_set(struct sockaddr_un *a, int folder, const char *name) {
    ASSERT(folder >= 0);
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    int used = snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", folder, name);
    ASSERT(used > 0 && (size_t)used < sizeof a->sun_path);
}

/* The lock that says who serves a name: ends with its process. A lock file that was unlinked
 * between opening and locking is nobody's: again. */
static mmsb_status lock_take(port *p, const char *name, message *m) {
    char file[PORT_NAME_MAX + 8];
    struct stat ours, there;
    snprintf(file, sizeof file, "%s.lock", name);
    for (u32 tries = 0; tries < 100; tries++) {
        p->lock = openat(p->folder, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (p->lock < 0)
            return message_set(m, MMSB_IO, "%s cannot be made: %s", file, strerror(errno));
        if (flock(p->lock, LOCK_EX | LOCK_NB) != 0)
            return message_set(m, MMSB_BUSY, "another process serves the bus `%s`", name);
        if (fstat(p->lock, &ours) == 0 &&
            fstatat(p->folder, file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
            return MMSB_OK;
        close(p->lock);
        p->lock = -1;
    }
    return message_set(m, MMSB_BUSY, "other processes start and stop the bus `%s`", name);
}

/* Under its name only when it listens: whoever sees it can connect. No name of a bus begins with a
 * dot. */
static mmsb_status socket_bind(port *p, message *m) {
    ASSERT(p->lock >= 0);
    struct sockaddr_un a;
    char before[PORT_NAME_MAX + 8];
    snprintf(before, sizeof before, ".%.*s", (int)PORT_NAME_MAX, p->name);
    address_set(&a, p->folder, before);
    if (unlinkat(p->folder, before, 0) != 0 && errno != ENOENT)
        return message_set(m, MMSB_IO, "%s cannot be replaced: %s", before, strerror(errno));
    p->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->socket < 0) return message_set(m, MMSB_IO, "no socket: %s", strerror(errno));
    if (bind(p->socket, (struct sockaddr *)&a, sizeof a) == 0 && listen(p->socket, BACKLOG) == 0 &&
        renameat(p->folder, before, p->folder, p->name) == 0)
        return MMSB_OK;
    int failed = errno;
    unlinkat(p->folder, before, 0);
    return message_set(m, MMSB_IO, "the socket %s cannot be made: %s", p->name, strerror(failed));
}

mmsb_status port_listen(const char *name, port *out, message *m) {
    ASSERT(name != NULL);
    *out = (port){.socket = -1, .lock = -1, .folder = -1};
    TRY(name_check(name, m));
    TRY(port_folder(true, &out->folder, m));
    snprintf(out->name, sizeof out->name, "%s", name);
    mmsb_status s = lock_take(out, name, m);
    if (s == MMSB_OK) s = socket_bind(out, m);
    if (s != MMSB_OK && out->socket < 0 && out->lock >= 0) {
        close(out->lock); /* not ours, or nothing was bound: the files stay */
        out->lock = -1;
    }
    if (s != MMSB_OK) port_close(out);
    ASSERT(s != MMSB_OK || out->socket >= 0);
    return s;
}

void port_close(port *p) {
    char file[PORT_NAME_MAX + 8];
    ASSERT(p->socket < 0 || p->lock >= 0);
    if (p->lock >= 0) {
        ASSERT(p->folder >= 0);
        snprintf(file, sizeof file, "%.*s.lock", (int)PORT_NAME_MAX, p->name);
        unlinkat(p->folder, p->name, 0);
        unlinkat(p->folder, file, 0); /* the lock is still held: see lock_take */
        close(p->lock);
    }
    if (p->socket >= 0) close(p->socket);
    if (p->folder >= 0) close(p->folder);
    *p = (port){.socket = -1, .lock = -1, .folder = -1};
}

static bool peer_is_same_user(int fd) {
    struct ucred c;
    socklen_t bytes = sizeof c;
    ASSERT(fd >= 0);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &bytes) == 0 && bytes == sizeof c &&
           c.uid == geteuid();
}

int port_accept(const port *p, int *error) {
    ASSERT(p->socket >= 0);
    int fd = accept4(p->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    *error = fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED ? errno : 0;
    if (fd >= 0 && !peer_is_same_user(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Waits while the door is crowded; a signal ends only the wait. */
static int connect_whole(int s, const struct sockaddr_un *a) {
    ASSERT(s >= 0);
    while (connect(s, (const struct sockaddr *)a, sizeof *a) != 0)
        if (errno != EINTR) return errno;
    return 0;
}

mmsb_status port_connect(const char *name, int *fd, message *m) {
    int folder;
    struct sockaddr_un a;
    ASSERT(name != NULL);
    *fd = -1;
    TRY(name_check(name, m));
    TRY(port_folder(false, &folder, m));
    address_set(&a, folder, name);
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int failed = s < 0 ? errno : connect_whole(s, &a);
    close(folder);
    if (failed == 0 && !peer_is_same_user(s)) failed = EPERM;
    if (failed == 0) {
        *fd = s;
        return MMSB_OK;
    }
    if (s >= 0) close(s);
    if (failed == ENOENT || failed == ECONNREFUSED)
        return message_set(m, MMSB_ABSENT, "no engine serves the bus `%s`", name);
    return message_set(m, MMSB_IO, "the bus `%s` cannot be reached: %s", name, strerror(failed));
}

bool port_send(int fd, const void *from, u64 bytes, const int *fds, u32 count) {
    ASSERT(count <= PORT_FDS_MAX && bytes > 0);
    _Alignas(struct cmsghdr) u8 control[CMSG_SPACE(PORT_FDS_MAX * sizeof(int))] = {0};
    struct iovec part = {(void *)(uintptr_t)from, bytes};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
    if (count != 0) {
        h.msg_control = control, h.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    return sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes;
}

/* Descriptors that came along; those beyond `most` are closed. */
static u32 descriptors_take(struct msghdr *h, int *fds, u32 most) {
    u32 taken = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        ASSERT(count <= PORT_FDS_MAX + 1);
        for (size_t k = 0; k < count; k++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + k * sizeof(int), sizeof fd);
            if (taken < most)
                fds[taken++] = fd;
            else
                close(fd);
        }
    }
    return taken;
}

/* Whether something can be read in time; signals do not shorten it. */
static bool readable(int fd, int timeout_ms) {
    file_calls *f = file_system();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    u64 now = f->clock_ns(f), end = now + (u64)timeout_ms * 1000000;
    ASSERT(timeout_ms > 0);
    for (int left = timeout_ms;; left = (int)((end - now + 999999) / 1000000)) {
        int got = poll(&p, 1, left);
        if (got >= 0 || errno != EINTR) return got > 0;
        now = f->clock_ns(f);
        if (now >= end) return false;
    }
}

i64 port_receive(int fd, int timeout_ms, void *to, u64 bytes, int *fds, u32 most, u32 *count) {
    ASSERT(most <= PORT_FDS_MAX);
    _Alignas(struct cmsghdr) u8 control[CMSG_SPACE(PORT_FDS_MAX * sizeof(int))];
    struct iovec part = {to, bytes};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
    *count = 0;
    if (timeout_ms > 0 && !readable(fd, timeout_ms)) return -1;
    /* Without room for control data the kernel closes every descriptor that comes along. */
    if (most != 0) h.msg_control = control, h.msg_controllen = sizeof control;
    ssize_t got = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    /* Told once, before what the peer sent last: it hung up without reading all of ours. */
    if (got < 0 && errno == ECONNRESET) got = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? -1 : 0;
    if (most != 0) *count = descriptors_take(&h, fds, most);
    return (h.msg_flags & MSG_TRUNC) != 0 ? -2 : got;
}
