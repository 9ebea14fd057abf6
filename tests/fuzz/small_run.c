/* SPDX-License-Identifier: Apache-2.0
 * small_run: runs images that the fuzzers found to be valid, if they are small. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "mmsbc.h"
#include "session.h"

#define LANES_SMALL 4096u
#define WORK_SMALL (1u << 16)
#define BYTES_SMALL (64ull << 20)

_Noreturn void fuzz_found(const char *file, int line, const char *what, const char *words) {
    fprintf(stderr, "%s:%d: found: %s %s\n", file, line, what, words);
    abort();
}

_Noreturn void __wrap_assert_failed(const char *file, int line, const char *condition) {
    fuzz_found(file, line, condition, "(assertion)");
}

bool small_image(const image *i) {
    u64 work = 0;
    if (i->plan->arena_bytes > BYTES_SMALL) return false;
    for (u32 k = 1; k < i->page_count; k++)
        if (i->shapes[i->pages[k].shape].lanes > LANES_SMALL) return false;
    for (u32 k = 0; k < i->node_count && work <= WORK_SMALL; k++) {
        const image_node *n = &i->nodes[k];
        u64 lanes = i->shapes[n->shape].lanes, instructions = n->tile_count + 1u;
        if (lanes > WORK_SMALL) return false;
        work += lanes * (instructions / 16 + 1);
    }
    return work <= WORK_SMALL;
}

void small_run(const image *i) {
    static memory_folder folder;
    message m = {.used = 0};
    session *s = NULL;
    u64 done;
    memory_folder_open(&folder);
    session_options o = {.oracle_epochs = 1, .files = &folder.calls, .image_path = "fuzz.mmsbx"};
    mmsb_status status = session_open(i, &o, &s, &m);
    if (status == MMSB_OK) status = session_ticks(s, 2, NULL, NULL, NULL, &done, &m);
    if (status == MMSB_BUG) fuzz_found(__FILE__, __LINE__, "a bug reported", m.text);
    session_close(s, &m);
}

void small_compile(const char *text, image *out) {
    mmsbc_result *r;
    message m = {.used = 0};
    size_t bytes;
    mmsbc_options o = {
        .name = "own.mmsbg", .text = text, .bytes = strlen(text), .messages = stderr};
    if (mmsbc_compile(&o, &r) != MMSB_OK) fuzz_found(__FILE__, __LINE__, "own graph", "");
    const void *image_at = mmsbc_image(r, &bytes);
    if (image_verify(image_at, bytes, out, &m) != MMSB_OK)
        fuzz_found(__FILE__, __LINE__, "own image", m.text);
}
