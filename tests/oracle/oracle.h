/* SPDX-License-Identifier: Apache-2.0
 * oracle: what a graph means, by the plainest reading of its tree. Every live page's every lane is
 * computed anew in every epoch from its definition. Shares no code with compiler/ and engine/; of
 * kernels/ only the math functions. */
#ifndef MMSB_ORACLE_H
#define MMSB_ORACLE_H
#include "ast.h"

#define ORACLE_PREV_MAX 4 /* prev(prev(...)) nests that deep */

typedef struct oracle_term oracle_term;
typedef struct {
    const char *name; /* of an assert: "assert" */
    u32 item;         /* row of the tree's items */
    u8 kind;          /* ITEM_SOURCE, ITEM_PAGE, ITEM_EVENT, ITEM_ASSERT */
    u8 type, rank, edge[4];
    bool shaped, busy, live, state, exported;
    u64 dims[4], lanes, fill[4];
    u64 *now;                         /* zero-extended bits, a u64 a lane */
    u64 *before[ORACLE_PREV_MAX + 1]; /* [k]: at the end of the k-th epoch before, from 1 on */
    u64 *kept;                        /* scratch of a step: `now` as it was */
    u64 stamp;                        /* evaluation that `now` belongs to */
    oracle_term *term;
    oracle_term *values[8]; /* EVENT: the scalars that it carries */
    u64 value_bits[8];      /* of its last firing */
    u8 value_types[8];
    u32 value_count;
    bool fired;
} oracle_page;
typedef struct {
    const ast *tree;
    arena *memory;
    oracle_page *pages; /* in order of the text */
    u32 page_count;
    u64 epoch, stamp;
    bool fault;
    const char *refused; /* why the oracle does not take the graph; NULL: it does */
    bool guess;          /* types on cycles of literals alone take their default */
} oracle;

typedef enum {
    CHANGE_SET,
    CHANGE_ADD,
    CHANGE_MIN,
    CHANGE_MAX,
    CHANGE_AND,
    CHANGE_OR,
    CHANGE_XOR
} change_kind;
/* One lane's change; kinds are those of deltas, in their order. */
typedef struct {
    u32 page;
    u8 kind;
    u64 lane, bits;
} oracle_change;

/* `refused` is set where the graph is not taken. Memory comes from `memory`; NULL when that is
 * short. */
oracle *oracle_open(const ast *tree, arena *memory);
/* First contents and epoch 0. False: a fault or failed assert, so there is no run. */
bool oracle_start(oracle *o);
/* The next epoch. False: rejected, and everything is as it was. */
bool oracle_step(oracle *o, const oracle_change *changes, u64 count);
#endif
