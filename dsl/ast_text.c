/* SPDX-License-Identifier: Apache-2.0
 * ast_text: the structure of a tree as text in parentheses. */
#include <stdarg.h>
#include <stdio.h>

#include "print.h"

typedef struct {
    const ast *t;
    arena *memory;
    char *text;
    u32 used, capacity;
    bool failed;
} dump;

static void add(dump *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(dump *d, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int bytes = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (bytes >= 0 && !d->failed &&
        arena_grow(d->memory, (void **)&d->text, &d->capacity, d->used + (u32)bytes + 1, 1)) {
        vsnprintf(d->text + d->used, (size_t)bytes + 1, format, again);
        d->used += (u32)bytes;
    } else {
        d->failed = true;
    }
    va_end(again);
}

static void add_string(dump *d, const char *head, u32 string) {
    const char *text = ast_text(d->t, string);
    add(d, " (%s \"", head);
    for (u32 k = 0; k < d->t->string_bytes[string]; k++) {
        u8 c = (u8)text[k];
        if (c == '"' || c == '\\')
            add(d, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            add(d, "\\x%02x", c);
        else
            add(d, "%c", c);
    }
    add(d, "\")");
}

static void add_expr(dump *d, u32 row);

static void add_list(dump *d, u32 at, u32 count) {
    for (u32 k = 0; k < count; k++) add_expr(d, d->t->lists[at + k]);
}

static void add_axes(dump *d, const char *head, u32 at, u32 count) {
    if (count == 0) return;
    add(d, " (%s", head);
    for (u32 k = at; k < at + count; k++) {
        add(d, " (%s", ast_text(d->t, d->t->axes[k].name));
        add_expr(d, d->t->axes[k].extent);
        add(d, ")");
    }
    add(d, ")");
}

static void add_call(dump *d, const ast_call *c) {
    const char *name = ast_text(d->t, c->name);
    if (c->qualifier != 0)
        add(d, "(call %s.%s", ast_text(d->t, c->qualifier), name);
    else
        add(d, "(call %s", name);
    add_list(d, c->arg_at, c->arg_count);
    add_axes(d, "for", c->loop_at, c->loop_count);
    if (c->form == CALL_BY) add(d, " (by"), add_expr(d, c->key), add(d, ")");
    if (c->filter != 0) add(d, " (if"), add_expr(d, c->filter), add(d, ")");
    add(d, ")");
}

static void add_form(dump *d, const char *head, u32 a, u32 b, u32 c) {
    add(d, "(%s", head);
    if (a != 0) add_expr(d, a);
    if (b != 0) add_expr(d, b);
    if (c != 0) add_expr(d, c);
    add(d, ")");
}

/* Each with a space before it. */
static void add_expr(dump *d, u32 row) {
    const ast *t = d->t;
    u32 a = t->a[row], b = t->b[row], c = t->c[row];
    add(d, " ");
    switch (t->kind[row]) {
    case AST_INTEGER: add(d, "%llu", (unsigned long long)t->integers[a]); break;
    case AST_FLOAT: add(d, "%a", t->floats[a]); break;
    case AST_BOOL: add(d, a != 0 ? "true" : "false"); break;
    case AST_INF: add(d, "inf"); break;
    case AST_NAN: add(d, "nan"); break;
    case AST_PI: add(d, "pi"); break;
    case AST_EPOCH: add(d, "epoch"); break;
    case AST_NAME: add(d, "%s", ast_text(t, a)); break;
    case AST_MEMBER: add(d, "%s.%s", ast_text(t, a), ast_text(t, b)); break;
    case AST_UNARY: add_form(d, ast_op_text(t->op[row]), a, 0, 0); break;
    case AST_BINARY: add_form(d, ast_op_text(t->op[row]), a, b, 0); break;
    case AST_CALL: add_call(d, &t->calls[a]); break;
    case AST_INDEX:
        add(d, "(index");
        add_expr(d, a);
        add_list(d, b, c);
        add(d, ")");
        break;
    case AST_IF: add_form(d, "if", a, b, c); break;
    case AST_LET:
        add(d, "(let %s", ast_text(t, a));
        add_expr(d, b);
        add_expr(d, c);
        add(d, ")");
        break;
    case AST_INIT: add_form(d, "init", a, b, 0); break;
    default: add(d, "error");
    }
    bool suffix = (t->kind[row] == AST_INTEGER || t->kind[row] == AST_FLOAT) && b != TYPE_NONE;
    if (suffix) add(d, ":%s", type_text((u8)b));
}

static void add_type(dump *d, u8 type, bool has_shape, u32 at, u32 count) {
    if (type == TYPE_NONE) return;
    add(d, " (type %s", type_text(type));
    if (has_shape) add_list(d, at, count);
    add(d, ")");
}

static void add_parameters(dump *d, const ast_item *i) {
    add(d, " (parameters");
    for (u32 k = 0; k < i->parameter_count; k++) {
        const ast_parameter *p = &d->t->parameters[i->parameter_at + k];
        add(d, " (%s%s", p->is_param ? "param " : "", ast_text(d->t, p->name));
        add_type(d, p->type, p->has_shape, p->shape_at, p->shape_count);
        add(d, ")");
    }
    add(d, ")");
}

static void add_edges(dump *d, const ast_item *i) {
    static const char *const words[] = {"none", "clamp", "wrap", "mirror", "fill"};
    if (i->edge_count == 0) return;
    add(d, " (edge");
    for (u32 k = 0; k < i->edge_count; k++) {
        const ast_edge *e = &d->t->edges[i->edge_at + k];
        add(d, e->value != 0 ? " (%s" : " %s", words[e->kind]);
        if (e->value != 0) add_expr(d, e->value), add(d, ")");
    }
    add(d, ")");
}

static void add_item(dump *d, const ast_item *i, u32 indent) {
    static const char *const words[ITEM_KIND_COUNT] = {
        [ITEM_GRAPH] = "graph",   [ITEM_IMPORT] = "import", [ITEM_PARAM] = "param",
        [ITEM_CONST] = "const",   [ITEM_SOURCE] = "source", [ITEM_PAGE] = "page",
        [ITEM_FN] = "fn",         [ITEM_NODE] = "node",     [ITEM_USE] = "use",
        [ITEM_KERNEL] = "kernel", [ITEM_ASSERT] = "assert", [ITEM_EVENT] = "event",
        [ITEM_EXPORT] = "export"};
    static const char *const lists[ITEM_KIND_COUNT] = {
        [ITEM_NODE] = "results", [ITEM_EVENT] = "with", [ITEM_EXPORT] = "pages"};
    bool callable = i->kind == ITEM_FN || i->kind == ITEM_NODE || i->kind == ITEM_KERNEL;
    add(d, "%*s(%s", (int)indent, "", words[i->kind]);
    if (i->name != 0) add(d, " %s", ast_text(d->t, i->name));
    if (callable) add_parameters(d, i);
    add_axes(d, "axes", i->axis_at, i->axis_count);
    add_type(d, i->type, i->has_shape, i->shape_at, i->shape_count);
    add_edges(d, i);
    if (i->expr != 0) add_expr(d, i->expr);
    if (i->list_count != 0) {
        add(d, " (%s", lists[i->kind]);
        add_list(d, i->list_at, i->list_count);
        add(d, ")");
    }
    if (i->text_span.end != 0) add_string(d, i->kind == ITEM_ASSERT ? "message" : "file", i->text);
    if (i->kind == ITEM_KERNEL) add_string(d, "symbol", i->symbol);
    for (u32 k = 0; k < i->item_count; k++) {
        add(d, "\n");
        add_item(d, &d->t->items[d->t->lists[i->item_at + k]], indent + 2);
    }
    add(d, ")");
}

mmsb_status ast_print(const ast *t, u32 file, arena *memory, const char **text, u64 *bytes) {
    dump d = {.t = t, .memory = memory};
    add(&d, "%s", "");
    for (u32 k = 0; k < t->top_count; k++) {
        if (t->items[t->top[k]].whole.file != file) continue;
        add_item(&d, &t->items[t->top[k]], 0);
        add(&d, "\n");
    }
    *text = d.text, *bytes = d.used;
    return d.failed ? MMSB_OUT_OF_SPACE : MMSB_OK;
}
