/* SPDX-License-Identifier: Apache-2.0
 * parse_state: what the grammar's actions build with. Private to dsl/. Rows in the making lie on a
 * stack, since lists nest. */
#ifndef MMSB_PARSE_STATE_H
#define MMSB_PARSE_STATE_H
#include "lex.h"

/* An expression and whether it stood in parentheses. */
typedef struct {
    u32 row;
    bool closed;
} parsed;
/* A type with its shape. */
typedef struct {
    u8 type;
    bool has_shape;
    u32 shape_at, shape_count;
    span end;
} parsed_type;
typedef struct {
    u32 at, count;
} parsed_list;
/* What may follow a reduction's argument. */
typedef struct {
    u8 form;
    u32 arg_count; /* on the stack */
    parsed_list loops;
    u32 key, filter;
    span end;
} parsed_args;

/* Lists whose names may stand only once. */
typedef enum { LIST_PARAMETERS, LIST_RESULTS, LIST_AXES, LIST_COUNT } list_kind;

typedef struct {
    lexer *lexer;
    ast *tree;
    diags *diags;
    u32 *stack;
    u32 stack_count, stack_capacity;
    /* of each string: its last row in a list of the kind, + 1 */
    u32 *seen[LIST_COUNT], seen_capacity[LIST_COUNT];
    token last; /* the last token given to the parser */
    int last_code;
    int before_code; /* of the token before it */
    bool failed;     /* this item had a syntax error */
    bool bare;       /* the item before ended with its keyword, which was told */
    u32 errors;      /* of the text, when this item began */
    int item_code;   /* of the item's keyword */
    bool typed;      /* it has a colon */
    bool assigned;   /* it has its `=` */
    i32 open_ifs;    /* `then`s that still want an `else`, those of init left out */
    bool in_body;
} parse_state;

span span_join(span a, span b);
void state_push(parse_state *p, u32 row);
/* Takes the last `count` pushed rows off as a list of the tree. */
parsed_list state_list(parse_state *p, u32 count);

parsed state_leaf(parse_state *p, u8 kind, u32 a, u32 b, span place);
/* o.e and y become o.e.y: the owner's name has dots. */
parsed state_path(parse_state *p, parsed owner, const token *name);
parsed state_integer(parse_state *p, const token *t);
parsed state_float(parse_state *p, const token *t);
parsed state_unary(parse_state *p, u8 op, const token *sign, parsed a);
parsed state_binary(parse_state *p, u8 op, const token *sign, parsed a, parsed b);
/* A comparison; a chain `a < b < c` is told. */
parsed state_compare(parse_state *p, u8 op, const token *sign, parsed a, parsed b);
parsed state_three(parse_state *p, u8 kind, const token *first, u32 a, u32 b, u32 c, u32 last);
parsed state_index(parse_state *p, parsed base, u32 count, const token *end);
parsed state_call(parse_state *p, const token *qualifier, const token *name, parsed_args args,
                  const token *end);
parsed state_closed(parse_state *p, const token *open, parsed inner, const token *close);

/* before: how many of the same list stand before it. */
u32 state_axis(parse_state *p, const token *name, u32 extent, u32 before);
/* The last parameter stands once among it and the `before` ones before it. */
void state_parameter_once(parse_state *p, u32 before);
/* The same of the name pushed last and the `before` names under it: a node's results. */
void state_result_once(parse_state *p, u32 before);
u32 state_parameter(parse_state *p, const token *name, const parsed_type *type, bool is_param);
u32 state_edge(parse_state *p, u8 kind, const token *word, u32 value);
u32 state_item(parse_state *p, ast_item item);
/* Tells an item that may not stand in a node. */
void state_body_item(parse_state *p, u32 row);
/* Tells an unexpected token, once an item. */
void state_unexpected(parse_state *p, int code, const token *t);
#endif
