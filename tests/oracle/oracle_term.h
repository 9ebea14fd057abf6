/* SPDX-License-Identifier: Apache-2.0
 * oracle_term: a definition with names resolved, functions and lets substituted and literals typed.
 * Private to the oracle. */
#ifndef MMSB_ORACLE_TERM_H
#define MMSB_ORACLE_TERM_H
#include "oracle.h"
#include "oracle_number.h"

/* Types of expressions of literals alone; UNKNOWN waits for another definition. */
enum { FREE_INTEGER = 100, FREE_FLOAT, UNKNOWN };
#define VARS_MAX 24u

typedef enum {
    T_CONST,
    T_VAR,
    T_EPOCH,
    T_LANE,
    T_READ,
    T_OP,
    T_IF,
    T_AND,
    T_OR,
    T_INIT,
    T_FOR,
    T_WHOLE,
    T_KEYED
} term_kind;
typedef enum {
    R_NONE,
    R_SUM,
    R_PROD,
    R_MIN,
    R_MAX,
    R_ANY,
    R_ALL,
    R_COUNT,
    R_MEAN,
    R_ARGMIN,
    R_ARGMAX
} reduction_kind;

struct oracle_term {
    u8 kind, type, reduction;
    u16 op;
    u32 var, page, back, count; /* VAR: slot; FOR: first slot; READ: indices; FOR: loops */
    u64 bits, stamp;            /* CONST; WHOLE: memo of that evaluation */
    oracle_term
        *kid[4];   /* READ: indices; FOR, WHOLE: element, filter; KEYED: element, key, filter */
    u64 extent[4]; /* FOR */
    u64 lanes, key_lanes, groups; /* WHOLE, KEYED: of what is reduced; KEYED: of the key */
    bool filter_by_key;           /* KEYED: the filter has the key's shape */
    u64 *values, *result;         /* room for elements; KEYED: memo */
    bool *has;
};
typedef struct binding {
    u32 name, expr; /* expr 0: an index variable in `var` */
    u32 var;
    u8 type; /* a parameter's stated type, else TYPE_NONE */
    const struct binding *outer,
        *next; /* where expr's names are found; the next binding in scope */
} binding;
typedef struct {
    const binding *names;
    u32 vars;   /* index variables in scope */
    u64 groups; /* leading dimension of a keyed result */
} scope;
typedef struct {
    i64 vars[VARS_MAX];
    u64 lane;
} place;
typedef struct {
    u32 rank;
    u64 dims[4], lanes;
} shape;

/* Type of an expression: a type_id, or FREE_INTEGER, FREE_FLOAT, UNKNOWN. */
u8 type_of(oracle *o, u32 e, const binding *names);
/* A free type becomes what is wanted, or its default. */
u8 type_settle(u8 type, u8 want);
oracle_term *term_of(oracle *o, u32 e, scope s, u8 want);
shape shape_of(oracle *o, u32 e, const binding *names);
shape page_shape(oracle *o, u32 row);
i64 integer_of(oracle *o, u32 e);
const binding *name_bind(oracle *o, const binding *next, binding b);
void oracle_refuse(oracle *o, const char *why);
u64 term_value(oracle *o, oracle_term *t, const place *at);
#endif
