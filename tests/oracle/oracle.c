/* SPDX-License-Identifier: Apache-2.0
 * oracle: evaluates every definition lane by lane, anew in every epoch. Nothing is kept from epoch
 * to epoch but the sources and the values that prev reads. */
#include "oracle_term.h"

static void page_evaluate(oracle *o, u32 row);

/* ---- reads ---- */
static const u64 *page_values(oracle *o, u32 page, u32 back) {
    oracle_page *p = &o->pages[page];
    if (back > 0 && o->epoch > 0) return p->before[back];
    page_evaluate(o, page);
    return p->now;
}

/* The coordinate that an index names on one axis; -1: the fill, -2: outside. */
static i64 edge_apply(u8 edge, i128 index, i64 dim) {
    if (index >= 0 && index < dim) return (i64)index;
    i64 period = edge == 3 ? 2 * (dim - 1) : dim;
    if (edge == 1) return index < 0 ? 0 : dim - 1;
    if (edge == 4) return -1;
    if (edge == 0) return -2;
    if (period == 0) return 0;
    i64 at = (i64)(((index % period) + period) % period);
    return at < dim ? at : period - at;
}

static u64 eval_read(oracle *o, const oracle_term *t, const place *at) {
    const oracle_page *p = &o->pages[t->page];
    u64 lane = 0, filled = 0;
    bool fills = false, outside = t->count != p->rank;
    for (u32 k = 0; k < t->count && k < p->rank; k++) {
        i128 index = number_integer(t->kid[k]->type, term_value(o, t->kid[k], at));
        i64 coordinate = edge_apply(p->edge[k], index, (i64)p->dims[k]);
        if (coordinate == -2) outside = true;
        if (coordinate == -1 && !fills) fills = true, filled = p->fill[k];
        lane = lane * p->dims[k] + (u64)(coordinate < 0 ? 0 : coordinate);
    }
    if (outside) o->fault = true;
    if (outside || fills) return outside ? 0 : filled;
    return page_values(o, t->page, t->back)[lane];
}

/* ---- reductions ---- */
static u64 mean_of(const oracle_term *t, u8 of, u64 sum, u64 count) {
    bool fault = false;
    u8 wide = type_is_float(of) ? of : type_is_signed(of) ? TYPE_I64 : TYPE_U64;
    u64 v[3] = {number_convert(wide, t->type, sum), number_convert(TYPE_U64, t->type, count), 0};
    return number_op(AST_OP_DIV, t->type, t->type, v, &fault);
}

static u64 nothing(u8 reduction, u8 type) {
    static const u64 signed_least[9] = {
        [1] = 0x80, [2] = 0x8000, [4] = 0x80000000u, [8] = 1ull << 63};
    u64 bytes = type_bytes(type), all = bytes == 8 ? UINT64_MAX : (1ull << 8 * bytes) - 1;
    bool least = reduction == R_MAX;
    if (reduction == R_PROD) return number_convert(TYPE_U64, type, 1);
    if (reduction != R_MIN && reduction != R_MAX) return 0;
    if (type == TYPE_BOOL) return !least;
    if (type == TYPE_F32) return least ? 0xff800000u : 0x7f800000u;
    if (type == TYPE_F64) return least ? 0xfff0000000000000u : 0x7ff0000000000000u;
    if (type_is_unsigned(type)) return least ? 0 : all;
    return least ? signed_least[bytes] : signed_least[bytes] - 1;
}

/* Of values[0 .. n) of type `of`, where has[]; `index` names them for argmin (NULL: their
 * position). */
static u64 reduce(oracle_term *t, u8 of, u64 n, const u64 *index) {
    u64 count = 0;
    u8 r = t->reduction;
    for (u64 k = 0; k < n; k++)
        if (t->has[k])
            count += r == R_COUNT || r == R_ANY || r == R_ALL ? (t->values[k] == (r != R_ALL)) : 1;
    if (r == R_COUNT) return count;
    if (r == R_ANY || r == R_ALL) return (count > 0) == (r == R_ANY);
    bool any = false, widens = (r == R_SUM || r == R_PROD || r == R_MEAN) && !type_is_float(of);
    u8 wide = !widens ? of : type_is_signed(of) ? TYPE_I64 : TYPE_U64;
    for (u64 k = 0; widens && k < n; k++) t->values[k] = number_convert(of, wide, t->values[k]);
    u16 op = r == R_SUM || r == R_MEAN     ? AST_OP_ADD
             : r == R_PROD                 ? AST_OP_MUL
             : r == R_MIN || r == R_ARGMIN ? FN_min
                                           : FN_max;
    u64 result = number_reduce(op, wide, t->values, t->has, n, &any);
    if (r == R_MEAN) return mean_of(t, of, any ? result : 0, count);
    if (r < R_ARGMIN) return any ? result : nothing(r, wide);
    for (u64 k = 0; k < n; k++)
        if (t->has[k] && t->values[k] == result) return index != NULL ? index[k] : k;
    return UINT64_MAX;
}

static u64 eval_for(oracle *o, oracle_term *t, const place *outside) {
    place at = *outside;
    for (u64 p = 0; p < t->lanes; p++) {
        u64 rest = p;
        for (u32 k = t->count; k-- > 0; rest /= t->extent[k])
            at.vars[t->var + k] = (i64)(rest % t->extent[k]);
        t->has[p] = t->kid[2] == NULL || term_value(o, t->kid[2], &at) != 0;
        t->values[p] = t->has[p] ? term_value(o, t->kid[0], &at) : 0;
    }
    return reduce(t, t->kid[0]->type, t->lanes, NULL);
}

static u64 eval_whole(oracle *o, oracle_term *t) {
    place at = {{0}, 0};
    if (t->stamp == o->stamp) return t->bits;
    for (at.lane = 0; at.lane < t->lanes; at.lane++) {
        t->has[at.lane] = true;
        t->values[at.lane] = term_value(o, t->kid[0], &at);
    }
    t->bits = reduce(t, t->kid[0]->type, t->lanes, NULL);
    t->stamp = o->stamp;
    return t->bits;
}

/* One group's results, one for each lane of the dimensions behind the key's. */
static void keyed_group(oracle *o, oracle_term *t, u64 group, u64 *index) {
    u64 rest = t->lanes / t->key_lanes;
    u8 of = t->kid[0] != NULL ? t->kid[0]->type : TYPE_BOOL;
    for (u64 r = 0; r < rest; r++) {
        u64 rank = 0;
        for (u64 q = 0; q < t->key_lanes; q++) {
            place key = {{0}, q}, element = {{0}, q * rest + r};
            i128 value = number_integer(t->kid[1]->type, term_value(o, t->kid[1], &key));
            bool inside = value >= 0 && value < (i128)t->groups;
            if (inside && value != (i128)group) continue;
            bool present = t->kid[2] == NULL ||
                           term_value(o, t->kid[2], t->filter_by_key ? &key : &element) != 0;
            if (!inside) {
                o->fault |= present;
                continue;
            }
            index[rank] = q;
            t->has[rank] = present;
            t->values[rank++] = !present            ? 0
                                : t->kid[0] != NULL ? term_value(o, t->kid[0], &element)
                                                    : 1;
        }
        t->result[group * rest + r] = reduce(t, of, rank, index);
    }
}

static u64 eval_keyed(oracle *o, oracle_term *t, const place *at) {
    if (t->stamp != o->stamp) {
        t->stamp = o->stamp;
        u64 *index = ARENA_ARRAY(o->memory, u64, t->key_lanes);
        for (u64 g = 0; index != NULL && g < t->groups; g++) keyed_group(o, t, g, index);
    }
    return t->result[at->lane];
}

u64 term_value(oracle *o, oracle_term *t, const place *at) {
    u64 v[3] = {0, 0, 0};
    switch (t->kind) {
    case T_CONST: return t->bits;
    case T_VAR: return (u64)at->vars[t->var];
    case T_EPOCH: return o->epoch;
    case T_LANE:
        return page_values(o, t->page, t->back)[o->pages[t->page].rank == 0 ? 0 : at->lane];
    case T_READ: return eval_read(o, t, at);
    case T_IF: return term_value(o, t->kid[term_value(o, t->kid[0], at) ? 1 : 2], at);
    case T_AND: return term_value(o, t->kid[0], at) && term_value(o, t->kid[1], at);
    case T_OR: return term_value(o, t->kid[0], at) || term_value(o, t->kid[1], at);
    case T_INIT: return term_value(o, t->kid[o->epoch == 0 ? 0 : 1], at);
    case T_FOR: return eval_for(o, t, at);
    case T_WHOLE: return eval_whole(o, t);
    case T_KEYED: return eval_keyed(o, t, at);
    default:
        for (u32 k = 0; k < 3 && t->kid[k] != NULL; k++) v[k] = term_value(o, t->kid[k], at);
        return number_op(t->op, t->kid[0]->type, t->type, v, &o->fault);
    }
}

/* ---- pages ---- */
static void page_fill(oracle *o, oracle_page *p) {
    for (u64 lane = 0; lane < p->lanes; lane++) {
        place at = {{0}, lane};
        u64 rest = lane;
        for (u32 k = p->rank; k-- > 0; rest /= p->dims[k]) at.vars[k] = (i64)(rest % p->dims[k]);
        p->now[lane] = term_value(o, p->term, &at);
    }
}

static void page_evaluate(oracle *o, u32 row) {
    oracle_page *p = &o->pages[row];
    if (p->kind == ITEM_SOURCE || p->stamp == o->stamp) return;
    if (p->busy) {
        oracle_refuse(o, "pages that need each other in one epoch");
        return;
    }
    p->busy = true;
    page_fill(o, p);
    p->busy = false;
    p->stamp = o->stamp;
}

static void page_edges(oracle *o, oracle_page *p, const ast_item *i) {
    for (u32 k = 0; k < p->rank && i->edge_count > 0; k++) {
        const ast_edge *e = &o->tree->edges[i->edge_at + (i->edge_count == 1 ? 0 : k)];
        place nowhere = {{0}, 0};
        p->edge[k] = e->kind;
        if (e->kind == 4)
            p->fill[k] =
                term_value(o, term_of(o, e->value, (scope){NULL, 0, 0}, p->type), &nowhere);
    }
}

/* Stated types and shapes; then types until nothing more is known, then the defaults of what only
 * literals decide. */
static void pages_type(oracle *o) {
    for (bool more = true; more;) {
        more = false;
        for (u32 k = 0; k < o->page_count; k++) {
            oracle_page *p = &o->pages[k];
            const ast_item *i = &o->tree->items[p->item];
            const binding *names = NULL;
            if (p->type != UNKNOWN) continue;
            for (u32 x = 0; x < i->axis_count; x++)
                names = name_bind(
                    o, names,
                    (binding){o->tree->axes[i->axis_at + x].name, 0, x, TYPE_NONE, NULL, NULL});
            u8 type = type_of(o, i->expr, names);
            if (type == UNKNOWN) continue;
            p->type = type_settle(type, TYPE_NONE);
            o->guess = false;
            more = true;
        }
        if (more || o->guess) continue;
        for (u32 k = 0; k < o->page_count; k++) more |= o->pages[k].type == UNKNOWN;
        o->guess = more;
    }
}

static void page_open(oracle *o, u32 row) {
    oracle_page *p = &o->pages[row];
    const ast_item *i = &o->tree->items[p->item];
    p->rank = (u8)(i->indexed ? i->axis_count : i->shape_count);
    p->shaped = i->indexed || i->type != TYPE_NONE || p->kind != ITEM_PAGE;
    for (u32 k = 0; k < p->rank && k < 4; k++)
        p->dims[k] = (u64)integer_of(o, i->indexed ? o->tree->axes[i->axis_at + k].extent
                                                   : o->tree->lists[i->shape_at + k]);
    p->type = i->type != TYPE_NONE ? i->type : p->kind == ITEM_PAGE ? UNKNOWN : TYPE_BOOL;
}

static void page_elaborate(oracle *o, u32 row) {
    oracle_page *p = &o->pages[row];
    const ast_item *i = &o->tree->items[p->item];
    scope s = {NULL, 0, p->rank > 0 ? p->dims[0] : 1};
    for (u32 x = 0; x < i->axis_count; x++)
        s.names = name_bind(
            o, s.names,
            (binding){o->tree->axes[i->axis_at + x].name, 0, s.vars++, TYPE_NONE, NULL, NULL});
    page_edges(o, p, i);
    if (i->expr != 0) p->term = term_of(o, i->expr, s, p->type);
    for (u32 k = 0; p->kind == ITEM_EVENT && k < i->list_count && k < 8; k++) {
        p->values[p->value_count++] = term_of(o, o->tree->lists[i->list_at + k], s, TYPE_NONE);
        p->value_types[k] = p->values[k]->type;
    }
}

/* Calls visit for each page that a term reads. */
static void term_pages(oracle *o, const oracle_term *t,
                       void (*visit)(oracle *o, u32 page, bool prev)) {
    if (t == NULL) return;
    if (t->kind == T_LANE || t->kind == T_READ) visit(o, t->page, t->back > 0);
    for (u32 k = 0; k < 4; k++) term_pages(o, t->kid[k], visit);
}
static void mark_live(oracle *o, u32 page, bool prev) {
    (void)prev;
    if (o->pages[page].live) return;
    o->pages[page].live = true;
    term_pages(o, o->pages[page].term, mark_live);
    for (u32 k = 0; k < o->pages[page].value_count; k++)
        term_pages(o, o->pages[page].values[k], mark_live);
}

/* A state page is one on a cycle that prev itself reads. */
static u32 wanted, reader;
static void mark_state(oracle *o, u32 page, bool prev) {
    if (page == wanted && prev && o->pages[reader].busy) o->pages[page].state = true;
}
static void reach(oracle *o, u32 page, bool prev) {
    (void)prev;
    if (o->pages[page].busy) return;
    o->pages[page].busy = true;
    term_pages(o, o->pages[page].term, reach);
}
static void find_state(oracle *o) {
    for (wanted = 0; wanted < o->page_count; wanted++) {
        if (o->pages[wanted].kind == ITEM_SOURCE || !o->pages[wanted].live) continue;
        term_pages(o, o->pages[wanted].term,
                   reach); /* busy: what `wanted` needs, through time or not */
        for (reader = 0; reader < o->page_count; reader++)
            if (o->pages[reader].kind != ITEM_SOURCE)
                term_pages(o, o->pages[reader].term, mark_state);
        for (u32 k = 0; k < o->page_count; k++) o->pages[k].busy = false;
    }
}

static void find_exports(oracle *o) {
    const ast *t = o->tree;
    bool stated = false;
    for (u32 k = 1; k < t->item_count; k++) {
        if (t->items[k].kind != ITEM_EXPORT) continue;
        stated = true;
        for (u32 n = 0; n < t->items[k].list_count; n++)
            for (u32 p = 0; p < o->page_count; p++)
                if (t->items[o->pages[p].item].name == t->a[t->lists[t->items[k].list_at + n]] &&
                    o->pages[p].kind != ITEM_ASSERT)
                    o->pages[p].exported = true;
    }
    for (u32 p = 0; p < o->page_count; p++) {
        o->pages[p].exported |= !stated && o->pages[p].kind != ITEM_ASSERT;
        if (o->pages[p].exported || o->pages[p].kind != ITEM_PAGE) mark_live(o, p, false);
    }
}

oracle *oracle_open(const ast *tree, arena *memory) {
    oracle *o = ARENA_ARRAY(memory, oracle, 1);
    if (o == NULL) return NULL;
    o->tree = tree, o->memory = memory;
    o->pages = ARENA_ARRAY(memory, oracle_page, tree->item_count);
    for (u32 k = 1; o->pages != NULL && k < tree->item_count; k++) {
        u8 kind = tree->items[k].kind;
        if (kind == ITEM_NODE || kind == ITEM_USE || kind == ITEM_IMPORT || kind == ITEM_KERNEL)
            oracle_refuse(o, "what waits");
        if (kind != ITEM_SOURCE && kind != ITEM_PAGE && kind != ITEM_EVENT && kind != ITEM_ASSERT)
            continue;
        o->pages[o->page_count] = (oracle_page){.item = k, .kind = kind, .dims = {1, 1, 1, 1}};
        o->pages[o->page_count++].name =
            kind == ITEM_ASSERT ? "assert" : ast_text(tree, tree->items[k].name);
    }
    for (u32 k = 0; k < o->page_count; k++) page_open(o, k);
    for (u32 k = 0; k < o->page_count; k++) page_shape(o, k);
    pages_type(o);
    for (u32 k = 0; k < o->page_count; k++) {
        oracle_page *p = &o->pages[k];
        p->lanes = page_shape(o, k).lanes;
        p->now = ARENA_ARRAY(memory, u64, p->lanes);
        p->kept = ARENA_ARRAY(memory, u64, p->lanes);
        for (u32 back = 1; back <= ORACLE_PREV_MAX; back++)
            p->before[back] = ARENA_ARRAY(memory, u64, p->lanes);
    }
    for (u32 k = 0; k < o->page_count; k++) page_elaborate(o, k);
    find_exports(o);
    find_state(o);
    return o;
}

/* ---- epochs ---- */
/* Evaluates what is live. False: a fault or failed assert. */
static bool evaluate(oracle *o) {
    o->stamp++;
    for (u32 k = 0; k < o->page_count; k++)
        if (o->pages[k].live) page_evaluate(o, k);
    for (u32 k = 0; k < o->page_count; k++) {
        oracle_page *p = &o->pages[k];
        place nowhere = {{0}, 0};
        if (p->kind == ITEM_ASSERT && p->now[0] == 0) o->fault = true;
        p->fired = p->kind == ITEM_EVENT && o->epoch > 0 && p->now[0] != 0 && p->before[1][0] == 0;
        for (u32 v = 0; p->fired && v < p->value_count; v++)
            p->value_bits[v] = term_value(o, p->values[v], &nowhere);
    }
    return !o->fault;
}

static void remember(oracle_page *p, bool first) {
    for (u32 back = ORACLE_PREV_MAX; back > 0; back--)
        memcpy(p->before[back], back == 1 || first ? p->now : p->before[back - 1], p->lanes * 8);
}

bool oracle_start(oracle *o) {
    o->epoch = 0, o->fault = false;
    for (u32 k = 0; k < o->page_count; k++)
        if (o->pages[k].kind == ITEM_SOURCE && o->pages[k].term != NULL) page_fill(o, &o->pages[k]);
    if (!evaluate(o)) return false;
    for (u32 k = 0; k < o->page_count; k++) remember(&o->pages[k], true);
    return true;
}

static void change_apply(oracle *o, const oracle_change *c) {
    static const u16 ops[] = {0, AST_OP_ADD, FN_min, FN_max, AST_OP_AND, AST_OP_OR, AST_OP_XOR};
    oracle_page *p = &o->pages[c->page];
    u64 *at = (p->kind == ITEM_SOURCE ? p->now : p->before[1]) + c->lane;
    bool fault = false;
    u64 v[3] = {*at, type_canonical(p->type, c->bits), 0};
    *at = c->kind == CHANGE_SET ? v[1] : number_op(ops[c->kind], p->type, p->type, v, &fault);
}

bool oracle_step(oracle *o, const oracle_change *changes, u64 count) {
    for (u32 k = 0; k < o->page_count; k++) {
        oracle_page *p = &o->pages[k];
        memcpy(p->kept, p->kind == ITEM_SOURCE ? p->now : p->before[1], p->lanes * 8);
    }
    for (u64 k = 0; k < count; k++) change_apply(o, &changes[k]);
    o->epoch++, o->fault = false;
    bool accepted = evaluate(o);
    for (u32 k = 0; k < o->page_count; k++) {
        oracle_page *p = &o->pages[k];
        if (accepted)
            remember(p, false);
        else
            memcpy(p->kind == ITEM_SOURCE ? p->now : p->before[1], p->kept, p->lanes * 8);
        if (!accepted && p->kind != ITEM_SOURCE) memcpy(p->now, p->before[1], p->lanes * 8);
        p->fired &= accepted;
    }
    if (!accepted) o->epoch--;
    return accepted;
}
