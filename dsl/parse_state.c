/* SPDX-License-Identifier: Apache-2.0
 * parse_state: the actions of the grammar: rows of the tree, and the words for syntax errors. */
#include "parse_state.h"

#include "mmsbg.h"
#include "../engine/core/nearest.h"

span span_join(span a, span b) {
    ASSERT(a.file == b.file);
    return (span){a.file, a.begin, b.end};
}

void state_push(parse_state *p, u32 row) {
    if (!arena_grow(p->tree->memory, (void **)&p->stack, &p->stack_capacity, p->stack_count + 1,
                    sizeof(u32))) {
        p->tree->out_of_memory = true;
        return;
    }
    p->stack[p->stack_count++] = row;
}

parsed_list state_list(parse_state *p, u32 count) {
    ASSERT(count <= p->stack_count || p->tree->out_of_memory);
    if (count == 0 || count > p->stack_count) return (parsed_list){0, 0};
    p->stack_count -= count;
    return (parsed_list){ast_list(p->tree, p->stack + p->stack_count, count), count};
}

static span place_of(const parse_state *p, u32 row) { return p->tree->place[row]; }

static parsed add(parse_state *p, u8 kind, u8 op, u32 a, u32 b, u32 c, span place, span op_place) {
    return (parsed){ast_expr(p->tree, kind, op, a, b, c, place, op_place), false};
}

parsed state_leaf(parse_state *p, u8 kind, u32 a, u32 b, span place) {
    return add(p, kind, 0, a, b, 0, place, (span){0});
}

parsed state_path(parse_state *p, parsed owner, const token *name) {
    ast *t = p->tree;
    char text[400];
    span place = span_join(place_of(p, owner.row), name->place);
    if (t->kind[owner.row] != AST_MEMBER) return owner;
    int bytes = snprintf(text, sizeof text, "%s.%s", ast_text(t, t->a[owner.row]),
                         ast_text(t, t->b[owner.row]));
    if (bytes < 0 || (size_t)bytes >= sizeof text) {
        diag_row *d = diag_add(p->diags, DIAG_LIMIT, place, "this name is longer than 400 bytes");
        diag_help(p->diags, d, "give the instances shorter names");
        return state_leaf(p, AST_ERROR, 0, 0, place);
    }
    return state_leaf(p, AST_MEMBER, ast_string(t, text, (u32)bytes), name->string, place);
}

parsed state_integer(parse_state *p, const token *token_) {
    ast *t = p->tree;
    if (!arena_grow(t->memory, (void **)&t->integers, &t->integer_capacity, t->integer_count + 1,
                    sizeof(u64)))
        t->out_of_memory = true;
    else
        t->integers[t->integer_count++] = token_->integer;
    return state_leaf(p, AST_INTEGER, t->integer_count - 1, token_->type, token_->place);
}

parsed state_float(parse_state *p, const token *token_) {
    ast *t = p->tree;
    if (!arena_grow(t->memory, (void **)&t->floats, &t->float_capacity, t->float_count + 1,
                    sizeof(f64)))
        t->out_of_memory = true;
    else
        t->floats[t->float_count++] = token_->number;
    return state_leaf(p, AST_FLOAT, t->float_count - 1, token_->type, token_->place);
}

parsed state_unary(parse_state *p, u8 op, const token *sign, parsed a) {
    span whole = span_join(sign->place, place_of(p, a.row));
    return add(p, AST_UNARY, op, a.row, 0, 0, whole, sign->place);
}

parsed state_binary(parse_state *p, u8 op, const token *sign, parsed a, parsed b) {
    span whole = span_join(place_of(p, a.row), place_of(p, b.row));
    return add(p, AST_BINARY, op, a.row, b.row, 0, whole, sign->place);
}

static bool is_comparison(const ast *t, u32 row) {
    return t->kind[row] == AST_BINARY && t->op[row] >= AST_OP_EQ && t->op[row] <= AST_OP_GE;
}

parsed state_compare(parse_state *p, u8 op, const token *sign, parsed a, parsed b) {
    ast *t = p->tree;
    if (!a.closed && is_comparison(t, a.row) && !p->failed) {
        u32 bytes[3];
        const sources *s = p->lexer->sources;
        const char *low = sources_text(s, place_of(p, t->a[a.row]), &bytes[0]);
        const char *middle = sources_text(s, place_of(p, t->b[a.row]), &bytes[1]);
        const char *high = sources_text(s, place_of(p, b.row), &bytes[2]);
        bool whole_middle = bytes[1] <= 60;
        for (u32 k = 0; k < 3; k++) bytes[k] = bytes[k] > 60 ? 60 : bytes[k];
        span whole = span_join(place_of(p, a.row), place_of(p, b.row));
        diag_row *d = diag_add(p->diags, DIAG_CHAINED, sign->place, "comparisons do not chain");
        diag_second(p->diags, d, t->op_place[a.row], "the first comparison");
        diag_help(p->diags, d, "write `%.*s %s %.*s && %.*s %s %.*s`", (int)bytes[0], low,
                  ast_op_text(t->op[a.row]), (int)bytes[1], middle, (int)bytes[1], middle,
                  ast_op_text(op), (int)bytes[2], high);
        bool up = t->op[a.row] <= AST_OP_LE, one_way = up == (op <= AST_OP_LE);
        if (t->op[a.row] >= AST_OP_LT && op >= AST_OP_LT && one_way && whole_middle)
            diag_fix(p->diags, d, sign->place, "&& %.*s %s", (int)bytes[1], middle,
                     ast_op_text(op));
        p->failed = true;
        return add(p, AST_ERROR, 0, 0, 0, 0, whole, sign->place);
    }
    return state_binary(p, op, sign, a, b);
}

parsed state_three(parse_state *p, u8 kind, const token *first, u32 a, u32 b, u32 c, u32 last) {
    return add(p, kind, 0, a, b, c, span_join(first->place, place_of(p, last)), first->place);
}

parsed state_index(parse_state *p, parsed base, u32 count, const token *end) {
    parsed_list l = state_list(p, count);
    span whole = span_join(place_of(p, base.row), end->place);
    return add(p, AST_INDEX, 0, base.row, l.at, l.count, whole, end->place);
}

parsed state_call(parse_state *p, const token *qualifier, const token *name, parsed_args args,
                  const token *end) {
    ast *t = p->tree;
    parsed_list l = state_list(p, args.arg_count);
    if (!arena_grow(t->memory, (void **)&t->calls, &t->call_capacity, t->call_count + 1,
                    sizeof(ast_call))) {
        t->out_of_memory = true;
        return (parsed){0, false};
    }
    t->calls[t->call_count] = (ast_call){.qualifier = qualifier == NULL ? 0 : qualifier->string,
                                         .name = name->string,
                                         .name_span = name->place,
                                         .form = args.form,
                                         .arg_at = l.at,
                                         .arg_count = l.count,
                                         .loop_at = args.loops.at,
                                         .loop_count = args.loops.count,
                                         .key = args.key,
                                         .filter = args.filter};
    span whole = span_join(qualifier == NULL ? name->place : qualifier->place, end->place);
    return add(p, AST_CALL, 0, t->call_count++, 0, 0, whole, name->place);
}

parsed state_closed(parse_state *p, const token *open, parsed inner, const token *close) {
    if (inner.row != 0) p->tree->place[inner.row] = span_join(open->place, close->place);
    return (parsed){inner.row, true};
}

static void twice_tell(parse_state *p, const char *what, u32 name, span at, span first) {
    ASSERT(first.begin <= at.begin);
    diag_row *d = diag_add(p->diags, DIAG_DUPLICATE, at, "the %s `%s` stands twice", what,
                           ast_text(p->tree, name));
    diag_second(p->diags, d, first, "first here");
    diag_help(p->diags, d, "each %s of one list has a name of its own", what);
}

/* Where the last row of a name in lists of the kind stands, + 1: perhaps of a list before. NULL
 * when memory is short. */
static u32 *name_seen(parse_state *p, list_kind kind, u32 name) {
    ASSERT(kind < LIST_COUNT);
    if (arena_grow(p->tree->memory, (void **)&p->seen[kind], &p->seen_capacity[kind], name + 1,
                   sizeof(u32)))
        return &p->seen[kind][name];
    p->tree->out_of_memory = true;
    return NULL;
}

void state_result_once(parse_state *p, u32 before) {
    const ast *t = p->tree;
    if (t->out_of_memory) return;
    ASSERT(before < p->stack_count);
    u32 row = p->stack_count - 1, last = p->stack[row],
        *seen = name_seen(p, LIST_RESULTS, t->a[last]);
    if (seen == NULL) return;
    bool again = *seen > row - before && *seen <= row && t->a[p->stack[*seen - 1]] == t->a[last];
    if (again)
        twice_tell(p, "result", t->a[last], t->place[last], t->place[p->stack[*seen - 1]]);
    else
        *seen = row + 1;
}

void state_parameter_once(parse_state *p, u32 before) {
    const ast *t = p->tree;
    if (t->out_of_memory) return;
    ASSERT(before < t->parameter_count);
    u32 row = t->parameter_count - 1, name = t->parameters[row].name,
        *seen = name_seen(p, LIST_PARAMETERS, name);
    if (seen == NULL) return;
    if (*seen > row - before && *seen <= row && t->parameters[*seen - 1].name == name)
        twice_tell(p, "parameter", name, t->parameters[row].place, t->parameters[*seen - 1].place);
    else
        *seen = row + 1;
}

u32 state_axis(parse_state *p, const token *name, u32 extent, u32 before) {
    ast *t = p->tree;
    ASSERT(before <= t->axis_count);
    u32 row = t->axis_count, *seen = name_seen(p, LIST_AXES, name->string);
    if (seen == NULL) return 0;
    if (*seen > row - before && *seen <= row && t->axes[*seen - 1].name == name->string)
        twice_tell(p, "index", name->string, name->place, t->axes[*seen - 1].place);
    else
        *seen = row + 1;
    if (!arena_grow(t->memory, (void **)&t->axes, &t->axis_capacity, t->axis_count + 1,
                    sizeof(ast_axis))) {
        t->out_of_memory = true;
        return 0;
    }
    t->axes[t->axis_count] = (ast_axis){name->string, name->place, extent};
    return t->axis_count++;
}

u32 state_parameter(parse_state *p, const token *name, const parsed_type *type, bool is_param) {
    ast *t = p->tree;
    if (!arena_grow(t->memory, (void **)&t->parameters, &t->parameter_capacity,
                    t->parameter_count + 1, sizeof(ast_parameter))) {
        t->out_of_memory = true;
        return 0;
    }
    ast_parameter row = {
        .name = name->string, .place = name->place, .type = TYPE_NONE, .is_param = is_param};
    if (type != NULL) {
        row.type = type->type, row.has_shape = type->has_shape;
        row.shape_at = type->shape_at, row.shape_count = type->shape_count;
    }
    t->parameters[t->parameter_count] = row;
    return t->parameter_count++;
}

u32 state_edge(parse_state *p, u8 kind, const token *word, u32 value) {
    ast *t = p->tree;
    if (!arena_grow(t->memory, (void **)&t->edges, &t->edge_capacity, t->edge_count + 1,
                    sizeof(ast_edge))) {
        t->out_of_memory = true;
        return 0;
    }
    t->edges[t->edge_count] = (ast_edge){kind, word->place, value};
    return t->edge_count++;
}

u32 state_item(parse_state *p, ast_item item) {
    ast *t = p->tree;
    if (!arena_grow(t->memory, (void **)&t->items, &t->item_capacity, t->item_count + 1,
                    sizeof(ast_item))) {
        t->out_of_memory = true;
        return 0;
    }
    t->items[t->item_count] = item;
    return t->item_count++;
}

/* A word of help for common slips, or NULL. */
static const char *slip(const parse_state *p, int code) {
    if (p->item_code == T_SOURCE && !p->typed && (code == T_ASSIGN || code == T_FROM))
        return "a source states its type, as in `source x: f64[4] = 1.0`";
    if (code == T_ASSIGN && (p->before_code != T_NAME || p->assigned)) return "write == to compare";
    if (code == 0 && p->open_ifs > 0) return "an `if` has a `then` and an `else`";
    if (code == T_NAME && p->before_code == T_COLON)
        return "the types are bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64";
    if (code == T_NAME && (p->before_code == T_NAME || p->before_code == T_LC))
        return "every item starts with a keyword such as `page` or `source`";
    if (code == 0) return "the item is not complete";
    if (code == T_RB || code == T_RP) return "an expression is missing before it";
    if (code == T_IF || code == T_LET || code == T_INIT)
        return "put `if`, `let` or `init` in parentheses when it is a right operand";
    return NULL;
}

void state_body_item(parse_state *p, u32 row) {
    ASSERT(row < p->tree->item_count || p->tree->out_of_memory);
    if (p->tree->out_of_memory) return;
    const ast_item *i = &p->tree->items[row];
    if (i->kind == ITEM_PAGE || i->kind == ITEM_CONST || i->kind == ITEM_FN ||
        i->kind == ITEM_USE || i->kind == ITEM_ASSERT || i->kind == ITEM_EVENT)
        return;
    u32 bytes;
    const char *text = sources_text(p->lexer->sources, i->whole, &bytes);
    u32 word = 0;
    while (word < bytes && text[word] >= 'a' && text[word] <= 'z') word++;
    diag_row *d = diag_add(p->diags, DIAG_SYNTAX,
                           (span){i->whole.file, i->whole.begin, i->whole.begin + word},
                           "`%.*s` cannot stand in a node", (int)word, text);
    diag_help(
        p->diags, d,
        "a node holds page, const, fn, use, assert and event; the rest comes in as arguments");
}

static bool name_expected(int last) {
    return last == T_GRAPH || last == T_PARAM || last == T_CONST || last == T_SOURCE ||
           last == T_PAGE || last == T_FN || last == T_NODE || last == T_USE || last == T_KERNEL ||
           last == T_EVENT || last == T_LET;
}

/* Tells a reserved word where a name is defined. */
static bool reserved_word(parse_state *p, int code, const token *t) {
    ASSERT(name_expected(p->before_code));
    u32 bytes;
    const char *text = sources_text(p->lexer->sources, t->place, &bytes);
    if (code == 0 || lex_starts_item(code) || bytes == 0 || text[0] < 'a' || text[0] > 'z')
        return false;
    diag_row *d = diag_add(p->diags, DIAG_RESERVED, t->place,
                           "`%.*s` is a reserved word and cannot be a name", (int)bytes, text);
    diag_help(p->diags, d, "choose another name, such as `%.*s_`", (int)bytes, text);
    return true;
}

/* A misspelt item keyword: a name where an item may start, before another name or a string. */
static bool misspelt_item(parse_state *p, diag_row *d, int code, const token *t) {
    static const char *const words[] = {"graph", "import", "param",  "const", "source", "page",
                                        "node",  "kernel", "assert", "event", "export"};
    u32 bytes;
    char name[8];
    const source_file *f = &p->lexer->sources->files[t->place.file];
    const char *text = sources_text(p->lexer->sources, t->place, &bytes), *next = text + bytes;
    if (code != T_NAME || bytes >= sizeof name) return false;
    snprintf(name, sizeof name, "%.*s", (int)bytes, text);
    nearest_search near = {.wanted = name};
    for (u32 k = 0; k < ARRAY_COUNT(words); k++) nearest_try(&near, words[k]);
    while (next < f->text + f->bytes && (*next == ' ' || *next == '\t')) next++;
    bool named = (*next >= 'a' && *next <= 'z') || (*next >= 'A' && *next <= 'Z') || *next == '"';
    if (!nearest_certain(&near) || !named) return false;
    diag_help(p->diags, d, "did you mean `%s`?", near.best);
    diag_fix(p->diags, d, t->place, "%s", near.best);
    return true;
}

void state_unexpected(parse_state *p, int code, const token *t) {
    if (p->failed) return;
    p->failed = true;
    /* What is wrong in the letters was told, and so was a keyword that stands as a name. */
    if (p->diags->error_count > p->errors || (p->bare && lex_starts_item(p->before_code))) return;
    if (name_expected(p->before_code) && reserved_word(p, code, t)) return;
    u32 bytes;
    const char *text = sources_text(p->lexer->sources, t->place, &bytes);
    const char *kind = code == 0 && bytes > 0 ? NULL : lex_token_text(code), *help = slip(p, code);
    diag_row *d;
    bytes = bytes > 60 ? 60 : bytes;
    if (bytes == 0)
        d = diag_add(p->diags, DIAG_SYNTAX, t->place, "unexpected %s", kind == NULL ? "end" : kind);
    else if (kind == NULL)
        d = diag_add(p->diags, DIAG_SYNTAX, t->place, "unexpected `%.*s`", (int)bytes, text);
    else
        d = diag_add(p->diags, DIAG_SYNTAX, t->place, "unexpected %s `%.*s`", kind, (int)bytes,
                     text);
    if (misspelt_item(p, d, code, t)) return;
    if (help != NULL)
        diag_help(p->diags, d, "%s", help);
    else
        diag_help(p->diags, d, "see docs/Language.md, \"Items\" and \"Expressions\"");
}
