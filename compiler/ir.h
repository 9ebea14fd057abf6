/* SPDX-License-Identifier: Apache-2.0
 * ir: a checked graph as equations: names resolved, functions and lets inlined, shapes and types
 * known, whole-page form turned into index form. The front passes write it, the back passes (split,
 * fuse, wave, emit) read it. Row 0 is "none".
 *
 * Every expression is a scalar in index variables. Variables 0 .. rank-1 of an equation are the
 * coordinates of its page; a reduction's loop variables are numbered on from the variables around
 * it; a reduction that mentions no variable from around it (sum(x), mean(x - y)) numbers its own
 * from 0, so that equal ones are one row. Equal expressions are one row (hash-consed), but an
 * expression that can fault is one row per place. */
#ifndef MMSB_IR_H
#define MMSB_IR_H
#include "../dsl/diag.h"
#include "../engine/core/image.h"
#include "../kernels/kernels.h"

typedef enum {
    IR_NONE,
    IR_CONST, /* bits */
    IR_INDEX, /* var: i64 coordinate */
    IR_EPOCH, /* u64 */
    IR_READ,  /* page, prev; index expressions (any integer type) in lists[at .. at+count), count =
                 the page's rank */
    IR_OP, /* op (ops.def, no superinstructions); a, b, c. SELECT: a ? b : c, faults of the arm not
              taken do not count */
    IR_ANDAND, /* a && b: faults of b count only where a */
    IR_OROR,   /* a || b: faults of b count only where !a */
    IR_REDUCE, /* reduction `op` (ir_reduction) of a, if b (0: none), over loops[at .. at+count) */
    IR_INIT,   /* a in epoch 0, b later */
    IR_KIND_COUNT
} ir_kind;
typedef enum {
    IR_SUM,
    IR_PROD,
    IR_MIN,
    IR_MAX,
    IR_ANY,
    IR_ALL,
    IR_COUNT,
    IR_MEAN,
    IR_ARGMIN,
    IR_ARGMAX,
    IR_REDUCTION_COUNT
} ir_reduction;

typedef struct {
    u8 kind;
    u8 type; /* of the value */
    u16 op;
    u8 prev;      /* READ: 1 = value at the end of the previous epoch */
    u8 can_fault; /* it or something below it can */
    u8 reads : 1; /* it or something below it reads a page: what is live does not hang on folding */
    u8 inits : 1; /* it or something below it is an init */
    u8 var;       /* INDEX */
    u32 vars;     /* bit v: mentions variable v freely (variables go to 31; more is a diagnostic) */
    u32 a, b, c;
    u32 at, count; /* READ: lists; REDUCE: loops */
    u32 page;      /* READ */
    u32 position;  /* row of places: the first place where it was written */
    u64 bits;      /* CONST */
} ir_expr;
static_assert(sizeof(ir_expr) == 48, "expressions are most of what a compilation holds");
/* A place of the hash table; row 0: free. */
typedef struct {
    u32 row, hash;
} ir_slot;
typedef struct {
    u32 var;
    u32 zero;
    u64 extent; /* ≥ 1 */
} ir_loop;

typedef struct {
    const char *name; /* "" never; hidden pages: "total.1" */
    u8 kind;          /* PAGE_SOURCE or PAGE_DERIVED */
    u8 type;
    u8 rank; /* ≤ 4; keyed hidden pages too */
    bool hidden, exported, state, live, event;
    bool kept;               /* not exported, but to be looked at: stays stored */
    u64 dims[PAGE_AXES_MAX]; /* 1 past rank */
    u8 edge[PAGE_AXES_MAX];
    u64 fill[PAGE_AXES_MAX];
    u32 place;        /* row of places */
    u32 equation;     /* row of equations; sources: the initialiser's, or 0 */
    const char *file; /* source: `from` path, or NULL */
} ir_page;
/* WHOLE: a function of whole rows or matrices (kernels/whole_sizes.h) of expr over `domain` and,
 * where there are two operands, of key over `key_domain`. */
typedef enum { EQUATION_MAP, EQUATION_KEYED, EQUATION_WHOLE, EQUATION_KERNEL } equation_kind;
typedef struct {
    u32 page;
    u8 kind;      /* equation_kind. A source's MAP runs once, before epoch 0 */
    u8 reduction; /* KEYED: ir_reduction; WHOLE: whole_kind */
    u8 key_rank;  /* KEYED: leading axes that the key has */
    u32 expr;     /* MAP: over variables 0 .. rank-1. KEYED: element over the domain's variables (0:
                     count(by k)) */
    u32 key, filter; /* KEYED: key over variables 0 .. key_rank-1; filter likewise or over the
                        domain, 0: none */
    u8 domain_rank;  /* KEYED: rank and dims of what is reduced */
    u64 domain[PAGE_AXES_MAX];
    u64 key_domain[PAGE_AXES_MAX]; /* WHOLE: of key, key_rank axes */
    u32 kernel;                    /* KERNEL: row of kernels */
} ir_equation;
/* A call of a user's own C kernel: its arguments are pages. */
typedef struct {
    const char *library, *symbol; /* path relative to the image; the function's name */
    u32 at, count;                /* lists: pages */
    u32 place;
} ir_kernel;
typedef struct {
    span at;
    const char *page; /* name of the item it belongs to, for run-time messages */
} ir_place;
typedef struct {
    u32 page;         /* hidden scalar bool page */
    const char *text; /* "" : none */
    u32 place;
} ir_assert;
typedef struct {
    u32 page; /* scalar bool page named as the event */
    const char *name;
    u32 value_at, value_count; /* lists: hidden scalar pages, computed so that only a firing epoch
                                  can fault in them */
} ir_event;

typedef struct {
    arena *memory;
    const char *name; /* the graph's */
    const sources *sources;
    diags *diags;
    ir_expr *exprs;
    u32 expr_count, expr_capacity;
    ir_slot *expr_table; /* hash-consing */
    u32 expr_table_capacity;
    bool inits; /* an expression is an init */
    u32 *lists;
    u32 list_count, list_capacity;
    ir_loop *loops;
    u32 loop_count, loop_capacity;
    ir_page *pages;
    u32 page_count, page_capacity;
    ir_equation *equations;
    u32 equation_count, equation_capacity;
    ir_place *places;
    u32 place_count, place_capacity;
    ir_kernel *kernels; /* row 0 is none */
    u32 kernel_count, kernel_capacity;
    ir_assert *asserts;
    u32 assert_count, assert_capacity;
    ir_event *events;
    u32 event_count, event_capacity;
    u64 extents[32]; /* of the variables in scope, while an equation is built; else unused */
    u32 *exports;    /* pages in export order; without an export item: every top-level page */
    u32 export_count, export_capacity;
} ir;

/* Builders: fold constants with the kernels (same bits as the run), hash-cons, set vars and
 * can_fault. 0 when memory is short. */
u32 ir_const(ir *g, u8 type, u64 bits);
u32 ir_index(ir *g, u32 var);
u32 ir_epoch(ir *g);
u32 ir_read(ir *g, u32 page, bool prev, const u32 *index, u32 count, u32 place);
u32 ir_op(ir *g, u16 op, u8 type, u32 a, u32 b, u32 c,
          u32 place); /* type: of the operands (CONVERT: the target) */
u32 ir_andand(ir *g, u32 a, u32 b);
u32 ir_oror(ir *g, u32 a, u32 b);
u32 ir_reduce(ir *g, u8 reduction, u32 element, u32 filter, const ir_loop *loops, u32 count,
              u32 place);
u32 ir_init(ir *g, u32 a, u32 b);
u32 ir_place_add(ir *g, span at, const char *page);

/* index = constant + sum coefficient[v] * variable v. */
typedef struct {
    i64 constant;
    i64 coefficient[32];
} ir_affine;
/* Whether an expression is affine in index variables (any integer type, through conversions that
 * cannot change a value in range; no overflow past 2^62 for the given extents). extents[v] = extent
 * of variable v. */
bool ir_affine_of(const ir *g, u32 expr, const u64 extents[32], ir_affine *out);
/* Whether an index is affine and inside [0, dim) wherever the variables in scope may stand. */
bool ir_index_inside(const ir *g, u32 index, u64 dim);
/* Smallest and largest value over the domain. */
void ir_affine_range(const ir_affine *f, const u64 extents[32], i64 *low, i64 *high);
#endif
