/* SPDX-License-Identifier: Apache-2.0
 * emit_ir: each equation as text. An expression that is used twice in an equation, or long, is a
 * numbered line of its own, so the text grows with the graph and not with its unfolded tree. */
#include "emit_ir.h"

#include <stdlib.h>

#include "../engine/core/number.h"
#include "../kernels/whole_sizes.h"

#define INLINE_BYTES_MAX 72u

typedef struct {
    const ir *g;
    arena *memory; /* cleared after each equation */
    FILE *to;
    u32 *seen, *uses; /* by expression: the equation that met it last, how often it is used there */
    const char **text;
    u32 *rows; /* of the equation, then sorted */
    u32 row_count;
    u32 stamp;
    bool failed;
} report;

static const char *const reductions[IR_REDUCTION_COUNT] = {
    "sum", "prod", "min", "max", "any", "all", "count", "mean", "argmin", "argmax"};
static const char *const wholes[WHOLE_COUNT] = {"cumsum",  "cumprod", "cummin",   "cummax", "sort",
                                                "argsort", "topk",    "quantile", "matmul", "dot"};

/* Text put together piece by piece. */
typedef struct {
    char at[4 * 4096]; /* names have at most 4096 bytes */
    u32 used;
} line;

static void add(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(line *l, const char *format, ...) {
    va_list list;
    ASSERT(l->used < sizeof l->at);
    va_start(list, format);
    int n = vsnprintf(l->at + l->used, sizeof l->at - l->used, format, list);
    va_end(list);
    u32 left = (u32)sizeof l->at - l->used - 1;
    l->used += n < 0 ? 0 : (u32)n < left ? (u32)n : left;
}

static const char *text_of(const report *r, u32 row) {
    ASSERT(row == 0 || r->seen[row] == r->stamp);
    return row == 0 ? "" : r->text[row];
}

/* Calls visit with each expression directly below. */
static void below(report *r, u32 row, void (*visit)(report *r, u32 child)) {
    const ir_expr *e = &r->g->exprs[row];
    if (e->kind == IR_READ) {
        for (u32 k = 0; k < e->count; k++) visit(r, r->g->lists[e->at + k]);
        return;
    }
    visit(r, e->a), visit(r, e->b), visit(r, e->c);
}

static void meet(report *r, u32 row) {
    if (row == 0) return;
    ASSERT(row < r->g->expr_count);
    if (r->seen[row] != r->stamp) {
        r->seen[row] = r->stamp, r->uses[row] = 0;
        r->rows[r->row_count++] = row;
    }
    r->uses[row]++;
}

static int order(const void *a, const void *b) {
    u32 x = *(const u32 *)a, y = *(const u32 *)b;
    return x < y ? -1 : x > y;
}

static void add_op(line *l, const report *r, const ir_expr *e) {
    const op_row *o = op_info(e->op);
    const char *a = text_of(r, e->a), *b = text_of(r, e->b), *c = text_of(r, e->c);
    bool word = o->text[0] >= 'a' && o->text[0] <= 'z';
    ASSERT(o->arity >= 1 && o->arity <= 3);
    if (e->op == OP_SELECT)
        add(l, "(if %s then %s else %s)", a, b, c);
    else if (e->op == OP_CONVERT)
        add(l, "%s(%s)", type_text(e->type), a);
    else if (word && o->arity == 1)
        add(l, "%s(%s)", o->text, a);
    else if (word && o->arity == 2)
        add(l, "%s(%s, %s)", o->text, a, b);
    else if (o->arity == 3)
        add(l, "%s(%s, %s, %s)", o->text, a, b, c);
    else if (o->arity == 1)
        add(l, "%s%s", o->text, a);
    else
        add(l, "(%s %s %s)", a, o->text, b);
}

static void add_read(line *l, const report *r, const ir_expr *e) {
    const char *name = r->g->pages[e->page].name;
    add(l, e->prev ? "prev(%s)" : "%s", name);
    for (u32 k = 0; k < e->count; k++)
        add(l, "%s%s", k == 0 ? "[" : ", ", text_of(r, r->g->lists[e->at + k]));
    if (e->count != 0) add(l, "]");
}

static void add_reduce(line *l, const report *r, const ir_expr *e) {
    ASSERT(e->op < IR_REDUCTION_COUNT);
    add(l, "%s(%s", reductions[e->op], text_of(r, e->a));
    for (u32 k = 0; k < e->count; k++) {
        const ir_loop *x = &r->g->loops[e->at + k];
        add(l, "%s i%u: %llu", k == 0 ? " for" : ",", x->var, (unsigned long long)x->extent);
    }
    if (e->b != 0) add(l, " if %s", text_of(r, e->b));
    add(l, ")");
}

static void add_expr(line *l, const report *r, u32 row) {
    const ir_expr *e = &r->g->exprs[row];
    char number[NUMBER_TEXT_MAX];
    switch (e->kind) {
    case IR_CONST:
        number_format(e->type, e->bits, number);
        add(l, "%s", number);
        if (e->type != TYPE_F64 && e->type != TYPE_I64 && e->type != TYPE_BOOL)
            add(l, "%s", type_text(e->type));
        break;
    case IR_INDEX: add(l, "i%u", e->var); break;
    case IR_EPOCH: add(l, "epoch"); break;
    case IR_READ: add_read(l, r, e); break;
    case IR_OP: add_op(l, r, e); break;
    case IR_ANDAND: add(l, "(%s && %s)", text_of(r, e->a), text_of(r, e->b)); break;
    case IR_OROR: add(l, "(%s || %s)", text_of(r, e->a), text_of(r, e->b)); break;
    case IR_REDUCE: add_reduce(l, r, e); break;
    case IR_INIT: add(l, "(init %s then %s)", text_of(r, e->a), text_of(r, e->b)); break;
    default: ASSERT(e->kind == IR_NONE);
    }
}

static bool is_short(const ir_expr *e) {
    return e->kind == IR_CONST || e->kind == IR_INDEX || e->kind == IR_EPOCH ||
           (e->kind == IR_READ && e->count == 0);
}

/* Lines for what stands below `root`, then root's text. */
static const char *write_expr(report *r, u32 root) {
    static const char none[] = "";
    r->row_count = 0;
    r->stamp++;
    if (root == 0) return none;
    meet(r, root);
    for (u32 k = 0; k < r->row_count; k++) below(r, r->rows[k], meet);
    /* Rows are added children first. */
    qsort(r->rows, r->row_count, sizeof(u32), order);
    ASSERT(r->rows[r->row_count - 1] == root);
    for (u32 k = 0; k < r->row_count; k++) {
        u32 row = r->rows[k];
        line l = {.used = 0};
        add_expr(&l, r, row);
        const ir_expr *e = &r->g->exprs[row];
        bool own = (r->uses[row] > 1 && !is_short(e)) || l.used > INLINE_BYTES_MAX;
        own = own && row != root;
        if (own) {
            fprintf(r->to, "  %%%u: %s = %s\n", row, type_text(e->type), l.at);
            l.used = 0;
            add(&l, "%%%u", row);
        }
        r->text[row] = arena_text(r->memory, l.at, l.used);
        if (r->text[row] == NULL) {
            r->failed = true;
            return none;
        }
    }
    return r->text[root];
}

static void write_dims(FILE *to, const u64 *dims, u32 rank) {
    ASSERT(rank <= PAGE_AXES_MAX);
    for (u32 k = 0; k < rank; k++)
        fprintf(to, "%s%llu", k == 0 ? "[" : ", ", (unsigned long long)dims[k]);
    if (rank != 0) fputc(']', to);
}

static void write_equation(report *r, const ir_equation *q) {
    ASSERT(q->kind <= EQUATION_KERNEL);
    if (q->kind == EQUATION_KERNEL) {
        const ir_kernel *k = &r->g->kernels[q->kernel];
        fprintf(r->to, "  = %s of %s (", k->symbol, k->library);
        for (u32 a = 0; a < k->count; a++)
            fprintf(r->to, "%s%s", a == 0 ? "" : ", ", r->g->pages[r->g->lists[k->at + a]].name);
        fputs(")\n", r->to);
        return;
    }
    if (q->kind == EQUATION_MAP) {
        const char *text = write_expr(r, q->expr);
        fprintf(r->to, "  = %s\n", text);
        return;
    }
    bool keyed = q->kind == EQUATION_KEYED;
    const char *element = write_expr(r, q->expr);
    fprintf(r->to, "  = %s of %s over ", keyed ? reductions[q->reduction] : wholes[q->reduction],
            q->expr == 0 ? "elements" : element);
    write_dims(r->to, q->domain, q->domain_rank);
    fputc('\n', r->to);
    if (q->key != 0) {
        const char *key = write_expr(r, q->key);
        fprintf(r->to, "  %s %s\n", keyed ? "by" : "and", key);
    }
    if (q->filter != 0) {
        const char *filter = write_expr(r, q->filter);
        fprintf(r->to, "  if %s\n", filter);
    }
}

static void write_page(report *r, u32 row) {
    static const char *const edges[EDGE_COUNT] = {"none", "clamp", "wrap", "mirror", "fill"};
    const ir_page *p = &r->g->pages[row];
    ASSERT(p->name != NULL && p->rank <= PAGE_AXES_MAX);
    fprintf(r->to, "%s %s: %s", p->kind == PAGE_SOURCE ? "source" : "page", p->name,
            type_text(p->type));
    write_dims(r->to, p->dims, p->rank);
    for (u32 k = 0; k < p->rank; k++) {
        if (p->edge[k] == EDGE_NONE) continue;
        char number[NUMBER_TEXT_MAX] = "";
        if (p->edge[k] == EDGE_FILL) number_format(p->type, p->fill[k], number);
        fprintf(r->to, " edge %u %s%s%s", k, edges[p->edge[k]], number[0] != 0 ? " " : "", number);
    }
    fprintf(r->to, "%s%s%s%s%s%s\n", p->exported ? ", exported" : "", p->state ? ", state" : "",
            p->event ? ", event" : "", p->hidden ? ", hidden" : "",
            p->live || p->kind == PAGE_SOURCE ? "" : ", not live",
            p->file != NULL ? ", from a file" : "");
    if (p->equation != 0) write_equation(r, &r->g->equations[p->equation]);
}

static void write_all(report *r) {
    const ir *g = r->g;
    fprintf(r->to, "graph %s\n", g->name);
    for (u32 k = 1; k < g->page_count && !r->failed; k++) {
        write_page(r, k);
        arena_clear(r->memory);
    }
    for (u32 k = 0; k < g->assert_count; k++)
        fprintf(r->to, "assert %s\n", g->pages[g->asserts[k].page].name);
    for (u32 k = 0; k < g->event_count; k++) {
        const ir_event *e = &g->events[k];
        fprintf(r->to, "event %s", e->name);
        for (u32 v = 0; v < e->value_count; v++)
            fprintf(r->to, "%s %s", v == 0 ? " with" : ",",
                    g->pages[g->lists[e->value_at + v]].name);
        fputc('\n', r->to);
    }
}

int emit_ir(const ir *g, FILE *to) {
    arena *tables = arena_open(0), *memory = arena_open(0);
    report r = {.g = g, .memory = memory, .to = to};
    ASSERT(g->name != NULL);
    bool ok = tables != NULL && memory != NULL;
    if (ok) {
        r.seen = ARENA_ARRAY(tables, u32, g->expr_count + 1);
        r.uses = ARENA_ARRAY(tables, u32, g->expr_count + 1);
        r.rows = ARENA_ARRAY(tables, u32, g->expr_count + 1);
        r.text = ARENA_ARRAY(tables, const char *, g->expr_count + 1);
        ok = r.seen != NULL && r.uses != NULL && r.rows != NULL && r.text != NULL;
    }
    if (ok) write_all(&r);
    arena_close(memory);
    arena_close(tables);
    return ok && !r.failed ? 0 : 1;
}
