/* SPDX-License-Identifier: Apache-2.0
 * ast: the tree of a graph file, as arrays. Expressions are a struct of arrays, items are rows. Row
 * 0 is "none" in every table. Built by parse.h; read by the compiler, the printer and the test
 * oracle. Nothing here knows meaning. */
#ifndef MMSB_AST_H
#define MMSB_AST_H
#include "source.h"

#define EXPR_HEIGHT_MAX 1000u

typedef enum {
    AST_NONE,
    AST_ERROR,   /* what recovery left; its diagnostic has been given */
    AST_INTEGER, /* a: row of integers; b: suffix type_id, or TYPE_NONE */
    AST_FLOAT, /* a: row of floats; b: suffix type_id, or TYPE_NONE; the text stands in the span */
    AST_BOOL,  /* a: 0 or 1 */
    AST_INF,
    AST_NAN,
    AST_PI,
    AST_EPOCH,
    AST_NAME,   /* a: string */
    AST_MEMBER, /* a.b: strings (o.y, m.rate; o.e and y of o.e.y) */
    AST_UNARY,  /* op; a */
    AST_BINARY, /* op; a, b */
    AST_CALL,   /* a: row of calls */
    AST_INDEX,  /* a: base expression; b: first of lists, c: count: index expressions */
    AST_IF,     /* a, b, c */
    AST_LET,    /* a: string (name); b: value; c: body */
    AST_INIT,   /* a then b */
    AST_KIND_COUNT
} ast_kind;
typedef enum {
    AST_OP_NONE,
    AST_OP_NEG,
    AST_OP_NOT,
    AST_OP_BITNOT,
    AST_OP_OROR,
    AST_OP_ANDAND,
    AST_OP_EQ,
    AST_OP_NE,
    AST_OP_LT,
    AST_OP_LE,
    AST_OP_GT,
    AST_OP_GE,
    AST_OP_OR,
    AST_OP_XOR,
    AST_OP_AND,
    AST_OP_SHL,
    AST_OP_SHR,
    AST_OP_ADD,
    AST_OP_SUB,
    AST_OP_MUL,
    AST_OP_DIV,
    AST_OP_REM,
    AST_OP_POW,
    AST_OP_COUNT
} ast_op;
const char *ast_op_text(u8 op); /* "+" */

typedef enum { CALL_PLAIN, CALL_FOR, CALL_BY } call_form;
typedef struct {
    u32 qualifier; /* string, 0: none (m.blend(...)) */
    u32 name;      /* string; type names too: f64(x) */
    span name_span;
    u8 form;                 /* call_form */
    u32 arg_at, arg_count;   /* lists: expressions. FOR: one, BY: one, or none in count(by k) */
    u32 loop_at, loop_count; /* FOR: rows of axes */
    u32 key, filter;         /* BY: key expression; FOR, BY: `if` expression, 0: none */
} ast_call;
typedef struct {
    u32 name; /* string */
    span place;
    u32 extent; /* expression */
} ast_axis;     /* `i: n` of index form and of `for` */
typedef struct {
    u32 name;
    span place;
    u8 type;                   /* TYPE_NONE: generic (fn), or `param` (node) */
    u8 is_param;               /* node: `param k` */
    u8 has_shape;              /* node, kernel: x: f64[n] */
    u32 shape_at, shape_count; /* lists */
} ast_parameter;
typedef struct {
    u8 kind; /* 0 none, 1 clamp, 2 wrap, 3 mirror, 4 fill (edge_kind) */
    span place;
    u32 value; /* fill: expression */
} ast_edge;

typedef enum {
    ITEM_NONE,
    ITEM_GRAPH,
    ITEM_IMPORT,
    ITEM_PARAM,
    ITEM_CONST,
    ITEM_SOURCE,
    ITEM_PAGE,
    ITEM_FN,
    ITEM_NODE,
    ITEM_USE,
    ITEM_KERNEL,
    ITEM_ASSERT,
    ITEM_EVENT,
    ITEM_EXPORT,
    ITEM_KIND_COUNT
} item_kind;
typedef struct {
    u8 kind;
    u8 type;      /* stated type, or TYPE_NONE */
    u8 has_shape; /* T[shape] was written (a bare T is a scalar: has_shape 0, type stated) */
    u8 indexed;   /* PAGE, SOURCE: index form; axes hold it */
    span whole;   /* the item */
    span name_span;
    u32 name;                  /* string; IMPORT: alias or 0; USE: the instance */
    u32 axis_at, axis_count;   /* rows of axes: index form */
    u32 shape_at, shape_count; /* lists: expressions */
    u32 edge_at, edge_count;   /* rows of edges */
    u32 expr; /* PARAM, CONST, SOURCE (0: none), PAGE, FN, ASSERT, EVENT; USE: an AST_CALL */
    u32 text; /* string: IMPORT path, SOURCE and KERNEL file, ASSERT message; 0: none */
    span text_span;
    u32 symbol;                        /* KERNEL: string */
    u32 parameter_at, parameter_count; /* rows of parameters: FN, NODE, KERNEL */
    u32 list_at, list_count; /* EVENT: `with` expressions; EXPORT: AST_NAME/AST_MEMBER expressions;
                                NODE: results (AST_NAME) */
    u32 item_at, item_count; /* NODE: items of the body, in lists as rows of items */
} ast_item;

typedef struct {
    arena *memory;
    bool out_of_memory;
    /* expressions; count rows, row 0 unused */
    u8 *kind, *op;
    u32 *a, *b, *c;
    span *place; /* of the whole expression; of AST_BINARY the operator's stands in op_place */
    span *op_place;
    u16 *height; /* of the tree below, leaves 1: at most EXPR_HEIGHT_MAX, so that passes may recurse
                  */
    u16 *nesting; /* levels as a reader counts them: else-if chains and left-associative runs count
                     once */
    u32 expr_count, expr_capacity;
    u64 *integers; /* literal values */
    u32 integer_count, integer_capacity;
    f64 *floats;
    u32 float_count, float_capacity;
    ast_call *calls;
    u32 call_count, call_capacity;
    ast_axis *axes;
    u32 axis_count, axis_capacity;
    ast_parameter *parameters;
    u32 parameter_count, parameter_capacity;
    ast_edge *edges;
    u32 edge_count, edge_capacity;
    u32 *lists;
    u32 list_count, list_capacity;
    ast_item *items; /* of every file, node bodies included */
    u32 item_count, item_capacity;
    u32 *top; /* rows of items at top level, in order of the text, for all files: file of an item =
                 whole.file */
    u32 top_count, top_capacity;
    /* interned strings: equal text, equal row; row 0 is "" */
    const char **strings;
    u32 *string_bytes;
    u32 string_count, string_capacity;
    u32 *string_table; /* hash table of rows */
    u32 string_table_capacity;
} ast;

ast *ast_open(arena *memory);
/* Adds an expression; AST_ERROR's row where memory is short (then ast.out_of_memory is set). */
u32 ast_expr(ast *t, u8 kind, u8 op, u32 a, u32 b, u32 c, span place, span op_place);
/* Adds a list of `count` rows; returns its first place in lists. */
u32 ast_list(ast *t, const u32 *rows, u32 count);
/* The row of that text; 0 is "" — or, when memory is short, UINT32_MAX. */
u32 ast_string(ast *t, const char *text, u32 bytes);
/* The row of a text that the tree has; 0 where it has not. */
u32 ast_string_find(const ast *t, const char *text, u32 bytes);
static inline const char *ast_text(const ast *t, u32 string) { return t->strings[string]; }
#endif
