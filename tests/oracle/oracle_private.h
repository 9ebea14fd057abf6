/* SPDX-License-Identifier: Apache-2.0
 * oracle_private: what oracle.c (names, forms, pages, epochs) and oracle_eval.c (expressions)
 * share. */
#ifndef MMSB_ORACLE_PRIVATE_H
#define MMSB_ORACLE_PRIVATE_H
#include "oracle.h"
#include "oracle_number.h"

/* Types of expressions of literals alone, the weakest first. */
enum { UNKNOWN = 100, FREE_INTEGER, FREE_FLOAT };
/* What a name can stand for besides an item: an index variable, a dimension of a node's argument,
 * an expression that is put in its place. */
enum { BOUND_AXIS = ITEM_KIND_COUNT, BOUND_DIMENSION, BOUND_EXPR };
struct binding {
    binding *next, *env; /* env: where expr's names are found; of USE and IMPORT what is inside */
    u32 name, expr, row; /* row: of pages, items (FN, NODE, USE), or the domain's axes */
    u8 kind, type;       /* type: stated, or TYPE_NONE */
};
/* Where an expression is evaluated. */
typedef struct {
    binding *names;
    const bool *on; /* lanes whose faults count; NULL: all */
    u64 lanes;
    u32 rank;
    u64 dims[16];
} place;
typedef struct {
    oracle_form form;
    u64 *v;
    const oracle_page *page; /* whose edges a read follows, from axis `skip` on; NULL: none */
    u32 skip;
} array;

/* ---- names and forms ---- */
void *refuse(oracle *o, const char *why);           /* NULL */
binding *named(oracle *o, u32 e, binding *names);   /* what a NAME or MEMBER stands for */
binding *callee(const ast_call *c, binding *names); /* NULL: a function of the language */
binding *enter(oracle *o, const binding *fn, const ast_call *c, binding *names);
binding *bind_let(oracle *o, u32 e, binding *names);
binding *bind_axes(oracle *o, u32 at, u32 count, u32 first, binding *names);
bool reduces(u16 fn, const ast_call *c);
oracle_form form_of(oracle *o, u32 e, binding *names);
u8 settle(u8 type);
u8 stronger(u8 a, u8 b);
static inline u8 type_of(oracle *o, u32 e, binding *names) {
    return settle(form_of(o, e, names).type);
}
u64 lanes_of(oracle_form f);
void page_evaluate(oracle *o, oracle_page *p);
static inline const ast_call *call_of(const oracle *o, u32 e) {
    return &o->tree->calls[o->tree->a[e]];
}
static inline u32 argument(const oracle *o, const ast_call *c, u32 k) {
    return o->tree->lists[c->arg_at + k];
}
static inline const char *called(const oracle *o, const ast_call *c) {
    return ast_text(o->tree, c->name);
}

/* ---- expressions ---- */
/* The lanes of an expression of that type at a place. */
u64 *eval(oracle *o, u32 e, const place *at, u8 type);
u64 constant(oracle *o, u32 e, binding *names, u8 type);
#endif
