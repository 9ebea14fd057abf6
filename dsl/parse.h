/* SPDX-License-Identifier: Apache-2.0
 * parse: text to tree. Recovers at item borders, so one run tells of every broken item. */
#ifndef MMSB_PARSE_H
#define MMSB_PARSE_H
#include "ast.h"
#include "diag.h"
#define NESTING_MAX 256
/* Parses file `file` of s into t (appends). Syntax errors go to d; the tree holds what could be
 * read, AST_ERROR where an expression could not. MMSB_OK also with syntax errors (ask
 * d->error_count); MMSB_OUT_OF_SPACE when memory is short. */
mmsb_status parse_file(const sources *s, u32 file, ast *t, diags *d);
#endif
