/* SPDX-License-Identifier: Apache-2.0
 * csv: fields, lines and columns of .csv text. Needs a verified shape; trusts no byte. */
#include "csv.h"
#include "number.h"
#include <stdio.h>
#include <strings.h>

#define CSV_BLOCK 4096u
static_assert(CSV_BLOCK > NUMBER_TEXT_MAX + 1, "a block holds a number and its comma");

/* One field as it stands, without its quotes. */
typedef struct {
    const char *text;
    u64 count;
    bool quoted;
} csv_field;

typedef enum { FIELD_GIVEN, FIELD_LINE_END, FIELD_BROKEN } csv_step;

/* A walk over the text; line and column are those of the field given last, from 1. */
typedef struct {
    const char *at, *end;
    const char *name;
    u64 line, next_line;
    u64 column;
    bool line_open; /* a comma or the start of a line stands before `at`: a field follows */
} csv_walk;

static void walk_start(csv_walk *w, const void *bytes, u64 byte_count, const char *name) {
    ASSERT(bytes != NULL);
    *w = (csv_walk){.at = bytes, .end = (const char *)bytes + byte_count, .name = name};
    w->next_line = 1;
    if (byte_count >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) w->at += 3;
    ASSERT(w->at <= w->end);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Goes to the next line that is not blank; false at the end. */
static bool walk_line(csv_walk *w) {
    ASSERT(w->at <= w->end);
    for (;;) {
        const char *p = w->at;
        while (p < w->end && is_blank(*p)) p++;
        if (p >= w->end) return false;
        if (*p != '\n') break;
        w->at = p + 1;
        w->next_line++;
    }
    w->line = w->next_line;
    w->column = 0;
    w->line_open = true;
    return true;
}

/* The text behind a quoted field up to its comma or line end must be blank. */
static csv_step walk_quoted(csv_walk *w, csv_field *out) {
    ASSERT(w->at < w->end);
    ASSERT(*w->at == '"');
    const char *p = w->at + 1;
    out->text = p;
    out->quoted = true;
    while (p < w->end && (*p != '"' || (p + 1 < w->end && p[1] == '"'))) {
        w->next_line += *p == '\n';
        p += *p == '"' ? 2 : 1;
    }
    if (p >= w->end) return FIELD_BROKEN;
    ASSERT(p >= out->text);
    out->count = (u64)(p - out->text);
    for (p++; p < w->end && is_blank(*p); p++) {
    }
    w->at = p;
    return p < w->end && *p != ',' && *p != '\n' ? FIELD_BROKEN : FIELD_GIVEN;
}

static csv_step walk_field(csv_walk *w, csv_field *out) {
    if (!w->line_open) return FIELD_LINE_END;
    while (w->at < w->end && is_blank(*w->at)) w->at++;
    ASSERT(w->at <= w->end);
    w->column++;
    *out = (csv_field){.text = w->at};
    csv_step step = FIELD_GIVEN;
    if (w->at < w->end && *w->at == '"') {
        step = walk_quoted(w, out);
    } else {
        while (w->at < w->end && *w->at != ',' && *w->at != '\n') w->at++;
        out->count = (u64)(w->at - out->text);
        while (out->count > 0 && is_blank(out->text[out->count - 1])) out->count--;
    }
    w->line_open = w->at < w->end && *w->at == ',';
    if (w->at < w->end && *w->at == '\n') w->next_line++;
    if (w->at < w->end) w->at++;
    return step;
}

static mmsb_status csv_wrong(const csv_walk *w, message *m, const char *what) {
    ASSERT(w->line > 0);
    return message_set(m, MMSB_WRONG, "%s:%llu, column %llu: %s", w->name,
                       (unsigned long long)w->line, (unsigned long long)w->column, what);
}

static mmsb_status csv_broken(const csv_walk *w, message *m) {
    return csv_wrong(w, m, "a quoted field does not end: close it with \" before the comma");
}

/* As other programs write them: NaN, Inf, -Infinity in any case. */
static bool field_special(const csv_field *f, u8 type, u64 *bits) {
    ASSERT(type < TYPE_COUNT);
    static const char *const words[] = {"nan", "inf", "infinity"};
    bool sign = f->count > 0 && (f->text[0] == '-' || f->text[0] == '+');
    const char *text = f->text + sign;
    u64 count = f->count - sign;
    if (!type_is_float(type)) return false;
    for (u32 k = 0; k < ARRAY_COUNT(words); k++) {
        if (strlen(words[k]) != count || strncasecmp(text, words[k], count) != 0) continue;
        const char *plain = k == 0 ? "nan" : f->text[0] == '-' ? "-inf" : "inf";
        return number_parse(type, plain, strlen(plain), bits) == NUMBER_OK;
    }
    return false;
}

static bool field_is_number(const csv_field *f) {
    ASSERT(f->text != NULL);
    u64 bits;
    if (field_special(f, TYPE_F64, &bits)) return true;
    if (number_parse(TYPE_BOOL, f->text, f->count, &bits) == NUMBER_OK) return true;
    return number_parse(TYPE_F64, f->text, f->count, &bits) != NUMBER_NOT_ONE;
}

/* Whether the field reads as `name`; inside quotes two quotes stand for one. */
static bool field_is_name(const csv_field *f, const char *name) {
    ASSERT(name != NULL);
    u64 k = 0;
    for (; k < f->count && *name != 0; name++) {
        if (f->text[k] != *name) return false;
        k += f->quoted && f->text[k] == '"' ? 2 : 1;
    }
    return k >= f->count && *name == 0;
}

/* Looks at the first line: whether it is names, how many fields it has, and at which (from 1) the
 * wanted column stands. The walk is a copy, so nothing is used up. */
typedef struct {
    bool names;
    u64 fields;
    u64 wanted;
} csv_first;

static mmsb_status look_at_first(csv_walk w, const char *column, csv_first *out, message *m) {
    csv_field f;
    csv_step step;
    *out = (csv_first){0};
    if (!walk_line(&w)) return MMSB_OK;
    while ((step = walk_field(&w, &f)) == FIELD_GIVEN) {
        out->fields++;
        out->names = out->names || (f.count > 0 && !field_is_number(&f));
        if (column != NULL && out->wanted == 0 && field_is_name(&f, column)) {
            out->wanted = out->fields;
        }
    }
    ASSERT(out->wanted <= out->fields);
    return step == FIELD_BROKEN ? csv_broken(&w, m) : MMSB_OK;
}

static mmsb_status parse_field(const csv_walk *w, const csv_field *f, u8 type, void *to,
                               message *m) {
    ASSERT(type < TYPE_COUNT);
    ASSERT(to != NULL);
    u64 bits = 0;
    int shown = (int)u64_min(f->count, 60);
    char what[200];
    if (field_special(f, type, &bits)) {
        number_store(type, to, bits);
        return MMSB_OK;
    }
    switch (number_parse(type, f->text, f->count, &bits)) {
    case NUMBER_OK: number_store(type, to, type_canonical(type, bits)); return MMSB_OK;
    case NUMBER_OUT_OF_RANGE:
        snprintf(what, sizeof(what), "%.*s is out of the range of %s", shown, f->text,
                 type_text(type));
        break;
    case NUMBER_WRONG_TYPE:
        snprintf(what, sizeof(what), "%.*s is no %s: write it without a point", shown, f->text,
                 type_text(type));
        break;
    case NUMBER_NOT_ONE:
        snprintf(what, sizeof(what), "\"%.*s\" is no number: write a %s", shown, f->text,
                 type_text(type));
        break;
    }
    return csv_wrong(w, m, what);
}

typedef struct {
    u64 rows, fields;
    u64 wanted; /* the only field to take, 0: all */
    u8 type;
} csv_plan;

static mmsb_status read_line(csv_walk *w, const csv_plan *plan, u8 *to, message *m) {
    ASSERT(w->line_open);
    ASSERT(plan->fields > 0);
    u32 width = type_bytes(plan->type);
    csv_field f;
    csv_step step;
    char what[200];
    while ((step = walk_field(w, &f)) == FIELD_GIVEN) {
        if (plan->wanted != 0) {
            if (w->column == plan->wanted) TRY(parse_field(w, &f, plan->type, to, m));
        } else if (w->column <= plan->fields) {
            TRY(parse_field(w, &f, plan->type, to + (w->column - 1) * width, m));
        }
    }
    if (step == FIELD_BROKEN) return csv_broken(w, m);
    if (plan->wanted != 0 ? w->column >= plan->wanted : w->column == plan->fields) return MMSB_OK;
    const char *fix = plan->wanted == 0 && plan->fields == 1
                          ? "; name one as \"FILE.csv#NAME\" to take that column"
                          : "";
    snprintf(what, sizeof(what), "the line has %llu values, but needs %llu%s",
             (unsigned long long)w->column,
             (unsigned long long)(plan->wanted != 0 ? plan->wanted : plan->fields), fix);
    return csv_wrong(w, m, what);
}

static mmsb_status plan_columns(const csv_walk *w, const csv_first *first, const char *column,
                                const image_shape *shape, csv_plan *plan, message *m) {
    plan->fields = shape->axis_count > 1 ? shape->dims[shape->axis_count - 1] : 1;
    plan->rows = shape->lanes / plan->fields;
    ASSERT(shape->lanes % plan->fields == 0);
    if (column == NULL) return MMSB_OK;
    if (plan->fields != 1) {
        return message_set(m, MMSB_WRONG,
                           "%s#%s is one column, but the page has lines of %llu values: "
                           "give the whole file",
                           w->name, column, (unsigned long long)plan->fields);
    }
    if (!first->names || first->wanted == 0) {
        return message_set(m, MMSB_WRONG,
                           "%s:1: no column is named \"%s\": its names stand in its first line",
                           w->name, column);
    }
    plan->wanted = first->wanted;
    return MMSB_OK;
}

static mmsb_status wrong_rows(const csv_walk *w, const csv_plan *plan, u64 rows, bool names,
                              message *m) {
    ASSERT(rows != plan->rows);
    return message_set(
        m, MMSB_WRONG, "%s:%llu: the file has %s%llu lines of values%s, but the page needs %llu",
        w->name, (unsigned long long)w->line, rows > plan->rows ? "more than " : "",
        (unsigned long long)u64_min(rows, plan->rows),
        names ? " (its first line was taken as names)" : "", (unsigned long long)plan->rows);
}

mmsb_status csv_read(const void *bytes, u64 byte_count, const char *name, const char *column,
                     u8 type, const image_shape *shape, void *to, message *m) {
    ASSERT(type < TYPE_COUNT && shape != NULL && to != NULL);
    csv_walk walk;
    csv_first first;
    csv_plan plan = {.type = type};
    csv_field skipped;
    walk_start(&walk, byte_count > 0 ? bytes : "", byte_count, name);
    TRY(look_at_first(walk, column, &first, m));
    TRY(plan_columns(&walk, &first, column, shape, &plan, m));
    if (first.names && walk_line(&walk)) {
        while (walk_field(&walk, &skipped) == FIELD_GIVEN) {
        }
    }
    u64 row = 0, line_bytes = plan.fields * type_bytes(type);
    for (; walk_line(&walk); row++) {
        if (row == plan.rows) return wrong_rows(&walk, &plan, row + 1, first.names, m);
        TRY(read_line(&walk, &plan, (u8 *)to + row * line_bytes, m));
    }
    ASSERT(row <= plan.rows);
    if (row != plan.rows) return wrong_rows(&walk, &plan, row, first.names, m);
    return MMSB_OK;
}

mmsb_status csv_write(u8 type, const image_shape *shape, const void *from, csv_sink sink,
                      void *context) {
    ASSERT(type < TYPE_COUNT && sink != NULL);
    char block[CSV_BLOCK];
    u64 used = 0;
    u64 fields = shape->axis_count > 1 ? shape->dims[shape->axis_count - 1] : 1;
    u32 width = type_bytes(type);
    u8 shown = type == TYPE_BOOL ? TYPE_U8 : type;
    ASSERT(shape->lanes % fields == 0);
    for (u64 lane = 0; lane < shape->lanes; lane++) {
        u64 bits = number_load(type, (const u8 *)from + lane * width);
        used += number_format(shown, bits, block + used);
        block[used++] = (lane + 1) % fields == 0 ? '\n' : ',';
        ASSERT(used <= CSV_BLOCK);
        if (used > CSV_BLOCK - NUMBER_TEXT_MAX - 1) {
            TRY(sink(context, block, used));
            used = 0;
        }
    }
    return used > 0 ? sink(context, block, used) : MMSB_OK;
}
