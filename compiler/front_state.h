/* SPDX-License-Identifier: Apache-2.0
 * front_state: the tables that the front's passes share. Private to compiler/front*.c.
 *
 * A term is an expression of one page definition with functions inlined and names resolved. Its
 * type is a row of the union-find table `classes`; its shape is a row of `shapes` (0: scalar).
 * Terms of whole-page form become index form when lowered to ir. */
#ifndef MMSB_FRONT_STATE_H
#define MMSB_FRONT_STATE_H
#include "front.h"

typedef enum {
    SYMBOL_NONE,
    SYMBOL_PARAM,
    SYMBOL_CONST,
    SYMBOL_PAGE,
    SYMBOL_USE,
    SYMBOL_MODULE,
    SYMBOL_FN,
    SYMBOL_NODE,
    SYMBOL_KERNEL
} symbol_kind;
typedef enum { FRESH, BUSY, DONE } progress;
/* Passes in their order; front.passes_done is the last that has ended. */
typedef enum {
    PASS_NONE,
    PASS_NAMES,     /* scopes, symbols, pages of items; nodes expanded */
    PASS_CONSTANTS, /* params and consts have values */
    PASS_ITEMS,     /* asserts, events, exports have pages */
    PASS_PAGES,     /* types and shapes are settled */
    PASS_EQUATIONS, /* every page with a definition has an equation */
    PASS_TIME       /* no cycle within an epoch; state and live pages are marked */
} front_pass;
typedef struct {
    u8 kind, progress, type; /* type, bits: CONST */
    bool of_function;        /* stands in the functions' name space */
    bool called;             /* FN: by a page's definition, which has checked it */
    u32 name, scope, item;
    u32 page;   /* PAGE */
    u32 target; /* USE, MODULE: the scope it opens */
    u32 node;   /* USE: the node's item, 0 where it could not be expanded */
    u64 bits;   /* PARAM: an i64; CONST: an element */
    span place;
    u32 expr, expr_scope; /* PARAM of a node: its argument, and where that stands */
} symbol;
typedef struct {
    u32 parent; /* scope around, 0: none */
    u32 file;
    bool instance;               /* of a node: pages of scopes around are not visible */
    bool failed;                 /* of a `use` whose error was told: its members are not missed */
    const char *prefix;          /* of page names: "", "o.", "o.inner." */
    u32 import_at, import_count; /* rows of imports: scopes whose names are visible here */
} scope;

typedef struct {
    u32 parent;     /* union-find; itself: a root */
    u8 type;        /* TYPE_NONE: open */
    bool has_float; /* an open class with a float literal */
    bool told;      /* a mismatch has been reported */
    u32 example;    /* an expression of that type, for messages */
} type_class;
/* result = the type that a sum of `of` has (WIDEN), the mean's (MEAN). */
typedef struct {
    u32 of, result;
    bool mean, done;
} type_rule;

typedef enum {
    TERM_NONE,
    TERM_ERROR,
    TERM_UNKNOWN, /* UNKNOWN: reads a page whose shape is not known yet */
    TERM_INTEGER,
    TERM_FLOAT,
    TERM_CONST,
    TERM_INDEX,
    TERM_EPOCH,
    TERM_PAGE, /* the whole page `page` (prev) */
    TERM_READ, /* page (prev) at indices lists[at .. at+count) */
    TERM_OP,
    TERM_CONVERT,
    TERM_POWER,
    TERM_ANDAND,
    TERM_OROR,
    TERM_INIT,
    TERM_REDUCE, /* a over loops (rows of term_loops at, count); b: filter */
    TERM_WHOLE   /* a over all of its shape; op: ir_reduction */
} term_kind;
typedef struct {
    u8 kind, prev, type;
    i8 exponent; /* POWER by a constant */
    u16 op;
    u16 count;
    u32 class; /* row of classes */
    u32 shape; /* row of shapes; 0: scalar */
    u32 a, b, c, at, page;
    u32 vars;   /* index variables that it mentions */
    u32 expr;   /* where it stands */
    u32 height; /* of the expression that it becomes: passes may recurse */
    u64 bits;
    u32 memo_context, memo; /* lowering: last context and its ir row */
} term;
static_assert(sizeof(term) == 64, "a term is a line");
typedef struct {
    u32 axis_count;
    u64 dims[PAGE_AXES_MAX];
} front_shape;

typedef struct {
    u32 item, scope;
    u32 class; /* of its type */
    u32 shape;
    bool shape_known;
    bool wrong; /* its definition has an error, and what it states does not tell type and shape */
    u8 progress;
    u32 term;                  /* its definition */
    u32 group;                 /* strongly connected pages share a number */
    u32 filter_term, key_term; /* hidden keyed pages */
    u32 domain_shape;
    bool part;      /* hidden page of a part of one definition: an argument, what is indexed */
    u32 prev_of;    /* hidden page prev(page): that page, else 0 */
    u32 history_of; /* hidden page history(page, k): that page, else 0 */
    u32 prev_page;  /* the hidden page that is prev(this), once asked for */
    u8 keyed;       /* 1 + ir_reduction: a hidden keyed page */
    u8 whole; /* 1 + whole_kind: a hidden page of a scan, sort, product ... of term and key_term */
    u32 kernel;            /* row of ir kernels: a hidden page that a user's kernel computes */
    u32 argument;          /* hidden page of a node's argument: its expression */
    bool header_waits;     /* its stated shape has a dimension that is not known yet */
    u8 argument_type;      /* stated by the node, or TYPE_NONE */
    u32 parameter, inside; /* of the argument: 1 + its row of parameters, and the node's scope */
} front_page;

/* Names bound inside a definition. */
typedef struct {
    u32 name;
    u32 term; /* LET and parameters; 0: an index variable */
    u32 var;
    u64 extent;
} local;

typedef struct {
    ast *tree;
    sources *sources;
    const front_options *options;
    arena *memory;
    diags *diags;
    ir *ir;
    bool out_of_memory;
    u32 level; /* of elaborate() */
    symbol *symbols;
    u32 symbol_count, symbol_capacity;
    u32 *symbol_table, symbol_table_capacity;
    scope *scopes;
    u32 scope_count, scope_capacity;
    u32 *imports;
    u32 import_count, import_capacity;
    type_class *classes;
    u32 class_count, class_capacity;
    type_rule *rules;
    u32 rule_count, rule_capacity, rule_first;
    term *terms;
    u32 term_count, term_capacity;
    u32 *lists;
    u32 list_count, list_capacity;
    ir_loop *loops;
    u32 loop_count, loop_capacity;
    front_shape *shapes;
    u32 shape_count, shape_capacity;
    front_page *pages; /* parallel to ir->pages */
    u32 page_capacity;
    local *locals;
    u32 local_count, local_capacity, local_base;
    u32 *arguments; /* terms of the calls in hand */
    u32 argument_count, argument_capacity;
    /* of the definition in hand */
    u32 page; /* row, 0: none */
    u8 passes_done;
    u32 scope;
    u32 depth; /* index variables in scope */
    u64 extents[32];
    bool whole;        /* whole-page form */
    bool source_start; /* a source's first contents: pages may not be read */
    bool start_only;   /* of `init` only the first part counts */
    bool keyed_allowed;
    bool unknown; /* met a page whose shape is not known yet */
    bool waits;   /* met a dimension of an argument whose shape is not known yet */
    u32 fn_depth;
    u32 fn_stack[64];
    u32 context; /* lowering */
    u32 hidden_count;
    u32 term_first; /* of the definition in hand */
    bool limit_hit; /* it has passed a limit, which has been told */
    bool instances_told;
    u32 join_left, join_right; /* operands of the operator in hand, for messages */
} front;

/* front_names.c */
bool names_collect(front *f);
u32 names_find(front *f, u32 scope_row, u32 name, bool of_function);
/* In that scope alone. */
u32 names_here(const front *f, u32 scope_row, u32 name, bool of_function);
/* front_visit.c: calls back for each symbol that an expression may name. */
void names_visit(front *f, u32 scope_row, u32 expr, void (*each)(front *, u32, void *),
                 void *context);
/* The symbol, or 0 after an error that proposes a near name. */
u32 names_need(front *f, u32 scope_row, u32 name, bool of_function, span place);
/* o.y or m.x: the symbol behind a member, or 0 after an error. */
u32 names_member(front *f, u32 scope_row, u32 left, u32 right, bool of_function, span place);
/* The instance or module that `o` or `o.e` names; 0, and no word, where there is none. */
u32 names_owner(front *f, u32 scope_row, u32 left);
u32 page_add(front *f, const char *name, u8 kind, u32 item, u32 scope_row, span place);
u32 page_add_hidden(front *f, const char *what, u32 expr);
/* front_instances.c: imports and nodes */
bool instances_import(front *f, u32 scope_row, u32 item);
bool instances_use(front *f, u32 symbol_row);
/* Shapes of arguments against their parameters'. Needs: shapes known. */
void instances_check(front *f);
/* Keys of keyed reductions are integers. Needs: types known. */
void keys_check(front *f);
u32 names_scope(front *f, u32 parent, u32 file, bool instance, const char *prefix);
bool names_collect_items(front *f, u32 scope_row, const u32 *items, u32 count);
symbol *symbol_add(front *f, symbol s);

/* front_constants.c */
bool constants_all(front *f);
/* The integer that a constant expression has; false after an error. */
bool constant_integer(front *f, u32 scope_row, u32 expr, i64 *value);
/* A constant of that type (of its own: TYPE_NONE in *type). */
bool constant_element(front *f, u32 scope_row, u32 expr, u8 *type, u64 *bits);
bool constant_symbol(front *f, u32 symbol_row);
/* A list of dimensions; false after an error. */
bool constant_shape(front *f, u32 scope_row, const u32 *exprs, u32 count, u32 *shape);

/* front_types.c */
u32 class_new(front *f, u8 type, u32 example);
u32 class_root(front *f, u32 row);
/* Makes two classes one; a mismatch is told at `place_expr` and false. */
bool class_join(front *f, u32 a, u32 b, u32 place_expr);
/* The same with bool, and with what the item `name` at `place` states; each has words of its own.
 */
bool class_bool(front *f, u32 class, u32 expr);
bool class_stated(front *f, u32 stated, u32 class, u32 expr, const char *name, span place);
void class_rule(front *f, u32 of, u32 result, bool mean);
/* Gives every class that is still open its default; applies rules. */
void classes_close(front *f, u32 first);
u8 class_type(front *f, u32 row);
/* A certain fix: the expression converted to `type`. */
void fix_convert(front *f, diag_row *d, u32 expr, u8 type);
const char *expr_text(front *f, u32 expr, char *to, size_t bytes);

/* front_terms.c */
u32 term_add(front *f, term t);
u32 term_error(front *f, u32 expr);
u32 shape_add(front *f, const u64 *dims, u32 count);
const char *shape_text(const front *f, u32 shape, char *to, size_t bytes);
bool shape_same(const front *f, u32 a, u32 b);
bool shape_join(front *f, u32 a_term, u32 b_term, u32 expr, u32 *shape);
bool term_bad(const front *f, u32 row);
/* An expression in the definition in hand. */
u32 elaborate(front *f, u32 expr);
u32 elaborate_call(front *f, u32 expr);
u32 elaborate_index(front *f, u32 expr);
u32 elaborate_reduction(front *f, u32 expr, u8 reduction);
u32 term_page(front *f, u32 page, bool prev, u32 expr);
u32 term_prev(front *f, u32 expr);
u32 term_operate(front *f, u16 op, const u32 *in, u32 count, u32 expr);
/* front_functions.c: history and transpose as hidden pages; 0 after an error or where a shape is
 * unknown. */
u32 elaborate_function_page(front *f, u32 expr, bool *unknown);
void history_edges(front *f, u32 page); /* those of its page, on its own axes */
/* front_whole.c: scans, sorts, products. */
bool whole_is_function(const char *name, u32 *which);
u32 elaborate_whole(front *f, u32 expr, u32 which);
bool whole_check(front *f, u32 page);
/* front_kernels.c: a call of a user's kernel. */
u32 elaborate_kernel(front *f, u32 expr, u32 symbol_row);
/* front_random.c */
u32 elaborate_random(front *f, u32 expr);
u32 lagged_page(front *f, u32 expr, bool *unknown);
u32 local_push(front *f, local l);

/* front_pages.c: definitions in dependency order */
bool pages_elaborate(front *f);
/* Drops hidden pages and terms from these rows on, which nothing reads. */
void attempt_forget(front *f, u32 pages, u32 terms);
/* front_unused.c: functions that no page calls. Needs: pages elaborated. */
void functions_check(front *f);
/* front_lower.c */
/* The page that holds a whole-page term: itself where it is one. */
u32 term_as_page(front *f, u32 term_row);
bool pages_lower(front *f);
/* Faults of hidden pages count only where one of their reads does. */
bool parts_guard(front *f);
bool page_is_part(const front *f, u32 page);
u32 lower_term(front *f, u32 row);
/* front_check.c: checks of types on closed classes */
void terms_check(front *f, u32 first, u32 end);
/* front_time.c */
bool time_check(front *f);
#endif
