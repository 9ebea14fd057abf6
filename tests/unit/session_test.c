/* SPDX-License-Identifier: Apache-2.0
 * State directories under every cut, every flipped byte and every failing call. A plain run of the
 * same epochs gives the roots to compare with. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../compiler/include/mmsbc.h"
#include "session.h"

#define EPOCHS 12u

static const char graph_text[] =
    "source x: f64[40] = 1.0\nsource k: u32[40]\n"
    "page ema: f64[40] = init x then prev(ema) + 0.25 * (x - prev(ema))\n"
    "page move = x - prev(x)\npage total = sum(ema)\npage grouped: f64[4] = sum(ema by k)\n"
    "event high = total > 100.0 with total\nassert all(x < 1000.0)\n";

typedef struct {
    image i;
    mmsbc_result *compiled;
    u64 roots[EPOCHS + 1];
} fixture;
static fixture all;

/* Calls that change files or sync them, counted; from `fail_at` on, `fail_count` of them fail. */
static struct {
    u64 count, fail_at, fail_count;
    int error;
} fault;
static int faulty(void) {
    fault.count++;
    bool hit = fault.count >= fault.fail_at && fault.count < fault.fail_at + fault.fail_count;
    return fault.fail_at != 0 && hit ? -fault.error : 0;
}
static i64 write_faulty(file_calls *self, int fd, const void *from, u64 bytes, u64 at) {
    int wrong = faulty();
    if (wrong == 0) return file_system()->write_at(self, fd, from, bytes, at);
    /* Half of it arrives. */
    if (bytes > 16) (void)!file_system()->write_at(self, fd, from, bytes / 2, at);
    return wrong;
}
/* Folders that were synced; nothing else is, since no test cuts the power. */
static struct {
    dev_t device;
    ino_t file;
} synced[64];
static u32 synced_count;
static int sync_faulty(file_calls *self, int fd) {
    struct stat st;
    (void)self;
    int wrong = faulty();
    if (wrong == 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && synced_count < 64) {
        synced[synced_count].device = st.st_dev;
        synced[synced_count++].file = st.st_ino;
    }
    return wrong;
}
static bool folder_was_synced(const char *path) {
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    bool found = false;
    for (u32 k = 0; k < synced_count; k++)
        found = found || (synced[k].device == st.st_dev && synced[k].file == st.st_ino);
    return found;
}
static int rename_faulty(file_calls *self, int folder, const char *from, const char *to) {
    int wrong = faulty();
    return wrong != 0 ? wrong : file_system()->rename_at(self, folder, from, to);
}
static int reserve_faulty(file_calls *self, int fd, u64 at, u64 bytes) {
    int wrong = faulty();
    return wrong != 0 ? wrong : file_system()->reserve(self, fd, at, bytes);
}
static int open_faulty(file_calls *self, int folder, const char *path, int flags, int mode) {
    int wrong = faulty();
    return wrong != 0 ? wrong : file_system()->open_at(self, folder, path, flags, mode);
}
static file_calls *faulty_calls(void) {
    static file_calls calls;
    calls = *file_system();
    calls.write_at = write_faulty, calls.sync = calls.sync_data = sync_faulty;
    calls.rename_at = rename_faulty, calls.reserve = reserve_faulty, calls.open_at = open_faulty;
    return &calls;
}
static void faults_set(u64 at, u64 count, int error) {
    fault.count = 0, fault.fail_at = at, fault.fail_count = count, fault.error = error;
}

static void deltas_of(session *s, u32 epoch) {
    message m = {0};
    u32 page_x = image_find_page(&all.i, "x", 1), page_k = image_find_page(&all.i, "k", 1);
    f64 values[3] = {epoch * 1.5, -2.0 * epoch, 7.0};
    u32 key = epoch % 4;
    delta d = {.page = page_x,
               .type = TYPE_F64,
               .first = epoch * 3 % 37,
               .count = 3,
               .payload_bytes = 24,
               .payload = values};
    delta g = {.page = page_k,
               .type = TYPE_U32,
               .first = epoch,
               .count = 1,
               .payload_bytes = 4,
               .payload = &key};
    cr_assert_eq(session_delta(s, &d, &m), MMSB_OK, "%s", m.text);
    cr_assert_eq(session_delta(s, &g, &m), MMSB_OK, "%s", m.text);
}

/* One epoch: deltas, or every third one a tick. */
static mmsb_status epoch_make(session *s, u32 epoch, message *m) {
    u64 done;
    if (epoch % 3 == 0) return session_ticks(s, 1, NULL, NULL, NULL, &done, m);
    deltas_of(s, epoch);
    return session_commit(s, NULL, m);
}

static session_options options_for(const char *state, durability_mode mode) {
    return (session_options){
        .state = state, .durability = mode, .audit_epochs = 4, .files = faulty_calls()};
}

static void folder_new(char to[64]) {
    /* In memory where there is such a folder: thousands of states are opened and synced. */
    snprintf(to, 64, "%s/mmsb-session-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert(mkdtemp(to) != NULL);
}
static void folder_remove(const char *folder) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}
static u8 *file_get(const char *folder, const char *name, u64 *bytes) {
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY);
    cr_assert(fd >= 0 && fstat(fd, &st) == 0, "%s", path);
    u8 *at = malloc((size_t)st.st_size + 1);
    cr_assert_eq(read(fd, at, (size_t)st.st_size), st.st_size);
    close(fd);
    *bytes = (u64)st.st_size;
    return at;
}
static void file_put(const char *folder, const char *name, const u8 *from, u64 bytes) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, from, bytes), (ssize_t)bytes);
    close(fd);
}

/* Bytes of the log that are not zero at its end. */
static u64 log_used(const u8 *log, u64 bytes) {
    while (bytes > 0 && log[bytes - 1] == 0) bytes--;
    return bytes;
}

static void setup(void) {
    size_t bytes;
    message m = {0};
    mmsbc_options o = {
        .name = "g.mmsbg", .text = graph_text, .bytes = strlen(graph_text), .messages = stderr};
    cr_assert_eq(mmsbc_compile(&o, &all.compiled), 0);
    const void *image_bytes = mmsbc_image(all.compiled, &bytes);
    cr_assert_eq(image_verify(image_bytes, bytes, &all.i, &m), MMSB_OK, "%s", m.text);
    session_options plain = {0};
    session *s;
    cr_assert_eq(session_open(&all.i, &plain, &s, &m), MMSB_OK, "%s", m.text);
    all.roots[0] = engine_root(session_engine(s));
    for (u32 k = 1; k <= EPOCHS; k++) {
        cr_assert_eq(epoch_make(s, k, &m), MMSB_OK, "%s", m.text);
        all.roots[k] = engine_root(session_engine(s));
    }
    session_close(s, NULL);
}
TestSuite(session, .init = setup);

/* Runs all epochs into a folder; killed: without closing. */
static void folder_fill(const char *folder, bool killed) {
    message m = {0};
    session *s;
    session_options o = options_for(folder, DURABILITY_NONE);
    faults_set(0, 0, 0);
    cr_assert_eq(session_open(&all.i, &o, &s, &m), MMSB_OK, "%s", m.text);
    for (u32 k = 1; k <= EPOCHS; k++) cr_assert_eq(epoch_make(s, k, &m), MMSB_OK, "%s", m.text);
    if (killed) faults_set(1, UINT64_MAX - 1, EIO);
    mmsb_status closed = session_close(s, &m);
    cr_assert_eq(closed == MMSB_OK, !killed);
    faults_set(0, 0, 0);
}

/* Opens and kills at once. The epoch that it stands at, or -1 where it is refused with `refused`.
 */
static i64 epoch_found(const char *folder, mmsb_status *refused) {
    message m = {0};
    session *s;
    session_options o = options_for(folder, DURABILITY_NONE);
    *refused = session_open(&all.i, &o, &s, &m);
    if (*refused != MMSB_OK) {
        cr_assert(m.used > 0);
        return -1;
    }
    u64 epoch = engine_epoch(session_engine(s));
    cr_assert(epoch <= EPOCHS);
    cr_assert_eq(engine_root(session_engine(s)), all.roots[epoch], "epoch %llu",
                 (unsigned long long)epoch);
    faults_set(1, UINT64_MAX - 1, EIO);
    session_close(s, NULL);
    faults_set(0, 0, 0);
    return (i64)epoch;
}

Test(session, a_log_cut_at_any_byte_keeps_its_whole_records) {
    char folder[64];
    u64 bytes;
    mmsb_status refused;
    folder_new(folder);
    folder_fill(folder, true);
    u8 *log = file_get(folder, "log-1", &bytes);
    u64 used = log_used(log, bytes);
    i64 last = -1;
    for (u64 cut = 0; cut <= used; cut++) {
        file_put(folder, "log-1", log, cut);
        i64 epoch = epoch_found(folder, &refused);
        if (cut < TLOG_START) {
            cr_assert_eq(refused, MMSB_DAMAGED, "cut at %llu", (unsigned long long)cut);
            continue;
        }
        cr_assert_eq(refused, MMSB_OK, "cut at %llu", (unsigned long long)cut);
        cr_assert(epoch >= last && epoch <= last + 1, "cut at %llu", (unsigned long long)cut);
        last = epoch;
    }
    cr_assert_eq(last, EPOCHS);
    free(log);
    folder_remove(folder);
}

Test(session, a_flipped_byte_of_a_closed_log_is_damage) {
    char folder[64];
    u64 bytes, refusals = 0;
    mmsb_status refused;
    folder_new(folder);
    folder_fill(folder, false);
    u8 *log = file_get(folder, "log-1", &bytes);
    u64 used = log_used(log, bytes), checked = u64_min(bytes, used + 200);
    for (u64 at = 0; at < checked; at++) {
        log[at] ^= (u8)(1u << at % 8);
        file_put(folder, "log-1", log, bytes);
        log[at] ^= (u8)(1u << at % 8);
        i64 epoch = epoch_found(folder, &refused);
        cr_assert(refused == MMSB_OK || refused == MMSB_DAMAGED || refused == MMSB_WRONG);
        refusals += refused != MMSB_OK;
        /* The close record itself may be lost: the checkpoint holds its epoch. */
        if (refused == MMSB_OK) cr_assert_eq(epoch, EPOCHS, "byte %llu", (unsigned long long)at);
    }
    cr_assert(refusals >= used - 72 - 8, "%llu of %llu", (unsigned long long)refusals,
              (unsigned long long)used);
    free(log);
    folder_remove(folder);
}

Test(session, a_flipped_byte_of_a_killed_log_leaves_a_prefix_or_is_damage) {
    char folder[64];
    u64 bytes;
    mmsb_status refused;
    folder_new(folder);
    folder_fill(folder, true);
    u8 *log = file_get(folder, "log-1", &bytes);
    u64 used = log_used(log, bytes);
    for (u64 at = TLOG_START; at < used; at++) {
        log[at] ^= (u8)(1u << at % 8);
        file_put(folder, "log-1", log, bytes);
        log[at] ^= (u8)(1u << at % 8);
        (void)epoch_found(folder, &refused); /* compares the root with that epoch's */
        cr_assert(refused == MMSB_OK || refused == MMSB_DAMAGED);
    }
    free(log);
    folder_remove(folder);
}

Test(session, a_flipped_byte_of_the_only_checkpoint_is_damage) {
    char folder[64];
    u64 bytes;
    mmsb_status refused;
    folder_new(folder);
    folder_fill(folder, true);
    u8 *file = file_get(folder, "checkpoint-0", &bytes);
    for (u64 at = 0; at < bytes; at++) {
        file[at] ^= (u8)(1u << at % 8);
        file_put(folder, "checkpoint-0", file, bytes);
        file[at] ^= (u8)(1u << at % 8);
        epoch_found(folder, &refused);
        cr_assert(refused == MMSB_DAMAGED || refused == MMSB_WRONG, "byte %llu",
                  (unsigned long long)at);
    }
    free(file);
    folder_remove(folder);
}

/* Opens, makes all epochs, closes, while calls fail; says how many epochs were acknowledged as
 * durable, and whether all went well. */
static u64 epochs_under_faults(const char *folder, durability_mode mode, bool *clean) {
    message m = {0};
    session *s;
    session_options o = options_for(folder, mode);
    u64 acknowledged = 0;
    *clean = false;
    if (session_open(&all.i, &o, &s, &m) != MMSB_OK) return 0;
    u64 start = engine_epoch(session_engine(s));
    for (u64 k = start + 1; k <= EPOCHS; k++) {
        mmsb_status status = epoch_make(s, (u32)k, &m);
        if (status == MMSB_OK) acknowledged = k;
        if (status != MMSB_OK) break;
    }
    bool done = acknowledged == EPOCHS || start == EPOCHS;
    *clean = session_close(s, &m) == MMSB_OK && done;
    return acknowledged;
}

static void fail_every_call(u64 count, int error) {
    bool clean = false;
    for (u64 n = 1; !clean; n++) {
        char folder[64];
        mmsb_status refused;
        cr_assert(n < 2000);
        folder_new(folder);
        faults_set(n, count, error);
        u64 acknowledged = epochs_under_faults(folder, DURABILITY_EPOCH, &clean);
        bool reached = fault.count >= n;
        faults_set(0, 0, 0);
        i64 epoch = epoch_found(folder, &refused);
        cr_assert_eq(refused, MMSB_OK, "call %llu", (unsigned long long)n);
        cr_assert(epoch >= (i64)acknowledged, "call %llu: %lld of %llu", (unsigned long long)n,
                  (long long)epoch, (unsigned long long)acknowledged);
        epochs_under_faults(folder, DURABILITY_BATCH, &clean);
        cr_assert(clean, "call %llu: it does not go on", (unsigned long long)n);
        cr_assert_eq(epoch_found(folder, &refused), EPOCHS);
        folder_remove(folder);
        clean = !reached;
    }
}

Test(session, any_one_failing_call_loses_nothing) { fail_every_call(1, EIO); }
Test(session, any_call_that_fails_for_ever_loses_nothing) { fail_every_call(UINT64_MAX / 2, EIO); }
Test(session, a_full_disk_at_any_call_loses_nothing) { fail_every_call(3, ENOSPC); }

Test(session, a_directory_has_one_writer) {
    char folder[64];
    message m = {0};
    session *s, *other;
    folder_new(folder);
    session_options o = options_for(folder, DURABILITY_BATCH);
    cr_assert_eq(session_open(&all.i, &o, &s, &m), MMSB_OK);
    cr_assert_eq(session_open(&all.i, &o, &other, &m), MMSB_BUSY);
    cr_assert(strstr(m.text, "in use") != NULL);
    session_close(s, NULL);
    folder_remove(folder);
}

Test(session, closing_twice_writes_nothing_new) {
    char folder[64], command[256];
    mmsb_status status;
    folder_new(folder);
    folder_fill(folder, false);
    snprintf(command, sizeof command, "cat %s/* | cksum > %s.sum", folder, folder);
    cr_assert_eq(system(command), 0);
    message m = {0};
    session *s;
    session_options o = options_for(folder, DURABILITY_SEALED);
    status = session_open(&all.i, &o, &s, &m);
    cr_assert_eq(status, MMSB_OK, "%s", m.text);
    cr_assert_eq(session_close(s, &m), MMSB_OK);
    snprintf(command, sizeof command, "cat %s/* | cksum | cmp - %s.sum && rm %s.sum", folder,
             folder, folder);
    cr_assert_eq(system(command), 0);
    folder_remove(folder);
}

Test(session, a_rejected_epoch_is_not_logged_and_its_number_is_used_again) {
    char folder[64];
    message m = {0};
    session *s;
    f64 wrong = 2000.0;
    folder_new(folder);
    session_options o = options_for(folder, DURABILITY_SEALED);
    cr_assert_eq(session_open(&all.i, &o, &s, &m), MMSB_OK);
    for (u32 k = 1; k <= EPOCHS; k++) {
        delta d = {.page = image_find_page(&all.i, "x", 1),
                   .type = TYPE_F64,
                   .first = k,
                   .count = 1,
                   .payload_bytes = 8,
                   .payload = &wrong};
        cr_assert_eq(session_delta(s, &d, &m), MMSB_OK);
        cr_assert_eq(session_commit(s, NULL, &m), MMSB_REJECTED);
        cr_assert_eq(epoch_make(s, k, &m), MMSB_OK, "%s", m.text);
        cr_assert_eq(engine_root(session_engine(s)), all.roots[k]);
        cr_assert_eq(session_durable_epoch(s), k);
    }
    cr_assert_eq(session_end(s, &m), MMSB_OK);
    cr_assert_eq(session_durable_epoch(s), EPOCHS);
    cr_assert_eq(session_commit(s, NULL, &m), MMSB_IO);
    cr_assert_eq(session_close(s, &m), MMSB_OK);
    session_replay_options r = {.to = UINT64_MAX};
    cr_assert_eq(session_replay(&all.i, &o, &r, &s, &m), MMSB_OK, "%s", m.text);
    cr_assert_eq(engine_root(session_engine(s)), all.roots[EPOCHS]);
    session_close(s, NULL);
    folder_remove(folder);
}

Test(session, small_segments_rotate_and_a_missing_one_is_damage) {
    char folder[64], path[128];
    message m = {0};
    session *s;
    mmsb_status refused;
    folder_new(folder);
    session_options o = options_for(folder, DURABILITY_EPOCH);
    o.segment_bytes = TLOG_START + 700;
    cr_assert_eq(session_open(&all.i, &o, &s, &m), MMSB_OK);
    for (u32 k = 1; k <= EPOCHS; k++) cr_assert_eq(epoch_make(s, k, &m), MMSB_OK, "%s", m.text);
    faults_set(1, UINT64_MAX - 1, EIO);
    session_close(s, NULL);
    faults_set(0, 0, 0);
    cr_assert_eq(epoch_found(folder, &refused), EPOCHS);
    snprintf(path, sizeof path, "%s/log-2", folder);
    cr_assert_eq(unlink(path), 0);
    epoch_found(folder, &refused);
    cr_assert_eq(refused, MMSB_DAMAGED);
    folder_remove(folder);
}

Test(session, names_that_a_killed_process_made_are_synced_before_anything_stands_on_them) {
    char outside[64], folder[80];
    message m = {0};
    session *s;
    folder_new(outside);
    snprintf(folder, sizeof folder, "%s/state", outside);
    folder_fill(folder, true);
    static const char *const ways[] = {"", "/"};
    for (u32 k = 0; k < ARRAY_COUNT(ways); k++) {
        char named[96];
        snprintf(named, sizeof named, "%s%s", folder, ways[k]);
        session_options o = options_for(named, DURABILITY_EPOCH);
        synced_count = 0;
        cr_assert_eq(session_open(&all.i, &o, &s, &m), MMSB_OK, "%s", m.text);
        cr_assert(folder_was_synced(folder), "its segments and checkpoints have no names");
        cr_assert(folder_was_synced(outside), "it has no name");
        session_close(s, NULL);
    }
    folder_remove(outside);
}

#define STEPS 32u
static u64 step_roots[STEPS + 2];

/* Commits of three sizes and ticks, so that some fit the rest of a segment where others do not. */
static mmsb_status step_make(session *s, u32 step, message *m) {
    f64 values[30];
    u64 done;
    if (step % 4 == 3) return session_ticks(s, 1, NULL, NULL, NULL, &done, m);
    u64 count = step % 4 == 0 ? 1 : step % 4 == 1 ? 30 : 12;
    for (u32 k = 0; k < 30; k++) values[k] = (step * 7 + k) % 50;
    delta d = {.page = image_find_page(&all.i, "x", 1),
               .type = TYPE_F64,
               .first = step % 10,
               .count = count,
               .payload_bytes = count * 8,
               .payload = values};
    cr_assert_eq(session_delta(s, &d, m), MMSB_OK);
    return session_commit(s, NULL, m);
}

/* Runs steps, whatever fails, until the session has. What was refused must have changed nothing;
 * `plain` keeps nothing and takes what was taken. Gives the last epoch that was acknowledged. */
static u64 steps_under_faults(session *s, session *plain) {
    message m = {0};
    engine *e = session_engine(s), *p = session_engine(plain);
    u64 acknowledged = 0;
    step_roots[0] = engine_root(p);
    for (u32 step = 0; step < STEPS; step++) {
        u64 before = engine_epoch(e);
        mmsb_status status = step_make(s, step, &m);
        if (status == MMSB_OK || session_failed(s)) {
            cr_assert_eq(step_make(plain, step, &m), MMSB_OK);
            step_roots[engine_epoch(p)] = engine_root(p);
        }
        if (session_failed(s)) break;
        if (status != MMSB_OK) {
            cr_assert_eq(engine_epoch(e), before, "step %u is said to be refused: %s", step,
                         m.text);
            cr_assert_eq(engine_root(e), engine_root(p));
            continue;
        }
        acknowledged = engine_epoch(e);
        cr_assert_eq(acknowledged, before + 1);
        cr_assert_eq(session_durable_epoch(s), acknowledged);
    }
    return acknowledged;
}

static void refuse_every_call(u64 count, int error) {
    bool reached = true;
    for (u64 n = 1; reached; n++) {
        char folder[64];
        message m = {0};
        session *s, *plain, *again;
        session_options none = {0};
        cr_assert(n < 2000);
        folder_new(folder);
        session_options o = options_for(folder, DURABILITY_EPOCH);
        o.segment_bytes = TLOG_START + 1500, o.checkpoint_epochs = 5;
        faults_set(0, 0, 0);
        cr_assert_eq(session_open(&all.i, &o, &s, &m), MMSB_OK, "%s", m.text);
        cr_assert_eq(session_open(&all.i, &none, &plain, &m), MMSB_OK, "%s", m.text);
        faults_set(n, count, error);
        u64 acknowledged = steps_under_faults(s, plain);
        reached = fault.count >= n;
        faults_set(1, UINT64_MAX - 1, EIO);
        session_close(s, NULL);
        faults_set(0, 0, 0);
        cr_assert_eq(session_open(&all.i, &o, &again, &m), MMSB_OK, "call %llu: %s",
                     (unsigned long long)n, m.text);
        u64 epoch = engine_epoch(session_engine(again));
        cr_assert(epoch >= acknowledged && epoch <= acknowledged + 1, "call %llu: %llu of %llu",
                  (unsigned long long)n, (unsigned long long)epoch,
                  (unsigned long long)acknowledged);
        cr_assert_eq(engine_root(session_engine(again)), step_roots[epoch]);
        session_close(again, NULL);
        session_close(plain, NULL);
        folder_remove(folder);
    }
}

Test(session, one_failing_call_refuses_a_commit_or_ends_the_session) { refuse_every_call(1, EIO); }
Test(session, a_disk_that_is_full_for_a_while_refuses_commits) { refuse_every_call(4, ENOSPC); }

Test(session, what_a_killed_process_had_half_written_goes_and_nothing_else) {
    static const struct {
        const char *name;
        bool goes;
    } rows[] = {{"checkpoint-7.new-0123456789abcdef", true},
                {"log-2.new", true},
                {"graph.mmsbx.new-00000000000000ff", true},
                {"kernel-0.so.new-0123456789abcdef", true},
                {"checkpoint-7.new-0123", false},
                {"mine.new-0123456789abcdef", false},
                {"log-2.newer", false},
                {"log-notes.new", false},
                {"log-.new", false},
                {"log-ab.new", false},
                {"checkpoint-7.new-0123456789abcdeg", false}};
    char folder[64], path[160];
    struct stat st;
    mmsb_status refused;
    folder_new(folder);
    folder_fill(folder, true);
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) file_put(folder, rows[k].name, (const u8 *)"x", 1);
    cr_assert_eq(epoch_found(folder, &refused), EPOCHS);
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        snprintf(path, sizeof path, "%s/%s", folder, rows[k].name);
        cr_assert_eq(stat(path, &st) != 0, rows[k].goes, "%s", rows[k].name);
    }
    folder_remove(folder);
}
