/* SPDX-License-Identifier: Apache-2.0
 * emit_ir: the checked equations as text to read. */
#ifndef MMSB_EMIT_IR_H
#define MMSB_EMIT_IR_H
#include "ir.h"

/* Needs: a graph that the front passed. Writes one paragraph a page. 0, or 1 where memory is short.
 */
int emit_ir(const ir *g, FILE *to);
#endif
