/* SPDX-License-Identifier: Apache-2.0
 * server: opens, runs, closes. The loop takes at most one request of each client in turn, then the
 * engine's own tick; looks at the sockets now and then; spins a while, then sleeps. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "server_state.h"

#define EVENTS_MAX 64
#define EVENT_DOOR UINT64_MAX
#define EVENT_WAKE (UINT64_MAX - 1)
#define LOOK_TURNS 64u    /* turns between two looks at the sockets while there is work */
#define TICKS_RUN 64u     /* ticks between two looks at the rings' sockets */
#define DURABLE_WAIT_MS 1 /* while a sync is on its way */
#define SYNC_LATE_NS ((u64)1000000000)
#define TICK_AGAIN_MS 100 /* after the disk refused one */

static mmsb_status descriptors_open(bus_server *b, message *m) {
    const struct {
        bus_fd row;
        const shared_region *from;
    } rows[] = {{BUS_BOARD, &b->board_memory},
                {BUS_PAGES, engine_share(b->e)},
                {BUS_IMAGE, &b->image_memory},
                {BUS_HOMES, &b->homes_memory}};
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        if (rows[k].from->bytes == 0) continue;
        ASSERT(rows[k].from->fd >= 0);
        int fd = shared_reader(rows[k].from);
        if (fd < 0)
            return message_set(m, MMSB_IO, "shared memory cannot be opened for reading: %s",
                               strerror(-fd));
        b->readers[rows[k].row] = fd;
    }
    return MMSB_OK;
}

static mmsb_status image_share(bus_server *b, message *m) {
    ASSERT(b->i->byte_count > 0);
    int failed = shared_take(&b->image_memory, b->i->byte_count, NULL, false);
    if (failed != 0)
        return message_set(m, MMSB_OUT_OF_SPACE, "no shared memory for the graph: %s",
                           strerror(-failed));
    memcpy(b->image_memory.at, b->i->bytes, b->i->byte_count);
    return MMSB_OK;
}

static mmsb_status door_open(bus_server *b, message *m) {
    TRY(port_listen(b->o.name, &b->door, m));
    b->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = EVENT_DOOR};
    if (b->epoll < 0 || epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->door.socket, &e) != 0)
        return message_set(m, MMSB_IO, "no epoll: %s", strerror(errno));
    ASSERT(b->door.socket >= 0);
    return MMSB_OK;
}

mmsb_status bus_server_open(session *s, const image *i, const bus_server_options *options,
                            bus_server **out, message *m) {
    arena *a = arena_open(0);
    bus_server *b = a == NULL ? NULL : arena_take(a, sizeof *b, 64);
    *out = NULL;
    if (b == NULL) {
        arena_close(a);
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a bus");
    }
    *b = (bus_server){.s = s, .e = session_engine(s), .i = i, .o = *options, .tables = a};
    b->files = file_system(), b->epoll = b->spare = -1;
    b->door = (port){.socket = -1, .lock = -1, .folder = -1};
    for (u32 k = 0; k < BUS_FD_COUNT; k++) b->readers[k] = -1;
    for (u32 k = 0; k < CLIENTS_MAX; k++)
        b->clients[k] = (client){.socket = -1, .bell = -1, .home = HOME_NONE};
    if (b->o.homes > BUS_HOMES_MAX) b->o.homes = BUS_HOMES_MAX;
    mmsb_status status = MMSB_OK;
    if (b->files->random(b->files, &b->generation, sizeof b->generation) < 0)
        status = message_set(m, MMSB_IO, "no random number for the bus");
    if (status == MMSB_OK) status = board_open(b, m);
    if (status == MMSB_OK) status = homes_open(b, m);
    if (status == MMSB_OK) status = image_share(b, m);
    if (status == MMSB_OK) status = descriptors_open(b, m);
    if (status == MMSB_OK) status = door_open(b, m);
    if (status == MMSB_OK)
        *out = b;
    else
        bus_server_close(b);
    ASSERT((*out != NULL) == (status == MMSB_OK));
    return status;
}

void bus_server_close(bus_server *b) {
    if (b == NULL) return;
    arena *tables = b->tables;
    ASSERT(tables != NULL);
    port_close(&b->door); /* nobody comes in any more; the name is free */
    board_end(b);
    for (u32 k = 0; k < CLIENTS_MAX; k++)
        if (b->clients[k].socket >= 0) client_drop(b, &b->clients[k]);
    for (u32 k = 0; k < BUS_FD_COUNT; k++)
        if (b->readers[k] >= 0) close(b->readers[k]);
    board_close(b);
    homes_close(b);
    if (b->image_memory.bytes != 0) shared_give_back(&b->image_memory);
    if (b->epoll >= 0) close(b->epoll);
    if (b->spare >= 0) close(b->spare);
    arena_close(tables);
}

/* Looks at the sockets and bells, waiting up to `timeout` ms (-1: for ever, 0: not). */
static void events_take(bus_server *b, int timeout) {
    struct epoll_event events[EVENTS_MAX];
    bool door = false;
    int count = epoll_wait(b->epoll, events, EVENTS_MAX, timeout);
    for (int k = 0; k < count; k++) {
        u64 data = events[k].data.u64;
        if (data == EVENT_WAKE) continue;
        if (data == EVENT_DOOR) {
            door = true;
            continue;
        }
        u64 slot = (data & UINT32_MAX) >> 1;
        ASSERT(slot < CLIENTS_MAX);
        client *c = &b->clients[slot];
        if (c->socket < 0 || c->serial != data >> 32) continue; /* went in this same round */
        if ((data & 1) != 0) continue; /* a bell: its ring is looked at anyway */
        client_event(b, c, (events[k].events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0);
    }
    if (door) client_accept(b); /* last: slots that went above are free */
}

static bool anybody_waits(const bus_server *b) {
    ASSERT(b->epoll >= 0);
    for (u32 k = 0; k < CLIENTS_MAX; k++)
        if (client_waits(b, &b->clients[k])) return true;
    return false;
}

/* One request of each client that has one, beginning with another client each turn. */
static mmsb_status clients_serve(bus_server *b, const bus_server_run_options *r, bool *worked,
                                 message *m) {
    ASSERT(b->client_first < CLIENTS_MAX);
    ASSERT((b->sequence & 1) == 0);
    for (u32 n = 0; n < CLIENTS_MAX; n++) {
        client *c = &b->clients[(b->client_first + n) % CLIENTS_MAX];
        bool did;
        u64 epoch = b->epoch;
        if (!c->greeted) continue;
        TRY(client_serve(b, c, &did, m));
        if (!did) continue;
        *worked = true;
        clients_wake(b, b->epoch != epoch ? BUS_WAKE_EPOCH : 0, c);
        if (b->epoch != epoch && r->accepted != NULL) r->accepted(r->context, b->s);
    }
    b->client_first = (b->client_first + 1) % CLIENTS_MAX;
    return MMSB_OK;
}

typedef struct {
    bus_server *b;
    const bus_server_run_options *r;
    u64 left;
} tick_run;

/* After each tick: published; goes on where nobody waits. Any checkpoint is written after this, so
 * that readers do not wait for it: with a log a run is one tick. */
static bool tick_visit(void *context, session *s) {
    tick_run *t = context;
    bus_server *b = t->b;
    ASSERT(t->left > 0);
    t->left--;
    if (b->fetched != MMSB_OK) return false;
    board_publish(b);
    count_add(&b->board->count.ticks, 1);
    clients_wake(b, BUS_WAKE_EPOCH, NULL);
    if (t->r->accepted != NULL) t->r->accepted(t->r->context, s);
    if (t->left == 0 || anybody_waits(b) || t->r->stop(t->r->context)) return false;
    board_begin(b);
    return true;
}

static bool ticks_wait(const bus_server *b) {
    ASSERT(b->files != NULL);
    return b->tick_after != 0 && b->files->clock_ns(b->files) < b->tick_after;
}

/* A tick that a client's data makes impossible ends nothing: it counts as done. One that the disk
 * has no room for is tried again. */
static mmsb_status ticks_serve(bus_server *b, const bus_server_run_options *r, u64 *left,
                               message *m) {
    /* With a log one at a time: an epoch is in the log before anybody hears of it. */
    u64 n = session_keeps_log(b->s) ? 1 : u64_min(*left, TICKS_RUN), done = 0;
    tick_run t = {b, r, n};
    ASSERT(n > 0);
    board_begin(b);
    mmsb_status s = session_ticks(b->s, n, NULL, tick_visit, &t, &done, m);
    *left -= done;
    if (s != MMSB_OK && session_failed(b->s)) return s;
    TRY(board_fetched(b, m));
    if ((b->sequence & 1) != 0) board_publish(b);
    b->tick_after = 0;
    if (s == MMSB_OK) return MMSB_OK;
    if (s == MMSB_REJECTED)
        *left -= 1;
    else
        b->tick_after = b->files->clock_ns(b->files) + (u64)TICK_AGAIN_MS * 1000000;
    if (r->rejected != NULL) r->rejected(r->context, m);
    return MMSB_OK;
}

static void server_sleep(bus_server *b, const bus_server_run_options *r) {
    bool syncing = session_syncs(b->s) && b->durable < b->epoch;
    ASSERT((b->sequence & 1) == 0);
    atomic_store_explicit(&b->board->asleep, 1, memory_order_relaxed);
    /* Fence with the one in the client's bell_ring: either this thread sees the request, or the
     * client sees that the bell must be rung. Sequentially consistent: both store, then load. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!anybody_waits(b) && !r->stop(r->context)) {
        count_add(&b->board->count.sleeps, 1);
        events_take(b, syncing ? DURABLE_WAIT_MS : b->tick_after != 0 ? TICK_AGAIN_MS : -1);
    }
    atomic_store_explicit(&b->board->asleep, 0, memory_order_relaxed);
}

mmsb_status bus_server_run(bus_server *b, const bus_server_run_options *r, message *m) {
    ASSERT(r->stop != NULL);
    u64 ticks = r->ticks, idle_since = 0;
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = EVENT_WAKE};
    if (r->wake >= 0 && epoll_ctl(b->epoll, EPOLL_CTL_ADD, r->wake, &e) != 0)
        return message_set(m, MMSB_IO, "no epoll: %s", strerror(errno));
    for (u32 turn = 0; !r->stop(r->context); turn++) {
        bool worked = false;
        TRY(clients_serve(b, r, &worked, m));
        if (ticks > 0 && !ticks_wait(b)) {
            TRY(ticks_serve(b, r, &ticks, m));
            worked = true;
        }
        if (board_durable(b)) clients_wake(b, BUS_WAKE_DURABLE, NULL);
        if (turn % LOOK_TURNS == 0) events_take(b, 0);
        if (worked) {
            idle_since = 0;
            continue;
        }
        u64 now = b->files->clock_ns(b->files);
        if (idle_since == 0) idle_since = now;
        /* A background sync that failed is told by the next call on the log: there must be one. */
        if (session_syncs(b->s) && b->durable < b->epoch && now - idle_since > SYNC_LATE_NS)
            TRY(session_sync(b->s, m));
        if (now - idle_since < b->o.spin_ns)
            ring_pause();
        else
            server_sleep(b, r);
    }
    return MMSB_OK;
}
