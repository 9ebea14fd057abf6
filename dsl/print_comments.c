/* SPDX-License-Identifier: Apache-2.0
 * print_comments: the source's tokens, and the comments between them put where they belong: behind
 * the token on whose line they stand, else on lines of their own before the token that follows. */
#include "print_state.h"

bool print_tokens(print_state *p) {
    ast *scratch = ast_open(p->doc.memory);
    diags told = {.memory = p->doc.memory, .sources = p->sources};
    const source_file *f = &p->sources->files[p->file];
    if (scratch == NULL) return false;
    lexer l = {p->sources, p->file, f->text, f->text, f->text + f->bytes, scratch, &told, false};
    for (bool more = true; more; p->token_count++) {
        token t;
        more = lex_next(&l, &t) != 0;
        if (!arena_grow(p->doc.memory, (void **)&p->tokens, &p->token_capacity, p->token_count + 1,
                        sizeof(span)))
            return false;
        p->tokens[p->token_count] = more ? t.place : (span){p->file, f->bytes, f->bytes};
    }
    p->broken = told.error_count != 0;
    return !scratch->out_of_memory;
}

static bool is_text(const char *text, u32 bytes, const char *wanted) {
    return strlen(wanted) == bytes && memcmp(text, wanted, bytes) == 0;
}

void print_token(print_state *p, const char *wanted) {
    while (!p->broken && p->next < p->token_count) {
        u32 bytes, row = p->next++;
        const char *text = sources_text(p->sources, p->tokens[row], &bytes);
        bool may_drop =
            is_text(text, bytes, "(") || is_text(text, bytes, ")") || is_text(text, bytes, "in");
        if (wanted == NULL ? !may_drop : is_text(text, bytes, wanted)) {
            doc_add(&p->doc,
                    (doc_row){.kind = DOC_TEXT, .token = row + 1, .text = text, .bytes = bytes});
            return;
        }
        p->broken = !may_drop;
    }
    p->broken = true;
}

/* A comment between two tokens. */
typedef struct {
    const char *text;
    u32 bytes;
    u32 lines_before, lines_after; /* newlines to what stands before and behind it */
    bool line;                     /* of the kind that ends with its line */
} comment;

/* The text without white space at line ends, and with \n alone for newlines. */
static const char *tidy(doc *d, const char *text, u32 *bytes) {
    char *to = arena_take(d->memory, (u64)*bytes + 1, 1);
    u32 used = 0;
    if (to == NULL) {
        d->out_of_memory = true;
        return "//";
    }
    for (u32 k = 0; k <= *bytes; k++) {
        bool ends = k == *bytes || text[k] == '\n';
        while (ends && used != 0 && strchr(" \t\r", to[used - 1]) != NULL) used--;
        if (k < *bytes) to[used++] = text[k];
    }
    *bytes = used;
    return to;
}

/* The next comment in [*at, end); false where there is none, with *lines the newlines passed. */
static bool comment_next(doc *d, const char **at, const char *end, comment *c, u32 *lines) {
    *lines = 0;
    for (; *at < end && **at != '/'; ++*at) *lines += **at == '\n';
    if (*at == end) return false;
    const char *from = *at, *stop = from + 2;
    ASSERT(end - from >= 2);
    *c = (comment){.line = from[1] == '/', .lines_before = *lines};
    if (c->line)
        while (stop < end && *stop != '\n') stop++;
    else {
        while (stop + 1 < end && (stop[0] != '*' || stop[1] != '/')) stop++;
        stop += 2;
    }
    *at = stop;
    c->bytes = (u32)(stop - from);
    c->text = tidy(d, from, &c->bytes);
    while (stop < end && *stop != '/') c->lines_after += *stop++ == '\n';
    return true;
}

/* The comments between one printed token and the next. */
typedef struct {
    doc found;    /* TRAILING rows, then OWN or INLINE ones */
    u32 trailing; /* how many of them stand behind the token */
    u32 lines;    /* newlines directly before the next token */
} gap_comments;

/* Comments of the gaps before tokens from .. to. */
static void collect(print_state *p, u32 from, u32 to, gap_comments *x) {
    const char *file = p->sources->files[p->file].text;
    bool behind = from != 0;
    x->found.count = x->trailing = x->lines = 0;
    for (u32 gap = from; gap <= to; gap++) {
        const char *at = file + (gap == 0 ? 0 : p->tokens[gap - 1].end);
        const char *end = file + p->tokens[gap].begin;
        for (comment c; comment_next(&x->found, &at, end, &c, &x->lines);) {
            bool whole = c.line || memchr(c.text, '\n', c.bytes) != NULL, ends = c.lines_after != 0;
            behind = behind && c.lines_before == 0;
            x->trailing += behind;
            doc_add(&x->found, (doc_row){.kind = behind          ? DOC_TRAILING
                                                 : whole || ends ? DOC_OWN
                                                                 : DOC_INLINE,
                                         .ends_line = whole || ends,
                                         .blank = c.lines_before > 1,
                                         .text = c.text,
                                         .bytes = c.bytes});
            bool own = x->found.count > 0 && x->found.rows[x->found.count - 1].kind == DOC_OWN;
            for (u32 k = x->trailing; own && k < x->found.count; k++)
                x->found.rows[k].kind = DOC_OWN; /* what stands before it ends its line too */
            behind = behind && !whole && !ends;
        }
        behind = behind && x->lines == 0;
    }
}

static u32 next_token(const doc *d, u32 k) {
    while (k < d->count && d->rows[k].token == 0) k++;
    return k < d->count ? d->rows[k].token - 1 : UINT32_MAX;
}

static bool is_end(const doc *d, u32 k) {
    return k < d->count && (d->rows[k].kind == DOC_GROUP_END || d->rows[k].kind == DOC_INDENT_END);
}

static bool is_begin(const doc *d, u32 k) {
    return k < d->count &&
           (d->rows[k].kind == DOC_INDENT_BEGIN || d->rows[k].kind == DOC_ALIGN_BEGIN);
}

static void add_leading(doc *to, gap_comments *x, bool hard) {
    for (u32 k = x->trailing; k < x->found.count; k++) {
        doc_row row = x->found.rows[k];
        if (hard) row.kind = DOC_OWN;
        doc_add(to, row);
    }
    x->found.count = x->trailing = 0;
}

void print_comments(print_state *p, doc *to) {
    const doc *d = &p->doc;
    gap_comments x = {.found = {.memory = to->memory}};
    u32 last = p->token_count - 1;
    u32 first = next_token(d, 0);
    collect(p, 0, first == UINT32_MAX ? last : first, &x);
    bool opened = x.found.count == 0; /* nothing stands before in the file or the node's body */
    add_leading(to, &x, true);
    for (u32 k = 0; k < d->count; k++) {
        doc_row row = d->rows[k];
        if (row.token == 0) {
            doc_add(to, row);
            if (row.kind == DOC_HARD) add_leading(to, &x, true);
            continue;
        }
        add_leading(to, &x, false);
        row.blank = x.lines > 1 && !opened && row.text[0] != '}';
        doc_add(to, row);
        u32 next = next_token(d, k + 1);
        collect(p, row.token, next == UINT32_MAX ? last : next, &x);
        opened = row.text[0] == '{';
        if (opened && x.trailing < x.found.count) x.found.rows[x.trailing].blank = opened = false;
        while (is_end(d, k + 1)) doc_add(to, d->rows[++k]);
        while (is_begin(d, k + 1)) doc_add(to, d->rows[++k]);
        bool hard = k + 1 == d->count || d->rows[k + 1].kind == DOC_HARD;
        if (hard && x.trailing != 0) x.found.rows[x.trailing - 1].ends_line = true;
        for (u32 c = 0; c < x.trailing; c++) doc_add(to, x.found.rows[c]);
    }
    add_leading(to, &x, true);
    to->out_of_memory = to->out_of_memory || d->out_of_memory || x.found.out_of_memory;
}
