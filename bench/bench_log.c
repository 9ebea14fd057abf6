/* SPDX-License-Identifier: Apache-2.0
 * Log: 1,000,000 deltas of 64 bytes, durable every 1000, and their replay into 64 MiB; beside a
 * hand-written, pre-written file with one XXH3 a record and one fdatasync a group, and its replay:
 * each record's digest and number checked, page cache warm, applied to memory that is there
 * already. The two states are compared. usage: bench_log DIR */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bench.h"

#define DELTAS 1000000u
#define GROUP 1000u
#define SLOTS (1u << 20)
#define TRIES 3
#define REPLAYS 3 /* of each */

typedef struct {
    u64 number;
    u32 slot, bytes;
    u64 payload[8];
    u64 digest;
} floor_record;

static void delta_make(u64 k, u32 *slot, u64 payload[8]) {
    u64 s = k * 0x9E3779B97F4A7C15u + 1;
    *slot = (u32)(bench_random(&s) & (SLOTS - 1));
    for (u32 w = 0; w < 8; w++) payload[w] = bench_random(&s);
}

static void must(bool ok, const char *what) {
    if (ok) return;
    perror(what);
    exit(3);
}

#define CHUNK_GROUPS 10u /* read at once */
static u8 *floor_state;

static f64 floor_replay(const char *path) {
    static floor_record chunk[CHUNK_GROUPS * GROUP];
    memset(floor_state, 0, SLOTS * 64ull);
    int fd = open(path, O_RDONLY);
    must(fd >= 0, path);
    u64 start = bench_ns(), number = 0;
    for (ssize_t got; (got = read(fd, chunk, sizeof chunk)) > 0;) {
        for (u64 k = 0; k < (u64)got / sizeof *chunk; k++) {
            const floor_record *r = &chunk[k];
            if (r->digest != XXH3_64bits(r, offsetof(floor_record, digest)) ||
                r->number != number++ || r->slot >= SLOTS || r->bytes != 64)
                exit(70);
            memcpy(floor_state + (u64)r->slot * 64, r->payload, 64);
        }
    }
    u64 end = bench_ns();
    close(fd);
    if (number != DELTAS) exit(70);
    return (f64)(end - start);
}

static f64 floor_append(const char *path) {
    static floor_record group[GROUP];
    unlink(path);
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    must(fd >= 0, path);
    for (u32 g = 0; g < DELTAS / GROUP; g++)
        must(pwrite(fd, group, sizeof group, (off_t)(g * sizeof group)) == sizeof group, "pwrite");
    must(fsync(fd) == 0, "fsync");
    u64 start = bench_ns();
    for (u64 g = 0; g < DELTAS / GROUP; g++) {
        for (u32 k = 0; k < GROUP; k++) {
            floor_record *r = &group[k];
            r->number = g * GROUP + k, r->bytes = 64;
            delta_make(r->number, &r->slot, r->payload);
            r->digest = XXH3_64bits(r, offsetof(floor_record, digest));
        }
        must(pwrite(fd, group, sizeof group, (off_t)(g * sizeof group)) == sizeof group, "pwrite");
        must(fdatasync(fd) == 0, "fdatasync");
    }
    u64 end = bench_ns();
    close(fd);
    return (f64)(end - start);
}

static f64 ours_append(const image *i, u32 page, const char *state) {
    message m = {.used = 0};
    session *s = NULL;
    session_options o = {.state = state,
                         .image_path = "bench.mmsbx",
                         .durability = DURABILITY_EPOCH,
                         .audit_epochs = 1u << 30};
    bench_try(session_open(i, &o, &s, &m), &m);
    u64 start = bench_ns();
    for (u64 g = 0; g < DELTAS / GROUP; g++) {
        for (u32 k = 0; k < GROUP; k++) {
            u32 slot;
            u64 payload[8];
            delta_make(g * GROUP + k, &slot, payload);
            delta d = {.page = page,
                       .type = TYPE_U64,
                       .first = (u64)slot * 8,
                       .count = 8,
                       .payload_bytes = 64,
                       .payload = payload};
            bench_try(session_delta(s, &d, &m), &m);
        }
        bench_try(session_commit(s, NULL, &m), &m);
    }
    u64 end = bench_ns();
    bench_try(session_close(s, &m), &m);
    return (f64)(end - start);
}

static u64 records_from; /* when the first record was at hand */

static void record_seen(void *context, const session_record *r) {
    (void)context, (void)r;
    if (records_from == 0) records_from = bench_ns();
}

/* *records: of that, from the first record on; before it stand the memory and checkpoint 0. */
static f64 ours_replay(const image *i, const char *state, f64 *records) {
    message m = {.used = 0};
    session *s = NULL;
    session_options o = {.state = state, .image_path = "bench.mmsbx"};
    records_from = 0;
    u64 start = bench_ns();
    session_replay_options all = {.to = UINT64_MAX, .record = record_seen};
    bench_try(session_replay(i, &o, &all, &s, &m), &m);
    u64 end = bench_ns();
    if (engine_epoch(session_engine(s)) != DELTAS / GROUP) exit(70);
    if (memcmp(engine_page(session_engine(s), bench_page(i, "slots")), floor_state,
               SLOTS * 64ull) != 0)
        exit(70);
    *records = (f64)(end - records_from);
    bench_try(session_close(s, &m), &m);
    return (f64)(end - start);
}

static void clear(const char *state) {
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", state);
    must(system(command) == 0, "rm");
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: bench_log DIR   (a folder on the disk to measure)\n");
        return 2;
    }
    char state[500], path[500], name[96];
    image i;
    f64 floor_ns[TRIES], floor_again[REPLAYS * TRIES], append[TRIES];
    f64 replay[REPLAYS * TRIES], records[REPLAYS * TRIES];
    snprintf(state, sizeof state, "%s/state", arguments[1]);
    snprintf(path, sizeof path, "%s/floor.log", arguments[1]);
    bench_pin();
    floor_state = bench_memory(SLOTS * 64ull);
    mmsbc_result *r = bench_compile("source slots: u64[8_388_608]\n", &i);
    for (u32 t = 0; t < TRIES; t++) {
        floor_ns[t] = floor_append(path);
        clear(state);
        append[t] = ours_append(&i, bench_page(&i, "slots"), state);
        for (u32 k = t * REPLAYS; k < (t + 1) * REPLAYS; k++) {
            floor_again[k] = floor_replay(path);
            replay[k] = ours_replay(&i, state, &records[k]);
        }
    }
    clear(state);
    unlink(path);
    f64 base = bench_row("log", "floor: C, pre-written file, XXH3 a record, fdatasync a group",
                         floor_ns, TRIES, DELTAS, "ns/delta", 0, 0, "");
    f64 ours =
        bench_row("log", "1 M deltas x 64 B, durable every 1000", append, TRIES, DELTAS, "ns/delta",
                  base, 1.0 / 0.35, "durability epoch: chained records, checked deltas, applied");
    snprintf(name, sizeof name, "%.2f M deltas/s against %.2f M/s", 1e9 / (ours / DELTAS) / 1e6,
             1e9 / (base / DELTAS) / 1e6);
    u32 times = REPLAYS * TRIES;
    base = bench_row("log", "floor: C, its replay into 64 MiB that are there", floor_again, times,
                     DELTAS, "ns/delta", 0, 0, "page cache warm; digest and number checked");
    bench_row("log", "replay into 64 MiB, verified: the records", records, times, DELTAS,
              "ns/delta", base, 0, "with the closing root over 64 MiB");
    bench_row("log", "replay into 64 MiB, verified, in all", replay, times, DELTAS, "ns/delta",
              125.0 * DELTAS, 1.0,
              "with 64 MiB of new memory and of checkpoint 0; ratio to the bar of 8 M deltas/s");
    fprintf(stderr, "log append: %s\n", name);
    free(floor_state);
    mmsbc_free(r);
    return 0;
}
