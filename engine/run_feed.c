/* SPDX-License-Identifier: Apache-2.0
 * run_feed: delta lines into commits. Every commit of a file has an ordinal, accepted or not, which
 * is its request number: --resume skips those that the log has. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "delta_text.h"
#include "tool_print.h"
#include "run.h"

#define INPUT_BYTES ((size_t)64 << 10)

typedef struct {
    run *r;
    arena *memory; /* of one line */
    const char *name;
    u64 line, ordinal, skip, stream;
    u64 deltas; /* lines of the commit being made */
    bool bad;   /* the commit has a bad line */
    bool strict;
    int folder, input;
} feed;

bool epoch_visit(void *context, session *s) {
    (void)context;
    print_events(session_engine(s));
    trace_epoch(session_engine(s));
    metrics_epoch(s);
    return run_stop == 0;
}

static mmsb_status rejected(run *r, const message *m) {
    ASSERT(m->text[0] != 0);
    fprintf(stderr, "%s\n", m->text);
    trace_rejected(m->text);
    metrics_rejected();
    r->rejected = true;
    return MMSB_REJECTED;
}

mmsb_status ticks_run(run *r, u64 n, const session_request *first, u64 *done, message *m) {
    ASSERT(r->s != NULL && done != NULL);
    trace_begin();
    mmsb_status s = session_ticks(r->s, n, first, epoch_visit, NULL, done, m);
    return s == MMSB_REJECTED ? rejected(r, m) : s;
}

static mmsb_status feed_commit(feed *f, message *m) {
    ASSERT(f->r->s != NULL);
    run *r = f->r;
    bool bad = f->bad;
    f->ordinal++;
    f->bad = false, f->deltas = 0;
    if (bad || f->ordinal <= f->skip) {
        session_drop(r->s);
        return bad ? MMSB_REJECTED : MMSB_OK;
    }
    session_request request = {f->stream, f->ordinal};
    trace_begin();
    mmsb_status s = session_commit(r->s, &request, m);
    if (s == MMSB_REJECTED) return rejected(r, m);
    if (s == MMSB_OK) epoch_visit(NULL, r->s);
    return s;
}

static mmsb_status feed_ticks(feed *f, u64 n, message *m) {
    ASSERT(f->r->s != NULL);
    if (f->deltas != 0 || f->bad) {
        mmsb_status s = feed_commit(f, m);
        if (s != MMSB_OK && (s != MMSB_REJECTED || f->strict)) return s;
    }
    u64 first = f->ordinal + 1, skipped = f->skip > f->ordinal ? f->skip - f->ordinal : 0, done;
    f->ordinal += n;
    if (skipped >= n) return MMSB_OK;
    session_request request = {f->stream, first + skipped};
    return ticks_run(f->r, n - skipped, &request, &done, m);
}

static mmsb_status line_bad(feed *f, const message *m) {
    ASSERT(f->line > 0);
    fprintf(stderr, "%s:%llu: %s; its epoch %llu is rejected\n", f->name,
            (unsigned long long)f->line, m->text, (unsigned long long)engine_epoch(f->r->e) + 1);
    f->bad = f->r->rejected = true;
    metrics_rejected();
    return MMSB_REJECTED;
}

static mmsb_status feed_line(feed *f, const char *text, u64 bytes, message *m) {
    ASSERT(text != NULL || bytes == 0);
    delta_line l;
    f->line++;
    if (f->line == 1 && bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, bytes -= 3;
    mmsb_status s = delta_text_line(&f->r->i, f->memory, f->folder, text, bytes, &l, m);
    if (s == MMSB_OUT_OF_SPACE) return s;
    if (s != MMSB_OK) return f->ordinal < f->skip ? MMSB_OK : line_bad(f, m);
    if (l.kind == LINE_COMMIT) return feed_commit(f, m);
    if (l.kind == LINE_TICK) return feed_ticks(f, l.ticks, m);
    for (u32 k = 0; k < l.count; k++) {
        f->deltas++;
        if (f->bad || f->ordinal < f->skip) continue;
        s = session_delta(f->r->s, &l.deltas[k], m);
        if (s == MMSB_WRONG) return line_bad(f, m);
        TRY(s);
    }
    return MMSB_OK;
}

/* A read that a signal ends, also one that comes just before it. */
static ssize_t input_read(void *cookie, char *to, size_t bytes) {
    const int *fd = cookie;
    ASSERT(*fd >= 0 && bytes > 0);
    struct pollfd p[2] = {{.fd = *fd, .events = POLLIN}, {.fd = run_wake, .events = POLLIN}};
    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR) return -1;
        if (run_stop != 0) return 0;
        ssize_t got = p[0].revents != 0 ? read(*fd, to, bytes) : -1;
        if (got >= 0 || (p[0].revents != 0 && errno != EAGAIN && errno != EINTR)) return got;
    }
}

/* Not waiting for who may write to a pipe by name. */
static FILE *input_open(const char *path, int *fd) {
    bool pipe = strcmp(path, "-") == 0;
    ASSERT(*fd < 0);
    *fd = pipe ? 0 : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *in = *fd < 0 ? NULL : fopencookie(fd, "r", (cookie_io_functions_t){.read = input_read});
    if (in != NULL) setvbuf(in, NULL, _IOFBF, INPUT_BYTES);
    return in;
}

static mmsb_status feed_open(run *r, feed *f, FILE **in, message *m) {
    ASSERT(r->deltas != NULL);
    bool pipe = strcmp(r->deltas, "-") == 0;
    char folder[4096];
    const char *slash = pipe ? NULL : strrchr(r->deltas, '/');
    const char *base = slash == NULL ? r->deltas : slash + 1;
    *in = input_open(r->deltas, &f->input);
    if (*in == NULL)
        return message_set(m, MMSB_IO, "%s cannot be opened (%s): give a file of delta lines",
                           r->deltas, strerror(errno));
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - r->deltas) + 1,
             slash == NULL ? "." : r->deltas);
    f->r = r, f->name = pipe ? "standard input" : r->deltas;
    f->strict = r->strict || (!pipe && !r->no_strict);
    f->stream = XXH3_64bits(base, strlen(base));
    f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->memory = arena_open(0);
    if (r->resume) f->skip = session_last_request(r->s, f->stream);
    if (r->resume)
        fprintf(stderr, "mmsb-run: resuming %s after its commit %llu, at epoch %llu\n", r->deltas,
                (unsigned long long)f->skip, (unsigned long long)engine_epoch(r->e));
    return f->memory == NULL ? message_set(m, MMSB_OUT_OF_SPACE, "no memory for delta lines")
                             : MMSB_OK;
}

mmsb_status feed_run(run *r, message *m) {
    ASSERT(r->s != NULL);
    feed f = {.folder = -1, .input = -1};
    FILE *in;
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    TRY(feed_open(r, &f, &in, m));
    mmsb_status s = MMSB_OK;
    /* A line that a signal ended may be half of one. */
    while (s == MMSB_OK && (bytes = getline(&line, &room, in)) >= 0 && run_stop == 0) {
        if (bytes > 0 && line[bytes - 1] == '\n') bytes--;
        s = feed_line(&f, line, (u64)bytes, m);
        if (s == MMSB_REJECTED && !f.strict) s = MMSB_OK;
        arena_clear(f.memory);
    }
    if (s == MMSB_OK && ferror(in) != 0)
        s = message_set(m, MMSB_IO, "%s cannot be read: %s", f.name, strerror(errno));
    if (s == MMSB_OK && run_stop == 0 && (f.deltas != 0 || f.bad)) s = feed_commit(&f, m);
    if (s == MMSB_REJECTED && !f.strict) s = MMSB_OK;
    session_drop(r->s);
    free(line);
    arena_close(f.memory);
    fclose(in);
    if (f.input > 0) close(f.input);
    if (f.folder >= 0) close(f.folder);
    return s;
}
