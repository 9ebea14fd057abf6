/* SPDX-License-Identifier: Apache-2.0
 * checkpoint: the saved pages of one epoch in a file, written beside, synced and renamed; verified
 * whole when read. */
#ifndef MMSB_CHECKPOINT_H
#define MMSB_CHECKPOINT_H
#include "core/file.h"
#include "engine.h"
#include "tlog.h"

#define CHECKPOINT_VERSION 1u
#define CHECKPOINT_MAGIC "MMSBCKP\x1a"

/* The file `checkpoint-EPOCH`: this head, then request_count rows of checkpoint_request, then
 * page_count rows of checkpoint_page, then the pages' lanes, each at a multiple of 64 bytes, zeros
 * in between.
 *   at size field
 *    0    8 magic
 *    8    8 digest        XXH3-64 of bytes 16 to the end, seeded by the log's UUID
 *   16    4 version       CHECKPOINT_VERSION
 *   20    4 math_version
 *   24   16 uuid          of the log
 *   40    8 epoch
 *   48    8 image_digest
 *   56    8 root
 *   64    8 segment       where the log goes on
 *   72    8 offset
 *   80    8 digest_prev   of the last record before that place
 *   88    8 bytes         of the file
 *   96    4 request_count
 *  100    4 page_count
 *  104    4 root_version
 *  108   20 zero
 */
typedef struct {
    u8 magic[8];
    u64 digest;
    u32 version, math_version;
    u8 uuid[16];
    u64 epoch, image_digest, root, segment, offset, digest_prev, bytes;
    u32 request_count, page_count, root_version, zero[5];
} checkpoint_head;
static_assert(sizeof(checkpoint_head) == 128, "checkpoint_head is a file format");
typedef struct {
    u64 stream, number; /* the highest number logged for the stream */
} checkpoint_request;
typedef struct {
    u32 page, zero;
    u64 at, bytes;
} checkpoint_page;
static_assert(sizeof(checkpoint_request) == 16 && sizeof(checkpoint_page) == 24, "file format");

/* A verified checkpoint; pointers go into its bytes. */
typedef struct {
    const checkpoint_head *head;
    const checkpoint_request *requests;
    const checkpoint_page *pages;
    const u8 *bytes;
    u64 byte_count;
} checkpoint;

/* Tables that a checkpoint is written from; taken once, so that writing takes no memory. */
typedef struct {
    file_part *parts;
    checkpoint_page *rows;
} checkpoint_room;
bool checkpoint_room_take(checkpoint_room *room, arena *a, const image *i);
/* Writes `checkpoint-EPOCH` of the engine's last accepted epoch beside. `place` is where the log
 * goes on; the log must be synced up to there before file_fresh_end. */
mmsb_status checkpoint_begin(file_calls *f, int folder, engine *e, const u8 uuid[16],
                             const checkpoint_room *room, const tlog_place *place,
                             const checkpoint_request *requests, u32 request_count, file_fresh *out,
                             message *m);
/* The same to its end. */
mmsb_status checkpoint_write(file_calls *f, int folder, engine *e, const u8 uuid[16],
                             const checkpoint_room *room, const tlog_place *place,
                             const checkpoint_request *requests, u32 request_count, message *m);
/* MMSB_DAMAGED with the reason; MMSB_WRONG for another version or image. uuid: NULL takes any. */
mmsb_status checkpoint_read(file_calls *f, int folder, u64 epoch, const image *i, const u8 *uuid,
                            checkpoint *out, message *m);
/* The same with the pages put straight into a new engine: out holds head and tables alone. The
 * engine is left as it was where that fails. */
mmsb_status checkpoint_load(file_calls *f, int folder, u64 epoch, engine *e, checkpoint *out,
                            message *m);
void checkpoint_free(checkpoint *c);
/* After checkpoint_load: makes the engine stand at the checkpoint's epoch, and checks its root. */
mmsb_status checkpoint_restored(const checkpoint *c, engine *e, message *m);
#endif
