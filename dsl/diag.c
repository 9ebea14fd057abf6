/* SPDX-License-Identifier: Apache-2.0
 * diag: keeps diagnostics and prints them in three forms. Prints only where it is told to. */
#include "diag.h"

#include <stdlib.h>

#define ROWS_MAX_DEFAULT 20u
#define TAB_COLUMNS 4u
#define LINE_BYTES_MAX 240u /* of a source line that are shown, around the mark */

static const struct {
    u16 code;
    u8 severity;
} codes[] = {
#define DIAG(name, number, severity, text) {number, severity},
#include "diag.def"
#undef DIAG
};

static u8 severity_of(u16 code) {
    for (u32 k = 0; k < ARRAY_COUNT(codes); k++)
        if (codes[k].code == code) return codes[k].severity;
    return DIAG_ERROR;
}

const char *diag_code_text(u16 code) {
    static const char *const texts[] = {
#define DIAG(name, number, severity, text) \
    [number] = number < 10 ? "E000" #number : number < 100 ? "E00" #number : "E0" #number,
#include "diag.def"
#undef DIAG
    };
    return code < ARRAY_COUNT(texts) ? texts[code] : NULL;
}

static const char *format_text(diags *d, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (bytes < 0) return "";
    char *text = arena_take(d->memory, (u64)bytes + 1, 1);
    if (text == NULL) {
        d->out_of_memory = true;
        return "";
    }
    vsnprintf(text, (size_t)bytes + 1, format, arguments);
    return text;
}

diag_row *diag_add(diags *d, diag_code code, span place, const char *format, ...) {
    static _Thread_local diag_row scratch;
    u8 severity = severity_of((u16)code);
    if (severity == DIAG_ERROR) d->error_count++;
    u32 most = d->error_max == 0 ? ROWS_MAX_DEFAULT : d->error_max;
    if (d->count >= most ||
        !arena_grow(d->memory, (void **)&d->rows, &d->capacity, d->count + 1, sizeof(diag_row))) {
        scratch = (diag_row){.code = (u16)code};
        return &scratch;
    }
    diag_row *row = &d->rows[d->count++];
    va_list arguments;
    va_start(arguments, format);
    *row = (diag_row){.code = (u16)code,
                      .severity = severity,
                      .place = place,
                      .text = format_text(d, format, arguments)};
    va_end(arguments);
    return row;
}

void diag_second(diags *d, diag_row *row, span place, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    row->second = place;
    row->second_text = format_text(d, format, arguments);
    va_end(arguments);
}

void diag_help(diags *d, diag_row *row, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    row->help = format_text(d, format, arguments);
    va_end(arguments);
}

void diag_fix(diags *d, diag_row *row, span place, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    row->fix_place = place;
    row->fix_text = format_text(d, format, arguments);
    va_end(arguments);
}

static int row_order(const void *a, const void *b) {
    const diag_row *x = a, *y = b;
    if (x->place.file != y->place.file) return x->place.file < y->place.file ? -1 : 1;
    if (x->place.begin != y->place.begin) return x->place.begin < y->place.begin ? -1 : 1;
    return x->code < y->code ? -1 : x->code > y->code;
}

static const char *severity_text(u8 severity) {
    return severity == DIAG_ERROR ? "error" : severity == DIAG_WARNING ? "warning" : "note";
}

/* The source line with a mark under [begin, end). */
static void print_line(const sources *s, span at, char mark, const char *paint, bool colour,
                       const char *label, FILE *to) {
    source_place p = sources_place(s, at);
    const char *text = s->files[at.file].text;
    bool far = at.begin - p.begin > LINE_BYTES_MAX / 2;
    if (far) p.begin = at.begin - LINE_BYTES_MAX / 2;
    while (far && ((u8)text[p.begin] & 0xc0) == 0x80) p.begin++;
    u32 shown = p.end - p.begin > LINE_BYTES_MAX ? p.begin + LINE_BYTES_MAX : p.end;
    while (shown < p.end && ((u8)text[shown] & 0xc0) == 0x80) shown--;
    fprintf(to, "%5u | %s", p.line, far ? "..." : "");
    for (u32 k = p.begin; k < shown; k++) {
        u8 c = (u8)text[k];
        if (c == '\t')
            fprintf(to, "%*s", (int)TAB_COLUMNS, "");
        else
            fputc(c < 0x20 || c == 0x7f ? '?' : c, to);
    }
    fprintf(to, "\n      | %s", far ? "   " : "");
    for (u32 k = p.begin; k < at.begin && k < shown; k++) {
        if (((u8)text[k] & 0xc0) == 0x80) continue;
        fprintf(to, "%*s", text[k] == '\t' ? (int)TAB_COLUMNS : 1, "");
    }
    if (colour) fputs(paint, to);
    u32 end = at.end < shown ? at.end : shown, marks = 0;
    for (u32 k = at.begin; k < end; k++) {
        if (((u8)text[k] & 0xc0) == 0x80) continue;
        for (u32 c = 0; c < (text[k] == '\t' ? TAB_COLUMNS : 1); c++, marks++)
            fputc(marks == 0 ? mark == '^' ? '^' : mark : mark == '^' ? '~' : mark, to);
    }
    if (marks == 0) fputc(mark, to);
    if (label != NULL) fprintf(to, " %s", label);
    if (colour) fputs("\033[0m", to);
    fputc('\n', to);
}

static void print_human(const diags *d, const diag_row *row, bool colour, FILE *to) {
    const sources *s = d->sources;
    source_place p = sources_place(s, row->place);
    const char *paint = row->severity == DIAG_ERROR ? "\033[1;31m" : "\033[1;33m";
    fprintf(to, "%s%s[E%04u]%s: %s\n", colour ? paint : "", severity_text(row->severity), row->code,
            colour ? "\033[0m" : "", row->text);
    fprintf(to, "  --> %s:%u:%u\n", s->files[row->place.file].name, p.line, p.column);
    print_line(s, row->place, '^', paint, colour, NULL, to);
    if (row->second_text != NULL) {
        source_place q = sources_place(s, row->second);
        if (row->second.file != row->place.file)
            fprintf(to, "  ::: %s:%u:%u\n", s->files[row->second.file].name, q.line, q.column);
        print_line(s, row->second, '-', "\033[1;34m", colour, row->second_text, to);
    }
    if (row->help != NULL) fprintf(to, "      = help: %s\n", row->help);
    fputc('\n', to);
}

static void print_short(const diags *d, const diag_row *row, FILE *to) {
    source_place p = sources_place(d->sources, row->place);
    fprintf(to, "%s:%u:%u: %s[E%04u]: %s%s%s\n", d->sources->files[row->place.file].name, p.line,
            p.column, severity_text(row->severity), row->code, row->text,
            row->help != NULL ? "; " : "", row->help != NULL ? row->help : "");
}

static void json_text(const char *text, FILE *to) {
    fputc('"', to);
    for (const u8 *c = (const u8 *)text; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(to, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(to, "\\u%04x", *c);
        else
            fputc(*c, to);
    }
    fputc('"', to);
}

static void json_place(const sources *s, span at, FILE *to) {
    source_place p = sources_place(s, at);
    source_place q = sources_place(s, (span){at.file, at.end, at.end});
    fputs("\"file\":", to);
    json_text(s->files[at.file].name, to);
    fprintf(to, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u,", p.line, p.column,
            q.line, q.column);
    fprintf(to, "\"byte_begin\":%u,\"byte_end\":%u", at.begin, at.end);
}

static void print_json(const diags *d, const diag_row *row, FILE *to) {
    fprintf(to,
            "{\"severity\":\"%s\",\"code\":\"E%04u\",\"message\":", severity_text(row->severity),
            row->code);
    json_text(row->text, to);
    fputc(',', to);
    json_place(d->sources, row->place, to);
    if (row->second_text != NULL) {
        fputs(",\"second\":{\"message\":", to);
        json_text(row->second_text, to);
        fputc(',', to);
        json_place(d->sources, row->second, to);
        fputc('}', to);
    }
    if (row->help != NULL) {
        fputs(",\"help\":", to);
        json_text(row->help, to);
    }
    if (row->fix_text != NULL) {
        fputs(",\"fix\":{\"text\":", to);
        json_text(row->fix_text, to);
        fputc(',', to);
        json_place(d->sources, row->fix_place, to);
        fputc('}', to);
    }
    fputs("}\n", to);
}

void diag_print(const diags *d, diag_format format, bool colour, FILE *to) {
    if (d->count != 0) qsort(d->rows, d->count, sizeof(diag_row), row_order);
    for (u32 k = 0; k < d->count; k++) {
        if (format == DIAG_HUMAN)
            print_human(d, &d->rows[k], colour, to);
        else if (format == DIAG_SHORT)
            print_short(d, &d->rows[k], to);
        else
            print_json(d, &d->rows[k], to);
    }
    if (d->error_count > d->count && format != DIAG_JSON)
        fprintf(to, "and %u more errors\n", d->error_count - d->count);
}
