/* SPDX-License-Identifier: Apache-2.0
 * mmsbc: the compiler's command. */
#include "mmsbc.h"

#include "../dsl/explain.h"
#include "../engine/core/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "mmsbc FILE.mmsbg [options]   compiles a graph to STEM.mmsbx in the current directory\n"
    "  -o FILE                    the image's path\n"
    "  -D NAME=INTEGER            overrides a param\n"
    "  -I FOLDER                  searched for imports, before the installed graphs\n"
    "  --check                    reports errors, writes nothing\n"
    "  --emit image|plan|dot      what to give; plan and dot go to stdout\n"
    "  --error-format human|short|json\n"
    "  --color auto|always|never\n"
    "  --explain E0123            what a code means, with an example of each kind\n"
    "  --version, -h, --help\n";

typedef struct {
    mmsbc_options o;
    const char *file, *out, *emit;
    const char *defines[256], *folders[65]; /* the last: the installed graphs */
    bool check;
    int colour; /* 0 auto, 1 always, 2 never */
} command;

static int usage(const char *what, const char *text) {
    fprintf(stderr, "mmsbc: %s `%s`; see mmsbc --help\n", what, text);
    return 2;
}

/* The value of an option that is `name`, `name value` or `name=value`; NULL if argument k is
 * another. */
static const char *value_of(const char *name, int count, char **a, int *k) {
    size_t bytes = strlen(name);
    if (strncmp(a[*k], name, bytes) != 0) return NULL;
    if (a[*k][bytes] == '=') return a[*k] + bytes + 1;
    bool joined = name[1] != '-' && a[*k][bytes] != 0;
    if (joined) return a[*k] + bytes;
    return a[*k][bytes] == 0 && *k + 1 < count ? a[++*k] : NULL;
}

static int option(command *c, int count, char **a, int *k) {
    const char *v;
    if ((v = value_of("-o", count, a, k)) != NULL)
        c->out = v;
    else if ((v = value_of("-D", count, a, k)) != NULL && c->o.define_count < 256)
        c->defines[c->o.define_count++] = v;
    else if ((v = value_of("-I", count, a, k)) != NULL && c->o.folder_count < 64)
        c->folders[c->o.folder_count++] = v;
    else if ((v = value_of("--emit", count, a, k)) != NULL)
        c->emit = v;
    else if ((v = value_of("--error-format", count, a, k)) != NULL) {
        c->o.diagnostics = strcmp(v, "short") == 0 ? 1 : strcmp(v, "json") == 0 ? 2 : 0;
        if (c->o.diagnostics == 0 && strcmp(v, "human") != 0)
            return usage("unknown error format", v);
    } else if ((v = value_of("--color", count, a, k)) != NULL) {
        c->colour = strcmp(v, "always") == 0 ? 1 : strcmp(v, "never") == 0 ? 2 : 0;
    } else if (strcmp(a[*k], "--check") == 0) {
        c->check = true;
    } else {
        return usage("unknown option, or one without its value:", a[*k]);
    }
    return 0;
}

/* The library of graphs: PREFIX/share/mmsb/graphs of PREFIX/bin/mmsbc where it is installed, the
 * source's graphs/ of build/bin/mmsbc where it was built. */
static bool graphs_find(char *to, size_t bytes) {
    char cache[4300];
    ssize_t used = readlink("/proc/self/exe", to, bytes - 64);
    if (used <= 0) return false;
    to[used] = 0;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(to, '/');
        if (slash == NULL) return false;
        *slash = 0;
    }
    snprintf(cache, sizeof cache, "%s/CMakeCache.txt", to);
    char *folder = strrchr(to, '/'), *end = to + strlen(to);
    bool built = folder != NULL && access(cache, R_OK) == 0;
    snprintf(built ? folder : end, 64, built ? "/graphs" : "/share/mmsb/graphs");
    return access(to, X_OK) == 0;
}

static int explain(const char *code) {
    const char *near = NULL;
    if (explain_code(code, stdout, &near)) return 0;
    fprintf(stderr, "mmsbc: there is no code `%s`%s%s%s\n", code,
            near != NULL ? "; did you mean " : "", near != NULL ? near : "",
            near != NULL ? "?" : "");
    return 2;
}

static int write_image(const command *c, const void *bytes, size_t count, message *m) {
    char path[4200];
    const char *slash = strrchr(c->file, '/'), *from = slash == NULL ? c->file : slash + 1,
               *dot = strrchr(from, '.');
    int stem = dot == NULL || dot == from ? (int)strlen(from) : (int)(dot - from);
    snprintf(path, sizeof path, "%.*s.mmsbx", stem, from);
    mmsb_status s =
        file_replace(file_system(), AT_FDCWD, c->out != NULL ? c->out : path, bytes, count, m);
    if (s != MMSB_OK) fprintf(stderr, "mmsbc: %s\n", m->text);
    return status_exit(s);
}

int main(int count, char **a) {
    static command c;
    message m = {.used = 0};
    const void *text = NULL;
    u64 bytes = 0;
    for (int k = 1; k < count; k++) {
        if (strcmp(a[k], "-h") == 0 || strcmp(a[k], "--help") == 0) return fputs(help, stdout) < 0;
        if (strcmp(a[k], "--version") == 0) return puts("mmsbc 0.1.0, image 2, math 1") < 0;
        const char *code = value_of("--explain", count, a, &k);
        if (code != NULL) return explain(code);
        if (a[k][0] != '-') {
            if (c.file != NULL) return usage("one graph at a time, not also", a[k]);
            c.file = a[k];
            continue;
        }
        int wrong = option(&c, count, a, &k);
        if (wrong != 0) return wrong;
    }
    if (c.file == NULL) return usage("name a graph file, not", "");
    mmsb_status s = file_map(file_system(), AT_FDCWD, c.file, &text, &bytes, &m);
    if (s != MMSB_OK) {
        fprintf(stderr, "mmsbc: %s\n", m.text);
        return 3;
    }
    static char graphs[4200];
    if (graphs_find(graphs, sizeof graphs)) c.folders[c.o.folder_count++] = graphs;
    const char *plain = getenv("NO_COLOR");
    c.o.name = c.file, c.o.text = text, c.o.bytes = bytes, c.o.defines = c.defines,
    c.o.folders = c.folders, c.o.messages = stderr;
    c.o.colour = c.colour == 1 || (c.colour == 0 && (plain == NULL || *plain == 0) && isatty(2));
    mmsbc_result *r = NULL;
    int status = status_exit((mmsb_status)mmsbc_compile(&c.o, &r));
    size_t image_bytes = 0;
    const void *image_at = r != NULL ? mmsbc_image(r, &image_bytes) : NULL;
    bool emits = c.emit != NULL && strcmp(c.emit, "image") != 0;
    if (status == 0 && emits && mmsbc_emit(r, c.emit, stdout) != 0)
        status = usage("unknown or unfinished --emit", c.emit);
    if (status == 0 && !emits && !c.check) status = write_image(&c, image_at, image_bytes, &m);
    mmsbc_free(r);
    file_unmap(text, bytes);
    return status;
}
