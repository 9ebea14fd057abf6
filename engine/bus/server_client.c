/* SPDX-License-Identifier: Apache-2.0
 * server_client: one client of a bus: its door, its ring, its requests, its end. Whatever it
 * writes costs it its own connection at most. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server_state.h"

static_assert(BUS_FD_COUNT <= PORT_FDS_MAX, "a welcome carries all descriptors");

static void client_greet(bus_server *b, client *c, const bus_hello *h, i64 bytes);

static u64 event_of(const bus_server *b, const client *c, bool bell) {
    u64 slot = (u64)(c - b->clients);
    ASSERT(slot < CLIENTS_MAX);
    return (u64)c->serial << 32 | slot << 1 | (bell ? 1 : 0);
}

static void lease_return(bus_server *b, client *c) {
    if (c->home == HOME_NONE) return;
    ASSERT(c->home < b->o.homes);
    homes_return(b, c->home);
    c->home = HOME_NONE;
    count_add(&b->board->count.leases, -1);
}

/* Those that waited for the stream's last client to leave: one gets it. */
static void stream_pass_on(bus_server *b, u64 stream) {
    if (b->door.socket < 0) return; /* the engine closes */
    for (u32 k = 0; k < CLIENTS_MAX && stream != 0; k++) {
        client *c = &b->clients[k];
        if (c->socket < 0 || !c->asked || c->hello.stream != stream) continue;
        ASSERT(!c->greeted);
        c->asked = false;
        client_greet(b, c, &c->hello, sizeof c->hello);
    }
}

void client_drop(bus_server *b, client *c) {
    ASSERT(c->socket >= 0);
    u64 stream = c->stream;
    if (c->greeted && !c->leaving) count_add(&b->board->count.clients, -1);
    lease_return(b, c);
    close(c->socket); /* leaves the epoll set: this is its only descriptor here */
    /* The client may keep a copy of the bell open, and an epoll set knows files, not descriptors.
     */
    if (c->bell >= 0) {
        epoll_ctl(b->epoll, EPOLL_CTL_DEL, c->bell, NULL);
        close(c->bell);
    }
    if (c->memory.bytes != 0) shared_give_back(&c->memory);
    *c = (client){.socket = -1, .bell = -1, .home = HOME_NONE};
    stream_pass_on(b, stream);
}

/* A hang-up. Lease and place among the clients end at once. What lies whole in the ring was sent:
 * it is taken, as a pipe's reader gets what was written before the end. The ring's head is read
 * here for the last time: nothing more comes in, whoever still has the memory mapped. */
static void client_leave(bus_server *b, client *c) {
    ASSERT(c->greeted && !c->leaving);
    u64 filled = ring_filled(&c->requests, c->requests.size + 1);
    if (filled == 0 || filled == UINT64_MAX) {
        client_drop(b, c);
        return;
    }
    lease_return(b, c);
    count_add(&b->board->count.clients, -1);
    epoll_ctl(b->epoll, EPOLL_CTL_DEL, c->socket, NULL);
    epoll_ctl(b->epoll, EPOLL_CTL_DEL, c->bell, NULL);
    c->leaving = true, c->leave_at = c->requests.at + filled;
}

static void client_break(bus_server *b, client *c) {
    ASSERT(c->socket >= 0);
    count_add(&b->board->count.broken, 1);
    client_drop(b, c);
}

/* A free slot; where there is none, that of the connection that has waited longest without saying
 * hello. NULL: all are clients. */
static client *slot_find(bus_server *b) {
    client *oldest = NULL;
    for (u32 k = 0; k < CLIENTS_MAX; k++) {
        client *c = &b->clients[k];
        if (c->socket < 0) return c;
        if (!c->greeted && (oldest == NULL || (i32)(c->serial - oldest->serial) < 0)) oldest = c;
    }
    if (oldest != NULL) client_break(b, oldest);
    ASSERT(oldest == NULL || oldest->socket < 0);
    return oldest;
}

static void refuse(int fd, mmsb_status status, const char *why) {
    bus_welcome w = {.version = BUS_VERSION, .status = (u32)status};
    ASSERT(status != MMSB_OK);
    memcpy(w.magic, BUS_MAGIC, 8);
    snprintf((char *)w.text, sizeof w.text, "%s", why);
    port_send(fd, &w, sizeof w, NULL, 0);
}

/* Descriptors have run out: the spare one is given up to tell the caller so. */
static void accept_spare(bus_server *b) {
    int error;
    ASSERT(b->door.socket >= 0);
    if (b->spare >= 0) close(b->spare);
    int fd = port_accept(&b->door, &error);
    if (fd >= 0) {
        refuse(fd, MMSB_BUSY, "the engine has no descriptors left");
        close(fd);
    }
    b->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* All places are taken, but not for long. */
static bool place_comes(const bus_server *b) {
    bool leaves = false;
    for (u32 k = 0; k < CLIENTS_MAX; k++) {
        if (!b->clients[k].greeted) return false;
        leaves |= b->clients[k].leaving;
    }
    ASSERT(b->door.socket >= 0);
    return leaves;
}

void client_accept(bus_server *b) {
    int error;
    ASSERT(b->door.socket >= 0);
    if (place_comes(b)) return; /* it waits at the door */
    int fd = port_accept(&b->door, &error);
    if (error == EMFILE || error == ENFILE) accept_spare(b);
    if (fd < 0) return;
    client *c = slot_find(b);
    if (c == NULL) {
        refuse(fd, MMSB_BUSY, "the bus has as many clients as it takes");
        close(fd);
        return;
    }
    *c = (client){.socket = fd, .bell = -1, .home = HOME_NONE, .serial = ++b->serial};
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = event_of(b, c, false)};
    if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &e) != 0) client_drop(b, c);
}

/* Why a hello is refused, or NULL. */
static const char *hello_check(const bus_server *b, const bus_hello *h, i64 bytes,
                               mmsb_status *status) {
    u64 size = h->ring_bytes;
    *status = MMSB_USAGE;
    if (bytes != sizeof *h || memcmp(h->magic, BUS_MAGIC, 8) != 0) return "that is no hello";
    if (h->version != BUS_VERSION) {
        *status = MMSB_ABSENT;
        return "the engine speaks version 1 of the bus only";
    }
    if (size != 0 &&
        (size < BUS_RING_BYTES_MIN || size > BUS_RING_BYTES_MAX || (size & (size - 1)) != 0))
        return "a ring has 4 KiB to 16 MiB, a power of two";
    if (h->zero != 0 || h->zeros[0] != 0 || h->zeros[1] != 0 || h->zeros[2] != 0 ||
        h->zeros[3] != 0)
        return "the hello asks for what this version does not know";
    *status = MMSB_BUSY;
    for (u32 k = 0; k < CLIENTS_MAX && h->stream != 0; k++)
        if (b->clients[k].greeted && b->clients[k].stream == h->stream)
            return "another client uses the request stream";
    return NULL;
}

/* Streams stay in the log's table for good: their number is bounded. */
static bool stream_take(bus_server *b, u64 stream) {
    ASSERT(b->stream_count <= STREAMS_MAX);
    if (stream == 0) return true;
    for (u32 k = 0; k < b->stream_count; k++)
        if (b->streams[k] == stream) return true;
    if (b->stream_count == STREAMS_MAX) return false;
    b->streams[b->stream_count++] = stream;
    return true;
}

static bool ring_make(bus_server *b, client *c, u64 ring_bytes) {
    ASSERT((ring_bytes & (ring_bytes - 1)) == 0 && ring_bytes <= BUS_RING_BYTES_MAX);
    u64 bytes = BUS_RING_AT + ring_bytes + BUS_REPLY_RING_BYTES;
    if (shared_take(&c->memory, bytes, NULL, true) != 0) return false;
    c->shared = c->memory.at;
    u8 *at = (u8 *)c->memory.at + BUS_RING_AT;
    c->requests = (ring){.head = &c->shared->request_head,
                         .tail = &c->shared->request_tail,
                         .bytes = at,
                         .size = ring_bytes};
    c->replies = (ring){.head = &c->shared->reply_head,
                        .tail = &c->shared->reply_tail,
                        .bytes = at + ring_bytes,
                        .size = BUS_REPLY_RING_BYTES};
    c->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* Edge-triggered and never read: a client that cleared O_NONBLOCK, or drained it, could make a
     * read wait. */
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = event_of(b, c, true)};
    return c->bell >= 0 && epoll_ctl(b->epoll, EPOLL_CTL_ADD, c->bell, &e) == 0;
}

static bool welcome_send(bus_server *b, client *c) {
    ASSERT(c->memory.bytes != 0);
    bus_welcome w = {.version = BUS_VERSION,
                     .generation = b->generation,
                     .board_bytes = b->board_memory.bytes,
                     .pages_bytes = engine_share(b->e)->bytes,
                     .homes_bytes = b->homes_memory.bytes,
                     .image_bytes = b->i->byte_count,
                     .ring_bytes = c->requests.size,
                     .reply_bytes = c->replies.size,
                     .last_request = c->last_id};
    memcpy(w.magic, BUS_MAGIC, 8);
    int fds[BUS_FD_COUNT];
    memcpy(fds, b->readers, sizeof fds);
    fds[BUS_RING] = c->memory.fd, fds[BUS_BELL] = c->bell;
    u32 count = b->homes_memory.bytes != 0 ? BUS_FD_COUNT : BUS_FD_COUNT - 1;
    return port_send(c->socket, &w, sizeof w, fds, count);
}

static void client_greet(bus_server *b, client *c, const bus_hello *h, i64 bytes) {
    mmsb_status status;
    ASSERT(!c->greeted);
    const char *why = hello_check(b, h, bytes, &status);
    if (why == NULL && !stream_take(b, h->stream)) {
        status = MMSB_OUT_OF_SPACE;
        why = "the engine has no room for another request stream";
    }
    if (why == NULL && !ring_make(b, c, h->ring_bytes == 0 ? BUS_RING_BYTES : h->ring_bytes)) {
        status = MMSB_OUT_OF_SPACE;
        why = "the engine has no memory for another ring";
    }
    if (why != NULL) {
        refuse(c->socket, status, why);
        client_break(b, c);
        return;
    }
    c->stream = h->stream;
    c->last_id = session_last_request(b->s, c->stream);
    c->greeted = true;
    count_add(&b->board->count.clients, 1); /* it finds itself counted */
    count_add(&b->board->count.attached, 1);
    if (!welcome_send(b, c)) { /* gone already */
        client_drop(b, c);
        return;
    }
    close(c->memory.fd); /* mapped here, open there: nothing else needs it */
    c->memory.fd = -1;
}

/* Its last client has hung up, but the numbers that it sent are not all taken. */
static bool stream_is_left(const bus_server *b, u64 stream) {
    ASSERT(b->door.socket >= 0);
    for (u32 k = 0; k < CLIENTS_MAX && stream != 0; k++)
        if (b->clients[k].leaving && b->clients[k].stream == stream) return true;
    return false;
}

void client_event(bus_server *b, client *c, bool hung_up) {
    bus_hello h = {0};
    u32 none;
    ASSERT(c->socket >= 0);
    /* No descriptors are taken. A packet that is too long was never a hello. */
    i64 bytes = port_receive(c->socket, 0, &h, sizeof h, NULL, 0, &none);
    if (bytes == -1 && !hung_up) return;
    if (c->greeted && (bytes == 0 || bytes == -1))
        client_leave(b, c);
    else if (bytes == 0 || bytes == -1)
        client_drop(b, c);
    else if (c->greeted || c->asked)
        client_break(b, c); /* a client has nothing more to say here */
    else if (bytes == sizeof h && stream_is_left(b, h.stream))
        c->asked = true, c->hello = h;
    else
        client_greet(b, c, &h, bytes);
}

bool client_waits(const bus_server *b, const client *c) {
    ASSERT(b != NULL);
    if (!c->greeted) return false;
    if (c->leaving) return true;
    u64 head = atomic_load_explicit(&c->shared->request_head, memory_order_relaxed);
    if (head == c->requests.at) return false;
    u64 tail = atomic_load_explicit(&c->shared->reply_tail, memory_order_relaxed);
    u64 used = c->replies.at - tail; /* nonsense counts as room: client_serve cuts it off */
    return used > c->replies.size || c->replies.size - used >= BUS_REPLY_BYTES_MAX;
}

/* Needs: room was found before the request was taken. */
static void reply_put(client *c, bus_reply *r, const message *words) {
    _Alignas(8) u8 bytes[BUS_REPLY_BYTES_MAX] = {0};
    size_t most = sizeof bytes - sizeof *r - 1, count = words == NULL ? 0 : strlen(words->text);
    if (count > most) count = most;
    r->bytes = (u32)ALIGN_UP(sizeof *r + count + (count != 0), 8);
    ASSERT(r->bytes <= sizeof bytes);
    memcpy(bytes, r, sizeof *r);
    if (count != 0) memcpy(bytes + sizeof *r, words->text, count);
    ring_write(&c->replies, 0, bytes, r->bytes);
    ring_put(&c->replies, r->bytes);
}

static mmsb_status commit_run(bus_server *b, client *c, const bus_request *q, bus_reply *r,
                              message *m) {
    session_request request = {c->stream, c->stream == 0 ? 0 : q->id};
    ASSERT(q->kind == BUS_COMMIT);
    board_begin(b);
    b->publishes = true;
    mmsb_status s = session_commit(b->s, &request, m);
    b->publishes = false;
    /* A session that failed between may hold half an epoch: readers are never told that it is
     * whole. */
    if (s != MMSB_OK && session_failed(b->s)) return s;
    TRY(board_fetched(b, m));
    if ((b->sequence & 1) != 0) board_publish(b);
    if (s == MMSB_OK) c->last_id = c->stream == 0 ? 0 : q->id;
    r->status = (u16)s;
    return MMSB_OK;
}

/* The one copy of the body goes to where the log will take it from. */
static mmsb_status commit_serve(bus_server *b, client *c, const bus_request *q, bus_reply *r,
                                message *m) {
    u64 bytes = q->bytes - sizeof *q;
    u8 *to;
    ASSERT(bytes % 8 == 0);
    count_add(&b->board->count.commits, 1);
    count_add(&b->board->count.commit_bytes, (i64)bytes);
    mmsb_status s = session_body_room(b->s, bytes, &to, m);
    if (s == MMSB_OK) ring_read(&c->requests, sizeof *q, to, bytes);
    ring_take(&c->requests, q->bytes);
    if (s == MMSB_OK) s = session_body(b->s, bytes, m);
    if (s != MMSB_OK) {
        session_drop(b->s);
        r->status = (u16)s;
    } else if (c->stream != 0 && q->id <= c->last_id) {
        session_drop(b->s);
        r->value = 1;
    } else {
        TRY(commit_run(b, c, q, r, m));
    }
    if (r->status != MMSB_OK) count_add(&b->board->count.rejected, 1);
    return MMSB_OK;
}

static void lease_serve(bus_server *b, client *c, bus_reply *r, message *m) {
    ASSERT(r->kind == BUS_LEASE);
    if (c->home != HOME_NONE) {
        r->status = MMSB_USAGE;
        message_set(m, MMSB_USAGE, "a client holds one lease at a time");
        return;
    }
    c->home = homes_lease(b);
    if (c->home == HOME_NONE) {
        r->status = MMSB_BUSY;
        message_set(m, MMSB_BUSY, "all %u leases are held at other epochs", b->o.homes);
        count_add(&b->board->count.leases_busy, 1);
        return;
    }
    r->value = c->home;
    count_add(&b->board->count.leases, 1);
}

/* Bytes of requests that wait; 0: none, or their replies would find no room. UINT64_MAX: a position
 * makes no sense. */
static u64 requests_filled(client *c) {
    if (c->leaving) return c->leave_at - c->requests.at;
    u64 filled = ring_filled(&c->requests, sizeof(bus_request));
    if (filled == 0) return 0;
    u64 room = ring_room(&c->replies, BUS_REPLY_BYTES_MAX);
    ASSERT(room % 8 == 0 || room == UINT64_MAX);
    if (room == UINT64_MAX) return UINT64_MAX;
    return room < BUS_REPLY_BYTES_MAX ? 0 : filled; /* it reads no replies: it waits, alone */
}

mmsb_status client_serve(bus_server *b, client *c, bool *did, message *m) {
    bus_request q;
    ASSERT(did != NULL);
    *did = false;
    ASSERT(c->greeted);
    u64 filled = requests_filled(c);
    if (filled == 0) return MMSB_OK;
    bool sound = filled != UINT64_MAX && filled >= sizeof q;
    if (sound) {
        ring_read(&c->requests, 0, &q, sizeof q);
        sound = q.bytes >= sizeof q && q.bytes % 8 == 0 && q.bytes <= filled && q.kind != 0 &&
                q.kind < BUS_REQUEST_COUNT && q.zero == 0 && q.zeros == 0 &&
                (q.kind == BUS_COMMIT || q.bytes == sizeof q);
    }
    if (!sound) {
        client_break(b, c);
        return MMSB_OK;
    }
    bus_reply r = {.kind = q.kind, .id = q.id};
    *did = true;
    m->text[0] = 0;
    if (q.kind == BUS_COMMIT)
        TRY(commit_serve(b, c, &q, &r, m));
    else
        ring_take(&c->requests, q.bytes);
    if (c->leaving) { /* nobody hears */
        if (c->requests.at == c->leave_at) client_drop(b, c);
        return MMSB_OK;
    }
    if (q.kind == BUS_LEASE) lease_serve(b, c, &r, m);
    if (q.kind == BUS_LEASE_RETURN) lease_return(b, c);
    r.epoch = b->epoch;
    if (q.kind != BUS_LEASE_RETURN) reply_put(c, &r, r.status == MMSB_OK ? NULL : m);
    return MMSB_OK;
}

void clients_wake(bus_server *b, u64 bits, const client *replied) {
    /* Fence with the one in client_sleep (client_wait.c): either this thread sees the client armed,
     * or the client sees what was published. Sequentially consistent: both store, then load. */
    atomic_thread_fence(memory_order_seq_cst);
    for (u32 k = 0; k < CLIENTS_MAX; k++) {
        client *c = &b->clients[k];
        if (!c->greeted || c->leaving) continue;
        u64 wanted = c == replied ? bits | BUS_WAKE_REPLY : bits;
        ASSERT(c->shared != NULL);
        if ((atomic_load_explicit(&c->shared->armed, memory_order_relaxed) & wanted) == 0) continue;
        /* Exchanged, not stored: it is done before the byte goes, behind which the client may arm
         * itself anew. */
        atomic_exchange_explicit(&c->shared->armed, 0, memory_order_acq_rel);
        u8 byte = 1;
        /* Does not wait: a full socket already holds what wakes the client. */
        port_send(c->socket, &byte, 1, NULL, 0);
    }
}
