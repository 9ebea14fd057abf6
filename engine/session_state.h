/* SPDX-License-Identifier: Apache-2.0
 * session_state: the table of a session, shared by session*.c. Private to engine/. */
#ifndef MMSB_SESSION_STATE_H
#define MMSB_SESSION_STATE_H
#include "checkpoint.h"
#include "session.h"

typedef struct background background;
struct session {
    session_options o;
    const image *i;
    engine *e;
    file_calls *files;
    int folder, lock; /* of the state directory; -1: none */
    u8 uuid[16];
    tlog *log;         /* NULL: nothing is kept, or replay */
    bool failed;       /* the log cannot be trusted any more */
    bool started;      /* epoch 0, or what was restored, stands */
    bool moved;        /* epochs were made since it was opened */
    bool closed_clean; /* the log ends with a close record */
    u64 durable;       /* once it has ended */
    /* The commit being made: room for a record's head, then deltas as bytes. */
    u8 *record;
    u64 record_room, used, last; /* last: where the delta before begins; 0: none */
    checkpoint_request *requests;
    u32 request_count, request_capacity;
    checkpoint_room room;
    background *behind;   /* NULL: checkpoints are written to their end at once */
    void *native_library; /* of compiled calls; NULL: none */
    int native_fd;
    void **libraries;   /* of kernels, by row of KERNELS; NULL: none */
    int *library_files; /* their descriptors, -1: none, open as long as they are loaded */
    arena *tables;
};

session *session_new(const image *i, const session_options *options);
/* session_background.c: checkpoints that a thread of their own syncs and names. Opens where the
 * options want it. */
mmsb_status background_open(session *s, message *m);
/* Writes one beside, unless another is on its way. */
mmsb_status background_checkpoint(session *s, message *m);
void background_wait(session *s); /* for the one on its way; notes that it failed */
void background_close(session *s);
/* session_first.c: fills the sources and evaluates epoch 0: inputs, then `from` files, then
 * expressions. */
mmsb_status first_contents(session *s, message *m);
/* Inputs for a directory that is there already must say what checkpoint 0 says. */
mmsb_status inputs_compare(session *s, message *m);
/* session_migrate.c: whether a page of `to` starts with what page *old of `from` holds. */
bool session_carries(const image *from, const image *to, u32 page, u32 *old);
/* Gives a directory whose migration was interrupted between its two renames its name. */
mmsb_status migration_finish(session *s, message *m);
void session_note(session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
mmsb_status session_request_set(session *s, u64 stream, u64 number, message *m);
/* Applies the deltas of a record's body to the epoch in the making. */
mmsb_status session_apply(session *s, const u8 *body, u64 bytes, message *m);
/* session_folder.c: what stands in a state directory. */
typedef struct {
    u64 *checkpoints; /* epochs, ascending */
    u32 checkpoint_count, checkpoint_capacity;
    u64 segment_last; /* 0: no log */
    u32 segment_count;
    bool graph, foreign;
    char foreign_name[64];
    arena *memory;
    bool short_memory;
} folder_list;
mmsb_status folder_open(session *s, bool write, message *m);
mmsb_status folder_read(session *s, folder_list *l, message *m);
mmsb_status folder_graph_check(session *s, message *m);
/* Removes what killed processes have half written. Needs the lock. */
void folder_clean(session *s);
void folder_close(session *s);
/* session_native.c: native calls, as the options say. */
mmsb_status native_open(session *s, message *m);
void native_close(session *s);
/* session_cuda.c: a GPU, as the options say. */
mmsb_status gpu_open(session *s, message *m);
/* session_kernels.c: gives the engine its kernels; copies: from the state directory. */
mmsb_status kernels_open(session *s, bool copies, message *m);
void kernels_close(session *s);
/* Writes the libraries into the state directory, or compares them with what is there. */
mmsb_status kernels_keep(session *s, bool compare, message *m);
/* session_recover.c: the log from the newest good checkpoint ≤ most on. */
typedef struct {
    u64 most, to;
    bool repair; /* recovery: cuts a torn tail, starts nothing that replay prints */
    bool (*visit)(void *context, session *s);
    void (*record)(void *context, const session_record *r);
    void *context;
    tlog_place end; /* out: where the log goes on */
} recovery;
mmsb_status session_restore(session *s, const folder_list *l, recovery *r, message *m);
#endif
