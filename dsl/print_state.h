/* SPDX-License-Identifier: Apache-2.0
 * print_state: what the printer's parts share. The tree says which tokens the canonical text has:
 * those of the source, in their order, less needless parentheses and `in` between lets. So each
 * text of the doc is matched with its token of the source, and comments follow their tokens.
 * Private to dsl/. */
#ifndef MMSB_PRINT_STATE_H
#define MMSB_PRINT_STATE_H
#include "doc.h"
#include "lex.h"

typedef struct {
    const sources *sources;
    const ast *tree;
    u32 file;
    doc doc;
    span *tokens; /* of the file; the last one is empty, at its end */
    u32 token_count, token_capacity;
    u32 next;    /* token that comes next */
    bool broken; /* a text was not the source's: our bug */
} print_state;

/* Reads the file's tokens again. False when memory is short. */
bool print_tokens(print_state *p);
/* The next token, whose text is `text`; NULL: any (a literal, a name). */
void print_token(print_state *p, const char *text);
/* The doc with the comments between tokens put in. */
void print_comments(print_state *p, doc *to);
#endif
