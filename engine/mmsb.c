/* SPDX-License-Identifier: Apache-2.0
 * mmsb: looks at state directories: their log, their pages. Changes nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint.h"
#include "core/number.h"
#include "tool_print.h"
#include "session.h"

typedef unsigned long long llu;

static const char help[] =
    "mmsb log ls DIR              checkpoints and segments of a state directory\n"
    "mmsb log show DIR            every record, with its deltas as lines\n"
    "mmsb log verify DIR          reads all, replays all, checks every root and checkpoint\n"
    "mmsb page get DIR PAGE[i] [--at EPOCH]   a page, or an element, at the end or at an epoch\n"
    "  --allow-kernels            loads the kernels that the graph calls, where one is run\n"
    "mmsb --version, mmsb --help\n"
    "Exit status: 0 ok, 1 wrong data, 2 usage, 3 input/output, 4 damaged data, 5 a limit, "
    "70 our bug.\n";

static bool allow_kernels; /* --allow-kernels was given */

typedef struct {
    image i;
    const void *bytes;
    u64 byte_count;
    char path[4096];
} graph;

static int fail(mmsb_status s, const message *m) {
    fflush(stdout);
    fprintf(stderr, "mmsb: %s\n", m->text);
    return status_exit(s);
}

static int usage(const char *what) {
    fprintf(stderr, "mmsb: %s; see mmsb --help\n", what);
    return 2;
}

static void note(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "mmsb: %s\n", text);
}

static mmsb_status graph_open(graph *g, const char *state, message *m) {
    ASSERT(state != NULL);
    snprintf(g->path, sizeof g->path, "%s/graph.mmsbx", state);
    TRY(file_map(file_system(), AT_FDCWD, g->path, &g->bytes, &g->byte_count, m));
    mmsb_status s = image_verify(g->bytes, g->byte_count, &g->i, m);
    if (s != MMSB_OK) {
        file_unmap(g->bytes, g->byte_count);
        g->bytes = NULL;
    }
    return s;
}

static void ls_checkpoint(void *context, u64 epoch) {
    (void)context;
    printf("checkpoint-%-12llu epoch %llu\n", (llu)epoch, (llu)epoch);
}

typedef struct {
    u64 segment, first, last, records, bytes;
} ls_segment;

static void ls_flush(const ls_segment *s) {
    ASSERT(s->records == 0 || s->last >= s->first);
    if (s->segment != 0)
        printf("log-%-19llu epochs %llu to %llu, %llu records, %llu bytes\n", (llu)s->segment,
               (llu)s->first, (llu)s->last, (llu)s->records, (llu)s->bytes);
}

static void ls_record(void *context, const session_record *r) {
    ASSERT(r->place.segment >= ((ls_segment *)context)->segment);
    ls_segment *s = context;
    if (r->place.segment != s->segment) {
        ls_flush(s);
        *s = (ls_segment){.segment = r->place.segment, .first = r->head->epoch};
    }
    s->last = r->head->epoch;
    s->records++, s->bytes += sizeof *r->head + r->head->body_bytes;
}

static int log_ls(const char *state, message *m) {
    ls_segment at = {0};
    session_log_visitor v = {.checkpoint = ls_checkpoint, .record = ls_record, .context = &at};
    session_log_summary sum;
    mmsb_status s = session_log(state, &v, &sum, m);
    ls_flush(&at);
    if (sum.torn_bytes != 0)
        printf("log-%llu ends with %llu bytes of a record that was never finished\n",
               (llu)sum.end.segment, (llu)sum.torn_bytes);
    return s == MMSB_OK ? 0 : fail(s, m);
}

static void show_record(void *context, const session_record *r) {
    ASSERT(r->head->kind < TLOG_KIND_COUNT);
    static const char *const names[TLOG_KIND_COUNT] = {"",     "deltas", "ticks",
                                                       "root", "seal",   "close"};
    const graph *g = context;
    const tlog_head *h = r->head;
    const u8 *body = (const u8 *)(h + 1);
    u64 value = 0;
    if (h->body_bytes == 8) memcpy(&value, body, 8);
    printf("log-%llu:%llu epoch %llu %s", (llu)r->place.segment, (llu)r->place.offset,
           (llu)h->epoch, names[h->kind]);
    if (h->kind == TLOG_TICKS) printf(" %llu", (llu)value);
    if (h->kind == TLOG_ROOT || h->kind == TLOG_CLOSE) printf(" 0x%016llx", (llu)value);
    if (h->stream != 0) printf(" request %016llx:%llu", (llu)h->stream, (llu)h->number);
    printf(" durable %llu\n", (llu)h->durable);
    for (u64 at = 0, used = 0; h->kind == TLOG_EPOCH && at < h->body_bytes; at += used) {
        delta d;
        message m = {.used = 0};
        if (delta_read(&g->i, body + at, h->body_bytes - at, &d, &used, &m) != MMSB_OK) {
            printf("    %s\n", m.text);
            break;
        }
        print_delta(&g->i, &d, "    ");
    }
}

static int log_show(const char *state, message *m) {
    graph g;
    session_log_summary sum;
    mmsb_status s = graph_open(&g, state, m);
    if (s != MMSB_OK) return fail(s, m);
    session_log_visitor v = {.record = show_record, .context = &g};
    s = session_log(state, &v, &sum, m);
    file_unmap(g.bytes, g.byte_count);
    return s == MMSB_OK ? 0 : fail(s, m);
}

typedef struct {
    const graph *g;
    int folder;
    mmsb_status status;
    message *m;
    u64 *epochs;
    u32 count, capacity;
    u64 *roots;
    u32 root_capacity;
    arena *memory;
} verify;

/* Reads a checkpoint whole and keeps its root for the replay to compare. */
static void verify_checkpoint(void *context, u64 epoch) {
    ASSERT(((verify *)context)->folder >= 0);
    verify *v = context;
    checkpoint c;
    if (v->status != MMSB_OK) return;
    v->status = checkpoint_read(file_system(), v->folder, epoch, &v->g->i, NULL, &c, v->m);
    if (v->status != MMSB_OK) return;
    if (!arena_grow(v->memory, (void **)&v->epochs, &v->capacity, v->count + 1, sizeof(u64)) ||
        !arena_grow(v->memory, (void **)&v->roots, &v->root_capacity, v->count + 1, sizeof(u64))) {
        v->status = message_set(v->m, MMSB_OUT_OF_SPACE, "no memory");
    } else {
        v->epochs[v->count] = epoch, v->roots[v->count++] = c.head->root;
    }
    checkpoint_free(&c);
}

static bool verify_epoch(void *context, session *s) {
    ASSERT(((verify *)context)->count <= ((verify *)context)->capacity);
    verify *v = context;
    engine *e = session_engine(s);
    for (u32 k = 0; k < v->count; k++) {
        if (v->epochs[k] != engine_epoch(e) || v->roots[k] == engine_root(e)) continue;
        v->status = message_set(v->m, MMSB_DAMAGED,
                                "checkpoint-%llu has root 0x%016llx, but replaying gives 0x%016llx",
                                (llu)v->epochs[k], (llu)v->roots[k], (llu)engine_root(e));
        return false;
    }
    return true;
}

static mmsb_status verify_all(const graph *g, const char *state, verify *v, message *m) {
    ASSERT(v->folder >= 0);
    session_log_visitor visitor = {.checkpoint = verify_checkpoint, .context = v};
    session_log_summary sum;
    session_options o = {
        .state = state, .image_path = g->path, .note = note, .allow_kernels = allow_kernels};
    session_replay_options replay = {.to = UINT64_MAX, .visit = verify_epoch, .context = v};
    session *s = NULL;
    TRY(session_log(state, &visitor, &sum, m));
    TRY(v->status);
    mmsb_status status = session_replay(&g->i, &o, &replay, &s, m);
    if (status == MMSB_OK) status = v->status;
    if (status == MMSB_OK) {
        printf("ok: epochs 0 to %llu, %llu records in %llu segments, %llu checkpoints, %llu roots "
               "agree\n",
               (llu)sum.epoch, (llu)sum.records, (llu)sum.segments, (llu)sum.checkpoints,
               (llu)sum.roots);
        print_root(session_engine(s));
    }
    session_close(s, NULL);
    return status;
}

static int log_verify(const char *state, message *m) {
    graph g;
    verify v = {.g = &g, .m = m, .memory = arena_open(0)};
    mmsb_status s = graph_open(&g, state, m);
    if (s != MMSB_OK) return fail(s, m);
    file_calls *f = file_system();
    v.folder = f->open_at(f, AT_FDCWD, state, O_RDONLY | O_DIRECTORY, 0);
    s = v.folder < 0 ? file_failed(m, "open", state, v.folder) : verify_all(&g, state, &v, m);
    if (v.folder >= 0) f->close(f, v.folder);
    arena_close(v.memory);
    file_unmap(g.bytes, g.byte_count);
    return s == MMSB_OK ? 0 : fail(s, m);
}

static int page_get(const char *state, const char *what, u64 at, message *m) {
    ASSERT(what != NULL);
    graph g;
    u32 page;
    u64 lane;
    session *past = NULL;
    mmsb_status s = graph_open(&g, state, m);
    if (s != MMSB_OK) return fail(s, m);
    session_options o = {
        .state = state, .image_path = g.path, .note = note, .allow_kernels = allow_kernels};
    session_replay_options replay = {.to = at, .from_most = at};
    s = page_parse(&g.i, what, &page, &lane, m);
    if (s == MMSB_OK) s = session_replay(&g.i, &o, &replay, &past, m);
    if (s == MMSB_OK) {
        if (lane == UINT64_MAX)
            print_page(session_engine(past), page);
        else
            print_lane(session_engine(past), page, lane);
    }
    session_close(past, NULL);
    file_unmap(g.bytes, g.byte_count);
    return s == MMSB_OK ? 0 : fail(s, m);
}

/* Takes --allow-kernels, wherever it stands, out of the arguments; returns how many are left. */
static int kernels_take(int count, char **a) {
    int kept = 0;
    for (int k = 0; k < count; k++) {
        bool is = k > 0 && strcmp(a[k], "--allow-kernels") == 0;
        if (!is) a[kept++] = a[k];
        allow_kernels = allow_kernels || is;
    }
    return kept;
}

static int command_run(int count, char **a) {
    static message m;
    count = kernels_take(count, a);
    if (count == 2 && strcmp(a[1], "--help") == 0) return fputs(help, stdout) < 0 ? 3 : 0;
    if (count == 2 && strcmp(a[1], "--version") == 0) return version_print("mmsb") ? 0 : 3;
    if (count == 4 && strcmp(a[1], "log") == 0) {
        if (strcmp(a[2], "ls") == 0) return log_ls(a[3], &m);
        if (strcmp(a[2], "show") == 0) return log_show(a[3], &m);
        if (strcmp(a[2], "verify") == 0) return log_verify(a[3], &m);
    }
    if (count >= 5 && strcmp(a[1], "page") == 0 && strcmp(a[2], "get") == 0) {
        u64 at = UINT64_MAX;
        const char *text = NULL;
        if (count == 6 && strncmp(a[5], "--at=", 5) == 0) text = a[5] + 5;
        if (count == 7 && strcmp(a[5], "--at") == 0) text = a[6];
        if (count > 5 && text == NULL) return usage("after the page comes --at EPOCH, or nothing");
        if (text != NULL && number_parse(TYPE_U64, text, strlen(text), &at) != NUMBER_OK)
            return usage("--at takes an epoch");
        return page_get(a[3], a[4], at, &m);
    }
    return usage(count < 2 ? "a command is missing" : "unknown command");
}

int main(int count, char **a) {
    int status = command_run(count, a);
    if ((fflush(stdout) == 0 && ferror(stdout) == 0) || status != 0) return status;
    fprintf(stderr, "mmsb: standard output cannot be written\n");
    return 3;
}
