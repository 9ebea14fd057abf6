/* SPDX-License-Identifier: Apache-2.0
 * server: serves a session to other processes of the same user under a name (docs/Bus.md). One
 * thread: that which calls the session. No client can hold it up: it never waits for one, never
 * takes a lock that one can hold, never reads or writes a descriptor whose flags one can change. */
#ifndef MMSB_BUS_SERVER_H
#define MMSB_BUS_SERVER_H
#include "../session.h"

typedef struct bus_server bus_server;
typedef struct {
    const char *name;
    u32 homes;   /* leased epochs that can be held at once, at most 16 */
    u64 spin_ns; /* how long to look for work before sleeping; 0: not at all */
} bus_server_options;
/* The session was opened with engine.shared, is ready, and outlives the server. MMSB_BUSY: another
 * process serves the name. MMSB_USAGE: what no name can be. */
mmsb_status bus_server_open(session *s, const image *i, const bus_server_options *options,
                            bus_server **out, message *m);
typedef struct {
    u64 ticks;                   /* the engine's own, between the clients' commits */
    int wake;                    /* readable: stop is asked at once; -1: none */
    bool (*stop)(void *context); /* asked between epochs and after every sleep */
    void (*accepted)(void *context, session *s);       /* after each epoch; may be NULL */
    void (*rejected)(void *context, const message *m); /* after a rejected tick; may be NULL */
    void *context;
} bus_server_run_options;
/* Serves until stop says so; a commit that was begun is finished first. Fails only where the
 * session failed. */
mmsb_status bus_server_run(bus_server *b, const bus_server_run_options *r, message *m);
/* Tells the clients (the board says closed or failed, sockets hang up), frees all. NULL is
 * allowed. What clients mapped stays as it was. */
void bus_server_close(bus_server *b);
#endif
