/* SPDX-License-Identifier: Apache-2.0
 * unused_nodes: nodes of the graph file that no `use` reaches. Each is checked as if it were used
 * once: the text with a `use` for each goes through the front a second time, and of what that says
 * only what holds for every use is kept. Shapes are not known without a use. */
#include <stdlib.h>

#include "compile.h"
#include "front.h"

#define ROWS_MAX 1000 /* most of what a try says is dropped */

/* Sizes of the dimensions that a node's parameters name, in order; messages that hang on sizes are
 * dropped, in others the name is put back. */
static const u32 sizes[] = {11, 13, 17, 19, 23, 29, 31, 37};

/* Which of the names bound by shapes an expression is; UINT32_MAX: none. */
static u32 bound_name(const ast *t, const ast_item *node, u32 expr, const char **name) {
    ASSERT(node->kind == ITEM_NODE);
    u32 seen[ARRAY_COUNT(sizes)], count = 0;
    for (u32 k = 0; k < node->parameter_count; k++) {
        const ast_parameter *p = &t->parameters[node->parameter_at + k];
        for (u32 d = 0; d < p->shape_count && count < ARRAY_COUNT(sizes); d++) {
            u32 dim = t->lists[p->shape_at + d], at = 0;
            if (t->kind[dim] != AST_NAME) continue;
            while (at < count && seen[at] != t->a[dim]) at++;
            if (at == count) seen[count++] = t->a[dim];
            *name = ast_text(t, t->a[dim]);
            if (dim == expr) return at;
        }
    }
    return UINT32_MAX;
}

/* Marks nodes that these items use, and those that they use. node_of: of each string, the node of
 * that name in the graph file, or 0. */
static void mark_used(const ast *t, const u32 *items, u32 count, const u32 *node_of, bool *used,
                      u32 *stack) {
    ASSERT(used != NULL && stack != NULL && node_of != NULL);
    u32 depth = 0;
    for (;;) {
        for (u32 k = 0; k < count; k++) {
            const ast_item *use = &t->items[items[k]];
            if (use->kind != ITEM_USE || t->kind[use->expr] != AST_CALL) continue;
            const ast_call *call = &t->calls[t->a[use->expr]];
            u32 row = call->qualifier == 0 ? node_of[call->name] : 0;
            if (row == 0 || used[row]) continue;
            used[row] = true;
            stack[depth++] = row;
        }
        if (depth == 0) return;
        const ast_item *next = &t->items[stack[--depth]];
        items = t->lists + next->item_at, count = next->item_count;
    }
}

static u32 size_of(const ast *t, const ast_item *node, u32 expr) {
    const char *name;
    u32 at = bound_name(t, node, expr, &name);
    ASSERT(at == UINT32_MAX || at < ARRAY_COUNT(sizes));
    return at == UINT32_MAX ? 2 : sizes[at];
}

/* The sources and the `use` that try a node. */
static void write_use(const ast *t, const ast_item *node, const char *prefix, u32 number,
                      FILE *to) {
    ASSERT(node->kind == ITEM_NODE);
    for (u32 k = 0; k < node->parameter_count; k++) {
        const ast_parameter *p = &t->parameters[node->parameter_at + k];
        if (p->is_param) continue;
        fprintf(to, "source %s%u_%u: %s", prefix, number, k,
                type_text(p->type == TYPE_NONE ? TYPE_F64 : p->type));
        for (u32 d = 0; d < p->shape_count; d++)
            fprintf(to, "%s%u", d == 0 ? "[" : ", ", size_of(t, node, t->lists[p->shape_at + d]));
        fputs(p->shape_count != 0 ? "]\n" : "\n", to);
    }
    fprintf(to, "use %s%u = %s(", prefix, number, ast_text(t, node->name));
    for (u32 k = 0; k < node->parameter_count; k++) {
        const ast_parameter *p = &t->parameters[node->parameter_at + k];
        if (k != 0) fputs(", ", to);
        if (p->is_param)
            fputs("2", to);
        else
            fprintf(to, "%s%u_%u", prefix, number, k);
    }
    fputs(")\n", to);
}

/* What a diagnostic of a try says of every use of the node. It hangs on sizes (DEPENDS) or on the
 * types of arguments, and says nothing; or it holds; or it says that types are wrong, which holds
 * where nothing else was wrong that could have hidden a type (HOLDS_ALONE). */
typedef enum { DEPENDS, DEPENDS_ON_TYPES, HOLDS, HOLDS_ALONE } finding;
static finding finding_of(const ast *t, const ast_item *node, u16 code) {
    ASSERT(node->kind == ITEM_NODE && code != 0);
    bool generic = false;
    for (u32 k = 0; k < node->parameter_count; k++) {
        const ast_parameter *p = &t->parameters[node->parameter_at + k];
        generic = generic || (!p->is_param && p->type == TYPE_NONE);
    }
    switch (code) {
    case DIAG_UNKNOWN_NAME:
    case DIAG_DUPLICATE:
    case DIAG_UNKNOWN_FUNCTION:
    case DIAG_ARITY:
    case DIAG_RECURSION:
    case DIAG_CONSTANT_CYCLE:
    case DIAG_NOT_A_PAGE:
    case DIAG_NOT_VISIBLE:
    case DIAG_PREV_ARGUMENT: return HOLDS;
    case DIAG_OPERAND_TYPE:
    case DIAG_MIXED_TYPES:
    case DIAG_STATED_TYPE:
    case DIAG_CARET_ON_FLOAT:
    case DIAG_NOT_INDEXED:
    case DIAG_INDEX_COUNT:
    case DIAG_NOT_SCALAR:
    case DIAG_KEYED_PLACE:
    case DIAG_EDGE_COUNT:
    case DIAG_NEEDS_INIT:
    case DIAG_CYCLE: return generic ? DEPENDS_ON_TYPES : HOLDS_ALONE;
    default: return DEPENDS;
    }
}

/* The name of the size that stands at `at` inside a shape, [11, 13]; NULL: none does. */
static const char *name_at(const ast *t, const ast_item *node, const char *at, u32 *digits) {
    char *end;
    unsigned long value = strtoul(at, &end, 10);
    ASSERT(*at >= '0' && *at <= '9');
    *digits = (u32)(end - at);
    for (u32 k = 0; k < node->parameter_count; k++) {
        const ast_parameter *p = &t->parameters[node->parameter_at + k];
        for (u32 d = 0; d < p->shape_count; d++) {
            const char *name;
            u32 row = bound_name(t, node, t->lists[p->shape_at + d], &name);
            if (row != UINT32_MAX && sizes[row] == value) return name;
        }
    }
    return NULL;
}

/* The text without the names that the try has made. */
static const char *kept(const mmsbc_result *r, const ast_item *node, const char *prefix,
                        const char *text) {
    char to[1400];
    size_t used = 0, bytes = strlen(prefix);
    bool shape = false;
    if (text == NULL) return NULL;
    for (const char *at = text; *at != 0 && used + 100 < sizeof to;) {
        const char *dot = strncmp(at, prefix, bytes) == 0 ? strchr(at, '.') : NULL, *name = NULL;
        u32 digits = 0;
        if (dot != NULL) at = dot + 1;
        shape = *at == '[' ? at > text && at[-1] == ' ' : shape && *at != ']';
        if (shape && *at >= '0' && *at <= '9') name = name_at(r->tree, node, at, &digits);
        if (name != NULL)
            used += (size_t)snprintf(to + used, 80, "%s", name), at += digits;
        else
            to[used++] = *at++;
    }
    ASSERT(used < sizeof to);
    return arena_text(r->memory, to, used);
}

/* The node that nothing uses inside which a diagnostic lies, or NULL. */
static const ast_item *node_around(const ast *t, const bool *used, const diag_row *d) {
    const ast_item *node = NULL;
    ASSERT(d->text != NULL && d->code < DIAG_CODE_END);
    for (u32 k = 0; k < t->top_count; k++) {
        const ast_item *i = &t->items[t->top[k]];
        if (i->kind == ITEM_NODE && !used[t->top[k]] && i->whole.file == 0 && d->place.file == 0 &&
            d->place.begin >= i->whole.begin && d->place.end <= i->whole.end)
            node = i;
    }
    return node;
}

static bool holds_a_use(const ast *t, const ast_item *node) {
    bool found = false;
    ASSERT(node->kind == ITEM_NODE);
    for (u32 k = 0; k < node->item_count; k++)
        found = found || t->items[t->lists[node->item_at + k]].kind == ITEM_USE;
    return found;
}

/* Whether a try failed over a size in the node, where it is used (there over a type, too, which
 * leaves an argument without a shape), or in nodes that it may use: what has no shape may have no
 * type, and errors of types that follow from it are none. */
static bool sizes_failed(const mmsbc_result *r, const bool *used, const mmsbc_result *again,
                         const ast_item *node) {
    bool failed = false, uses = holds_a_use(r->tree, node);
    ASSERT(r->sources.count != 0);
    for (u32 k = 0; k < again->diags.count; k++) {
        const diag_row *d = &again->diags.rows[k];
        const ast_item *around = node_around(r->tree, used, d);
        bool use = d->place.file == 0 && d->place.end > r->sources.files[0].bytes,
             user = around != NULL && around != node && holds_a_use(r->tree, around);
        if (d->severity != DIAG_ERROR || (around != node && !uses && !use && !user)) continue;
        finding f = around == NULL ? HOLDS : finding_of(r->tree, around, d->code);
        failed = failed || use || f == DEPENDS || (user && f == DEPENDS_ON_TYPES);
    }
    return failed;
}

/* Takes over a diagnostic inside a node that is not used; once, though several tries met it. */
static void take_over(mmsbc_result *r, const bool *used, const char *prefix,
                      const mmsbc_result *again, const diag_row *d) {
    const ast_item *node = node_around(r->tree, used, d);
    finding f = node == NULL ? DEPENDS : finding_of(r->tree, node, d->code);
    ASSERT(d->text != NULL);
    if (f == DEPENDS || f == DEPENDS_ON_TYPES ||
        (f == HOLDS_ALONE && sizes_failed(r, used, again, node)))
        return;
    for (u32 k = 0; k < r->diags.count; k++)
        if (r->diags.rows[k].code == d->code && r->diags.rows[k].place.file == 0 &&
            r->diags.rows[k].place.begin == d->place.begin)
            return;
    diag_row *row =
        diag_add(&r->diags, (diag_code)d->code, d->place, "%s", kept(r, node, prefix, d->text));
    if (d->second_text != NULL &&
        (d->second.file != 0 || d->second.end <= r->sources.files[0].bytes))
        diag_second(&r->diags, row, d->second, "%s", d->second_text);
    row->help = kept(r, node, prefix, d->help);
    row->fix_place = d->fix_place, row->fix_text = kept(r, node, prefix, d->fix_text);
}

static mmsb_status try_text(const mmsbc_options *o, mmsbc_result *r, const bool *used,
                            const char *prefix) {
    ASSERT(o->bytes > r->sources.files[0].bytes);
    front_options options = {o->defines, o->define_count, o->folders, o->folder_count};
    mmsbc_result *again = result_open(o);
    ir *g = again == NULL ? NULL : arena_take(again->memory, sizeof *g, 8);
    mmsb_status s = g == NULL ? MMSB_OUT_OF_SPACE : result_parse(o, again);
    if (again != NULL) again->diags.error_max = ROWS_MAX;
    if (s == MMSB_OK)
        s = front_build(&again->sources, again->tree, &options, again->memory, &again->diags, g);
    for (u32 k = 0; s == MMSB_OK && k < again->diags.count; k++)
        take_over(r, used, prefix, again, &again->diags.rows[k]);
    mmsbc_free(again);
    return s == MMSB_WRONG ? MMSB_OK : s;
}

mmsb_status unused_nodes_check(const mmsbc_options *o, mmsbc_result *r) {
    const ast *t = r->tree;
    ASSERT(t != NULL && r->sources.count != 0);
    bool *used = ARENA_ARRAY(r->memory, bool, t->item_count + 1u), any = false;
    u32 *stack = ARENA_ARRAY(r->memory, u32, t->item_count + 1u), number = 0;
    u32 *mine = ARENA_ARRAY(r->memory, u32, t->top_count + 1u), count = 0;
    u32 *node_of = ARENA_ARRAY(r->memory, u32, t->string_count + 1u);
    if (used == NULL || stack == NULL || mine == NULL || node_of == NULL) return MMSB_OUT_OF_SPACE;
    for (u32 k = 0; k < t->top_count; k++) {
        const ast_item *i = &t->items[t->top[k]];
        if (i->whole.file != 0) continue;
        mine[count++] = t->top[k];
        if (i->kind == ITEM_NODE) node_of[i->name] = t->top[k];
    }
    mark_used(t, mine, count, node_of, used, stack);
    for (u32 k = 0; k < count; k++) any |= t->items[mine[k]].kind == ITEM_NODE && !used[mine[k]];
    if (!any) return MMSB_OK;
    char prefix[64] = "unused_", *text = NULL;
    const char *graph = r->sources.files[0].text;
    for (size_t end = strlen(prefix); strstr(graph, prefix) != NULL && end + 2 < sizeof prefix;
         end++)
        prefix[end] = '_';
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    if (to == NULL) return MMSB_OUT_OF_SPACE;
    fwrite(graph, 1, r->sources.files[0].bytes, to);
    fputc('\n', to);
    for (u32 k = 0; k < count; k++)
        if (t->items[mine[k]].kind == ITEM_NODE && !used[mine[k]])
            write_use(t, &t->items[mine[k]], prefix, number++, to);
    mmsbc_options with = *o;
    bool whole = fclose(to) == 0;
    with.text = text, with.bytes = bytes, with.messages = NULL;
    mmsb_status s = whole ? try_text(&with, r, used, prefix) : MMSB_OUT_OF_SPACE;
    free(text);
    return s;
}
