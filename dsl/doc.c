/* SPDX-License-Identifier: Apache-2.0
 * doc: one walk over the rows. Whether a group fits is asked where it begins, by looking ahead no
 * further than a line is long. */
#include "doc.h"

typedef struct {
    u32 indent;
    bool flat; /* of the innermost group */
} frame;
/* A comment behind code: where its two spaces begin, and what stands before them. */
typedef struct {
    u32 at, line, column;
} trailing;
typedef struct {
    const doc *d;
    char *text;
    u32 used, capacity;
    u32 column, line, indent;
    bool line_start, needs_newline, needs_space, after_hard, flat, failed;
    frame *frames;
    u32 frame_count, frame_capacity;
    trailing *trailings;
    u32 trailing_count, trailing_capacity;
} writer;

void doc_add(doc *d, doc_row row) {
    if (!arena_grow(d->memory, (void **)&d->rows, &d->capacity, d->count + 1, sizeof row)) {
        d->out_of_memory = true;
        return;
    }
    d->rows[d->count++] = row;
}

void doc_text(doc *d, const char *text) {
    doc_add(d, (doc_row){.kind = DOC_TEXT, .text = text, .bytes = (u32)strlen(text)});
}

void doc_mark(doc *d, doc_kind kind) {
    ASSERT(kind != DOC_TEXT && kind < DOC_TRAILING);
    doc_add(d, (doc_row){.kind = (u8)kind});
}

/* Characters, not bytes. */
static u32 width(const char *text, u32 bytes) {
    u32 n = 0;
    for (u32 k = 0; k < bytes; k++) n += ((u8)text[k] & 0xc0) != 0x80;
    return n;
}

static void put(writer *w, const char *text, u32 bytes) {
    if (!arena_grow(w->d->memory, (void **)&w->text, &w->capacity, w->used + bytes + 1, 1)) {
        w->failed = true;
        return;
    }
    memcpy(w->text + w->used, text, bytes);
    w->used += bytes;
}

static void newline(writer *w) {
    while (w->used != 0 && w->text[w->used - 1] == ' ') w->used--;
    if (w->used != 0) put(w, "\n", 1);
    w->line++;
    w->column = 0;
    w->line_start = true;
    w->needs_newline = w->needs_space = false;
}

static void begin_line(writer *w, bool blank) {
    if (blank && w->after_hard && w->used != 0) put(w, "\n", 1), w->line++;
    for (u32 k = 0; k < w->indent; k++) put(w, " ", 1);
    w->column = w->indent;
    w->line_start = false;
}

/* Text with newlines in it keeps its lines as they are. */
static void write_text(writer *w, const char *text, u32 bytes, bool blank) {
    if (w->needs_newline && !w->line_start) newline(w);
    if (w->line_start) begin_line(w, blank);
    if (w->needs_space && strchr(")],:. ", text[0]) == NULL) put(w, " ", 1), w->column++;
    w->needs_space = w->after_hard = false;
    put(w, text, bytes);
    u32 last = bytes;
    while (last != 0 && text[last - 1] != '\n') last--;
    if (last != 0) w->column = 0;
    for (u32 k = 0; k < last; k++) w->line += text[k] == '\n';
    w->column += width(text + last, bytes - last);
}

/* What stands between two places where a line may break, from row `at` on: does it fit into
 * `room`? Lines in groups that begin at or after `at` are flat. */
static bool fits(const doc *d, u32 at, u32 room) {
    u32 used = 0;
    bool group = d->rows[at].kind == DOC_GROUP, inside = true; /* else: the part behind a FILL */
    i64 depth = group ? -1 : 0;
    for (u32 k = at; k < d->count && used <= room; k++) {
        const doc_row *r = &d->rows[k];
        switch (r->kind) {
        case DOC_TEXT: used += width(r->text, r->bytes); break;
        case DOC_LINE:
        case DOC_FILL:
            if (!inside || (depth == 0 && !group)) return true;
            used++;
            break;
        case DOC_HARD: return !inside || !group;
        case DOC_GROUP: depth++; break;
        case DOC_GROUP_END:
            if (--depth < 0) inside = false;
            break;
        case DOC_OWN: return !inside;
        case DOC_TRAILING:
            if (r->ends_line && r->text[1] == '/') return !inside || (depth == 0 && !group);
            used += width(r->text, r->bytes) + 1;
            if (r->ends_line) return used <= room && (!inside || (depth == 0 && !group));
            break;
        case DOC_INLINE:
            if (memchr(r->text, '\n', r->bytes) != NULL) return !inside;
            used += width(r->text, r->bytes) + 1;
            break;
        default: break;
        }
    }
    return used <= room;
}

static void enter(writer *w) {
    if (!arena_grow(w->d->memory, (void **)&w->frames, &w->frame_capacity, w->frame_count + 1,
                    sizeof(frame))) {
        w->failed = true;
        return;
    }
    w->frames[w->frame_count++] = (frame){w->indent, w->flat};
}

static void leave(writer *w) {
    if (w->failed) return;
    ASSERT(w->frame_count != 0);
    w->frame_count--;
    w->indent = w->frames[w->frame_count].indent;
    w->flat = w->frames[w->frame_count].flat;
}

static u32 room(const writer *w, u32 spaces) {
    u32 column = (w->line_start ? w->indent : w->column) + spaces;
    return column < DOC_COLUMNS ? DOC_COLUMNS - column : 0;
}

static void comment_trailing(writer *w, const doc_row *r) {
    trailing t = {w->used, w->line, w->column};
    if (w->needs_newline || w->line_start) {
        write_text(w, r->text, r->bytes, false);
    } else {
        bool line = r->text[1] == '/';
        if (line) {
            if (arena_grow(w->d->memory, (void **)&w->trailings, &w->trailing_capacity,
                           w->trailing_count + 1, sizeof t))
                w->trailings[w->trailing_count++] = t;
            else
                w->failed = true;
        }
        u32 spaces = line ? 2 : strchr("([ ", w->text[w->used - 1]) != NULL ? 0 : 1;
        put(w, "  ", spaces);
        w->column += spaces;
        w->needs_space = false;
        write_text(w, r->text, r->bytes, false);
    }
    w->needs_newline = r->ends_line;
    w->needs_space = !r->ends_line;
}

static void write_row(writer *w, u32 k) {
    const doc_row *r = &w->d->rows[k];
    switch (r->kind) {
    case DOC_TEXT:
        if (r->token != 0 || !(w->line_start || w->needs_newline))
            write_text(w, r->text, r->bytes, r->blank);
        break;
    case DOC_LINE:
        if (w->needs_newline || !w->flat)
            newline(w);
        else
            write_text(w, " ", 1, false);
        break;
    case DOC_FILL:
        if (w->needs_newline || (!w->flat && !fits(w->d, k + 1, room(w, 1))))
            newline(w);
        else
            write_text(w, " ", 1, false);
        break;
    case DOC_HARD:
        if (w->used != 0 && !w->line_start) newline(w);
        w->after_hard = true;
        break;
    case DOC_GROUP:
        enter(w);
        w->flat = w->flat || fits(w->d, k, room(w, 0));
        break;
    case DOC_INDENT_BEGIN:
    case DOC_ALIGN_BEGIN: {
        enter(w);
        bool align = r->kind == DOC_ALIGN_BEGIN && !w->line_start && w->column <= DOC_ALIGN_MAX;
        w->indent = align ? w->column : w->indent + DOC_INDENT;
        break;
    }
    case DOC_GROUP_END:
    case DOC_INDENT_END: leave(w); break;
    case DOC_TRAILING: comment_trailing(w, r); break;
    case DOC_OWN: {
        bool hard = w->after_hard;
        if (!w->line_start) newline(w);
        write_text(w, r->text, r->bytes, r->blank);
        w->needs_newline = true;
        w->after_hard = hard; /* so that empty lines between comments before an item stay */
        break;
    }
    case DOC_INLINE:
        if (!w->line_start && w->used != 0 && strchr("([ ", w->text[w->used - 1]) == NULL)
            w->needs_space = true;
        write_text(w, r->text, r->bytes, false);
        w->needs_space = true;
        break;
    default: ASSERT(false);
    }
}

/* Comments behind code on lines that follow each other begin at one column. */
static char *align_comments(const writer *w, u64 *bytes) {
    u64 extra = 0;
    for (u32 k = 0; k < w->trailing_count; k++) extra += DOC_ALIGN_MAX;
    char *text = arena_take(w->d->memory, w->used + extra + 2, 1);
    if (text == NULL) return NULL;
    u32 from = 0, first = 0;
    u64 to = 0;
    while (first < w->trailing_count) {
        const trailing *t = w->trailings;
        u32 end = first + 1, most = t[first].column;
        bool alone = most > DOC_ALIGN_MAX;
        while (!alone && end < w->trailing_count && t[end].line == t[end - 1].line + 1 &&
               t[end].column <= DOC_ALIGN_MAX) {
            most = t[end].column > most ? t[end].column : most;
            end++;
        }
        for (u32 k = first; k < end; k++) {
            memcpy(text + to, w->text + from, t[k].at - from);
            to += t[k].at - from, from = t[k].at;
            memset(text + to, ' ', most - t[k].column);
            to += most - t[k].column;
        }
        first = end;
    }
    memcpy(text + to, w->text + from, w->used - from);
    *bytes = to + w->used - from;
    return text;
}

char *doc_layout(const doc *d, u64 *bytes) {
    writer w = {.d = d, .line_start = true, .after_hard = true};
    put(&w, "", 0);
    for (u32 k = 0; k < d->count && !w.failed && !d->out_of_memory; k++) write_row(&w, k);
    if (!w.failed && w.used != 0 && !w.line_start) newline(&w);
    if (w.failed || d->out_of_memory) return NULL;
    ASSERT(w.frame_count == 0);
    return align_comments(&w, bytes);
}
