/* SPDX-License-Identifier: Apache-2.0
 * delta: one change to one source or state page, in memory and as bytes (the body of a TLog
 * record). */
#ifndef MMSB_DELTA_H
#define MMSB_DELTA_H
#include "core/image.h"

typedef enum {
    DELTA_SET,
    DELTA_ADD,
    DELTA_MIN,
    DELTA_MAX,
    DELTA_AND,
    DELTA_OR,
    DELTA_XOR,
    DELTA_KIND_COUNT
} delta_kind;
typedef enum { DELTA_RANGE, DELTA_MASK, DELTA_FORM_COUNT } delta_form;

/* In bytes: a head of 32 (page 4, kind 1, form 1, broadcast 1, type 1, first 8, count 8,
 * payload_bytes 8), then for MASK ceil(count/8) mask bytes padded with zeros to 8, then the
 * payload padded with zeros to 8. Little-endian. */
typedef struct {
    u32 page;          /* the page that its user named: a source, or a state page */
    u8 kind;           /* delta_kind */
    u8 form;           /* delta_form */
    u8 broadcast;      /* 1: the payload is one element for all lanes */
    u8 type;           /* of the page */
    u64 first, count;  /* lanes [first, first + count) */
    u64 payload_bytes; /* element bytes times 1, count (RANGE) or set bits (MASK) */
    const u8 *mask;    /* MASK: bit k is lane first + k; else NULL */
    const void *payload;
} delta;

#define DELTA_HEAD_BYTES 32u
/* Bytes that delta_write takes. */
u64 delta_bytes(const delta *d);
void delta_write(const delta *d, u8 *to);      /* `to` is 8-aligned */
void delta_head_write(const delta *d, u8 *to); /* its first DELTA_HEAD_BYTES alone */
/* Reads one delta at `at` (8-aligned); its pointers go into the bytes. Checks sizes, page, type,
 * lanes, padding against the image.
 * Sets *used. MMSB_WRONG with words that name page and lanes. */
mmsb_status delta_read(const image *i, const u8 *at, u64 bytes, delta *out, u64 *used, message *m);
/* Whether the image takes it: the page is a source or state page, kind fits the type, lanes are
 * inside, NaNs are the caller's to leave (they are made canonical when applied). */
mmsb_status delta_check(const image *i, const delta *d, message *m);
#endif
