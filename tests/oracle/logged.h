/* SPDX-License-Identifier: Apache-2.0
 * logged: the accepted epochs of a trial through a session with a state directory that is killed
 * and recovered at random, and at last replayed from its log. */
#ifndef LOGGED_H
#define LOGGED_H
#include "../../engine/session.h"

typedef struct {
    const image *i;
    char folder[64];
    session *s;
    u64 kills;
} logged;

extern bool logged_cuda; /* sessions run on a GPU */
/* Half of the graphs run some nodes there and some here, by chance. */
u32 logged_percent(u64 seed);
/* Gives the engine of the incremental run one too. */
mmsb_status logged_gpu(engine *e, bool whole, message *m);
/* Each says NULL, or what went wrong (static text; details in m). */
const char *logged_open(logged *l, const image *i, message *m);
const char *logged_epoch(logged *l, const delta *deltas, u32 count, message *m);
/* The process dies: nothing more reaches its files. Then it is started again. */
const char *logged_kill(logged *l, bool clean, message *m);
/* Closes, replays the directory from checkpoint 0; *e stays valid until logged_free. */
const char *logged_replay(logged *l, engine **e, message *m);
void logged_free(logged *l);
#endif
