/* SPDX-License-Identifier: Apache-2.0
 * client_state: the table of an attached client. Private to engine/bus/client*.c. */
#ifndef MMSB_BUS_CLIENT_STATE_H
#define MMSB_BUS_CLIENT_STATE_H
#include "../core/arena.h"
#include "../core/file.h"
#include "client.h"
#include "port.h"
#include "ring.h"

#define LEASE_NONE UINT64_MAX

struct bus {
    int socket, bell; /* -1: none */
    int nudge;        /* an eventfd of the client's own: interrupts its sleep */
    atomic_bool interrupted;
    bus_welcome welcome;
    const bus_board *board; /* the maps; NULL: not yet */
    const u8 *pages, *homes;
    const void *image_bytes;
    bus_ring *shared;
    const bus_page *table; /* in the board, checked at attach */
    ring requests, replies;
    u64 spin_ns, answer_spin_ns; /* answer_spin_ns: while an answer is awaited */
    u64 sleeps;
    u32 late; /* answers in a row that did not come while it looked */
    u8 *body; /* of the commit being made, ring_bytes of address space */
    u64 used, next_id, sent, answered;
    u64 lease_home, lease_epoch; /* LEASE_NONE: none */
    u64 lease_id, lease_replies; /* number of the last; replies that still lie in the ring */
    bool return_pending;         /* a lease ended while the ring was full */
    u64 changes_seen;
    u64 armed_epoch, armed_durable; /* that stood at the last bus_arm, or at attach */
    image image;
    bool image_verified;
    arena *names;     /* of image_index; NULL: none yet */
    atomic_bool gone; /* views look at it from any thread */
    _Alignas(8) u8 reply[BUS_REPLY_BYTES_MAX + 8];
};

/* client_wait.c */
static inline u64 client_clock(void) { return file_system()->clock_ns(file_system()); }
/* Puts one request without a body; MMSB_BUSY: no room. */
mmsb_status client_request(bus *b, bus_request_kind kind, u64 id, message *m);
/* Waits until ready() or the engine is gone (MMSB_IO) or the time is over (MMSB_BUSY). */
typedef struct {
    bool (*ready)(bus *b, u64 argument);
    u64 argument, wake; /* BUS_WAKE_ bits */
    u64 timeout_ns, spin_ns;
    const char *what; /* for the message of a timeout */
} client_waiting;
mmsb_status client_wait(bus *b, const client_waiting *w, message *m);
#endif
