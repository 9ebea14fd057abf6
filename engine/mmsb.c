/* SPDX-License-Identifier: Apache-2.0
 * mmsb: looks at state directories: their log, their pages. Changes nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint.h"
#include "core/number.h"
#include "tool_bus.h"
#include "tool_look.h"
#include "tool_print.h"

typedef unsigned long long llu;

static const char help[] =
    "mmsb log ls DIR              checkpoints and segments of a state "
    "directory\n"
    "mmsb log show DIR            every record, with its deltas as lines\n"
    "mmsb log verify DIR          reads all, replays all, checks every root "
    "and checkpoint\n"
    "mmsb log diff DIR1 DIR2      what two logs say otherwise: first contents, "
    "deltas, roots\n"
    "mmsb page get DIR PAGE[i] [--at EPOCH]   a page, or an element, at the "
    "end or at an epoch\n"
    "mmsb page diff DIR A B [PAGE]            the lanes that differ between "
    "two epochs\n"
    "mmsb why DIR PAGE[i] [--at EPOCH]        the deltas and equations that "
    "made a value\n"
    "mmsb impact DIR PAGE[i] [--at EPOCH]     what a delta there may change\n"
    "mmsb attach NAME             what an engine that serves NAME offers: its pages\n"
    "mmsb get NAME PAGE[i]        a page, or an element, of its live state\n"
    "mmsb set NAME LINE...        delta lines, as one epoch; - takes them from standard input\n"
    "mmsb watch NAME [PAGE...]    the lanes that each epoch changes, of pages or of all exports\n"
    "mmsb top NAME                its epochs a second, clients, leases, until stopped\n"
    "  --durable                  set: waits until the epoch survives power loss\n"
    "  --epochs N                 watch: ends after N epochs\n"
    "  --once                     top: shows one second, then ends\n"
    "  --allow-kernels            loads the kernels that the graph calls, "
    "where one is run\n"
    "mmsb --version, mmsb --help\n"
    "Exit status: 0 ok, 1 wrong data (diff: something differs), 2 usage, 3 "
    "input/output, 4 damaged data, 5 a limit, "
    "70 our bug.\n";

static bool allow_kernels; /* --allow-kernels was given */

static int fail(mmsb_status s, const message *m) {
    fflush(stdout);
    fprintf(stderr, "mmsb: %s\n", m->text);
    return status_exit(s);
}

static int usage(const char *what) {
    fprintf(stderr, "mmsb: %s; see mmsb --help\n", what);
    return 2;
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
    mmsb_status s = graph_open(&g, state, allow_kernels, m);
    if (s != MMSB_OK) return fail(s, m);
    session_log_visitor v = {.record = show_record, .context = &g};
    s = session_log(state, &v, &sum, m);
    graph_close(&g);
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
        .state = state, .image_path = g->path, .note = look_note, .allow_kernels = allow_kernels};
    session_replay_options replay = {.to = UINT64_MAX, .visit = verify_epoch, .context = v};
    session *s = NULL;
    TRY(session_log(state, &visitor, &sum, m));
    TRY(v->status);
    mmsb_status status = session_replay(&g->i, &o, &replay, &s, m);
    if (status == MMSB_OK) status = v->status;
    if (status == MMSB_OK) {
        printf("ok: epochs 0 to %llu, %llu records in %llu segments, %llu "
               "checkpoints, %llu roots "
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
    mmsb_status s = graph_open(&g, state, allow_kernels, m);
    if (s != MMSB_OK) return fail(s, m);
    file_calls *f = file_system();
    v.folder = f->open_at(f, AT_FDCWD, state, O_RDONLY | O_DIRECTORY, 0);
    s = v.folder < 0 ? file_failed(m, "open", state, v.folder) : verify_all(&g, state, &v, m);
    if (v.folder >= 0) f->close(f, v.folder);
    arena_close(v.memory);
    graph_close(&g);
    return s == MMSB_OK ? 0 : fail(s, m);
}

static mmsb_status page_print(const graph *g, const char *what, u64 at, message *m) {
    ASSERT(what != NULL);
    u32 page;
    u64 lane;
    session *past = NULL;
    TRY(page_parse(&g->i, what, &page, &lane, m));
    mmsb_status s = graph_at(g, at, &past, m);
    if (s == MMSB_OK && lane == UINT64_MAX) print_page(session_engine(past), page);
    if (s == MMSB_OK && lane != UINT64_MAX) print_lane(session_engine(past), page, lane);
    session_close(past, NULL);
    return s;
}

/* A command on one page: get, why, impact. */
static int page_look(const char *state, const char *what, u64 at, message *m,
                     mmsb_status (*print)(const graph *, const char *, u64, message *)) {
    graph g;
    mmsb_status s = graph_open(&g, state, allow_kernels, m);
    if (s == MMSB_OK) {
        s = print(&g, what, at, m);
        graph_close(&g);
    }
    return s == MMSB_OK ? 0 : fail(s, m);
}

static int page_diff(char **a, const char *page, message *m) {
    graph g;
    u64 from, to;
    bool differ = false;
    if (number_parse(TYPE_U64, a[1], strlen(a[1]), &from) != NUMBER_OK ||
        number_parse(TYPE_U64, a[2], strlen(a[2]), &to) != NUMBER_OK)
        return usage("page diff takes a directory and two epochs");
    mmsb_status s = graph_open(&g, a[0], allow_kernels, m);
    if (s == MMSB_OK) {
        s = page_diff_print(&g, from, to, page, &differ, m);
        graph_close(&g);
    }
    return s == MMSB_OK ? (int)differ : fail(s, m);
}

static int log_diff(const char *first, const char *second, message *m) {
    graph a, b;
    bool differ = false;
    mmsb_status s = graph_open(&a, first, allow_kernels, m);
    if (s != MMSB_OK) return fail(s, m);
    s = graph_open(&b, second, allow_kernels, m);
    if (s == MMSB_OK) {
        s = log_diff_print(&a, &b, &differ, m);
        graph_close(&b);
    }
    graph_close(&a);
    return s == MMSB_OK ? (int)differ : fail(s, m);
}

/* Takes --allow-kernels, wherever it stands, out of the arguments; returns how
 * many are left. */
static int kernels_take(int count, char **a) {
    int kept = 0;
    for (int k = 0; k < count; k++) {
        bool is = k > 0 && strcmp(a[k], "--allow-kernels") == 0;
        if (!is) a[kept++] = a[k];
        allow_kernels = allow_kernels || is;
    }
    return kept;
}

/* DIR PAGE[i] [--at EPOCH] */
static int page_command(int count, char **a,
                        mmsb_status (*print)(const graph *, const char *, u64, message *)) {
    static message m;
    u64 at = UINT64_MAX;
    const char *text = NULL;
    ASSERT(count >= 2);
    if (count == 3 && strncmp(a[2], "--at=", 5) == 0) text = a[2] + 5;
    if (count == 4 && strcmp(a[2], "--at") == 0) text = a[3];
    if (count > 2 && text == NULL) return usage("after the page comes --at EPOCH, or nothing");
    if (text != NULL && number_parse(TYPE_U64, text, strlen(text), &at) != NUMBER_OK)
        return usage("--at takes an epoch");
    return page_look(a[0], a[1], at, &m, print);
}

static int command_run(int count, char **a) {
    static message m;
    int status;
    if (bus_command(count, a, &status)) return status;
    count = kernels_take(count, a);
    if (count == 2 && strcmp(a[1], "--help") == 0) return fputs(help, stdout) < 0 ? 3 : 0;
    if (count == 2 && strcmp(a[1], "--version") == 0) return version_print("mmsb") ? 0 : 3;
    if (count == 4 && strcmp(a[1], "log") == 0) {
        if (strcmp(a[2], "ls") == 0) return log_ls(a[3], &m);
        if (strcmp(a[2], "show") == 0) return log_show(a[3], &m);
        if (strcmp(a[2], "verify") == 0) return log_verify(a[3], &m);
    }
    if (count == 5 && strcmp(a[1], "log") == 0 && strcmp(a[2], "diff") == 0)
        return log_diff(a[3], a[4], &m);
    if ((count == 6 || count == 7) && strcmp(a[1], "page") == 0 && strcmp(a[2], "diff") == 0)
        return page_diff(a + 3, count == 7 ? a[6] : NULL, &m);
    if (count >= 5 && strcmp(a[1], "page") == 0 && strcmp(a[2], "get") == 0)
        return page_command(count - 3, a + 3, page_print);
    if (count >= 4 && strcmp(a[1], "why") == 0) return page_command(count - 2, a + 2, why_print);
    if (count >= 4 && strcmp(a[1], "impact") == 0)
        return page_command(count - 2, a + 2, impact_print);
    return usage(count < 2 ? "a command is missing" : "unknown command");
}

int main(int count, char **a) {
    int status = command_run(count, a);
    if ((fflush(stdout) == 0 && ferror(stdout) == 0) || status != 0) return status;
    fprintf(stderr, "mmsb: standard output cannot be written\n");
    return 3;
}
