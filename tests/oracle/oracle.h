/* SPDX-License-Identifier: Apache-2.0
 * oracle: what a graph means, by the plainest reading of its tree. Every live page is computed anew
 * in every epoch from its definition, as whole arrays. Shares no code with compiler/ and engine/;
 * of kernels/ only the math functions. Not for kernels, files and -D. */
#ifndef MMSB_ORACLE_H
#define MMSB_ORACLE_H
#include "ast.h"

typedef struct binding binding;
/* Type and shape of an expression or page. type: a type_id, or one of literals alone. */
typedef struct {
    u8 type, rank;
    u64 dims[4];
} oracle_form;
typedef struct {
    const char *name;     /* "o.y"; of an assert: "assert" */
    const ast_item *item; /* NULL: an argument of a node */
    u32 expr;             /* its definition, 0: none, whose names are found in `names` */
    binding *names;
    u8 kind,
        stated; /* ITEM_SOURCE, ITEM_PAGE, ITEM_EVENT, ITEM_ASSERT; an argument's stated type */
    oracle_form form;
    u64 lanes;
    u64 *now,
        **past; /* zero-extended bits, a u64 a lane; past[0]: before epoch 0, [e + 1]: epoch e */
    u64 *kept;  /* a step's scratch: what the first delta to it found */
    u64 stamp;  /* evaluation that `now` belongs to */
    bool busy, live, exported, fired;
    u64 value_bits[8]; /* EVENT: what it carried when it last fired */
    u8 value_types[8];
} oracle_page;
typedef struct {
    const ast *tree;
    const sources *files;
    arena *memory, *scratch; /* scratch: of one epoch */
    oracle_page *pages;
    u32 page_count, page_capacity;
    u64 epoch, stamp;
    bool fault,
        settling; /* settling: types on cycles that nothing else decides take their default */
    const char *refused; /* why the oracle does not take the graph; NULL: it does */
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

#define ORACLE_EPOCHS_MAX 64u
/* The tree of file 0 and of what it imports. `refused` is set where the graph is not taken. Memory
 * comes from `memory`, and from `scratch`, which every epoch clears. */
oracle *oracle_open(const ast *tree, const sources *files, arena *memory, arena *scratch);
/* First contents and epoch 0. False: a fault or failed assert, so there is no run. */
bool oracle_start(oracle *o);
/* The next epoch. False: rejected, and everything is as it was. */
bool oracle_step(oracle *o, const oracle_change *changes, u64 count);
#endif
