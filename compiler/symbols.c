/* SPDX-License-Identifier: Apache-2.0
 * symbols: see symbols.h. Definitions of all files and nodes are collected first, since items come
 * in any order; then every expression is walked. Trees are at most EXPR_HEIGHT_MAX high. */
#include "symbols.h"

const char *definition_kind_text(u8 kind) {
    static const char *const texts[DEFINITION_KIND_COUNT] = {
        "param", "const", "source", "page",      "event",     "instance",       "module",
        "fn",    "node",  "kernel", "parameter", "dimension", "index variable", "let"};
    ASSERT(kind < DEFINITION_KIND_COUNT);
    return texts[kind];
}

static bool of_function(u8 kind) {
    return kind == DEFINITION_FN || kind == DEFINITION_NODE || kind == DEFINITION_KERNEL;
}

static u32 scope_add(symbols *y, u32 parent, span area) {
    ASSERT(parent == 0 || parent < y->scope_count);
    if (!arena_grow(y->memory, (void **)&y->scopes, &y->scope_capacity, y->scope_count + 1,
                    sizeof *y->scopes)) {
        y->out_of_memory = true;
        return 0;
    }
    y->scopes[y->scope_count] = (symbol_scope){parent, area.file, area};
    return y->scope_count++;
}

static void mention_add(symbols *y, span place, u32 row) {
    if (row == 0) return;
    ASSERT(row < y->definition_count && place.begin <= place.end);
    if (!arena_grow(y->memory, (void **)&y->mentions, &y->mention_capacity, y->mention_count + 1,
                    sizeof *y->mentions)) {
        y->out_of_memory = true;
        return;
    }
    y->mentions[y->mention_count++] = (mention){place, row};
}

static u32 define(symbols *y, definition d) {
    if (!arena_grow(y->memory, (void **)&y->definitions, &y->definition_capacity,
                    y->definition_count + 1, sizeof *y->definitions)) {
        y->out_of_memory = true;
        return 0;
    }
    ASSERT(d.kind < DEFINITION_KIND_COUNT && (d.scope != 0 || y->definition_count == 0));
    u32 row = y->definition_count++;
    y->definitions[row] = d;
    mention_add(y, d.place, row);
    return row;
}

/* The last definition of a name in one scope: index variables and lets shadow what came before. */
static u32 find_in(const symbols *y, u32 scope, u32 name, bool function) {
    ASSERT(scope < y->scope_count && name < y->tree->string_count);
    for (u32 row = y->definition_count; row > 1; row--) {
        const definition *d = &y->definitions[row - 1];
        if (d->scope == scope && d->name == name && of_function(d->kind) == function)
            return row - 1;
    }
    return 0;
}

/* In this scope, in those around it, and in files that are imported without a name. */
static u32 find(const symbols *y, u32 scope, u32 name, bool function) {
    ASSERT(scope < y->scope_count);
    for (; scope != 0; scope = y->scopes[scope].parent) {
        u32 row = find_in(y, scope, name, function);
        if (row != 0) return row;
        for (u32 k = 1; k < y->definition_count; k++) {
            const definition *d = &y->definitions[k];
            if (d->kind != DEFINITION_MODULE || d->scope != scope || d->name != 0) continue;
            row = find_in(y, d->target, name, function);
            if (row != 0) return row;
        }
    }
    return 0;
}

static span span_of(span from, u32 begin, u32 bytes) {
    ASSERT(begin <= UINT32_MAX - bytes);
    return (span){from.file, begin, begin + bytes};
}

static bool in_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* The next place from `at` on where the text has that word; `end` where it has not. */
static u32 word_place(const symbols *y, span whole, u32 at, const char *word, u32 bytes) {
    const char *text = y->texts->files[whole.file].text;
    ASSERT(whole.end <= y->texts->files[whole.file].bytes && at >= whole.begin);
    for (; at + bytes <= whole.end; at++) {
        bool starts = at == whole.begin || !in_word(text[at - 1]),
             ends = at + bytes == whole.end || !in_word(text[at + bytes]);
        if (starts && ends && memcmp(text + at, word, bytes) == 0) return at;
    }
    return whole.end;
}

/* o.y, m.x or o.e.y: each part is a mention. */
static void member(symbols *y, u32 scope, u32 left, u32 right, span whole, bool function) {
    ASSERT(left < y->tree->string_count && right < y->tree->string_count);
    u32 at = whole.begin, owner = 0;
    for (const char *part = ast_text(y->tree, left); part != NULL;) {
        const char *dot = strchr(part, '.');
        u32 bytes = (u32)(dot == NULL ? strlen(part) : (size_t)(dot - part)),
            name = ast_string_find(y->tree, part, bytes);
        owner = owner == 0 ? find(y, scope, name, false)
                           : find_in(y, y->definitions[owner].target, name, false);
        at = word_place(y, whole, at, part, bytes);
        if (owner == 0 || at == whole.end) return;
        mention_add(y, span_of(whole, at, bytes), owner);
        if (y->definitions[owner].target == 0) return;
        at += bytes, part = dot == NULL ? NULL : dot + 1;
    }
    u32 bytes = y->tree->string_bytes[right];
    at = word_place(y, whole, at, ast_text(y->tree, right), bytes);
    if (at == whole.end) return;
    mention_add(y, span_of(whole, at, bytes),
                find_in(y, y->definitions[owner].target, right, function));
}

static void walk(symbols *y, u32 scope, u32 expr);
static void walk_list(symbols *y, u32 scope, u32 at, u32 count) {
    ASSERT(at + count <= y->tree->list_count);
    for (u32 k = 0; k < count; k++) walk(y, scope, y->tree->lists[at + k]);
}

static u32 axes_define(symbols *y, u32 scope, u32 at, u32 count, span area) {
    ASSERT(at + count <= y->tree->axis_count);
    u32 inner = count == 0 ? scope : scope_add(y, scope, area);
    for (u32 k = 0; k < count; k++) {
        const ast_axis *a = &y->tree->axes[at + k];
        walk(y, scope, a->extent);
        define(y, (definition){DEFINITION_INDEX, a->name, 0, inner, 0, a->place});
    }
    return inner;
}

static void walk_call(symbols *y, u32 scope, u32 expr) {
    ASSERT(y->tree->kind[expr] == AST_CALL);
    const ast_call *c = &y->tree->calls[y->tree->a[expr]];
    span whole = y->tree->place[expr];
    if (c->qualifier != 0) {
        span both = {whole.file, whole.begin, c->name_span.end};
        member(y, scope, c->qualifier, c->name, both, true);
    } else {
        mention_add(y, c->name_span, find(y, scope, c->name, true));
    }
    u32 inner =
        c->form == CALL_FOR ? axes_define(y, scope, c->loop_at, c->loop_count, whole) : scope;
    walk_list(y, inner, c->arg_at, c->arg_count);
    walk(y, inner, c->key);
    walk(y, inner, c->filter);
}

/* The span of a let's name, which the tree does not keep: the first place of that word behind
 * `let` that no comment holds. */
static span let_name(const symbols *y, u32 expr) {
    ASSERT(y->tree->kind[expr] == AST_LET);
    span whole = y->tree->place[expr];
    const char *text = y->texts->files[whole.file].text;
    u32 bytes = y->tree->string_bytes[y->tree->a[expr]],
        end = y->tree->place[y->tree->b[expr]].begin;
    u32 at = whole.begin;
    while (at < end && text[at] != 'l') at++;
    for (at += 3; at + bytes <= end;) {
        if (text[at] == '/' && text[at + 1] == '/') {
            while (at < end && text[at] != '\n') at++;
        } else if (text[at] == '/' && text[at + 1] == '*') {
            for (at += 2; at + 1 < end && !(text[at] == '*' && text[at + 1] == '/');) at++;
            at += 2;
        } else if (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n') {
            at++;
        } else {
            break;
        }
    }
    return span_of(whole, at, bytes);
}

static void walk_let(symbols *y, u32 scope, u32 expr) {
    ASSERT(y->tree->kind[expr] == AST_LET && scope < y->scope_count);
    const ast *t = y->tree;
    walk(y, scope, t->b[expr]);
    u32 inner = scope_add(y, scope, t->place[t->c[expr]]);
    define(y, (definition){DEFINITION_LET, t->a[expr], 0, inner, 0, let_name(y, expr)});
    walk(y, inner, t->c[expr]);
}

static void walk(symbols *y, u32 scope, u32 expr) {
    ASSERT(expr < y->tree->expr_count && scope < y->scope_count);
    const ast *t = y->tree;
    if (expr == 0 || y->out_of_memory) return;
    switch (t->kind[expr]) {
    case AST_NAME: {
        span at = t->place[expr];
        u32 bytes = t->string_bytes[t->a[expr]];
        const char *text = y->texts->files[at.file].text;
        while (at.begin + bytes < at.end && (text[at.begin] == '(' || text[at.begin] == ' '))
            at.begin++; /* parentheses around a name belong to its place */
        mention_add(y, span_of(at, at.begin, bytes), find(y, scope, t->a[expr], false));
        break;
    }
    case AST_MEMBER: member(y, scope, t->a[expr], t->b[expr], t->place[expr], false); break;
    case AST_CALL: walk_call(y, scope, expr); break;
    case AST_INDEX:
        walk(y, scope, t->a[expr]);
        walk_list(y, scope, t->b[expr], t->c[expr]);
        break;
    case AST_LET: walk_let(y, scope, expr); break;
    case AST_UNARY: walk(y, scope, t->a[expr]); break;
    case AST_BINARY:
    case AST_INIT:
        walk(y, scope, t->a[expr]);
        walk(y, scope, t->b[expr]);
        break;
    case AST_IF:
        walk(y, scope, t->a[expr]);
        walk(y, scope, t->b[expr]);
        walk(y, scope, t->c[expr]);
        break;
    default: break;
    }
}

static u32 item_definition(symbols *y, u32 scope, u32 row) {
    ASSERT(row != 0 && row < y->tree->item_count);
    static const u8 kinds[ITEM_KIND_COUNT] = {
        [ITEM_PARAM] = DEFINITION_PARAM + 1,   [ITEM_CONST] = DEFINITION_CONST + 1,
        [ITEM_SOURCE] = DEFINITION_SOURCE + 1, [ITEM_PAGE] = DEFINITION_PAGE + 1,
        [ITEM_EVENT] = DEFINITION_EVENT + 1,   [ITEM_USE] = DEFINITION_USE + 1,
        [ITEM_FN] = DEFINITION_FN + 1,         [ITEM_NODE] = DEFINITION_NODE + 1,
        [ITEM_KERNEL] = DEFINITION_KERNEL + 1};
    const ast_item *i = &y->tree->items[row];
    if (kinds[i->kind] == 0) return 0;
    u8 kind = (u8)(kinds[i->kind] - 1);
    return define(y, (definition){kind, i->name, row, scope, 0, i->name_span});
}

/* The items of a file or node body by name; bodies of nodes get scopes of their own. */
static void collect(symbols *y, u32 scope, const u32 *items, u32 count) {
    ASSERT(count == 0 || items != NULL);
    for (u32 k = 0; k < count && !y->out_of_memory; k++) {
        const ast_item *i = &y->tree->items[items[k]];
        u32 row = item_definition(y, scope, items[k]);
        if (i->kind != ITEM_NODE || row == 0) continue;
        u32 inner = scope_add(y, scope, i->whole);
        y->definitions[row].target = inner;
        collect(y, inner, y->tree->lists + i->item_at, i->item_count);
    }
}

/* Parameters and what their shapes name. */
static void parameters(symbols *y, u32 scope, u32 row) {
    ASSERT(row < y->tree->item_count && scope < y->scope_count);
    const ast *t = y->tree;
    const ast_item *i = &t->items[row];
    for (u32 k = 0; k < i->parameter_count; k++) {
        const ast_parameter *p = &t->parameters[i->parameter_at + k];
        define(y, (definition){DEFINITION_PARAMETER, p->name, row, scope, 0, p->place});
    }
    for (u32 k = 0; k < i->parameter_count; k++) {
        const ast_parameter *p = &t->parameters[i->parameter_at + k];
        for (u32 d = 0; d < p->shape_count; d++) {
            u32 expr = t->lists[p->shape_at + d];
            bool bare = t->kind[expr] == AST_NAME;
            if (bare && find_in(y, scope, t->a[expr], false) == 0)
                define(y, (definition){DEFINITION_DIMENSION, t->a[expr], row, scope, 0,
                                       t->place[expr]});
            else
                walk(y, scope, expr);
        }
    }
}

static void walk_items(symbols *y, u32 scope, const u32 *items, u32 count);
static void walk_item(symbols *y, u32 scope, u32 row) {
    ASSERT(row != 0 && row < y->tree->item_count);
    const ast *t = y->tree;
    const ast_item *i = &t->items[row];
    u32 inner = scope;
    if (i->kind == ITEM_NODE) {
        u32 own = find_in(y, scope, i->name, true);
        inner = own == 0 ? scope : y->definitions[own].target;
        parameters(y, inner, row);
        walk_list(y, inner, i->list_at, i->list_count);
        walk_items(y, inner, t->lists + i->item_at, i->item_count);
        return;
    }
    if (i->kind == ITEM_FN || i->kind == ITEM_KERNEL) {
        inner = scope_add(y, scope, i->whole);
        parameters(y, inner, row);
    }
    inner = axes_define(y, inner, i->axis_at, i->axis_count, i->whole);
    walk_list(y, inner, i->shape_at, i->shape_count);
    for (u32 k = 0; k < i->edge_count; k++) walk(y, scope, t->edges[i->edge_at + k].value);
    walk(y, inner, i->expr);
    if (i->kind == ITEM_EVENT || i->kind == ITEM_EXPORT)
        walk_list(y, inner, i->list_at, i->list_count);
}
static void walk_items(symbols *y, u32 scope, const u32 *items, u32 count) {
    ASSERT(scope < y->scope_count || y->out_of_memory);
    for (u32 k = 0; k < count && !y->out_of_memory; k++) walk_item(y, scope, items[k]);
}

/* Instances open the scope of their node. */
static void uses_link(symbols *y) {
    ASSERT(y->definition_count >= 1 || y->out_of_memory);
    for (u32 row = 1; row < y->definition_count; row++) {
        definition *d = &y->definitions[row];
        if (d->kind != DEFINITION_USE) continue;
        const ast_item *i = &y->tree->items[d->item];
        if (y->tree->kind[i->expr] != AST_CALL) continue;
        const ast_call *c = &y->tree->calls[y->tree->a[i->expr]];
        u32 scope = d->scope, node;
        if (c->qualifier != 0) {
            u32 module = find(y, scope, c->qualifier, false);
            scope = module == 0 ? 0 : y->definitions[module].target;
            node = scope == 0 ? 0 : find_in(y, scope, c->name, true);
        } else {
            node = find(y, scope, c->name, true);
        }
        if (node != 0) d->target = y->definitions[node].target;
    }
}

bool symbols_build(symbols *y, const ast *t, const sources *s, arena *memory,
                   u32 (*import_file)(void *context, const ast_item *item), void *context) {
    ASSERT(t != NULL && s->count != 0 && import_file != NULL);
    *y = (symbols){.tree = t, .texts = s, .memory = memory};
    define(y, (definition){.scope = scope_add(y, 0, (span){0, 0, 0})});
    u32 *scope_of = ARENA_ARRAY(memory, u32, s->count + 1u);
    if (scope_of == NULL || y->out_of_memory) return false;
    for (u32 f = 0; f < s->count; f++) {
        scope_of[f] = scope_add(y, 0, (span){f, 0, s->files[f].bytes + 1});
        for (u32 k = 0; k < t->top_count; k++)
            if (t->items[t->top[k]].whole.file == f) collect(y, scope_of[f], &t->top[k], 1);
    }
    for (u32 k = 0; k < t->top_count && !y->out_of_memory; k++) {
        const ast_item *i = &t->items[t->top[k]];
        u32 file = i->kind == ITEM_IMPORT ? import_file(context, i) : UINT32_MAX;
        if (file < s->count)
            define(y, (definition){DEFINITION_MODULE, i->name, t->top[k], scope_of[i->whole.file],
                                   scope_of[file], i->name != 0 ? i->name_span : i->text_span});
    }
    uses_link(y);
    for (u32 k = 0; k < t->top_count; k++)
        walk_items(y, scope_of[t->items[t->top[k]].whole.file], &t->top[k], 1);
    return !y->out_of_memory;
}

u32 symbols_at(const symbols *y, u32 file, u32 byte, span *place) {
    ASSERT(y->mention_count == 0 || y->mentions != NULL);
    for (u32 k = y->mention_count; k > 0; k--) {
        const mention *m = &y->mentions[k - 1];
        if (m->place.file != file || byte < m->place.begin || byte > m->place.end) continue;
        if (place != NULL) *place = m->place;
        return m->definition;
    }
    return 0;
}

void symbols_visible(const symbols *y, u32 file, u32 byte,
                     void (*visit)(void *context, const definition *d), void *context) {
    ASSERT(visit != NULL);
    for (u32 row = y->definition_count; row > 1; row--) {
        const definition *d = &y->definitions[row - 1];
        const symbol_scope *s = &y->scopes[d->scope];
        bool inside = s->file == file && byte >= s->area.begin && byte <= s->area.end;
        bool imported = false;
        for (u32 k = 1; k < y->definition_count && !inside && !imported; k++) {
            const definition *m = &y->definitions[k];
            imported = m->kind == DEFINITION_MODULE && m->name == 0 && m->target == d->scope &&
                       y->scopes[m->scope].file == file;
        }
        if (d->name != 0 && (inside || imported)) visit(context, d);
    }
}
