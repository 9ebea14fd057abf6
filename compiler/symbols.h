/* SPDX-License-Identifier: Apache-2.0
 * symbols: what each name of a tree stands for, for editors: definitions, and every place that
 * mentions one. Follows the language's scopes (files, nodes, functions, index variables, lets) and
 * its two name spaces; needs no types, so it also serves graphs that do not compile. */
#ifndef MMSB_SYMBOLS_H
#define MMSB_SYMBOLS_H
#include "../dsl/ast.h"

typedef enum {
    DEFINITION_PARAM,
    DEFINITION_CONST,
    DEFINITION_SOURCE,
    DEFINITION_PAGE,
    DEFINITION_EVENT,
    DEFINITION_USE,
    DEFINITION_MODULE,
    DEFINITION_FN,
    DEFINITION_NODE,
    DEFINITION_KERNEL,
    DEFINITION_PARAMETER, /* of a fn, node or kernel */
    DEFINITION_DIMENSION, /* a bare name in a parameter's shape */
    DEFINITION_INDEX,
    DEFINITION_LET,
    DEFINITION_KIND_COUNT
} definition_kind;
typedef struct {
    u8 kind;
    u32 name;   /* string of the tree */
    u32 item;   /* row of items that it is, or stands in; 0: none */
    u32 scope;  /* row of scopes */
    u32 target; /* USE: scope of its node; MODULE: scope of its file; NODE: its own; else 0 */
    span place; /* of the name */
} definition;
typedef struct {
    span place;
    u32 definition;
} mention; /* a definition's own place is a mention, too */
typedef struct {
    u32 parent; /* where names are looked up next, 0: none */
    u32 file;
    span area; /* bytes in which its names are visible */
} symbol_scope;
typedef struct {
    const ast *tree;
    const sources *texts;
    arena *memory;
    definition *definitions; /* row 0 is none */
    u32 definition_count, definition_capacity;
    mention *mentions;
    u32 mention_count, mention_capacity;
    symbol_scope *scopes; /* row 0 is none */
    u32 scope_count, scope_capacity;
    bool out_of_memory;
} symbols;

/* import_file(context, item) gives the file (row of sources) that an IMPORT item reads, UINT32_MAX:
 * none. False when memory is short. */
bool symbols_build(symbols *y, const ast *t, const sources *s, arena *memory,
                   u32 (*import_file)(void *context, const ast_item *item), void *context);
/* The definition mentioned at a byte of a file, 0: none; *place its span there (may be NULL). */
u32 symbols_at(const symbols *y, u32 file, u32 byte, span *place);
/* Calls visit for each definition visible at a byte of a file, the innermost first. */
void symbols_visible(const symbols *y, u32 file, u32 byte,
                     void (*visit)(void *context, const definition *d), void *context);
const char *definition_kind_text(u8 kind); /* "page" */
#endif
