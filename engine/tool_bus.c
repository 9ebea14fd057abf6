/* SPDX-License-Identifier: Apache-2.0
 * tool_bus: mmsb attach, get, set, watch, top: a bus looked at and written from a shell. Stands on
 * bus/client.h as any other program would. */
#include "tool_bus.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bus/client.h"
#include "core/file.h"
#include "core/number.h"
#include "delta_text.h"
#include "tool_print.h"

typedef unsigned long long llu;

#define WORDS_MAX 4096
#define CHANGES_MAX 256u
#define SECOND_NS ((u64)1000000000)

typedef struct {
    const char *name; /* of the bus */
    const char *words[WORDS_MAX];
    u32 word_count;
    bool durable, once;
    u64 epochs; /* 0: no end */
    bus *b;
    const image *i;
} call;

static int told(mmsb_status s, const message *m) {
    ASSERT(s != MMSB_OK);
    fflush(stdout);
    fprintf(stderr, "mmsb: %s\n", m->text[0] != 0 ? m->text : status_text(s));
    return status_exit(s);
}

static void print_shape(const bus_page_info *p) {
    ASSERT(p->axis_count <= 4);
    printf("%s", type_text(p->type));
    for (u32 a = 0; a < p->axis_count; a++)
        printf("%s%llu%s", a == 0 ? "[" : ", ", (llu)p->dims[a], a + 1 == p->axis_count ? "]" : "");
}

static mmsb_status attach_run(call *c, message *m) {
    u64 clients;
    const char *text;
    (void)m;
    const char *first = bus_counter(c->b, 0, &clients, &text);
    ASSERT(first != NULL && strcmp(first, "clients") == 0);
    printf("bus %s: graph %s, epoch %llu", c->name, image_string(c->i, c->i->head->name),
           (llu)bus_epoch(c->b));
    if (bus_keeps_log(c->b)) printf(", durable %llu", (llu)bus_durable_epoch(c->b));
    printf(", %llu clients\n", (llu)clients);
    for (u32 k = 0; k < bus_page_count(c->b); k++) {
        bus_page_info p;
        bus_page_get(c->b, k, &p);
        printf("%-20s ", p.name);
        print_shape(&p);
        printf("%s%s\n", p.takes ? " takes deltas" : "", p.exported ? " exported" : "");
    }
    return MMSB_OK;
}

/* Lanes of one epoch, whatever the pace of epochs. */
static mmsb_status lanes_copy(call *c, u32 row, u64 first, u64 count, void *to, message *m) {
    bus_page_info p;
    bus_page_get(c->b, row, &p);
    u64 width = type_bytes(p.type);
    mmsb_status s = bus_read(c->b, row, first, count, to, NULL, m);
    ASSERT(s != MMSB_USAGE);
    if (s != MMSB_BUSY || bus_lease(c->b, UINT64_MAX, NULL, m) != MMSB_OK) return s;
    memcpy(to, (const u8 *)bus_leased(c->b, row) + first * width, count * width);
    bus_lease_end(c->b);
    return MMSB_OK;
}

/* A copy of one page, whole; the caller frees it. NULL: words in m. */
static void *page_copy(call *c, u32 row, mmsb_status *s, message *m) {
    bus_page_info p;
    bus_page_get(c->b, row, &p);
    void *copy = malloc(p.lanes * type_bytes(p.type));
    *s = copy == NULL ? message_set(m, MMSB_OUT_OF_SPACE, "no memory for the page") : MMSB_OK;
    if (copy == NULL) return NULL;
    ASSERT(p.lanes > 0);
    *s = lanes_copy(c, row, 0, p.lanes, copy, m);
    if (*s == MMSB_OK) return copy;
    free(copy);
    return NULL;
}

static mmsb_status get_run(call *c, message *m) {
    u32 page;
    u64 lane;
    mmsb_status s;
    ASSERT(c->word_count == 1);
    TRY(page_parse(c->i, c->words[0], &page, &lane, m));
    u32 row = bus_page_find(c->b, c->words[0], strcspn(c->words[0], "["));
    if (row == BUS_PAGE_NONE)
        return message_set(m, MMSB_WRONG, "the bus has no page `%s`", c->words[0]);
    void *copy = page_copy(c, row, &s, m);
    if (copy == NULL) return s;
    if (lane == UINT64_MAX)
        print_lanes(c->i, page, copy, 0, c->i->shapes[c->i->pages[page].shape].lanes);
    else
        print_lanes(c->i, page, copy, lane, 1);
    free(copy);
    return MMSB_OK;
}

static mmsb_status set_line(call *c, arena *memory, int folder, const char *text, message *m) {
    delta_line l;
    ASSERT(text != NULL);
    TRY(delta_text_line(c->i, memory, folder, text, strlen(text), &l, m));
    if (l.kind != LINE_DELTA)
        return message_set(m, MMSB_USAGE, "`%s`: set takes delta lines; they make one epoch", text);
    for (u32 k = 0; k < l.count; k++) TRY(bus_delta(c->b, &l.deltas[k], m));
    return MMSB_OK;
}

/* set NAME -: delta lines of standard input, with `commit` and `tick N` as in a delta file; commits
 * are sent as they end, and their answers taken as they come. A rejected one costs only itself. */
typedef struct {
    u64 line, sent, answered, rejected, epoch;
    bool open; /* lines since the last commit */
} feed;

static void feed_answer(feed *f, const bus_answer *a) {
    f->answered++;
    ASSERT(f->answered <= f->sent);
    if (a->status == MMSB_OK) f->epoch = a->epoch;
    if (a->status == MMSB_OK) return;
    f->rejected++;
    fprintf(stderr, "mmsb: commit %llu: %s\n", (llu)a->id, a->words);
}

static mmsb_status feed_commit(call *c, feed *f, message *m) {
    mmsb_status s;
    bus_answer a;
    bool got = true;
    while ((s = bus_commit(c->b, NULL, m)) == MMSB_BUSY && f->answered < f->sent) {
        TRY(bus_answer_wait(c->b, &a, UINT64_MAX, m));
        feed_answer(f, &a);
    }
    TRY(s);
    f->sent++, f->open = false;
    ASSERT(f->sent > f->answered);
    while (got) {
        TRY(bus_answer_next(c->b, &a, &got, m));
        if (got) feed_answer(f, &a);
    }
    return MMSB_OK;
}

static mmsb_status feed_line(call *c, feed *f, arena *memory, int folder, const char *text,
                             u64 bytes, message *m) {
    delta_line l;
    ASSERT(bytes == 0 || text != NULL);
    f->line++;
    mmsb_status s = delta_text_line(c->i, memory, folder, text, bytes, &l, m);
    if (s != MMSB_OK) {
        char words[sizeof m->text];
        memcpy(words, m->text, sizeof words);
        return message_set(m, s, "line %llu: %s", (llu)f->line, words);
    }
    for (u32 k = 0; l.kind == LINE_DELTA && k < l.count; k++) {
        TRY(bus_delta(c->b, &l.deltas[k], m));
        f->open = true;
    }
    if (l.kind == LINE_COMMIT || (l.kind == LINE_TICK && f->open)) TRY(feed_commit(c, f, m));
    for (u64 k = 0; l.kind == LINE_TICK && k < l.ticks; k++) TRY(feed_commit(c, f, m));
    return MMSB_OK;
}

/* All that was sent is answered; says what came of it. */
static mmsb_status feed_end(call *c, feed *f, message *m) {
    bus_answer a;
    while (f->answered < f->sent) {
        TRY(bus_answer_wait(c->b, &a, UINT64_MAX, m));
        feed_answer(f, &a);
    }
    ASSERT(f->answered == f->sent);
    if (c->durable) TRY(bus_durable_wait(c->b, f->epoch, UINT64_MAX, m));
    printf("epoch %llu%s\n", (llu)f->epoch, c->durable ? " durable" : "");
    return MMSB_OK;
}

static mmsb_status feed_run(call *c, arena *memory, int folder, message *m) {
    feed f = {0};
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    mmsb_status s = MMSB_OK;
    message ending = {.used = 0};
    while (s == MMSB_OK && (bytes = getline(&line, &room, stdin)) >= 0) {
        if (bytes > 0 && line[bytes - 1] == '\n') bytes--;
        s = feed_line(c, &f, memory, folder, line, (u64)bytes, m);
        arena_clear(memory);
    }
    free(line);
    ASSERT(f.answered <= f.sent);
    if (s == MMSB_OK && f.open) s = feed_commit(c, &f, m);
    /* A bad line takes nothing from the commits before it. */
    mmsb_status ended = s == MMSB_OK || f.sent != 0 ? feed_end(c, &f, &ending) : MMSB_OK;
    TRY(s);
    if (ended != MMSB_OK) *m = ending;
    TRY(ended);
    return f.rejected == 0 ? MMSB_OK
                           : message_set(m, MMSB_REJECTED, "%llu of %llu commits were rejected",
                                         (llu)f.rejected, (llu)f.sent);
}

static mmsb_status set_run(call *c, message *m) {
    bus_answer a;
    mmsb_status s = MMSB_OK;
    arena *memory = arena_open(0);
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (memory == NULL) s = message_set(m, MMSB_OUT_OF_SPACE, "no memory for delta lines");
    bool stream = s == MMSB_OK && c->word_count == 1 && strcmp(c->words[0], "-") == 0;
    if (stream) s = feed_run(c, memory, folder, m);
    for (u32 k = 0; s == MMSB_OK && !stream && k < c->word_count; k++)
        s = set_line(c, memory, folder, c->words[k], m);
    arena_close(memory);
    if (folder >= 0) close(folder);
    if (s != MMSB_OK || stream) return s;
    TRY(bus_commit(c->b, NULL, m));
    TRY(bus_answer_wait(c->b, &a, UINT64_MAX, m));
    if (a.status != MMSB_OK) return message_set(m, a.status, "%s", a.words);
    if (c->durable) TRY(bus_durable_wait(c->b, a.epoch, UINT64_MAX, m));
    printf("epoch %llu%s\n", (llu)a.epoch, c->durable ? " durable" : "");
    return MMSB_OK;
}

/* Which rows of the bus's table are watched: those named, or all exports. */
static mmsb_status watch_choose(const call *c, bool *wanted, message *m) {
    for (u32 k = 0; k < bus_page_count(c->b); k++) {
        bus_page_info p;
        bus_page_get(c->b, k, &p);
        wanted[k] = c->word_count == 0 && p.exported;
    }
    ASSERT(wanted != NULL);
    for (u32 k = 0; k < c->word_count; k++) {
        u32 row = bus_page_find(c->b, c->words[k], strlen(c->words[k]));
        if (row == BUS_PAGE_NONE)
            return message_set(m, MMSB_WRONG, "the bus has no page `%s`", c->words[k]);
        wanted[row] = true;
    }
    return MMSB_OK;
}

static mmsb_status watch_print(call *c, u32 row, u64 first, u64 count, message *m) {
    bus_page_info p;
    bus_page_get(c->b, row, &p);
    u32 width = type_bytes(p.type);
    ASSERT(first <= p.lanes && count <= p.lanes - first);
    u8 *copy = malloc(p.lanes * width);
    if (copy == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the page");
    mmsb_status s = lanes_copy(c, row, first, count, copy + first * width, m);
    if (s == MMSB_OK) print_lanes(c->i, p.image_row, copy, first, count);
    free(copy);
    return s;
}

static mmsb_status watch_all(call *c, const bool *wanted, message *m) {
    printf("epoch %llu\n", (llu)bus_epoch(c->b));
    for (u32 row = 0; row < bus_page_count(c->b); row++) {
        bus_page_info p;
        bus_page_get(c->b, row, &p);
        if (wanted[row]) TRY(watch_print(c, row, 0, p.lanes, m));
    }
    return MMSB_OK;
}

/* All changes that are known now; values are those that stand now, of a later epoch maybe, whose
 * changes then come again. */
static mmsb_status watch_changes(call *c, const bool *wanted, u64 *told_epoch, message *m) {
    bus_changed rows[CHANGES_MAX];
    bool missed;
    u32 count;
    while ((count = bus_changes(c->b, rows, CHANGES_MAX, &missed)) != 0) {
        for (u32 k = 0; k < count; k++) {
            ASSERT(rows[k].page < bus_page_count(c->b));
            if (!wanted[rows[k].page]) continue;
            if (rows[k].epoch != *told_epoch) printf("epoch %llu\n", (llu)rows[k].epoch);
            *told_epoch = rows[k].epoch;
            TRY(watch_print(c, rows[k].page, rows[k].first, rows[k].count, m));
        }
    }
    return missed ? watch_all(c, wanted, m) : MMSB_OK;
}

static mmsb_status watch_run(call *c, message *m) {
    bool *wanted = calloc(bus_page_count(c->b) + 1u, sizeof *wanted);
    if (wanted == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    u64 epoch = bus_epoch(c->b), told_epoch = 0, last = epoch + c->epochs;
    mmsb_status s = watch_choose(c, wanted, m);
    if (s == MMSB_OK) s = watch_all(c, wanted, m);
    while (s == MMSB_OK && (c->epochs == 0 || epoch < last)) {
        fflush(stdout);
        s = bus_wait_epoch(c->b, epoch, UINT64_MAX, m);
        epoch = bus_epoch(c->b);
        if (s == MMSB_OK) s = watch_changes(c, wanted, &told_epoch, m);
    }
    free(wanted);
    return s;
}

/* Sleeps a second; MMSB_IO where the engine went meanwhile. */
static mmsb_status second_pass(call *c, message *m) {
    struct timespec t = {1, 0};
    ASSERT(c->b != NULL);
    nanosleep(&t, NULL);
    return bus_alive(c->b, m);
}

static mmsb_status top_run(call *c, message *m) {
    bool screen = isatty(1) && !c->once;
    mmsb_status s = MMSB_OK;
    u64 before[64] = {0}, epoch = bus_epoch(c->b), value;
    const char *text;
    for (u32 k = 0; k < 64 && bus_counter(c->b, k, &value, &text) != NULL; k++) before[k] = value;
    while (s == MMSB_OK) {
        s = second_pass(c, m);
        if (s != MMSB_OK) break;
        u64 now = bus_epoch(c->b);
        ASSERT(now >= epoch);
        if (screen) printf("\033[H\033[J");
        printf("bus %s  epoch %llu  %llu epochs/s", c->name, (llu)now, (llu)(now - epoch));
        if (bus_keeps_log(c->b)) printf("  durable %llu", (llu)bus_durable_epoch(c->b));
        putchar('\n');
        for (u32 k = 0; k < 64 && bus_counter(c->b, k, &value, &text) != NULL; k++) {
            printf("%16llu %12llu/s  %s\n", (llu)value, (llu)(value - before[k]), text);
            before[k] = value;
        }
        fflush(stdout);
        epoch = now;
        if (c->once) break;
    }
    return s;
}

static const struct {
    const char *name;
    u32 words_least, words_most;
    mmsb_status (*run)(call *c, message *m);
} commands[] = {{"attach", 0, 0, attach_run},
                {"get", 1, 1, get_run},
                {"set", 1, WORDS_MAX, set_run},
                {"watch", 0, WORDS_MAX, watch_run},
                {"top", 0, 0, top_run}};

static int usage(const char *what) {
    fprintf(stderr, "mmsb: %s; see mmsb --help\n", what);
    return 2;
}

/* Options and words behind the bus's name; 0, or the status of what was told. */
static int words_read(call *c, int count, char **a) {
    for (int k = 3; k < count; k++) {
        const char *word = a[k];
        const char *epochs = strncmp(word, "--epochs=", 9) == 0 ? word + 9 : NULL;
        ASSERT(c->word_count <= WORDS_MAX);
        if (strcmp(word, "--epochs") == 0 && k + 1 < count) epochs = a[++k];
        if (epochs != NULL) {
            if (number_parse(TYPE_U64, epochs, strlen(epochs), &c->epochs) != NUMBER_OK)
                return usage("--epochs takes a count");
        } else if (strcmp(word, "--durable") == 0) {
            c->durable = true;
        } else if (strcmp(word, "--once") == 0) {
            c->once = true;
        } else if (strncmp(word, "--", 2) == 0) {
            return usage("an unknown option");
        } else if (c->word_count == WORDS_MAX) {
            return usage("too many words");
        } else {
            c->words[c->word_count++] = word;
        }
    }
    return 0;
}

bool bus_command(int count, char **a, int *status) {
    static message m;
    static call c;
    u32 row = 0;
    while (row < ARRAY_COUNT(commands) && (count < 2 || strcmp(a[1], commands[row].name) != 0))
        row++;
    if (row == ARRAY_COUNT(commands)) return false;
    if (count < 3) {
        *status = usage("the name of a bus is missing");
        return true;
    }
    c.name = a[2];
    ASSERT(c.name != NULL && commands[row].run != NULL);
    *status = words_read(&c, count, a);
    if (*status != 0) return true;
    if (c.word_count < commands[row].words_least || c.word_count > commands[row].words_most) {
        *status = usage("too few or too many words for this command");
        return true;
    }
    bus_options o = {.ring_bytes = (u64)16 << 20};
    mmsb_status s = bus_attach(c.name, &o, &c.b, &m);
    if (s == MMSB_OK) s = bus_image(c.b, &c.i, &m);
    if (s == MMSB_OK) s = commands[row].run(&c, &m);
    bus_detach(c.b);
    *status = s == MMSB_OK ? 0 : told(s, &m);
    return true;
}
