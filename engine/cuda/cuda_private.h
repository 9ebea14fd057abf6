/* SPDX-License-Identifier: Apache-2.0
 * cuda_private: the tables of a GPU in use, shared by engine/cuda. */
#ifndef MMSB_CUDA_PRIVATE_H
#define MMSB_CUDA_PRIVATE_H
#include "../state.h"
#include "cuda.h"
#include "cuda_driver.h"
#include "cuda_plan.h"

#define BATCH_BLOCKS 1024u /* packed at once */
#define DIRECT_BLOCKS 256u /* neighbours from which on a copy of their own is cheaper */
#define FAULT_BYTES 64u
#define ORDER_PART 4u /* of a KEYED node's leaves: from here on all members lie there */

/* Bits by block of a page. */
typedef struct {
    u64 blocks;                           /* 0: not on the device */
    u64 *host_stale;                      /* the device has what counts */
    u64 *device_stale;                    /* the host has it */
    u64 *wrote, *sent;                    /* in this epoch: by a kernel; host to device */
    bool any_host, any_device, any_epoch; /* false: no bit of the first; second; last two is set */
} page_copy;

/* What waits to be moved by one launch. */
typedef struct {
    u64 *places;  /* pinned, BATCH_BLOCKS: offsets in device memory */
    u8 *packed;   /* pinned, behind them */
    u8 **targets; /* out: where each lies on the host */
    u32 *bytes;
    u32 count;
    bool busy; /* the last batch may still be read */
} block_batch;

/* Nanoseconds of a launch with what goes with it, of a byte between the sides, of a step of a lane
 * here. */
typedef struct {
    f64 launch, byte, lane;
} cuda_costs;

struct cuda {
    cuda_driver d;
    cuda_costs costs; /* automatic */
    cuda_plan plan;
    bool automatic, failed;
    u64 drawn;     /* gpu_percent */
    message words; /* of the failure */
    void *module, **functions, *blocks_in, *blocks_out;
    void **folds;                                  /* of scans: their first kernel */
    u64 pages_at, shadow_at, staging_at, batch_at; /* device memory; 0: none */
    u8 *staging;                                   /* pinned: what goes with a launch */
    u64 staging_bytes;
    block_batch batch;
    page_copy *copies;
    bool *order_sent; /* KEYED nodes: what is there of n->order is what is here */
};

mmsb_status cuda_call(struct cuda *c, int code, const char *what, message *m);
#define CUDA(c, name, what, ...) cuda_call(c, (c)->d.name(__VA_ARGS__), what, m)
mmsb_status cuda_launch(engine *e, void *function, u64 blocks, u32 threads, u64 *parameters,
                        u32 count, message *m);
mmsb_status cuda_wait(engine *e, message *m);
/* cuda_memory.c */
static inline bool bit_get(const u64 *bits, u64 k) { return (bits[k / 64] >> (k & 63) & 1) != 0; }
static inline void bit_set(u64 *bits, u64 k) { bits[k / 64] |= (u64)1 << (k & 63); }
mmsb_status copies_open(engine *e, message *m);
/* Adds a page's stale blocks to the batch that goes to the device; batch_send ends it. */
mmsb_status page_send(engine *e, u32 page, message *m);
mmsb_status batch_send(engine *e, message *m);
/* Page of a row of what a node loads (or stores) there: those of its tile program, then three that
 * have no program; 0: none. */
#define PAGES_MORE 3u
u32 node_page(const engine *e, const node_state *n, u32 row, bool *stored);
static inline u8 role_of_node(const engine *e, const node_state *n) {
    return e->cuda->plan.roles[n->row - e->image->nodes];
}
/* cuda_measure.c */
mmsb_status cuda_measure(engine *e, message *m);
bool cuda_is_faster(const engine *e, const node_state *n, u64 lanes);
/* cuda_leaves_run.c: a node whose leaves are made there. */
mmsb_status leaves_run(engine *e, node_state *n, message *m);
/* cuda_run.c. Where the parts of a launch lie in its staging: cells, list, fault, then what comes
 * back. */
typedef struct {
    u64 list_at, fault_at, out_at, end;
    u64 units; /* tiles or leaves */
    bool dense;
} parts;
void parts_place(parts *p, u64 cells, u64 list_bytes, u64 out_bytes);
mmsb_status pages_send(engine *e, const node_state *n, message *m);
void cells_make(engine *e, node_state *n, u8 *to);
/* Sends what goes with the launch, launches, and waits for what comes back. `cells` and `shadow`:
 * what the kernel is given as these. */
mmsb_status node_launch(engine *e, const node_state *n, const parts *p, u64 cells, u64 shadow,
                        u64 last, message *m);
/* The same for any kernel of a node. */
mmsb_status kernel_launch(engine *e, void *kernel, u64 blocks, const parts *p, u64 cells,
                          u64 shadow, u64 last, message *m);
/* Tiles, whole blocks of every page that is stored, into a list: each once, ascending. */
typedef struct {
    u64 together, tiles, next, count;
    u32 *list;
} tile_list;
void tiles_begin(const engine *e, const node_state *n, u64 lanes, tile_list *l);
void tiles_add(tile_list *l, u64 tile);
/* One store of a node: its changed lanes into the page's dirty set; the page comes back where the
 * host may be asked for it. */
mmsb_status store_note(engine *e, u32 page, u32 store, u32 stores, const parts *p, message *m);
/* cuda_scan_run.c */
mmsb_status scan_run(engine *e, node_state *n, message *m);
/* Notes that the device is about to write blocks of a page; that a tile's lanes changed there. */
void copy_wrote(engine *e, u32 page, u64 tile);
void copy_changed(engine *e, u32 page, u64 tile);
void copy_renewed(engine *e, u32 page); /* the device will write all of it, whatever stood there */
#endif
