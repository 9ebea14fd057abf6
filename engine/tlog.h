/* SPDX-License-Identifier: Apache-2.0
 * tlog: the transaction log: records in segments, written ahead with zeros, synced in groups.
 * Owns the two formats below, the thread that syncs, and the difference between a torn tail and
 * damage. Knows nothing of what a body means. */
#ifndef MMSB_TLOG_H
#define MMSB_TLOG_H
#include "core/arena.h"
#include "core/window.h"

#define TLOG_VERSION 1u
#define TLOG_MAGIC "MMSBLOG\x1a"
#define TLOG_START 4096u /* of the first record in a segment */
#define TLOG_BODY_MAX 0xfffffff8u

typedef enum {
    TLOG_END,   /* never written: zeros are the end */
    TLOG_EPOCH, /* body: deltas, one behind the other (delta.h); none is a tick */
    TLOG_TICKS, /* body: u64 count; `epoch` is the last that it makes */
    TLOG_ROOT,  /* body: u64 root of `epoch` */
    TLOG_SEAL,  /* no body: all before it is durable */
    TLOG_CLOSE, /* body: u64 root of `epoch`; all before it is durable */
    TLOG_KIND_COUNT
} tlog_kind;

/* TLog record head, 64 bytes, little-endian; the body follows, a multiple of 8 bytes.
 *   at size field
 *    0    8 digest       XXH3-64 of byte 8 to the end of the body, seeded by the log's UUID
 *    8    8 digest_prev  digest of the record before (of the first: 0): a lost record shows
 *   16    8 place        segment << 40 | offset of this head: a moved record shows
 *   24    8 epoch        that the record makes, or speaks of
 *   32    8 durable      every epoch up to it was synced when this was written
 *   40    8 stream       of the request, 0: none
 *   48    8 number       of the request: the last one that the record holds
 *   56    4 body_bytes
 *   60    2 kind         a TLOG_ value; 0 is never written
 *   62    2 flags        0
 */
typedef struct {
    u64 digest, digest_prev, place, epoch, durable, stream, number;
    u32 body_bytes;
    u16 kind, flags;
} tlog_head;
static_assert(sizeof(tlog_head) == 64, "tlog_head is a file format: change TLOG_VERSION");

/* Segment head, at byte 0 of `log-NUMBER`; zeros up to TLOG_START.
 *   at size field
 *    0    8 magic
 *    8    8 digest        XXH3-64 of bytes 16 to TLOG_START, seeded by the log's UUID
 *   16    4 version       TLOG_VERSION
 *   20    4 math_version
 *   24   16 uuid
 *   40    8 number        from 1
 *   48    8 epoch         the last one before this segment
 *   56    8 digest_prev   of the last record before this segment, 0: none
 *   64    8 image_digest  of graph.mmsbx
 *   72    4 root_version
 *   76    4 zero
 */
typedef struct {
    u8 magic[8];
    u64 digest;
    u32 version, math_version;
    u8 uuid[16];
    u64 number, epoch, digest_prev, image_digest;
    u32 root_version, zero;
} tlog_segment;
static_assert(sizeof(tlog_segment) == 80, "tlog_segment is a file format: change TLOG_VERSION");

typedef enum {
    DURABILITY_BATCH, /* appended at once; a thread syncs what has come since its last sync */
    DURABILITY_NONE,  /* synced at checkpoints and close */
    DURABILITY_EPOCH, /* synced before the epoch is published */
    DURABILITY_SEALED /* the same, then a synced seal record */
} durability_mode;

typedef struct {
    file_calls *files;
    int folder;
    durability_mode mode;
    bool background;   /* tlog_wait will be called: NONE, too, has a thread that syncs */
    u64 segment_bytes; /* 0: 64 MiB */
    u64 image_digest;
    u8 uuid[16];
} tlog_options;
/* Where the next record goes, and what it chains to. Zeroed: a new log. */
typedef struct {
    u64 segment, offset; /* segment 0: none yet */
    u64 digest_prev, epoch;
} tlog_place;

typedef struct tlog tlog;
/* Creates the first segment (place zeroed) or goes on at `place`, whose segment from there on
 * holds zeros. */
mmsb_status tlog_open(const tlog_options *o, const tlog_place *place, tlog **out, message *m);
/* Makes sure that `bytes` of records can be appended: the only call that meets a full disk.
 * MMSB_IO leaves the log as it was, unless tlog_failed. */
mmsb_status tlog_reserve(tlog *t, u64 bytes, message *m);
/* Appends `record`: room for a head, then body_bytes of body (a multiple of 8). Fills digest,
 * digest_prev, place and durable in. Needs: reserved. A failure is final. */
mmsb_status tlog_append(tlog *t, tlog_head *record, message *m);
/* Returns when everything appended is durable. A failure is final. */
mmsb_status tlog_sync(tlog *t, message *m);
/* From another thread, where the log has one that syncs (BATCH; NONE in the background): returns
 * when all that was appended when tlog_mark gave `mark` is durable. */
u64 tlog_mark(tlog *t);
mmsb_status tlog_wait(tlog *t, u64 mark, message *m);
tlog_place tlog_at(const tlog *t);
bool tlog_failed(tlog *t); /* something final has happened: it takes nothing more */
u64 tlog_durable_epoch(tlog *t);
/* Closes without syncing. NULL is allowed. */
void tlog_close(tlog *t);
u64 tlog_seed(const u8 uuid[16]);
void tlog_segment_name(u64 number, char to[40]);

/* Reading, oldest first, each segment through a window. */
typedef struct {
    file_calls *files;
    int folder;
    const u8 *uuid;
    u64 image_digest;
    u64 known_durable; /* what a checkpoint proves */
    u64 last_segment;  /* the highest number in the folder */
    /* The reader's own. */
    file_window window; /* on the segment's file */
    char name[40];
    tlog_place place; /* of the next record */
    u64 torn_bytes;   /* at the end: bytes after the last whole record that are not zero */
} tlog_reader;
/* Needs: files, folder, uuid, image_digest, known_durable, last_segment. */
mmsb_status tlog_read_open(tlog_reader *r, message *m);
/* *record points into the reader until the next call; NULL at the end. MMSB_DAMAGED names file,
 * offset and epochs; what lies behind the last durable record and is torn only counts in
 * torn_bytes. */
mmsb_status tlog_read_next(tlog_reader *r, const tlog_head **record, message *m);
/* Writes zeros over a torn tail and syncs. */
mmsb_status tlog_cut(tlog_reader *r, message *m);
void tlog_read_close(tlog_reader *r);
/* Reads and checks a segment's head alone (to learn the UUID of a folder). */
mmsb_status tlog_segment_read(file_calls *f, int folder, u64 number, tlog_segment *out, message *m);
#endif
