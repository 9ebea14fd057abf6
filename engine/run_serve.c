/* SPDX-License-Identifier: Apache-2.0
 * run_serve: --serve NAME. INT and TERM are the usual end of a serving engine: after them results
 * are printed as after any run, and the status is 0. */
#include <stdio.h>

#include "bus/server.h"
#include "run.h"

#define SPIN_US 20u
#define LEASES 1u

typedef struct {
    run *r;
    bool told; /* of a rejected tick: once, a tick that cannot be made is tried for ever */
} serving;

static bool serve_stop(void *context) {
    (void)context;
    return run_stop != 0;
}

static void serve_accepted(void *context, session *s) {
    serving *v = context;
    ASSERT(s == v->r->s);
    v->told = false;
    epoch_visit(NULL, s);
    if (engine_fired(session_engine(s), NULL, 0) != 0) fflush(stdout); /* who reads them waits */
}

static void serve_rejected(void *context, const message *m) {
    serving *v = context;
    ASSERT(v->r != NULL && m->text[0] != 0);
    metrics_rejected();
    if (!v->told) fprintf(stderr, "%s\n", m->text);
    v->told = v->r->rejected = true;
}

mmsb_status serve_run(run *r, message *m) {
    ASSERT(r->serve != NULL);
    bus_server *b;
    serving v = {.r = r};
    bus_server_options o = {
        .name = r->serve,
        .homes = r->leases.given ? (u32)r->leases.value : LEASES,
        .spin_ns = (r->spin.given ? u64_min(r->spin.value, 1000000000) : SPIN_US) * 1000};
    TRY(bus_server_open(r->s, &r->i, &o, &b, m));
    bus_server_run_options how = {.ticks = r->ticks.value,
                                  .wake = run_wake,
                                  .stop = serve_stop,
                                  .accepted = serve_accepted,
                                  .rejected = serve_rejected,
                                  .context = &v};
    fprintf(stderr, "mmsb-run: serving the bus %s\n", r->serve);
    mmsb_status s = bus_server_run(b, &how, m);
    bus_server_close(b);
    if (s == MMSB_OK) run_stop = 0;
    return s;
}
