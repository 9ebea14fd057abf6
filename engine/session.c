/* SPDX-License-Identifier: Apache-2.0
 * session: commits, ticks, closing. An epoch is logged after its last wave and before anybody hears
 * of it; room for its record is reserved before anything changes. */
#include <stdio.h>
#include <unistd.h>

#include "../kernels/kernels.h"
#include "session_state.h"

#define RECORD_ROOM (64ull << 10)
#define AUDIT_EPOCHS 64u
#define REQUEST_STREAMS 256u /* taken at open; further streams take memory as they appear */
#define APPLY_AHEAD 16u      /* deltas whose lines are fetched before the first is applied */
/* Beside an epoch's record: ticks before it, root, seal. */
#define RESERVE_EXTRA 512u

engine *session_engine(session *s) {
    ASSERT(s->e != NULL);
    return s->e;
}
bool session_failed(const session *s) { return s->failed; }
bool session_started(const session *s) { return s->started; }
bool session_keeps_log(const session *s) { return s->log != NULL; }
bool session_syncs(const session *s) {
    return s->log != NULL && s->o.durability != DURABILITY_NONE;
}

void session_note(session *s, const char *format, ...) {
    ASSERT(format != NULL);
    char text[600];
    va_list list;
    if (s->o.note == NULL) return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    s->o.note(s->o.note_context, text);
}

u64 session_last_request(const session *s, u64 stream) {
    ASSERT(s->request_count <= s->request_capacity);
    for (u32 k = 0; k < s->request_count; k++)
        if (s->requests[k].stream == stream) return s->requests[k].number;
    return 0;
}

mmsb_status session_request_set(session *s, u64 stream, u64 number, message *m) {
    ASSERT(s->request_count <= s->request_capacity);
    if (stream == 0) return MMSB_OK;
    for (u32 k = 0; k < s->request_count; k++) {
        if (s->requests[k].stream != stream) continue;
        s->requests[k].number = u64_max(number, s->requests[k].number);
        return MMSB_OK;
    }
    if (!arena_grow(s->tables, (void **)&s->requests, &s->request_capacity, s->request_count + 1,
                    sizeof *s->requests))
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for another request stream");
    s->requests[s->request_count++] = (checkpoint_request){stream, number};
    return MMSB_OK;
}

/* Address space for the largest commit there can be, or for as much as the system gives: memory is
 * touched as commits need it, and none is asked for after the start. */
static mmsb_status record_open(session *s, message *m) {
    u64 room = sizeof(tlog_head) + TLOG_BODY_MAX;
    ASSERT(s->record == NULL);
    while (room > RECORD_ROOM && (s->record = region_take(room)) == NULL) room /= 2;
    if (s->record == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for commits");
    s->record_room = room;
    return MMSB_OK;
}

/* Only where the system gave less than the largest commit. */
static mmsb_status record_grow(session *s, u64 bytes, message *m) {
    ASSERT(s->used % 8 == 0);
    ASSERT(bytes % 8 == 0);
    u64 need = sizeof(tlog_head) + s->used + bytes;
    if (need <= s->record_room) return MMSB_OK;
    u64 room = u64_max(u64_max(need, s->record_room * 2), RECORD_ROOM);
    u8 *more = region_take(room);
    if (more == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "the commit needs %llu bytes",
                           (unsigned long long)need);
    memcpy(more, s->record, sizeof(tlog_head) + s->used);
    region_give_back(s->record, s->record_room);
    s->record = more, s->record_room = room;
    ASSERT(s->record_room >= need);
    return MMSB_OK;
}

/* ⊕ where it is cheapest: a set of the same lanes replaces the delta before (delta.h says where its
 * fields lie). */
static bool delta_absorbs(const session *s, const delta *d) {
    ASSERT(s->last == 0 || s->last >= sizeof(tlog_head));
    ASSERT(s->last < sizeof(tlog_head) + s->used || s->last == 0);
    u32 page;
    u64 first, count;
    if (s->last == 0 || d->kind != DELTA_SET || d->form != DELTA_RANGE) return false;
    const u8 *at = s->record + s->last;
    memcpy(&page, at, 4), memcpy(&first, at + 8, 8), memcpy(&count, at + 16, 8);
    return page == d->page && first == d->first && count == d->count;
}

/* Takes the room of a delta: s->last is where it goes. */
static mmsb_status delta_room(session *s, const delta *d, message *m) {
    u64 bytes = delta_bytes(d);
    ASSERT(bytes % 8 == 0);
    if (s->used + bytes > TLOG_BODY_MAX)
        return message_set(m, MMSB_OUT_OF_SPACE,
                           "a commit holds at most %llu bytes of deltas: split it",
                           (unsigned long long)TLOG_BODY_MAX);
    TRY(record_grow(s, bytes, m));
    if (delta_absorbs(s, d)) s->used = s->last - sizeof(tlog_head);
    s->last = sizeof(tlog_head) + s->used;
    s->used += bytes;
    ASSERT(sizeof(tlog_head) + s->used <= s->record_room);
    return MMSB_OK;
}

mmsb_status session_delta(session *s, const delta *d, message *m) {
    TRY(delta_check(s->i, d, m));
    TRY(delta_room(s, d, m));
    delta_write(d, s->record + s->last);
    return MMSB_OK;
}

mmsb_status session_delta_place(session *s, const delta *d, void **to, message *m) {
    ASSERT(d->form == DELTA_RANGE && d->payload == NULL && !d->broadcast);
    delta placed = *d;
    u8 nothing[8] = {0};
    u64 all = d->payload_bytes;
    /* Everything but the values is checked on one lane and on the last. */
    placed.payload = nothing, placed.count = 1, placed.payload_bytes = type_bytes(d->type);
    TRY(delta_check(s->i, &placed, m));
    u64 lanes = s->i->shapes[s->i->pages[d->page].shape].lanes;
    if (d->count == 0 || d->count > lanes - d->first)
        return message_set(m, MMSB_WRONG, "%llu lanes from %llu: the page has %llu",
                           (unsigned long long)d->count, (unsigned long long)d->first,
                           (unsigned long long)lanes);
    ASSERT(all == d->count * type_bytes(d->type));
    TRY(delta_room(s, d, m));
    delta_head_write(d, s->record + s->last);
    *to = s->record + s->last + DELTA_HEAD_BYTES;
    if (d->type == TYPE_BOOL)
        memset(*to, 0, ALIGN_UP(all, 8));
    else
        memset((u8 *)*to + all, 0, ALIGN_UP(all, 8) - all);
    return MMSB_OK;
}

mmsb_status session_body_room(session *s, u64 bytes, u8 **to, message *m) {
    ASSERT(bytes % 8 == 0);
    if (bytes > TLOG_BODY_MAX - s->used)
        return message_set(m, MMSB_OUT_OF_SPACE,
                           "a commit holds at most %llu bytes of deltas: split it",
                           (unsigned long long)TLOG_BODY_MAX);
    TRY(record_grow(s, bytes, m));
    *to = s->record + sizeof(tlog_head) + s->used;
    return MMSB_OK;
}

mmsb_status session_body(session *s, u64 bytes, message *m) {
    ASSERT(bytes % 8 == 0);
    ASSERT(sizeof(tlog_head) + s->used + bytes <= s->record_room);
    delta d;
    u64 used;
    const u8 *body = s->record + sizeof(tlog_head) + s->used;
    for (u64 at = 0; at < bytes; at += used)
        TRY(delta_read(s->i, body + at, bytes - at, &d, &used, m));
    s->used += bytes, s->last = 0;
    return MMSB_OK;
}

void session_drop(session *s) { s->used = 0, s->last = 0; }
u64 session_pending_bytes(const session *s) { return s->used; }

mmsb_status session_apply(session *s, const u8 *body, u64 bytes, message *m) {
    ASSERT(((uintptr_t)body & 7) == 0);
    ASSERT(bytes % 8 == 0);
    delta ahead[APPLY_AHEAD];
    u64 at = 0, used, read = 0, applied = 0;
    while (at < bytes || applied < read) {
        if (at < bytes && read - applied < APPLY_AHEAD) {
            delta *d = &ahead[read % APPLY_AHEAD];
            TRY(delta_read(s->i, body + at, bytes - at, d, &used, m));
            engine_prefetch(s->e, d);
            at += used, read++;
            if (read - applied < APPLY_AHEAD) continue;
        }
        engine_apply(s->e, &ahead[applied++ % APPLY_AHEAD]);
    }
    return MMSB_OK;
}

static mmsb_status failed_words(message *m) {
    return message_set(m, MMSB_IO, "it failed before: nothing more is taken");
}

/* Room for what an epoch appends. Where even that cannot be said to have failed cleanly, the
 * session has. */
static mmsb_status log_reserve(session *s, u64 bytes, message *m) {
    if (s->log == NULL) return MMSB_OK;
    mmsb_status status = tlog_reserve(s->log, bytes, m);
    if (status != MMSB_OK && tlog_failed(s->log)) s->failed = true;
    ASSERT(status == MMSB_OK || status == MMSB_IO);
    return status;
}

static mmsb_status log_small(session *s, tlog_kind kind, u64 epoch, u64 value, u64 stream,
                             u64 number, message *m) {
    ASSERT(s->log != NULL);
    ASSERT(kind != TLOG_EPOCH && kind < TLOG_KIND_COUNT);
    struct {
        tlog_head head;
        u64 value;
    } r = {.head = {.epoch = epoch,
                    .stream = stream,
                    .number = number,
                    .kind = (u16)kind,
                    .body_bytes = kind == TLOG_SEAL ? 0 : 8},
           .value = value};
    mmsb_status status = tlog_append(s->log, &r.head, m);
    if (status != MMSB_OK) s->failed = true;
    return status;
}

/* After an epoch's record: synced as the mode says. */
static mmsb_status log_publish(session *s, u64 epoch, message *m) {
    ASSERT(s->log != NULL);
    ASSERT(epoch > 0);
    if (s->o.durability != DURABILITY_EPOCH && s->o.durability != DURABILITY_SEALED) return MMSB_OK;
    mmsb_status status = tlog_sync(s->log, m);
    if (status == MMSB_OK && s->o.durability == DURABILITY_SEALED) {
        status = log_small(s, TLOG_SEAL, epoch, 0, 0, 0, m);
        if (status == MMSB_OK) status = tlog_sync(s->log, m);
    }
    if (status != MMSB_OK) s->failed = true;
    return status;
}

static bool root_is_due(const session *s, u64 epoch) {
    ASSERT(epoch > 0);
    return epoch % (s->o.audit_epochs == 0 ? AUDIT_EPOCHS : s->o.audit_epochs) == 0;
}

static bool checkpoint_is_due(const session *s, u64 epoch) {
    ASSERT(epoch > 0);
    return s->o.checkpoint_epochs != 0 && epoch % s->o.checkpoint_epochs == 0;
}

/* One that fails takes nothing from the epoch: the log has it. */
static mmsb_status checkpoint_try(session *s, message *m) {
    message why = {.used = 0};
    ASSERT(s->log != NULL);
    mmsb_status status =
        s->behind != NULL ? background_checkpoint(s, &why) : session_checkpoint(s, &why);
    if (status == MMSB_OK) return MMSB_OK;
    if (s->failed) {
        if (m != NULL) *m = why;
        return status;
    }
    session_note(s, "%s: epoch %llu has no checkpoint, but the log has it", why.text,
                 (unsigned long long)engine_epoch(s->e));
    return MMSB_OK;
}

/* Roots and checkpoints of the epoch that was just accepted. */
static mmsb_status accepted(session *s, message *m) {
    u64 epoch = engine_epoch(s->e);
    s->moved = true;
    ASSERT(epoch > 0);
    if (s->log == NULL) return MMSB_OK;
    if (root_is_due(s, epoch)) TRY(log_small(s, TLOG_ROOT, epoch, engine_root(s->e), 0, 0, m));
    return checkpoint_is_due(s, epoch) ? checkpoint_try(s, m) : MMSB_OK;
}

static mmsb_status epoch_run(session *s, message *m) {
    ASSERT(!s->failed);
    u64 next = engine_epoch(s->e) + 1;
    mmsb_status status = engine_run(s->e, m);
    if (status == MMSB_OK && s->o.oracle_epochs != 0 && next % s->o.oracle_epochs == 0)
        status = engine_check(s->e, m);
    if (status == MMSB_REJECTED) engine_reject(s->e);
    if (status != MMSB_OK && status != MMSB_REJECTED) s->failed = true;
    return status;
}

mmsb_status session_commit(session *s, const session_request *r, message *m) {
    ASSERT(s->used <= TLOG_BODY_MAX);
    u64 used = s->used, epoch = engine_epoch(s->e) + 1;
    session_request request = r == NULL ? (session_request){0, 0} : *r;
    session_drop(s);
    if (s->failed) return failed_words(m);
    TRY(record_grow(s, used, m));
    TRY(log_reserve(s, sizeof(tlog_head) + used + RESERVE_EXTRA, m));
    if (s->log != NULL) TRY(session_request_set(s, request.stream, 0, m));
    TRY(session_apply(s, s->record + sizeof(tlog_head), used, m));
    TRY(epoch_run(s, m));
    if (s->log != NULL) {
        tlog_head *h = (tlog_head *)s->record;
        *h = (tlog_head){.epoch = epoch,
                         .stream = request.stream,
                         .number = request.number,
                         .body_bytes = (u32)used,
                         .kind = TLOG_EPOCH};
        mmsb_status status = tlog_append(s->log, h, m);
        if (status != MMSB_OK) s->failed = true;
        TRY(status);
        TRY(session_request_set(s, request.stream, request.number, m));
        TRY(log_publish(s, epoch, m));
    }
    engine_accept(s->e);
    ASSERT(engine_epoch(s->e) == epoch);
    return accepted(s, m);
}

/* Writes the record of ticks that were run but not logged. */
static mmsb_status ticks_flush(session *s, u64 *pending, const session_request *r, message *m) {
    ASSERT(pending != NULL);
    u64 count = *pending, epoch = engine_epoch(s->e);
    *pending = 0;
    if (count == 0 || s->log == NULL) return MMSB_OK;
    TRY(log_small(s, TLOG_TICKS, epoch, count, r->stream, r->number, m));
    TRY(session_request_set(s, r->stream, r->number, m));
    return log_publish(s, epoch, m);
}

mmsb_status session_ticks(session *s, u64 n, const session_request *first,
                          bool (*visit)(void *context, session *s), void *context, u64 *done,
                          message *m) {
    ASSERT(done != NULL);
    session_request r = first == NULL ? (session_request){0, 0} : *first;
    u64 pending = 0;
    *done = 0;
    if (s->failed) return failed_words(m);
    if (s->log != NULL) TRY(session_request_set(s, r.stream, 0, m));
    r.number -= 1;
    while (*done < n) {
        if (pending == 0) TRY(log_reserve(s, RESERVE_EXTRA, m));
        mmsb_status status = epoch_run(s, m);
        if (status != MMSB_OK) {
            message words = *m;
            TRY(ticks_flush(s, &pending, &r, m));
            *m = words;
            return status;
        }
        engine_accept(s->e);
        ++*done, pending++;
        ASSERT(pending <= *done);
        r.number++;
        u64 epoch = engine_epoch(s->e);
        bool due = root_is_due(s, epoch) || checkpoint_is_due(s, epoch);
        if (engine_fired(s->e, NULL, 0) != 0 || due || *done == n)
            TRY(ticks_flush(s, &pending, &r, m));
        bool last = visit != NULL && !visit(context, s);
        TRY(accepted(s, m)); /* what may take the time of a disk comes last */
        if (last) break;
    }
    return ticks_flush(s, &pending, &r, m);
}

u64 session_durable_epoch(const session *s) {
    return s->log == NULL ? s->durable : tlog_durable_epoch(s->log);
}

mmsb_status session_sync(session *s, message *m) {
    if (s->failed) return failed_words(m);
    if (s->log == NULL) return MMSB_OK;
    mmsb_status status = tlog_sync(s->log, m);
    if (status != MMSB_OK) s->failed = true;
    return status;
}

mmsb_status session_checkpoint(session *s, message *m) {
    background_wait(s);
    TRY(session_sync(s, m));
    if (s->log == NULL) return MMSB_OK;
    tlog_place place = tlog_at(s->log);
    ASSERT(!s->failed);
    ASSERT(place.epoch == engine_epoch(s->e));
    return checkpoint_write(s->files, s->folder, s->e, s->uuid, &s->room, &place, s->requests,
                            s->request_count, m);
}

/* The log's end is synced before anything can fail, the close record after the checkpoint. */
static mmsb_status close_log(session *s, message *m) {
    if (s->log == NULL || (!s->moved && s->closed_clean)) return MMSB_OK;
    if (s->failed) { /* by something else maybe: what the log took is kept */
        (void)tlog_sync(s->log, NULL);
        return MMSB_OK;
    }
    u64 epoch = engine_epoch(s->e), root = engine_root(s->e);
    TRY(session_sync(s, m));
    mmsb_status status = log_reserve(s, RESERVE_EXTRA, m);
    if (status == MMSB_OK) status = session_checkpoint(s, m);
    if (status != MMSB_OK) {
        if (!s->failed) message_add(m, "; the log has all epochs, synced, but no end");
        return status;
    }
    TRY(log_small(s, TLOG_CLOSE, epoch, root, 0, 0, m));
    return tlog_sync(s->log, m);
}

mmsb_status session_end(session *s, message *m) {
    background_close(s);
    mmsb_status status = close_log(s, m);
    if (s->log != NULL) s->durable = tlog_durable_epoch(s->log);
    tlog_close(s->log);
    s->log = NULL, s->failed = true;
    folder_close(s);
    session_drop(s);
    ASSERT(s->folder < 0 && s->lock < 0);
    return status;
}

mmsb_status session_close(session *s, message *m) {
    if (s == NULL) return MMSB_OK;
    mmsb_status status = session_end(s, m);
    engine_close(s->e);
    native_close(s);
    kernels_close(s);
    region_give_back(s->record, s->record_room);
    arena_close(s->tables);
    return status;
}

static mmsb_status directory_make(session *s, message *m) {
    ASSERT(s->folder >= 0);
    ASSERT(s->log == NULL);
    tlog_place start = {0};
    int random = s->files->random(s->files, s->uuid, sizeof s->uuid);
    if (random < 0) return file_failed(m, "draw the log's UUID for", s->o.state, random);
    TRY(file_replace(s->files, s->folder, "graph.mmsbx", s->i->bytes, s->i->byte_count, m));
    TRY(kernels_keep(s, false, m));
    tlog_options o = {.files = s->files,
                      .folder = s->folder,
                      .mode = s->o.durability,
                      .background = s->o.background,
                      .segment_bytes = s->o.segment_bytes,
                      .image_digest = s->i->head->digest};
    memcpy(o.uuid, s->uuid, 16);
    TRY(tlog_open(&o, &start, &s->log, m));
    start = tlog_at(s->log);
    return checkpoint_write(s->files, s->folder, s->e, s->uuid, &s->room, &start, NULL, 0, m);
}

static mmsb_status directory_recover(session *s, const folder_list *l, message *m) {
    ASSERT(l->checkpoint_count != 0);
    ASSERT(s->log == NULL);
    recovery r = {.most = UINT64_MAX, .to = UINT64_MAX, .repair = true};
    TRY(folder_graph_check(s, m));
    TRY(kernels_keep(s, true, m));
    TRY(session_restore(s, l, &r, m));
    ASSERT(engine_epoch(s->e) == r.end.epoch);
    TRY(inputs_compare(s, m));
    tlog_options o = {.files = s->files,
                      .folder = s->folder,
                      .mode = s->o.durability,
                      .background = s->o.background,
                      .segment_bytes = s->o.segment_bytes,
                      .image_digest = s->i->head->digest};
    memcpy(o.uuid, s->uuid, 16);
    return tlog_open(&o, &r.end, &s->log, m);
}

static mmsb_status directory_open(session *s, message *m) {
    ASSERT(s->o.state != NULL);
    folder_list l = {.memory = s->tables};
    TRY(migration_finish(s, m));
    TRY(folder_open(s, true, m));
    TRY(folder_read(s, &l, m));
    folder_clean(s);
    if (l.checkpoint_count != 0) return directory_recover(s, &l, m);
    if (l.segment_last > 1)
        return message_set(m, MMSB_DAMAGED, "%s: there is a log but no checkpoint", s->o.state);
    if (l.segment_last == 1) { /* made in part: nothing was acknowledged, unless records follow */
        tlog_reader reader = {.files = s->files, .folder = s->folder, .last_segment = 1};
        tlog_segment head;
        const tlog_head *record = NULL;
        TRY(tlog_segment_read(s->files, s->folder, 1, &head, m));
        reader.uuid = head.uuid, reader.image_digest = head.image_digest;
        TRY(tlog_read_open(&reader, m));
        mmsb_status status = tlog_read_next(&reader, &record, m);
        bool holds = record != NULL;
        tlog_read_close(&reader);
        TRY(status);
        if (holds)
            return message_set(m, MMSB_DAMAGED,
                               "%s: the log has records, but checkpoint-0 is missing", s->o.state);
    }
    TRY(first_contents(s, m));
    return directory_make(s, m);
}

session *session_new(const image *i, const session_options *options) {
    ASSERT(options != NULL);
    arena *a = arena_open(0);
    session *s = a == NULL ? NULL : arena_take(a, sizeof *s, _Alignof(session));
    if (s == NULL) {
        arena_close(a);
        return NULL;
    }
    s->o = *options, s->i = i, s->tables = a, s->folder = s->lock = s->native_fd = -1;
    s->files = options->files == NULL ? file_system() : options->files;
    return s;
}

/* All that commits and checkpoints will need. */
static mmsb_status rooms_take(session *s, message *m) {
    ASSERT(s->room.parts == NULL);
    TRY(record_open(s, m));
    if (!checkpoint_room_take(&s->room, s->tables, s->i) ||
        !arena_grow(s->tables, (void **)&s->requests, &s->request_capacity, REQUEST_STREAMS,
                    sizeof *s->requests))
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a session");
    return MMSB_OK;
}

static mmsb_status engine_begin(session *s, message *m) {
    mmsb_status status = engine_open(s->i, &s->o.engine, &s->e, m);
    const char *refused = kernels_refused();
    if (status == MMSB_OK && refused != NULL)
        session_note(s, "MMSB_KERNELS=%s: no such kernels on this processor: using %s", refused,
                     kernels_level_text(kernels_choose(KERNELS_V4)));
    return status;
}

mmsb_status session_open(const image *i, const session_options *options, session **out,
                         message *m) {
    ASSERT(i != NULL);
    ASSERT(out != NULL);
    session *s = session_new(i, options);
    *out = NULL;
    if (s == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a session");
    mmsb_status status = engine_begin(s, m);
    if (status == MMSB_OK) status = native_open(s, m);
    if (status == MMSB_OK) status = gpu_open(s, m);
    if (status == MMSB_OK) status = rooms_take(s, m);
    if (status == MMSB_OK) status = kernels_open(s, false, m);
    if (status == MMSB_OK)
        status = options->state == NULL ? first_contents(s, m) : directory_open(s, m);
    if (status == MMSB_OK) status = background_open(s, m);
    if (status != MMSB_OK) {
        s->failed = true;
        session_close(s, NULL);
        return status;
    }
    s->started = true;
    *out = s;
    return MMSB_OK;
}

mmsb_status session_replay(const image *i, const session_options *options,
                           const session_replay_options *replay, session **out, message *m) {
    ASSERT(options->state != NULL);
    ASSERT(out != NULL);
    session *s = session_new(i, options);
    *out = NULL;
    if (s == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a session");
    folder_list l = {.memory = s->tables};
    recovery r = {.most = replay->from_most,
                  .to = replay->to,
                  .visit = replay->visit,
                  .record = replay->record,
                  .context = replay->context};
    mmsb_status status = engine_begin(s, m);
    if (status == MMSB_OK) status = native_open(s, m);
    if (status == MMSB_OK) status = rooms_take(s, m);
    if (status == MMSB_OK) status = gpu_open(s, m);
    if (status == MMSB_OK) status = folder_open(s, false, m);
    if (status == MMSB_OK) status = folder_read(s, &l, m);
    if (status == MMSB_OK && l.checkpoint_count == 0)
        status = message_set(m, MMSB_WRONG, "%s is not a state directory: it has no checkpoint",
                             options->state);
    if (status == MMSB_OK) status = folder_graph_check(s, m);
    if (status == MMSB_OK) status = kernels_open(s, true, m);
    if (status != MMSB_OK) {
        session_close(s, NULL);
        return status;
    }
    *out = s;
    return session_restore(s, &l, &r, m);
}
