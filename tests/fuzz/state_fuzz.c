/* SPDX-License-Identifier: Apache-2.0
 * state_fuzz: a log or a checkpoint of a state directory, replayed from memory. The first byte
 * says what the rest is: bit 0 a checkpoint (else a log), bit 1 as it is (else lengths, places,
 * chain and digests are put right, so that what is tried lies behind them). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "checkpoint.h"
#include "fuzz.h"
#include "session.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { INPUT_CHECKPOINT = 1, INPUT_AS_IS = 2 };
#define EPOCHS_MAX 40u

static const char graph_text[] =
    "source x: f64[4] source k: u32[2]\n"
    "page s[i: 4]: f64 edge wrap = init x[i] then prev(s)[i - 1] + x[i]\n"
    "page at = x[k[0]] page sum_of = sum(s) export s, at, sum_of\n"
    "assert x[3] >= 0.0\n";

typedef struct {
    image graph;
    const u8 *first, *last, *log; /* checkpoint-0, checkpoint-3, log-1 */
    u64 first_bytes, last_bytes, log_bytes;
} state_files;
static state_files own;

static void file_take(const char *folder, const char *name, const u8 **at, u64 *bytes) {
    char path[256];
    const void *mapped;
    message m = {.used = 0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_map(file_system(), AT_FDCWD, path, &mapped, bytes, &m) != MMSB_OK)
        fuzz_found(__FILE__, __LINE__, "own file", m.text);
    *at = mapped;
    unlink(path);
}

static int fixed_random(file_calls *self, void *to, u64 bytes) {
    (void)self;
    memset(to, 7, bytes);
    return 0;
}

static void three_epochs(session *s) {
    message m = {.used = 0};
    u64 done;
    for (u32 k = 0; k < 2; k++) {
        f64 value = 1.5 + k;
        delta d = {.page = image_find_page(&own.graph, "x", 1),
                   .type = TYPE_F64,
                   .first = k,
                   .count = 1,
                   .payload_bytes = 8,
                   .payload = &value};
        MUST(session_delta(s, &d, &m) == MMSB_OK && session_commit(s, NULL, &m) == MMSB_OK);
    }
    MUST(session_ticks(s, 1, NULL, NULL, NULL, &done, &m) == MMSB_OK);
}

/* Seeds for the corpus, where FUZZ_SEEDS names a folder. */
static void seed_write(const char *name, u8 flags, const u8 *from, u64 bytes) {
    char path[4096];
    if (getenv("FUZZ_SEEDS") == NULL) return;
    snprintf(path, sizeof path, "%s/%s", getenv("FUZZ_SEEDS"), name);
    FILE *f = fopen(path, "wb");
    if (f == NULL) return;
    fputc(flags, f);
    fwrite(from, 1, bytes, f);
    fclose(f);
}

static void state_make(void) {
    char folder[] = "/tmp/state_fuzz_XXXXXX";
    message m = {.used = 0};
    session *s = NULL;
    file_calls calls = *file_system();
    calls.random = fixed_random;
    small_compile(graph_text, &own.graph);
    MUST(mkdtemp(folder) != NULL);
    session_options o = {.state = folder, .files = &calls, .segment_bytes = 8192};
    MUST(session_open(&own.graph, &o, &s, &m) == MMSB_OK);
    three_epochs(s);
    MUST(session_close(s, &m) == MMSB_OK);
    file_take(folder, "checkpoint-0", &own.first, &own.first_bytes);
    file_take(folder, "checkpoint-3", &own.last, &own.last_bytes);
    file_take(folder, "log-1", &own.log, &own.log_bytes);
    const char *left[] = {"graph.mmsbx", "lock"};
    for (u32 k = 0; k < ARRAY_COUNT(left); k++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folder, left[k]);
        unlink(path);
    }
    rmdir(folder);
    seed_write("checkpoint", INPUT_CHECKPOINT, own.last, own.last_bytes);
    seed_write("checkpoint-as-is", INPUT_CHECKPOINT | INPUT_AS_IS, own.last, own.last_bytes);
    seed_write("log", 0, own.log + TLOG_START, own.log_bytes - TLOG_START);
    seed_write("log-as-is", INPUT_AS_IS, own.log, own.log_bytes);
}

static void checkpoint_fix(u8 *at, u64 bytes) {
    checkpoint_head h;
    if (bytes < sizeof h) return;
    memcpy(&h, at, sizeof h);
    memcpy(&h, own.last, 8);
    h.bytes = bytes;
    h.version = CHECKPOINT_VERSION, h.math_version = MATH_VERSION, h.root_version = ROOT_VERSION;
    memset(h.uuid, 7, sizeof h.uuid);
    h.image_digest = own.graph.head->digest;
    memcpy(at, &h, sizeof h);
    h.digest = XXH3_64bits_withSeed(at + 16, bytes - 16, tlog_seed(h.uuid));
    memcpy(at, &h, sizeof h);
}

/* Records one behind the other from TLOG_START on: as far as their lengths fit, they become
 * valid. */
static void log_fix(u8 *log, u64 bytes) {
    u64 before = 0, seed = tlog_seed(own.log + 24), at = TLOG_START;
    tlog_head h;
    while (at + sizeof h <= bytes) {
        memcpy(&h, log + at, sizeof h);
        if (h.kind == TLOG_END) return;
        h.kind %= TLOG_KIND_COUNT, h.flags = 0;
        h.body_bytes = (u32)u64_min(h.body_bytes, (bytes - at - sizeof h) & ~7ull) & ~7u;
        h.place = 1ull << 40 | at, h.digest_prev = before;
        memcpy(log + at, &h, sizeof h);
        h.digest = XXH3_64bits_withSeed(log + at + 8, sizeof h - 8 + h.body_bytes, seed);
        memcpy(log + at, &h, sizeof h);
        before = h.digest;
        at += sizeof h + h.body_bytes;
    }
}

static void replay(const u8 *last, u64 last_bytes, const u8 *log, u64 log_bytes) {
    static memory_folder folder;
    message m = {.used = 0};
    session *s = NULL;
    memory_folder_open(&folder);
    memory_folder_add(&folder, "graph.mmsbx", own.graph.bytes, own.graph.byte_count);
    memory_folder_add(&folder, "checkpoint-0", own.first, own.first_bytes);
    if (last != NULL) memory_folder_add(&folder, "checkpoint-3", last, last_bytes);
    memory_folder_add(&folder, "log-1", log, log_bytes);
    session_options o = {.state = "state", .files = &folder.calls, .oracle_epochs = 1};
    session_replay_options r = {.to = EPOCHS_MAX, .from_most = last != NULL ? 3 : 0};
    mmsb_status status = session_replay(&own.graph, &o, &r, &s, &m);
    if (status == MMSB_BUG) fuzz_found(__FILE__, __LINE__, "a bug reported", m.text);
    MUST(status == MMSB_OK || m.text[0] != 0);
    session_close(s, &m);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    if (own.log == NULL) state_make();
    if (bytes < 1) return 0;
    bool as_is = (data[0] & INPUT_AS_IS) != 0, whole_state = (data[0] & INPUT_CHECKPOINT) != 0;
    u64 head = whole_state || as_is ? 0 : TLOG_START, count = bytes - 1;
    u8 *copy;
    if (posix_memalign((void **)&copy, 64, head + count + 1) != 0) return 0;
    memcpy(copy, own.log, head);
    memcpy(copy + head, data + 1, count);
    if (!as_is && whole_state) checkpoint_fix(copy, count);
    if (!as_is && !whole_state) log_fix(copy, head + count);
    if (whole_state)
        replay(copy, count, own.log, own.log_bytes);
    else
        replay(NULL, 0, copy, head + count);
    free(copy);
    return 0;
}
