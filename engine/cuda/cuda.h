/* SPDX-License-Identifier: Apache-2.0
 * cuda: an engine's nodes on a GPU. Values live on both sides, in blocks of 4096 bytes that are
 * valid on the host, on the device or on both; dirty sets, trees of partials and all decisions stay
 * on the host. A KEYED node that may run there keeps no packed elements here: n->packed is NULL.
 *
 * Invariant: a block is never stale on both sides. A page that is not resident (cuda_plan.h) is
 * valid on the host whenever no node is running. */
#ifndef MMSB_CUDA_H
#define MMSB_CUDA_H
#include "../engine.h"

struct node_state;

/* Opens the driver and a device, loads the image's kernels, takes all memory that will be needed.
 * After engine_open, before anything runs. `automatic`: a node is run on the side that is faster by
 * what is measured here. MMSB_ABSENT or MMSB_OUT_OF_SPACE: why not; the engine then runs on the
 * CPU. */
mmsb_status cuda_open(engine *e, bool automatic, message *m);
void cuda_close(engine *e);
bool cuda_is_built(void); /* the build had nvcc */
bool cuda_is_open(const engine *e);
/* Operators times lanes of one whole pass over the nodes that a GPU would run. */
mmsb_status cuda_work(const image *i, u64 *work, message *m);

/* Whether the node is run there, now that its work is known. */
bool cuda_takes(const engine *e, const struct node_state *n);
/* Runs e->work of a node there; what changed is noted as the CPU notes it. */
mmsb_status cuda_node_run(engine *e, struct node_state *n, message *m);
/* Before the CPU runs a node or looks for its fault: what it reads, or also writes, is valid here.
 */
mmsb_status cuda_reads_to_host(engine *e, const struct node_state *n, message *m);
mmsb_status cuda_node_to_host(engine *e, const struct node_state *n, message *m);
mmsb_status cuda_page_to_host(engine *e, u32 page, message *m);

/* The same before a KEYED node looks at its keys. */
mmsb_status cuda_keys_to_host(engine *e, const struct node_state *n, message *m);
/* Members of its groups have other slots than before. */
void cuda_order_moved(engine *e, const struct node_state *n);

/* A page was written here from outside of an epoch: it is valid here alone. */
void cuda_page_is_here(engine *e, u32 page);
/* Between epochs. All pages were written here: nothing there is valid. */
void cuda_restart(engine *e);
void cuda_accept(engine *e); /* before PREV pages are brought up and dirty sets cleared */
void cuda_reject(engine *e); /* before undo is restored */
#endif
