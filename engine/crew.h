/* SPDX-License-Identifier: Apache-2.0
 * crew: a fixed number of threads that run one function together, each its own share. Made once;
 * they wait by spinning a short while, then asleep. Takes no memory of its own but the threads'
 * stacks. */
#ifndef MMSB_CREW_H
#define MMSB_CREW_H
#include "core/arena.h"

#define CREW_MOST 64u

typedef struct crew crew;
typedef void (*crew_work)(void *context, u32 number);
/* `threads` in all, the caller's included: 2 to CREW_MOST. Signals go to other threads. NULL: no
 * memory or no threads. */
crew *crew_open(arena *a, u32 threads);
/* Calls work(context, k) for k from 0 to threads - 1 at once, number 0 on the caller's thread;
 * returns when all are done and what they wrote is seen. One caller at a time. */
void crew_run(crew *c, crew_work work, void *context);
void crew_close(crew *c); /* NULL is allowed */
#endif
