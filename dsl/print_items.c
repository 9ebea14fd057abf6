/* SPDX-License-Identifier: Apache-2.0
 * print_items: items as a doc, and the whole: tree to doc, comments into it, layout. */
#include "print_items.h"

static void space(print_state *p) { doc_text(&p->doc, " "); }

static void print_name(print_state *p, u32 string) { print_token(p, ast_text(p->tree, string)); }

static void print_type(print_state *p, u8 type, bool has_shape, u32 at, u32 count) {
    print_token(p, type_text(type));
    if (!has_shape) return;
    print_open(p, "[");
    print_list(p, p->tree->lists + at, count);
    print_close(p, "]");
}

static void print_type_stated(print_state *p, u8 type, bool has_shape, u32 at, u32 count) {
    if (type == TYPE_NONE) return;
    print_token(p, ":");
    space(p);
    print_type(p, type, has_shape, at, count);
}

static void print_edges(print_state *p, const ast_item *i) {
    static const char *const words[] = {"", "clamp", "wrap", "mirror", "fill"};
    if (i->edge_count == 0) return;
    space(p);
    print_token(p, "edge");
    space(p);
    doc_mark(&p->doc, DOC_GROUP);
    doc_mark(&p->doc, DOC_ALIGN_BEGIN);
    for (u32 k = 0; k < i->edge_count; k++) {
        const ast_edge *e = &p->tree->edges[i->edge_at + k];
        if (k != 0) print_token(p, ","), doc_mark(&p->doc, DOC_FILL);
        print_token(p, words[e->kind]);
        if (e->value != 0) space(p), print_operand(p, e->value);
    }
    doc_mark(&p->doc, DOC_INDENT_END);
    doc_mark(&p->doc, DOC_GROUP_END);
}

/* ` = EXPR`; init stays on the line and its second part hangs. */
static void print_body(print_state *p, u32 expr) {
    space(p);
    print_token(p, "=");
    if (p->tree->kind[expr] == AST_INIT)
        space(p), print_expr(p, expr);
    else
        print_hanging(p, expr);
}

static void print_parameters(print_state *p, const ast_item *i) {
    print_open(p, "(");
    for (u32 k = 0; k < i->parameter_count; k++) {
        const ast_parameter *a = &p->tree->parameters[i->parameter_at + k];
        if (k != 0) print_token(p, ","), doc_mark(&p->doc, DOC_FILL);
        if (a->is_param) print_token(p, "param"), space(p);
        print_name(p, a->name);
        print_type_stated(p, a->type, a->has_shape, a->shape_at, a->shape_count);
    }
    print_close(p, ")");
}

static void print_item(print_state *p, const ast_item *i);

static void print_node(print_state *p, const ast_item *i) {
    doc *d = &p->doc;
    print_parameters(p, i);
    space(p);
    print_token(p, "->");
    space(p);
    print_open(p, "(");
    print_list(p, p->tree->lists + i->list_at, i->list_count);
    print_close(p, ")");
    space(p);
    print_token(p, "{");
    doc_mark(d, DOC_INDENT_BEGIN);
    for (u32 k = 0; k < i->item_count; k++) {
        doc_mark(d, DOC_HARD);
        print_item(p, &p->tree->items[p->tree->lists[i->item_at + k]]);
    }
    doc_mark(d, DOC_HARD);
    doc_mark(d, DOC_INDENT_END);
    print_token(p, "}");
}

static void print_event(print_state *p, const ast_item *i) {
    doc *d = &p->doc;
    print_body(p, i->expr);
    if (i->list_count == 0) return;
    doc_mark(d, DOC_INDENT_BEGIN);
    doc_mark(d, DOC_LINE);
    print_token(p, "with");
    space(p);
    doc_mark(d, DOC_ALIGN_BEGIN);
    print_list(p, p->tree->lists + i->list_at, i->list_count);
    doc_mark(d, DOC_INDENT_END);
    doc_mark(d, DOC_INDENT_END);
}

static void print_assert(print_state *p, const ast_item *i) {
    doc_mark(&p->doc, DOC_INDENT_BEGIN);
    print_expr(p, i->expr);
    if (i->text_span.end != 0) doc_mark(&p->doc, DOC_LINE), print_token(p, NULL);
    doc_mark(&p->doc, DOC_INDENT_END);
}

static void print_export(print_state *p, const ast_item *i) {
    doc_mark(&p->doc, DOC_ALIGN_BEGIN);
    print_list(p, p->tree->lists + i->list_at, i->list_count);
    doc_mark(&p->doc, DOC_INDENT_END);
}

static void print_text_after(print_state *p, const char *word) {
    space(p);
    print_token(p, word);
    space(p);
    print_token(p, NULL);
}

/* What follows the name. */
static void print_rest(print_state *p, const ast_item *i) {
    switch (i->kind) {
    case ITEM_SOURCE:
    case ITEM_PAGE:
        if (i->indexed) {
            print_open(p, "[");
            print_axes(p, i->axis_at, i->axis_count);
            print_close(p, "]");
        }
        print_type_stated(p, i->type, i->has_shape, i->shape_at, i->shape_count);
        print_edges(p, i);
        if (i->expr != 0)
            print_body(p, i->expr);
        else if (i->text_span.end != 0)
            print_text_after(p, "from");
        break;
    case ITEM_CONST:
        print_type_stated(p, i->type, false, 0, 0);
        print_body(p, i->expr);
        break;
    case ITEM_PARAM: print_body(p, i->expr); break;
    case ITEM_FN:
        print_parameters(p, i);
        print_body(p, i->expr);
        break;
    case ITEM_NODE: print_node(p, i); break;
    case ITEM_USE: print_body(p, i->expr); break;
    case ITEM_KERNEL:
        print_parameters(p, i);
        space(p);
        print_token(p, "->");
        space(p);
        print_type(p, i->type, i->has_shape, i->shape_at, i->shape_count);
        print_text_after(p, "from");
        print_text_after(p, "symbol");
        break;
    case ITEM_EVENT: print_event(p, i); break;
    default: ASSERT(i->kind == ITEM_GRAPH);
    }
}

static void print_item(print_state *p, const ast_item *i) {
    static const char *const words[ITEM_KIND_COUNT] = {
        [ITEM_GRAPH] = "graph",   [ITEM_IMPORT] = "import", [ITEM_PARAM] = "param",
        [ITEM_CONST] = "const",   [ITEM_SOURCE] = "source", [ITEM_PAGE] = "page",
        [ITEM_FN] = "fn",         [ITEM_NODE] = "node",     [ITEM_USE] = "use",
        [ITEM_KERNEL] = "kernel", [ITEM_ASSERT] = "assert", [ITEM_EVENT] = "event",
        [ITEM_EXPORT] = "export"};
    bool group = i->kind != ITEM_NODE;
    if (group) doc_mark(&p->doc, DOC_GROUP);
    print_token(p, words[i->kind]);
    space(p);
    switch (i->kind) {
    case ITEM_IMPORT:
        print_token(p, NULL);
        if (i->name != 0) space(p), print_token(p, "as"), space(p), print_name(p, i->name);
        break;
    case ITEM_ASSERT: print_assert(p, i); break;
    case ITEM_EXPORT: print_export(p, i); break;
    default: print_name(p, i->name); print_rest(p, i);
    }
    if (group) doc_mark(&p->doc, DOC_GROUP_END);
}

mmsb_status print_file(const sources *s, const ast *t, u32 file, arena *memory, const char **text,
                       u64 *bytes) {
    print_state p = {.sources = s, .tree = t, .file = file, .doc = {.memory = memory}};
    doc whole = {.memory = memory};
    if (!print_tokens(&p)) return MMSB_OUT_OF_SPACE;
    for (u32 k = 0; k < t->top_count; k++) {
        if (t->items[t->top[k]].whole.file != file) continue;
        doc_mark(&p.doc, DOC_HARD);
        print_item(&p, &t->items[t->top[k]]);
    }
    doc_mark(&p.doc, DOC_HARD);
    if (p.broken) return MMSB_BUG;
    print_comments(&p, &whole);
    if (whole.out_of_memory) return MMSB_OUT_OF_SPACE;
    *text = doc_layout(&whole, bytes);
    return *text == NULL ? MMSB_OUT_OF_SPACE : MMSB_OK;
}
