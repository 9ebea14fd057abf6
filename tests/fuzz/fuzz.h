/* SPDX-License-Identifier: Apache-2.0
 * fuzz: what the targets share. A target is a file NAME_fuzz.c with LLVMFuzzerTestOneInput; it
 * runs under libFuzzer, AFL++ and replay.c alike, so it keeps nothing between inputs but what it
 * made once. */
#ifndef MMSB_FUZZ_H
#define MMSB_FUZZ_H
#include "core/file.h"
#include "core/image.h"
#include "engine.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t bytes, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(u8 *data, size_t bytes, size_t most); /* libFuzzer's own */

/* A finding: says what, and aborts. */
#define MUST(c) ((c) ? (void)0 : fuzz_found(__FILE__, __LINE__, #c, ""))
_Noreturn void fuzz_found(const char *file, int line, const char *what, const char *words);

/* Stands for assert_failed (linked with --wrap), which ends too quietly for a fuzzer. */
_Noreturn void __wrap_assert_failed(const char *file, int line, const char *condition);

/* Whether a run of the image stays under some milliseconds and megabytes. */
bool small_image(const image *i);
/* Epoch 0 and two ticks of a small image, each compared with full evaluation; MMSB_BUG is a
 * finding. */
void small_run(const image *i);
/* Compiles a graph of the target's own; the image lives as long as the program. */
void small_compile(const char *text, image *out);

/* A read-only folder of files in memory. */
#define MEMORY_FILES_MAX 8
typedef struct {
    const char *name;
    const u8 *bytes;
    u64 count;
} memory_file;
typedef struct {
    file_calls calls; /* first: `self` is the whole */
    memory_file files[MEMORY_FILES_MAX];
    u32 count;
} memory_folder;
void memory_folder_open(memory_folder *m);
void memory_folder_add(memory_folder *m, const char *name, const void *bytes, u64 count);

/* A pseudo-random walk for mutators (splitmix64). */
static inline u64 fuzz_random(u64 *state) {
    u64 z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
#endif
