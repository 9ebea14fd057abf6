/* SPDX-License-Identifier: Apache-2.0
 * server_state: the tables of a serving engine. Private to engine/bus/.
 *
 * What the engine wrote into shared memory it knows from its own tables: nothing is read back.
 * What a client wrote is read once, into private memory, checked there, used from there. */
#ifndef MMSB_BUS_SERVER_STATE_H
#define MMSB_BUS_SERVER_STATE_H
#include "../set.h"
#include "port.h"
#include "ring.h"
#include "server.h"

#define CLIENTS_MAX 64u
#define STREAMS_MAX 256u
#define HOME_NONE UINT32_MAX
#define PAGE_ROW_NONE UINT32_MAX

typedef struct {
    int socket, bell; /* -1: the slot is free */
    u32 serial;       /* of the connection: late events of one before are told apart */
    bool greeted;
    bool leaving; /* hung up; what it had put by then, up to leave_at, is still taken */
    u64 leave_at;
    bool asked; /* its hello waits until the one that leaves with its stream has left */
    bus_hello hello;
    shared_region memory;
    bus_ring *shared;
    ring requests, replies;
    u64 stream, last_id; /* last_id: of the stream, in the log */
    u32 home;            /* leased, or HOME_NONE */
} client;

/* A copy of all readable pages, whole at `epoch`, but for the blocks in `behind`. */
typedef struct {
    u64 epoch;
    u32 readers;     /* clients that hold it; while there are any it does not change */
    lane_set behind; /* blocks changed since `epoch`; .whole: all, then nothing is added */
    u8 *set_memory;
} home;

struct bus_server {
    session *s;
    engine *e;
    const image *i;
    bus_server_options o;
    arena *tables;
    file_calls *files;
    port door;
    int epoll, spare; /* spare: given up to refuse a connection where descriptors are short */
    u32 serial;

    shared_region board_memory, homes_memory, image_memory;
    int readers[BUS_FD_COUNT]; /* descriptors that only read, by bus_fd; -1: none */
    bus_board *board;
    u64 sequence, epoch, durable, generation;

    bus_page *pages; /* page_count rows, in the board */
    u32 page_count;
    u32 *row_of; /* by image row: row of `pages`, or PAGE_ROW_NONE */
    bus_change *changes;
    u64 change_count, change_end;
    mmsb_status
        fetched; /* not OK: a GPU did not give its pages back; nothing is published any more */
    message fetch_words;
    bool publishes;   /* an accepted epoch is in the log already: it is published at once */
    u64 change_first; /* of this epoch */
    u32 change_page;  /* being listed: its row, and how many rows it may still have */
    u32 change_left;

    home homes[BUS_HOMES_MAX];
    u64 home_bytes, home_blocks;
    u32 *block_page; /* by block of a home: row of `pages` */

    u64 streams[STREAMS_MAX];
    u32 stream_count;
    client clients[CLIENTS_MAX];
    u32 client_first; /* whose turn is first */
    u64 tick_after;   /* when to try a tick again that the disk refused; 0: none was */
};

/* A counter has one writer: no read-modify-write is needed. */
static inline void count_add(_Atomic u64 *counter, i64 by) {
    u64 was = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, was + (u64)by, memory_order_relaxed);
}

/* board.c */
mmsb_status board_open(bus_server *b, message *m);
void board_end(bus_server *b); /* no more epochs: the board says closed, or failed */
void board_close(bus_server *b);
/* Around everything that changes pages, epoch made or not. */
void board_begin(bus_server *b);
void board_publish(bus_server *b);
/* Not OK: pages of the last epoch cannot be read; it must not be published. */
mmsb_status board_fetched(const bus_server *b, message *m);
/* Whether durable_epoch moved. */
bool board_durable(bus_server *b);
/* homes.c */
mmsb_status homes_open(bus_server *b, message *m);
void homes_close(bus_server *b);
void homes_mark(bus_server *b, u32 row, u64 first, u64 count);
/* Between epochs: a home that holds the current epoch, pinned for one more reader; HOME_NONE: all
 * are pinned at other epochs. */
u32 homes_lease(bus_server *b);
void homes_return(bus_server *b, u32 home);
/* server_client.c */
void client_accept(bus_server *b);
/* Something came on the socket, or it hung up. What a client put before it hung up is taken, in its
 * turn; then it is dropped. */
void client_event(bus_server *b, client *c, bool hung_up);
void client_drop(bus_server *b, client *c);
bool client_waits(const bus_server *b, const client *c);
/* Takes one request, if there is one. *did: it took one. Fails only where the session failed. */
mmsb_status client_serve(bus_server *b, client *c, bool *did, message *m);
/* Sends a byte to every client that armed itself for one of `bits`; REPLY goes to `replied` alone.
 */
void clients_wake(bus_server *b, u64 bits, const client *replied);
#endif
