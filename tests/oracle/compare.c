/* SPDX-License-Identifier: Apache-2.0
 * compare: random graphs through compiler and engine, and through the oracle, epoch by epoch, bit
 * for bit; incremental, from scratch, killed and recovered, and replayed.
 *
 *     compare [--seed S] [--count N] [--jobs J] [--keep DIR] [--print] [--file GRAPH]
 *
 * On a difference: the seed, the graph, the changes, page, lane and both bits; the graph goes to
 * DIR/oracle-SEED.mmsbg.
 * --print only writes the graph of --seed. --file takes that graph instead of a random one; --seed
 * then gives the changes. Ends with `N passed, N failed`. */
#include "../../compiler/include/mmsbc.h"
#include "../../engine/core/number.h"
#include "../../engine/engine.h"
#include "../../kernels/kernels.h"
#include "generate.h"
#include "logged.h"
#include "parse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define EPOCHS_MAX 10u
#define DELTAS_MAX 4u

typedef struct {
    u64 seed;
    const char *text;
    u32 bytes;
    arena *memory;
    oracle *o;
    mmsbc_result *compiled;
    image i;
    engine *incremental, *whole;
    logged log;
    chance c;
    generated_delta *made; /* of this epoch */
    u32 made_count;
    delta deltas[DELTAS_MAX];
    oracle_change *changes;
    u64 change_count;
    char story[8192]; /* what was changed so far */
    u32 story_used;
    char what[2048]; /* the difference; empty: none */
    bool refused;
} trial;
typedef struct {
    u64 seed; /* in work */
    u64 passed, failed, refused, no_run, epochs, rejected, fired, kills;
} tally;

static bool differs(trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool differs(trial *t, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (t->what[0] == 0) vsnprintf(t->what, sizeof t->what, format, list);
    va_end(list);
    return false;
}
static void tell(trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(trial *t, const char *format, ...) {
    va_list list;
    va_start(list, format);
    u32 room = (u32)sizeof t->story - t->story_used;
    int n = vsnprintf(t->story + t->story_used, room, format, list);
    t->story_used += n < 0 || (u32)n >= room ? 0 : (u32)n;
    va_end(list);
}

/* ---- comparing ---- */
static bool same_page(trial *t, const engine *e, const char *which, u32 row) {
    const oracle_page *p = &t->o->pages[row];
    u32 page = p->kind == ITEM_ASSERT ? 0 : image_find_page(&t->i, p->name, strlen(p->name));
    if (page == 0) {
        bool must = p->exported || p->kind == ITEM_SOURCE;
        return !must || differs(t, "the image lacks page %s", p->name);
    }
    if (t->i.pages[page].type != p->type || t->i.shapes[t->i.pages[page].shape].lanes != p->lanes)
        return differs(t, "%s is %s with %llu lanes, the oracle says %s with %llu", p->name,
                       type_text(t->i.pages[page].type),
                       (unsigned long long)t->i.shapes[t->i.pages[page].shape].lanes,
                       type_text(p->type), (unsigned long long)p->lanes);
    if (!p->live && p->kind != ITEM_SOURCE) return true;
    const u8 *values = engine_page(e, page);
    for (u64 lane = 0; lane < p->lanes; lane++) {
        u64 got = number_load(p->type, values + lane * type_bytes(p->type));
        char got_text[NUMBER_TEXT_MAX], want_text[NUMBER_TEXT_MAX];
        if (got == p->now[lane]) continue;
        number_format(p->type, got, got_text);
        number_format(p->type, p->now[lane], want_text);
        return differs(t, "epoch %llu, %s, %s lane %llu: engine %s (0x%llx), oracle %s (0x%llx)",
                       (unsigned long long)t->o->epoch, which, p->name, (unsigned long long)lane,
                       got_text, (unsigned long long)got, want_text,
                       (unsigned long long)p->now[lane]);
    }
    return true;
}
static bool same_pages(trial *t, const engine *e, const char *which) {
    for (u32 k = 0; k < t->o->page_count; k++)
        if (!same_page(t, e, which, k)) return false;
    return true;
}

static const oracle_page *oracle_event(const trial *t, const char *name) {
    for (u32 k = 0; k < t->o->page_count; k++)
        if (t->o->pages[k].kind == ITEM_EVENT && strcmp(t->o->pages[k].name, name) == 0)
            return &t->o->pages[k];
    return NULL;
}
static bool same_events(trial *t, const engine *e, tally *s) {
    u32 rows[64], count = engine_fired(e, rows, 64), fired = 0;
    for (u32 k = 0; k < t->o->page_count; k++)
        fired += t->o->pages[k].kind == ITEM_EVENT && t->o->pages[k].fired;
    for (u32 k = 0; k < count && k < 64; k++) {
        const image_event *row = &t->i.events[rows[k]];
        const char *name = image_string(&t->i, row->name);
        const oracle_page *p = oracle_event(t, name);
        if (p == NULL || !p->fired)
            return differs(t, "the event %s fired, not in the oracle", name);
        for (u32 v = 0; v < row->value_count; v++) {
            u64 got = number_load(p->value_types[v],
                                  engine_page(e, t->i.event_values[row->value_at + v]));
            if (got != p->value_bits[v])
                return differs(t, "epoch %llu, event %s value %u: engine 0x%llx, oracle 0x%llx",
                               (unsigned long long)t->o->epoch, name, v, (unsigned long long)got,
                               (unsigned long long)p->value_bits[v]);
        }
    }
    s->fired += fired;
    return count == fired || differs(t, "%u events fired, in the oracle %u", count, fired);
}

/* ---- changes ---- */
static void tell_delta(trial *t, const generated_delta *g) {
    static const char *const signs[] = {"=", "+=", "min=", "max=", "&=", "|=", "^="};
    const oracle_page *p = &t->o->pages[g->page];
    char text[NUMBER_TEXT_MAX];
    tell(t, "  %s lanes [%llu, %llu)%s", p->name, (unsigned long long)g->first,
         (unsigned long long)(g->first + g->count), g->masked ? " masked" : "");
    if (g->masked) tell(t, " %u used", (u32)g->used);
    tell(t, " %s", signs[g->kind]);
    for (u64 k = 0; k < (g->broadcast ? 1 : g->used) && k < 6; k++) {
        number_format(p->type, g->bits[k], text);
        tell(t, " %s", text);
    }
    tell(t, "%s\n", g->broadcast ? " everywhere" : "");
}

/* The same delta for the engine and, lane by lane, for the oracle. */
static bool delta_make(trial *t, u32 row) {
    const generated_delta *g = &t->made[row];
    const oracle_page *p = &t->o->pages[g->page];
    u64 values = g->broadcast ? 1 : g->used, bytes = type_bytes(p->type), used = 0;
    u8 *payload = arena_take(t->memory, ALIGN_UP(values * bytes, 8) + 64, 64);
    message m = {.used = 0};
    for (u64 k = 0; k < values; k++) number_store(p->type, payload + k * bytes, g->bits[k]);
    t->deltas[row] = (delta){.page = image_find_page(&t->i, p->name, strlen(p->name)),
                             .kind = g->kind,
                             .form = g->masked ? DELTA_MASK : DELTA_RANGE,
                             .broadcast = g->broadcast,
                             .type = p->type,
                             .first = g->first,
                             .count = g->count,
                             .payload_bytes = values * bytes,
                             .mask = g->masked ? g->mask : NULL,
                             .payload = payload};
    for (u64 k = 0; k < g->count; k++) {
        if (g->masked && (g->mask[k / 8] >> k % 8 & 1) == 0) continue;
        t->changes[t->change_count++] =
            (oracle_change){g->page, g->kind, g->first + k, g->bits[g->broadcast ? 0 : used]};
        used++;
    }
    tell_delta(t, g);
    return delta_check(&t->i, &t->deltas[row], &m) == MMSB_OK ||
           differs(t, "a delta to %s is refused: %s", p->name, m.text);
}

static bool changes_make(trial *t) {
    t->made_count = 0, t->change_count = 0;
    u32 wanted = chance_percent(&t->c, 15) ? 0 : 1 + chance_below(&t->c, DELTAS_MAX);
    for (u32 k = 0; k < wanted; k++)
        if (generate_delta(&t->c, t->o, &t->made[t->made_count])) t->made_count++;
    for (u32 k = 0; k < t->made_count; k++)
        if (!delta_make(t, k)) return false;
    return true;
}

/* ---- one trial ---- */
static mmsb_status engine_step(trial *t, engine *e, bool check, message *m) {
    for (u32 k = 0; k < t->made_count; k++) engine_apply(e, &t->deltas[k]);
    mmsb_status s = engine_run(e, m);
    if (s == MMSB_OK && check) s = engine_check(e, m);
    if (s == MMSB_OK) engine_accept(e);
    if (s == MMSB_REJECTED) engine_reject(e);
    return s;
}

static bool epoch(trial *t, tally *s, bool check) {
    message m = {.used = 0}, n = {.used = 0};
    tell(t, "epoch %llu:\n", (unsigned long long)t->o->epoch + 1);
    if (!changes_make(t)) return false;
    bool accepted = oracle_step(t->o, t->changes, t->change_count);
    mmsb_status first = engine_step(t, t->incremental, check, &m);
    mmsb_status second = engine_step(t, t->whole, false, &n);
    s->epochs++;
    s->rejected += !accepted;
    if (!accepted) tell(t, "  rejected\n");
    if (first == MMSB_BUG) return differs(t, "engine_check: %s", m.text);
    if ((first == MMSB_OK) != accepted)
        return differs(t, "epoch %llu: the engine %s, the oracle %s it: %s",
                       (unsigned long long)t->o->epoch + !accepted,
                       first == MMSB_OK ? "accepts" : "rejects", accepted ? "accepts" : "rejects",
                       m.text);
    if (first != second) return differs(t, "incremental %s, from scratch %s", m.text, n.text);
    if (strcmp(m.text, n.text) != 0)
        return differs(t, "incremental rejects with `%s`, from scratch with `%s`", m.text, n.text);
    if (!same_pages(t, t->incremental, "incremental") || !same_pages(t, t->whole, "from scratch"))
        return false;
    if (accepted && !same_events(t, t->incremental, s)) return false;
    if (engine_root(t->incremental) != engine_root(t->whole))
        return differs(t, "epoch %llu: two roots", (unsigned long long)t->o->epoch);
    if (!accepted) return true;
    const char *wrong = logged_epoch(&t->log, t->deltas, t->made_count, &m);
    if (wrong == NULL && chance_percent(&t->c, 20))
        wrong = logged_kill(&t->log, chance_percent(&t->c, 30), &m);
    return wrong == NULL ||
           differs(t, "epoch %llu: %s: %s", (unsigned long long)t->o->epoch, wrong, m.text);
}

static bool engine_start(trial *t, engine **e, bool whole, mmsb_status *s, message *m) {
    engine_options options = {.recompute_all = whole};
    if (engine_open(&t->i, &options, e, m) != MMSB_OK)
        return differs(t, "engine_open: %s", m->text);
    *s = engine_first(*e, NULL, m);
    if (*s == MMSB_OK) *s = engine_epoch0(*e, m);
    return true;
}

static bool open_both(trial *t) {
    sources files = {.memory = t->memory};
    diags found = {.memory = t->memory, .sources = &files};
    ast *tree = ast_open(t->memory);
    message m = {.used = 0};
    u32 file;
    size_t bytes;
    if (sources_add(&files, "graph.mmsbg", t->text, t->bytes, &file) != MMSB_OK ||
        parse_file(&files, file, tree, &found) != MMSB_OK)
        return differs(t, "no memory");
    if (found.error_count > 0) return differs(t, "the graph does not parse");
    t->o = oracle_open(tree, t->memory);
    if (t->o == NULL || t->o->refused != NULL)
        return differs(t, "the oracle: %s", t->o == NULL ? "no memory" : t->o->refused);
    char *said = NULL;
    size_t said_bytes = 0;
    FILE *messages = open_memstream(&said, &said_bytes);
    mmsbc_options options = {
        .name = "graph.mmsbg", .text = t->text, .bytes = t->bytes, .messages = messages};
    int status = mmsbc_compile(&options, &t->compiled);
    fclose(messages);
    if (status != 0) {
        t->refused = true;
        differs(t, "the compiler refuses what the oracle takes:\n%s", said);
    }
    free(said);
    if (status != 0) return false;
    const void *compiled = mmsbc_image(t->compiled, &bytes);
    if (image_verify(compiled, bytes, &t->i, &m) != MMSB_OK)
        return differs(t, "the image is refused: %s", m.text);
    return true;
}

static bool trial_run(trial *t, tally *s) {
    message m = {.used = 0};
    mmsb_status first = MMSB_OK, second = MMSB_OK;
    if (!open_both(t)) return false;
    bool runs = oracle_start(t->o);
    if (t->o->refused != NULL) return differs(t, "the oracle: %s", t->o->refused);
    if (!engine_start(t, &t->incremental, false, &first, &m) ||
        !engine_start(t, &t->whole, true, &second, &m))
        return false;
    if ((first == MMSB_OK) != runs || first != second)
        return differs(t, "epoch 0: the engine %s, the oracle %s: %s",
                       first == MMSB_OK ? "runs" : "does not", runs ? "runs" : "does not", m.text);
    s->no_run += !runs;
    if (!runs) return true;
    if (!same_pages(t, t->incremental, "incremental")) return false;
    const char *wrong = logged_open(&t->log, &t->i, &m);
    if (wrong != NULL) return differs(t, "%s: %s", wrong, m.text);
    u32 epochs = 3 + chance_below(&t->c, EPOCHS_MAX - 3), checked = chance_below(&t->c, epochs);
    for (u32 k = 0; k < epochs; k++)
        if (!epoch(t, s, k == checked)) return false;
    engine *replayed;
    wrong = logged_replay(&t->log, &replayed, &m);
    if (wrong != NULL) return differs(t, "%s: %s", wrong, m.text);
    if (engine_root(replayed) != engine_root(t->incremental))
        return differs(t, "the replay ends with another root");
    return same_pages(t, replayed, "replayed");
}

/* Whether it passed; a difference is told on stdout and the graph kept. */
static bool trial_one(u64 seed, const char *file_text, const char *keep, tally *s) {
    static char text[GRAPH_TEXT_MAX];
    trial t = {.seed = seed, .text = text, .c = {seed ^ 0x5DEECE66Du}};
    t.memory = arena_open(0);
    t.made = calloc(DELTAS_MAX, sizeof *t.made);
    t.changes = calloc((size_t)DELTAS_MAX * GENERATE_CHANGES_MAX, sizeof *t.changes);
    if (t.memory == NULL || t.made == NULL || t.changes == NULL) exit(5);
    if (file_text != NULL)
        t.text = file_text, t.bytes = (u32)strlen(file_text);
    else
        t.bytes = generate_graph(seed, text);
    bool passed = trial_run(&t, s);
    if (!passed) {
        char path[4096];
        snprintf(path, sizeof path, "%s/oracle-%llu.mmsbg", keep, (unsigned long long)seed);
        FILE *f = fopen(path, "w");
        if (f != NULL) {
            fprintf(f, "%s", t.text);
            fclose(f);
        }
        printf("seed %llu: %s\n%s%s----\n", (unsigned long long)seed, t.what, t.text, t.story);
        fflush(stdout);
        s->refused += t.refused;
    }
    if (t.incremental != NULL) engine_close(t.incremental);
    if (t.whole != NULL) engine_close(t.whole);
    s->kills += t.log.kills;
    logged_free(&t.log);
    if (t.compiled != NULL) mmsbc_free(t.compiled);
    arena_close(t.memory);
    free(t.made);
    free(t.changes);
    return passed;
}

/* Seeds first, first + step, ... below end, one process; one that dies is told and the next takes
 * over. */
static void worker(u64 first, u64 end, u64 step, const char *file, const char *keep, tally *s) {
    for (u64 next = first; next < end; next = s->seed + step) {
        s->seed = next;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            for (u64 seed = next; seed < end; seed += step) {
                s->seed = seed;
                if (trial_one(seed, file, keep, s))
                    s->passed++;
                else
                    s->failed++;
            }
            fflush(stdout);
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
        s->failed++;
        printf("seed %llu: the process ended with %s %d\n----\n", (unsigned long long)s->seed,
               WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        fflush(stdout);
    }
}

static u64 number_of(const char *text) {
    char *end;
    u64 n = strtoull(text, &end, 0);
    if (*text == 0 || *end != 0) {
        fprintf(stderr, "compare: `%s` is not a number\n", text);
        exit(2);
    }
    return n;
}

static char *file_read(const char *path) {
    static char text[1 << 20];
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        fprintf(stderr, "compare: cannot open %s\n", path);
        exit(3);
    }
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

int main(int count, char **a) {
    u64 seed = 1, trials = 1, jobs = 1;
    const char *keep = ".", *file = NULL;
    bool print = false;
    for (int k = 1; k < count; k++) {
        bool more = k + 1 < count;
        if (strcmp(a[k], "--print") == 0)
            print = true;
        else if (more && strcmp(a[k], "--seed") == 0)
            seed = number_of(a[++k]);
        else if (more && strcmp(a[k], "--count") == 0)
            trials = number_of(a[++k]);
        else if (more && strcmp(a[k], "--jobs") == 0)
            jobs = number_of(a[++k]);
        else if (more && strcmp(a[k], "--keep") == 0)
            keep = a[++k];
        else if (more && strcmp(a[k], "--file") == 0)
            file = file_read(a[++k]);
        else {
            fprintf(
                stderr,
                "usage: compare [--seed S] [--count N] [--jobs J] [--keep DIR] [--print] [--file GRAPH]\n");
            return 2;
        }
    }
    static char text[GRAPH_TEXT_MAX];
    if (print) return generate_graph(seed, text), fputs(text, stdout) < 0;
    if (jobs == 0 || jobs > 64) jobs = 1;
    tally *s =
        mmap(NULL, 64 * sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) return 5;
    for (u64 j = 0; j < jobs; j++) {
        fflush(stdout);
        if (fork() == 0) {
            worker(seed + j, seed + trials, jobs, file, keep, &s[j]);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    tally all = {0};
    for (u64 j = 0; j < jobs; j++) {
        all.passed += s[j].passed, all.failed += s[j].failed, all.no_run += s[j].no_run;
        all.refused += s[j].refused, all.epochs += s[j].epochs, all.rejected += s[j].rejected;
        all.fired += s[j].fired, all.kills += s[j].kills;
    }
    printf("%llu epochs, %llu rejected, %llu events, %llu kills; %llu graphs cannot start, %llu "
           "refused\n",
           (unsigned long long)all.epochs, (unsigned long long)all.rejected,
           (unsigned long long)all.fired, (unsigned long long)all.kills,
           (unsigned long long)all.no_run, (unsigned long long)all.refused);
    printf("%llu passed, %llu failed\n", (unsigned long long)all.passed,
           (unsigned long long)all.failed);
    return all.failed != 0 || all.passed + all.failed != trials;
}
