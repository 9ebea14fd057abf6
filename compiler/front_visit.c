/* SPDX-License-Identifier: Apache-2.0
 * front_visit: the symbols that an expression names, without elaborating it. Recursion is bounded
 * by EXPR_HEIGHT_MAX. */
#include "front_state.h"

typedef struct {
    front *f;
    void (*visit)(front *, u32, void *);
    void *context;
    u32 scope;
} visitor;

static void visit_member(const visitor *v, u32 left, u32 right, bool of_function) {
    front *f = v->f;
    ASSERT(left < f->tree->string_count && right < f->tree->string_count);
    u32 row = names_owner(f, v->scope, left);
    if (row == 0) return;
    const symbol *s = &f->symbols[row];
    row = s->kind == SYMBOL_USE ? names_find(f, s->target, right, of_function)
                                : names_here(f, s->target, right, of_function);
    if (row != 0) v->visit(f, row, v->context);
}

static void visit(const visitor *v, u32 expr);

static void visit_list(const visitor *v, u32 at, u32 count) {
    ASSERT(at + (u64)count <= v->f->tree->list_count);
    for (u32 k = 0; k < count; k++) visit(v, v->f->tree->lists[at + k]);
}

static void visit_call(const visitor *v, const ast_call *call) {
    const ast *t = v->f->tree;
    ASSERT(call->name < t->string_count);
    u32 row = call->qualifier == 0 ? names_find(v->f, v->scope, call->name, true) : 0;
    if (call->qualifier != 0) visit_member(v, call->qualifier, call->name, true);
    if (row != 0) v->visit(v->f, row, v->context);
    visit_list(v, call->arg_at, call->arg_count);
    for (u32 k = 0; k < call->loop_count; k++) visit(v, t->axes[call->loop_at + k].extent);
    visit(v, call->key);
    visit(v, call->filter);
}

static void visit(const visitor *v, u32 expr) {
    const ast *t = v->f->tree;
    ASSERT(expr < t->expr_count);
    u32 row = 0;
    switch (expr == 0 ? AST_NONE : t->kind[expr]) {
    case AST_NAME:
        row = names_find(v->f, v->scope, t->a[expr], false);
        if (row != 0) v->visit(v->f, row, v->context);
        return;
    case AST_MEMBER: visit_member(v, t->a[expr], t->b[expr], false); return;
    case AST_UNARY: visit(v, t->a[expr]); return;
    case AST_IF: visit(v, t->c[expr]); /* fallthrough */
    case AST_BINARY:
    case AST_INIT:
        visit(v, t->a[expr]);
        visit(v, t->b[expr]);
        return;
    case AST_LET:
        visit(v, t->b[expr]);
        visit(v, t->c[expr]);
        return;
    case AST_INDEX:
        visit(v, t->a[expr]);
        visit_list(v, t->b[expr], t->c[expr]);
        return;
    case AST_CALL: visit_call(v, &t->calls[t->a[expr]]); return;
    default: return;
    }
}

void names_visit(front *f, u32 scope_row, u32 expr, void (*each)(front *, u32, void *),
                 void *context) {
    const visitor v = {f, each, context, scope_row};
    ASSERT(scope_row != 0 && scope_row < f->scope_count);
    visit(&v, expr);
}
