/* SPDX-License-Identifier: Apache-2.0
 * run_metrics: --metrics ADDR, counts of the run as Prometheus text over HTTP. The run puts what it
 * knows into one place after each epoch; a thread answers one question at a time from there, so
 * that nobody who asks can slow the run down or stop it. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run.h"

#define ANSWER_BYTES (256u << 10)
#define REQUEST_BYTES 4096u
#define PATIENCE_NS ((u64)1000000000) /* with one who asks, in all */

typedef unsigned long long llu;

static struct {
    int listener, stop[2]; /* stop: written to at the end */
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    const image *i;
    engine_stats stats;
    u64 epoch, durable, rejected, memory;
    u64 *fired; /* of each event */
    u32 *rows;  /* room for those of one epoch */
    bool on;
} metrics = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int put(char *to, int used, const char *name, const char *kind, const char *help,
               u64 value) {
    ASSERT(used >= 0);
    int room = (int)ANSWER_BYTES - used;
    int n = snprintf(to + used, (size_t)room, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help,
                     name, kind, name, (llu)value);
    return n < room ? used + n : used;
}

static int events_put(char *to, int used) {
    ASSERT(metrics.i != NULL);
    for (u32 k = 0; k < metrics.i->event_count; k++) {
        int room = (int)ANSWER_BYTES - used;
        int n = snprintf(to + used, (size_t)room, "%smmsb_events_total{event=\"%s\"} %llu\n",
                         k == 0 ? "# HELP mmsb_events_total firings\n"
                                  "# TYPE mmsb_events_total counter\n"
                                : "",
                         image_string(metrics.i, metrics.i->events[k].name), (llu)metrics.fired[k]);
        if (n >= room) return used;
        used += n;
    }
    return used;
}

/* The whole answer; returns its bytes. */
static int answer(char *to) {
    pthread_mutex_lock(&metrics.lock);
    const engine_stats *s = &metrics.stats;
    const struct {
        const char *name, *kind, *help;
        u64 value;
    } rows[] = {
        {"mmsb_epoch", "gauge", "the last accepted epoch", metrics.epoch},
        {"mmsb_durable_epoch", "gauge", "every epoch up to it was synced", metrics.durable},
        {"mmsb_memory_bytes", "gauge", "of the plan", metrics.memory},
        {"mmsb_epochs_total", "counter", "accepted since the start", s->epochs},
        {"mmsb_rejected_total", "counter", "epochs and lines refused", metrics.rejected},
        {"mmsb_nodes_total", "counter", "nodes with something to do", s->nodes_run},
        {"mmsb_lanes_computed_total", "counter", "lanes gone over", s->lanes_run},
        {"mmsb_lanes_changed_total", "counter", "stored lanes that got other bits",
         s->lanes_changed},
        {"mmsb_tiles_dense_total", "counter", "tiles run whole", s->tiles_dense},
        {"mmsb_tiles_packed_total", "counter", "tiles packed of dirty lanes", s->tiles_packed},
        {"mmsb_loaded_bytes_total", "counter", "bytes of pages read by nodes", s->bytes_loaded},
        {"mmsb_stored_bytes_total", "counter", "bytes of pages written by nodes", s->bytes_stored},
    };
    int used = snprintf(to, ANSWER_BYTES,
                        "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                        "Connection: close\r\n\r\n");
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++)
        used = put(to, used, rows[k].name, rows[k].kind, rows[k].help, rows[k].value);
    used = events_put(to, used);
    pthread_mutex_unlock(&metrics.lock);
    ASSERT(used > 0 && used < (int)ANSWER_BYTES);
    return used;
}

/* Waits until the client can be read or written. False: it takes too long, or the run ends. */
static bool client_wait(int client, short events, u64 deadline) {
    struct pollfd p[2] = {{.fd = client, .events = events},
                          {.fd = metrics.stop[0], .events = POLLIN}};
    file_calls *f = file_system();
    u64 now = f->clock_ns(f);
    ASSERT(client >= 0);
    int left = now >= deadline ? 0 : (int)((deadline - now) / 1000000);
    return poll(p, 2, left) > 0 && p[1].revents == 0;
}

/* Whether a whole request came in time: GET / or GET /metrics. */
static bool request_read(int client, u64 deadline, bool *known) {
    char text[REQUEST_BYTES];
    size_t used = 0;
    while (used < sizeof text - 1 && client_wait(client, POLLIN, deadline)) {
        ssize_t got = read(client, text + used, sizeof text - 1 - used);
        if (got < 0 && errno == EAGAIN) continue;
        if (got <= 0) return false;
        used += (size_t)got;
        text[used] = 0;
        if (strstr(text, "\r\n\r\n") == NULL && strstr(text, "\n\n") == NULL) continue;
        *known = strncmp(text, "GET /metrics ", 13) == 0 || strncmp(text, "GET / ", 6) == 0;
        return true;
    }
    ASSERT(used < sizeof text);
    return false;
}

static void client_serve(int client, char *room) {
    static const char none[] = "HTTP/1.0 404 Not Found\r\nConnection: close\r\n\r\n";
    file_calls *f = file_system();
    u64 deadline = f->clock_ns(f) + PATIENCE_NS;
    bool known = false;
    if (request_read(client, deadline, &known)) {
        const char *text = known ? room : none;
        size_t left = known ? (size_t)answer(room) : sizeof none - 1;
        while (left > 0 && client_wait(client, POLLOUT, deadline)) {
            ssize_t sent = send(client, text, left, MSG_NOSIGNAL);
            if (sent < 0 && errno == EAGAIN) continue;
            if (sent <= 0) break;
            text += sent, left -= (size_t)sent;
        }
    }
    close(client);
}

static void *serve(void *room) {
    ASSERT(room != NULL);
    struct pollfd p[2] = {{.fd = metrics.listener, .events = POLLIN},
                          {.fd = metrics.stop[0], .events = POLLIN}};
    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR) break;
        if (p[1].revents != 0) break;
        if ((p[0].revents & POLLIN) == 0) continue;
        int client = accept4(metrics.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) client_serve(client, room);
        if (client < 0) poll(p + 1, 1, 100); /* no descriptors: it stays readable */
    }
    free(room);
    return NULL;
}

/* [HOST]:PORT; without a host, this machine alone. */
static mmsb_status listen_at(const char *address, message *m) {
    ASSERT(address != NULL);
    const char *colon = strrchr(address, ':');
    char host[80] = "127.0.0.1", name[80], port[16];
    if (colon == NULL || colon[1] == 0 || colon - address >= (ptrdiff_t)sizeof host)
        return message_set(m, MMSB_USAGE, "--metrics %s: write HOST:PORT, or :PORT", address);
    if (colon != address) snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    size_t bytes = strlen(host);
    bool brackets = bytes > 2 && host[0] == '[' && host[bytes - 1] == ']';
    if (brackets) host[bytes - 1] = 0;
    struct addrinfo like = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                            .ai_socktype = SOCK_STREAM},
                    *at = NULL;
    if (getaddrinfo(host + brackets, colon + 1, &like, &at) != 0)
        return message_set(m, MMSB_USAGE, "--metrics %s: write an address and a port in numbers",
                           address);
    int one = 1, s = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
    if (s >= 0) setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool bound = s >= 0 && bind(s, at->ai_addr, at->ai_addrlen) == 0 && listen(s, 8) == 0;
    int why = errno;
    freeaddrinfo(at);
    if (!bound) {
        if (s >= 0) close(s);
        return message_set(m, MMSB_IO, "--metrics %s: %s", address, strerror(why));
    }
    metrics.listener = s;
    struct sockaddr_storage is;
    socklen_t length = sizeof is;
    if (getsockname(s, (struct sockaddr *)&is, &length) == 0 &&
        getnameinfo((struct sockaddr *)&is, length, name, sizeof name, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        fprintf(stderr, "mmsb-run: metrics at http://%s:%s/metrics\n", name, port);
    return MMSB_OK;
}

mmsb_status metrics_open(const char *address, session *s, message *m) {
    engine *e = session_engine(s);
    char *room = malloc(ANSWER_BYTES);
    sigset_t all, before;
    metrics.i = engine_image(e);
    ASSERT(!metrics.on);
    metrics.fired = calloc(metrics.i->event_count + 1u, sizeof *metrics.fired);
    metrics.rows = calloc(metrics.i->event_count + 1u, sizeof *metrics.rows);
    metrics.memory = engine_layout(e)->plan.arena_bytes;
    if (room == NULL || metrics.fired == NULL || metrics.rows == NULL) {
        free(room);
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for --metrics");
    }
    mmsb_status status = listen_at(address, m);
    if (status == MMSB_OK && pipe2(metrics.stop, O_CLOEXEC) != 0)
        status = message_set(m, MMSB_IO, "--metrics: %s", strerror(errno));
    sigfillset(&all); /* signals are the run's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (status == MMSB_OK && pthread_create(&metrics.thread, NULL, serve, room) != 0)
        status = message_set(m, MMSB_OUT_OF_SPACE, "--metrics: no thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != MMSB_OK) {
        free(room);
        return status;
    }
    metrics.on = true;
    metrics.epoch = engine_epoch(e); /* what fired in it was before this run */
    metrics_epoch(s);
    return MMSB_OK;
}

void metrics_epoch(session *s) {
    if (!metrics.on) return;
    engine *e = session_engine(s);
    u64 durable = session_durable_epoch(s);
    pthread_mutex_lock(&metrics.lock);
    bool same = engine_epoch(e) == metrics.epoch;
    u32 count = same ? 0 : engine_fired(e, metrics.rows, metrics.i->event_count);
    for (u32 k = 0; k < count; k++) metrics.fired[metrics.rows[k]]++;
    metrics.stats = *engine_statistics(e);
    metrics.epoch = engine_epoch(e), metrics.durable = durable;
    pthread_mutex_unlock(&metrics.lock);
    ASSERT(metrics.epoch >= metrics.durable || metrics.durable == UINT64_MAX);
}

void metrics_rejected(void) {
    if (!metrics.on) return;
    pthread_mutex_lock(&metrics.lock);
    metrics.rejected++;
    pthread_mutex_unlock(&metrics.lock);
}

void metrics_close(void) {
    if (!metrics.on) return;
    ssize_t told = write(metrics.stop[1], "x", 1);
    ASSERT(told == 1);
    (void)told;
    pthread_join(metrics.thread, NULL);
    close(metrics.listener);
    close(metrics.stop[0]);
    close(metrics.stop[1]);
    free(metrics.fired);
    free(metrics.rows);
    metrics.on = false;
}
