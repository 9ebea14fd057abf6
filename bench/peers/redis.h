/* SPDX-License-Identifier: Apache-2.0
 * redis: 64 bytes to another process and back over two streams of a Redis server, which is started
 * for it: XADD by one, a blocked XREAD by the other, over a Unix socket, nothing on a disk. */
#ifndef MMSB_BENCH_PEER_REDIS_H
#define MMSB_BENCH_PEER_REDIS_H
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    int fd;
    pid_t server, echo;
    char last[32]; /* id of the last answer */
} redis_peer;

static inline int redis_connect(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

static inline void redis_fail(const char *what) {
    fprintf(stderr, "bench: redis: %s\n", what);
    exit(74);
}

static inline void redis_send(int fd, const char *bytes, size_t count) {
    if (send(fd, bytes, count, MSG_NOSIGNAL) != (ssize_t)count) redis_fail("send");
}

static inline void redis_receive(int fd, char *to, size_t from, size_t until) {
    while (from < until) {
        ssize_t got = recv(fd, to + from, until - from, 0);
        if (got <= 0) redis_fail("receive");
        from += (size_t)got;
    }
}

/* One line, which ends with \r\n; without that. */
static inline void redis_line(int fd, char *to, size_t most) {
    size_t used = 0;
    for (; used < 2 || to[used - 2] != '\r' || to[used - 1] != '\n'; used++) {
        if (used + 1 == most) redis_fail("a long line");
        redis_receive(fd, to, used, used + 1);
    }
    to[used - 2] = 0;
}

static inline void redis_add(int fd, char stream) {
    char q[128], id[64];
    int head = snprintf(q, sizeof q,
                        "*5\r\n$4\r\nXADD\r\n$1\r\n%c\r\n$1\r\n*\r\n$1\r\np\r\n$64\r\n", stream);
    memset(q + head, 'x', 64);
    memcpy(q + head + 64, "\r\n", 2);
    redis_send(fd, q, (size_t)head + 66);
    redis_line(fd, id, sizeof id);
    if (id[0] != '$') redis_fail(id);
    redis_line(fd, id, sizeof id);
}

/* Waits for the entry after `last`, whose id goes there. */
static inline void redis_next(int fd, char stream, char last[32]) {
    char q[192], r[256];
    int count = snprintf(q, sizeof q,
                         "*8\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$1\r\n1\r\n$5\r\nBLOCK\r\n$1\r\n0\r\n"
                         "$7\r\nSTREAMS\r\n$1\r\n%c\r\n$%zu\r\n%s\r\n",
                         stream, strlen(last), last);
    redis_send(fd, q, (size_t)count);
    redis_receive(fd, r, 0, 23); /* *1 *2 $1 STREAM *1 *2 */
    redis_line(fd, r, sizeof r); /* $ and the bytes of the id */
    redis_line(fd, last, 32);
    redis_receive(fd, r, 0, 4 + 4 + 3 + 5 + 66); /* *2 $1 p $64 */
    if (memcmp(r, "*2\r\n$1\r\np\r\n$64\r\n", 16) != 0) redis_fail("another reply");
}

static inline void redis_trip(redis_peer *p) {
    redis_add(p->fd, 'a');
    redis_next(p->fd, 'b', p->last);
}

/* Whether there is a server: `folder` takes its socket. pin: for the process that answers. */
static inline int redis_open(redis_peer *p, const char *folder, void (*pin)(int)) {
    char path[100];
    snprintf(path, sizeof path, "%s/redis.sock", folder);
    *p = (redis_peer){.fd = -1, .last = "0-0"};
    p->server = fork();
    if (p->server == 0) {
        if (freopen("/dev/null", "w", stdout) == NULL || chdir(folder) != 0) _exit(127);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
               "--appendonly", "no", (char *)NULL);
        _exit(127);
    }
    for (int k = 0; k < 1000 && p->fd < 0; k++) {
        if (waitpid(p->server, NULL, WNOHANG) != 0) return 0;
        usleep(10000);
        p->fd = redis_connect(path);
    }
    if (p->fd < 0) redis_fail("the server does not answer");
    p->echo = fork();
    if (p->echo != 0) return 1;
    char last[32] = "0-0";
    int fd = redis_connect(path);
    pin(1);
    for (;;) {
        redis_next(fd, 'a', last);
        redis_add(fd, 'b');
    }
}

static inline void redis_close(redis_peer *p) {
    kill(p->echo, SIGKILL);
    kill(p->server, SIGKILL);
    waitpid(p->echo, NULL, 0);
    waitpid(p->server, NULL, 0);
    close(p->fd);
}
#endif
