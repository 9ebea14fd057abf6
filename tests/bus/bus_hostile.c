/* SPDX-License-Identifier: Apache-2.0
 * bus_hostile: a client that breaks every rule: it speaks the protocol by hand. `bus_hostile NAME
 * MODE SEED COUNT`; prints one line; status 1: it got what no client may get. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/port.h"
#include "bus/protocol.h"
#include "delta.h"

typedef unsigned long long llu;

#define LIMIT_MS 60000 /* a busy machine may take it */

static u64 seed;
static message words;
typedef struct {
    int socket, fds[BUS_FD_COUNT];
    u32 count;
    bus_welcome w;
    bus_ring *ring;
    u8 *bytes; /* of requests */
} door;

static u64 draw(u64 below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return below == 0 ? 0 : (seed >> 24) % below;
}

static bool door_open(const char *name, door *d, u64 ring_bytes) {
    bus_hello h = {.version = BUS_VERSION, .ring_bytes = ring_bytes};
    memcpy(h.magic, BUS_MAGIC, 8);
    *d = (door){.socket = -1};
    if (port_connect(name, &d->socket, &words) != MMSB_OK) return false;
    if (!port_send(d->socket, &h, sizeof h, NULL, 0)) return false;
    i64 got =
        port_receive(d->socket, LIMIT_MS, &d->w, sizeof d->w, d->fds, BUS_FD_COUNT, &d->count);
    if (got != sizeof d->w || d->w.status != 0) return false;
    u64 bytes = BUS_RING_AT + d->w.ring_bytes + d->w.reply_bytes;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, d->fds[BUS_RING], 0);
    if (at == MAP_FAILED) return false;
    d->ring = at, d->bytes = (u8 *)at + BUS_RING_AT;
    return true;
}

static void door_close(door *d) {
    if (d->ring != NULL) munmap(d->ring, BUS_RING_AT + d->w.ring_bytes + d->w.reply_bytes);
    for (u32 k = 0; k < d->count; k++) close(d->fds[k]);
    if (d->socket >= 0) close(d->socket);
}

static void ring_bell(const door *d) {
    u64 one = 1;
    if (write(d->fds[BUS_BELL], &one, 8) != 8) errno = 0;
}

/* A sound commit of one delta of page row 1, then spoilt in one place or more. */
__attribute__((no_sanitize("thread"))) static u64 request_make(u8 *to, u64 most, u64 id) {
    double values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    delta d = {
        .page = 1, .type = TYPE_F64, .first = draw(8), .count = 1 + draw(8), .payload = values};
    d.payload_bytes = d.count * 8;
    u64 bytes = sizeof(bus_request) + delta_bytes(&d);
    if (bytes > most) return 0;
    bus_request q = {.bytes = (u32)bytes, .kind = BUS_COMMIT, .id = id};
    delta_write(&d, to + sizeof q);
    memcpy(to, &q, sizeof q);
    return bytes;
}

/* scribble: requests with spoilt heads, bodies, positions; random bytes over the ring. */
static void scribble_once(door *d, u64 id) {
    _Alignas(8) u8 request[512];
    u64 size = d->w.ring_bytes, head = atomic_load(&d->ring->request_head);
    u64 bytes = request_make(request, sizeof request, id);
    u64 what = draw(8);
    for (u64 k = 0; k < draw(4); k++) request[draw(bytes)] = (u8)draw(256);
    for (u64 k = 0; k < bytes; k++) d->bytes[(head + k) & (size - 1)] = request[k];
    if (what == 0) head += draw(2 * size);
    if (what == 1) atomic_store(&d->ring->reply_tail, draw(UINT32_MAX));
    if (what == 2)
        for (u64 k = 0; k < 64; k++) d->bytes[draw(size)] = (u8)draw(256);
    if (what == 3) atomic_store(&d->ring->armed, draw(UINT64_MAX));
    if (what == 4) atomic_store(&d->ring->request_tail, draw(UINT64_MAX));
    if (what == 5) atomic_store(&d->ring->reply_head, draw(UINT64_MAX));
    if (what != 1) atomic_store(&d->ring->reply_tail, atomic_load(&d->ring->reply_head));
    atomic_store(&d->ring->request_head, head + bytes);
    ring_bell(d);
}

static int scribble_run(const char *name, u64 count) {
    u64 opened = 0, cut = 0;
    door d;
    for (u64 k = 0; k < count;) {
        if (!door_open(name, &d, 4096)) {
            printf("no door: %s\n", words.text);
            return 1;
        }
        opened++;
        for (u64 id = 1; k < count; id++, k++) {
            struct pollfd p = {.fd = d.socket, .events = POLLRDHUP};
            scribble_once(&d, id);
            if (draw(4) == 0) usleep(draw(300));
            if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP)) != 0) {
                cut++;
                break;
            }
        }
        door_close(&d);
    }
    printf("scribbled %llu, %llu doors, cut off %llu times\n", (llu)count, (llu)opened, (llu)cut);
    return cut == 0; /* nothing of it was noticed: the test does not test */
}

/* race: a second thread changes request and head while the engine reads them. */
static door raced;
static _Atomic bool race_over;

/* Races on purpose. */
__attribute__((no_sanitize("thread"))) static void *race_thread(void *context) {
    u64 own = (u64)(uintptr_t)context, size = raced.w.ring_bytes;
    while (!atomic_load(&race_over)) {
        own = own * 6364136223846793005u + 1442695040888963407u;
        u64 head = atomic_load_explicit(&raced.ring->request_head, memory_order_relaxed);
        u64 at = (head - (own >> 20) % 128) & (size - 1);
        raced.bytes[at] ^= (u8)(1 << (own >> 60 & 7));
        raced.bytes[at] ^= (u8)(1 << (own >> 60 & 7));
        if (own >> 59 == 0) raced.bytes[at] = (u8)(own >> 30);
    }
    return NULL;
}

__attribute__((no_sanitize("thread"))) static int race_run(const char *name, u64 count) {
    u64 cut = 0, doors = 0;
    for (u64 k = 0; k < count; doors++) {
        pthread_t t;
        if (!door_open(name, &raced, 4096)) {
            printf("no door: %s\n", words.text);
            return 1;
        }
        atomic_store(&race_over, false);
        if (pthread_create(&t, NULL, race_thread, (void *)(uintptr_t)(draw(UINT32_MAX) + 1)) != 0)
            return 1;
        for (u64 id = 1; k < count; id++, k++) {
            _Alignas(8) u8 request[512];
            u64 size = raced.w.ring_bytes, head = atomic_load(&raced.ring->request_head);
            u64 bytes = request_make(request, sizeof request, id);
            for (u64 n = 0; n < bytes; n++) raced.bytes[(head + n) & (size - 1)] = request[n];
            atomic_store(&raced.ring->request_head, head + bytes);
            ring_bell(&raced);
            for (u32 spin = 0; spin < 2000 && atomic_load(&raced.ring->request_tail) == head;
                 spin++)
                atomic_store(&raced.ring->reply_tail, atomic_load(&raced.ring->reply_head));
            struct pollfd p = {.fd = raced.socket, .events = POLLRDHUP};
            if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP)) != 0) {
                cut++;
                break;
            }
        }
        atomic_store(&race_over, true);
        pthread_join(t, NULL);
        door_close(&raced);
    }
    printf("raced %llu, %llu doors, cut off %llu times\n", (llu)count, (llu)doors, (llu)cut);
    return 0;
}

/* garbage: packets that are no hello, hellos that ask for nonsense, descriptors sent along,
 * connections that say nothing, packets after the hello. */
static void garbage_once(const char *name, u64 *refused) {
    u8 bytes[4096];
    int fd, fds[4] = {0, 1, 2, 0};
    bus_welcome w;
    u32 none;
    bus_hello h = {.version = BUS_VERSION};
    door d;
    memcpy(h.magic, BUS_MAGIC, 8);
    for (u32 k = 0; k < sizeof bytes; k++) bytes[k] = (u8)draw(256);
    u64 what = draw(5);
    if (what == 4) { /* a client that talks on */
        if (!door_open(name, &d, 4096)) return;
        port_send(d.socket, bytes, 1 + draw(sizeof bytes - 1), fds, (u32)draw(4));
        *refused += port_receive(d.socket, LIMIT_MS, &w, sizeof w, NULL, 0, &none) == 0;
        door_close(&d);
        return;
    }
    if (port_connect(name, &fd, &words) != MMSB_OK) return;
    if (what == 0) port_send(fd, bytes, 1 + draw(sizeof bytes - 1), fds, (u32)draw(4));
    if (what == 1) h.ring_bytes = draw(UINT64_MAX);
    if (what == 2) h.version = (u32)draw(UINT32_MAX), h.zeros[draw(4)] = draw(3);
    if (what == 1 || what == 2) port_send(fd, &h, sizeof h, fds, (u32)draw(4));
    if (what < 3 && port_receive(fd, LIMIT_MS, &w, sizeof w, NULL, 0, &none) == sizeof w)
        *refused += w.status != 0;
    close(fd);
}

static int garbage_run(const char *name, u64 count) {
    u64 refused = 0;
    for (u64 k = 0; k < count; k++) garbage_once(name, &refused);
    printf("garbage %llu, refused %llu\n", (llu)count, (llu)refused);
    return refused == 0;
}

/* seals: everything that would let a client change what others see. */
static int tried, got;
static void try_that(const char *what, bool succeeded) {
    tried++;
    if (!succeeded) return;
    got++;
    printf("broken: a client can %s\n", what);
}

static void seals_of(int fd, u64 bytes, const char *what) {
    char path[64];
    u8 byte = 1;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    try_that("map what is read-only for writing", at != MAP_FAILED);
    at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        try_that("be refused to read", true);
        return;
    }
    try_that("make its map writable", mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0);
    try_that("take pages out", madvise(at, bytes, MADV_REMOVE) == 0);
    try_that("write to the file", pwrite(fd, &byte, 1, 0) >= 0);
    try_that("shorten the file", ftruncate(fd, 0) == 0);
    try_that("lengthen the file", ftruncate(fd, (off_t)bytes * 2) == 0);
    try_that("add seals", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fchmod(fd, 0777);
    int again = open(path, O_RDWR | O_CLOEXEC);
    if (again >= 0) { /* a user may open its own file anew: the seals must hold */
        void *more = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
        try_that("map it for writing when opened anew", more != MAP_FAILED);
        try_that("write when opened anew", pwrite(again, &byte, 1, 0) >= 0);
        try_that("shorten when opened anew", ftruncate(again, 0) == 0);
        try_that("punch a hole",
                 fallocate(again, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0);
        close(again);
    }
    munmap(at, bytes);
    (void)what;
}

static int seals_run(const char *name) {
    door d;
    if (!door_open(name, &d, 0)) return 1;
    seals_of(d.fds[BUS_BOARD], d.w.board_bytes, "board");
    seals_of(d.fds[BUS_PAGES], d.w.pages_bytes, "pages");
    seals_of(d.fds[BUS_IMAGE], ALIGN_UP(d.w.image_bytes, 4096), "image");
    if (d.w.homes_bytes != 0) seals_of(d.fds[BUS_HOMES], d.w.homes_bytes, "homes");
    try_that("shorten its ring", ftruncate(d.fds[BUS_RING], 0) == 0);
    try_that("lengthen its ring", ftruncate(d.fds[BUS_RING], 1 << 30) == 0);
    try_that("seal its ring", fcntl(d.fds[BUS_RING], F_ADD_SEALS, F_SEAL_WRITE) == 0);
    /* What it may do to its own: the engine must live with it. */
    fallocate(d.fds[BUS_RING], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536);
    fcntl(d.fds[BUS_BELL], F_SETFL, 0);
    u64 most = UINT64_MAX - 1;
    if (write(d.fds[BUS_BELL], &most, 8) != 8) errno = 0;
    atomic_store(&d.ring->armed, UINT64_MAX);
    usleep(20000);
    door_close(&d);
    printf("seals %d tried, %d got\n", tried, got);
    return got != 0 || tried < 20;
}

int main(int count, char **a) {
    if (count < 3) return 2;
    u64 n = count > 4 ? strtoull(a[4], NULL, 10) : 1;
    seed = count > 3 ? strtoull(a[3], NULL, 10) : 1;
    if (strcmp(a[2], "scribble") == 0) return scribble_run(a[1], n);
    if (strcmp(a[2], "race") == 0) return race_run(a[1], n);
    if (strcmp(a[2], "garbage") == 0) return garbage_run(a[1], n);
    if (strcmp(a[2], "seals") == 0) return seals_run(a[1]);
    return 2;
}
