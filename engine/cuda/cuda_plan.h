/* SPDX-License-Identifier: Apache-2.0
 * cuda_plan: what of an image runs on a GPU, and the PTX text that runs it. Both are functions of
 * the image alone, so that mmsbc and the engine give the same. Needs core and kernels; knows
 * neither the driver nor a running graph. */
#ifndef MMSB_CUDA_PLAN_H
#define MMSB_CUDA_PLAN_H
#include <stdio.h>

#include "../core/arena.h"
#include "../core/image.h"

#define CUDA_THREADS 128u /* of a block: a tile's lanes in four steps, or 16 leaves */
#define CUDA_LEAVES_A_BLOCK 16u
#define CUDA_CHANGED_BYTES 64u         /* a store's changed lanes of a tile, a bit each */
#define CUDA_BLOCK_BYTES 4096u         /* what moves between host and device */
#define CUDA_ROWS_MOST 4096u           /* instructions of a program: longer ones stay on the CPU */
#define CUDA_TEXT_ROWS_MOST (1u << 16) /* of all programs: assembling is not free */
#define CUDA_NOWHERE UINT64_MAX
#define CUDA_SCAN_LEAST 8u                /* lanes of a row: a block of threads is one of it */
#define CUDA_PRODUCT_K_MOST (512u * 512u) /* of a matrix product: its chunks are written out */
/* A cell of an ARG's leaf: its value, and the index, a word each; others are their value. */
#define CUDA_ARG_BYTES 16u
/* A leaf of KEYED in a launch's list: the leaf, and above it how many members it has. */
#define CUDA_MEMBERS_SHIFT 56u

typedef enum {
    CUDA_ON_CPU,
    CUDA_MAP,
    CUDA_LEAVES,  /* REDUCE */
    CUDA_KEYED,   /* leaves of its groups; which member stands in which slot is the host's */
    CUDA_DOT,     /* leaves of a WHOLE_DOT */
    CUDA_PRODUCT, /* WHOLE_MATMUL: maps the lanes of its output */
    CUDA_SCAN     /* of rows: its blocks' folds, then a map that joins what stands before them */
} cuda_role;
typedef struct {
    u64 at;        /* offset in device memory, 4096-aligned; CUDA_NOWHERE: not there */
    bool resident; /* made by the compiler: it comes back when a node on the CPU asks */
} cuda_page;
typedef struct {
    cuda_page *pages;  /* image.page_count rows */
    u8 *roles;         /* cuda_role, image.node_count rows */
    u64 *orders;       /* of KEYED nodes: where the members of all slots lie, a u32 each */
    u64 folds_at;      /* a scan's lanes between its two kernels */
    u64 bytes;         /* of the pages, orders and folds */
    u64 resident_most; /* end of the resident pages, which come first: what undo keeps a copy of */
    u32 node_count;    /* on the GPU */
    u32 stores_most;   /* of any node on it */
} cuda_plan;

/* Whether this build can write PTX: it had nvcc. */
bool cuda_is_built(void);
/* Takes its tables from `a`. */
mmsb_status cuda_plan_make(const image *i, arena *a, cuda_plan *out, message *m);
/* "map": a kernel is called by its role and its node's number. */
const char *cuda_role_name(u8 role);
/* Whether a kernel maps the lanes of what it stores; others give leaves. */
static inline bool cuda_maps(u8 role) {
    return role == CUDA_MAP || role == CUDA_PRODUCT || role == CUDA_SCAN;
}
/* Leaves of an outer lane; KEYED: of all groups, of each lane of a key; a scan's: its blocks. */
u64 cuda_leaves_each(const image *i, u32 node);
/* Bytes of a leaf as it comes back. */
u32 cuda_leaf_bytes(const image_node *n);
/* Writes the whole module: head, the math functions that are called, the kernels. False: `to` took
 * no more, or no memory. Needs cuda_is_built(). */
bool cuda_print(const image *i, const cuda_plan *p, FILE *to);
#endif
