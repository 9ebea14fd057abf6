/* SPDX-License-Identifier: Apache-2.0
 * Bus: a delta of 64 bytes from one process to a published epoch in another and its answer back,
 * both spinning and both asleep in between, beside 64 bytes to and fro over a Unix socket; deltas a
 * second from one client in commits of 1,000; reading a page of 1 Mi f64 in place, beside memory
 * that is the reader's own, and leasing it after one changed lane. usage: bench_bus DIR */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bench.h"
#include "bus/client.h"
#include "bus/server.h"
#include "peers/redis.h"

#define ROUNDS 20000u
#define SAMPLES 200u
#define SLEEPS 2000u
#define BATCH 1000u
#define BATCHES 2000u
#define LANES (1u << 20)

static const char graph[] = "graph bus\n"
                            "source x: f64[64] = 0.0\n"
                            "source many: f64[65536] = 0.0\n"
                            "source large: f64[1048576] = 1.0\n"
                            "page y = x * 2.0\n"
                            "export y, many, large\n";
static image graph_image;
static const char *scratch;
static volatile sig_atomic_t over;

static void on_signal(int number) { over = number; }
static bool is_over(void *context) {
    (void)context;
    return over != 0;
}

static void pin(int cpu) {
    cpu_set_t set;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) return;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* The engine, in a process of its own. */
static pid_t engine_start(u64 spin_ns) {
    message m = {.used = 0};
    int wake[2];
    if (pipe(wake) != 0) exit(3);
    pid_t child = fork();
    if (child != 0) {
        char byte;
        close(wake[1]);
        if (child < 0 || read(wake[0], &byte, 1) != 1) exit(3);
        close(wake[0]);
        return child;
    }
    session *s;
    bus_server *b;
    session_options o = {.engine = {.shared = true}};
    bus_server_options how = {.name = "bench", .homes = 1, .spin_ns = spin_ns};
    bus_server_run_options run = {.wake = -1, .stop = is_over};
    struct sigaction a = {.sa_handler = on_signal};
    pin(1);
    sigaction(SIGTERM, &a, NULL);
    bench_try(session_open(&graph_image, &o, &s, &m), &m);
    bench_try(bus_server_open(s, &graph_image, &how, &b, &m), &m);
    if (write(wake[1], "r", 1) != 1) exit(3);
    bench_try(bus_server_run(b, &run, &m), &m);
    bus_server_close(b);
    session_close(s, NULL);
    exit(0);
}

static void engine_stop(pid_t child, bus *b) {
    int status;
    message m = {.used = 0};
    kill(child, SIGTERM);
    bus_commit(b, NULL, &m); /* between its look and its sleep a signal would be missed */
    waitpid(child, &status, 0);
    bus_detach(b);
    if (status != 0) exit(70);
}

static bus *client_open(u64 spin_ns) {
    message m = {.used = 0};
    bus *b;
    bus_options o = {.spin_ns = spin_ns, .ring_bytes = (u64)16 << 20};
    bench_try(bus_attach("bench", &o, &b, &m), &m);
    return b;
}

static message words; /* of what went wrong: zeroing two kilobytes a delta would be measured */

static u32 image_row(bus *b, const char *page) {
    bus_page_info p;
    bus_page_get(b, bus_page_find(b, page, strlen(page)), &p);
    return p.image_row;
}

static void lane_set(bus *b, u32 row, u64 lane, f64 value) {
    delta d = {.page = row,
               .type = TYPE_F64,
               .first = lane,
               .count = 1,
               .payload_bytes = 8,
               .payload = &value};
    bench_try(bus_delta(b, &d, &words), &words);
}

static void round_trip(bus *b, u32 row, f64 value) {
    bus_answer a;
    lane_set(b, row, (u64)value % 64, value);
    bench_try(bus_commit(b, NULL, &words), &words);
    bench_try(bus_answer_wait(b, &a, UINT64_MAX, &words), &words);
    bench_try(a.status, &words);
}

static void round_trips(bus *b, f64 *ns, u32 rounds) {
    f64 value = 0;
    u32 row = image_row(b, "x");
    for (u32 k = 0; k < rounds; k++) round_trip(b, row, value++);
    for (u32 s = 0; s < SAMPLES; s++) {
        u64 start = bench_ns();
        for (u32 k = 0; k < rounds / SAMPLES; k++) round_trip(b, row, value++);
        ns[s] = (f64)(bench_ns() - start) / (rounds / SAMPLES);
    }
}

/* A process that sends back what comes; flags MSG_DONTWAIT: it spins. */
static int echo_start(int flags, pid_t *child) {
    int ends[2];
    u8 packet[64];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) exit(3);
    *child = fork();
    if (*child == 0) {
        pin(1);
        close(ends[0]);
        for (ssize_t got; (got = recv(ends[1], packet, sizeof packet, flags)) != 0;)
            if (got > 0 && send(ends[1], packet, sizeof packet, 0) < 0) break;
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static void echo_trip(int to, int flags) {
    u8 packet[64] = {0};
    if (send(to, packet, sizeof packet, 0) < 0) exit(3);
    while (recv(to, packet, sizeof packet, flags) < 0) {
    }
}

/* 64 bytes to another process and back, both spinning. */
static void socket_trips(f64 *ns, u32 rounds) {
    pid_t child;
    int to = echo_start(MSG_DONTWAIT, &child);
    for (u32 s = 0; s < SAMPLES; s++) {
        u64 start = bench_ns();
        for (u32 k = 0; k < rounds / SAMPLES; k++) echo_trip(to, MSG_DONTWAIT);
        ns[s] = (f64)(bench_ns() - start) / (rounds / SAMPLES);
    }
    close(to);
    waitpid(child, NULL, 0);
}

/* The other side has been asleep for a while: in turn over the socket, and over the bus by a client
 * that goes to sleep at once and one that looks for as long as it does by itself, and over streams
 * of Redis, where that is installed. */
static void sleeping(void) {
    static f64 socket[SLEEPS], sleeper[SLEEPS], usual[SLEEPS], streams[SLEEPS];
    redis_peer redis;
    bool peer = redis_open(&redis, scratch, pin);
    if (!peer) fputs("skipped: peer: Redis streams: redis-server is not installed\n", stderr);
    pid_t child, engine = engine_start(0);
    int to = echo_start(0, &child);
    bus *one = client_open(1), *two = client_open(0);
    u32 row = image_row(one, "x");
    for (u32 k = 0; k < SLEEPS; k++) {
        u64 start;
        usleep(300);
        start = bench_ns();
        echo_trip(to, 0);
        socket[k] = (f64)(bench_ns() - start);
        usleep(300);
        start = bench_ns();
        round_trip(one, row, k);
        sleeper[k] = (f64)(bench_ns() - start);
        usleep(300);
        start = bench_ns();
        round_trip(two, row, k);
        usual[k] = (f64)(bench_ns() - start);
        if (!peer) continue;
        usleep(300);
        start = bench_ns();
        redis_trip(&redis);
        streams[k] = (f64)(bench_ns() - start);
    }
    f64 floor =
        bench_row("bus", "64 B to and fro, Unix socket", socket, SLEEPS, 1e3, "us", 0, 0, "");
    bench_row("bus", "64 B delta to epoch and answer, both asleep", sleeper, SLEEPS, 1e3, "us",
              floor, 0, "");
    bench_row("bus", "the same, the client as it comes: it looks 100 us", usual, SLEEPS, 1e3, "us",
              floor, 0, "aim 60 us");
    if (peer) {
        bench_row("bus", "peer: 64 B to and fro, Redis streams", streams, SLEEPS, 1e3, "us", floor,
                  0, "");
        redis_close(&redis);
    }
    close(to);
    waitpid(child, NULL, 0);
    bus_detach(two);
    engine_stop(engine, one);
}

/* Commits of a batch, several on their way; answers taken as they come. */
static f64 batches_send(bus *b) {
    bus_answer a;
    u32 row = image_row(b, "many");
    bool got;
    u64 seed = 1, start = bench_ns(), sent = 0, answered = 0;
    while (answered < BATCHES) {
        if (sent < BATCHES) {
            for (u32 k = 0; k < BATCH; k++) lane_set(b, row, bench_random(&seed) & 65535, (f64)k);
            mmsb_status s;
            while ((s = bus_commit(b, NULL, &words)) == MMSB_BUSY)
                bench_try(bus_room_wait(b, BATCH * 40, UINT64_MAX, &words), &words);
            bench_try(s, &words);
            sent++;
        } else {
            bench_try(bus_answer_wait(b, &a, UINT64_MAX, &words), &words);
            bench_try(a.status, &words);
            answered++;
        }
        for (got = true; got;) {
            bench_try(bus_answer_next(b, &a, &got, &words), &words);
            answered += got;
        }
    }
    return (f64)(bench_ns() - start) / ((f64)BATCHES * BATCH);
}

static f64 sum_of(const f64 *at) {
    f64 part[8] = {0};
    for (u64 k = 0; k < LANES; k += 8)
        for (u32 w = 0; w < 8; w++) part[w] += at[k + w];
    return part[0] + part[1] + part[2] + part[3] + part[4] + part[5] + part[6] + part[7];
}

static void reads(bus *b) {
    message m = {.used = 0};
    f64 own[30], view[30], lease[30], total = 0;
    u32 row = bus_page_find(b, "large", 5);
    f64 *memory = bench_memory(LANES * sizeof(f64));
    memcpy(memory, bus_page_at(b, row), LANES * sizeof(f64));
    for (u32 k = 0; k < 30; k++) {
        bus_view v;
        u64 start = bench_ns();
        total += sum_of(memory);
        own[k] = (f64)(bench_ns() - start);
        start = bench_ns();
        bench_try(bus_view_begin(b, &v, &m), &m);
        total += sum_of(bus_page_at(b, row));
        if (!bus_view_end(b, &v)) exit(70);
        view[k] = (f64)(bench_ns() - start);
        bus_answer a;
        lane_set(b, image_row(b, "large"), k * 30000, (f64)k);
        bench_try(bus_commit(b, NULL, &m), &m);
        bench_try(bus_answer_wait(b, &a, UINT64_MAX, &m), &m);
        start = bench_ns();
        bench_try(bus_lease(b, UINT64_MAX, NULL, &m), &m);
        lease[k] = (f64)(bench_ns() - start);
        if (((const f64 *)bus_leased(b, row))[k * 30000] != (f64)k) exit(70);
        bus_lease_end(b);
    }
    if (total == 0) exit(70);
    f64 floor = bench_row("bus", "sum of 1 Mi f64, own memory", own, 30, 1e3, "us", 0, 0, "");
    bench_row("bus", "the same, in place, epoch checked", view, 30, 1e3, "us", floor, 1.25, "");
    bench_row("bus", "lease of all pages (8.9 MiB), one lane changed since", lease, 30, 1e3, "us",
              0, 0, "");
}

int main(int count, char **a) {
    static f64 ns[SAMPLES];
    if (count != 2) return 2;
    scratch = a[1];
    setenv("XDG_RUNTIME_DIR", scratch, 1);
    bench_compile(graph, &graph_image);
    pin(0);
    socket_trips(ns, ROUNDS);
    f64 spinning = bench_row("bus", "64 B to and fro, Unix socket, spinning", ns, SAMPLES, 1e3,
                             "us", 0, 0, "");
    pid_t engine = engine_start(UINT64_MAX);
    bus *b = client_open(UINT64_MAX);
    round_trips(b, ns, ROUNDS);
    bench_row("bus", "64 B delta to epoch and answer, spinning", ns, SAMPLES, 1e3, "us", spinning,
              1, "bar 2 us");
    for (u32 k = 0; k < 5; k++) ns[k] = batches_send(b);
    f64 best = bench_least(ns, 5);
    char note[80];
    snprintf(note, sizeof note, "best %.1f M deltas/s; aim 10 M/s", 1e3 / best);
    bench_row("bus", "a delta of 40 B, commits of 1000", ns, 5, 1, "ns", 0, 0, note);
    reads(b);
    engine_stop(engine, b);
    sleeping();
    return 0;
}
