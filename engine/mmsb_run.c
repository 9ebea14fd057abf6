/* SPDX-License-Identifier: Apache-2.0
 * mmsb-run: runs an image: first contents, deltas, ticks; prints events, pages, the root. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/array_file.h"
#include "core/number.h"
#include "delta_text.h"
#include "engine.h"

static const char help[] =
    "mmsb-run [IMAGE] [options]   runs IMAGE, or the only .mmsbx of the current directory\n"
    "  --in PAGE=FILE      first contents of a source (.npy, .csv)\n"
    "  --deltas FILE|-     delta lines; - is standard input\n"
    "  --ticks N           N empty commits after the deltas\n"
    "  --until EVENT       ticks until the event's bool is true (with --ticks: at most so many)\n"
    "  --print PAGE,...    prints pages as delta lines at the end\n"
    "  --out PAGE=FILE     writes a page at the end (.npy, .csv)\n"
    "  --root              prints the last epoch and its root\n"
    "  --strict, --no-strict   whether a rejected epoch ends the run (default: when input is a file)\n"
    "  --oracle N          every N epochs checks incremental against full evaluation\n"
    "  --executor vm|auto  --threads N (one thread runs)  --stats  --version  --help\n";

typedef struct {
    const char *image_path, *deltas, *until, *print;
    const char *in[64], *out[64];
    u32 in_count, out_count;
    u64 ticks, oracle;
    bool ticks_given, root, stats;
    int strict; /* -1: by the kind of input */
    image i;
    engine *e;
    bool rejected;
} run;

static int fail(mmsb_status s, const message *m) {
    fprintf(stderr, "mmsb-run: %s\n", m->text);
    return status_exit(s);
}

static int usage(const char *what, const char *text) {
    fprintf(stderr, "mmsb-run: %s `%s`; see mmsb-run --help\n", what, text);
    return 2;
}

static const char *value_of(const char *name, int count, char **a, int *k) {
    size_t bytes = strlen(name);
    if (strncmp(a[*k], name, bytes) != 0) return NULL;
    if (a[*k][bytes] == '=') return a[*k] + bytes + 1;
    return a[*k][bytes] == 0 && *k + 1 < count ? a[++*k] : NULL;
}

static bool count_of(const char *text, u64 *to) {
    return number_parse(TYPE_U64, text, strlen(text), to) == NUMBER_OK;
}

static int option(run *r, int count, char **a, int *k) {
    static const char *const later[] = {
        "--state",  "--resume",  "--durability",   "--checkpoint", "--audit",
        "--replay", "--to",      "--serve",        "--leases",     "--metrics",
        "--trace",  "--migrate", "--allow-kernels"};
    const char *v;
    u64 n;
    for (u32 l = 0; l < ARRAY_COUNT(later); l++)
        if (strncmp(a[*k], later[l], strlen(later[l])) == 0)
            return usage("this version does not have", later[l]);
    if ((v = value_of("--in", count, a, k)) != NULL && r->in_count < 64)
        r->in[r->in_count++] = v;
    else if ((v = value_of("--deltas", count, a, k)) != NULL)
        r->deltas = v;
    else if ((v = value_of("--ticks", count, a, k)) != NULL) {
        if (!count_of(v, &r->ticks)) return usage("--ticks takes a count, not", v);
        r->ticks_given = true;
    } else if ((v = value_of("--until", count, a, k)) != NULL)
        r->until = v;
    else if ((v = value_of("--print", count, a, k)) != NULL)
        r->print = v;
    else if ((v = value_of("--out", count, a, k)) != NULL && r->out_count < 64)
        r->out[r->out_count++] = v;
    else if ((v = value_of("--oracle", count, a, k)) != NULL) {
        if (!count_of(v, &r->oracle)) return usage("--oracle takes a count, not", v);
    } else if ((v = value_of("--threads", count, a, k)) != NULL) {
        if (!count_of(v, &n) || n == 0) return usage("--threads takes a count, not", v);
        if (n > 1)
            fprintf(stderr, "mmsb-run: this version runs on one thread; the bits are the same\n");
    } else if ((v = value_of("--executor", count, a, k)) != NULL) {
        if (strcmp(v, "native") == 0 || strcmp(v, "cuda") == 0) {
            fprintf(stderr, "mmsb-run: the executor %s is not in this version; use vm or auto\n",
                    v);
            return 5;
        }
        if (strcmp(v, "vm") != 0 && strcmp(v, "auto") != 0) return usage("unknown executor", v);
    } else if (strcmp(a[*k], "--root") == 0)
        r->root = true;
    else if (strcmp(a[*k], "--strict") == 0)
        r->strict = 1;
    else if (strcmp(a[*k], "--no-strict") == 0)
        r->strict = 0;
    else if (strcmp(a[*k], "--stats") == 0)
        r->stats = true;
    else
        return usage("unknown option, or one without its value:", a[*k]);
    return 0;
}

static u32 named_page(const run *r, const char *name, size_t bytes) {
    u32 page = image_find_page(&r->i, name, bytes);
    if (page == 0)
        fprintf(stderr, "mmsb-run: there is no page `%.*s`; exports are read by name\n", (int)bytes,
                name);
    return page;
}

static void print_value(const run *r, u32 page, u64 lane) {
    char text[NUMBER_TEXT_MAX];
    u8 type = r->i.pages[page].type;
    number_format(type,
                  number_load(type, (const u8 *)engine_page(r->e, page) + lane * type_bytes(type)),
                  text);
    fputs(text, stdout);
}

static void print_page(const run *r, u32 page) {
    const image_shape *s = &r->i.shapes[r->i.pages[page].shape];
    const char *name = image_string(&r->i, r->i.pages[page].name);
    u64 row = s->axis_count == 0 ? 1 : s->dims[s->axis_count - 1];
    for (u64 first = 0; first < s->lanes; first += row) {
        u64 at[AXES_MAX], rest = first;
        for (u32 a = s->axis_count; a > 0; a--)
            at[a - 1] = rest % s->dims[a - 1], rest /= s->dims[a - 1];
        fputs(name, stdout);
        for (u32 a = 0; a < s->axis_count; a++) {
            printf("%s%llu", a == 0 ? "[" : ", ", (unsigned long long)at[a]);
            if (a + 1 == s->axis_count) printf("..%llu]", (unsigned long long)row);
        }
        fputs(" = ", stdout);
        for (u64 k = 0; k < row; k++) {
            if (k != 0) fputs(", ", stdout);
            print_value(r, page, first + k);
        }
        putchar('\n');
    }
}

static void print_table(const run *r) {
    for (u32 k = 0; k < r->i.export_count; k++) {
        u32 page = r->i.exports[k];
        const image_shape *s = &r->i.shapes[r->i.pages[page].shape];
        printf("%-20s %s", image_string(&r->i, r->i.pages[page].name),
               type_text(r->i.pages[page].type));
        for (u32 a = 0; a < s->axis_count; a++)
            printf("%s%llu%s", a == 0 ? "[" : ", ", (unsigned long long)s->dims[a],
                   a + 1 == s->axis_count ? "]" : "");
        for (u64 l = 0; l < s->lanes && l < 8; l++) {
            putchar(' ');
            print_value(r, page, l);
        }
        puts(s->lanes > 8 ? " ..." : "");
    }
}

static void print_events(const run *r) {
    u32 rows[256], count = engine_fired(r->e, rows, 256);
    for (u32 k = 0; k < count && k < 256; k++) {
        const image_event *e = &r->i.events[rows[k]];
        printf("epoch %llu event %s", (unsigned long long)engine_epoch(r->e),
               image_string(&r->i, e->name));
        for (u32 v = 0; v < e->value_count; v++) {
            putchar(' ');
            print_value(r, r->i.event_values[e->value_at + v], 0);
        }
        putchar('\n');
    }
}

/* One epoch of the deltas applied so far. MMSB_REJECTED is told and noted. */
static mmsb_status epoch(run *r, message *m) {
    mmsb_status s = engine_run(r->e, m);
    if (s == MMSB_OK && r->oracle != 0 && (engine_epoch(r->e) + 1) % r->oracle == 0)
        s = engine_check(r->e, m);
    if (s == MMSB_OK) {
        engine_accept(r->e);
        print_events(r);
        return MMSB_OK;
    }
    if (s != MMSB_REJECTED) return s;
    engine_reject(r->e);
    fprintf(stderr, "%s\n", m->text);
    r->rejected = true;
    return MMSB_REJECTED;
}

static mmsb_status ticks(run *r, u64 n, message *m) {
    for (u64 k = 0; k < n; k++) TRY(epoch(r, m));
    return MMSB_OK;
}

typedef struct {
    arena *memory;
    delta *deltas;
    u32 count, capacity, line;
    bool bad;
    int folder;
    const char *name;
} feed;

static mmsb_status feed_commit(run *r, feed *f, message *m) {
    mmsb_status s = MMSB_OK;
    if (!f->bad) {
        for (u32 k = 0; k < f->count; k++) engine_apply(r->e, &f->deltas[k]);
        s = epoch(r, m);
    }
    arena_close(f->memory);
    f->memory = arena_open(0);
    f->deltas = NULL, f->count = f->capacity = 0, f->bad = false;
    return s;
}

static mmsb_status feed_line(run *r, feed *f, const char *text, u64 bytes, message *m) {
    delta_line l;
    f->line++;
    mmsb_status s = delta_text_line(&r->i, f->memory, f->folder, text, bytes, &l, m);
    if (s != MMSB_OK) {
        fprintf(stderr, "%s:%u: %s; its epoch %llu is rejected\n", f->name, f->line, m->text,
                (unsigned long long)engine_epoch(r->e) + 1);
        f->bad = r->rejected = true;
        return MMSB_REJECTED;
    }
    if (l.kind == LINE_COMMIT) return feed_commit(r, f, m);
    if (l.kind == LINE_TICK) {
        if (f->count != 0 || f->bad) TRY(feed_commit(r, f, m));
        return ticks(r, l.ticks, m);
    }
    for (u32 k = 0; k < l.count; k++) {
        if (!arena_grow(f->memory, (void **)&f->deltas, &f->capacity, f->count + 1, sizeof(delta)))
            return message_set(m, MMSB_OUT_OF_SPACE, "the commit is too large");
        f->deltas[f->count++] = l.deltas[k];
    }
    return MMSB_OK;
}

static mmsb_status deltas_run(run *r, message *m) {
    bool pipe = strcmp(r->deltas, "-") == 0;
    bool strict = r->strict < 0 ? !pipe : r->strict != 0;
    FILE *in = pipe ? stdin : fopen(r->deltas, "r");
    if (in == NULL)
        return message_set(m, MMSB_IO, "%s cannot be opened: give a file of delta lines",
                           r->deltas);
    char folder[4096];
    const char *slash = pipe ? NULL : strrchr(r->deltas, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - r->deltas) + 1,
             slash == NULL ? "." : r->deltas);
    feed f = {.memory = arena_open(0),
              .name = pipe ? "standard input" : r->deltas,
              .folder = open(folder, O_RDONLY | O_DIRECTORY)};
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    mmsb_status s = MMSB_OK;
    while (s == MMSB_OK && (bytes = getline(&line, &room, in)) >= 0) {
        if (bytes > 0 && line[bytes - 1] == '\n') bytes--;
        s = feed_line(r, &f, line, (u64)bytes, m);
        if (s == MMSB_REJECTED && !strict) s = MMSB_OK;
    }
    if (s == MMSB_OK && (f.count != 0 || f.bad)) s = feed_commit(r, &f, m);
    if (s == MMSB_REJECTED && !strict) s = MMSB_OK;
    free(line);
    arena_close(f.memory);
    if (!pipe) fclose(in);
    return s;
}

static mmsb_status inputs_read(run *r, int folder, u8 *skip, message *m) {
    for (u32 k = 0; k < r->in_count; k++) {
        const char *equals = strchr(r->in[k], '=');
        u32 page =
            equals == NULL ? 0 : image_find_page(&r->i, r->in[k], (size_t)(equals - r->in[k]));
        if (page == 0 || r->i.pages[page].kind != PAGE_SOURCE)
            return message_set(m, MMSB_USAGE, "--in %s: write SOURCE=FILE", r->in[k]);
        skip[page] = 1;
        TRY(array_file_read(file_system(), AT_FDCWD, equals + 1, false, r->i.pages[page].type,
                            &r->i.shapes[r->i.pages[page].shape], engine_page_bytes(r->e, page),
                            m));
    }
    for (u32 k = 0; k < r->i.file_count; k++) {
        const image_file *f = &r->i.files[k];
        if (skip[f->page]) continue;
        TRY(array_file_read(file_system(), folder, image_string(&r->i, f->path), true,
                            r->i.pages[f->page].type, &r->i.shapes[r->i.pages[f->page].shape],
                            engine_page_bytes(r->e, f->page), m));
    }
    return MMSB_OK;
}

static mmsb_status until_run(run *r, message *m) {
    u32 page = image_find_page(&r->i, r->until, strlen(r->until));
    if (page == 0 || (r->i.pages[page].flags & PAGE_EVENT) == 0)
        return message_set(m, MMSB_USAGE, "--until %s: there is no event of that name", r->until);
    for (u64 k = 0; *(const u8 *)engine_page(r->e, page) == 0; k++) {
        if (r->ticks_given && k == r->ticks)
            return message_set(m, MMSB_WRONG, "the event %s did not come within %llu ticks",
                               r->until, (unsigned long long)k);
        TRY(epoch(r, m));
    }
    return MMSB_OK;
}

static mmsb_status results(run *r, message *m) {
    for (const char *at = r->print; at != NULL && *at != 0;) {
        size_t bytes = strcspn(at, ",");
        u32 page = named_page(r, at, bytes);
        if (page == 0) return MMSB_USAGE;
        print_page(r, page);
        at += bytes + (at[bytes] == ',');
    }
    for (u32 k = 0; k < r->out_count; k++) {
        const char *equals = strchr(r->out[k], '=');
        u32 page = equals == NULL ? 0 : named_page(r, r->out[k], (size_t)(equals - r->out[k]));
        if (page == 0) return message_set(m, MMSB_USAGE, "--out %s: write PAGE=FILE", r->out[k]);
        TRY(array_file_write(file_system(), AT_FDCWD, equals + 1, r->i.pages[page].type,
                             &r->i.shapes[r->i.pages[page].shape], engine_page(r->e, page), m));
    }
    if (r->print == NULL && r->out_count == 0) print_table(r);
    if (r->root)
        printf("epoch %llu root 0x%016llx\n", (unsigned long long)engine_epoch(r->e),
               (unsigned long long)engine_root(r->e));
    if (r->stats) {
        const engine_stats *s = engine_statistics(r->e);
        fprintf(
            stderr,
            "epochs %llu, nodes %llu, lanes computed %llu, lanes changed %llu, tiles dense %llu packed %llu, bytes stored %llu\n",
            (unsigned long long)s->epochs, (unsigned long long)s->nodes_run,
            (unsigned long long)s->lanes_run, (unsigned long long)s->lanes_changed,
            (unsigned long long)s->tiles_dense, (unsigned long long)s->tiles_packed,
            (unsigned long long)s->bytes_stored);
    }
    return MMSB_OK;
}

static mmsb_status run_all(run *r, int folder, message *m) {
    u8 *skip = calloc(r->i.page_count + 1u, 1);
    if (skip == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    mmsb_status s = inputs_read(r, folder, skip, m);
    if (s == MMSB_OK) s = engine_first(r->e, skip, m);
    if (s == MMSB_OK) s = engine_epoch0(r->e, m);
    free(skip);
    TRY(s);
    if (r->deltas != NULL) s = deltas_run(r, m);
    if (s == MMSB_OK) s = r->until != NULL ? until_run(r, m) : ticks(r, r->ticks, m);
    if (s == MMSB_REJECTED) m->text[0] = 0;
    TRY(s);
    return results(r, m);
}

static const char *only_image(char *to, size_t bytes) {
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
    static run r = {.strict = -1};
    char only[300], folder[4096];
    message m = {.used = 0};
    const void *bytes;
    u64 byte_count;
    for (int k = 1; k < count; k++) {
        if (strcmp(a[k], "-h") == 0 || strcmp(a[k], "--help") == 0) return fputs(help, stdout) < 0;
        if (strcmp(a[k], "--version") == 0)
            return puts("mmsb-run 0.1.0, image 1, math 1, root 1") < 0;
        if (a[k][0] != '-') {
            if (r.image_path != NULL) return usage("one image at a time, not also", a[k]);
            r.image_path = a[k];
            continue;
        }
        int wrong = option(&r, count, a, &k);
        if (wrong != 0) return wrong;
    }
    if (r.image_path == NULL) r.image_path = only_image(only, sizeof only);
    if (r.image_path == NULL)
        return usage("name an image: the current directory does not hold exactly one", ".mmsbx");
    mmsb_status s = file_map(file_system(), AT_FDCWD, r.image_path, &bytes, &byte_count, &m);
    if (s == MMSB_OK) s = image_verify(bytes, byte_count, &r.i, &m);
    if (s == MMSB_OK) s = engine_open(&r.i, NULL, &r.e, &m);
    if (s != MMSB_OK) return fail(s, &m);
    const char *slash = strrchr(r.image_path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - r.image_path) + 1,
             slash == NULL ? "." : r.image_path);
    s = run_all(&r, open(folder, O_RDONLY | O_DIRECTORY), &m);
    fflush(stdout);
    int status = s != MMSB_OK && m.text[0] != 0 ? fail(s, &m) : status_exit(s);
    if (status == 0 && r.rejected) status = 1;
    engine_close(r.e);
    file_unmap(bytes, byte_count);
    return status;
}
