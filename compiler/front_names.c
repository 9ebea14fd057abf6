/* SPDX-License-Identifier: Apache-2.0
 * front_names: scopes, symbols and pages. Needs: the tree. Gives: a symbol for each definition;
 * did-you-mean for each miss. */
#include "front_state.h"

#include <stdio.h>

#include "../engine/core/nearest.h"

static u64 symbol_hash(u32 scope_row, u32 name, bool of_function) {
    u64 h = ((u64)scope_row << 33 | (u64)name << 1 | of_function) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 31;
}

static bool table_grow(front *f) {
    ASSERT(f->symbol_table_capacity <= f->symbol_count * 4);
    u32 capacity = f->symbol_table_capacity == 0 ? 256 : f->symbol_table_capacity * 2;
    u32 *table = ARENA_ARRAY(f->memory, u32, capacity);
    if (table == NULL) return false;
    for (u32 row = 1; row < f->symbol_count; row++) {
        const symbol *s = &f->symbols[row];
        u64 at = symbol_hash(s->scope, s->name, s->of_function) & (capacity - 1);
        while (table[at] != 0) at = (at + 1) & (capacity - 1);
        table[at] = row;
    }
    arena_give_back(f->memory, f->symbol_table, f->symbol_table_capacity * sizeof(u32));
    f->symbol_table = table;
    f->symbol_table_capacity = capacity;
    return true;
}

u32 names_here(const front *f, u32 scope_row, u32 name, bool of_function) {
    ASSERT((f->symbol_table_capacity & (f->symbol_table_capacity - 1)) == 0);
    ASSERT(f->symbol_count * 2 <= f->symbol_table_capacity + 2);
    if (f->symbol_table_capacity == 0) return 0;
    u32 mask = f->symbol_table_capacity - 1;
    u64 at = symbol_hash(scope_row, name, of_function) & mask;
    for (; f->symbol_table[at] != 0; at = (at + 1) & mask) {
        const symbol *s = &f->symbols[f->symbol_table[at]];
        if (s->scope == scope_row && s->name == name && s->of_function == of_function)
            return f->symbol_table[at];
    }
    return 0;
}

symbol *symbol_add(front *f, symbol s) {
    ASSERT(s.kind != SYMBOL_NONE && s.scope != 0 && s.scope < f->scope_count);
    static _Thread_local symbol none;
    u32 other = names_here(f, s.scope, s.name, s.of_function);
    none = s;
    if (other != 0) {
        diag_row *d = diag_add(f->diags, DIAG_DUPLICATE, s.place, "`%s` is defined twice",
                               ast_text(f->tree, s.name));
        if (f->symbols[other].place.end != 0)
            diag_second(f->diags, d, f->symbols[other].place, "first defined here");
        diag_help(f->diags, d, "every name has one definition: rename or remove one");
        return &none;
    }
    if (f->symbol_count == 0) f->symbol_count = 1;
    if (f->symbol_count * 2 >= f->symbol_table_capacity && !table_grow(f)) goto short_of_memory;
    if (!arena_grow(f->memory, (void **)&f->symbols, &f->symbol_capacity, f->symbol_count + 1,
                    sizeof(symbol)))
        goto short_of_memory;
    u32 mask = f->symbol_table_capacity - 1;
    u64 at = symbol_hash(s.scope, s.name, s.of_function) & mask;
    while (f->symbol_table[at] != 0) at = (at + 1) & mask;
    f->symbol_table[at] = f->symbol_count;
    f->symbols[f->symbol_count] = s;
    return &f->symbols[f->symbol_count++];
short_of_memory:
    f->out_of_memory = true;
    return &none;
}

u32 names_scope(front *f, u32 parent, u32 file, bool instance, const char *prefix) {
    ASSERT(parent < f->scope_count || parent == 0);
    if (f->scope_count == 0) f->scope_count = 1;
    if (!arena_grow(f->memory, (void **)&f->scopes, &f->scope_capacity, f->scope_count + 1,
                    sizeof(scope))) {
        f->out_of_memory = true;
        return 0;
    }
    f->scopes[f->scope_count] = (scope){parent, file, instance, false, prefix, 0, 0};
    return f->scope_count++;
}

u32 names_find(front *f, u32 scope_row, u32 name, bool of_function) {
    ASSERT(scope_row < f->scope_count);
    bool inside = false;
    for (u32 at = scope_row; at != 0; at = f->scopes[at].parent) {
        const scope *s = &f->scopes[at];
        u32 row = names_here(f, at, name, of_function);
        bool hidden = inside && row != 0 &&
                      (f->symbols[row].kind == SYMBOL_PAGE || f->symbols[row].kind == SYMBOL_USE);
        if (row != 0 && !hidden) return row;
        for (u32 k = 0; k < s->import_count && row == 0; k++) {
            row = names_here(f, f->imports[s->import_at + k], name, of_function);
            if (row != 0 && f->symbols[row].kind != SYMBOL_PAGE) return row;
            row = 0;
        }
        inside = inside || s->instance;
    }
    return 0;
}

const char *builtin_name(u32 k) {
    static const char *const functions[] = {
        "abs",    "sign",      "min",      "max",      "clamp",   "floor",  "ceil",    "round",
        "trunc",  "sqrt",      "fma",      "exp",      "exp2",    "expm1",  "log",     "log2",
        "log10",  "log1p",     "pow",      "mod",      "sin",     "cos",    "tan",     "asin",
        "acos",   "atan",      "atan2",    "sinh",     "cosh",    "tanh",   "erf",     "erfc",
        "cdf",    "isnan",     "isfinite", "popcount", "clz",     "sum",    "prod",    "any",
        "all",    "count",     "mean",     "argmin",   "argmax",  "prev",   "history", "dot",
        "matmul", "transpose", "cumsum",   "cumprod",  "cummin",  "cummax", "sort",    "argsort",
        "topk",   "quantile",  "median",   "rand_u32", "uniform", "normal"};
    return k < ARRAY_COUNT(functions) ? functions[k] : NULL;
}

/* Whether a name in that scope means the symbol: those of the scope and, with `around`, those that
 * it sees around it and in files that are imported without a name. */
static bool visible(const front *f, u32 scope_row, const symbol *s, bool around) {
    ASSERT(scope_row < f->scope_count);
    bool page = s->kind == SYMBOL_PAGE || s->kind == SYMBOL_USE, inside = false;
    for (u32 at = scope_row; at != 0; at = around ? f->scopes[at].parent : 0) {
        const scope *c = &f->scopes[at];
        if (s->scope == at) return !(inside && page);
        for (u32 k = 0; around && k < c->import_count; k++)
            if (s->scope == f->imports[c->import_at + k]) return !page;
        inside = inside || c->instance;
    }
    return false;
}

static nearest_search nearest(front *f, u32 scope_row, u32 name, bool of_function, bool around) {
    ASSERT(scope_row < f->scope_count);
    nearest_search near = {.wanted = ast_text(f->tree, name)};
    u32 kept = f->diags->error_max == 0 ? 20 : f->diags->error_max;
    if (f->diags->error_count >= kept) return near; /* nobody will read it */
    for (u32 k = 0; of_function && around && builtin_name(k) != NULL; k++)
        nearest_try(&near, builtin_name(k));
    for (u32 k = f->local_count; !of_function && around && k > f->local_base; k--)
        nearest_try(&near, ast_text(f->tree, f->locals[k - 1].name));
    /* A long graph must not be searched for every misspelling more than a few times. */
    u32 first = f->symbol_count > 20000 ? f->symbol_count - 20000 : 1;
    for (u32 row = first; row < f->symbol_count; row++) {
        const symbol *s = &f->symbols[row];
        if (s->of_function == of_function && visible(f, scope_row, s, around))
            nearest_try(&near, ast_text(f->tree, s->name));
    }
    return near;
}

/* Whether a scope around has a page of that name, which a node does not see. */
static bool page_outside(const front *f, u32 scope_row, u32 name) {
    ASSERT(scope_row < f->scope_count);
    for (u32 k = scope_row; k != 0; k = f->scopes[k].parent) {
        u32 row = names_here(f, k, name, false);
        if (row != 0 && f->symbols[row].kind == SYMBOL_PAGE) return true;
    }
    return false;
}

static u32 not_visible(front *f, u32 name, span place, const char *where) {
    ASSERT(name < f->tree->string_count);
    const char *text = ast_text(f->tree, name);
    diag_row *d = diag_add(f->diags, DIAG_NOT_VISIBLE, place,
                           "`%s` is a page, and %s reads only what it is given", text, where);
    diag_help(f->diags, d, "pass `%s` as an argument", text);
    return 0;
}

u32 names_need(front *f, u32 scope_row, u32 name, bool of_function, span place) {
    ASSERT(name < f->tree->string_count);
    u32 row = names_find(f, scope_row, name, of_function);
    if (row != 0 && f->fn_depth != 0 && f->symbols[row].kind == SYMBOL_PAGE)
        return not_visible(f, name, place, "a function");
    if (row != 0) return row;
    if (!of_function && page_outside(f, scope_row, name))
        return not_visible(f, name, place, "a node");
    const char *text = ast_text(f->tree, name);
    nearest_search near = nearest(f, scope_row, name, of_function, true);
    u32 other = names_find(f, scope_row, name, !of_function);
    diag_row *d = diag_add(f->diags, of_function ? DIAG_UNKNOWN_FUNCTION : DIAG_UNKNOWN_NAME, place,
                           "there is no %s `%s`",
                           of_function ? "function or node" : "page, param or const", text);
    if (near.best != NULL) {
        span word = {place.file, place.begin, place.begin + (u32)strlen(text)};
        diag_help(f->diags, d, "did you mean `%s`?", near.best);
        if (nearest_certain(&near)) diag_fix(f->diags, d, word, "%s", near.best);
    } else if (other != 0 && !of_function) {
        diag_help(f->diags, d, "`%s` is a function: call it, `%s(...)`", text, text);
    } else if (other != 0) {
        diag_help(f->diags, d, "`%s` is a value, not a function", text);
    } else if (scope_row != 0 && f->scopes[scope_row].instance && !of_function) {
        diag_help(f->diags, d,
                  "pages outside a node are not visible in it: pass `%s` as an argument", text);
    } else if (of_function) {
        diag_help(f->diags, d, "define it, `fn %s(x) = ...`, or import the file that does", text);
    } else {
        diag_help(f->diags, d, "define it: `source %s: f64`, `page %s = ...` or `const %s = ...`",
                  text, text, text);
    }
    return 0;
}

/* The symbol behind `o`, or behind `o.e`: an instance inside another. */
static u32 member_owner(front *f, u32 scope_row, u32 left, span place) {
    ASSERT(left != 0 && left < f->tree->string_count);
    const char *text = ast_text(f->tree, left), *dot = strrchr(text, '.');
    if (dot == NULL) return names_need(f, scope_row, left, false, place);
    u32 owner = ast_string(f->tree, text, (u32)(dot - text)),
        name = ast_string(f->tree, dot + 1, (u32)strlen(dot + 1));
    return names_member(f, scope_row, owner, name, false, place);
}

u32 names_owner(front *f, u32 scope_row, u32 left) {
    ASSERT(left < f->tree->string_count);
    const char *text = ast_text(f->tree, left), *end = strchr(text, '.');
    u32 row = 0;
    for (bool first = true;; first = false) {
        size_t bytes = end == NULL ? strlen(text) : (size_t)(end - text);
        u32 name = ast_string(f->tree, text, (u32)bytes);
        row = first ? names_find(f, scope_row, name, false)
                    : names_here(f, f->symbols[row].target, name, false);
        if (row == 0) return 0;
        u8 kind = f->symbols[row].kind;
        bool opens = (kind == SYMBOL_USE || kind == SYMBOL_MODULE) && f->symbols[row].target != 0;
        if (!opens) return 0;
        if (end == NULL) return row;
        text = end + 1, end = strchr(text, '.');
    }
}

u32 names_member(front *f, u32 scope_row, u32 left, u32 right, bool of_function, span place) {
    ASSERT(left < f->tree->string_count && right < f->tree->string_count);
    u32 row = member_owner(f, scope_row, left, place);
    if (row == 0) return 0;
    const symbol *s = &f->symbols[row];
    if (s->kind != SYMBOL_USE && s->kind != SYMBOL_MODULE) {
        diag_row *d = diag_add(f->diags, DIAG_NOT_A_PAGE, place, "`%s` has no members",
                               ast_text(f->tree, left));
        diag_help(f->diags, d,
                  "members are those of `use NAME = ...` and `import \"file\" as NAME`");
        return 0;
    }
    if (f->scopes[s->target].failed) return 0;
    if (s->kind == SYMBOL_USE && f->fn_depth != 0) return not_visible(f, left, place, "a function");
    u32 member = names_here(f, s->target, right, of_function);
    if (member != 0 && !(s->kind == SYMBOL_MODULE && f->symbols[member].kind == SYMBOL_PAGE))
        return member;
    diag_row *d =
        diag_add(f->diags, of_function ? DIAG_UNKNOWN_FUNCTION : DIAG_UNKNOWN_NAME, place,
                 "`%s` has no member `%s`", ast_text(f->tree, left), ast_text(f->tree, right));
    nearest_search near = nearest(f, s->target, right, of_function, false);
    if (near.best != NULL)
        diag_help(f->diags, d, "did you mean `%s.%s`?", ast_text(f->tree, left), near.best);
    else
        diag_help(f->diags, d, "look at the definition of `%s`", ast_text(f->tree, left));
    return 0;
}

u32 page_add(front *f, const char *name, u8 kind, u32 item, u32 scope_row, span place) {
    ASSERT(kind == PAGE_SOURCE || kind == PAGE_DERIVED);
    ASSERT(item < f->tree->item_count && scope_row < f->scope_count);
    ir *g = f->ir;
    u32 row = g->page_count == 0 ? 1 : g->page_count;
    if (!arena_grow(f->memory, (void **)&g->pages, &g->page_capacity, row + 1, sizeof(ir_page)) ||
        !arena_grow(f->memory, (void **)&f->pages, &f->page_capacity, row + 1,
                    sizeof(front_page))) {
        f->out_of_memory = true;
        return 0;
    }
    if (row == 1) g->pages[0] = (ir_page){0}, f->pages[0] = (front_page){0};
    g->pages[row] = (ir_page){
        .name = name, .kind = kind, .type = TYPE_NONE, .place = ir_place_add(g, place, name)};
    for (u32 k = 0; k < PAGE_AXES_MAX; k++) g->pages[row].dims[k] = 1;
    f->pages[row] = (front_page){.item = item, .scope = scope_row};
    g->page_count = row + 1;
    return row;
}

u32 page_add_hidden(front *f, const char *what, u32 expr) {
    ASSERT(f->page == 0 || f->page < f->ir->page_count);
    const char *owner = f->page != 0 ? f->ir->pages[f->page].name : "graph";
    char name[300];
    snprintf(name, sizeof name, "%.200s.%s%u", owner, what, ++f->hidden_count);
    const char *kept = arena_text(f->memory, name, strlen(name));
    u32 row =
        page_add(f, kept == NULL ? "" : kept, PAGE_DERIVED, 0, f->scope, f->tree->place[expr]);
    if (row != 0) f->ir->pages[row].hidden = true;
    return row;
}

static const char *full_name(front *f, u32 scope_row, u32 name) {
    ASSERT(scope_row != 0 && scope_row < f->scope_count);
    const char *prefix = f->scopes[scope_row].prefix, *text = ast_text(f->tree, name);
    size_t before = strlen(prefix), bytes = strlen(text);
    if (before == 0) return text;
    char *joined = arena_take(f->memory, before + bytes + 1, 1);
    if (joined == NULL) {
        f->out_of_memory = true;
        return "";
    }
    memcpy(joined, prefix, before), memcpy(joined + before, text, bytes + 1);
    return joined;
}

static void collect_item(front *f, u32 scope_row, u32 row) {
    ASSERT(row != 0 && row < f->tree->item_count);
    const ast_item *item = &f->tree->items[row];
    symbol s = {.name = item->name, .scope = scope_row, .item = row, .place = item->name_span};
    switch (item->kind) {
    case ITEM_PARAM: s.kind = SYMBOL_PARAM; break;
    case ITEM_CONST: s.kind = SYMBOL_CONST; break;
    case ITEM_FN: s.kind = SYMBOL_FN, s.of_function = true; break;
    case ITEM_NODE: s.kind = SYMBOL_NODE, s.of_function = true; break;
    case ITEM_KERNEL: s.kind = SYMBOL_KERNEL, s.of_function = true; break;
    case ITEM_USE: s.kind = SYMBOL_USE; break;
    case ITEM_SOURCE:
    case ITEM_PAGE:
    case ITEM_EVENT: s.kind = SYMBOL_PAGE; break;
    case ITEM_GRAPH:
        if (scope_row == 1 && f->ir->name[0] != 0) {
            diag_row *d = diag_add(f->diags, DIAG_DUPLICATE, item->name_span,
                                   "the graph is named twice: `%s` before", f->ir->name);
            diag_help(f->diags, d, "keep one of them");
        }
        if (scope_row == 1) f->ir->name = ast_text(f->tree, item->name);
        return;
    default: return;
    }
    u32 before = f->symbol_count;
    symbol *added = symbol_add(f, s);
    bool fresh = f->symbol_count != before && f->symbol_count != 1;
    if (s.kind != SYMBOL_PAGE || !fresh) return;
    u8 kind = item->kind == ITEM_SOURCE ? PAGE_SOURCE : PAGE_DERIVED;
    u32 page =
        page_add(f, full_name(f, scope_row, item->name), kind, row, scope_row, item->name_span);
    added->page = page;
    if (page != 0 && item->kind == ITEM_EVENT) f->ir->pages[page].event = true;
}

bool names_collect_items(front *f, u32 scope_row, const u32 *items, u32 count) {
    ASSERT(scope_row != 0 && scope_row < f->scope_count);
    for (u32 k = 0; k < count && !f->out_of_memory; k++) {
        if (f->tree->items[items[k]].kind != ITEM_IMPORT) collect_item(f, scope_row, items[k]);
    }
    return !f->out_of_memory;
}

/* The name of an imported symbol is taken: by a scope that imports it without `as`, or by another
 * of its imports. */
static void import_clash(front *f, u32 row, u32 other) {
    const symbol *s = &f->symbols[row], *o = &f->symbols[other];
    if (other == 0 || other == row || s->kind == SYMBOL_MODULE || o->kind == SYMBOL_MODULE) return;
    ASSERT(s->name == o->name && s->of_function == o->of_function);
    diag_row *d = diag_add(f->diags, DIAG_DUPLICATE, o->place, "`%s` is defined twice",
                           ast_text(f->tree, s->name));
    diag_second(f->diags, d, s->place, "it is imported from here");
    diag_help(f->diags, d, "rename one, or import the file `as` a name of its own");
}

static void imports_check(front *f) {
    u32 count = f->scope_count;
    ASSERT(f->passes_done == PASS_NONE);
    for (u32 at = 1; at < count; at++) {
        const scope *s = &f->scopes[at];
        for (u32 k = 0; k < s->import_count; k++) {
            u32 from = f->imports[s->import_at + k];
            for (u32 row = 1; row < f->symbol_count; row++) {
                const symbol *x = &f->symbols[row];
                if (x->scope != from || x->kind == SYMBOL_PAGE) continue;
                import_clash(f, row, names_here(f, at, x->name, x->of_function));
                for (u32 l = k + 1; l < s->import_count; l++)
                    if (f->imports[s->import_at + l] != from)
                        import_clash(
                            f, row,
                            names_here(f, f->imports[s->import_at + l], x->name, x->of_function));
            }
        }
    }
}

bool names_collect(front *f) {
    ASSERT(f->passes_done == PASS_NONE && f->scope_count == 0);
    u32 root = names_scope(f, 0, 0, false, "");
    ASSERT(root == 1 || f->out_of_memory);
    for (u32 k = 0; k < f->tree->top_count && !f->out_of_memory; k++) {
        u32 item = f->tree->top[k];
        if (f->tree->items[item].kind == ITEM_IMPORT && f->tree->items[item].whole.file == 0)
            instances_import(f, root, item);
    }
    for (u32 k = 0; k < f->tree->top_count && !f->out_of_memory; k++) {
        u32 item = f->tree->top[k];
        if (f->tree->items[item].whole.file == 0) names_collect_items(f, root, &item, 1);
    }
    imports_check(f);
    for (u32 row = 1; row < f->symbol_count && !f->out_of_memory; row++)
        if (f->symbols[row].kind == SYMBOL_USE && f->symbols[row].scope == root)
            instances_use(f, row);
    return !f->out_of_memory;
}
