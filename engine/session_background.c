/* SPDX-License-Identifier: Apache-2.0
 * session_background: who commits does not wait for a disk to take a checkpoint. The session's
 * thread writes the file beside, from the epoch that stands; a second thread waits until the log up
 * to there is durable, then syncs the file and gives it its name, in the order in which one thread
 * would. `lock` guards job, finished, stop; while there is a job the rest is the second thread's.
 */
#include <pthread.h>
#include <signal.h>

#include "session_state.h"

struct background {
    session *s;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    bool job, finished, stop;
    file_fresh file;
    u64 epoch, mark; /* mark: of the log; 0: it is durable */
    mmsb_status status;
    message words;
};

static void job_run(background *b) {
    session *s = b->s;
    ASSERT(b->job);
    b->words = (message){.used = 0};
    b->status = b->mark == 0 ? MMSB_OK : tlog_wait(s->log, b->mark, &b->words);
    mmsb_status ended = file_fresh_end(s->files, &b->file, b->status == MMSB_OK,
                                       b->status == MMSB_OK ? &b->words : NULL);
    if (b->status == MMSB_OK) b->status = ended;
}

static void *background_thread(void *context) {
    background *b = context;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (!b->job && !b->stop) pthread_cond_wait(&b->wake, &b->lock);
        if (!b->job) break; /* what was begun is ended first */
        pthread_mutex_unlock(&b->lock);
        job_run(b);
        pthread_mutex_lock(&b->lock);
        ASSERT(!b->finished);
        b->job = false, b->finished = true;
        pthread_cond_signal(&b->done);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

mmsb_status background_open(session *s, message *m) {
    ASSERT(s->behind == NULL);
    if (!s->o.background || s->log == NULL || s->o.checkpoint_epochs == 0) return MMSB_OK;
    background *b = arena_take(s->tables, sizeof *b, _Alignof(background));
    if (b == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for checkpoints");
    sigset_t all, before;
    b->s = s;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
    pthread_cond_init(&b->done, NULL);
    sigfillset(&all); /* signals go to other threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&b->thread, NULL, background_thread, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) return message_set(m, MMSB_OUT_OF_SPACE, "no thread for checkpoints");
    s->behind = b;
    return MMSB_OK;
}

/* Whether one is on its way. Tells of one that has come to its end, where that was bad. */
static bool background_look(session *s, bool wait) {
    background *b = s->behind;
    pthread_mutex_lock(&b->lock);
    while (wait && b->job) pthread_cond_wait(&b->done, &b->lock);
    bool busy = b->job, finished = b->finished;
    ASSERT(!busy || !finished);
    b->finished = false;
    pthread_mutex_unlock(&b->lock);
    if (finished && b->status != MMSB_OK)
        session_note(s, "%s: epoch %llu has no checkpoint, but the log has it", b->words.text,
                     (unsigned long long)b->epoch);
    return busy;
}

mmsb_status background_checkpoint(session *s, message *m) {
    background *b = s->behind;
    ASSERT(b != NULL && s->log != NULL);
    if (background_look(s, false)) return MMSB_OK;
    bool threaded = s->o.durability == DURABILITY_BATCH || s->o.durability == DURABILITY_NONE;
    if (!threaded) TRY(session_sync(s, m)); /* as each of its epochs was */
    tlog_place place = tlog_at(s->log);
    TRY(checkpoint_begin(s->files, s->folder, s->e, s->uuid, &s->room, &place, s->requests,
                         s->request_count, &b->file, m));
    b->epoch = place.epoch;
    b->mark = threaded ? tlog_mark(s->log) : 0;
    pthread_mutex_lock(&b->lock);
    b->job = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    return MMSB_OK;
}

void background_wait(session *s) {
    if (s->behind == NULL) return;
    bool busy = background_look(s, true);
    ASSERT(!busy);
}

void background_close(session *s) {
    background *b = s->behind;
    if (b == NULL) return;
    background_wait(s);
    pthread_mutex_lock(&b->lock);
    ASSERT(!b->job);
    b->stop = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->wake);
    pthread_cond_destroy(&b->done);
    s->behind = NULL;
}
