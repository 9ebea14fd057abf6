/* SPDX-License-Identifier: Apache-2.0
 * lex: text to tokens. Private to dsl/. */
#ifndef MMSB_LEX_H
#define MMSB_LEX_H
#include "ast.h"
#include "diag.h"

typedef struct {
    span place;
    u32 string;  /* names and string texts: row of the tree's strings */
    u64 integer; /* integer literals */
    f64 number;  /* float literals */
    u8 type;     /* type names, literal suffixes; else TYPE_NONE */
} token;
typedef struct {
    const sources *sources;
    u32 file;
    const char *text, *cursor, *end;
    ast *tree;
    diags *diags;
    bool stopped; /* the rest cannot be read: unclosed comment or string, bad bytes */
} lexer;

/* The next token's code (mmsbg.h; 0 at the end). Lexical errors are told and skipped. */
int lex_next(lexer *l, token *out);
/* Whether a token starts an item. */
bool lex_starts_item(int code);
const char *lex_token_text(int code); /* "`page`", "a name" */
#endif
