/* SPDX-License-Identifier: Apache-2.0
 * mmsbc: the compiler's command. tool_options.c reads its line. */
#include "mmsbc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../dsl/explain.h"
#include "../engine/core/file.h"
#include "tool_options.h"

#define FIX_ROUNDS_MAX 100 /* a round shows at most 20 errors */
#define PATH_BYTES 4200

static int tell_message(mmsb_status s, const message *m) {
    ASSERT(s != MMSB_OK);
    fprintf(stderr, "mmsbc: %s\n", m->text);
    return status_exit(s);
}

/* A file's text, or all of standard input for "-". free_text gives it back. */
static mmsb_status read_text(const char *path, const void **text, u64 *bytes, message *m) {
    ASSERT(path != NULL);
    if (strcmp(path, "-") != 0) return file_map(file_system(), AT_FDCWD, path, text, bytes, m);
    char *kept = NULL;
    size_t used = 0, room = 0;
    for (;;) {
        if (used == room) {
            char *more = realloc(kept, room = room * 2 + 65536);
            if (more == NULL) break;
            kept = more;
        }
        ssize_t got = read(0, kept + used, room - used);
        if (got < 0) {
            free(kept);
            return message_set(m, MMSB_IO, "cannot read standard input");
        }
        if (got == 0) {
            *text = kept, *bytes = used;
            return MMSB_OK;
        }
        used += (size_t)got;
    }
    free(kept);
    return message_set(m, MMSB_OUT_OF_SPACE, "standard input is too long");
}

static void free_text(const char *path, const void *text, u64 bytes) {
    ASSERT(path != NULL);
    if (strcmp(path, "-") == 0)
        free((void *)(uintptr_t)text);
    else
        file_unmap(text, bytes);
}

/* STEM of the graph in the current directory, or -o's path without .mmsbx, then `ending`. */
static const char *path_beside(const tool_options *o, const char *ending, char to[PATH_BYTES]) {
    const char *slash = strrchr(o->files.items[0], '/');
    const char *from = slash == NULL ? o->files.items[0] : slash + 1, *dot = strrchr(from, '.');
    ASSERT(ending[0] == '.');
    if (o->out != NULL) {
        const char *folder = strrchr(o->out, '/');
        from = o->out;
        dot = strrchr(folder == NULL ? from : folder + 1, '.');
    }
    int stem = dot == NULL || dot == from ? (int)strlen(from) : (int)(dot - from);
    snprintf(to, PATH_BYTES, "%.*s%s", stem, from, ending);
    return to;
}

static void depends_name(FILE *to, const char *name) {
    for (const char *c = name; *c != 0; c++) {
        if (*c == ' ' || *c == '#' || *c == '\\') fputc('\\', to);
        if (*c == '$') fputc('$', to);
        fputc(*c, to);
    }
    ASSERT(name[0] != 0);
}

/* `IMAGE: GRAPH IMPORT...` as make reads it. */
static int write_depends(const tool_options *o, const mmsbc_result *r, const char *image,
                         message *m) {
    char path[PATH_BYTES];
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    ASSERT(o->depends);
    if (to == NULL) return status_exit(MMSB_OUT_OF_SPACE);
    depends_name(to, image);
    fputc(':', to);
    for (size_t k = 0; mmsbc_input(r, k) != NULL; k++) {
        fputc(' ', to);
        depends_name(to, mmsbc_input(r, k));
    }
    fputc('\n', to);
    if (fclose(to) != 0) return status_exit(MMSB_OUT_OF_SPACE);
    mmsb_status s =
        file_replace(file_system(), AT_FDCWD, path_beside(o, ".d", path), text, bytes, m);
    free(text);
    return s == MMSB_OK ? 0 : tell_message(s, m);
}

static int write_image(const tool_options *o, const mmsbc_result *r, message *m) {
    char path[PATH_BYTES];
    size_t bytes = 0;
    const void *image = mmsbc_image(r, &bytes);
    const char *to = o->out != NULL ? o->out : path_beside(o, ".mmsbx", path);
    ASSERT(image != NULL);
    mmsb_status s = file_replace(file_system(), AT_FDCWD, to, image, bytes, m);
    if (s != MMSB_OK) return tell_message(s, m);
    return o->depends ? write_depends(o, r, to, m) : 0;
}

static int give(const tool_options *o, const mmsbc_result *r, message *m) {
    ASSERT(r != NULL);
    if (o->check) return 0;
    if (o->emit == 0) return write_image(o, r, m);
    bool c = strcmp(tool_emit_text(o), "c") == 0;
    if (c || strcmp(tool_emit_text(o), "ptx") == 0) {
        mmsb_status s = (c ? tool_emit_c : tool_emit_ptx)(r, stdout, m);
        return s == MMSB_OK ? 0 : tell_message(s, m);
    }
    if (mmsbc_emit(r, tool_emit_text(o), stdout) == 0 && fflush(stdout) == 0) return 0;
    fprintf(stderr, "mmsbc: cannot write %s\n", tool_emit_text(o));
    return 3;
}

/* Rewrites the file until no certain fix is left. */
static int fix_file(const tool_options *o, mmsbc_options *c, message *m) {
    size_t fixed = 0;
    ASSERT(o->fix);
    for (int round = 0; round < FIX_ROUNDS_MAX; round++) {
        const char *path = o->files.items[0];
        const void *text = NULL;
        u64 bytes = 0;
        mmsbc_result *r = NULL;
        mmsb_status s = read_text(path, &text, &bytes, m);
        if (s != MMSB_OK) return tell_message(s, m);
        c->text = text, c->bytes = bytes, c->messages = NULL;
        mmsbc_compile(c, &r);
        size_t now = r == NULL ? 0 : mmsbc_fix(r), new_bytes = 0;
        const char *new_text = now == 0 ? NULL : mmsbc_text(r, &new_bytes);
        if (new_text != NULL)
            s = file_replace(file_system(), AT_FDCWD, path, new_text, new_bytes, m);
        mmsbc_free(r);
        free_text(path, text, bytes);
        if (s != MMSB_OK) return tell_message(s, m);
        if (now == 0) break;
        fixed += now;
    }
    if (fixed != 0) fprintf(stderr, "mmsbc: %zu fixed in %s\n", fixed, o->files.items[0]);
    return 0;
}

/* When a file last changed, and its size; 0: it is not there. */
static u64 file_stamp(const char *path) {
    struct stat now;
    if (stat(path, &now) != 0) return 0;
    u64 ns = (u64)now.st_mtim.tv_sec * 1000000000u + (u64)now.st_mtim.tv_nsec;
    return (ns * 31 + (u64)now.st_size) * 31 + (u64)now.st_ino + 1;
}

/* One number for all files that were read. */
static u64 inputs_stamp(const char *path, const mmsbc_result *r) {
    u64 stamp = file_stamp(path);
    for (size_t k = 1; r != NULL && mmsbc_input(r, k) != NULL; k++)
        stamp = stamp * 0x9e3779b97f4a7c15u + file_stamp(mmsbc_input(r, k));
    ASSERT(path != NULL);
    return stamp;
}

static int compile(const tool_options *o, mmsbc_options *c, message *m) {
    const char *path = o->files.items[0];
    const void *text = NULL;
    u64 bytes = 0;
    mmsbc_result *r = NULL;
    int wrong = o->fix ? fix_file(o, c, m) : 0;
    u64 stamp = o->watch ? file_stamp(path) : 0;
    ASSERT(path != NULL);
    if (wrong != 0) return wrong;
    if (strcmp(path, "-") == 0) c->name = "stdin.mmsbg";
    mmsb_status s = read_text(path, &text, &bytes, m);
    if (s != MMSB_OK) return tell_message(s, m);
    c->text = text, c->bytes = bytes, c->messages = stderr;
    bool only_parse = strcmp(tool_emit_text(o), "ast") == 0;
    int status = status_exit((mmsb_status)(only_parse ? mmsbc_parse(c, &r) : mmsbc_compile(c, &r)));
    if (status == 0) status = give(o, r, m);
    free_text(path, text, bytes);
    if (o->watch) {
        fprintf(stderr, "mmsbc: %s: %s; waiting for a change\n", path,
                status == 0 ? "compiled" : "not compiled");
        fflush(stdout);
        /* What changed while it was compiled shows in the graph's stamp from before. */
        u64 inputs = inputs_stamp(path, r);
        while (file_stamp(path) == stamp && inputs_stamp(path, r) == inputs) usleep(100000);
    }
    mmsbc_free(r);
    return status;
}

/* One file of `mmsbc fmt`. */
static int format(const tool_options *o, mmsbc_options *c, const char *path, message *m) {
    const void *text = NULL;
    u64 bytes = 0;
    mmsbc_result *r = NULL;
    bool standard = strcmp(path, "-") == 0;
    ASSERT(o->fmt);
    mmsb_status s = read_text(path, &text, &bytes, m);
    if (s != MMSB_OK) return tell_message(s, m);
    c->name = standard ? "<stdin>" : path;
    c->text = text, c->bytes = bytes;
    int status = status_exit((mmsb_status)mmsbc_format(c, &r));
    size_t new_bytes = 0;
    const char *new_text = status == 0 ? mmsbc_text(r, &new_bytes) : NULL;
    bool same = new_text != NULL && new_bytes == bytes &&
                (bytes == 0 || memcmp(new_text, text, new_bytes) == 0);
    if (new_text != NULL && o->check) {
        if (!same) puts(c->name);
        status = same ? 0 : 1;
    } else if (new_text != NULL && standard) {
        if (fwrite(new_text, 1, new_bytes, stdout) != new_bytes || fflush(stdout) != 0) status = 3;
    } else if (new_text != NULL && !same) {
        s = file_replace(file_system(), AT_FDCWD, path, new_text, new_bytes, m);
        if (s != MMSB_OK) status = tell_message(s, m);
    }
    mmsbc_free(r);
    free_text(path, text, bytes);
    return status;
}

/* The library of graphs: PREFIX/share/mmsb/graphs of PREFIX/bin/mmsbc where it is installed, the
 * source's graphs/ of build/bin/mmsbc where it was built. */
static bool graphs_find(char *to, size_t bytes) {
    char cache[4300];
    ASSERT(bytes > 64);
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
    ASSERT(code != NULL);
    if (explain_code(code, stdout, &near)) return 0;
    fprintf(stderr, "mmsbc: there is no code `%s`%s%s%s\n", code,
            near != NULL ? "; did you mean " : "", near != NULL ? near : "",
            near != NULL ? "?" : "");
    return 2;
}

int main(int count, char **a) {
    static tool_options o;
    message m = {.used = 0};
    bool ended = false;
    int status = tool_options_read(&o, count, a, &ended);
    if (status != 0 || ended) return status;
    if (o.explain != NULL) return explain(o.explain);
    static char graphs[4200];
    if (o.folders.count < OPTION_WORDS_MOST && graphs_find(graphs, sizeof graphs))
        o.folders.items[o.folders.count++] = graphs;
    if (o.lsp) {
#ifdef MMSB_HAS_JANSSON
        return lsp_run(stdin, stdout, o.folders.items, o.folders.count);
#else
        fprintf(stderr, "mmsbc: lsp is not in this build: install jansson (libjansson-dev) and "
                        "build again\n");
        return status_exit(MMSB_ABSENT);
#endif
    }
    const char *plain = getenv("NO_COLOR");
    mmsbc_options c = {.name = o.files.items[0],
                       .defines = o.defines.items,
                       .define_count = o.defines.count,
                       .folders = o.folders.items,
                       .folder_count = o.folders.count,
                       .max_bytes = o.max_bytes.value,
                       .max_waves = o.max_waves.value,
                       .max_amplification = o.amplification.items,
                       .max_amplification_count = o.amplification.count,
                       .diagnostics = o.format,
                       .messages = stderr};
    c.colour = o.colour == 1 || (o.colour == 0 && (plain == NULL || *plain == 0) && isatty(2));
    for (; o.watch; usleep(100000)) compile(&o, &c, &m);
    if (!o.fmt) return compile(&o, &c, &m);
    for (size_t k = 0; k < o.files.count; k++) {
        int one = format(&o, &c, o.files.items[k], &m);
        status = one > status ? one : status;
    }
    return status;
}
