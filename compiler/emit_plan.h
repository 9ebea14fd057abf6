/* SPDX-License-Identifier: Apache-2.0
 * emit_plan: the cost report of an image, and budgets on it. */
#ifndef MMSB_EMIT_PLAN_H
#define MMSB_EMIT_PLAN_H
#include <stdio.h>

#include "../engine/core/arena.h"
#include "../engine/core/image.h"

/* A page that fusion left out of the image. */
typedef struct {
    const char *name;
    u64 lanes;
    u8 type;
} plan_fused;

/* Writes the report; 0, or 1 where memory is short. */
int plan_emit(const image *i, const plan_fused *f, u32 fused, bool json, FILE *to);

typedef struct {
    const char *name; /* of a source or state page; name_bytes long */
    u64 name_bytes;
    u64 lanes_max; /* that one changed lane of it may make the graph redo */
} plan_page_limit;
typedef struct {
    u64 bytes_max, waves_max; /* 0: none */
    const plan_page_limit *pages;
    u32 page_count;
} plan_limits;
typedef struct {
    u32 page; /* that breaks a budget */
} plan_broken;
/* MMSB_WRONG: *out names the page that breaks a budget, m says which; MMSB_USAGE: a budget names no
 * source or state page. */
mmsb_status plan_budget(const image *i, const plan_limits *limits, arena *a, plan_broken *out,
                        message *m);
#endif
