/* SPDX-License-Identifier: Apache-2.0
 * mmsb-run: runs an image: first contents or recovery, deltas, ticks; prints events, pages, the
 * root. Or replays a state directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/array_file.h"
#include "tool_print.h"
#include "run.h"

volatile sig_atomic_t run_stop;

int run_wake = -1;

static void on_signal(int number) {
    int error = errno;
    u64 one = 1;
    run_stop = number;
    if (run_wake >= 0 && write(run_wake, &one, sizeof one) < 0) run_stop = number;
    errno = error;
}

static void signals_catch(void) {
    run_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* Whoever waits asks run_wake, too: no call need be broken off. */
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup */
        sigaction(SIGHUP, &a, NULL);
}

/* A file that may not grow (RLIMIT_FSIZE) is an error as any other, and what is printed never lands
 * in a file or a ring that got the number of a closed standard stream. */
static void process_prepare(void) {
    int fd;
    signal(SIGXFSZ, SIG_IGN);
    do fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2) close(fd);
}

static int fail(mmsb_status s, const message *m) {
    fprintf(stderr, "mmsb-run: %s\n", m->text[0] != 0 ? m->text : status_text(s));
    return status_exit(s);
}

static void note(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "mmsb-run: %s\n", text);
}

static bool until_visit(void *context, session *s) {
    const u32 *page = context;
    print_events(session_engine(s));
    trace_epoch(session_engine(s));
    metrics_epoch(s);
    return run_stop == 0 && *(const u8 *)engine_page(session_engine(s), *page) == 0;
}

static mmsb_status until_run(run *r, message *m) {
    ASSERT(r->until != NULL);
    u32 page = image_find_page(&r->i, r->until, strlen(r->until));
    u64 most = r->ticks.given ? r->ticks.value : UINT64_MAX, done = 0;
    if (page == 0 || (r->i.pages[page].flags & PAGE_EVENT) == 0)
        return message_set(m, MMSB_USAGE, "--until %s: there is no event of that name", r->until);
    const u8 *now = engine_page(r->e, page);
    if (*now != 0) return MMSB_OK;
    trace_begin();
    mmsb_status s = session_ticks(r->s, most, NULL, until_visit, &page, &done, m);
    if (s == MMSB_REJECTED) {
        fprintf(stderr, "%s\n", m->text);
        trace_rejected(m->text);
        metrics_rejected();
        r->rejected = true;
    }
    if (s == MMSB_OK && *now == 0 && run_stop == 0) {
        fprintf(stderr, "mmsb-run: the event %s did not come within %llu ticks\n", r->until,
                (unsigned long long)done);
        r->rejected = true;
    }
    return s;
}

static void stats_print(const run *r) {
    ASSERT(r->stats != 0);
    const engine_stats *s = engine_statistics(r->e);
    const struct {
        const char *json, *text;
        u64 value;
    } rows[] = {
        {"epochs", "epochs", s->epochs},
        {"nodes", "nodes", s->nodes_run},
        {"lanes_computed", "lanes computed", s->lanes_run},
        {"lanes_changed", "lanes changed", s->lanes_changed},
        {"tiles_dense", "tiles dense", s->tiles_dense},
        {"tiles_packed", "tiles packed", s->tiles_packed},
        {"bytes_loaded", "bytes loaded", s->bytes_loaded},
        {"bytes_stored", "bytes stored", s->bytes_stored},
        {"gpu_nodes", "nodes on the GPU", s->cuda_nodes},
        {"gpu_nodes_here", "not on it", s->cuda_nodes_here},
        {"gpu_launches", "launches", s->cuda_launches},
        {"gpu_bytes_in", "bytes to it", s->cuda_bytes_in},
        {"gpu_bytes_out", "bytes from it", s->cuda_bytes_out},
    };
    u32 count = ARRAY_COUNT(rows);
    bool json = r->stats == 2;
    const char *executor = session_executor_text(r->s);
    fprintf(stderr, json ? "{\"executor\": \"%s\", " : "executor %s, ", executor);
    if (strcmp(executor, "cuda") != 0) count -= 5;
    for (u32 k = 0; k < count; k++)
        fprintf(stderr, json ? "%s\"%s\": %llu" : "%s%s %llu", k == 0 ? "" : ", ",
                json ? rows[k].json : rows[k].text, (unsigned long long)rows[k].value);
    fputs(json ? "}\n" : "\n", stderr);
}

static u32 named_page(const run *r, const char *option, const char *name, size_t bytes,
                      message *m) {
    u32 page = image_find_page(&r->i, name, bytes);
    if (page == 0)
        message_set(m, MMSB_USAGE,
                    "%s: no page `%.*s` is kept: it is not in the graph, not live, or fused away "
                    "(`mmsbc --emit plan` tells); exported pages always are",
                    option, (int)bytes, name);
    return page;
}

static mmsb_status results(run *r, message *m) {
    ASSERT(r->e != NULL);
    for (u32 k = 0; k < r->print.count; k++)
        for (const char *at = r->print.items[k]; *at != 0;) {
            size_t bytes = strcspn(at, ",");
            u32 page = named_page(r, "--print", at, bytes, m);
            if (page == 0) return MMSB_USAGE;
            TRY(engine_fetch(r->e, page, m));
            print_page(r->e, page);
            at += bytes + (at[bytes] == ',');
        }
    for (u32 k = 0; k < r->out.count; k++) {
        const char *text = r->out.items[k], *equals = strchr(text, '=');
        if (equals == NULL) return message_set(m, MMSB_USAGE, "--out %s: write PAGE=FILE", text);
        u32 page = named_page(r, "--out", text, (size_t)(equals - text), m);
        if (page == 0) return MMSB_USAGE;
        TRY(engine_fetch(r->e, page, m));
        TRY(array_file_write(file_system(), AT_FDCWD, equals + 1, r->i.pages[page].type,
                             &r->i.shapes[r->i.pages[page].shape], engine_page(r->e, page), m));
    }
    if (r->print.count == 0 && r->out.count == 0) print_table(r->e);
    if (r->root) print_root(r->e);
    if (r->stats != 0) stats_print(r);
    return MMSB_OK;
}

static mmsb_status inputs_split(run *r, session_input *inputs, message *m) {
    ASSERT(r->in.count <= OPTION_WORDS_MOST);
    for (u32 k = 0; k < r->in.count; k++) {
        const char *text = r->in.items[k], *equals = strchr(text, '=');
        if (equals == NULL) return message_set(m, MMSB_USAGE, "--in %s: write SOURCE=FILE", text);
        inputs[k] = (session_input){text, (u64)(equals - text), equals + 1, NULL};
    }
    return MMSB_OK;
}

/* Everything between opening and closing. MMSB_REJECTED was told. */
static mmsb_status work(run *r, message *m) {
    ASSERT(r->s != NULL);
    mmsb_status s = MMSB_OK;
    u64 done;
    if (r->deltas != NULL) s = feed_run(r, m);
    if (s == MMSB_OK && run_stop == 0) {
        if (r->serve != NULL)
            s = serve_run(r, m);
        else if (r->until != NULL)
            s = until_run(r, m);
        else if (r->ticks.given)
            s = ticks_run(r, r->ticks.value, NULL, &done, m);
    }
    return s;
}

static mmsb_status run_live(run *r, session_options *o, message *m) {
    ASSERT(r->s == NULL);
    ASSERT(r->replay == NULL);
    session_input inputs[OPTION_WORDS_MOST];
    TRY(inputs_split(r, inputs, m));
    o->inputs = inputs, o->input_count = r->in.count;
    o->state = r->state, o->durability = r->mode;
    o->checkpoint_epochs = r->checkpoint.value, o->audit_epochs = r->audit.value;
    o->background = r->serve != NULL;
    if (r->migrate) TRY(session_migrate(&r->i, o, m));
    TRY(session_open(&r->i, o, &r->s, m));
    r->e = session_engine(r->s);
    signals_catch();
    mmsb_status s = r->trace != NULL ? trace_open(r->trace, r->e, m) : MMSB_OK;
    if (s == MMSB_OK && r->metrics != NULL) s = metrics_open(r->metrics, r->s, m);
    if (s == MMSB_OK) s = work(r, m);
    metrics_close();
    bool told = s == MMSB_REJECTED;
    if ((s == MMSB_OK || told) && run_stop == 0) { /* a run that stopped shows where it stands */
        mmsb_status shown = results(r, m);
        if (shown != MMSB_OK) s = shown, told = false;
    }
    if (run_stop != 0)
        fprintf(stderr, "mmsb-run: stopped by a signal after epoch %llu%s%s\n",
                (unsigned long long)engine_epoch(r->e),
                r->state != NULL ? "; its state is kept in " : "",
                r->state != NULL ? r->state : "");
    fflush(stdout);
    message closing = {.used = 0}, written = {.used = 0};
    mmsb_status closed = session_close(r->s, &closing), traced = trace_close(&written);
    if (closed == MMSB_OK && traced != MMSB_OK) closed = traced, closing = written;
    r->s = NULL, r->e = NULL;
    if (closed != MMSB_OK && (s == MMSB_OK || told)) {
        *m = closing;
        return closed;
    }
    if (told) m->text[0] = 0;
    return s;
}

static mmsb_status run_replay(run *r, session_options *o, message *m) {
    ASSERT(r->replay != NULL);
    session_replay_options replay = {.to = r->to.given ? r->to.value : UINT64_MAX,
                                     .visit = epoch_visit};
    o->state = r->replay;
    if (r->trace != NULL) TRY(trace_open(r->trace, NULL, m));
    mmsb_status s = session_replay(&r->i, o, &replay, &r->s, m);
    if (s == MMSB_OK) {
        r->e = session_engine(r->s);
        s = results(r, m);
    }
    fflush(stdout);
    session_close(r->s, NULL);
    message written = {.used = 0};
    mmsb_status traced = trace_close(&written);
    if (s == MMSB_OK && traced != MMSB_OK) {
        *m = written;
        return traced;
    }
    return s;
}

static const char *only_image(char *to, size_t bytes) {
    ASSERT(bytes > 6);
    DIR *d = opendir(".");
    u32 found = 0;
    for (struct dirent *x; d != NULL && (x = readdir(d)) != NULL;) {
        size_t n = strlen(x->d_name);
        if (n > 6 && strcmp(x->d_name + n - 6, ".mmsbx") == 0 && found++ == 0)
            snprintf(to, bytes, "%s", x->d_name);
    }
    if (d != NULL) closedir(d);
    return found == 1 ? to : NULL;
}

int main(int count, char **a) {
    static run r;
    static char path[4096];
    message m = {.used = 0};
    const void *bytes;
    u64 byte_count;
    bool ended;
    process_prepare();
    int wrong = options_read(&r, count, a, &ended);
    if (wrong != 0 || ended) return wrong;
    if (r.replay != NULL) {
        if (r.image_path != NULL)
            return options_usage("a replay runs the directory's own graph.mmsbx, not",
                                 r.image_path);
        snprintf(path, sizeof path, "%s/graph.mmsbx", r.replay);
        r.image_path = path;
    }
    if (r.image_path == NULL) r.image_path = only_image(path, sizeof path);
    if (r.image_path == NULL)
        return options_usage("name an image: the current directory does not hold exactly one",
                             ".mmsbx");
    const char *end = strrchr(r.image_path, '.');
    if (end != NULL && strcmp(end, ".mmsbg") == 0)
        return options_usage("compile a graph with mmsbc, then name its image, not", r.image_path);
    mmsb_status s = file_map(file_system(), AT_FDCWD, r.image_path, &bytes, &byte_count, &m);
    if (s == MMSB_OK) s = image_verify(bytes, byte_count, &r.i, &m);
    if (s != MMSB_OK) {
        char why[sizeof m.text];
        memcpy(why, m.text, sizeof why);
        if (s != MMSB_IO) message_set(&m, s, "%s: %s", r.image_path, why);
        return fail(s, &m);
    }
    arena *names = arena_open(0);
    if (names != NULL) image_index(&r.i, names);
    session_options o = {.image_path = r.image_path,
                         .note = note,
                         .oracle_epochs = r.oracle.value,
                         .engine = {.threads = (u32)r.threads.value, .shared = r.serve != NULL},
                         .executor = (session_executor)r.executor,
                         .allow_kernels = r.allow_kernels};
    s = r.replay != NULL ? run_replay(&r, &o, &m) : run_live(&r, &o, &m);
    int status = s == MMSB_REJECTED ? 1 : s != MMSB_OK ? fail(s, &m) : r.rejected ? 1 : 0;
    file_unmap(bytes, byte_count);
    arena_close(names);
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && status == 0) {
        fprintf(stderr, "mmsb-run: standard output cannot be written\n");
        status = 3;
    }
    if (run_stop != 0 && status == 0) { /* ends as the signal says */
        signal(run_stop, SIG_DFL);
        raise(run_stop);
    }
    return status;
}
