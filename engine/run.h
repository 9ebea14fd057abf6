/* SPDX-License-Identifier: Apache-2.0
 * run: what the parts of mmsb-run share. */
#ifndef MMSB_RUN_H
#define MMSB_RUN_H
#include <signal.h>

#include "core/options.h"
#include "session.h"

typedef struct {
    const char *image_path;
    const char *deltas, *until, *trace, *metrics, *state, *replay, *serve;
    option_words in, out, print;
    option_count ticks, checkpoint, audit, to, oracle, threads, leases, spin;
    bool root, resume, strict, no_strict, allow_kernels, migrate;
    int executor, durability; /* which of the list's choices; durability -1: not given */
    int stats;                /* 1: text, 2: JSON */
    durability_mode mode;
    image i;
    session *s;
    engine *e;     /* of the session */
    bool rejected; /* some epoch was */
} run;

extern volatile sig_atomic_t run_stop; /* a signal asked for the end */
extern int run_wake;                   /* eventfd, readable from then on */

/* run_options.c: 0, or the exit status of a usage error that was told. *ended: --help or --version
 * was printed. */
int options_read(run *r, int count, char **a, bool *ended);
int options_usage(const char *what, const char *text);
/* run_feed.c: --deltas. MMSB_REJECTED: told already. */
mmsb_status feed_run(run *r, message *m);
/* Ticks; tells a rejected one. */
mmsb_status ticks_run(run *r, u64 n, const session_request *first, u64 *done, message *m);
/* --metrics: each does nothing where no one listens. */
mmsb_status metrics_open(const char *address, session *s, message *m);
void metrics_epoch(session *s);
void metrics_rejected(void);
void metrics_close(void);
/* --trace: each does nothing where no file is open. */
mmsb_status trace_open(const char *path, const engine *e, message *m);
void trace_begin(void); /* of the next epoch */
void trace_epoch(const engine *e);
void trace_rejected(const char *words);
mmsb_status trace_close(message *m);
/* run_serve.c: --serve, with --ticks, until a signal. */
mmsb_status serve_run(run *r, message *m);
bool epoch_visit(void *context, session *s); /* prints the epoch's events; false to stop */
#endif
