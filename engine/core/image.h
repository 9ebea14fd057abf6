/* SPDX-License-Identifier: Apache-2.0
 * image: the format of a compiled graph (.mmsbx), and the view of a verified one.
 *
 * A head, then sections at 64-byte offsets: rows of fixed width, little-endian, numbers instead of
 * pointers. The compiler writes them, the loader verifies every one, the engine walks them. No
 * machine code. Row 0 of PAGES means "no page".
 *
 * Model. A PAGE is one stored array. A NODE computes one or more pages over a domain: a box of
 * lanes (shape, row-major). MAP     a program run for each lane; its STORE instructions write
 * derived pages whose lane count is the domain's. REDUCE  domain = outer axes then inner axes; each
 * outer lane is the canonical reduction of its inner lanes, in row-major order, into lane `outer`
 * of page `output`. The element of a domain lane is lane `lane` of page `element`, or, where
 *           element is 0, what the program leaves in its FEED instruction.
 *   KEYED   domain = shape of `element`; its first key_axes axes are those of page `group` (i32:
 * the group, or -1 for "no rank"). output is [G, remaining axes]; each of its lanes reduces the
 * elements of its group in index order. WHOLE   a function of whole rows or matrices: `reduce` is a
 * whole_kind of kernels/whole_sizes.h, `element` its operand, whose shape is the domain. Scans,
 * sorts, topk, quantile work along the last axis (outer_axes = the others). MATMUL: domain [m, K],
 * `present` is the right operand of K * n lanes, output m * n lanes. DOT: `present` is the other
 * operand. QUANTILE: q is CONSTANTS[group], in 0 to 1, or the scalar page `present`, which faults
 * where it is outside. KERNEL  a user's own C function of whole pages (READ_ALL); `group` is its
 * row of KERNELS, the domain is the output's shape. A page read by prev() has a PREV page (`prev`):
 * the value at the end of the last accepted epoch, an array of its own that the engine brings up to
 * date from changed lanes when an epoch is accepted. Deltas to a state page replace lanes of its
 * PREV page. Command lists hold node rows in dependency order: FIRST fills sources that start as an
 * expression; EPOCH0 is epoch 0; LATER is every later epoch. A node in LATER but not in EPOCH0 is
 * computed whole in epoch 1. READS are footprints: for each node, which pages it reads and how a
 * changed lane maps to lanes to redo. */
#ifndef MMSB_IMAGE_H
#define MMSB_IMAGE_H
#include "arena.h"
#include "base.h"

#define IMAGE_VERSION 4u
#define IMAGE_VERSION_OLDEST 3u /* still read: it has no PAGE_RING */
#define IMAGE_MAGIC "MMSBX\r\n\x1a"
#define MATH_VERSION 1u
#define ROOT_VERSION 1u
#define TILE_LANES 512u
#define LEAF_LANES 64u
#define NODE_FAN 8u
#define AXES_MAX 8u          /* of a domain or hidden page */
#define PAGE_AXES_MAX 4u     /* of a page in the language */
#define SLOTS_MAX 4096u      /* tile slots, and uniform slots, of one program */
#define SLOT_UNIFORM 0x8000u /* set in the number of a uniform slot (one value) */
#define SLOT_NONE 0xffffu
#define LANES_MAX (1ull << 40) /* of a page or domain */
#define KERNEL_ARGUMENTS_MAX 64u
#define RING_LANES_MAX 0xfffffffeull /* of a row of a history that is turned */

typedef enum {
    SECTION_STRINGS,      /* bytes; string 0 is empty; each ends with NUL and is valid UTF-8 */
    SECTION_SHAPES,       /* image_shape; row 0 is the scalar */
    SECTION_PAGES,        /* image_page; row 0 is none */
    SECTION_NODES,        /* image_node */
    SECTION_INSTRUCTIONS, /* image_instruction */
    SECTION_CONSTANTS,    /* u64 bits */
    SECTION_AFFINES,      /* image_affine */
    SECTION_AFFINE_AXES,  /* image_affine_axis */
    SECTION_TERMS,        /* image_term */
    SECTION_CHECKS,       /* image_check: operands of AXIS and GROUP */
    SECTION_READS,        /* image_read, grouped by node */
    SECTION_READERS,      /* u32 rows of READS, grouped by page; only those of nodes in LATER */
    SECTION_FIRST,        /* u32 node rows */
    SECTION_EPOCH0,       /* u32 node rows, dependency order */
    SECTION_LATER,        /* u32 node rows, dependency order */
    SECTION_POSITIONS,    /* image_position; row 0 is none */
    SECTION_ASSERTS,      /* image_assert */
    SECTION_EVENTS,       /* image_event */
    SECTION_EVENT_VALUES, /* u32 page rows */
    SECTION_FILES,        /* image_file */
    SECTION_EXPORTS,      /* u32 page rows in the order of the export items */
    SECTION_KERNELS,      /* image_kernel: calls of a user's own C functions */
    SECTION_KERNEL_PAGES, /* u32 page rows: their arguments */
    SECTION_PLAN,         /* one image_plan */
    SECTION_COUNT
} section_id;

/* at size field */
typedef struct {
    u8 magic[8];       /*  0  8 */
    u32 version;       /*  8  4 IMAGE_VERSION */
    u32 math_version;  /* 12  4 MATH_VERSION */
    u64 digest;        /* 16  8 XXH3-64 of all bytes from 24 on */
    u64 bytes;         /* 24  8 of the whole image */
    u32 name;          /* 32  4 string: the graph's name */
    u32 section_count; /* 36  4 SECTION_COUNT */
    u64 zero[3];       /* 40 24 */
    struct {
        u64 at;    /* from the image's start; 64-aligned */
        u64 count; /* rows (bytes for STRINGS) */
    } sections[SECTION_COUNT];
} image_head;

typedef struct {
    u32 axis_count; /* 0 to AXES_MAX */
    u32 zero;
    u64 lanes;          /* product of dims, 1 to LANES_MAX */
    u64 dims[AXES_MAX]; /* those past axis_count are 1 */
} image_shape;

typedef enum {
    PAGE_NONE,
    PAGE_SOURCE,
    PAGE_DERIVED,
    PAGE_PREV,
    PAGE_EPOCH,
    PAGE_KIND_COUNT
} page_kind;
enum {
    PAGE_EXPORTED = 1, /* outsiders read it */
    PAGE_HIDDEN = 2,   /* made by the compiler; its name ("total.1") is for reports */
    PAGE_STATE = 4,    /* takes deltas, through `prev` */
    PAGE_EVENT = 8,    /* the bool of an event */
    PAGE_OFFSETS = 16, /* i32/i64 lane offsets into pages of `of`'s lane count; negative: -1-axis
                          means "fill" */
    PAGE_ROOTED = 32,  /* counts in the root: sources, exports, pages read by prev, event bools;
                          never PREV or EPOCH pages */
    PAGE_RING = 64 /* a history that the engine turns instead of moving its rows: its node of LATER
                      is one that image_ring_find finds, no other reads its PREV page */
};
typedef enum { EDGE_NONE, EDGE_CLAMP, EDGE_WRAP, EDGE_MIRROR, EDGE_FILL, EDGE_COUNT } edge_kind;

typedef struct {
    u32 name;  /* string; "" for PREV and EPOCH */
    u32 shape; /* row of SHAPES */
    u8 type;   /* type_id */
    u8 kind;   /* page_kind */
    u8 flags;  /* PAGE_ bits */
    u8 zero;
    u32 prev;      /* its PREV page, or 0 */
    u32 of;        /* PREV: the page it lags; OFFSETS: a page of the target's shape; else 0 */
    u32 position;  /* where it is defined */
    u32 reader_at; /* its rows of READERS */
    u32 reader_count;
    u8 edge[PAGE_AXES_MAX]; /* edge_kind; hidden pages have none; a PREV page repeats its page's */
    u32 zero2;
    u64 fill[PAGE_AXES_MAX]; /* bits of EDGE_FILL's constant */
} image_page;

typedef enum {
    NODE_MAP,
    NODE_REDUCE,
    NODE_KEYED,
    NODE_WHOLE,
    NODE_KERNEL,
    NODE_KIND_COUNT
} node_kind;
typedef enum {
    REDUCE_SUM,
    REDUCE_PROD,
    REDUCE_MIN,
    REDUCE_MAX,
    REDUCE_ARGMIN,
    REDUCE_ARGMAX,
    REDUCE_COUNT
} reduce_kind;
enum {
    NODE_IN_FIRST = 1,
    NODE_IN_EPOCH0 = 2,
    NODE_IN_LATER = 4,
    NODE_PARTIALS = 8 /* REDUCE: leaves and inner nodes of the tree are kept (inner lanes > 64);
                         KEYED always keeps them */
};

/* any, all, count, mean are not node kinds: any = MAX of bool, all = MIN of bool, count = SUM of
 * i64, mean = SUM then a MAP. The compiler makes an absent element (a reduction's `if`) the
 * identity; where nothing present must differ from the identity (float sum, mean) it also counts.
 * ARGMIN/ARGMAX take `present` instead (bool per element, 0 = all present); of nothing they give
 * -1. */
typedef struct {
    u8 kind;        /* node_kind */
    u8 flags;       /* NODE_ bits */
    u8 reduce;      /* reduce_kind; WHOLE: whole_kind */
    u8 type;        /* REDUCE, KEYED: element type; the result's is the same, i64 for ARG */
    u32 shape;      /* domain */
    u32 outer_axes; /* REDUCE: leading axes kept; KEYED: key_axes */
    u32 program_at; /* rows of INSTRUCTIONS: uniform_count uniform ones, then tile_count for lanes
                     */
    u32 uniform_count;
    u32 tile_count;
    u32 uniform_slots;
    u32 tile_slots;
    u32 read_at;
    u32 read_count;
    u32 element; /* REDUCE, KEYED: stored element page, or 0 (REDUCE with a program) */
    u32 present; /* ARG: bool page of the element's shape, or 0; a program puts it into FEED's b */
    u32 group;   /* KEYED: group page; WHOLE: constant of a quantile; KERNEL: row of KERNELS */
    u32 output;  /* all but MAP */
    u32 wave0;   /* its wave in EPOCH0, in LATER; 0 where it is in neither */
    u32 wave1;
    u32 position;
    u32 zero;
} image_node;

/* Operators of ops.def have numbers from 0; these come after. Slots: tile slots hold up to
 * TILE_LANES values, 8-byte spaced per slot whatever the type; uniform slots hold one. An operator
 * whose operands are all uniform stands in the uniform part. */
enum {
    INSTRUCTION_FIRST = 256,
    IN_CONST = 256, /* uniform dst = CONSTANTS[imm] */
    IN_SCALAR,      /* uniform dst = the only lane of page imm */
    IN_LANE,        /* dst = same lane of page imm (lane count equal to the domain's) */
    IN_AFFINE, /* dst = page element at AFFINES[imm]; a fault where outside unless an edge covers
                  it; c = guard or none */
    IN_GATHER, /* dst = page imm at offset a (slot of an OFFSETS page's type: type2 = TYPE_I32 or
                  TYPE_I64); negative: fill of axis -1-a */
    IN_IOTA,   /* dst (i64) = coordinate on domain axis imm */
    IN_AXIS,   /* dst (i64) = a * dim + edge(b): a = i64 offset so far (SLOT_NONE: 0), b = index of
                * `type`; CHECKS[imm]; c = guard.   a negative a stays; outside with fill gives
                * -1-axis;   outside without an edge faults and gives 0 */
    IN_GROUP, /* dst (i32) = b if 0 ≤ b < CHECKS[imm].dim, else -1 and a fault where guard c holds
                 (none: everywhere) */
    IN_STORE, /* page imm, lane = a, NaN canonical; changed lanes are found here */
    IN_FEED,  /* REDUCE: element = a; ARG: present = b or none */
    INSTRUCTION_COUNT
};

typedef struct {
    u16 op;   /* OP_ of ops.def or IN_ */
    u8 type;  /* of the operands (of the result for loads) */
    u8 type2; /* CONVERT: to; GATHER: of the offset; else 0 */
    u16 dst;  /* slots; SLOT_NONE where there is none */
    u16 a, b, c;
    u32 imm;
    u32 position; /* where a fault is reported; its page */
    u32 zero;
} image_instruction;

typedef struct {
    u32 page;
    u32 axis_at; /* rows of AFFINE_AXES, one per axis of the page */
    u32 axis_count;
    u32 checked; /* 1: may be outside where no edge helps, faults at run time; 0: proved inside or
                    covered by edges */
} image_affine;
typedef struct {
    i64 constant; /* index = constant + sum of coefficient * coordinate; |value| < 2^62 over the
                     whole domain */
    u32 term_at;
    u32 term_count;
} image_affine_axis;
typedef struct {
    u32 axis; /* of the domain */
    u32 zero;
    i64 coefficient;
} image_term;
typedef struct {
    u64 dim;
    u32 page; /* the page read (AXIS), the keyed output (GROUP): for messages */
    u8 axis;
    u8 edge; /* edge_kind */
    u16 zero;
} image_check;

typedef enum {
    READ_LANE,    /* lane p of the page: domain lane p */
    READ_ALL,     /* any change: every lane of the domain */
    READ_AFFINE,  /* through AFFINES[arg] */
    READ_GATHER,  /* page = target, arg = OFFSETS page: the domain lanes whose offset is p (the
                     offsets page has its own READ_LANE) */
    READ_ELEMENT, /* element (or present) page of a REDUCE or KEYED: domain lane p */
    READ_GROUP,   /* group page of a KEYED */
    READ_KIND_COUNT
} read_kind;
typedef struct {
    u32 node;
    u32 page;
    u32 kind;
    u32 arg;
} image_read;

typedef struct {
    u32 page_name; /* string: the page or item that the equation belongs to */
    u32 file;      /* string */
    u32 line;      /* from 1 */
    u32 column;    /* from 1, in characters */
    u32 text;      /* string: the source line */
    u32 zero;
} image_position;
typedef struct {
    u32 page; /* scalar bool */
    u32 text; /* string: message or "" */
    u32 position;
    u32 zero;
} image_assert;
typedef struct {
    u32 page; /* scalar bool, PAGE_EVENT */
    u32 name;
    u32 value_at; /* rows of EVENT_VALUES: scalar pages */
    u32 value_count;
} image_event;
typedef struct {
    u32 page; /* source */
    u32 path; /* string, relative to the image's folder; "f.csv#NAME" takes a column */
    u32 position;
    u32 zero;
} image_file;

/* int32_t symbol(void *out, const void *const *in, const int64_t *dims) of a library beneath the
 * image's folder. dims are the output's shape, then each argument's. */
typedef struct {
    u32 library; /* string: a path */
    u32 symbol;  /* string */
    u32 page_at; /* rows of KERNEL_PAGES */
    u32 page_count;
    u32 position;
    u32 zero;
} image_kernel;

/* Bytes that the run will take, by purpose. layout_compute() gives the same from the other
 * sections: the loader compares. */
typedef struct {
    u64 pages_bytes; /* values of all pages but PREV */
    u64 prev_bytes;
    u64 dirty_bytes; /* bitmaps */
    u64 partials_bytes;
    u64 index_bytes; /* inverses of gathers and of groups */
    u64 undo_bytes;  /* 0 where nothing can reject an epoch */
    u64 scratch_bytes;
    u64 arena_bytes; /* all of the above, aligned */
} image_plan;

/* A verified image: pointers into its bytes, counts per section. Immutable; any thread may read it.
 */
typedef struct {
    const void *bytes;
    u64 byte_count;
    const image_head *head;
    const char *strings;
    const image_shape *shapes;
    const image_page *pages;
    const image_node *nodes;
    const image_instruction *instructions;
    const u64 *constants;
    const image_affine *affines;
    const image_affine_axis *affine_axes;
    const image_term *terms;
    const image_check *checks;
    const image_read *reads;
    const u32 *readers;
    const u32 *first, *epoch0, *later;
    const image_position *positions;
    const image_assert *asserts;
    const image_event *events;
    const u32 *event_values;
    const image_file *files;
    const u32 *exports;
    const image_kernel *kernels;
    const u32 *kernel_pages;
    const image_plan *plan;
    u32 string_bytes, shape_count, page_count, node_count, instruction_count, constant_count,
        affine_count, affine_axis_count, term_count, check_count, read_count, reader_count,
        first_count, epoch0_count, later_count, position_count, assert_count, event_count,
        event_value_count, file_count, export_count, kernel_count, kernel_page_count;
    bool
        can_reject; /* some node of LATER can fault, or there is an assert: undo space is planned */
    const u32 *name_slots; /* image_index: rows of pages by their names' hash, 0: none; or NULL */
    u32 name_mask;
} image;

/* Bytes of a row of each section. */
extern const u32 image_row_bytes[SECTION_COUNT];

/* Verifies `bytes` (8-aligned; kept by the caller as long as the image is used) whole: head,
 * digest, every row, types and definite assignment of every program, footprints that cover every
 * load, acyclic command lists, the plan. Any bytes either pass or are refused: MMSB_DAMAGED with a
 * reason; MMSB_WRONG for another version. Frees all memory that it takes. */
mmsb_status image_verify(const void *bytes, u64 byte_count, image *out, message *m);
static inline const char *image_string(const image *i, u32 at) { return i->strings + at; }
/* The page of that name (not HIDDEN, PREV or EPOCH), or 0. Linear in pages. */
u32 image_find_page(const image *i, const char *name, size_t count);
/* From now on image_find_page takes the same time whatever the number of pages. Its table lies in
 * `memory`, which outlives the view; where that ends, names are looked at one by one as before. */
void image_index(image *i, arena *memory);
/* "price[3, 4]" of a lane into `to`; "price" for a scalar. */
void image_lane_text(const image *i, u32 page, u64 lane, char *to, size_t bytes);

/* A history: row 0 of `page` is `of`, row 1 `past` (the PREV page of `of`), row r what row r - 1
 * of `prev` (the PREV page of `page`) is. */
typedef struct {
    u32 page, of, past, prev;
    u64 rows, lanes; /* of a row */
} image_ring;
/* Whether the program of a node of LATER is just that. image_ring.c; verified rows only. */
bool image_ring_find(const image *i, u32 node, image_ring *out);

static_assert(sizeof(image_shape) == 80 && sizeof(image_page) == 72 && sizeof(image_node) == 72,
              "file format");
static_assert(sizeof(image_instruction) == 24 && sizeof(image_affine) == 16 &&
                  sizeof(image_affine_axis) == 16,
              "file format");
static_assert(sizeof(image_term) == 16 && sizeof(image_check) == 16 && sizeof(image_read) == 16,
              "file format");
static_assert(sizeof(image_position) == 24 && sizeof(image_plan) == 64 &&
                  sizeof(image_head) == 64 + 16 * SECTION_COUNT,
              "file format");
static_assert(sizeof(image_kernel) == 24, "file format");
#endif
