/* SPDX-License-Identifier: Apache-2.0
 * protocol: what engine and clients of a bus share, byte by byte; docs/Bus.md tells it whole.
 * All numbers are little-endian (as the machine is). Every word that both sides touch is an atomic
 * of 8 bytes and is read once.
 *
 * A client connects to the socket, sends bus_hello and gets bus_welcome with six descriptors:
 *   board   read-only  constants, counters, page table, names, ring of changes
 *   pages   read-only  the live values of all pages
 *   homes   read-only  leased epochs, home_bytes each (absent without --leases)
 *   image   read-only  the graph (.mmsbx)
 *   ring    both write the client's own: requests one way, replies the other
 *   bell    eventfd    the client writes it when the engine sleeps; the engine only polls it
 * Afterwards the client sends nothing on the socket: a byte from the engine wakes it, and the
 * hang-up is the death notice both ways. */
#ifndef MMSB_BUS_PROTOCOL_H
#define MMSB_BUS_PROTOCOL_H
#include <stdatomic.h>

#include "../core/base.h"

#define BUS_VERSION 1u
#define BUS_MAGIC "MMSBBUS\x1a"
#define BUS_CACHE_LINE 64u
#define BUS_HOMES_MAX 16u
#define BUS_RING_BYTES_MIN ((u64)4 << 10)
#define BUS_RING_BYTES ((u64)1 << 20) /* where the client asks for none */
#define BUS_RING_BYTES_MAX ((u64)16 << 20)
#define BUS_REPLY_RING_BYTES ((u64)64 << 10)
#define BUS_REPLY_BYTES_MAX 512u

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "words shared between processes must not need a lock");
static_assert(sizeof(_Atomic u64) == 8, "a shared word is the word alone");

/* Client to engine, one packet. No descriptors: any that come are closed unread. */
typedef struct {
    u8 magic[8];    /*  0  8 BUS_MAGIC */
    u32 version;    /*  8  4 BUS_VERSION */
    u32 zero;       /* 12  4 */
    u64 ring_bytes; /* 16  8 for requests, a power of two; 0: BUS_RING_BYTES */
    u64 stream;     /* 24  8 request stream whose numbers are logged; 0: none */
    u64 zeros[4];   /* 32 32 */
} bus_hello;
static_assert(sizeof(bus_hello) == 64, "bus_hello is a protocol: change BUS_VERSION");

typedef enum {
    BUS_BOARD,
    BUS_PAGES,
    BUS_IMAGE,
    BUS_RING,
    BUS_BELL,
    BUS_HOMES,
    BUS_FD_COUNT
} bus_fd;

/* Engine to client, one packet; descriptors in the order of bus_fd, HOMES only where there are
 * homes. Refused: status is not 0, no descriptors, text says why. */
typedef struct {
    u8 magic[8];      /*   0  8 */
    u32 version;      /*   8  4 */
    u32 status;       /*  12  4 mmsb_status */
    u64 generation;   /*  16  8 random: another engine under the same name has another */
    u64 board_bytes;  /*  24  8 sizes of the descriptors, multiples of 4096 */
    u64 pages_bytes;  /*  32  8 */
    u64 homes_bytes;  /*  40  8 of all homes; 0: none */
    u64 image_bytes;  /*  48  8 of the graph; its descriptor is that, rounded up to 4096 */
    u64 ring_bytes;   /*  56  8 for requests; the descriptor: + reply_bytes + 4096 */
    u64 reply_bytes;  /*  64  8 for replies */
    u64 last_request; /*  72  8 highest number of hello.stream that the log has, 0: none */
    u8 text[176];     /*  80 176 ends with 0 */
} bus_welcome;
static_assert(sizeof(bus_welcome) == 256, "bus_welcome is a protocol: change BUS_VERSION");

typedef enum { BUS_LIVE = 1, BUS_CLOSED, BUS_FAILED } bus_state;
enum {
    BUS_KEEPS_LOG = 1 /* there is a log that is synced: durable_epoch moves */
};

/* Counters for whoever looks; no promise rests on them. */
#define BUS_COUNTERS(X)                                            \
    X(clients, "clients attached now")                             \
    X(attached, "clients attached so far")                         \
    X(broken, "clients cut off: they broke the protocol")          \
    X(commits, "commits taken")                                    \
    X(commit_bytes, "bytes of deltas in them")                     \
    X(rejected, "commits refused or rejected")                     \
    X(ticks, "ticks of the engine's own")                          \
    X(leases, "leases held now")                                   \
    X(leases_busy, "leases refused because all homes were pinned") \
    X(lease_blocks, "blocks copied to homes")                      \
    X(sleeps, "times that the engine slept")

/* The board, at byte 0 of its descriptor. One line is one cache line; only the engine writes. */
typedef struct {
    u8 magic[8];        /*   0 8 */
    u32 version, flags; /*   8 8 */
    u64 generation;     /*  16 8 */
    u64 bytes;          /*  24 8 */
    u32 page_count;     /*  32 4 rows of the page table */
    u32 home_count;     /*  36 4 */
    u64 pages_at;       /*  40 8 bus_page rows */
    u64 changes_at;     /*  48 8 ring of bus_change */
    u64 change_count;   /*  56 8 its rows, a power of two */
    /* 64: odd while the engine changes pages; even: they are `epoch`, whole */
    _Alignas(64) _Atomic u64 sequence;
    _Atomic u64 epoch;
    _Atomic u64 durable_epoch; /* every epoch up to it survives power loss */
    _Atomic u64 state;         /* bus_state */
    /* 128: rows of changes ever written, and that are being written over */
    _Alignas(64) _Atomic u64 changes_end;
    _Atomic u64 changes_begun;
    /* 192: 1: ring the bell after putting a request */
    _Alignas(64) _Atomic u64 asleep;
#define X(name, text) _Atomic u64 name;
    /* 256 */
    _Alignas(64) struct { BUS_COUNTERS(X) } count;
#undef X
} bus_board;
static_assert(offsetof(bus_board, sequence) == 64, "bus_board is a protocol");
static_assert(offsetof(bus_board, changes_end) == 128, "bus_board is a protocol");
static_assert(offsetof(bus_board, asleep) == 192, "bus_board is a protocol");
static_assert(offsetof(bus_board, count) == 256, "bus_board is a protocol");

/* A readable page: sources, state pages, stored derived pages with a name. */
typedef struct {
    u64 pages_at; /*  0 8 of its lanes in PAGES */
    u64 home_at;  /*  8 8 of its lanes in a home */
    u64 lanes;    /* 16 8 */
    u64 dims[4];  /* 24 32 past axis_count: 1 */
    u32 row;      /* 56 4 row of the image's PAGES: what a delta names */
    u8 type;      /* 60 1 type_id */
    u8 axis_count;
    u8 flags;     /* 62 1 PAGE_ bits of the image */
    u8 takes;     /* 63 1 1: takes deltas */
    u32 name_at;  /* 64 4 in the board; ends with 0 */
    u32 zero;     /* 68 4 */
    u64 zeros[3]; /* 72 24 */
} bus_page;
static_assert(sizeof(bus_page) == 96, "bus_page is a protocol: change BUS_VERSION");

#define BUS_CHANGE_ALL UINT32_MAX /* of page: any lane of any page */
/* Lanes that an epoch changed (at least those). Row k lies at k modulo change_count. */
typedef struct {
    u64 epoch;        /* 0 8 */
    u32 page, zero;   /* 8 8 row of the board's page table, or BUS_CHANGE_ALL */
    u64 first, count; /* 16 16 */
} bus_change;
static_assert(sizeof(bus_change) == 32, "bus_change is a protocol: change BUS_VERSION");

/* A ring, at byte 0 of its descriptor; requests lie at 4096, replies behind them. A position
 * counts bytes ever put; its place is that modulo the ring's bytes. Each line has one writer. */
typedef struct {
    _Alignas(64) _Atomic u64 request_head; /*   0 client: put up to here */
    _Alignas(64) _Atomic u64 reply_tail;   /*  64 client: read up to here */
    _Atomic u64 armed;                     /*  72 client sets BUS_WAKE_ bits, engine takes them */
    _Alignas(64) _Atomic u64 request_tail; /* 128 engine: taken up to here */
    _Alignas(64) _Atomic u64 reply_head;   /* 192 engine: put up to here */
} bus_ring;
#define BUS_RING_AT 4096u
static_assert(sizeof(bus_ring) == 256 && sizeof(bus_ring) <= BUS_RING_AT, "bus_ring is a protocol");
enum {
    BUS_WAKE_REPLY = 1,  /* a reply was put, or requests were taken */
    BUS_WAKE_EPOCH = 2,  /* an epoch was published */
    BUS_WAKE_DURABLE = 4 /* durable_epoch moved */
};

typedef enum {
    BUS_COMMIT = 1,   /* body: deltas as in a TLog record; none is a tick */
    BUS_LEASE,        /* pins the epoch at which it is taken */
    BUS_LEASE_RETURN, /* no reply */
    BUS_REQUEST_COUNT
} bus_request_kind;
/* Head of a request, 8-aligned; the body follows. */
typedef struct {
    u32 bytes; /*  0 4 head and body, a multiple of 8 */
    u16 kind;  /*  4 2 bus_request_kind */
    u16 zero;  /*  6 2 */
    u64 id;    /*  8 8 the client's: rising; its reply has it. With a stream: the logged number */
    u64 zeros; /* 16 8 */
} bus_request;
static_assert(sizeof(bus_request) == 24, "bus_request is a protocol: change BUS_VERSION");

/* Head of a reply; words follow, padded with zeros to 8. */
typedef struct {
    u32 bytes;  /*  0 4 head and words */
    u16 status; /*  4 2 mmsb_status: OK is APPLIED */
    u16 kind;   /*  6 2 of the request */
    u64 id;     /*  8 8 */
    u64 epoch;  /* 16 8 that the commit made (OK) or that stands (else); of the lease */
    u64 value;  /* 24 8 BUS_LEASE: the home. BUS_COMMIT: 1: was in the log already */
} bus_reply;
static_assert(sizeof(bus_reply) == 32, "bus_reply is a protocol: change BUS_VERSION");
#endif
