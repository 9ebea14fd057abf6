/* SPDX-License-Identifier: Apache-2.0
 * front_instances: imported files, and nodes instantiated by `use`: a scope of its own with the
 * node's items, params bound by the arguments' shapes, and a hidden page for each argument. */
#include "front_state.h"

#include "../dsl/parse.h"
#include "../engine/core/file.h"

#include <fcntl.h>
#include <stdio.h>

#define INSTANCE_DEPTH_MAX 64u
#define INSTANCES_MAX 100000u

static bool read_text(front *f, const char *path, const char *shown, u32 *file) {
    ASSERT(path[0] != 0 && file != NULL);
    const void *text;
    u64 bytes;
    message m = {.used = 0};
    if (file_map(file_system(), AT_FDCWD, path, &text, &bytes, &m) != MMSB_OK) return false;
    mmsb_status s = sources_add(f->sources, shown, text, bytes, file);
    file_unmap(text, bytes);
    if (s != MMSB_OK) f->out_of_memory = true;
    return s == MMSB_OK;
}

/* Beside the importing file, then in each folder. */
static bool find_text(front *f, u32 importer, const char *name, u32 *file) {
    ASSERT(importer < f->sources->count);
    char path[4200];
    const char *from = f->sources->files[importer].name, *slash = strrchr(from, '/');
    int folder = slash == NULL ? 0 : (int)(slash - from) + 1;
    if (name[0] == '/') return read_text(f, name, name, file);
    for (u32 k = 0; k < f->sources->count; k++) {
        snprintf(path, sizeof path, "%.*s%s", folder, from, name);
        if (strcmp(f->sources->files[k].name, path) == 0) {
            *file = k;
            return true;
        }
    }
    if (read_text(f, path, path, file)) return true;
    for (size_t k = 0; k < f->options->folder_count && !f->out_of_memory; k++) {
        snprintf(path, sizeof path, "%s/%s", f->options->folders[k], name);
        if (read_text(f, path, path, file)) return true;
    }
    return false;
}

static bool scope_of_file(const front *f, u32 file, u32 *found) {
    ASSERT(file < f->sources->count);
    for (u32 k = 1; k < f->scope_count; k++)
        if (f->scopes[k].file == file && !f->scopes[k].instance && f->scopes[k].parent == 0) {
            *found = k;
            return true;
        }
    return false;
}

/* The scope of an imported file, read and collected at its first import. */
static u32 import_scope(front *f, u32 importer, const ast_item *item) {
    ASSERT(item->kind == ITEM_IMPORT && importer < f->sources->count);
    u32 file, found;
    const char *name = ast_text(f->tree, item->text);
    if (!find_text(f, importer, name, &file)) {
        diag_row *d = diag_add(f->diags, DIAG_IMPORT, item->text_span, "`%s` cannot be read", name);
        diag_help(f->diags, d,
                  "it is looked up beside this file, then in each -I folder, "
                  "then in the installed graphs");
        return 0;
    }
    if (scope_of_file(f, file, &found)) return found;
    u32 scope_row = names_scope(f, 0, file, false, ""), first = f->tree->top_count;
    if (scope_row == 0 || parse_file(f->sources, file, f->tree, f->diags) != MMSB_OK) return 0;
    u32 end = f->tree->top_count;
    for (u32 k = first; k < end; k++)
        if (f->tree->items[f->tree->top[k]].kind == ITEM_IMPORT)
            instances_import(f, scope_row, f->tree->top[k]);
    for (u32 k = first; k < end; k++) {
        u32 row = f->tree->top[k];
        u8 kind = f->tree->items[row].kind;
        bool wanted = kind == ITEM_PARAM || kind == ITEM_CONST || kind == ITEM_FN ||
                      kind == ITEM_NODE || kind == ITEM_KERNEL;
        if (wanted) names_collect_items(f, scope_row, &row, 1);
    }
    return scope_row;
}

bool instances_import(front *f, u32 scope_row, u32 item_row) {
    ASSERT(scope_row != 0 && f->tree->items[item_row].kind == ITEM_IMPORT);
    ast_item item = f->tree->items[item_row];
    u32 target = import_scope(f, f->scopes[scope_row].file, &item);
    if (target == 0) return false;
    if (item.name != 0) {
        symbol_add(f, (symbol){.kind = SYMBOL_MODULE,
                               .name = item.name,
                               .scope = scope_row,
                               .item = item_row,
                               .target = target,
                               .place = item.text_span,
                               .progress = DONE});
        return true;
    }
    scope *s = &f->scopes[scope_row];
    if (!arena_grow(f->memory, (void **)&f->imports, &f->import_capacity,
                    f->import_count + s->import_count + 1, sizeof(u32))) {
        f->out_of_memory = true;
        return false;
    }
    /* A scope's imports lie together: they move to the end when one is added. */
    for (u32 k = 0; k < s->import_count; k++)
        f->imports[f->import_count + k] = f->imports[s->import_at + k];
    s->import_at = f->import_count;
    f->imports[s->import_at + s->import_count++] = target;
    f->import_count += s->import_count;
    return true;
}

static u32 instance_depth(const front *f, u32 scope_row) {
    ASSERT(scope_row < f->scope_count);
    u32 depth = 0;
    for (const char *c = f->scopes[scope_row].prefix; *c != 0; c++) depth += *c == '.';
    return depth;
}

/* The page of an argument: a hidden page whose definition is the argument, read in the scope of the
 * `use`. */
static u32 argument_page(front *f, u32 use_scope, u32 inside, u32 parameter, u32 expr) {
    ASSERT(inside < f->scope_count && f->scopes[inside].instance);
    ASSERT(parameter < f->tree->parameter_count);
    const ast_parameter *p = &f->tree->parameters[parameter];
    const char *prefix = f->scopes[inside].prefix, *text = ast_text(f->tree, p->name);
    char name[400];
    snprintf(name, sizeof name, "%.300s%.80s", prefix, text);
    const char *kept = arena_text(f->memory, name, strlen(name));
    u32 page =
        page_add(f, kept == NULL ? "" : kept, PAGE_DERIVED, 0, use_scope, f->tree->place[expr]);
    if (page == 0) return 0;
    f->ir->pages[page].hidden = true;
    f->pages[page].argument = expr;
    f->pages[page].argument_type = p->type;
    f->pages[page].parameter = parameter + 1, f->pages[page].inside = inside;
    symbol_add(f, (symbol){.kind = SYMBOL_PAGE,
                           .name = p->name,
                           .scope = inside,
                           .page = page,
                           .place = p->place});
    return page;
}

/* Bare names in a parameter's shape become params, bound when the argument's shape is known. */
static void bind_shape(front *f, u32 inside, const ast_parameter *p, u32 page) {
    ASSERT(!p->is_param && (page != 0 || f->out_of_memory));
    for (u32 k = 0; k < p->shape_count; k++) {
        u32 expr = f->tree->lists[p->shape_at + k];
        if (f->tree->kind[expr] != AST_NAME) continue;
        u32 name = f->tree->a[expr];
        if (names_here(f, inside, name, false) != 0) continue;
        symbol_add(f, (symbol){.kind = SYMBOL_PARAM,
                               .name = name,
                               .scope = inside,
                               .page = page,
                               .bits = k,
                               .place = f->tree->place[expr],
                               .target = 1});
    }
}

static bool arguments_bind(front *f, u32 use_scope, u32 inside, const ast_item *node,
                           const ast_call *call, u32 expr) {
    ASSERT(node->kind == ITEM_NODE && f->scopes[inside].instance);
    if (call->form != CALL_PLAIN || call->arg_count != node->parameter_count) {
        diag_row *d = diag_add(
            f->diags, DIAG_ARITY, f->tree->place[expr], "node `%s` takes %u arguments, not %u",
            ast_text(f->tree, node->name), node->parameter_count, call->arg_count);
        diag_second(f->diags, d, node->name_span, "defined here");
        diag_help(f->diags, d, "give one argument for each parameter");
        return false;
    }
    u32 at = call->arg_at;
    for (u32 k = 0; k < node->parameter_count && !f->out_of_memory; k++) {
        ast_parameter p = f->tree->parameters[node->parameter_at + k];
        u32 arg = f->tree->lists[at + k];
        if (!p.is_param) {
            u32 page = argument_page(f, use_scope, inside, node->parameter_at + k, arg);
            bind_shape(f, inside, &p, page);
            continue;
        }
        symbol_add(f, (symbol){.kind = SYMBOL_PARAM,
                               .name = p.name,
                               .scope = inside,
                               .expr = arg,
                               .expr_scope = use_scope,
                               .bits = 1,
                               .place = p.place});
    }
    return true;
}

static void shape_told(front *f, u32 page, const ast_parameter *p, const char *wanted) {
    ASSERT(f->pages[page].argument != 0);
    const front_page *a = &f->pages[page];
    char shape[120];
    diag_row *d =
        diag_add(f->diags, DIAG_SHAPES_DIFFER, f->tree->place[a->argument],
                 "this argument is %s, but the node's `%s` is %s",
                 a->shape == 0 ? "a scalar" : shape_text(f, a->shape, shape, sizeof shape),
                 ast_text(f->tree, p->name), wanted);
    diag_second(f->diags, d, p->place, "stated here");
    diag_help(f->diags, d, "pass a page of that shape");
}

void instances_check(front *f) {
    ASSERT(f->passes_done == PASS_PAGES && f->diags->error_count == 0);
    for (u32 page = 1; page < f->ir->page_count; page++) {
        if (f->pages[page].parameter == 0 || !f->pages[page].shape_known) continue;
        ast_parameter p = f->tree->parameters[f->pages[page].parameter - 1];
        front_shape is =
            f->pages[page].shape == 0 ? (front_shape){0} : f->shapes[f->pages[page].shape];
        u32 wanted = p.has_shape ? p.shape_count : 0, used = 0;
        if (!p.has_shape && p.type == TYPE_NONE) continue;
        char text[160] = "a scalar";
        bool same = wanted == is.axis_count;
        for (u32 k = 0; k < wanted; k++) {
            i64 value = 0;
            bool known =
                constant_integer(f, f->pages[page].inside, f->tree->lists[p.shape_at + k], &value);
            if (!known) return;
            same = same && k < is.axis_count && (u64)value == is.dims[k];
            used += (u32)snprintf(text + used, sizeof text - used, "%s%lld%s", k == 0 ? "[" : ", ",
                                  (long long)value, k + 1 == wanted ? "]" : "");
        }
        if (!same) shape_told(f, page, &p, text);
    }
}

static bool instances_many(front *f, const symbol *use) {
    ASSERT(use->kind == SYMBOL_USE);
    if (f->instances_told) return false;
    diag_row *d = diag_add(f->diags, DIAG_LIMIT, use->place,
                           "nodes expand to more than %u instances", INSTANCES_MAX);
    diag_help(f->diags, d, "a node that uses two of another doubles at each level");
    f->instances_told = true;
    return false;
}

bool instances_use(front *f, u32 symbol_row) {
    ASSERT(f->symbols[symbol_row].kind == SYMBOL_USE);
    ASSERT(f->passes_done == PASS_NONE);
    symbol use = f->symbols[symbol_row];
    ast_item item = f->tree->items[use.item];
    const ast_call *call = &f->tree->calls[f->tree->a[item.expr]];
    ast_call copy = *call;
    u32 row = copy.qualifier != 0 ? names_member(f, use.scope, copy.qualifier, copy.name, true,
                                                 f->tree->place[item.expr])
                                  : names_need(f, use.scope, copy.name, true, copy.name_span);
    if (f->scope_count > INSTANCES_MAX) return instances_many(f, &use);
    u32 blank = names_scope(f, f->scopes[use.scope].parent, f->scopes[use.scope].file, true, "");
    if (blank == 0) return false;
    f->symbols[symbol_row].target = blank;
    f->scopes[blank].failed = true;
    if (row == 0) return false;
    symbol node_symbol = f->symbols[row];
    if (node_symbol.kind != SYMBOL_NODE || instance_depth(f, use.scope) >= INSTANCE_DEPTH_MAX) {
        bool deep = node_symbol.kind == SYMBOL_NODE;
        diag_row *d = diag_add(
            f->diags, deep ? DIAG_RECURSION : DIAG_UNKNOWN_FUNCTION, copy.name_span,
            deep ? "node `%s` uses itself, or nodes nest too deeply" : "`%s` is not a node",
            ast_text(f->tree, copy.name));
        diag_help(f->diags, d,
                  deep ? "nodes are expanded and cannot recurse"
                       : "`use` instantiates a node; call functions in expressions");
        return false;
    }
    ast_item node = f->tree->items[node_symbol.item];
    char prefix[400];
    snprintf(prefix, sizeof prefix, "%.300s%.80s.", f->scopes[use.scope].prefix,
             ast_text(f->tree, use.name));
    const char *kept = arena_text(f->memory, prefix, strlen(prefix));
    if (kept == NULL) return false;
    f->scopes[blank].parent = node_symbol.scope, f->scopes[blank].prefix = kept;
    u32 first = f->symbol_count;
    if (!arguments_bind(f, use.scope, blank, &node, &copy, item.expr)) return false;
    f->symbols[symbol_row].node = node_symbol.item;
    f->scopes[blank].failed = false;
    names_collect_items(f, blank, f->tree->lists + node.item_at, node.item_count);
    for (u32 k = 0; k < node.list_count; k++) {
        u32 result = f->tree->lists[node.list_at + k];
        u32 found = names_find(f, blank, f->tree->a[result], false);
        if (found != 0 && f->symbols[found].scope == blank) continue;
        diag_row *d = diag_add(f->diags, DIAG_UNKNOWN_NAME, f->tree->place[result],
                               "node `%s` defines no page `%s`", ast_text(f->tree, node.name),
                               ast_text(f->tree, f->tree->a[result]));
        diag_help(f->diags, d, "define it in the node's body");
    }
    u32 end = f->symbol_count;
    for (u32 k = first; k < end && !f->out_of_memory; k++)
        if (f->symbols[k].kind == SYMBOL_USE && f->symbols[k].scope == blank) instances_use(f, k);
    return true;
}
