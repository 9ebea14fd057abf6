/* SPDX-License-Identifier: Apache-2.0
 * compare: random graphs through compiler and engine, and through the oracle, epoch by epoch, bit
 * for bit; incremental, from scratch, killed and recovered, and replayed.
 *
 *     compare [--seed S] [--count N] [--jobs J] [--epochs N] [--keep DIR] [--print] [--plant]
 *             [--threads T] [--file GRAPH] [--python] [--native] [--cuda]
 *
 * On a difference: the seed, the graph, the changes, page, lane and both bits, and the shortest
 * command that shows it again; the graph goes to DIR/oracle-SEED.mmsbg. --print only writes the
 * graph of --seed. --file takes that graph instead of a random one (imports beside it); --seed then
 * gives the changes. --plant makes the oracle wrong by one bit in one lane of one live page in one
 * epoch: a graph passes if that is found. --python: the evaluator in Python judges too, and is the
 * planted one. --native: the incremental engine runs compiled code. --cuda: it and the sessions
 * run on a GPU. Ends with `N passed, N failed`. */
#include "../../compiler/include/mmsbc.h"
#include "../../engine/core/number.h"
#include "../../engine/engine.h"
#include "../../kernels/kernels.h"
#include "choices.h"
#include "compiled.h"
#include "generate.h"
#include "logged.h"
#include "parse.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define EPOCHS_MAX 10u
#define DELTAS_MAX 4u

typedef struct {
    u64 seed;
    const char *text, *library; /* library: what it imports as lib.mmsbg; NULL: files of `folder` */
    const char *folder;
    u32 bytes, epochs_most;
    bool planted;
    arena *memory, *scratch;
    oracle *o;
    mmsbc_result *compiled;
    image i;
    engine *incremental, *whole;
    compiled_calls native;
    logged log;
    chance c;
    generated_delta *made; /* of this epoch */
    u32 made_count;
    delta deltas[DELTAS_MAX];
    oracle_change *changes;
    u64 change_count;
    bool takes[GENERATE_PAGES_MAX]; /* pages of the oracle that take deltas */
    char story[8192];               /* what was changed so far */
    u32 story_used;
    u32 ran;         /* epochs so far, the failing one too */
    char what[2048]; /* the difference; empty: none */
    bool refused;
} trial;
typedef struct {
    u64 seed; /* in work */
    u64 passed, failed, refused, no_run, epochs, rejected, fired, kills, planted;
    u64 calls; /* of compiled code */
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
    if (t->i.pages[page].type != p->form.type ||
        t->i.shapes[t->i.pages[page].shape].lanes != p->lanes)
        return differs(t, "%s is %s with %llu lanes, the oracle says %s with %llu", p->name,
                       type_text(t->i.pages[page].type),
                       (unsigned long long)t->i.shapes[t->i.pages[page].shape].lanes,
                       type_text(p->form.type), (unsigned long long)p->lanes);
    if (!p->live && p->kind != ITEM_SOURCE) return true;
    const u8 *values = engine_page(e, page);
    for (u64 lane = 0; lane < p->lanes; lane++) {
        u64 got = number_load(p->form.type, values + lane * type_bytes(p->form.type));
        char got_text[NUMBER_TEXT_MAX], want_text[NUMBER_TEXT_MAX];
        if (got == p->now[lane]) continue;
        number_format(p->form.type, got, got_text);
        number_format(p->form.type, p->now[lane], want_text);
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
        number_format(p->form.type, g->bits[k], text);
        tell(t, " %s", text);
    }
    tell(t, "%s\n", g->broadcast ? " everywhere" : "");
}

/* The same delta for the engine and, lane by lane, for the oracle. */
static bool delta_make(trial *t, u32 row) {
    const generated_delta *g = &t->made[row];
    const oracle_page *p = &t->o->pages[g->page];
    u64 values = g->broadcast ? 1 : g->used, bytes = type_bytes(p->form.type), used = 0;
    u8 *payload = arena_take(t->memory, ALIGN_UP(values * bytes, 8) + 64, 64);
    message m = {.used = 0};
    for (u64 k = 0; k < values; k++) number_store(p->form.type, payload + k * bytes, g->bits[k]);
    t->deltas[row] = (delta){.page = image_find_page(&t->i, p->name, strlen(p->name)),
                             .kind = g->kind,
                             .form = g->masked ? DELTA_MASK : DELTA_RANGE,
                             .broadcast = g->broadcast,
                             .type = p->form.type,
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
        if (generate_delta(&t->c, t->o, t->takes, &t->made[t->made_count])) t->made_count++;
    for (u32 k = 0; k < t->made_count; k++)
        if (!delta_make(t, k)) return false;
    return true;
}

/* ---- one trial ---- */
static bool python;     /* the evaluator in Python judges too */
static bool native;     /* the incremental engine runs compiled code */
static u32 threads = 1; /* of each engine; with more than one even the smallest node is split */

static mmsb_status engine_step(trial *t, engine *e, bool check, message *m) {
    for (u32 k = 0; k < t->made_count; k++) engine_apply(e, &t->deltas[k]);
    mmsb_status s = engine_run(e, m);
    if (s == MMSB_OK && check) s = engine_check(e, m);
    if (s == MMSB_OK) engine_accept(e);
    if (s == MMSB_REJECTED) engine_reject(e);
    return s;
}

/* Makes the oracle wrong by a bit, in a page that must be there. */
static void plant(trial *t) {
    u32 seen = 0;
    oracle_page *chosen = NULL;
    for (u32 k = 0; k < t->o->page_count; k++) {
        oracle_page *p = &t->o->pages[k];
        if (p->exported && chance_below(&t->c, ++seen) == 0) chosen = p;
    }
    if (chosen != NULL) chosen->now[chance_below(&t->c, (u32)chosen->lanes)] ^= 1;
}

static bool epoch(trial *t, tally *s, bool check) {
    message m = {.used = 0}, n = {.used = 0};
    tell(t, "epoch %llu:\n", (unsigned long long)t->o->epoch + 1);
    if (!changes_make(t)) return false;
    bool accepted = oracle_step(t->o, t->changes, t->change_count);
    if (t->planted && accepted) plant(t);
    mmsb_status first = engine_step(t, t->incremental, check, &m);
    mmsb_status second = engine_step(t, t->whole, false, &n);
    if (python) {
        record_epoch(&t->i, t->o->epoch + !accepted, first == MMSB_OK, t->deltas, t->made_count);
        record_state(&t->i, t->incremental, first == MMSB_OK);
    }
    s->epochs++;
    t->ran++;
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

static bool engine_start(trial *t, engine **e, bool whole, mmsb_status *s, tally *all, message *m) {
    engine_options options = {.recompute_all = whole, .threads = threads, .split_from = 1};
    options.gpu_percent = logged_percent(t->seed);
    options.stream_from = t->seed % 4 < 2 ? 1 : 0;
    options.histories = (engine_histories)(t->seed / (whole ? 3 : 1) % 3);
    if (engine_open(&t->i, &options, e, m) != MMSB_OK || logged_gpu(*e, whole, m) != MMSB_OK)
        return differs(t, "engine_open: %s", m->text);
    if (native && !whole &&
        (compiled_make(&t->i, t->memory, &t->native, m) != MMSB_OK ||
         compiled_install(*e, &t->native, &all->calls, m) != MMSB_OK))
        return differs(t, "native: %s", m->text);
    *s = engine_first(*e, NULL, m);
    if (*s == MMSB_OK) *s = engine_epoch0(*e, m);
    return true;
}

/* Text of an imported file, from the generator or the folder of the graph; NULL: there is none. */
static const char *import_text(const trial *t, const char *name) {
    if (t->library != NULL) return t->library;
    char path[4096], *text = arena_take(t->memory, GRAPH_TEXT_MAX, 1);
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    FILE *f = fopen(path, "r");
    if (f == NULL || text == NULL) return NULL;
    text[fread(text, 1, GRAPH_TEXT_MAX - 1, f)] = 0;
    fclose(f);
    return text;
}

/* The graph's tree, and those of what it imports. */
static bool parse_all(trial *t, sources *files, ast *tree) {
    diags found = {.memory = t->memory, .sources = files};
    u32 file;
    if (sources_add(files, "graph.mmsbg", t->text, t->bytes, &file) != MMSB_OK ||
        parse_file(files, file, tree, &found) != MMSB_OK)
        return differs(t, "no memory");
    for (u32 k = 0; k < tree->top_count; k++) {
        const ast_item *i = &tree->items[tree->top[k]];
        const char *name = i->kind == ITEM_IMPORT ? ast_text(tree, i->text) : NULL;
        bool known = name == NULL;
        for (u32 f = 0; f < files->count && !known; f++)
            known = strcmp(files->files[f].name, name) == 0;
        if (known) continue;
        const char *text = import_text(t, name);
        if (text == NULL) return differs(t, "cannot read %s", name);
        if (sources_add(files, name, text, strlen(text), &file) != MMSB_OK ||
            parse_file(files, file, tree, &found) != MMSB_OK)
            return differs(t, "no memory");
    }
    return found.error_count == 0 || differs(t, "the graph does not parse");
}

static void find_takes(trial *t) {
    for (u32 k = 0; k < t->o->page_count && k < GENERATE_PAGES_MAX; k++) {
        const oracle_page *p = &t->o->pages[k];
        u32 page = p->kind == ITEM_ASSERT ? 0 : image_find_page(&t->i, p->name, strlen(p->name));
        bool state = page != 0 && p->live && (t->i.pages[page].flags & PAGE_STATE) != 0;
        t->takes[k] = p->kind == ITEM_SOURCE || (p->kind == ITEM_PAGE && state);
    }
}

static bool open_both(trial *t) {
    sources *files = ARENA_ARRAY(t->memory, sources, 1);
    ast *tree = ast_open(t->memory);
    message m = {.used = 0};
    size_t bytes;
    *files = (sources){.memory = t->memory};
    if (!parse_all(t, files, tree)) return false;
    if (python && !(record_open() && record_graph(tree, files, t->memory)))
        return differs(t, "no Python");
    t->o = oracle_open(tree, files, t->memory, t->scratch);
    if (t->o == NULL || t->o->refused != NULL)
        return differs(t, "the oracle: %s", t->o == NULL ? "no memory" : t->o->refused);
    char *said = NULL;
    size_t said_bytes = 0;
    FILE *messages = open_memstream(&said, &said_bytes);
    mmsbc_options options = {.name = "graph.mmsbg",
                             .text = t->text,
                             .bytes = t->bytes,
                             .folders = &t->folder,
                             .folder_count = 1,
                             .messages = messages};
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
    find_takes(t);
    return true;
}

static bool trial_run(trial *t, tally *s) {
    message m = {.used = 0};
    mmsb_status first = MMSB_OK, second = MMSB_OK;
    if (!open_both(t)) return false;
    bool runs = oracle_start(t->o);
    if (t->o->refused != NULL) return differs(t, "the oracle: %s", t->o->refused);
    if (!engine_start(t, &t->incremental, false, &first, s, &m) ||
        !engine_start(t, &t->whole, true, &second, s, &m))
        return false;
    if ((first == MMSB_OK) != runs || first != second)
        return differs(t, "epoch 0: the engine %s, the oracle %s: %s",
                       first == MMSB_OK ? "runs" : "does not", runs ? "runs" : "does not", m.text);
    if (python) record_epoch(&t->i, 0, first == MMSB_OK, NULL, 0);
    if (python && runs) record_state(&t->i, t->incremental, false);
    s->no_run += !runs;
    if (!runs) return true;
    if (!same_pages(t, t->incremental, "incremental")) return false;
    const char *wrong = logged_open(&t->log, &t->i, &m);
    if (wrong != NULL) return differs(t, "%s: %s", wrong, m.text);
    u32 epochs = 3 + chance_below(&t->c, EPOCHS_MAX - 3), checked = chance_below(&t->c, epochs);
    for (u32 k = 0; k < epochs && k < t->epochs_most; k++)
        if (!epoch(t, s, k == checked)) return false;
    engine *replayed;
    wrong = logged_replay(&t->log, &replayed, &m);
    if (wrong != NULL) return differs(t, "%s: %s", wrong, m.text);
    if (engine_root(replayed) != engine_root(t->incremental))
        return differs(t, "the replay ends with another root");
    return same_pages(t, replayed, "replayed");
}

static void keep_text(const choices *o, const char *name, u64 seed, const char *text) {
    char path[4096];
    if (text == NULL || text[0] == 0) return;
    snprintf(path, sizeof path, "%s/%s-%llu.mmsbg", o->keep, name, (unsigned long long)seed);
    FILE *f = fopen(path, "w");
    if (f == NULL) return;
    fprintf(f, "%s", text);
    fclose(f);
}
static void tell_difference(const trial *t, const choices *o) {
    unsigned long long seed = t->seed;
    keep_text(o, "oracle", t->seed, t->text);
    keep_text(o, "oracle-lib", t->seed, t->library);
    printf("seed %llu: %s\n%s%s%s%s----\n", seed, t->what, t->text,
           t->library != NULL && t->library[0] != 0 ? "---- lib.mmsbg\n" : "",
           t->library != NULL ? t->library : "", t->story);
    printf("again: oracle_compare --seed %llu --epochs %u%s%s\n", seed, t->ran,
           o->file != NULL ? " --file " : "", o->file != NULL ? "THE SAME" : "");
    fflush(stdout);
}

static void library_write(const char *folder, const char *text) {
    char path[4200];
    snprintf(path, sizeof path, "%s/lib.mmsbg", folder);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) exit(3);
}
static void folder_remove(const char *folder) {
    char path[4200];
    snprintf(path, sizeof path, "%s/lib.mmsbg", folder);
    unlink(path);
    rmdir(folder);
}

static void trial_close(trial *t) {
    if (t->incremental != NULL) engine_close(t->incremental);
    if (t->whole != NULL) engine_close(t->whole);
    compiled_free(&t->native);
    logged_free(&t->log);
    if (t->compiled != NULL) mmsbc_free(t->compiled);
    arena_close(t->memory);
    arena_close(t->scratch);
    free(t->made);
    free(t->changes);
}

/* Whether it passed; a difference is told on stdout and the graph kept. */
static bool trial_one(u64 seed, const choices *o, tally *s) {
    static char text[GRAPH_TEXT_MAX], library[GRAPH_TEXT_MAX];
    trial t = {.seed = seed, .text = text, .c = {seed ^ 0x5DEECE66Du}};
    t.folder = o->folder, t.epochs_most = o->epochs_most, t.planted = o->planted && !python;
    t.memory = arena_open(0), t.scratch = arena_open(0);
    t.made = calloc(DELTAS_MAX, sizeof *t.made);
    t.changes = calloc((size_t)DELTAS_MAX * GENERATE_CHANGES_MAX, sizeof *t.changes);
    if (t.memory == NULL || t.scratch == NULL || t.made == NULL || t.changes == NULL) exit(5);
    if (o->file != NULL)
        t.text = o->file, t.bytes = (u32)strlen(o->file);
    else
        t.bytes = generate_graph(seed, text, library), t.library = library;
    if (library[0] != 0) library_write(o->folder, library);
    u64 epochs = s->epochs - s->rejected;
    bool passed = trial_run(&t, s);
    char found[sizeof t.what] = "";
    if (python) record_judge(seed, o->planted, found, sizeof found);
    if (found[0] != 0) passed = differs(&t, "in Python: %s", found);
    bool any = s->epochs - s->rejected > epochs;
    bool planted = o->planted && any;
    if (planted && python) passed = strstr(found, ", oracle ") != NULL;
    if (t.planted && any) passed = !passed && strstr(t.what, ", oracle ") != NULL;
    if (!passed) tell_difference(&t, o);
    s->refused += t.refused, s->kills += t.log.kills, s->planted += planted;
    trial_close(&t);
    return passed;
}

/* Seeds first, first + step, ... below end, one process; one that dies is told and the next takes
 * over. */
static void worker(u64 first, const choices *o, tally *s) {
    u64 end = o->seed + o->trials, step = o->jobs;
    for (u64 next = first; next < end; next = s->seed + step) {
        s->seed = next;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            for (u64 seed = next; seed < end; seed += step) {
                s->seed = seed;
                if (trial_one(seed, o, s))
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

static u64 report(const tally *s, u64 jobs, bool planted) {
    tally all = {0};
    for (u64 j = 0; j < jobs; j++) {
        all.passed += s[j].passed, all.failed += s[j].failed, all.no_run += s[j].no_run;
        all.refused += s[j].refused, all.epochs += s[j].epochs, all.rejected += s[j].rejected;
        all.fired += s[j].fired, all.kills += s[j].kills, all.planted += s[j].planted;
        all.calls += s[j].calls;
    }
    printf("%llu epochs, %llu rejected, %llu events, %llu kills; %llu graphs cannot start, %llu "
           "refused\n",
           (unsigned long long)all.epochs, (unsigned long long)all.rejected,
           (unsigned long long)all.fired, (unsigned long long)all.kills,
           (unsigned long long)all.no_run, (unsigned long long)all.refused);
    if (native) printf("%llu calls of compiled code in use\n", (unsigned long long)all.calls);
    if (planted)
        printf("planted in %llu graphs; found wherever it passed\n",
               (unsigned long long)all.planted);
    printf("%llu passed, %llu failed\n", (unsigned long long)all.passed,
           (unsigned long long)all.failed);
    bool nothing = (planted && all.planted == 0) || (native && all.calls == 0);
    return all.failed != 0 || nothing ? 0 : all.passed;
}

int main(int count, char **a) {
    choices o = {
        .seed = 1, .trials = 1, .jobs = 1, .epochs_most = EPOCHS_MAX, .threads = 1, .keep = "."};
    choices_read(count, a, &o);
    python = o.python, native = o.native, logged_cuda = o.cuda, threads = o.threads;
    static char text[GRAPH_TEXT_MAX], library[GRAPH_TEXT_MAX];
    if (o.print) {
        generate_graph(o.seed, text, library);
        printf("%s%s%s", text, library[0] != 0 ? "---- lib.mmsbg\n" : "", library);
        return 0;
    }
    tally *s =
        mmap(NULL, 64 * sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) return 5;
    for (u64 j = 0; j < o.jobs; j++) {
        fflush(stdout);
        if (fork() == 0) {
            char folder[] = "/tmp/mmsb-oracle-XXXXXX";
            if (o.folder == NULL) o.folder = mkdtemp(folder);
            if (o.folder == NULL) _exit(5);
            worker(o.seed + j, &o, &s[j]);
            if (o.folder == folder) folder_remove(folder);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    return report(s, o.jobs, o.planted) != o.trials;
}
