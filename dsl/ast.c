/* SPDX-License-Identifier: Apache-2.0
 * ast: rows of the tree, interned strings. Row 0 of each table is "none". */
#include "ast.h"

static const char *const op_texts[AST_OP_COUNT] = {"",   "-",  "!", "~",  "||", "&&", "==", "!=",
                                                   "<",  "<=", ">", ">=", "|",  "^",  "&",  "<<",
                                                   ">>", "+",  "-", "*",  "/",  "%",  "**"};

const char *ast_op_text(u8 op) {
    ASSERT(op < AST_OP_COUNT);
    return op_texts[op];
}

static u64 text_hash(const char *text, u32 bytes) { /* FNV-1a, mixed once */
    u64 h = 0xcbf29ce484222325u;
    for (u32 k = 0; k < bytes; k++) h = (h ^ (u8)text[k]) * 0x100000001b3u;
    return h ^ h >> 31;
}

static bool strings_rehash(ast *t, u32 capacity) {
    u32 *table = ARENA_ARRAY(t->memory, u32, capacity);
    if (table == NULL) return false;
    for (u32 row = 1; row < t->string_count; row++) {
        u64 at = text_hash(t->strings[row], t->string_bytes[row]) & (capacity - 1);
        while (table[at] != 0) at = (at + 1) & (capacity - 1);
        table[at] = row;
    }
    arena_give_back(t->memory, t->string_table, t->string_table_capacity * sizeof(u32));
    t->string_table = table;
    t->string_table_capacity = capacity;
    return true;
}

u32 ast_string_find(const ast *t, const char *text, u32 bytes) {
    ASSERT(t->string_table_capacity > t->string_count && bytes > 0);
    u32 mask = t->string_table_capacity - 1;
    for (u64 at = text_hash(text, bytes) & mask; t->string_table[at] != 0; at = (at + 1) & mask) {
        u32 row = t->string_table[at];
        if (t->string_bytes[row] == bytes && memcmp(t->strings[row], text, bytes) == 0) return row;
    }
    return 0;
}

u32 ast_string(ast *t, const char *text, u32 bytes) {
    if (bytes == 0) return 0;
    u32 mask = t->string_table_capacity - 1;
    u64 at = text_hash(text, bytes) & mask;
    for (; t->string_table[at] != 0; at = (at + 1) & mask) {
        u32 row = t->string_table[at];
        if (t->string_bytes[row] == bytes && memcmp(t->strings[row], text, bytes) == 0) return row;
    }
    u32 row = t->string_count, capacity = t->string_capacity, same = capacity;
    if (!arena_grow(t->memory, (void **)&t->strings, &capacity, row + 1, sizeof(char *)) ||
        !arena_grow(t->memory, (void **)&t->string_bytes, &same, row + 1, sizeof(u32)))
        goto short_of_memory;
    t->string_capacity = capacity;
    t->strings[row] = arena_text(t->memory, text, bytes);
    t->string_bytes[row] = bytes;
    if (t->strings[row] == NULL) goto short_of_memory;
    t->string_table[at] = row;
    t->string_count++;
    if (t->string_count * 2 > t->string_table_capacity &&
        !strings_rehash(t, t->string_table_capacity * 2))
        goto short_of_memory;
    return row;
short_of_memory:
    t->out_of_memory = true;
    return UINT32_MAX;
}

/* Row 0 of every table, so that 0 means none. */
static bool first_rows(ast *t) {
    bool ok = true;
#define FIRST(rows, count, capacity)                                                        \
    ok = ok && arena_grow(t->memory, (void **)&t->rows, &t->capacity, 64, sizeof *t->rows); \
    if (ok) memset(t->rows, 0, sizeof *t->rows), t->count = 1
    FIRST(integers, integer_count, integer_capacity);
    FIRST(floats, float_count, float_capacity);
    FIRST(calls, call_count, call_capacity);
    FIRST(axes, axis_count, axis_capacity);
    FIRST(parameters, parameter_count, parameter_capacity);
    FIRST(edges, edge_count, edge_capacity);
    FIRST(lists, list_count, list_capacity);
    FIRST(items, item_count, item_capacity);
#undef FIRST
    return ok;
}

ast *ast_open(arena *memory) {
    ast *t = arena_take(memory, sizeof *t, _Alignof(ast));
    if (t == NULL) return NULL;
    t->memory = memory;
    u32 same = 0;
    if (!arena_grow(memory, (void **)&t->strings, &t->string_capacity, 64, sizeof(char *)) ||
        !arena_grow(memory, (void **)&t->string_bytes, &same, 64, sizeof(u32)))
        return NULL;
    t->strings[0] = "";
    t->string_bytes[0] = 0;
    t->string_count = 1;
    if (!strings_rehash(t, 256) || !first_rows(t)) return NULL;
    span none = {0};
    ast_expr(t, AST_NONE, 0, 0, 0, 0, none, none);
    return t->out_of_memory ? NULL : t;
}

static bool exprs_grow(ast *t) {
    u32 was = t->expr_capacity, needed = t->expr_count + 1;
    if (needed <= was) return true;
    bool ok = true;
#define GROW(field)                                                                          \
    if (ok) {                                                                                \
        u32 capacity = was;                                                                  \
        ok = arena_grow(t->memory, (void **)&t->field, &capacity, needed, sizeof *t->field); \
        t->expr_capacity = capacity;                                                         \
    }
    GROW(kind)
    GROW(op)
    GROW(a)
    GROW(b)
    GROW(c)
    GROW(place)
    GROW(op_place)
    GROW(height)
    GROW(nesting)
#undef GROW
    if (!ok) t->expr_capacity = was;
    return ok;
}

/* Height and nesting of what stands below a new row. */
static void expr_depths(const ast *t, u32 row, u32 *height, u32 *nesting) {
    u32 h = 0, n = 0;
#define BELOW(child, chain)                                                     \
    do {                                                                        \
        u32 child_ = (child), level_ = t->nesting[child_] - ((chain) ? 1u : 0); \
        h = t->height[child_] > h ? t->height[child_] : h;                      \
        n = level_ > n ? level_ : n;                                            \
    } while (0)
    u32 a = t->a[row], b = t->b[row], c = t->c[row];
    switch (t->kind[row]) {
    case AST_UNARY: BELOW(a, false); break;
    case AST_BINARY:
        BELOW(a, t->kind[a] == AST_BINARY);
        BELOW(b, false);
        break;
    case AST_IF:
        BELOW(a, false);
        BELOW(b, false);
        BELOW(c, t->kind[c] == AST_IF);
        break;
    case AST_LET:
        BELOW(b, false);
        BELOW(c, t->kind[c] == AST_LET);
        break;
    case AST_INIT:
        BELOW(a, false);
        BELOW(b, false);
        break;
    case AST_INDEX:
        BELOW(a, false);
        for (u32 k = 0; k < c; k++) BELOW(t->lists[b + k], false);
        break;
    case AST_CALL: {
        const ast_call *call = &t->calls[a];
        for (u32 k = 0; k < call->arg_count; k++) BELOW(t->lists[call->arg_at + k], false);
        BELOW(call->key, false);
        BELOW(call->filter, false);
        break;
    }
    default: break;
    }
#undef BELOW
    *height = h + 1;
    *nesting = n + 1;
}

u32 ast_expr(ast *t, u8 kind, u8 op, u32 a, u32 b, u32 c, span place, span op_place) {
    if (!exprs_grow(t)) {
        t->out_of_memory = true;
        return 0;
    }
    u32 row = t->expr_count++, height, nesting;
    t->kind[row] = kind, t->op[row] = op;
    t->a[row] = a, t->b[row] = b, t->c[row] = c;
    t->place[row] = place, t->op_place[row] = op_place;
    expr_depths(t, row, &height, &nesting);
    t->height[row] = (u16)(height > 60000 ? 60000 : height);
    t->nesting[row] = (u16)(nesting > 60000 ? 60000 : nesting);
    if (kind == AST_NONE) t->height[row] = t->nesting[row] = 0;
    return row;
}

u32 ast_list(ast *t, const u32 *rows, u32 count) {
    if (!arena_grow(t->memory, (void **)&t->lists, &t->list_capacity, t->list_count + count + 1,
                    sizeof(u32))) {
        t->out_of_memory = true;
        return 0;
    }
    u32 at = t->list_count;
    if (count != 0) memcpy(t->lists + at, rows, count * sizeof(u32));
    t->list_count += count;
    return at;
}
