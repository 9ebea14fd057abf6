/* SPDX-License-Identifier: Apache-2.0
 * print: the tree as a doc: expressions. print_items.c has the items. */
#include "print_items.h"

/* How tightly an expression binds; a child that binds less than its place asks for stands in
 * parentheses. */
enum { LOOSE = 0, OROR = 1, COMPARISON = 3, SIGNED = 10, POWER = 11, POSTFIX = 12 };

static u8 level_of(const ast *t, u32 row) {
    static const u8 levels[AST_OP_COUNT] = {
        [AST_OP_OROR] = 1, [AST_OP_ANDAND] = 2, [AST_OP_EQ] = 3,     [AST_OP_NE] = 3,
        [AST_OP_LT] = 3,   [AST_OP_LE] = 3,     [AST_OP_GT] = 3,     [AST_OP_GE] = 3,
        [AST_OP_OR] = 4,   [AST_OP_XOR] = 5,    [AST_OP_AND] = 6,    [AST_OP_SHL] = 7,
        [AST_OP_SHR] = 7,  [AST_OP_ADD] = 8,    [AST_OP_SUB] = 8,    [AST_OP_MUL] = 9,
        [AST_OP_DIV] = 9,  [AST_OP_REM] = 9,    [AST_OP_POW] = POWER};
    switch (t->kind[row]) {
    case AST_IF:
    case AST_LET:
    case AST_INIT: return LOOSE;
    case AST_UNARY: return SIGNED;
    case AST_BINARY: return levels[t->op[row]];
    default: return POSTFIX;
    }
}

static void print_at(print_state *p, u32 row, u8 level);

void print_expr(print_state *p, u32 row) { print_at(p, row, LOOSE); }
void print_operand(print_state *p, u32 row) { print_at(p, row, OROR); }

void print_list(print_state *p, const u32 *rows, u32 count) {
    for (u32 k = 0; k < count; k++) {
        if (k != 0) print_token(p, ","), doc_mark(&p->doc, DOC_FILL);
        print_expr(p, rows[k]);
    }
}

static bool is_leaf(const ast *t, u32 row) {
    return t->kind[row] == AST_NAME || t->kind[row] == AST_INTEGER;
}

/* An index that is one + or - of two leaves stands close: u[i-1, j]. */
static void print_indices(print_state *p, const u32 *rows, u32 count) {
    const ast *t = p->tree;
    for (u32 k = 0; k < count; k++) {
        u32 row = rows[k];
        bool shift =
            t->kind[row] == AST_BINARY && (t->op[row] == AST_OP_ADD || t->op[row] == AST_OP_SUB);
        if (k != 0) print_token(p, ","), doc_mark(&p->doc, DOC_FILL);
        if (shift && is_leaf(t, t->a[row]) && is_leaf(t, t->b[row])) {
            print_expr(p, t->a[row]);
            print_token(p, ast_op_text(t->op[row]));
            print_expr(p, t->b[row]);
        } else {
            print_expr(p, row);
        }
    }
}

void print_open(print_state *p, const char *bracket) {
    doc_mark(&p->doc, DOC_GROUP);
    print_token(p, bracket);
    doc_mark(&p->doc, DOC_ALIGN_BEGIN);
}

void print_close(print_state *p, const char *bracket) {
    doc_mark(&p->doc, DOC_INDENT_END);
    print_token(p, bracket);
    doc_mark(&p->doc, DOC_GROUP_END);
}

void print_axes(print_state *p, u32 at, u32 count) {
    for (u32 k = at; k < at + count; k++) {
        if (k != at) print_token(p, ","), doc_mark(&p->doc, DOC_FILL);
        print_token(p, ast_text(p->tree, p->tree->axes[k].name));
        print_token(p, ":");
        doc_text(&p->doc, " ");
        print_expr(p, p->tree->axes[k].extent);
    }
}

void print_call(print_state *p, const ast_call *c) {
    doc *d = &p->doc;
    if (c->qualifier != 0) print_token(p, ast_text(p->tree, c->qualifier)), print_token(p, ".");
    print_token(p, ast_text(p->tree, c->name));
    print_open(p, "(");
    print_list(p, p->tree->lists + c->arg_at, c->arg_count);
    if (c->form != CALL_PLAIN) {
        if (c->arg_count != 0) doc_mark(d, DOC_LINE);
        print_token(p, c->form == CALL_FOR ? "for" : "by");
        doc_text(d, " ");
        if (c->form == CALL_FOR)
            print_axes(p, c->loop_at, c->loop_count);
        else
            print_expr(p, c->key);
        if (c->filter != 0) {
            doc_mark(d, DOC_LINE);
            print_token(p, "if");
            doc_text(d, " ");
            print_expr(p, c->filter);
        }
    }
    print_close(p, ")");
}

/* A left-associative run of one level is one group: it fills lines, which end in operators. */
static void print_binary(print_state *p, u32 row) {
    const ast *t = p->tree;
    u8 level = level_of(t, row);
    bool chains = level != COMPARISON && level != POWER;
    u32 count = 1, first = row;
    while (chains && level_of(t, t->a[first]) == level) first = t->a[first], count++;
    u32 *rows = ARENA_ARRAY(p->doc.memory, u32, count);
    if (rows == NULL) {
        p->doc.out_of_memory = true;
        return;
    }
    for (u32 k = count, at = row; k-- > 0; at = t->a[at]) rows[k] = at;
    doc_mark(&p->doc, DOC_GROUP);
    print_at(p, t->a[first], level == POWER ? POSTFIX : (u8)(level + 1));
    for (u32 k = 0; k < count; k++) {
        doc_text(&p->doc, " ");
        print_token(p, ast_op_text(t->op[rows[k]]));
        doc_mark(&p->doc, DOC_FILL);
        print_at(p, t->b[rows[k]], level == POWER ? SIGNED : (u8)(level + 1));
    }
    doc_mark(&p->doc, DOC_GROUP_END);
}

/* A part that goes to the next line, indented, where it does not fit. */
void print_hanging(print_state *p, u32 row) {
    doc_mark(&p->doc, DOC_GROUP);
    doc_mark(&p->doc, DOC_INDENT_BEGIN);
    doc_mark(&p->doc, DOC_LINE);
    print_expr(p, row);
    doc_mark(&p->doc, DOC_INDENT_END);
    doc_mark(&p->doc, DOC_GROUP_END);
}

static void print_aligned(print_state *p, u32 row) {
    doc_text(&p->doc, " ");
    doc_mark(&p->doc, DOC_ALIGN_BEGIN);
    print_expr(p, row);
    doc_mark(&p->doc, DOC_INDENT_END);
}

static void print_if(print_state *p, u32 row) {
    const ast *t = p->tree;
    doc_mark(&p->doc, DOC_GROUP);
    for (;; row = t->c[row]) {
        print_token(p, "if");
        print_aligned(p, t->a[row]);
        doc_text(&p->doc, " ");
        print_token(p, "then");
        print_hanging(p, t->b[row]);
        doc_mark(&p->doc, DOC_LINE);
        print_token(p, "else");
        if (t->kind[t->c[row]] != AST_IF) break;
        doc_text(&p->doc, " ");
    }
    print_hanging(p, t->c[row]);
    doc_mark(&p->doc, DOC_GROUP_END);
}

static void print_let(print_state *p, u32 row) {
    const ast *t = p->tree;
    doc_mark(&p->doc, DOC_GROUP);
    for (; t->kind[row] == AST_LET; row = t->c[row]) {
        print_token(p, "let");
        doc_text(&p->doc, " ");
        print_token(p, ast_text(t, t->a[row]));
        doc_text(&p->doc, " ");
        print_token(p, "=");
        print_hanging(p, t->b[row]);
        doc_mark(&p->doc, DOC_LINE);
    }
    print_token(p, "in");
    print_aligned(p, row);
    doc_mark(&p->doc, DOC_GROUP_END);
}

static void print_init(print_state *p, u32 row) {
    doc_mark(&p->doc, DOC_GROUP);
    print_token(p, "init");
    print_aligned(p, p->tree->a[row]);
    doc_text(&p->doc, " ");
    print_token(p, "then");
    print_hanging(p, p->tree->b[row]);
    doc_mark(&p->doc, DOC_GROUP_END);
}

/* A minus directly before an integer literal belongs to it: -(128) is not -128. */
static bool literal_is_apart(const print_state *p, u32 minus) {
    const ast *t = p->tree;
    u32 bytes, below = t->a[minus];
    return t->op[minus] == AST_OP_NEG && t->kind[below] == AST_INTEGER &&
           *sources_text(p->sources, t->place[below], &bytes) == '(';
}

/* `o.e` and the point behind it, a token each. */
static void print_path(print_state *p, u32 name) {
    ASSERT(name != 0 && name < p->tree->string_count);
    char part[400];
    for (const char *at = ast_text(p->tree, name); at != NULL;) {
        const char *dot = strchr(at, '.');
        size_t bytes = dot == NULL ? strlen(at) : (size_t)(dot - at);
        snprintf(part, sizeof part, "%.*s", (int)bytes, at);
        print_token(p, part);
        print_token(p, ".");
        at = dot == NULL ? NULL : dot + 1;
    }
}

static void print_open_form(print_state *p, u32 row) {
    const ast *t = p->tree;
    switch (t->kind[row]) {
    case AST_UNARY:
        print_token(p, ast_op_text(t->op[row]));
        if (literal_is_apart(p, row)) {
            print_open(p, "(");
            print_open_form(p, t->a[row]);
            print_close(p, ")");
        } else {
            print_at(p, t->a[row], SIGNED);
        }
        break;
    case AST_BINARY: print_binary(p, row); break;
    case AST_CALL: print_call(p, &t->calls[t->a[row]]); break;
    case AST_INDEX:
        print_at(p, t->a[row], POSTFIX);
        print_open(p, "[");
        print_indices(p, t->lists + t->b[row], t->c[row]);
        print_close(p, "]");
        break;
    case AST_IF: print_if(p, row); break;
    case AST_LET: print_let(p, row); break;
    case AST_INIT: print_init(p, row); break;
    case AST_MEMBER:
        print_path(p, t->a[row]);
        print_token(p, ast_text(t, t->b[row]));
        break;
    default: print_token(p, NULL); /* a literal or a name: as it is written */
    }
}

static void print_at(print_state *p, u32 row, u8 level) {
    bool closed = level_of(p->tree, row) < level;
    if (p->broken || p->doc.out_of_memory) return;
    if (closed) print_open(p, "(");
    print_open_form(p, row);
    if (closed) print_close(p, ")");
}
