/* SPDX-License-Identifier: Apache-2.0
 * generate: random graphs and random changes, each from one number. Well typed and within bounds by
 * construction, but for the few faults that are meant. */
#ifndef MMSB_GENERATE_H
#define MMSB_GENERATE_H
#include "oracle.h"

typedef struct {
    u64 state;
} chance;
u64 chance_next(chance *c);
u32 chance_below(chance *c, u32 n);
bool chance_percent(chance *c, u32 percent);

#define GRAPH_TEXT_MAX (64u << 10)
/* Writes the graph of that seed, closed with NUL, and what it imports as "lib.mmsbg" (empty:
 * nothing); returns its bytes. */
u32 generate_graph(u64 seed, char to[GRAPH_TEXT_MAX], char library[GRAPH_TEXT_MAX]);

#define GENERATE_CHANGES_MAX (1u << 13)
#define GENERATE_PAGES_MAX 512u
/* A delta of the next epoch: lanes [first, first + count) where mask (or all, where it is NULL). */
typedef struct {
    u32 page; /* row of oracle pages */
    u8 kind;
    bool broadcast, masked;
    u64 first, count, used; /* used: lanes that are changed */
    u8 mask[GENERATE_CHANGES_MAX / 8];
    u64 bits[GENERATE_CHANGES_MAX]; /* one, or one a used lane */
} generated_delta;
/* A delta to some page of o of those that take one; false where none does. */
bool generate_delta(chance *c, const oracle *o, const bool *takes, generated_delta *out);
#endif
