/* SPDX-License-Identifier: Apache-2.0
 * native_build: runs the system's C compiler, as itself and without a shell, on a text in a folder
 * of its own. */
#include "native.h"

#include "../kernels/kernels.h"
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_MOST 300u
#define POLL_NS 1000000
#define OBJECT_MOST ((u64)64 << 20)

extern char **environ;

static const char *const flags[] = {
    "-std=c11",
    "-O3",
    "-shared",
    "-fPIC",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-strict-aliasing",
    "-fvisibility=hidden",
    "-w",
};

/* Waits for the child; its exit status, or -1. Where the process ignores its children's ends, the
 * system keeps no status: 0, and what the child made tells. */
static int child_wait(pid_t child) {
    const struct timespec pause = {0, POLL_NS};
    int status;
    ASSERT(child > 0);
    for (u32 k = 0; k < SECONDS_MOST * 1000u; k++) {
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (got < 0 && errno == ECHILD) return 0;
        if (got < 0 && errno != EINTR) return -1;
        nanosleep(&pause, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

/* Runs words with what it says going to `to`. Its exit status; -1 with errno where there is no such
 * program. */
static int command_run(const char *const *words, int to) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    pid_t child = -1;
    ASSERT(words[0] != NULL);
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT), sigaddset(&usual, SIGTERM), sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, to, 1);
    posix_spawn_file_actions_adddup2(&actions, to, 2);
    int error = posix_spawnp(&child, words[0], &actions, &attributes,
                             (char *const *)(uintptr_t)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = error;
    return error != 0 ? -1 : child_wait(child);
}

/* The first line of what was said, at most `bytes` with its NUL. */
static void first_line(int fd, char *to, size_t bytes) {
    ASSERT(bytes > 0);
    ssize_t got = pread(fd, to, bytes - 1, 0);
    to[got > 0 ? got : 0] = 0;
    to[strcspn(to, "\r\n")] = 0;
    for (char *c = to; *c != 0; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
}

static bool words_part(native_compiler *c, const char *from) {
    ASSERT(c->word_count == 0);
    size_t bytes = strlen(from) + 1;
    if (bytes > sizeof c->words) return false;
    memcpy(c->words, from, bytes);
    for (char *at = c->words; *at != 0;) {
        at += strspn(at, " \t");
        if (*at == 0) break;
        if (c->word_count == NATIVE_WORDS - ARRAY_COUNT(flags) - 3) return false;
        c->word[c->word_count++] = at;
        at += strcspn(at, " \t");
        if (*at != 0) *at++ = 0;
    }
    return c->word_count != 0;
}

mmsb_status native_compiler_find(native_compiler *c, message *m) {
    const char *named = secure_getenv("CC");
    if (named == NULL || *named == 0) named = "cc";
    *c = (native_compiler){.word_count = 0};
    if (!words_part(c, named))
        return message_set(m, MMSB_ABSENT, "CC is not the name of a compiler and a few words");
    int said = memfd_create("mmsb-said", MFD_CLOEXEC);
    if (said < 0) return message_set(m, MMSB_ABSENT, "no memory file for what a compiler says");
    const char *words[NATIVE_WORDS + 2];
    memcpy(words, c->word, c->word_count * sizeof *words);
    words[c->word_count] = "--version", words[c->word_count + 1] = NULL;
    int status = command_run(words, said);
    first_line(said, c->version, sizeof c->version);
    close(said);
    if (status != 0 || c->version[0] == 0)
        return message_set(m, MMSB_ABSENT, "there is no C compiler `%s`%s", c->word[0],
                           status < 0 ? "" : " that tells its version");
    for (u32 k = 0; k < ARRAY_COUNT(flags); k++) c->word[c->word_count++] = flags[k];
#if defined(__x86_64__)
    kernels_level level = kernels_choose(KERNELS_V4);
    if (level == KERNELS_V3) c->word[c->word_count++] = "-march=x86-64-v3";
    if (level == KERNELS_V4) c->word[c->word_count++] = "-march=x86-64-v4";
    if (level == KERNELS_V4) c->word[c->word_count++] = "-mprefer-vector-width=512";
#endif
    ASSERT(c->word_count <= NATIVE_WORDS);
    return MMSB_OK;
}

/* A small file whole, in memory of the arena. */
static mmsb_status object_read(const char *path, arena *a, void **object, u64 *bytes, message *m) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat s;
    if (fd < 0 || fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size <= 0 ||
        (u64)s.st_size > OBJECT_MOST) {
        if (fd >= 0) close(fd);
        return message_set(m, MMSB_ABSENT, "the compiler made no object");
    }
    *bytes = (u64)s.st_size, *object = arena_take(a, *bytes, 64);
    mmsb_status status = *object == NULL
                             ? message_set(m, MMSB_OUT_OF_SPACE, "no memory for an object")
                             : file_read_all(file_system(), fd, *object, *bytes, 0, path, m);
    close(fd);
    return status;
}

static mmsb_status text_write(const char *path, const char *text, u64 bytes, message *m) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return file_failed(m, "write", path, errno);
    mmsb_status s = file_write_all(file_system(), fd, text, bytes, 0, path, m);
    close(fd);
    return s;
}

static mmsb_status compiler_run(const native_compiler *c, const char *source, const char *object,
                                message *m) {
    const char *words[NATIVE_WORDS + 6];
    char why[200];
    u32 k = c->word_count;
    int said = memfd_create("mmsb-said", MFD_CLOEXEC);
    if (said < 0) return message_set(m, MMSB_ABSENT, "no memory file for what a compiler says");
    memcpy(words, c->word, k * sizeof *words);
    words[k++] = "-o", words[k++] = object, words[k++] = source, words[k++] = "-lm";
    words[k] = NULL;
    ASSERT(k < ARRAY_COUNT(words));
    int status = command_run(words, said);
    first_line(said, why, sizeof why);
    close(said);
    if (status == 0) return MMSB_OK;
    return message_set(m, MMSB_ABSENT, "the C compiler `%s` failed%s%s", c->word[0],
                       why[0] != 0 ? ": " : "", why);
}

mmsb_status native_compile(const native_compiler *c, const char *text, u64 bytes, arena *a,
                           void **object, u64 *object_bytes, message *m) {
    const char *place = secure_getenv("TMPDIR");
    char folder[3000], source[3020], made[3020];
    ASSERT(c->word_count != 0 && bytes != 0);
    if (place == NULL || place[0] != '/' || strlen(place) > 2900) place = "/tmp";
    snprintf(folder, sizeof folder, "%s/mmsb-native-XXXXXX", place);
    if (mkdtemp(folder) == NULL) return file_failed(m, "make a folder in", place, errno);
    snprintf(source, sizeof source, "%s/native.c", folder);
    snprintf(made, sizeof made, "%s/native.so", folder);
    mmsb_status s = text_write(source, text, bytes, m);
    if (s == MMSB_OK) s = compiler_run(c, source, made, m);
    if (s == MMSB_OK) s = object_read(made, a, object, object_bytes, m);
    unlink(source), unlink(made), rmdir(folder);
    return s;
}

mmsb_status native_compile_image(const image *i, arena *a, native_plan *p, void **library, int *fd,
                                 const native_table **t, message *m) {
    native_compiler compiler;
    void *object = NULL;
    char *text = NULL;
    size_t bytes = 0;
    u64 object_bytes = 0;
    ASSERT(library != NULL && t != NULL);
    *library = NULL, *t = NULL, *fd = -1;
    TRY(native_plan_make(i, a, p, m));
    if (p->call_count == 0) return MMSB_OK;
    TRY(native_compiler_find(&compiler, m));
    FILE *to = open_memstream(&text, &bytes);
    bool whole = to != NULL && native_print(i, p, false, to);
    whole = to != NULL && fclose(to) == 0 && whole;
    mmsb_status s = whole ? native_compile(&compiler, text, bytes, a, &object, &object_bytes, m)
                          : message_set(m, MMSB_OUT_OF_SPACE, "no memory for the C text");
    free(text);
    ASSERT(s != MMSB_OK || object != NULL);
    return s != MMSB_OK ? s : native_load(object, object_bytes, library, fd, t, m);
}
