/* SPDX-License-Identifier: Apache-2.0
 * Log: 1,000,000 deltas of 64 bytes, durable every 1000, and their replay into 64 MiB; beside a
 * hand-written, pre-written file with one XXH3 a record and one fdatasync a group. usage: bench_log
 * DIR */
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

static f64 floor_append(const char *dir) {
    char path[512];
    static floor_record group[GROUP];
    snprintf(path, sizeof path, "%s/floor.log", dir);
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
    unlink(path);
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

static f64 ours_replay(const image *i, const char *state) {
    message m = {.used = 0};
    session *s = NULL;
    session_options o = {.state = state, .image_path = "bench.mmsbx"};
    u64 start = bench_ns();
    session_replay_options all = {.to = UINT64_MAX};
    bench_try(session_replay(i, &o, &all, &s, &m), &m);
    u64 end = bench_ns();
    if (engine_epoch(session_engine(s)) != DELTAS / GROUP) exit(70);
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
    char state[512], name[96];
    image i;
    f64 floor_ns[TRIES], append[TRIES], replay[TRIES];
    snprintf(state, sizeof state, "%s/state", arguments[1]);
    bench_pin();
    mmsbc_result *r = bench_compile("source slots: u64[8_388_608]\n", &i);
    for (u32 t = 0; t < TRIES; t++) {
        floor_ns[t] = floor_append(arguments[1]);
        clear(state);
        append[t] = ours_append(&i, bench_page(&i, "slots"), state);
        replay[t] = ours_replay(&i, state);
    }
    clear(state);
    f64 base = bench_row("log", "floor: C, pre-written file, XXH3 a record, fdatasync a group",
                         floor_ns, TRIES, DELTAS, "ns/delta", 0, 0, "");
    f64 ours =
        bench_row("log", "1 M deltas x 64 B, durable every 1000", append, TRIES, DELTAS, "ns/delta",
                  base, 1.0 / 0.35, "durability epoch: chained records, checked deltas, applied");
    snprintf(name, sizeof name, "%.2f M deltas/s against %.2f M/s", 1e9 / (ours / DELTAS) / 1e6,
             1e9 / (base / DELTAS) / 1e6);
    bench_row("log", "replay into 64 MiB, verified", replay, TRIES, DELTAS, "ns/delta",
              125.0 * DELTAS, 1.0, "ratio to the bar of 8 M deltas/s");
    fprintf(stderr, "log append: %s\n", name);
    mmsbc_free(r);
    return 0;
}
