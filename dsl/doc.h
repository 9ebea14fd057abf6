/* SPDX-License-Identifier: Apache-2.0
 * doc: a text that knows where it may break, and its layout in DOC_COLUMNS. Rows in order; a group
 * stands on one line where it fits, else its lines break. Private to dsl/. */
#ifndef MMSB_DOC_H
#define MMSB_DOC_H
#include "../engine/core/arena.h"

#define DOC_COLUMNS 100u
#define DOC_INDENT 2u
#define DOC_ALIGN_MAX                                                          \
    60u /* an ALIGN past this column is an INDENT: deep nesting stays readable \
         */

typedef enum {
    DOC_TEXT,
    DOC_LINE, /* a space, or a newline where its group is broken */
    DOC_FILL, /* a space, or, in a broken group, a newline where the next part does not fit */
    DOC_HARD, /* a newline */
    DOC_GROUP,
    DOC_GROUP_END,
    DOC_INDENT_BEGIN,
    DOC_ALIGN_BEGIN, /* lines inside begin at the column where it stands */
    DOC_INDENT_END,  /* of both */
    DOC_TRAILING,    /* a comment behind what stands on the line */
    DOC_OWN,         /* a comment on a line of its own */
    DOC_INLINE,      /* a comment amid a line */
} doc_kind;
typedef struct {
    u8 kind;
    bool ends_line; /* TRAILING: nothing may follow on its line */
    bool blank;     /* TEXT, OWN: an empty line before it, where it begins a line after a HARD */
    u32 token;      /* TEXT: row of the printer's tokens + 1, 0: none */
    const char *text;
    u32 bytes;
} doc_row;
typedef struct {
    arena *memory;
    doc_row *rows;
    u32 count, capacity;
    bool out_of_memory;
} doc;

void doc_add(doc *d, doc_row row);
void doc_text(doc *d, const char *text); /* of no token: a space */
void doc_mark(doc *d, doc_kind kind);
/* Needs: groups and indents closed. Gives the text, NUL-ended, in d's arena; NULL when memory is
 * short. No line ends in white space; the text is empty or ends in one newline. */
char *doc_layout(const doc *d, u64 *bytes);
#endif
