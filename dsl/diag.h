/* SPDX-License-Identifier: Apache-2.0
 * diag: what is wrong with a graph file, said well. Every diagnostic has a code of diag.def and a
 * place. */
#ifndef MMSB_DIAG_H
#define MMSB_DIAG_H
#include "source.h"
#include <stdio.h>

/* diag.def: DIAG(NAME, number, severity, "short text for lists"); number is what users see: E0123.
 */
#define DIAG(name, number, severity, text) DIAG_##name = number,
typedef enum {
#include "diag.def"
    DIAG_CODE_END
} diag_code;
#undef DIAG
typedef enum { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE } diag_severity;

typedef struct {
    u16 code;
    u8 severity;
    span place;
    const char *text;        /* one sentence: what is wrong, with the names */
    span second;             /* zero: none */
    const char *second_text; /* "declared here" */
    const char *help;        /* the fix, in words; NULL: none */
    span fix_place;       /* where one fix is certain (mmsbc --fix applies it): bytes to replace */
    const char *fix_text; /* with this; NULL: none is certain */
} diag_row;
typedef struct {
    arena *memory;
    const sources *sources;
    diag_row *rows;
    u32 count, capacity;
    u32 error_count;
    u32 error_max; /* 0: 20; beyond it rows are counted, not kept */
    bool out_of_memory;
} diags;

/* Adds a diagnostic; the text is formatted into the arena. Returns its row to add to (never NULL; a
 * scratch row when memory is short). */
diag_row *diag_add(diags *d, diag_code code, span place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diag_second(diags *d, diag_row *row, span place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diag_help(diags *d, diag_row *row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Only for a fix that is surely what was meant. */
void diag_fix(diags *d, diag_row *row, span place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
typedef enum { DIAG_HUMAN, DIAG_SHORT, DIAG_JSON } diag_format;
/* Prints all, ordered by file and place; human form with source line, caret span, second place,
 * help; colour only if told. */
void diag_print(const diags *d, diag_format format, bool colour, FILE *to);
const char *diag_code_text(u16 code); /* "E0123" into a static table; NULL for none */
#endif
