/* SPDX-License-Identifier: Apache-2.0
 * record: tells the evaluator in Python what the engine did with a graph, and asks whether it is
 * right. One long-lived Python a process; records are a line of words and the bytes it announces.
 */
#ifndef RECORD_H
#define RECORD_H
#include "../../engine/engine.h"
#include "ast.h"

/* Starts Python; false: it does not start (no NumPy). */
bool record_open(void);
bool record_graph(const ast *tree, const sources *files, arena *memory);
void record_epoch(const image *i, u64 epoch, bool accepted, const delta *deltas, u32 count);
/* Pages and fired events after that epoch. */
void record_state(const image *i, const engine *e, bool fired);
/* Closes the graph; writes the first difference, "" where there is none. */
void record_judge(u64 seed, bool plant, char *found, u32 bytes);
#endif
