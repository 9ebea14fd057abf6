/* SPDX-License-Identifier: Apache-2.0
 * oracle: names, forms (types and shapes), pages, what is live, and epochs. */
#include "oracle_private.h"

void *refuse(oracle *o, const char *why) {
    if (o->refused == NULL) o->refused = why;
    return NULL;
}

/* ---- names ---- */
static binding *bind(oracle *o, binding b) {
    binding *row = ARENA_ARRAY(o->scratch, binding, 1);
    ASSERT(row != NULL);
    *row = b;
    return row;
}
/* Functions and nodes are a name space of their own. NULL: nothing. */
static binding *find(binding *b, u32 name, bool function) {
    while (b != NULL &&
           (b->name != name || (b->kind == ITEM_FN || b->kind == ITEM_NODE) != function))
        b = b->next;
    return b;
}
/* What a NAME or MEMBER stands for. */
binding *named(oracle *o, u32 e, binding *names) {
    static binding nothing = {.kind = BOUND_AXIS};
    const char *left = ast_text(o->tree, o->tree->a[e]), *dot;
    binding *b = NULL;
    for (bool first = true; left != NULL; first = false, left = dot == NULL ? NULL : dot + 1) {
        dot = strchr(left, '.');
        u32 part = ast_string_find(o->tree, left,
                                   (u32)(dot == NULL ? strlen(left) : (size_t)(dot - left)));
        b = first ? find(names, part, false) : b == NULL ? NULL : find(b->env, part, false);
    }
    if (b != NULL && o->tree->kind[e] == AST_MEMBER) b = find(b->env, o->tree->b[e], false);
    if (b == NULL) refuse(o, "a name that nothing defines");
    return b != NULL ? b : &nothing;
}
/* The function or node that is called; NULL: one of the language. */
binding *callee(const ast_call *c, binding *names) {
    binding *module = c->qualifier != 0 ? find(names, c->qualifier, false) : NULL;
    return find(module != NULL ? module->env : names, c->name, true);
}
/* The names inside a function: its parameters, and those where it is defined. */
binding *enter(oracle *o, const binding *fn, const ast_call *c, binding *names) {
    const ast_item *i = &o->tree->items[fn->row];
    binding *inner = fn->env;
    for (u32 k = 0; k < c->arg_count && k < i->parameter_count; k++) {
        const ast_parameter *p = &o->tree->parameters[i->parameter_at + k];
        inner =
            bind(o, (binding){inner, names, p->name, argument(o, c, k), 0, BOUND_EXPR, p->type});
    }
    return inner;
}
binding *bind_let(oracle *o, u32 e, binding *names) {
    return bind(o, (binding){names, names, o->tree->a[e], o->tree->b[e], 0, BOUND_EXPR, TYPE_NONE});
}
binding *bind_axes(oracle *o, u32 at, u32 count, u32 first, binding *names) {
    for (u32 k = 0; k < count; k++)
        names = bind(o, (binding){.next = names,
                                  .name = o->tree->axes[at + k].name,
                                  .row = first + k,
                                  .kind = BOUND_AXIS});
    return names;
}

/* ---- forms ---- */
u8 settle(u8 type) { return type < TYPE_COUNT ? type : type == FREE_FLOAT ? TYPE_F64 : TYPE_I64; }
u8 stronger(u8 a, u8 b) {
    if (a < TYPE_COUNT || b < TYPE_COUNT) return a < TYPE_COUNT ? a : b;
    return a > b ? a : b;
}
static oracle_form join(oracle_form a, oracle_form b) {
    oracle_form f = a.rank != 0 ? a : b;
    f.type = stronger(a.type, b.type);
    return f;
}
u64 lanes_of(oracle_form f) {
    u64 lanes = 1;
    for (u32 k = 0; k < f.rank; k++) lanes *= f.dims[k];
    return lanes;
}
bool reduces(u16 fn, const ast_call *c) {
    bool pair = c->form == CALL_PLAIN && c->arg_count > 1; /* min(a, b) is element-wise */
    return fn >= FN_sum && fn <= FN_argmax && !pair;
}

/* The result's form of a function of whole pages or a reduction, f being its first argument's. */
static oracle_form whole_form(oracle *o, u16 fn, const ast_call *c, oracle_form f, binding *names) {
    static const oracle_form none = {.type = UNKNOWN};
    oracle_form g = c->arg_count > 1 ? form_of(o, argument(o, c, 1), names) : none;
    bool adds = fn == FN_sum || fn == FN_prod || fn == FN_cumsum || fn == FN_cumprod;
    bool means = fn == FN_mean || fn == FN_quantile || fn == FN_median;
    u8 type = f.type < TYPE_COUNT || !o->settling ? f.type : settle(f.type);
    if (adds || means) f.type = UNKNOWN;
    if (adds && type < TYPE_COUNT) f.type = number_wide(type);
    if (means && type < TYPE_COUNT) f.type = type_is_float(type) ? type : TYPE_F64;
    if (fn == FN_any || fn == FN_all) f.type = TYPE_BOOL;
    if (fn == FN_count || fn == FN_argmin || fn == FN_argmax || fn == FN_argsort) f.type = TYPE_I64;
    if (fn == FN_dot || fn == FN_matmul) f.type = stronger(f.type, g.type);
    if (fn <= FN_argmax || fn == FN_dot) f.rank = 0;
    if (fn == FN_topk && f.rank > 0)
        f.dims[f.rank - 1] = constant(o, argument(o, c, 1), names, TYPE_I64);
    if ((fn == FN_quantile || fn == FN_median) && f.rank > 0) f.rank--;
    for (u32 k = 0; fn == FN_transpose && 2 * k + 1 < f.rank; k++) {
        u64 swap = f.dims[k];
        f.dims[k] = f.dims[f.rank - 1 - k], f.dims[f.rank - 1 - k] = swap;
    }
    if (fn == FN_matmul && f.rank > 0) f.rank--;
    if (fn == FN_matmul && g.rank == 2) f.dims[f.rank++] = g.dims[1];
    if (fn == FN_history && f.rank < 4) {
        memmove(f.dims + 1, f.dims, 3 * sizeof(u64));
        f.dims[0] = constant(o, argument(o, c, 1), names, TYPE_I64), f.rank++;
    }
    return f;
}

static oracle_form form_of_call(oracle *o, u32 e, binding *names) {
    const ast_call *c = call_of(o, e);
    binding *user = callee(c, names);
    if (user != NULL) return form_of(o, o->tree->items[user->row].expr, enter(o, user, c, names));
    u16 fn = number_function(called(o, c));
    u8 to = type_find(called(o, c), strlen(called(o, c)));
    bool whole = reduces(fn, c) || (fn >= FN_cumsum && fn <= FN_history);
    oracle_form f = {.type = UNKNOWN};
    if (c->form == CALL_FOR) names = bind_axes(o, c->loop_at, c->loop_count, 0, names);
    for (u32 k = 0; k < c->arg_count && (k == 0 || !whole); k++)
        f = join(f, form_of(o, argument(o, c, k), names));
    if (whole) return whole_form(o, fn, c, f, names);
    if (to != TYPE_NONE) f.type = to;
    if (fn == FN_isnan || fn == FN_isfinite) f.type = TYPE_BOOL;
    if (fn == FN_rand_u32) f.type = TYPE_U32;
    if (fn == FN_uniform || fn == FN_normal) f.type = TYPE_F64;
    if (fn == FN_NONE && to == TYPE_NONE) refuse(o, "a function that the oracle does not know");
    return f;
}

static oracle_form form_of_name(oracle *o, u32 e, binding *names) {
    const binding *b = named(o, e, names);
    if (b->kind == ITEM_PAGE) return o->pages[b->row].form;
    if (b->kind == BOUND_AXIS) return (oracle_form){.type = TYPE_I64};
    if (b->kind != BOUND_EXPR && b->kind != ITEM_CONST) return (oracle_form){.type = FREE_INTEGER};
    oracle_form f = form_of(o, b->expr, b->env);
    if (b->type != TYPE_NONE) f.type = b->type;
    if (b->kind == ITEM_CONST) f.type = settle(f.type);
    return f;
}

oracle_form form_of(oracle *o, u32 e, binding *names) {
    const ast *t = o->tree;
    oracle_form f = {.type = UNKNOWN};
    switch (t->kind[e]) {
    case AST_INTEGER: f.type = t->b[e] != TYPE_NONE ? (u8)t->b[e] : FREE_INTEGER; return f;
    case AST_FLOAT: f.type = t->b[e] != TYPE_NONE ? (u8)t->b[e] : FREE_FLOAT; return f;
    case AST_INF:
    case AST_NAN:
    case AST_PI: f.type = FREE_FLOAT; return f;
    case AST_BOOL: f.type = TYPE_BOOL; return f;
    case AST_EPOCH: f.type = TYPE_U64; return f;
    case AST_NAME:
    case AST_MEMBER: return form_of_name(o, e, names);
    case AST_CALL: return form_of_call(o, e, names);
    case AST_INDEX: f.type = form_of(o, t->a[e], names).type; return f;
    case AST_LET: return form_of(o, t->c[e], bind_let(o, e, names));
    case AST_UNARY: f = form_of(o, t->a[e], names); break;
    case AST_BINARY:
    case AST_INIT: f = join(form_of(o, t->a[e], names), form_of(o, t->b[e], names)); break;
    case AST_IF:
        f = form_of(o, t->a[e], names), f.type = UNKNOWN;
        f = join(f, join(form_of(o, t->b[e], names), form_of(o, t->c[e], names)));
        break;
    default: refuse(o, "an expression that the oracle does not know");
    }
    u8 op = t->op[e]; /* 0 but for UNARY and BINARY */
    if (op == AST_OP_NOT || (op >= AST_OP_OROR && op <= AST_OP_GE)) f.type = TYPE_BOOL;
    return f;
}
/* ---- pages ---- */
/* Index variables and names of a page's definition. */
static place page_place(oracle *o, const oracle_page *p) {
    place at = {.names = p->names, .lanes = p->lanes, .rank = p->form.rank};
    memcpy(at.dims, p->form.dims, sizeof p->form.dims);
    if (p->item != NULL)
        at.names = bind_axes(o, p->item->axis_at, p->item->axis_count, 0, p->names);
    return at;
}
static void page_fill(oracle *o, oracle_page *p) {
    place at = page_place(o, p);
    if (p->expr != 0) memcpy(p->now, eval(o, p->expr, &at, p->form.type), p->lanes * sizeof(u64));
}
void page_evaluate(oracle *o, oracle_page *p) {
    if (p->kind == ITEM_SOURCE || p->stamp == o->stamp) return;
    if (p->busy) {
        refuse(o, "pages that need each other in one epoch");
        return;
    }
    p->busy = true;
    page_fill(o, p);
    p->busy = false;
    p->stamp = o->stamp;
}

static u32 page_new(oracle *o, u8 kind, u32 name, const ast_item *item, const char *prefix) {
    const char *text = kind == ITEM_ASSERT ? "assert" : ast_text(o->tree, name);
    char *full = ARENA_ARRAY(o->memory, char, strlen(prefix) + strlen(text) + 1);
    if (!arena_grow(o->memory, (void **)&o->pages, &o->page_capacity, o->page_count + 1,
                    sizeof(oracle_page)))
        ASSERT(!"memory is short");
    strcat(strcpy(full, prefix), text);
    o->pages[o->page_count] = (oracle_page){
        .name = full, .item = item, .kind = kind, .stated = TYPE_NONE, .form = {.type = UNKNOWN}};
    if (item != NULL)
        o->pages[o->page_count].expr = item->expr, o->pages[o->page_count].stated = item->type;
    return o->page_count++;
}

static binding *collect(oracle *o, const u32 *items, u32 count, binding *names, const char *prefix);
/* The names inside `use`: params, arguments as pages, dimensions by their names in shapes, items.
 */
static binding *instance(oracle *o, const ast_item *use, binding *names, const char *prefix) {
    const ast *t = o->tree;
    const ast_call *c = &t->calls[t->a[use->expr]];
    const binding *node = callee(c, names);
    if (node == NULL) return refuse(o, "a node that nothing defines");
    const ast_item *n = &t->items[node->row];
    char *inside = ARENA_ARRAY(o->memory, char, strlen(prefix) + t->string_bytes[use->name] + 2);
    strcat(strcat(strcpy(inside, prefix), ast_text(t, use->name)), ".");
    binding *inner = node->env;
    for (u32 k = 0; k < n->parameter_count && k < c->arg_count; k++) {
        const ast_parameter *p = &t->parameters[n->parameter_at + k];
        u32 arg = argument(o, c, k), row;
        if (p->is_param) {
            inner = bind(o, (binding){inner, names, p->name, arg, 0, ITEM_PARAM, TYPE_NONE});
            continue;
        }
        row = page_new(o, ITEM_PAGE, p->name, NULL, inside);
        o->pages[row].expr = arg, o->pages[row].names = names, o->pages[row].stated = p->type;
        inner = bind(o, (binding){inner, names, p->name, 0, row, ITEM_PAGE, TYPE_NONE});
        for (u32 x = 0; x < p->shape_count; x++) {
            u32 e = t->lists[p->shape_at + x];
            if (t->kind[e] == AST_NAME)
                inner =
                    bind(o, (binding){inner, names, t->a[e], x, row, BOUND_DIMENSION, TYPE_NONE});
        }
    }
    return collect(o, t->lists + n->item_at, n->item_count, inner, inside);
}

static binding *file_names(oracle *o, u32 file) {
    const ast *t = o->tree;
    u32 count = 0, *items = ARENA_ARRAY(o->memory, u32, t->top_count + 1);
    for (u32 k = 0; k < t->top_count; k++)
        if (t->items[t->top[k]].whole.file == file) items[count++] = t->top[k];
    return collect(o, items, count, NULL, "");
}
static binding *import(oracle *o, const ast_item *i, binding *names) {
    const char *text = ast_text(o->tree, i->text);
    u32 file = 1;
    while (file < o->files->count && strcmp(o->files->files[file].name, text) != 0) file++;
    if (file == o->files->count) return refuse(o, "an import that is not there"), names;
    binding *inside = file_names(o, file);
    if (i->name != 0)
        return bind(o, (binding){names, inside, i->name, 0, 0, ITEM_IMPORT, TYPE_NONE});
    for (; inside != NULL; inside = inside->next) {
        binding copy = *inside;
        copy.next = names;
        names = bind(o, copy);
    }
    return names;
}

/* Adds a binding for each item; pages, and the items of instances, get rows. */
static binding *collect(oracle *o, const u32 *items, u32 count, binding *names,
                        const char *prefix) {
    binding *below = names;
    for (u32 k = 0; k < count; k++) {
        const ast_item *i = &o->tree->items[items[k]];
        binding b = {names, NULL, i->name, i->expr, items[k], i->kind, i->type};
        bool page = i->kind == ITEM_SOURCE || i->kind == ITEM_PAGE || i->kind == ITEM_EVENT ||
                    i->kind == ITEM_ASSERT;
        if (page) b.kind = ITEM_PAGE, b.row = page_new(o, i->kind, i->name, i, prefix);
        if (i->kind == ITEM_KERNEL) refuse(o, "a kernel");
        names = i->kind == ITEM_IMPORT ? import(o, i, names) : bind(o, b);
    }
    for (binding *b = names; b != below; b = b->next) {
        if (b->env != NULL) continue;
        if (b->kind == ITEM_PAGE) o->pages[b->row].names = names;
        b->env = names;
    }
    for (binding *b = names; b != below; b = b->next)
        if (b->kind == ITEM_USE) b->env = instance(o, &o->tree->items[b->row], names, prefix);
    return names;
}

static oracle_form page_form(oracle *o, const oracle_page *p) {
    const ast *t = o->tree;
    const ast_item *i = p->item;
    place at = page_place(o, p);
    oracle_form f = {.type = TYPE_BOOL};
    if (p->kind == ITEM_EVENT || p->kind == ITEM_ASSERT) return f;
    if (p->expr != 0) f = form_of(o, p->expr, at.names);
    if (p->stated != TYPE_NONE) f.type = p->stated;
    if (i == NULL || (!i->indexed && i->type == TYPE_NONE)) return f;
    f.rank = (u8)(i->indexed ? i->axis_count : i->shape_count);
    for (u32 k = 0; k < f.rank && k < 4; k++) {
        u32 e = i->indexed ? t->axes[i->axis_at + k].extent : t->lists[i->shape_at + k];
        f.dims[k] = constant(o, e, p->names, TYPE_I64);
    }
    return f;
}
/* Until nothing changes; first without, then with the defaults of what only literals decide. */
static void pages_form(oracle *o) {
    for (u32 round = 0, quiet = 0; round < 100 && quiet < 2; round++) {
        bool more = false;
        o->settling = quiet == 1;
        for (u32 k = 0; k < o->page_count; k++) {
            oracle_form f = page_form(o, &o->pages[k]);
            more |= memcmp(&f, &o->pages[k].form, sizeof f) != 0;
            o->pages[k].form = f;
        }
        quiet = more ? quiet : quiet + 1;
    }
    o->settling = true;
    for (u32 k = 0; k < o->page_count; k++) {
        oracle_page *p = &o->pages[k];
        p->form.type = settle(p->form.type);
        p->lanes = lanes_of(p->form);
        p->now = ARENA_ARRAY(o->memory, u64, p->lanes);
        p->past = ARENA_ARRAY(o->memory, u64 *, ORACLE_EPOCHS_MAX + 2);
        ASSERT(p->now != NULL && p->past != NULL);
    }
}

/* ---- what is live ---- */
static void mark_page(oracle *o, u32 row);
static void mark_list(oracle *o, u32 at, u32 count, binding *names);
static void mark(oracle *o, u32 e, binding *names) {
    const ast *t = o->tree;
    u8 kind = t->kind[e];
    if (kind == AST_NAME || kind == AST_MEMBER) {
        const binding *b = named(o, e, names);
        if (b->kind == ITEM_PAGE) mark_page(o, b->row);
        if (b->kind == BOUND_EXPR) mark(o, b->expr, b->env);
    } else if (kind == AST_LET) {
        mark(o, t->c[e], bind_let(o, e, names));
    } else if (kind == AST_INDEX) {
        mark(o, t->a[e], names);
        mark_list(o, t->b[e], t->c[e], names);
    } else if (kind == AST_CALL) {
        const ast_call *c = call_of(o, e);
        binding *user = callee(c, names);
        if (c->form == CALL_FOR) names = bind_axes(o, c->loop_at, c->loop_count, 0, names);
        mark_list(o, c->arg_at, c->arg_count, names);
        if (c->key != 0) mark(o, c->key, names);
        if (c->filter != 0) mark(o, c->filter, names);
        if (user != NULL) mark(o, t->items[user->row].expr, enter(o, user, c, names));
    } else if (kind == AST_UNARY || kind == AST_BINARY || kind == AST_IF || kind == AST_INIT) {
        mark(o, t->a[e], names);
        if (kind != AST_UNARY) mark(o, t->b[e], names);
        if (kind == AST_IF) mark(o, t->c[e], names);
    }
}
static void mark_list(oracle *o, u32 at, u32 count, binding *names) {
    for (u32 k = 0; k < count; k++) mark(o, o->tree->lists[at + k], names);
}
static void mark_page(oracle *o, u32 row) {
    oracle_page *p = &o->pages[row];
    binding *names = page_place(o, p).names;
    if (p->live) return;
    p->live = true;
    if (p->expr != 0) mark(o, p->expr, names);
    if (p->kind == ITEM_EVENT) mark_list(o, p->item->list_at, p->item->list_count, names);
}

static void export_all(oracle *o, u32 at, u32 count, binding *names) {
    for (u32 k = 0; k < count; k++) {
        const binding *b = named(o, o->tree->lists[at + k], names);
        if (b->kind == ITEM_PAGE) o->pages[b->row].exported = true;
    }
}
/* What `export` says; without any, every page and result of `use` at top level. */
static void find_exports(oracle *o, binding *top) {
    const ast *t = o->tree;
    bool stated = false;
    for (u32 k = 0; k < t->top_count; k++) {
        const ast_item *i = &t->items[t->top[k]];
        stated |= i->kind == ITEM_EXPORT;
        if (i->kind == ITEM_EXPORT) export_all(o, i->list_at, i->list_count, top);
    }
    for (const binding *b = top; b != NULL && !stated; b = b->next) {
        if (b->kind == ITEM_PAGE) o->pages[b->row].exported = o->pages[b->row].kind != ITEM_ASSERT;
        if (b->kind != ITEM_USE || b->env == NULL) continue;
        const ast_item *node = &t->items[callee(call_of(o, b->expr), top)->row];
        export_all(o, node->list_at, node->list_count, b->env);
    }
    for (u32 k = 0; k < o->page_count; k++)
        if (o->pages[k].exported || o->pages[k].kind != ITEM_PAGE) mark_page(o, k);
}

oracle *oracle_open(const ast *tree, const sources *files, arena *memory, arena *scratch) {
    oracle *o = ARENA_ARRAY(memory, oracle, 1);
    ASSERT(o != NULL);
    *o = (oracle){.tree = tree, .files = files, .memory = memory, .scratch = memory, .stamp = 1};
    binding *top = file_names(o, 0);
    if (o->refused == NULL) pages_form(o);
    if (o->refused == NULL) find_exports(o, top);
    o->scratch = scratch;
    return o;
}

/* ---- epochs ---- */
/* Evaluates what is live. False: a fault or failed assert. */
static bool evaluate(oracle *o) {
    o->stamp++;
    o->fault = false;
    for (u32 k = 0; k < o->page_count; k++)
        if (o->pages[k].live) page_evaluate(o, &o->pages[k]);
    for (u32 k = 0; k < o->page_count; k++) {
        oracle_page *p = &o->pages[k];
        if (p->kind == ITEM_ASSERT && p->now[0] == 0) o->fault = true;
        p->fired =
            p->kind == ITEM_EVENT && o->epoch > 0 && p->now[0] != 0 && p->past[o->epoch][0] == 0;
        for (u32 v = 0; p->fired && v < p->item->list_count && v < 8; v++) {
            u32 e = o->tree->lists[p->item->list_at + v];
            p->value_types[v] = type_of(o, e, p->names);
            p->value_bits[v] = constant(o, e, p->names, p->value_types[v]);
        }
    }
    return !o->fault;
}
static u64 *copy(oracle *o, const oracle_page *p, const u64 *from) {
    u64 *to = ARENA_ARRAY(o->memory, u64, p->lanes);
    ASSERT(to != NULL);
    return memcpy(to, from, p->lanes * sizeof(u64));
}

bool oracle_start(oracle *o) {
    for (u32 k = 0; k < o->page_count; k++)
        if (o->pages[k].kind == ITEM_SOURCE) page_fill(o, &o->pages[k]);
    if (!evaluate(o)) return false;
    for (u32 k = 0; k < o->page_count; k++)
        for (u32 e = 0; e < 2; e++) o->pages[k].past[e] = copy(o, &o->pages[k], o->pages[k].now);
    return true;
}

/* What a delta changes: a source's value, a state page's stored previous one. */
static u64 **target(const oracle *o, oracle_page *p) {
    return p->kind == ITEM_SOURCE ? &p->now : &p->past[o->epoch];
}
static void change_apply(oracle *o, const oracle_change *c) {
    static const u16 ops[] = {0, AST_OP_ADD, FN_min, FN_max, AST_OP_AND, AST_OP_OR, AST_OP_XOR};
    oracle_page *p = &o->pages[c->page];
    if (p->kept == NULL) p->kept = copy(o, p, *target(o, p));
    u64 *at = *target(o, p) + c->lane;
    bool fault = false;
    u64 v[3] = {*at, type_canonical(p->form.type, c->bits), 0};
    *at = c->kind == CHANGE_SET ? v[1] : number_op(ops[c->kind], p->form.type, v, &fault);
}

bool oracle_step(oracle *o, const oracle_change *changes, u64 count) {
    ASSERT(o->epoch + 1 < ORACLE_EPOCHS_MAX);
    arena_clear(o->scratch);
    o->epoch++;
    for (u64 k = 0; k < count; k++) change_apply(o, &changes[k]);
    bool accepted = evaluate(o);
    for (u32 k = 0; k < o->page_count; k++) {
        oracle_page *p = &o->pages[k];
        p->fired &= accepted;
        if (accepted) p->past[o->epoch + 1] = copy(o, p, p->now);
        if (!accepted && p->kept != NULL) *target(o, p) = p->kept;
        if (!accepted && p->kind != ITEM_SOURCE)
            memcpy(p->now, p->past[o->epoch], p->lanes * sizeof(u64));
        p->kept = NULL;
    }
    o->epoch -= !accepted;
    return accepted;
}
