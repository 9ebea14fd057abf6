/* SPDX-License-Identifier: Apache-2.0
 * emit_plan: the cost report of an image, and budgets on it. */
#ifndef MMSB_EMIT_PLAN_H
#define MMSB_EMIT_PLAN_H
#include <stdio.h>

#include "../engine/core/image.h"

/* Writes the report; 0, or 1 where memory is short. */
int plan_emit(const image *i, bool json, FILE *to);

typedef struct {
    const char *name; /* of a page; name_bytes long */
    u64 name_bytes;
    u64 lanes_max; /* that one changed lane of it may make the graph redo */
} plan_page_limit;
typedef struct {
    u64 bytes_max, waves_max; /* 0: none */
    const plan_page_limit *pages;
    u32 page_count;
} plan_limits;
/* MMSB_WRONG names the budget that is broken and the page; MMSB_USAGE an unknown page. */
mmsb_status plan_budget(const image *i, const plan_limits *limits, message *m);
#endif
