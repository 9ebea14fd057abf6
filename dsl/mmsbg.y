/* SPDX-License-Identifier: Apache-2.0
 * mmsbg.y: the grammar of one top-level item. parse.c feeds it item by item, so that an error ends with its item. */
%include {
#include <assert.h>
#include <stdlib.h>
#include "mmsbg.h"
#include "parse_state.h"
#define NO_ARGS ((parsed_args){.form = CALL_PLAIN})
#define ITEM(...) state_item(p, (ast_item){.type = TYPE_NONE, __VA_ARGS__})
}
%name mmsbg
%token_type {token}
%token_prefix T_
%extra_argument {parse_state *p}
%stack_size 0
%syntax_error { state_unexpected(p, yymajor, &TOKEN); }
%stack_overflow { p->tree->out_of_memory = true; }
%fallback NAME AS FROM SYMBOL WITH EDGE CLAMP WRAP MIRROR FILL.

/* One nonterminal for all binary operators: a name is not reduced once for each level. */
%left OROR.
%left ANDAND.
%left EQ NE LT LE GT GE.
%left OR.
%left XOR.
%left AND.
%left SHL SHR.
%left PLUS MINUS.
%left STAR SLASH PERCENT.

%type expr {parsed}
%type binary {parsed}
%type signed {parsed}
%type power {parsed}
%type postfix {parsed}
%type primary {parsed}
%type lets {u32}
%type exprs {u32}
%type args {parsed_args}
%type axes {u32}
%type loops {parsed_list}
%type filter {u32}
%type type {parsed_type}
%type type_maybe {parsed_type}
%type axes_maybe {parsed_list}
%type edges {parsed_list}
%type edge_list {u32}
%type edge {u32}
%type parameters {parsed_list}
%type parameter_list {u32}
%type parameter {u32}
%type item {u32}
%type items {u32}
%type names {u32}
%type members {u32}
%type member {u32}
%type path {parsed}
%type alias {u32}
%type with {parsed_list}
%type note {token}

top ::= item(I). { state_push(p, I); }

item(I) ::= GRAPH(K) NAME(N). { I = ITEM(.kind = ITEM_GRAPH, .whole = span_join(K.place, N.place), .name = N.string, .name_span = N.place); }
item(I) ::= IMPORT(K) STRING(S) alias(A). { I = ITEM(.kind = ITEM_IMPORT, .whole = span_join(K.place, p->last.place), .name = A, .text = S.string, .text_span = S.place); }
alias(A) ::= . { A = 0; }
alias(A) ::= AS NAME(N). { A = N.string; }
item(I) ::= PARAM(K) NAME(N) ASSIGN expr(E). { I = ITEM(.kind = ITEM_PARAM, .whole = span_join(K.place, p->tree->place[E.row]), .name = N.string, .name_span = N.place, .expr = E.row); }
item(I) ::= CONST(K) NAME(N) ASSIGN expr(E). { I = ITEM(.kind = ITEM_CONST, .whole = span_join(K.place, p->tree->place[E.row]), .name = N.string, .name_span = N.place, .expr = E.row); }
item(I) ::= CONST(K) NAME(N) COLON TYPE(T) ASSIGN expr(E). { I = state_item(p, (ast_item){.kind = ITEM_CONST, .type = T.type, .whole = span_join(K.place, p->tree->place[E.row]), .name = N.string, .name_span = N.place, .expr = E.row}); }

item(I) ::= SOURCE(K) NAME(N) axes_maybe(A) COLON type(T) edges(G). {
    I = state_item(p, (ast_item){.kind = ITEM_SOURCE, .type = T.type, .has_shape = T.has_shape, .indexed = A.count != 0,
        .whole = span_join(K.place, p->last.place), .name = N.string, .name_span = N.place, .axis_at = A.at, .axis_count = A.count,
        .shape_at = T.shape_at, .shape_count = T.shape_count, .edge_at = G.at, .edge_count = G.count});
}
item(I) ::= SOURCE(K) NAME(N) axes_maybe(A) COLON type(T) edges(G) ASSIGN expr(E). {
    I = state_item(p, (ast_item){.kind = ITEM_SOURCE, .type = T.type, .has_shape = T.has_shape, .indexed = A.count != 0,
        .whole = span_join(K.place, p->tree->place[E.row]), .name = N.string, .name_span = N.place, .axis_at = A.at, .axis_count = A.count,
        .shape_at = T.shape_at, .shape_count = T.shape_count, .edge_at = G.at, .edge_count = G.count, .expr = E.row});
}
item(I) ::= SOURCE(K) NAME(N) axes_maybe(A) COLON type(T) edges(G) FROM STRING(S). {
    I = state_item(p, (ast_item){.kind = ITEM_SOURCE, .type = T.type, .has_shape = T.has_shape, .indexed = A.count != 0,
        .whole = span_join(K.place, S.place), .name = N.string, .name_span = N.place, .axis_at = A.at, .axis_count = A.count,
        .shape_at = T.shape_at, .shape_count = T.shape_count, .edge_at = G.at, .edge_count = G.count, .text = S.string, .text_span = S.place});
}
item(I) ::= PAGE(K) NAME(N) axes_maybe(A) type_maybe(T) edges(G) ASSIGN expr(E). {
    I = state_item(p, (ast_item){.kind = ITEM_PAGE, .type = T.type, .has_shape = T.has_shape, .indexed = A.count != 0,
        .whole = span_join(K.place, p->tree->place[E.row]), .name = N.string, .name_span = N.place, .axis_at = A.at, .axis_count = A.count,
        .shape_at = T.shape_at, .shape_count = T.shape_count, .edge_at = G.at, .edge_count = G.count, .expr = E.row});
}
item(I) ::= FN(K) NAME(N) parameters(P) ASSIGN expr(E). { I = ITEM(.kind = ITEM_FN, .whole = span_join(K.place, p->tree->place[E.row]), .name = N.string, .name_span = N.place, .parameter_at = P.at, .parameter_count = P.count, .expr = E.row); }
item(I) ::= NODE(K) NAME(N) parameters(P) ARROW LP names(R) RP LC items(B) RC(Z). {
    parsed_list body = state_list(p, B), results = state_list(p, R);
    I = ITEM(.kind = ITEM_NODE, .whole = span_join(K.place, Z.place), .name = N.string, .name_span = N.place, .parameter_at = P.at, .parameter_count = P.count,
        .list_at = results.at, .list_count = results.count, .item_at = body.at, .item_count = body.count);
}
item(I) ::= USE(K) NAME(N) ASSIGN NAME(F) LP args(A) RP(Z). { parsed c = state_call(p, NULL, &F, A, &Z); I = ITEM(.kind = ITEM_USE, .whole = span_join(K.place, Z.place), .name = N.string, .name_span = N.place, .expr = c.row); }
item(I) ::= USE(K) NAME(N) ASSIGN NAME(Q) DOT NAME(F) LP args(A) RP(Z). { parsed c = state_call(p, &Q, &F, A, &Z); I = ITEM(.kind = ITEM_USE, .whole = span_join(K.place, Z.place), .name = N.string, .name_span = N.place, .expr = c.row); }
item(I) ::= KERNEL(K) NAME(N) parameters(P) ARROW type(T) FROM STRING(S) SYMBOL STRING(Y). {
    I = state_item(p, (ast_item){.kind = ITEM_KERNEL, .type = T.type, .has_shape = T.has_shape, .whole = span_join(K.place, Y.place), .name = N.string, .name_span = N.place,
        .parameter_at = P.at, .parameter_count = P.count, .shape_at = T.shape_at, .shape_count = T.shape_count, .text = S.string, .text_span = S.place, .symbol = Y.string});
}
item(I) ::= ASSERTION(K) expr(E) note(M). { I = ITEM(.kind = ITEM_ASSERT, .whole = span_join(K.place, p->tree->place[E.row]), .name_span = K.place, .expr = E.row, .text = M.string, .text_span = M.place); }
note(M) ::= . { M = (token){.type = TYPE_NONE}; }
note(M) ::= STRING(S). { M = S; }
item(I) ::= EVENT(K) NAME(N) ASSIGN expr(E) with(W). { I = ITEM(.kind = ITEM_EVENT, .whole = span_join(K.place, p->tree->place[E.row]), .name = N.string, .name_span = N.place, .expr = E.row, .list_at = W.at, .list_count = W.count); }
with(W) ::= . { W = (parsed_list){0, 0}; }
with(W) ::= WITH exprs(C). { W = state_list(p, C); }
item(I) ::= EXPORT(K) members(C). { parsed_list l = state_list(p, C); I = ITEM(.kind = ITEM_EXPORT, .whole = span_join(K.place, p->last.place), .name_span = K.place, .list_at = l.at, .list_count = l.count); }

items(C) ::= . { C = 0; }
items(C) ::= items(B) item(I). { state_body_item(p, I); state_push(p, I); C = B + 1; }
names(C) ::= NAME(N). { state_push(p, state_leaf(p, AST_NAME, N.string, 0, N.place).row); state_result_once(p, 0); C = 1; }
names(C) ::= names(B) COMMA NAME(N). { state_push(p, state_leaf(p, AST_NAME, N.string, 0, N.place).row); state_result_once(p, B); C = B + 1; }
members(C) ::= member(M). { state_push(p, M); C = 1; }
members(C) ::= members(B) COMMA member(M). { state_push(p, M); C = B + 1; }
member(M) ::= NAME(N). { M = state_leaf(p, AST_NAME, N.string, 0, N.place).row; }
member(M) ::= path(P). { M = P.row; }

axes_maybe(A) ::= . { A = (parsed_list){0, 0}; }
axes_maybe(A) ::= LB axes(C) RB. { A = (parsed_list){p->tree->axis_count - C, C}; }
axes(C) ::= NAME(N) COLON expr(E). { state_axis(p, &N, E.row, 0); C = 1; }
axes(C) ::= axes(B) COMMA NAME(N) COLON expr(E). { state_axis(p, &N, E.row, B); C = B + 1; }
type(T) ::= TYPE(K). { T = (parsed_type){.type = K.type, .end = K.place}; }
type(T) ::= TYPE(K) LB exprs(C) RB(Z). { parsed_list l = state_list(p, C); T = (parsed_type){K.type, true, l.at, l.count, Z.place}; }
type_maybe(T) ::= . { T = (parsed_type){.type = TYPE_NONE}; }
type_maybe(T) ::= COLON type(U). { T = U; }
edges(G) ::= . { G = (parsed_list){0, 0}; }
edges(G) ::= EDGE edge_list(C). { G = (parsed_list){p->tree->edge_count - C, C}; }
edge_list(C) ::= edge. { C = 1; }
edge_list(C) ::= edge_list(B) COMMA edge. { C = B + 1; }
edge(R) ::= CLAMP(K). { R = state_edge(p, 1, &K, 0); }
edge(R) ::= WRAP(K). { R = state_edge(p, 2, &K, 0); }
edge(R) ::= MIRROR(K). { R = state_edge(p, 3, &K, 0); }
edge(R) ::= FILL(K) binary(E). { R = state_edge(p, 4, &K, E.row); }
parameters(P) ::= LP RP. { P = (parsed_list){0, 0}; }
parameters(P) ::= LP parameter_list(C) RP. { P = (parsed_list){p->tree->parameter_count - C, C}; }
parameter_list(C) ::= parameter. { state_parameter_once(p, 0); C = 1; }
parameter_list(C) ::= parameter_list(B) COMMA parameter. { state_parameter_once(p, B); C = B + 1; }
parameter(R) ::= NAME(N) type_maybe(T). { R = state_parameter(p, &N, &T, false); }
parameter(R) ::= PARAM NAME(N). { R = state_parameter(p, &N, NULL, true); }

expr(R) ::= IF(K) expr(A) THEN expr(B) ELSE expr(C). { R = state_three(p, AST_IF, &K, A.row, B.row, C.row, C.row); }
expr(R) ::= LET(K) lets(N) IN expr(B). {
    R = B;
    for (u32 k = 0; k < N; k++) {
        u32 value = p->stack[--p->stack_count], name = p->stack[--p->stack_count];
        R = state_three(p, AST_LET, &K, name, value, R.row, R.row);
    }
}
expr(R) ::= INIT(K) expr(A) THEN expr(B). { R = state_three(p, AST_INIT, &K, A.row, B.row, 0, B.row); }
expr(R) ::= binary(R).
lets(C) ::= NAME(N) ASSIGN expr(E). { state_push(p, N.string); state_push(p, E.row); C = 1; }
lets(C) ::= lets(B) LET NAME(N) ASSIGN expr(E). { state_push(p, N.string); state_push(p, E.row); C = B + 1; }
binary(R) ::= binary(A) OROR(K) binary(B). { R = state_binary(p, AST_OP_OROR, &K, A, B); }
binary(R) ::= binary(A) ANDAND(K) binary(B). { R = state_binary(p, AST_OP_ANDAND, &K, A, B); }
binary(R) ::= binary(A) EQ(K) binary(B). { R = state_compare(p, AST_OP_EQ, &K, A, B); }
binary(R) ::= binary(A) NE(K) binary(B). { R = state_compare(p, AST_OP_NE, &K, A, B); }
binary(R) ::= binary(A) LT(K) binary(B). { R = state_compare(p, AST_OP_LT, &K, A, B); }
binary(R) ::= binary(A) LE(K) binary(B). { R = state_compare(p, AST_OP_LE, &K, A, B); }
binary(R) ::= binary(A) GT(K) binary(B). { R = state_compare(p, AST_OP_GT, &K, A, B); }
binary(R) ::= binary(A) GE(K) binary(B). { R = state_compare(p, AST_OP_GE, &K, A, B); }
binary(R) ::= binary(A) OR(K) binary(B). { R = state_binary(p, AST_OP_OR, &K, A, B); }
binary(R) ::= binary(A) XOR(K) binary(B). { R = state_binary(p, AST_OP_XOR, &K, A, B); }
binary(R) ::= binary(A) AND(K) binary(B). { R = state_binary(p, AST_OP_AND, &K, A, B); }
binary(R) ::= binary(A) SHL(K) binary(B). { R = state_binary(p, AST_OP_SHL, &K, A, B); }
binary(R) ::= binary(A) SHR(K) binary(B). { R = state_binary(p, AST_OP_SHR, &K, A, B); }
binary(R) ::= binary(A) PLUS(K) binary(B). { R = state_binary(p, AST_OP_ADD, &K, A, B); }
binary(R) ::= binary(A) MINUS(K) binary(B). { R = state_binary(p, AST_OP_SUB, &K, A, B); }
binary(R) ::= binary(A) STAR(K) binary(B). { R = state_binary(p, AST_OP_MUL, &K, A, B); }
binary(R) ::= binary(A) SLASH(K) binary(B). { R = state_binary(p, AST_OP_DIV, &K, A, B); }
binary(R) ::= binary(A) PERCENT(K) binary(B). { R = state_binary(p, AST_OP_REM, &K, A, B); }
binary(R) ::= signed(R).
signed(R) ::= MINUS(K) signed(A). { R = state_unary(p, AST_OP_NEG, &K, A); }
signed(R) ::= BANG(K) signed(A). { R = state_unary(p, AST_OP_NOT, &K, A); }
signed(R) ::= TILDE(K) signed(A). { R = state_unary(p, AST_OP_BITNOT, &K, A); }
signed(R) ::= power(R).
power(R) ::= postfix(A) POW(K) signed(B). { R = state_binary(p, AST_OP_POW, &K, A, B); }
power(R) ::= postfix(R).
postfix(R) ::= postfix(A) LB exprs(C) RB(Z). { R = state_index(p, A, C, &Z); }
postfix(R) ::= primary(R).
primary(R) ::= INTEGER(T). { R = state_integer(p, &T); }
primary(R) ::= FLOAT(T). { R = state_float(p, &T); }
primary(R) ::= BOOLEAN(T). { R = state_leaf(p, AST_BOOL, (u32)T.integer, 0, T.place); }
primary(R) ::= INFINITE(T). { R = state_leaf(p, AST_INF, 0, 0, T.place); }
primary(R) ::= NOT_A_NUMBER(T). { R = state_leaf(p, AST_NAN, 0, 0, T.place); }
primary(R) ::= PI(T). { R = state_leaf(p, AST_PI, 0, 0, T.place); }
primary(R) ::= EPOCH(T). { R = state_leaf(p, AST_EPOCH, 0, 0, T.place); }
primary(R) ::= NAME(N). { R = state_leaf(p, AST_NAME, N.string, 0, N.place); }
primary(R) ::= path(R).
path(P) ::= NAME(N) DOT NAME(O). { P = state_leaf(p, AST_MEMBER, N.string, O.string, span_join(N.place, O.place)); }
path(P) ::= path(B) DOT NAME(O). { P = state_path(p, B, &O); }
primary(R) ::= NAME(N) LP args(A) RP(Z). { R = state_call(p, NULL, &N, A, &Z); }
primary(R) ::= TYPE(N) LP args(A) RP(Z). { R = state_call(p, NULL, &N, A, &Z); }
primary(R) ::= NAME(Q) DOT NAME(N) LP args(A) RP(Z). { R = state_call(p, &Q, &N, A, &Z); }
primary(R) ::= LP(O) expr(A) RP(Z). { R = state_closed(p, &O, A, &Z); }
exprs(C) ::= expr(E). { state_push(p, E.row); C = 1; }
exprs(C) ::= exprs(B) COMMA expr(E). { state_push(p, E.row); C = B + 1; }
args(A) ::= . { A = NO_ARGS; }
args(A) ::= exprs(C). { A = NO_ARGS; A.arg_count = C; }
args(A) ::= exprs(C) FOR loops(X) filter(F). { A = NO_ARGS; A.form = CALL_FOR; A.arg_count = C; A.loops = X; A.filter = F; }
loops(L) ::= axes(C). { L = (parsed_list){p->tree->axis_count - C, C}; }
args(A) ::= exprs(C) BY expr(K) filter(F). { A = NO_ARGS; A.form = CALL_BY; A.arg_count = C; A.key = K.row; A.filter = F; }
args(A) ::= BY expr(K) filter(F). { A = NO_ARGS; A.form = CALL_BY; A.key = K.row; A.filter = F; }
filter(F) ::= . { F = 0; }
filter(F) ::= IF expr(E). { F = E.row; }
