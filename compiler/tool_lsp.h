/* SPDX-License-Identifier: Apache-2.0
 * tool_lsp: `mmsbc lsp`, a language server over standard input and output (LSP 3.17, UTF-16
 * positions, whole-text synchronisation). One thread, one document analysed at a time. */
#ifndef MMSB_TOOL_LSP_H
#define MMSB_TOOL_LSP_H
#include <jansson.h>

#include "compile.h"
#include "symbols.h"
#include "tool_options.h"

/* An open document and what its last text means. */
typedef struct {
    char *uri, *path, *text;
    size_t bytes;
    i64 version;
    mmsbc_result *result; /* of the whole compilation; NULL where memory is short */
    mmsbc_result *read;   /* of reading alone: its tree stands also where items are wrong */
    symbols names;        /* of the compilation, or of reading where that failed */
    const sources *texts; /* that names' spans go into */
} lsp_document;
typedef struct {
    lsp_document *documents;
    size_t document_count, document_capacity;
    const char *const *folders; /* -I */
    size_t folder_count;
    bool ready, ended; /* initialized; shutdown was asked for */
    FILE *out;
} lsp_server;

/* tool_lsp_document.c */
lsp_document *lsp_find(lsp_server *s, const char *uri);
/* Opens, or replaces the text of, a document; analyses it. False when memory is short. */
bool lsp_put(lsp_server *s, const char *uri, i64 version, const char *text);
void lsp_drop(lsp_server *s, const char *uri);
/* Where a position points to, in bytes of the text; past a line's end is its end. */
u32 lsp_byte(const lsp_document *d, const json_t *position);
json_t *lsp_range(const sources *texts, span at);
char *lsp_uri_of(const char *path); /* malloc'ed "file:///..." */
/* {uri, range} of a span in any file of the document's compilation. */
json_t *lsp_location(const lsp_document *d, span at);
json_t *lsp_diagnostics(const lsp_document *d);

/* tool_lsp_answers.c: the result of a request; NULL is null. *error: words of a refusal. */
json_t *lsp_answer(lsp_server *s, const char *method, const json_t *params, const char **error);
#endif
