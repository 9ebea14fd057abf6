/* SPDX-License-Identifier: Apache-2.0
 * generate_maker: a graph in the making. Private to the generator. */
#ifndef MMSB_GENERATE_MAKER_H
#define MMSB_GENERATE_MAKER_H
#include "generate.h"

#define PAGES_MAX 64u
#define SHAPES_MAX 6u

typedef struct {
    char name[8];
    u8 type, rank, shape;
    u64 dims[4], lanes;
    bool edge, source,
        later; /* later: a state page that is defined at the end; only prev may read it */
    u64 below; /* integers: all first values are below this, 0: unknown */
} known;
typedef struct {
    char name;
    u64 extent;
} variable;
/* Where an expression stands. */
typedef struct {
    bool whole; /* whole-page form of shape `shape`; else index form */
    u8 shape;
    u32 count;
    variable vars[8];
    u64 cost;   /* evaluations so far */
    bool quiet; /* no faults: reductions that are evaluated once, initial values */
    u32 depth;
} around;
typedef struct {
    chance c;
    char *to;
    u32 used;
    known pages[PAGES_MAX];
    u32 count;
    struct {
        u32 rank;
        u64 dims[4], lanes;
    } shapes[SHAPES_MAX];
    u32 functions, shape_count, lets;
    bool only_sources; /* initial values: derived pages may not be read */
} maker;

/* An expression of that type. `free`: it may consist of literals alone, since something beside it
 * fixes their type. */
void expression(maker *m, u8 type, around *a, u32 depth, bool free);
void literal(maker *m, u8 type, bool free);
/* A page that fits, or NULL. type TYPE_NONE: any; shape 255: any; rank 9: any. */
const known *page_like(maker *m, u8 type, u8 shape, u8 rank);
void put(maker *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline u32 below(maker *m, u32 n) { return chance_below(&m->c, n); }
static inline bool percent(maker *m, u32 p) { return chance_percent(&m->c, p); }
#define PICK(m, array) array[below(m, (u32)ARRAY_COUNT(array))]
#endif
