/* SPDX-License-Identifier: Apache-2.0
 * generate_maker: a graph in the making. Private to the generator. */
#ifndef MMSB_GENERATE_MAKER_H
#define MMSB_GENERATE_MAKER_H
#include "generate.h"

#define PAGES_MAX 96u
#define SHAPES_MAX 48u
#define NODES_MAX 8u

typedef struct {
    char name[24];
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
/* A node that `use` may instantiate. arguments: a letter each: s an f64, k a param, v and m an f64
 * vector and matrix of any size, g any page of numbers, x a page like `like`. */
typedef struct {
    char name[24], arguments[8];
    known like[6], results[3]; /* a result of shape 255 has the first argument's form */
    u32 result_count;
} node_made;
typedef struct {
    chance c;
    char *to;
    u32 used;
    known pages[PAGES_MAX];
    u32 first, count; /* pages [first, count) are in scope */
    node_made nodes[NODES_MAX];
    u32 node_count, node_params; /* params k0 ... of the node in the making */
    u8 node_shape;               /* its extents are called n0, n1, ... (255: no node) */
    struct {
        u32 rank;
        u64 dims[4], lanes;
    } shapes[SHAPES_MAX];
    u32 functions, shape_count, lets, uses;
    bool loud;         /* arguments of whole-page functions may fault */
    bool only_sources; /* initial values: derived pages may not be read */
} maker;

/* An expression of that type. `free`: it may consist of literals alone, since something beside it
 * fixes their type. */
void expression(maker *m, u8 type, around *a, u32 depth, bool free);
void literal(maker *m, u8 type, bool free);
/* A page that fits, or NULL. type TYPE_NONE: any; shape 255: any; rank 9: any. */
const known *page_like(maker *m, u8 type, u8 shape, u8 rank);
/* The row of a shape, added where it is new; 255: there is no room. */
u8 shape_row(maker *m, u32 rank, const u64 *dims);
known *page_new(maker *m, const char *prefix, u8 type, u8 shape);
void page_name(maker *m, const known *p);
void put_shape(maker *m, const known *p);
void put_axes(maker *m, const known *p);
void put_definition(maker *m, known *p, bool whole, bool stated);
void put_later(maker *m, u32 row);
void put_event(maker *m, u32 number);
void index_list(maker *m, around *a, const known *p);
u8 some_type(maker *m);
u8 some_shape(maker *m);
/* Nodes of the graph or of the file that it imports, and their instances. */
void put_nodes(maker *m, const char *module);
bool put_use(maker *m);
/* A scan, sort, product, transpose, history or random number of that type where one can be made. */
bool whole_function(maker *m, u8 type, around *a);
bool random_number(maker *m, u8 type, around *a);
/* A page that is nothing but such a function. */
bool put_whole(maker *m);
void put(maker *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline u32 below(maker *m, u32 n) { return chance_below(&m->c, n); }
static inline bool percent(maker *m, u32 p) { return chance_percent(&m->c, p); }
#define PICK(m, array) array[below(m, (u32)ARRAY_COUNT(array))]
#endif
