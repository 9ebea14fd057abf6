/* SPDX-License-Identifier: Apache-2.0
 * client_wait: requests, answers, waiting: first looking, then asleep on the socket. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_state.h"

#define SPINS_BETWEEN_LOOKS 64u
#define LATE_MOST 4u
#define LATE_AGAIN 16u
#define NS_PER_MS ((u64)1000000)

/* Wakes the engine where it sleeps, after request_head or reply_tail was stored. */
static void bell_ring(bus *b) {
    /* Fence with the one in server_sleep: either it sees what was stored, or this load sees that
     * it sleeps. Sequentially consistent: both store, then load. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&b->board->asleep, memory_order_relaxed) == 0) return;
    u64 one = 1;
    ssize_t put = write(b->bell, &one, sizeof one);
    ASSERT(put == sizeof one || errno == EAGAIN); /* EAGAIN: 2^64 rings: it is readable */
}

mmsb_status client_request(bus *b, bus_request_kind kind, u64 id, message *m) {
    bus_request q = {.bytes = sizeof q, .kind = (u16)kind, .id = id};
    ASSERT(kind != BUS_COMMIT);
    if (ring_room(&b->requests, sizeof q) < sizeof q)
        return message_set(m, MMSB_BUSY, "the ring is full");
    ring_write(&b->requests, 0, &q, sizeof q);
    ring_put(&b->requests, sizeof q);
    bell_ring(b);
    return MMSB_OK;
}

static void lease_give_back(bus *b) {
    if (!b->return_pending) return;
    ASSERT(b->lease_home == LEASE_NONE);
    b->return_pending = client_request(b, BUS_LEASE_RETURN, 0, NULL) != MMSB_OK;
}

/* Reads away the bytes that woke it; notes a hang-up. */
static void socket_drain(bus *b) {
    u8 bytes[8];
    ssize_t got;
    ASSERT(b->socket >= 0);
    do got = recv(b->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    while (got > 0 || (got < 0 && errno == EINTR));
    if (got == 0 || errno != EAGAIN) b->gone = true;
}

static void client_sleep(bus *b, const client_waiting *w, u64 timeout_ns) {
    struct pollfd p[] = {{.fd = b->socket, .events = POLLIN | POLLRDHUP},
                         {.fd = b->nudge, .events = POLLIN}};
    ASSERT(w->wake != 0);
    atomic_store_explicit(&b->shared->armed, w->wake, memory_order_relaxed);
    /* Fence with the one in clients_wake: either the engine sees that this client is armed, or it
     * sees here what was published. Sequentially consistent: both store, then load. */
    atomic_thread_fence(memory_order_seq_cst);
    if (w->ready(b, w->argument)) return;
    u64 ms = timeout_ns / NS_PER_MS + 1;
    int timeout = timeout_ns == UINT64_MAX ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms;
    b->sleeps++;
    if (poll(p, 2, timeout) <= 0) return;
    if (p[0].revents != 0) socket_drain(b);
    u64 nudges;
    if (p[1].revents != 0 && read(b->nudge, &nudges, sizeof nudges) < 0)
        ASSERT(errno == EAGAIN || errno == EINTR);
}

void bus_interrupt(bus *b) {
    u64 one = 1;
    int before = errno;
    ASSERT(b->nudge >= 0);
    /* Before the nudge: whoever is woken by that finds it. */
    atomic_store(&b->interrupted, true);
    ssize_t put = write(b->nudge, &one, sizeof one);
    ASSERT(put == sizeof one || errno == EAGAIN); /* EAGAIN: 2^64 nudges: it is readable */
    errno = before;
}

mmsb_status client_wait(bus *b, const client_waiting *w, message *m) {
    u64 start = 0, now = 0;
    ASSERT(w->ready != NULL);
    for (u32 spins = 1;; spins++) {
        if (w->ready(b, w->argument)) return MMSB_OK;
        if (spins % SPINS_BETWEEN_LOOKS != 0) {
            ring_pause();
            continue;
        }
        now = client_clock();
        if (start == 0) start = now;
        if (atomic_load_explicit(&b->interrupted, memory_order_relaxed) &&
            atomic_exchange(&b->interrupted, false))
            return message_set(m, MMSB_BUSY, "%s: the wait was interrupted", w->what);
        if (now - start >= w->timeout_ns)
            return message_set(m, MMSB_BUSY, "%s within the time given", w->what);
        if (now - start < w->spin_ns) continue;
        mmsb_status s = bus_alive(b, m);
        if (s != MMSB_OK) return w->ready(b, w->argument) ? MMSB_OK : s;
        u64 left = w->timeout_ns == UINT64_MAX ? UINT64_MAX : w->timeout_ns - (now - start);
        client_sleep(b, w, left);
        spins = SPINS_BETWEEN_LOOKS - 1; /* looked at once, then asleep again */
    }
}

mmsb_status bus_delta(bus *b, const delta *d, message *m) {
    u64 most = b->welcome.ring_bytes - sizeof(bus_request);
    if (d->form >= DELTA_FORM_COUNT || d->kind >= DELTA_KIND_COUNT || d->count == 0 ||
        d->count > LANES_MAX || (d->payload == NULL && d->payload_bytes != 0) ||
        (d->form == DELTA_MASK) != (d->mask != NULL))
        return message_set(m, MMSB_WRONG, "that is no delta");
    u64 bytes = d->payload_bytes > most ? most + 1 : delta_bytes(d);
    if (bytes > most - b->used)
        return message_set(m, MMSB_OUT_OF_SPACE,
                           "a commit holds at most %llu bytes of deltas here: split it, or attach "
                           "with a larger ring",
                           (unsigned long long)most);
    delta_write(d, b->body + b->used);
    b->used += bytes;
    ASSERT(b->used % 8 == 0);
    return MMSB_OK;
}

void bus_drop(bus *b) { bus_drop_to(b, 0); }

u64 bus_pending_bytes(const bus *b) { return b->used; }

void bus_drop_to(bus *b, u64 pending_bytes) {
    ASSERT(pending_bytes <= b->used && pending_bytes % 8 == 0);
    b->used = pending_bytes;
}

mmsb_status bus_commit(bus *b, u64 *id, message *m) {
    bus_request q = {.bytes = (u32)(sizeof q + b->used), .kind = BUS_COMMIT, .id = b->next_id};
    ASSERT(q.bytes <= b->welcome.ring_bytes);
    lease_give_back(b);
    if (ring_room(&b->requests, q.bytes) < q.bytes) {
        mmsb_status s = bus_alive(b, m);
        return s != MMSB_OK ? s : message_set(m, MMSB_BUSY, "the ring is full");
    }
    ring_write(&b->requests, 0, &q, sizeof q);
    ring_write(&b->requests, sizeof q, b->body, b->used);
    ring_put(&b->requests, q.bytes);
    bell_ring(b);
    b->used = 0, b->next_id++, b->sent++;
    if (id != NULL) *id = q.id;
    return MMSB_OK;
}

mmsb_status bus_next_id(bus *b, u64 id, message *m) {
    if (id == 0) return message_set(m, MMSB_USAGE, "numbers of commits begin at 1");
    ASSERT(b->sent >= b->answered);
    b->next_id = id;
    return MMSB_OK;
}

/* The next reply's head, where there is one. */
static bool reply_peek(bus *b, u64 ahead, bus_reply *r) {
    u64 filled = ring_filled(&b->replies, ahead + sizeof *r);
    if (filled == UINT64_MAX || filled < ahead + sizeof *r) return false;
    ring_read(&b->replies, ahead, r, sizeof *r);
    return r->bytes >= sizeof *r && r->bytes <= BUS_REPLY_BYTES_MAX && r->bytes <= filled - ahead;
}

static void reply_take(bus *b, u32 bytes) {
    ASSERT(bytes % 8 == 0);
    ring_take(&b->replies, bytes);
    /* The engine may have left requests for want of room for their replies. */
    if (atomic_load_explicit(&b->shared->request_tail, memory_order_relaxed) != b->requests.at)
        bell_ring(b);
}

mmsb_status bus_answer_next(bus *b, bus_answer *a, bool *got, message *m) {
    bus_reply r;
    *got = false;
    lease_give_back(b);
    while (reply_peek(b, 0, &r)) {
        ring_read(&b->replies, 0, b->reply, r.bytes);
        b->reply[r.bytes] = 0;
        reply_take(b, r.bytes);
        if (r.kind != BUS_COMMIT) { /* a lease's: seen when it came */
            ASSERT(b->lease_replies > 0);
            b->lease_replies--;
            continue;
        }
        ASSERT(b->answered < b->sent);
        b->answered++;
        *a = (bus_answer){.id = r.id,
                          .epoch = r.epoch,
                          .status = (mmsb_status)r.status,
                          .again = r.value == 1,
                          .words = (const char *)b->reply + sizeof r};
        *got = true;
        return MMSB_OK;
    }
    (void)m;
    return MMSB_OK;
}

static bool answer_is_there(bus *b, u64 none) {
    bus_reply r;
    ASSERT(none == 0);
    u64 ahead = 0;
    while (reply_peek(b, ahead, &r) && r.kind != BUS_COMMIT) ahead += r.bytes;
    return reply_peek(b, ahead, &r);
}

/* Where answers keep taking longer, it looks as long only now and then. */
static u64 answer_spin(const bus *b) {
    ASSERT(b->answer_spin_ns >= b->spin_ns);
    return b->late < LATE_MOST || b->late % LATE_AGAIN == 0 ? b->answer_spin_ns : b->spin_ns;
}

mmsb_status bus_answer_wait(bus *b, bus_answer *a, u64 timeout_ns, message *m) {
    bool got;
    client_waiting w = {.ready = answer_is_there,
                        .wake = BUS_WAKE_REPLY,
                        .timeout_ns = timeout_ns,
                        .spin_ns = answer_spin(b),
                        .what = "no answer came"};
    if (b->answered == b->sent)
        return message_set(m, MMSB_USAGE, "no commit was sent that has no answer yet");
    u64 sleeps = b->sleeps;
    TRY(client_wait(b, &w, m));
    b->late = b->sleeps == sleeps ? 0 : b->late + 1;
    TRY(bus_answer_next(b, a, &got, m));
    ASSERT(got);
    return MMSB_OK;
}

static bool room_is_there(bus *b, u64 bytes) { return ring_room(&b->requests, bytes) >= bytes; }

/* Room, or none ever: the engine leaves requests where their replies would find no place. */
static bool room_is_known(bus *b, u64 bytes) {
    u64 most = b->welcome.reply_bytes - BUS_REPLY_BYTES_MAX;
    ASSERT(most % 8 == 0);
    return room_is_there(b, bytes) || ring_filled(&b->replies, most + 8) > most;
}

mmsb_status bus_room_wait(bus *b, u64 bytes, u64 timeout_ns, message *m) {
    u64 needed = ALIGN_UP(bytes, 8) + sizeof(bus_request);
    client_waiting w = {.ready = room_is_known,
                        .argument = needed,
                        .wake = BUS_WAKE_REPLY,
                        .timeout_ns = timeout_ns,
                        .spin_ns = b->spin_ns,
                        .what = "the ring did not empty"};
    if (needed > b->welcome.ring_bytes)
        return message_set(m, MMSB_OUT_OF_SPACE, "a ring of %llu bytes never has that room",
                           (unsigned long long)b->welcome.ring_bytes);
    ASSERT(needed % 8 == 0);
    TRY(client_wait(b, &w, m));
    if (room_is_there(b, needed)) return MMSB_OK;
    return message_set(m, MMSB_BUSY, "take the answers to commits first");
}

static bool durable_is(bus *b, u64 epoch) { return bus_durable_epoch(b) >= epoch; }

mmsb_status bus_durable_wait(bus *b, u64 epoch, u64 timeout_ns, message *m) {
    client_waiting w = {.ready = durable_is,
                        .argument = epoch,
                        .wake = BUS_WAKE_DURABLE,
                        .timeout_ns = timeout_ns,
                        .spin_ns = b->spin_ns,
                        .what = "the epoch did not become durable"};
    ASSERT(b->board != NULL);
    if (!bus_keeps_log(b))
        return message_set(m, MMSB_ABSENT,
                           "the engine keeps no log that is synced (--state DIR, --durability): "
                           "nothing is durable before it closes");
    return client_wait(b, &w, m);
}

static bool epoch_is_past(bus *b, u64 epoch) { return bus_epoch(b) > epoch; }

mmsb_status bus_wait_epoch(bus *b, u64 epoch, u64 timeout_ns, message *m) {
    client_waiting w = {.ready = epoch_is_past,
                        .argument = epoch,
                        .wake = BUS_WAKE_EPOCH,
                        .timeout_ns = timeout_ns,
                        .spin_ns = b->spin_ns,
                        .what = "no epoch came"};
    ASSERT(b->board != NULL);
    return client_wait(b, &w, m);
}

bool bus_arm(bus *b) {
    u64 epoch = b->armed_epoch, durable = b->armed_durable;
    socket_drain(b);
    ASSERT(b->shared != NULL);
    atomic_store_explicit(&b->shared->armed, BUS_WAKE_REPLY | BUS_WAKE_EPOCH | BUS_WAKE_DURABLE,
                          memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* as in client_sleep */
    b->armed_epoch = bus_epoch(b), b->armed_durable = bus_durable_epoch(b);
    return answer_is_there(b, 0) || b->armed_epoch != epoch || b->armed_durable != durable ||
           b->gone;
}

/* A reply to the lease with this id, wherever it stands behind answers not yet taken. */
static bool lease_reply_find(bus *b, u64 id, bus_reply *r) {
    ASSERT(id != 0);
    for (u64 ahead = 0; reply_peek(b, ahead, r); ahead += r->bytes)
        if (r->kind == BUS_LEASE && r->id == id) return true;
    return false;
}

/* Those of leases that stand first. */
static void lease_replies_trim(bus *b) {
    bus_reply r;
    while (reply_peek(b, 0, &r) && r.kind == BUS_LEASE) {
        ASSERT(b->lease_replies > 0);
        reply_take(b, r.bytes);
        b->lease_replies--;
    }
}

static bool lease_is_answered(bus *b, u64 id) {
    bus_reply r;
    return lease_reply_find(b, id, &r);
}

mmsb_status bus_lease(bus *b, u64 timeout_ns, u64 *epoch, message *m) {
    bus_reply r;
    if (b->homes == NULL)
        return message_set(m, MMSB_ABSENT, "the engine has no homes for leases (--leases)");
    if (b->lease_home != LEASE_NONE)
        return message_set(m, MMSB_USAGE, "a client holds one lease at a time");
    lease_give_back(b);
    lease_replies_trim(b);
    /* The reply must find room behind those that the caller has not taken. */
    if (b->return_pending || (b->sent - b->answered + b->lease_replies + 2) * BUS_REPLY_BYTES_MAX >
                                 b->welcome.reply_bytes)
        return message_set(m, MMSB_BUSY, "take the answers to commits first");
    u64 id = b->lease_id + 1;
    TRY(client_request(b, BUS_LEASE, id, m));
    b->lease_id = id, b->lease_replies++;
    client_waiting w = {.ready = lease_is_answered,
                        .argument = id,
                        .wake = BUS_WAKE_REPLY,
                        .timeout_ns = timeout_ns,
                        .spin_ns = b->spin_ns,
                        .what = "no lease came"};
    mmsb_status s = client_wait(b, &w, m);
    if (s == MMSB_BUSY) { /* given back as soon as it comes: requests are taken in order */
        b->return_pending = true;
        lease_give_back(b);
    }
    TRY(s);
    bool found = lease_reply_find(b, id, &r);
    ASSERT(found);
    lease_replies_trim(b);
    if (r.status != MMSB_OK)
        return message_set(m, (mmsb_status)r.status, "all leases are held at other epochs");
    if (r.value >= b->board->home_count)
        return message_set(m, MMSB_DAMAGED, "the engine's reply makes no sense");
    b->lease_home = r.value, b->lease_epoch = r.epoch;
    if (epoch != NULL) *epoch = r.epoch;
    return MMSB_OK;
}

void bus_lease_end(bus *b) {
    if (b->lease_home == LEASE_NONE) return;
    b->lease_home = LEASE_NONE;
    b->return_pending = true;
    lease_give_back(b);
    ASSERT(b->lease_home == LEASE_NONE);
}
