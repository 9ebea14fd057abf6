/* SPDX-License-Identifier: Apache-2.0
 * image_verify: what the parts of the verifier share. Each part checks one subject and may rely on
 * those before it: sections, strings, tables, programs and footprints, command lists, plan. */
#ifndef MMSB_IMAGE_VERIFY_H
#define MMSB_IMAGE_VERIFY_H
#include "arena.h"
#include "image.h"

/* What the lanes of a page are known to hold, from all programs that store to it. */
typedef enum {
    ORIGIN_NONE,  /* nothing is stored */
    ORIGIN_GROUP, /* -1 to `bound` - 1 */
    ORIGIN_OTHER
} origin_kind;
typedef struct {
    u64 bound;
    u32 kind; /* origin_kind */
    u32 zero;
} page_origin;

enum { MODE_FIRST, MODE_EPOCH0, MODE_LATER, MODE_COUNT };

/* Tables by row are zeroed scratch; a node is marked by its row + 1. */
typedef struct {
    const image *i;
    message *m;
    page_origin *origins;    /* by page */
    u32 *writer[MODE_COUNT]; /* by page: the node that writes it in this mode */
    u32 *lane_reader;        /* by page: the last node with a READ_LANE of it */
    u32 *all_reader;         /* by page: the last node with a READ_ALL of it */
    u32 *affine_reader;      /* by affine: the last node with a READ_AFFINE of it */
    u32 *place;              /* by node: its place in the command list being checked, + 1 */
    bool faults_later;       /* some node of LATER can fault */
} verify;

/* MMSB_DAMAGED with "damaged image: TABLE ROW: reason". */
mmsb_status verify_refuse(const verify *v, const char *table, u64 row, const char *reason);
#define NEED(condition, table, row, reason)                            \
    do {                                                               \
        if (!(condition)) return verify_refuse(v, table, row, reason); \
    } while (0)

/* Head, digest, sections; fills the view. Every row may then be read. */
mmsb_status verify_sections(const void *bytes, u64 byte_count, image *out, message *m);
/* Strings, shapes, pages, positions, asserts, events, files, exports, affines, checks. */
mmsb_status verify_tables(verify *v);
/* Names that outsiders or the root use are unique. Takes a table from `scratch`. */
mmsb_status verify_names(verify *v, arena *scratch);
/* One node: kind, shapes, pages it writes, its reads and its program. */
mmsb_status verify_node(verify *v, u32 node);
/* A WHOLE node. */
mmsb_status verify_whole(verify *v, u32 node);
/* Marks a node's output as written in its modes, and its type as checked. */
mmsb_status verify_output_of(verify *v, u32 node, u8 type);
/* A node's program; its reads are marked. Sets origins of the pages it stores. */
mmsb_status verify_program(verify *v, u32 node);
/* Bounds of an affine row over a domain: terms inside, no overflow, proved inside where it says. */
mmsb_status verify_affine(verify *v, u32 affine, const image_shape *domain);
/* Command lists and READERS; every page that is read is there by then. */
mmsb_status verify_order(verify *v);
/* Pages that are turned are histories, and nothing else reads their past. */
mmsb_status verify_rings(const verify *v);

bool verify_string(const image *i, u32 at);
bool verify_bits_fit(u8 type, u64 bits);
/* Whether two shapes have the same dims. */
bool verify_shapes_equal(const image_shape *a, const image_shape *b);
#endif
