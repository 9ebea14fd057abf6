/* SPDX-License-Identifier: Apache-2.0
 * plan_cost: what an epoch costs, node by node, from the footprints of a verified image: lanes
 * redone, bytes read and written. Upper bounds: cutoff only makes a run cheaper. */
#ifndef MMSB_PLAN_COST_H
#define MMSB_PLAN_COST_H
#include "../engine/core/arena.h"
#include "../engine/core/image.h"

typedef struct {
    f64 lanes, read, written; /* bytes */
} plan_work;
typedef struct {
    const image *i;
    f64 *changed;    /* of each page: lanes that moved */
    plan_work *work; /* of each row of LATER */
    plan_work total;
    u32 nodes; /* that have work */
} plan_cost;

/* False where memory is short. */
bool plan_cost_open(plan_cost *c, const image *i, arena *a);
/* An epoch in which so many lanes of one page change; also those of a state page by a delta. */
void plan_cost_page(plan_cost *c, u32 page, f64 lanes);
/* An epoch in which one lane of each source changes, or all lanes do. */
void plan_cost_sources(plan_cost *c, bool all);
/* A tick: the epoch's number, and the past of state pages, where all of it moves. */
void plan_cost_tick(plan_cost *c);

/* Whether a node keeps a history whose rows stay where they are (PAGE_RING). */
bool plan_is_ring(const image *i, u32 node);
f64 plan_page_lanes(const image *i, u32 page);
f64 plan_page_bytes(const image *i, u32 page);
/* Calls back for each page that a node stores. */
u32 plan_store_count(const image *i, u32 node);
u32 plan_store(const image *i, u32 node, u32 which);
#endif
