/* SPDX-License-Identifier: Apache-2.0
 * session_recover: a checkpoint and the log behind it give the state back. Recovery and replay are
 * this one loop. The whole log is read and checked, also what the checkpoint already holds. */
#include <stdio.h>

#include "session_state.h"

typedef unsigned long long llu;

/* The newest checkpoint of an epoch ≤ most that is whole. The UUID comes with the first good one.
 */
static mmsb_status checkpoint_choose(session *s, const folder_list *l, u64 most, checkpoint *c,
                                     message *m) {
    ASSERT(l->checkpoint_count <= l->checkpoint_capacity);
    message first = {.used = 0};
    mmsb_status status = MMSB_OK;
    for (u32 k = l->checkpoint_count; k > 0; k--) {
        if (l->checkpoints[k - 1] > most) continue;
        mmsb_status one = checkpoint_load(s->files, s->folder, l->checkpoints[k - 1], s->e, c, m);
        if (one == MMSB_OK) {
            if (status != MMSB_OK)
                session_note(s, "%s; going on from checkpoint-%llu and the log", first.text,
                             (llu)c->head->epoch);
            memcpy(s->uuid, c->head->uuid, 16);
            return MMSB_OK;
        }
        if (one != MMSB_DAMAGED) return one;
        if (status == MMSB_OK) status = one, first = *m;
    }
    if (status == MMSB_OK)
        return message_set(m, MMSB_DAMAGED, "%s: checkpoint-0 is missing", s->o.state);
    *m = first;
    return status;
}

/* Runs one epoch of a record. */
static mmsb_status epoch_again(session *s, u64 epoch, message *m) {
    ASSERT(engine_epoch(s->e) + 1 == epoch);
    message words = {.used = 0};
    mmsb_status status = engine_run(s->e, &words);
    if (status == MMSB_OK && s->o.oracle_epochs != 0 && epoch % s->o.oracle_epochs == 0)
        status = engine_check(s->e, &words);
    if (status == MMSB_REJECTED)
        return message_set(m, MMSB_DAMAGED, "epoch %llu was logged, but is rejected now: %s",
                           (llu)epoch, words.text);
    if (status != MMSB_OK) {
        *m = words;
        return status;
    }
    engine_accept(s->e);
    return MMSB_OK;
}

static mmsb_status root_check(session *s, u64 epoch, u64 logged, u64 *agreed, message *m) {
    ASSERT(agreed != NULL);
    if (engine_epoch(s->e) != epoch) return MMSB_OK;
    u64 root = engine_root(s->e);
    if (root == logged) {
        *agreed = epoch;
        return MMSB_OK;
    }
    return message_set(
        m, MMSB_DAMAGED,
        "epoch %llu: the log says root 0x%016llx, but replaying gives 0x%016llx; the "
        "last epoch known to agree is %llu",
        (llu)epoch, (llu)logged, (llu)root, (llu)*agreed);
}

typedef struct {
    recovery *r;
    u64 start, agreed;
    bool stopped;
} again;

static mmsb_status record_again(session *s, again *a, const tlog_head *h, message *m) {
    ASSERT(h->kind > TLOG_END && h->kind < TLOG_KIND_COUNT);
    recovery *r = a->r;
    const u8 *body = (const u8 *)(h + 1);
    u64 value = 0;
    if (h->kind != TLOG_EPOCH && h->body_bytes == 8) memcpy(&value, body, 8);
    TRY(session_request_set(s, h->stream, h->number, m));
    s->closed_clean = h->kind == TLOG_CLOSE;
    if (h->kind == TLOG_ROOT || h->kind == TLOG_CLOSE)
        return root_check(s, h->epoch, value, &a->agreed, m);
    if (h->kind == TLOG_SEAL) return MMSB_OK;
    u64 count = h->kind == TLOG_TICKS ? value : 1;
    ASSERT(count >= 1 && count <= h->epoch);
    for (u64 epoch = h->epoch - count + 1; epoch <= h->epoch; epoch++) {
        if (epoch <= a->start) continue;
        if (epoch > r->to || a->stopped) {
            a->stopped = true;
            return MMSB_OK;
        }
        if (h->kind == TLOG_EPOCH) TRY(session_apply(s, body, h->body_bytes, m));
        TRY(epoch_again(s, epoch, m));
        if (r->visit != NULL && !r->visit(r->context, s)) a->stopped = true;
    }
    return MMSB_OK;
}

static mmsb_status log_again(session *s, tlog_reader *reader, again *a, message *m) {
    for (;;) {
        const tlog_head *h;
        tlog_place at = reader->place;
        TRY(tlog_read_next(reader, &h, m));
        if (h == NULL) break;
        ASSERT(reader->place.segment >= at.segment);
        if (reader->place.segment != at.segment) at = reader->place, at.offset = TLOG_START;
        session_record told = {h, at};
        if (a->r->record != NULL) a->r->record(a->r->context, &told);
        if (!a->stopped) TRY(record_again(s, a, h, m));
    }
    u64 last = u64_max(reader->place.epoch, a->start);
    if (reader->place.epoch < a->start)
        return message_set(
            m, MMSB_DAMAGED,
            "%s: the log ends with epoch %llu, but checkpoint-%llu was written: epochs "
            "in between cannot be replayed; restore the log from a copy",
            s->o.state, (llu)reader->place.epoch, (llu)a->start);
    if (reader->torn_bytes != 0) {
        session_note(s,
                     "log-%llu: the last %llu bytes, a record that was never finished, are %s; "
                     "the state is that of epoch %llu",
                     (llu)reader->place.segment, (llu)reader->torn_bytes,
                     a->r->repair ? "cut" : "left out", (llu)last);
        s->closed_clean = false;
        if (a->r->repair) TRY(tlog_cut(reader, m));
    }
    return MMSB_OK;
}

mmsb_status session_restore(session *s, const folder_list *l, recovery *r, message *m) {
    ASSERT(l->checkpoint_count > 0);
    checkpoint c;
    TRY(checkpoint_choose(s, l, r->most, &c, m));
    again a = {.r = r, .start = c.head->epoch, .agreed = c.head->epoch};
    tlog_reader reader = {.files = s->files,
                          .folder = s->folder,
                          .uuid = s->uuid,
                          .image_digest = s->i->head->digest,
                          .last_segment = l->segment_last};
    /* A checkpoint is written after the log up to it was synced, whether or not it can be read. */
    reader.known_durable = l->checkpoints[l->checkpoint_count - 1];
    mmsb_status status = checkpoint_restored(&c, s->e, m);
    checkpoint_free(&c);
    TRY(status);
    s->started = true;
    if (l->segment_last == 0)
        return message_set(m, MMSB_DAMAGED, "%s: log-1 is missing", s->o.state);
    status = tlog_read_open(&reader, m);
    if (status == MMSB_OK) status = log_again(s, &reader, &a, m);
    r->end = reader.place;
    tlog_read_close(&reader);
    TRY(status);
    if (r->to != UINT64_MAX && engine_epoch(s->e) < r->to)
        return message_set(m, MMSB_WRONG, "%s holds epochs 0 to %llu, not %llu", s->o.state,
                           (llu)engine_epoch(s->e), (llu)r->to);
    return MMSB_OK;
}
