/* SPDX-License-Identifier: Apache-2.0
 * explain: what a diagnostic's code means, at length, with an example of each kind. */
#ifndef MMSB_EXPLAIN_H
#define MMSB_EXPLAIN_H
#include "diag.h"

/* Writes the explanation of "E0123", "e123" or "123". False for a code that there is not; then
 * *near is the nearest there is, or NULL. */
bool explain_code(const char *code, FILE *to, const char **near);
#endif
