/* SPDX-License-Identifier: Apache-2.0
 * client: attaching, pages, views, changes. What the engine shares is checked once, at attach: its
 * descriptors are sealed, so that sizes cannot change, and only the engine writes them. */
#include "client_state.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WELCOME_MS 30000
#define GREET_TRIES 16u
#define VIEW_NS ((u64)1000000000)
#define SPIN_NS ((u64)20000)
/* An engine that sleeps is awake and has answered within this; a client that went to sleep
 * meanwhile would have to be woken, too. */
#define ANSWER_SPIN_NS ((u64)100000)
#define TRIES_BETWEEN_LOOKS 1024u

static mmsb_status welcome_receive(bus *b, const char *name, int *fds, u32 *count, bool *again,
                                   message *m) {
    bus_welcome *w = &b->welcome;
    i64 bytes = port_receive(b->socket, WELCOME_MS, w, sizeof *w, fds, BUS_FD_COUNT, count);
    if (bytes == -1)
        return message_set(m, MMSB_BUSY, "the engine of the bus `%s` did not answer for 30 s",
                           name);
    *again = bytes == 0;
    if (*again) return message_set(m, MMSB_IO, "the engine of the bus `%s` hung up", name);
    if (bytes != sizeof *w || memcmp(w->magic, BUS_MAGIC, 8) != 0)
        return message_set(m, MMSB_ABSENT, "what serves `%s` is no bus", name);
    w->text[sizeof w->text - 1] = 0;
    if (w->status != 0)
        return message_set(m, w->status <= MMSB_BUG ? (mmsb_status)w->status : MMSB_IO,
                           "the bus `%s`: %s", name, (const char *)w->text);
    if (w->version != BUS_VERSION)
        return message_set(m, MMSB_ABSENT, "the bus `%s` has version %u, this program %u", name,
                           w->version, BUS_VERSION);
    ASSERT(*count <= BUS_FD_COUNT);
    return *count == (w->homes_bytes != 0 ? BUS_FD_COUNT : BUS_FD_COUNT - 1)
               ? MMSB_OK
               : message_set(m, MMSB_IO, "the bus `%s` sent %u descriptors", name, *count);
}

static mmsb_status map_all(bus *b, const int *fds, message *m) {
    const bus_welcome *w = &b->welcome;
    void *board = NULL, *pages = NULL, *graph = NULL, *memory = NULL, *homes = NULL;
    u64 ring_bytes = BUS_RING_AT + w->ring_bytes + w->reply_bytes;
    ASSERT(fds[BUS_BOARD] >= 0);
    int failed = shared_map(fds[BUS_BOARD], w->board_bytes, false, &board);
    if (failed == 0) failed = shared_map(fds[BUS_PAGES], w->pages_bytes, false, &pages);
    if (failed == 0)
        failed = shared_map(fds[BUS_IMAGE], ALIGN_UP(w->image_bytes, 4096), false, &graph);
    if (failed == 0) failed = shared_map(fds[BUS_RING], ring_bytes, true, &memory);
    if (failed == 0 && w->homes_bytes != 0)
        failed = shared_map(fds[BUS_HOMES], w->homes_bytes, false, &homes);
    b->board = board, b->pages = pages, b->image_bytes = graph, b->shared = memory;
    b->homes = homes;
    if (failed == 0) return MMSB_OK;
    return message_set(m, failed == -ENOMEM ? MMSB_OUT_OF_SPACE : MMSB_IO,
                       "the memory of the bus cannot be mapped: %s", strerror(-failed));
}

static bool page_is_sound(const bus *b, const bus_page *p) {
    const bus_welcome *w = &b->welcome;
    ASSERT(b->board != NULL);
    if (p->type >= TYPE_COUNT || p->axis_count > 4 || p->lanes == 0 || p->lanes > LANES_MAX)
        return false;
    u64 bytes = p->lanes * type_bytes(p->type), homes = b->board->home_count;
    if (bytes > w->pages_bytes || p->pages_at > w->pages_bytes - bytes) return false;
    if (p->name_at >= w->board_bytes ||
        memchr((const u8 *)b->board + p->name_at, 0, w->board_bytes - p->name_at) == NULL)
        return false;
    if (w->homes_bytes == 0) return true;
    return homes != 0 && bytes <= w->homes_bytes / homes &&
           p->home_at <= w->homes_bytes / homes - bytes;
}

static mmsb_status board_check(bus *b, message *m) {
    const bus_board *d = b->board;
    const bus_welcome *w = &b->welcome;
    u64 rows = d->page_count * sizeof(bus_page), changes = d->change_count * sizeof(bus_change);
    bool sound =
        memcmp(d->magic, BUS_MAGIC, 8) == 0 && d->version == BUS_VERSION &&
        d->generation == w->generation && d->bytes == w->board_bytes && d->pages_at % 8 == 0 &&
        d->pages_at <= d->bytes && rows <= d->bytes - d->pages_at && d->change_count != 0 &&
        (d->change_count & (d->change_count - 1)) == 0 && d->change_count <= d->bytes &&
        d->changes_at % 8 == 0 && d->changes_at <= d->bytes && changes <= d->bytes - d->changes_at;
    ASSERT(sizeof *d <= 4096);
    b->table = sound ? (const bus_page *)((const u8 *)d + d->pages_at) : NULL;
    for (u32 k = 0; sound && k < d->page_count; k++) sound = page_is_sound(b, &b->table[k]);
    return sound ? MMSB_OK : message_set(m, MMSB_DAMAGED, "the board of the bus makes no sense");
}

static mmsb_status rings_open(bus *b, message *m) {
    const bus_welcome *w = &b->welcome;
    u8 *at = (u8 *)b->shared + BUS_RING_AT;
    ASSERT(w->ring_bytes % 8 == 0);
    b->requests = (ring){.head = &b->shared->request_head,
                         .tail = &b->shared->request_tail,
                         .bytes = at,
                         .size = w->ring_bytes};
    b->replies = (ring){.head = &b->shared->reply_head,
                        .tail = &b->shared->reply_tail,
                        .bytes = at + w->ring_bytes,
                        .size = w->reply_bytes};
    b->body = region_take(w->ring_bytes);
    b->next_id = w->last_request + 1;
    return b->body != NULL ? MMSB_OK
                           : message_set(m, MMSB_OUT_OF_SPACE, "no memory for commits to the bus");
}

static bool sizes_are_sound(const bus_welcome *w) {
    ASSERT(w->status == 0);
    u64 most = (u64)1 << 46;
    return w->ring_bytes >= BUS_RING_BYTES_MIN && w->ring_bytes <= BUS_RING_BYTES_MAX &&
           (w->ring_bytes & (w->ring_bytes - 1)) == 0 && w->reply_bytes == BUS_REPLY_RING_BYTES &&
           w->board_bytes <= most && w->pages_bytes <= most && w->homes_bytes <= most &&
           w->image_bytes != 0 && w->image_bytes <= most;
}

/* Connects, says hello, gets the welcome. *again: the engine hung up without a word, as it does to
 * the oldest connection that has not said hello when others crowd in. */
static mmsb_status greet(bus *b, const char *name, const bus_options *o, int *fds, u32 *count,
                         bool *again, message *m) {
    bus_hello hello = {.version = BUS_VERSION, .ring_bytes = o->ring_bytes, .stream = o->stream};
    ASSERT(b->socket < 0);
    memcpy(hello.magic, BUS_MAGIC, 8);
    *again = false;
    TRY(port_connect(name, &b->socket, m));
    /* Where the engine has refused already its words are there, though no packet goes. */
    port_send(b->socket, &hello, sizeof hello, NULL, 0);
    mmsb_status s = welcome_receive(b, name, fds, count, again, m);
    if (s == MMSB_OK) return MMSB_OK;
    for (; *count != 0; --*count) close(fds[*count - 1]);
    close(b->socket);
    b->socket = -1;
    return s;
}

static mmsb_status attach(bus *b, const char *name, const bus_options *o, message *m) {
    int fds[BUS_FD_COUNT];
    u32 count = 0;
    bool again = true;
    mmsb_status s = MMSB_OK;
    for (u32 tries = 0; again && tries < GREET_TRIES; tries++)
        s = greet(b, name, o, fds, &count, &again, m);
    TRY(s);
    if (!sizes_are_sound(&b->welcome))
        s = message_set(m, MMSB_DAMAGED, "the welcome of the bus `%s` makes no sense", name);
    if (s == MMSB_OK) s = map_all(b, fds, m);
    if (s == MMSB_OK) b->bell = fds[BUS_BELL];
    for (u32 k = 0; k < count; k++)
        if (fds[k] != b->bell) close(fds[k]);
    if (s == MMSB_OK) s = board_check(b, m);
    ASSERT(s != MMSB_OK || b->bell >= 0);
    return s == MMSB_OK ? rings_open(b, m) : s;
}

/* That this thread may run on. */
static int processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    ASSERT(count > 0);
    return count;
}

mmsb_status bus_attach(const char *name, const bus_options *options, bus **out, message *m) {
    static const bus_options none = {0};
    bus *b = region_take(sizeof *b);
    *out = NULL;
    ASSERT(name != NULL);
    if (b == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a bus");
    b->socket = b->bell = b->nudge = -1, b->lease_home = LEASE_NONE;
    if (options == NULL) options = &none;
    b->spin_ns = options->spin_ns == 0 ? SPIN_NS : options->spin_ns;
    b->answer_spin_ns = options->spin_ns == 0 && processors() > 1 ? ANSWER_SPIN_NS : b->spin_ns;
    mmsb_status s = attach(b, name, options, m);
    if (s == MMSB_OK && (b->nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        s = message_set(m, MMSB_IO, "no eventfd: %s", strerror(errno));
    if (s == MMSB_OK) {
        b->changes_seen = atomic_load_explicit(&b->board->changes_end, memory_order_acquire);
        b->armed_epoch = bus_epoch(b), b->armed_durable = bus_durable_epoch(b);
        *out = b;
    } else {
        bus_detach(b);
    }
    return s;
}

void bus_detach(bus *b) {
    if (b == NULL) return;
    const bus_welcome *w = &b->welcome;
    ASSERT(b->socket >= 0 || b->board == NULL);
    if (b->socket >= 0) close(b->socket); /* the engine frees ring and lease at the hang-up */
    if (b->bell >= 0) close(b->bell);
    if (b->nudge >= 0) close(b->nudge);
    shared_unmap(b->board, w->board_bytes);
    shared_unmap(b->pages, w->pages_bytes);
    shared_unmap(b->homes, w->homes_bytes);
    shared_unmap(b->image_bytes, ALIGN_UP(w->image_bytes, 4096));
    shared_unmap(b->shared, BUS_RING_AT + w->ring_bytes + w->reply_bytes);
    region_give_back(b->body, w->ring_bytes);
    arena_close(b->names);
    region_give_back(b, sizeof *b);
}

u32 bus_page_count(const bus *b) {
    ASSERT(b->table != NULL);
    return b->board->page_count;
}

void bus_page_get(const bus *b, u32 page, bus_page_info *out) {
    ASSERT(page < b->board->page_count);
    const bus_page *p = &b->table[page];
    *out = (bus_page_info){.name = (const char *)b->board + p->name_at,
                           .type = p->type,
                           .axis_count = p->axis_count,
                           .lanes = p->lanes,
                           .takes = p->takes != 0,
                           .exported = (p->flags & PAGE_EXPORTED) != 0,
                           .image_row = p->row};
    memcpy(out->dims, p->dims, sizeof out->dims);
}

u32 bus_page_find(const bus *b, const char *name, u64 bytes) {
    ASSERT(name != NULL || bytes == 0);
    for (u32 k = 0; k < b->board->page_count; k++) {
        const char *text = (const char *)b->board + b->table[k].name_at;
        if (strlen(text) == bytes && memcmp(text, name, bytes) == 0) return k;
    }
    return BUS_PAGE_NONE;
}

mmsb_status bus_image(bus *b, const image **out, message *m) {
    ASSERT(out != NULL);
    *out = NULL;
    if (!b->image_verified) TRY(image_verify(b->image_bytes, b->welcome.image_bytes, &b->image, m));
    if (!b->image_verified) b->names = arena_open(0);
    if (!b->image_verified && b->names != NULL) image_index(&b->image, b->names);
    b->image_verified = true;
    *out = &b->image;
    return MMSB_OK;
}

u64 bus_epoch(const bus *b) { return atomic_load_explicit(&b->board->epoch, memory_order_acquire); }
u64 bus_durable_epoch(const bus *b) {
    ASSERT(b->board != NULL);
    return atomic_load_explicit(&b->board->durable_epoch, memory_order_acquire);
}
bool bus_keeps_log(const bus *b) { return (b->board->flags & BUS_KEEPS_LOG) != 0; }
bool bus_has_leases(const bus *b) { return b->homes != NULL; }
u64 bus_last_request(const bus *b) { return b->welcome.last_request; }
int bus_descriptor(const bus *b) { return b->socket; }

mmsb_status bus_alive(const bus *b, message *m) {
    u64 state = atomic_load_explicit(&b->board->state, memory_order_acquire);
    struct pollfd p = {.fd = b->socket, .events = POLLRDHUP};
    ASSERT(b->socket >= 0);
    if (state == BUS_CLOSED) return message_set(m, MMSB_IO, "the engine has closed the bus");
    if (state == BUS_FAILED)
        return message_set(m, MMSB_IO,
                           "the engine has failed: what was not said to be durable is known "
                           "after its next start");
    if (b->gone || (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0))
        return message_set(m, MMSB_IO, "the engine is gone, or has cut this client off");
    return MMSB_OK;
}

const char *bus_counter(const bus *b, u32 k, u64 *value, const char **text) {
    ASSERT(value != NULL && text != NULL);
#define X(name, words) {#name, words, &b->board->count.name},
    const struct {
        const char *name, *text;
        const _Atomic u64 *at;
    } rows[] = {BUS_COUNTERS(X)};
#undef X
    if (k >= ARRAY_COUNT(rows)) return NULL;
    *value = atomic_load_explicit(rows[k].at, memory_order_relaxed);
    *text = rows[k].text;
    return rows[k].name;
}

mmsb_status bus_view_begin(const bus *b, bus_view *v, message *m) {
    u64 deadline = 0;
    ASSERT(v != NULL);
    for (u32 tries = 1;; tries++) {
        /* Acquire, with the release store in board_publish: what is read next is at least this
         * epoch's. */
        v->sequence = atomic_load_explicit(&b->board->sequence, memory_order_acquire);
        v->epoch = atomic_load_explicit(&b->board->epoch, memory_order_relaxed);
        if ((v->sequence & 1) == 0) return MMSB_OK;
        ring_pause();
        if (tries % TRIES_BETWEEN_LOOKS != 0) continue;
        mmsb_status s = bus_alive(b, m);
        if (s != MMSB_OK) return s;
        u64 now = client_clock();
        if (deadline == 0) deadline = now + VIEW_NS;
        if (now > deadline)
            return message_set(m, MMSB_BUSY, "an epoch has taken longer than a second");
        sched_yield();
    }
}

bool bus_view_end(const bus *b, const bus_view *v) {
    ASSERT((v->sequence & 1) == 0);
    /* Acquire fence, with the release fence in board_begin: had anything been read that a later
     * epoch wrote, this load would give that epoch's sequence. */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&b->board->sequence, memory_order_relaxed) == v->sequence;
}

const void *bus_page_at(const bus *b, u32 page) {
    ASSERT(page < b->board->page_count);
    return b->pages + b->table[page].pages_at;
}

const void *bus_leased(const bus *b, u32 page) {
    ASSERT(page < b->board->page_count);
    ASSERT(b->lease_home != LEASE_NONE);
    u64 home_bytes = b->welcome.homes_bytes / b->board->home_count;
    return b->homes + b->lease_home * home_bytes + b->table[page].home_at;
}

mmsb_status bus_read(const bus *b, u32 page, u64 first, u64 count, void *to, u64 *epoch,
                     message *m) {
    ASSERT(page < b->board->page_count);
    const bus_page *p = &b->table[page];
    u64 width = type_bytes(p->type), deadline = 0;
    if (first > p->lanes || count > p->lanes - first)
        return message_set(m, MMSB_USAGE, "the page has %llu lanes", (unsigned long long)p->lanes);
    for (u32 tries = 1;; tries++) {
        bus_view v;
        TRY(bus_view_begin(b, &v, m));
        memcpy(to, b->pages + p->pages_at + first * width, count * width);
        if (bus_view_end(b, &v)) {
            if (epoch != NULL) *epoch = v.epoch;
            return MMSB_OK;
        }
        if (tries % 16 != 0) continue;
        u64 now = client_clock();
        if (deadline == 0) deadline = now + VIEW_NS;
        if (now > deadline)
            return message_set(m, MMSB_BUSY,
                               "epochs follow each other faster than the page is read: take a "
                               "lease");
    }
}

u32 bus_changes(bus *b, bus_changed *to, u32 most, bool *missed) {
    const bus_board *d = b->board;
    const bus_change *rows = (const bus_change *)((const u8 *)d + d->changes_at);
    u64 end = atomic_load_explicit(&d->changes_end, memory_order_acquire);
    u64 from = b->changes_seen;
    u32 count = 0;
    ASSERT(to != NULL || most == 0);
    *missed = end - from > d->change_count;
    for (; !*missed && count < most && from != end; from++, count++) {
        bus_change c = rows[from & (d->change_count - 1)];
        /* Acquire fence, with the release fence in change_put: had the row been written over
         * meanwhile, this load would say so. */
        atomic_thread_fence(memory_order_acquire);
        u64 begun = atomic_load_explicit(&d->changes_begun, memory_order_relaxed);
        if (begun - from > d->change_count || c.page >= d->page_count) {
            *missed = true;
            break;
        }
        to[count] = (bus_changed){c.epoch, c.page, c.first, c.count};
    }
    b->changes_seen = *missed ? end : from;
    return *missed ? 0 : count;
}
