/* SPDX-License-Identifier: Apache-2.0
 * session: an engine with its state directory: first contents, log, checkpoints, recovery, replay. mmsb-run and the public
 * mmsb.h are to stand on it. One thread calls it at a time. Nothing implements it yet: it is the agreed interface of the log. */
#ifndef MMSB_SESSION_H
#define MMSB_SESSION_H
#include "core/file.h"
#include "engine.h"

typedef enum { DURABILITY_BATCH, DURABILITY_NONE, DURABILITY_EPOCH, DURABILITY_SEALED } durability_mode;
typedef struct {
    const char *page; /* name */
    const char *path; /* .npy or .csv, any path */
} session_input;
typedef struct {
    const char *state;        /* directory, NULL: nothing is kept */
    const char *image_path;   /* for messages and for `from` files (relative to its folder) */
    const session_input *inputs;
    u32 input_count;
    durability_mode durability;
    u64 checkpoint_epochs;    /* 0: only at 0 and at close */
    u64 audit_epochs;         /* 0: 64 */
    u64 oracle_epochs;        /* every N epochs engine_check; 0: never */
    engine_options engine;
    file_calls *files;        /* NULL: file_system() */
    u64 segment_bytes;        /* of a log file; 0: 64 MiB */
    /* One line for a person, without newline: recovery reports, cut tails. NULL: dropped. */
    void (*note)(void *context, const char *text);
    void *note_context;
} session_options;

typedef struct session session;
/* Opens: verifies nothing again (image is verified), locks and recovers the state directory or makes it, runs epoch 0. */
mmsb_status session_open(const image *i, const session_options *options, session **out, message *m);
engine *session_engine(session *s);

/* Adds a delta to the commit being made: checked and copied (⊕ with those before). MMSB_WRONG leaves the commit as it was. */
mmsb_status session_delta(session *s, const delta *d, message *m);
void session_drop(session *s); /* forgets the deltas of the commit being made */
typedef struct {
    u64 stream;  /* request stream and number; 0, 0: none */
    u64 number;
} session_request;
/* Makes the next epoch of the deltas so far (none: a tick). MMSB_REJECTED: nothing changed, nothing logged, words in m.
 * MMSB_IO and others: the log can no longer be trusted; the session only closes. */
mmsb_status session_commit(session *s, const session_request *r, message *m);
/* n ticks, one record where nothing fires or fails; stops at the first rejected. *done: how many were accepted. visit is called after each accepted epoch (may be NULL; false stops). */
mmsb_status session_ticks(session *s, u64 n, const session_request *first, bool (*visit)(void *context, session *s), void *context,
                          u64 *done, message *m);
u64 session_last_request(const session *s, u64 stream); /* highest number logged for the stream, 0: none */
u64 session_durable_epoch(const session *s);            /* every epoch up to it survives power loss */
mmsb_status session_sync(session *s, message *m);       /* returns when all accepted epochs are durable */
mmsb_status session_checkpoint(session *s, message *m);
/* Syncs, writes the closing checkpoint, unlocks. `m` may tell what could not be kept. NULL is allowed. */
mmsb_status session_close(session *s, message *m);

/* Replays a state directory read-only from its checkpoint 0 (or the newest one ≤ from) on the same loop up to epoch `to` (UINT64_MAX: the end),
 * checks logged roots and names the first that differs (MMSB_DAMAGED). visit after every epoch. The engine stays open in *out until session_close. */
mmsb_status session_replay(const image *i, const session_options *options, u64 to, bool (*visit)(void *context, session *s),
                           void *context, session **out, message *m);
#endif
