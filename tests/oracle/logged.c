/* SPDX-License-Identifier: Apache-2.0
 * logged: see logged.h. Files are not synced here (killing a process does not need it), and after
 * a kill every call that would change one fails. */
#include "logged.h"
#include "../../engine/cuda/cuda.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool dead;
static int no_sync(file_calls *self, int fd) {
    (void)self, (void)fd;
    return dead ? -EIO : 0;
}
static i64 mortal_write(file_calls *self, int fd, const void *from, u64 bytes, u64 at) {
    return dead ? -EIO : file_system()->write_at(self, fd, from, bytes, at);
}
static int mortal_rename(file_calls *self, int folder, const char *from, const char *to) {
    return dead ? -EIO : file_system()->rename_at(self, folder, from, to);
}

bool logged_cuda;
static u32 percent; /* of the trial that runs */

u32 logged_percent(u64 seed) { return percent = (seed & 1) != 0 ? 60 : 0; }

mmsb_status logged_gpu(engine *e, bool whole, message *m) {
    return logged_cuda && !whole ? cuda_open(e, false, m) : MMSB_OK;
}

static session_options options_of(logged *l) {
    static file_calls calls;
    calls = *file_system();
    calls.sync = calls.sync_data = no_sync;
    calls.write_at = mortal_write;
    calls.rename_at = mortal_rename;
    return (session_options){.state = l->folder,
                             .files = &calls,
                             .segment_bytes = 16384,
                             .durability = DURABILITY_NONE,
                             .executor = logged_cuda ? EXECUTOR_CUDA : EXECUTOR_VM,
                             .engine = {.gpu_percent = percent},
                             .audit_epochs = 2,
                             .checkpoint_epochs = 3};
}

const char *logged_open(logged *l, const image *i, message *m) {
    l->i = i;
    dead = false;
    bool memory = access("/dev/shm", W_OK) == 0; /* no disk: a killed process needs none */
    snprintf(l->folder, sizeof l->folder, "%s/mmsb-oracle-XXXXXX", memory ? "/dev/shm" : "/tmp");
    if (mkdtemp(l->folder) == NULL) return "no temporary folder";
    session_options o = options_of(l);
    return session_open(i, &o, &l->s, m) == MMSB_OK ? NULL : "the session does not open";
}

const char *logged_epoch(logged *l, const delta *deltas, u32 count, message *m) {
    session_request r = {7, session_last_request(l->s, 7) + 1};
    for (u32 k = 0; k < count; k++)
        if (session_delta(l->s, &deltas[k], m) != MMSB_OK) return "the session refuses a delta";
    return session_commit(l->s, &r, m) == MMSB_OK ? NULL : "the session refuses an epoch";
}

const char *logged_kill(logged *l, bool clean, message *m) {
    u64 epoch = engine_epoch(session_engine(l->s)), root = engine_root(session_engine(l->s));
    dead = !clean;
    l->kills += !clean;
    session_close(l->s, NULL);
    dead = false;
    session_options o = options_of(l);
    if (session_open(l->i, &o, &l->s, m) != MMSB_OK) return "the session does not recover";
    engine *e = session_engine(l->s);
    if (engine_epoch(e) != epoch) return "recovery ends with another epoch";
    if (session_last_request(l->s, 7) != epoch) return "recovery ends with another request";
    return engine_root(e) == root ? NULL : "recovery ends with another root";
}

const char *logged_replay(logged *l, engine **e, message *m) {
    session_options o = options_of(l);
    session_replay_options r = {.to = UINT64_MAX};
    mmsb_status closed = session_close(l->s, m);
    l->s = NULL;
    if (closed != MMSB_OK) return "the session does not close";
    if (session_replay(l->i, &o, &r, &l->s, m) != MMSB_OK) return "the replay fails";
    *e = session_engine(l->s);
    return NULL;
}

void logged_free(logged *l) {
    session_close(l->s, NULL);
    DIR *folder = l->folder[0] != 0 ? opendir(l->folder) : NULL;
    if (folder == NULL) return;
    for (struct dirent *row = readdir(folder); row != NULL; row = readdir(folder))
        if (row->d_name[0] != '.') unlinkat(dirfd(folder), row->d_name, 0);
    closedir(folder);
    if (rmdir(l->folder) != 0) fprintf(stderr, "cannot remove %s\n", l->folder);
}
