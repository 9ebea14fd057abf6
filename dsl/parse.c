/* SPDX-License-Identifier: Apache-2.0
 * parse: feeds the grammar one top-level item at a time. An item ends where the next item keyword
 * stands outside braces; a broken item is told once and the next one is read afresh. */
#include "parse.h"

#include <stdlib.h>

#include "mmsbg.h"
#include "parse_state.h"

/* Lemon's generated parser. */
void *mmsbgAlloc(void *(*take)(size_t));
void mmsbgFree(void *parser, void (*give_back)(void *));
void mmsbg(void *parser, int code, token value, parse_state *p);

typedef struct {
    parse_state state;
    void *parser;
    token next;
    int next_code;
    span brackets[NESTING_MAX + 1]; /* open ( and [ of the item */
    u32 bracket_count, brace_count;
    span brace;
} item_reader;

static void reader_advance(item_reader *r) { r->next_code = lex_next(r->state.lexer, &r->next); }

/* Whether the token in hand ends the item that began with `keyword`. */
static bool item_ends(const item_reader *r) {
    if (r->next_code == 0) return true;
    if (r->brace_count != 0 || !lex_starts_item(r->next_code)) return false;
    return !(r->next_code == T_PARAM && r->bracket_count != 0);
}

static void too_deep(item_reader *r) {
    diag_row *d = diag_add(r->state.diags, DIAG_TOO_DEEP, r->next.place,
                           "brackets are nested more than %d deep", NESTING_MAX);
    diag_help(r->state.diags, d,
              "name a part of the expression with `let` or as a page of its own");
    r->state.failed = true;
}

/* Counts brackets and braces of the token in hand. */
static void count_brackets(item_reader *r) {
    switch (r->next_code) {
    case T_LP:
    case T_LB:
        if (r->bracket_count == NESTING_MAX && !r->state.failed) too_deep(r);
        if (r->bracket_count < NESTING_MAX) r->brackets[r->bracket_count++] = r->next.place;
        break;
    case T_RP:
    case T_RB: r->bracket_count -= r->bracket_count != 0; break;
    case T_LC:
        if (r->brace_count++ == 0) r->brace = r->next.place;
        break;
    case T_RC: r->brace_count -= r->brace_count != 0; break;
    default: break;
    }
}

static void check_depth(parse_state *p, u32 first) {
    const ast *t = p->tree;
    for (u32 row = first; row < t->expr_count; row++) {
        bool deep = t->nesting[row] > NESTING_MAX;
        if (!deep && t->height[row] <= EXPR_HEIGHT_MAX) continue;
        diag_row *d = diag_add(p->diags, DIAG_TOO_DEEP, t->place[row],
                               deep ? "this expression is nested more than %u deep"
                                    : "this expression chains more than %u operators",
                               deep ? NESTING_MAX : EXPR_HEIGHT_MAX);
        diag_help(p->diags, d, "name a part of it with `let` or as a page of its own");
        p->failed = true;
        return;
    }
}

static void end_item(item_reader *r) {
    parse_state *p = &r->state;
    if (!p->failed && r->bracket_count != 0) {
        diag_row *d = diag_add(p->diags, DIAG_UNCLOSED_BRACKET, r->brackets[r->bracket_count - 1],
                               "this bracket is not closed");
        diag_help(p->diags, d, "close it before the item ends");
        p->failed = true;
    }
    if (!p->failed && r->brace_count != 0) {
        diag_row *d =
            diag_add(p->diags, DIAG_UNCLOSED_BRACKET, r->brace, "this brace is not closed");
        diag_help(p->diags, d, "close the node's body with }");
        p->failed = true;
    }
    p->before_code = p->last_code;
    if (!p->failed) mmsbg(r->parser, 0, r->next, p);
}

/* Reads one item; the token in hand is its keyword. */
static bool read_item(item_reader *r) {
    parse_state *p = &r->state;
    u32 first_expr = p->tree->expr_count;
    r->parser = mmsbgAlloc(malloc);
    if (r->parser == NULL) return false;
    p->failed = false;
    p->errors = p->diags->error_count;
    p->stack_count = 0;
    p->item_code = r->next_code, p->typed = p->assigned = false, p->open_ifs = 0;
    u32 begin = r->next.place.begin;
    r->bracket_count = r->brace_count = 0;
    do {
        count_brackets(r);
        if (!p->failed) {
            p->before_code = p->last_code;
            p->last = r->next, p->last_code = r->next_code;
            p->open_ifs +=
                (r->next_code == T_THEN) - (r->next_code == T_INIT) - (r->next_code == T_ELSE);
            p->typed |= r->next_code == T_COLON && r->bracket_count == 0;
            mmsbg(r->parser, r->next_code, r->next, p);
            p->assigned =
                !lex_starts_item(r->next_code) && (p->assigned || r->next_code == T_ASSIGN);
        }
        reader_advance(r);
    } while (!item_ends(r) && !p->tree->out_of_memory);
    end_item(r);
    mmsbgFree(r->parser, free);
    p->bare = p->failed && p->last.place.begin == begin;
    check_depth(p, first_expr);
    if (p->failed || p->tree->out_of_memory) return !p->tree->out_of_memory;
    ASSERT(p->stack_count == 1);
    ast *t = p->tree;
    if (!arena_grow(t->memory, (void **)&t->top, &t->top_capacity, t->top_count + 1, sizeof(u32)))
        return false;
    t->top[t->top_count++] = p->stack[0];
    return true;
}

mmsb_status parse_file(const sources *s, u32 file, ast *t, diags *d) {
    const source_file *f = &s->files[file];
    lexer l = {s, file, f->text, f->text, f->text + f->bytes, t, d, false};
    item_reader *r = arena_take(t->memory, sizeof *r, _Alignof(item_reader));
    if (r == NULL) return MMSB_OUT_OF_SPACE;
    r->state = (parse_state){.lexer = &l, .tree = t, .diags = d};
    bool told = false;
    reader_advance(r);
    while (r->next_code != 0 && !t->out_of_memory) {
        if (lex_starts_item(r->next_code)) {
            told = false;
            if (!read_item(r)) return MMSB_OUT_OF_SPACE;
            continue;
        }
        r->state.failed = false;
        if (!told) state_unexpected(&r->state, r->next_code, &r->next);
        told = true;
        reader_advance(r);
    }
    return t->out_of_memory ? MMSB_OUT_OF_SPACE : MMSB_OK;
}
