/* SPDX-License-Identifier: Apache-2.0
 * session: an engine with its state directory: first contents, log, checkpoints, recovery, replay.
 * mmsb-run, mmsb and the public mmsb.h stand on it. One thread calls it at a time.
 *
 * A state directory holds `lock`, `graph.mmsbx` (a copy), `checkpoint-EPOCH` and `log-NUMBER`.
 * checkpoint-0 is written last when a directory is made: without it nothing was acknowledged. */
#ifndef MMSB_SESSION_H
#define MMSB_SESSION_H
#include "core/file.h"
#include "engine.h"
#include "native.h"
#include "tlog.h"

typedef struct {
    const char *page; /* name, page_bytes long */
    u64 page_bytes;
    const char *path;  /* .npy or .csv, any path; NULL: lanes */
    const void *lanes; /* of the page's type and number; read while it opens */
} session_input;
/* NATIVE: compiled code, or MMSB_ABSENT where there is no compiler. AUTO: where it is in the cache
 * or one pass over the graph is long enough to pay for compiling; else the VM; and a GPU for what
 * is worth it. CUDA: a GPU, or MMSB_ABSENT or MMSB_OUT_OF_SPACE with the reason. */
typedef enum { EXECUTOR_VM, EXECUTOR_NATIVE, EXECUTOR_AUTO, EXECUTOR_CUDA } session_executor;
typedef struct {
    const char *state;      /* directory, NULL: nothing is kept */
    const char *image_path; /* `from` files lie in its folder */
    const session_input *inputs;
    u32 input_count;
    durability_mode durability;
    u64 checkpoint_epochs;    /* 0: only at 0 and at close */
    bool background;          /* commits do not wait for the syncs of checkpoints that are due; one
                               * that is due while another is on its way is left out */
    u64 audit_epochs;         /* 0: 64 */
    const engine *carry_from; /* first contents of sources that it has, too; NULL: none */
    bool allow_kernels;       /* libraries of a user's own kernels may be loaded */
    u64 oracle_epochs;        /* every N epochs engine_check; 0: never */
    engine_options engine;
    session_executor executor;
    const native_table *native; /* of a program's own (mmsbc --emit=c); NULL: none */
    file_calls *files;          /* NULL: file_system() */
    u64 segment_bytes;          /* of a log file; 0: 64 MiB */
    /* One line for a person, without newline: recovery reports, cut tails. NULL: dropped. */
    void (*note)(void *context, const char *text);
    void *note_context;
} session_options;

typedef struct session session;
/* Opens: locks and recovers the state directory or makes it; runs epoch 0. The image is verified
 * and outlives the session, as do image_path and files. MMSB_BUSY: another process has the
 * directory. */
mmsb_status session_open(const image *i, const session_options *options, session **out, message *m);
engine *session_engine(session *s);
bool session_started(const session *s);              /* epoch 0, or what was restored, stands */
const char *session_executor_text(const session *s); /* "vm", "native" or "cuda" */
/* Where the state directory is another graph's: carries sources and state pages of the same name,
 * type and shape over, and keeps the old directory as DIR.before-N. Nothing changes where it fails
 * (MMSB_WRONG: also where the new graph does not take the state), where the graph is the same, or
 * where there is no directory. */
mmsb_status session_migrate(const image *to, const session_options *options, message *m);

/* Adds a delta to the commit being made: checked and copied (⊕ with the one before). MMSB_WRONG
 * leaves the commit as it was. */
mmsb_status session_delta(session *s, const delta *d, message *m);
/* The same for a RANGE whose payload is NULL: the caller writes it to *to before the next call on
 * this session. Bools there are false until then, and must be 0 or 1. */
mmsb_status session_delta_place(session *s, const delta *d, void **to, message *m);
/* The same for bytes as delta_write writes them, in one copy: room for `bytes` (a multiple of 8)
 * more, into which the caller puts them, then session_body takes them: each delta is checked.
 * MMSB_WRONG leaves the commit as it was. */
mmsb_status session_body_room(session *s, u64 bytes, u8 **to, message *m);
mmsb_status session_body(session *s, u64 bytes, message *m);
void session_drop(session *s);               /* forgets the deltas of the commit being made */
u64 session_pending_bytes(const session *s); /* of them */
typedef struct {
    u64 stream; /* request stream and number; 0, 0: none */
    u64 number;
} session_request;
/* Makes the next epoch of the deltas so far (none: a tick). MMSB_REJECTED: nothing changed, nothing
 * logged, words in m. MMSB_IO before anything changed: the commit is dropped; otherwise
 * (session_failed) the log can no longer be trusted and the session only closes. A checkpoint that
 * was due and failed is a note. */
mmsb_status session_commit(session *s, const session_request *r, message *m);
/* n ticks, up to audit_epochs of them in one record where nothing fires or fails; stops at the
 * first rejected one. *done: how many were accepted. first: request of the first tick, the others
 * count on; may be NULL. visit is called after each accepted epoch, once its record is written if
 * an event fired in it, before its root and checkpoint are (may be NULL; false stops). */
mmsb_status session_ticks(session *s, u64 n, const session_request *first,
                          bool (*visit)(void *context, session *s), void *context, u64 *done,
                          message *m);
bool session_failed(const session *s);
bool session_keeps_log(const session *s);
bool session_syncs(
    const session *s); /* a sync is on its way where session_durable_epoch is behind */
u64 session_last_request(const session *s, u64 stream); /* highest number logged, 0: none */
u64 session_durable_epoch(const session *s);      /* every epoch up to it survives power loss */
mmsb_status session_sync(session *s, message *m); /* returns when all accepted epochs are durable */
mmsb_status session_checkpoint(session *s, message *m);
/* Syncs, writes the closing checkpoint and record if any epoch was made, unlocks. The engine can
 * still be read; nothing more is taken. `m` may tell what could not be kept. */
mmsb_status session_end(session *s, message *m);
/* session_end, then frees. NULL is allowed. */
mmsb_status session_close(session *s, message *m);

/* What a replay, or a reading of the log, is told of a record. */
typedef struct {
    const tlog_head *head;
    tlog_place place; /* of its head */
} session_record;
typedef struct {
    u64 to;        /* stops after this epoch (UINT64_MAX: at the end) */
    u64 from_most; /* starts at the newest checkpoint of an epoch ≤ this; 0: checkpoint 0 */
    bool (*visit)(void *context, session *s);               /* after every epoch; may be NULL */
    void (*record)(void *context, const session_record *r); /* every record read; may be NULL */
    void *context;
} session_replay_options;
/* Replays a state directory, which it only reads, on the same loop; checks logged roots and names
 * the first that differs (MMSB_DAMAGED). *out stays open, also after a difference, until
 * session_close. */
mmsb_status session_replay(const image *i, const session_options *options,
                           const session_replay_options *replay, session **out, message *m);

/* Reads a directory's log record by record and runs nothing. */
typedef struct {
    void (*checkpoint)(void *context, u64 epoch);           /* ascending, by name; may be NULL */
    void (*record)(void *context, const session_record *r); /* may be NULL */
    void *context;
} session_log_visitor;
typedef struct {
    u64 epoch, records, roots, segments, checkpoints, torn_bytes;
    tlog_place end;
} session_log_summary;
mmsb_status session_log(const char *state, const session_log_visitor *v, session_log_summary *out,
                        message *m);
#endif
