/* SPDX-License-Identifier: Apache-2.0
 * front_unused: functions of the graph and its imports that nothing calls. Needs: pages elaborated.
 * Checked are names, numbers of arguments, and types as far as parameters state them; not shapes,
 * which only a call gives. */
#include "front_state.h"

/* What is wrong with a body whatever it is called with. */
static bool holds_for_every_call(u16 code) {
    ASSERT(code != 0 && code < DIAG_CODE_END);
    switch (code) {
    case DIAG_UNKNOWN_NAME:
    case DIAG_UNKNOWN_FUNCTION:
    case DIAG_ARITY:
    case DIAG_RECURSION:
    case DIAG_NOT_VISIBLE:
    case DIAG_OPERAND_TYPE:
    case DIAG_MIXED_TYPES:
    case DIAG_CARET_ON_FLOAT: return true;
    default: return false;
    }
}

/* Diagnostics from `first` on that hang on the arguments go. */
static void diags_sift(diags *d, u32 first, u32 errors) {
    ASSERT(first <= d->count && errors <= d->error_count);
    u32 kept = first;
    for (u32 k = first; k < d->count; k++)
        if (holds_for_every_call(d->rows[k].code)) d->rows[kept++] = d->rows[k];
    d->count = kept;
    d->error_count = errors + (kept - first);
}

/* Where the body first mentions a parameter, for messages; the body, where it does not. */
static u32 first_mention(const front *f, const ast_item *item, u32 name) {
    ASSERT(item->expr != 0 && item->expr < f->tree->expr_count);
    u32 found = item->expr;
    for (u32 row = item->expr; row != 0; row--) {
        const span at = f->tree->place[row];
        if (at.file != item->whole.file || at.begin < item->whole.begin) break;
        if (f->tree->kind[row] == AST_NAME && f->tree->a[row] == name) found = row;
    }
    return found;
}

static void function_check(front *f, u32 row) {
    const symbol *s = &f->symbols[row];
    const ast_item *item = &f->tree->items[s->item];
    ASSERT(s->kind == SYMBOL_FN && item->kind == ITEM_FN);
    const u32 terms = f->term_count, classes = f->class_count, rules = f->rule_count,
              pages = f->ir->page_count, count = f->diags->count, errors = f->diags->error_count;
    f->page = 0, f->scope = s->scope, f->depth = 0, f->local_count = f->local_base = 0;
    f->whole = true, f->unknown = f->waits = false;
    f->term_first = terms, f->limit_hit = false, f->rule_first = rules;
    for (u32 k = 0; k < item->parameter_count; k++) {
        const ast_parameter *p = &f->tree->parameters[item->parameter_at + k];
        u32 mention = first_mention(f, item, p->name);
        u32 class = class_new(f, p->type, mention);
        u32 argument = term_add(f, (term){.kind = TERM_EPOCH, .expr = mention, .class = class});
        local_push(f, (local){.name = p->name, .term = argument});
    }
    f->fn_stack[0] = row, f->fn_depth = 1;
    elaborate(f, item->expr);
    f->fn_depth = 0, f->local_count = 0;
    if (!f->out_of_memory) terms_check(f, terms, f->term_count);
    diags_sift(f->diags, count, errors);
    attempt_forget(f, pages, terms);
    f->term_count = terms, f->class_count = classes, f->rule_count = rules;
}

void functions_check(front *f) {
    ASSERT(f->passes_done == PASS_ITEMS);
    for (u32 row = 1; row < f->symbol_count && !f->out_of_memory; row++) {
        const symbol *s = &f->symbols[row];
        if (s->kind == SYMBOL_FN && !f->scopes[s->scope].instance && !s->called)
            function_check(f, row);
    }
    ASSERT(f->fn_depth == 0);
}
