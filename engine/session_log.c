/* SPDX-License-Identifier: Apache-2.0
 * session_log: a state directory read record by record, without running anything. */
#include <fcntl.h>

#include "session_state.h"

static mmsb_status log_walk(session *s, const session_log_visitor *v, session_log_summary *out,
                            message *m) {
    ASSERT(v != NULL);
    ASSERT(out != NULL);
    tlog_segment head;
    folder_list l = {.memory = s->tables};
    TRY(folder_open(s, false, m));
    TRY(folder_read(s, &l, m));
    if (l.segment_last == 0)
        return message_set(m, MMSB_WRONG, "%s is not a state directory: it has no log-1",
                           s->o.state);
    TRY(tlog_segment_read(s->files, s->folder, 1, &head, m));
    tlog_reader r = {.files = s->files,
                     .folder = s->folder,
                     .uuid = head.uuid,
                     .image_digest = head.image_digest,
                     .last_segment = l.segment_last};
    for (u32 k = 0; k < l.checkpoint_count; k++) {
        r.known_durable = l.checkpoints[k];
        if (v->checkpoint != NULL) v->checkpoint(v->context, l.checkpoints[k]);
    }
    out->checkpoints = l.checkpoint_count, out->segments = l.segment_last;
    mmsb_status status = tlog_read_open(&r, m);
    for (const tlog_head *h; status == MMSB_OK;) {
        u64 offset = r.place.offset, segment = r.place.segment;
        status = tlog_read_next(&r, &h, m);
        if (status != MMSB_OK || h == NULL) break;
        ASSERT(r.place.segment >= segment);
        session_record told = {h,
                               {.segment = r.place.segment,
                                .offset = r.place.segment == segment ? offset : TLOG_START}};
        out->records++;
        out->roots += h->kind == TLOG_ROOT || h->kind == TLOG_CLOSE;
        if (v->record != NULL) v->record(v->context, &told);
    }
    out->epoch = r.place.epoch, out->torn_bytes = r.torn_bytes, out->end = r.place;
    tlog_read_close(&r);
    return status;
}

mmsb_status session_log(const char *state, const session_log_visitor *v, session_log_summary *out,
                        message *m) {
    ASSERT(state != NULL);
    session s = {.files = file_system(), .folder = -1, .lock = -1, .tables = arena_open(0)};
    s.o.state = state;
    memset(out, 0, sizeof *out);
    if (s.tables == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    mmsb_status status = log_walk(&s, v, out, m);
    folder_close(&s);
    arena_close(s.tables);
    return status;
}
