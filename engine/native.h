/* SPDX-License-Identifier: Apache-2.0
 * native: the operators of an image's programs printed as C, compiled by the system's compiler, and
 * run instead of the tile VM's. A program becomes a schedule: steps that the VM's kernels run
 * (loads, stores, operators that can fault, math functions), and calls of printed functions between
 * them, each a loop over a tile with its values in locals. The bits are the VM's. */
#ifndef MMSB_NATIVE_H
#define MMSB_NATIVE_H
#include "core/arena.h"
#include "core/image.h"
#include "engine.h"

#include <stdio.h>

#define NATIVE_VERSION 1u
#define NATIVE_OPS_LEAST 2u    /* of a call; one operator alone is what a kernel of the VM is */
#define NATIVE_OPS_MOST 512u   /* of a call; beyond, its program stays on the VM */
#define NATIVE_TOTAL_OPS 4096u /* of an image; beyond, its smallest programs stay on the VM */
#define NATIVE_SLOTS_MOST 512u

/* A compiled call: s are tiles by slot of the schedule, u the uniform cells (LAYOUT_CELL_BYTES
 * apart), n lanes from 1 to TILE_LANES. Reads and writes n lanes, no more. */
typedef void (*native_fn)(void *const *s, const void *u, u32 n);
/* What a compiled text gives; made of one image, for one version of this engine. */
typedef struct {
    u64 version; /* NATIVE_VERSION */
    u64 digest;  /* of the image */
    u64 count;
    const native_fn *calls;
} native_table;
/* What `mmsbc --emit=c` gives. */
typedef struct mmsb_graph {
    const void *image; /* 8-aligned */
    u64 image_bytes;
    const native_table *native;
} mmsb_graph;

typedef enum { SOURCE_NONE, SOURCE_VALUE, SOURCE_SLOT, SOURCE_CELL, SOURCE_CONSTANT } source_kind;
typedef struct {
    u8 kind; /* source_kind */
    u8 type;
    u32 at; /* VALUE: op of the call; SLOT; CELL: uniform slot; CONSTANT: row of CONSTANTS */
} native_source;
typedef struct {
    u32 row; /* of INSTRUCTIONS */
    native_source from[3];
    u16 slot; /* where the value is kept for later steps, or SLOT_NONE */
} native_op;
typedef struct {
    u32 node;
    u32 op_at, op_count; /* rows of ops */
} native_call;
/* An instruction with the schedule's slots, or (call != NATIVE_NO_CALL) a call. */
typedef struct {
    u32 row, call;
    u16 dst, a, b, c;
} native_step;
#define NATIVE_NO_CALL UINT32_MAX
typedef struct {
    u32 step_at, step_count; /* 0 steps: the program stays on the VM */
} native_node;
typedef struct {
    native_node *nodes;
    native_step *steps;
    native_call *calls;
    native_op *ops;
    u32 step_count, call_count, op_count;
    u32 step_room, call_room, op_room;
    u32 slots; /* the most of any node */
    u64 work;  /* lanes times operators in calls, of all nodes once */
} native_plan;

/* native_plan.c: a function of the image alone, so that printer and engine agree. Its tables come
 * from `a`. */
mmsb_status native_plan_make(const image *i, arena *a, native_plan *out, message *m);
/* native_print.c: the C text of a plan's calls, or with `graph` of the image and its calls (one
 * file to link with libmmsb). False: `to` failed. */
bool native_print(const image *i, const native_plan *p, bool graph, FILE *to);
/* native_check.c: whether a call gives what the VM's kernels give, on random and special values. */
bool native_agrees(const image *i, const native_plan *p, const native_call *c, native_fn f,
                   u8 *memory);
u64 native_check_bytes(const native_plan *p);
/* native.c: gives the engine the calls of a table made from its image; before engine_first.
 * *refused: programs that stay on the VM because a call of theirs failed the test. MMSB_DAMAGED:
 * the table is of another image or version. */
mmsb_status native_install(engine *e, const native_plan *p, const native_table *t, u32 *refused,
                           message *m);
u32 native_installed(const engine *e); /* calls in use */

/* native_build.c: the system's compiler: $CC or cc, without a shell. */
#define NATIVE_WORDS 24u
typedef struct {
    char words[1024];               /* $CC, parted at blanks */
    const char *word[NATIVE_WORDS]; /* its words, then the flags */
    u32 word_count;
    char version[256]; /* its own first line of --version */
} native_compiler;
mmsb_status native_compiler_find(native_compiler *c, message *m);
/* Compiles a text to a shared object, in memory that `a` owns. */
mmsb_status native_compile(const native_compiler *c, const char *text, u64 bytes, arena *a,
                           void **object, u64 *object_bytes, message *m);
/* Plan, text, object and its table at once, no cache: for benches and tests. The plan's tables come
 * from `a`. *library NULL: the image has nothing to compile, *t is NULL. MMSB_ABSENT: no compiler.
 */
mmsb_status native_compile_image(const image *i, arena *a, native_plan *p, void **library, int *fd,
                                 const native_table **t, message *m);
/* native_cache.c: objects by the hash of text, compiler, flags and version, in a folder of the
 * user's own. */
typedef struct {
    u64 low, high;
} native_key;
native_key native_key_of(const native_compiler *c, const char *text, u64 bytes);
/* The folder's descriptor, or -1 with a reason in m (none where it is just not there yet and `make`
 * is not set). */
int native_cache_open(bool make, message *m);
/* The object of that key. NULL: none, or with words in m one that cannot be trusted. */
void *native_cache_read(int folder, native_key key, arena *a, u64 *bytes, message *m);
void native_cache_write(int folder, native_key key, const void *object, u64 bytes);
/* The table of an object, loaded from a sealed copy of its own; *library and *fd stay open as long
 * as it is used. */
mmsb_status native_load(const void *object, u64 bytes, void **library, int *fd,
                        const native_table **t, message *m);
#endif
