/* SPDX-License-Identifier: Apache-2.0
 * bus_client: a well-behaved client for run.py. The graph: a source x whose lanes all get one
 * value in each commit, a = x, b = 2x. A whole epoch shows one value k in every lane of a, and 2k
 * in every lane of b. Prints one line at its end; status 1: a promise was broken. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "bus/client.h"

typedef unsigned long long llu;

#define LEAST 20
#define LONGER 60 /* seconds; a busy machine may take them */
#define LONGER_NS (LONGER * (u64)1000000000)

static bus *b;
static message words;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int broken(const char *what) {
    printf("broken: %s\n", what);
    return 1;
}

static int told(mmsb_status s) {
    printf("status %d: %s\n", (int)s, words.text);
    return 10 + (int)s;
}

static void source_set(double value, u64 lanes) {
    bus_page_info p;
    bus_page_get(b, bus_page_find(b, "x", 1), &p);
    delta d = {.page = p.image_row,
               .kind = DELTA_SET,
               .form = DELTA_RANGE,
               .broadcast = 1,
               .type = TYPE_F64,
               .count = lanes == 0 ? p.lanes : lanes,
               .payload_bytes = 8,
               .payload = &value};
    if (bus_delta(b, &d, &words) != MMSB_OK) exit(broken("a sound delta was not taken"));
}

/* write SECONDS BASE [COUNT [PAUSE]]: commits of values BASE, BASE + 1, ..., several on their way
 * at once; longer until there were LEAST. Values from 10^6 on break the graph's assert: every 17th
 * does, and must be refused to this client alone. */
typedef struct {
    u64 sent, applied, refused, last_id, last_epoch;
    double value;
} writer;

static bool is_bad(u64 id) { return id % 17 == 3; }

static int answer_judge(writer *w, const bus_answer *a) {
    if (a->id != ++w->last_id) return broken("answers are out of order");
    if (is_bad(a->id) != (a->status == MMSB_REJECTED))
        return broken("the wrong commit was refused");
    if (a->status != MMSB_OK && a->status != MMSB_REJECTED) return broken(a->words);
    if (a->status == MMSB_OK && a->epoch <= w->last_epoch) return broken("epochs do not rise");
    if (a->status == MMSB_OK) w->last_epoch = a->epoch;
    w->applied += a->status == MMSB_OK, w->refused += a->status != MMSB_OK;
    return 0;
}

/* The engine went: answers that it had put are there still. */
static int write_ended(writer *w, mmsb_status s) {
    bus_answer a;
    message none;
    for (bool got = true; got;) {
        if (bus_answer_next(b, &a, &got, &none) != MMSB_OK) break;
        if (got && answer_judge(w, &a) != 0) return 1;
    }
    printf("wrote %llu, answered up to epoch %llu\n", (llu)w->sent, (llu)w->last_epoch);
    return told(s);
}

static int write_run(double seconds, double base, u64 count, u32 pause_us) {
    writer w = {.value = base};
    double end = now() + seconds;
    bus_answer a;
    bool got;
    mmsb_status s;
    while ((now() < end || (w.sent < LEAST && now() < end + LONGER)) &&
           (count == 0 || w.sent < count)) {
        u64 id = 0;
        if (pause_us != 0) usleep(pause_us);
        bus_drop(b);
        source_set(is_bad(w.sent + 1) ? 2e6 : w.value++, 0);
        s = bus_commit(b, &id, &words);
        w.sent += s == MMSB_OK;
        if (s == MMSB_OK && id != w.sent) return broken("numbers of commits do not rise by one");
        if (s == MMSB_BUSY) s = bus_room_wait(b, 64, LONGER_NS, &words);
        if (s != MMSB_OK) return write_ended(&w, s);
        for (got = true; got;) {
            if (bus_answer_next(b, &a, &got, &words) != MMSB_OK) return broken(words.text);
            if (got && answer_judge(&w, &a) != 0) return 1;
        }
    }
    while (w.last_id < w.sent) {
        s = bus_answer_wait(b, &a, LONGER_NS, &words);
        if (s != MMSB_OK) return write_ended(&w, s);
        if (answer_judge(&w, &a) != 0) return 1;
    }
    printf("wrote %llu applied %llu refused %llu last epoch %llu\n", (llu)w.sent, (llu)w.applied,
           (llu)w.refused, (llu)w.last_epoch);
    return 0;
}

/* read SECONDS, lease SECONDS: whole epochs only; longer until there was one. busy SECONDS: leases
 * until one is refused. unchecked: reads one
 * lane, waits for the epoch to pass and reads the rest, without asking whether it stood, until it
 * finds a torn one: the test of the test. Ends well where the engine is gone. */
typedef enum { READ_VIEW, READ_LEASE, READ_BUSY, READ_UNCHECKED } read_way;

static bool is_whole(double k, const double *first, const double *second, u64 lanes) {
    u64 wrong = 0;
    for (u64 lane = 0; lane < lanes; lane++)
        wrong += (first[lane] != k) | (second[lane] != 2.0 * k);
    return wrong == 0;
}

typedef struct {
    u64 whole, torn, again, busy, last_epoch;
} reader;

static int read_once(reader *r, read_way way, const double *first, const double *second,
                     u64 lanes) {
    bus_view v;
    /* What a dead engine left can be read for ever, where it was not killed within an epoch. */
    if ((r->whole + r->again) % 256 == 255 && bus_alive(b, &words) != MMSB_OK) return 2;
    mmsb_status s = bus_view_begin(b, &v, &words);
    r->busy += s == MMSB_BUSY; /* the engine had no processor for a second */
    if (s != MMSB_OK) return s == MMSB_BUSY ? 0 : s == MMSB_IO ? 2 : told(s);
    double k = first[0];
    for (int i = 0; way == READ_UNCHECKED && i < 1000 && bus_view_end(b, &v); i++) usleep(1000);
    bool whole = is_whole(k, first, second, lanes), stood = bus_view_end(b, &v);
    if (!stood && way == READ_VIEW) {
        r->again++;
        return 0;
    }
    r->whole += whole, r->torn += !whole;
    if (way == READ_VIEW && v.epoch < r->last_epoch) return broken("an older epoch came later");
    r->last_epoch = v.epoch;
    return 0;
}

/* A lease is read twice, with a pause: nothing in it may move. */
static int lease_once(reader *r, u32 first, u32 second, u64 lanes) {
    u64 epoch;
    mmsb_status s = bus_lease(b, UINT64_MAX, &epoch, &words);
    if (s == MMSB_BUSY) {
        r->busy++;
        usleep(1000);
        return 0;
    }
    if (s != MMSB_OK) return s == MMSB_IO ? 2 : told(s);
    if (epoch < r->last_epoch) return broken("an older epoch was leased later");
    const double *one = bus_leased(b, first), *two = bus_leased(b, second);
    double k = one[0];
    bool whole = is_whole(k, one, two, lanes);
    usleep(200);
    whole = whole && is_whole(k, one, two, lanes);
    r->whole += whole, r->torn += !whole, r->last_epoch = epoch;
    bus_lease_end(b);
    return 0;
}

/* What it came for. */
static bool has_read(const reader *r, read_way way) {
    return way == READ_UNCHECKED ? r->torn != 0 : way == READ_BUSY ? r->busy != 0 : r->whole != 0;
}

static int read_run(double seconds, read_way way) {
    u32 first = bus_page_find(b, "a", 1), second = bus_page_find(b, "b", 1);
    bus_page_info p;
    reader r = {0};
    int status = 0;
    double end = now() + seconds;
    bus_page_get(b, first, &p);
    bool once = way == READ_UNCHECKED || way == READ_BUSY;
    while (status == 0 && (has_read(&r, way) ? !once && now() < end : now() < end + LONGER))
        status = way == READ_LEASE || way == READ_BUSY
                     ? lease_once(&r, first, second, p.lanes)
                     : read_once(&r, way, bus_page_at(b, first), bus_page_at(b, second), p.lanes);
    printf("read whole %llu torn %llu again %llu busy %llu last epoch %llu%s\n", (llu)r.whole,
           (llu)r.torn, (llu)r.again, (llu)r.busy, (llu)r.last_epoch, status == 2 ? " gone" : "");
    if (status == 2) { /* what is mapped stays so: read all of it once more */
        double sum = 0;
        for (u64 lane = 0; lane < p.lanes; lane++)
            sum += ((const double *)bus_page_at(b, first))[lane];
        status = sum != sum; /* no page of the test holds a NaN */
    }
    return status != 0 ? status : way != READ_UNCHECKED && r.torn != 0;
}

/* hold: takes a lease, says so, waits for ever. idle: attaches, says so, waits. */
static int hold_run(bool lease) {
    u64 epoch = 0;
    mmsb_status s = lease ? bus_lease(b, UINT64_MAX, &epoch, &words) : MMSB_OK;
    if (s != MMSB_OK) return told(s);
    printf("holds %llu\n", (llu)epoch);
    fflush(stdout);
    for (;;) pause();
}

/* stream ID COUNT: commits under a request stream, from the number after the last one logged, then
 * the last one again: it must count once. */
static int stream_run(u64 count) {
    bus_answer a;
    u64 last = bus_last_request(b);
    for (u64 k = 0; k <= count; k++) {
        u64 number = last + u64_min(k + 1, count);
        source_set((double)number, 0);
        mmsb_status s = bus_next_id(b, number, &words);
        if (s == MMSB_OK) s = bus_commit(b, NULL, &words);
        if (s == MMSB_OK) s = bus_answer_wait(b, &a, LONGER_NS, &words);
        if (s != MMSB_OK) return told(s);
        if (a.status != MMSB_OK || a.again != (k == count)) return broken("again, or not again");
    }
    mmsb_status s = bus_durable_wait(b, a.epoch, LONGER_NS, &words);
    if (s != MMSB_OK && s != MMSB_ABSENT) return told(s);
    printf("stream from %llu to %llu epoch %llu\n", (llu)last, (llu)last + count, (llu)a.epoch);
    return 0;
}

/* poke SECONDS SEED: commits that each change a few runs of lanes. */
static int poke_run(double seconds, u64 seed) {
    bus_page_info p;
    double end = now() + seconds, values[64];
    u64 commits = 0;
    bus_answer a;
    bus_page_get(b, bus_page_find(b, "x", 1), &p);
    while (now() < end) {
        for (u32 k = 0; k < 1 + seed % 5; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            u64 count = 1 + (seed >> 58), first = (seed >> 20) % (p.lanes - count);
            for (u64 v = 0; v < count; v++) values[v] = (double)((seed >> 33) % 1000 + v);
            delta d = {.page = p.image_row,
                       .type = TYPE_F64,
                       .first = first,
                       .count = count,
                       .payload_bytes = count * 8,
                       .payload = values};
            if (bus_delta(b, &d, &words) != MMSB_OK) return broken(words.text);
        }
        mmsb_status s = bus_commit(b, NULL, &words);
        if (s == MMSB_OK) s = bus_answer_wait(b, &a, LONGER_NS, &words);
        if (s != MMSB_OK) return told(s);
        if (a.status != MMSB_OK) return broken(a.words);
        commits++;
        if (commits % 64 == 0) usleep(2000); /* the reader of changes catches up now and then */
    }
    printf("poked %llu\n", (llu)commits);
    return 0;
}

/* changes SECONDS: a copy of a page kept up to date from the list of changed lanes alone equals the
 * page, whenever an epoch stands and the list has ended. */
typedef struct {
    u32 page;
    u64 lanes, listed, whole, compared;
    double *copy;
} follower;

/* Lanes of its page, however long the engine has no processor. */
static int changes_read(follower *f, u64 first, u64 count) {
    double end = now() + LONGER;
    mmsb_status s = MMSB_BUSY;
    while (s == MMSB_BUSY && now() < end)
        s = bus_read(b, f->page, first, count, f->copy + first, NULL, &words);
    return s == MMSB_OK ? 0 : broken(words.text);
}

static int changes_apply(follower *f, const bus_changed *rows, u32 count) {
    for (u32 k = 0; k < count; k++) {
        if (rows[k].page != f->page) continue;
        f->listed += rows[k].count;
        if (changes_read(f, rows[k].first, rows[k].count) != 0) return 1;
    }
    return 0;
}

static int changes_run(double seconds) {
    bus_page_info p;
    bus_changed rows[512];
    bool missed = true;
    double end = now() + seconds;
    follower f = {.page = bus_page_find(b, "b", 1)};
    bus_page_get(b, f.page, &p);
    f.lanes = p.lanes, f.copy = malloc(p.lanes * 8);
    while (now() < end || ((f.compared == 0 || f.listed == 0) && now() < end + LONGER)) {
        bool begin = missed;
        u32 count = bus_changes(b, rows, 512, &missed);
        if (begin && changes_read(&f, 0, f.lanes) != 0) return 1;
        f.whole += begin;
        if (changes_apply(&f, rows, count) != 0) return 1;
        if (begin || missed || count != 0) continue;
        bus_view v;
        mmsb_status s = bus_view_begin(b, &v, &words);
        if (s == MMSB_BUSY) continue;
        if (s != MMSB_OK) return broken(words.text);
        bool equal = memcmp(f.copy, bus_page_at(b, f.page), f.lanes * 8) == 0;
        bool stood = bus_view_end(b, &v);
        count = bus_changes(b, rows, 512, &missed);
        if (stood && count == 0 && !missed && !equal) return broken("a change was not listed");
        f.compared += stood && count == 0 && !missed;
        if (changes_apply(&f, rows, count) != 0) return 1;
    }
    printf("changes %llu lanes listed, %llu times whole, %llu times compared\n", (llu)f.listed,
           (llu)f.whole, (llu)f.compared);
    free(f.copy);
    return f.compared == 0 || f.listed == 0 ? broken("nothing was compared") : 0;
}

/* arm: what came before bus_arm, but after the caller looked, must not be slept over. */
static int arm_run(const char *name) {
    bus *mine = b, *other = NULL;
    bus_answer a;
    if (bus_arm(mine)) return broken("nothing has come, yet it says so");
    mmsb_status s = bus_attach(name, NULL, &other, &words);
    if (s != MMSB_OK) return told(s);
    b = other;
    source_set(5.0, 0);
    s = bus_commit(other, NULL, &words);
    if (s == MMSB_OK) s = bus_answer_wait(other, &a, LONGER_NS, &words);
    b = mine;
    if (s != MMSB_OK) return told(s);
    usleep(1000);
    bool first = bus_arm(mine), second = bus_arm(mine);
    bus_detach(other);
    if (!first) return broken("an epoch that came before bus_arm is not told of");
    if (second) return broken("it is told of twice");
    puts("armed");
    return 0;
}

/* flood: commits without end and takes no answer: it is told so, and every answer is there. */
static int flood_run(void) {
    bus_answer a;
    mmsb_status s = MMSB_OK;
    u64 sent = 0, taken = 0;
    while (s == MMSB_OK) {
        s = bus_commit(b, NULL, &words);
        sent += s == MMSB_OK;
        if (s == MMSB_BUSY) s = bus_room_wait(b, 0, UINT64_MAX, &words);
    }
    if (s != MMSB_BUSY || strstr(words.text, "answers") == NULL) return told(s);
    for (; taken < sent; taken++) {
        s = bus_answer_wait(b, &a, LONGER_NS, &words);
        if (s != MMSB_OK) return told(s);
        if (a.status != MMSB_OK || a.id != taken + 1) return broken("an answer is not its own");
    }
    printf("flooded %llu\n", (llu)sent);
    return 0;
}

/* late COUNT HOW [STREAM]: says that it is ready, waits for a line, then sends COUNT commits of
 * values 1, 2, ... and is gone: killed, detached, or ended. */
static int late_run(u64 count, const char *how) {
    char line[8];
    puts("ready");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) return 2;
    for (u64 k = 1; k <= count; k++) {
        source_set((double)k, 0);
        if (bus_commit(b, NULL, &words) != MMSB_OK) return broken(words.text);
    }
    source_set(99, 0); /* is not sent */
    if (strcmp(how, "kill") == 0) raise(SIGKILL);
    if (strcmp(how, "detach") == 0) bus_detach(b);
    _exit(0);
}

static void nothing(int number) { (void)number; }

/* signals COUNT: attaches, commits, waits, leases while a signal comes every 50 us. */
static int signals_run(const char *name, u64 count) {
    struct sigaction on = {.sa_handler = nothing};
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    bus *first = b;
    mmsb_status s = MMSB_OK;
    sigaction(SIGALRM, &on, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (u64 k = 0; s == MMSB_OK && k < count; k++) {
        bus_answer a;
        s = bus_attach(name, NULL, &b, &words);
        if (s != MMSB_OK) break;
        source_set((double)k, 0);
        s = bus_commit(b, NULL, &words);
        if (s == MMSB_OK) s = bus_answer_wait(b, &a, LONGER_NS, &words);
        if (s == MMSB_OK) s = bus_lease(b, UINT64_MAX, NULL, &words);
        bus_lease_end(b);
        bus_detach(b);
    }
    b = first;
    setitimer(ITIMER_REAL, &never, NULL);
    if (s != MMSB_OK) return told(s);
    printf("%llu times under signals\n", (llu)count);
    return 0;
}

int main(int count, char **a) {
    if (count < 3) return 2;
    double seconds = count > 3 ? strtod(a[3], NULL) : 0;
    bus_options o = {.ring_bytes = 16384}; /* fills often */
    if (strcmp(a[2], "stream") == 0) o.stream = strtoull(a[3], NULL, 0);
    if (strcmp(a[2], "late") == 0 && count > 5) o.stream = strtoull(a[5], NULL, 0);
    mmsb_status s = bus_attach(a[1], &o, &b, &words);
    int status = 2;
    if (s != MMSB_OK) return told(s);
    if (strcmp(a[2], "write") == 0)
        status = write_run(seconds, count > 4 ? strtod(a[4], NULL) : 0,
                           count > 5 ? strtoull(a[5], NULL, 10) : 0,
                           count > 6 ? (u32)strtoul(a[6], NULL, 10) : 0);
    if (strcmp(a[2], "read") == 0) status = read_run(seconds, READ_VIEW);
    if (strcmp(a[2], "lease") == 0) status = read_run(seconds, READ_LEASE);
    if (strcmp(a[2], "busy") == 0) status = read_run(seconds, READ_BUSY);
    if (strcmp(a[2], "unchecked") == 0) status = read_run(seconds, READ_UNCHECKED);
    if (strcmp(a[2], "hold") == 0) status = hold_run(true);
    if (strcmp(a[2], "idle") == 0) status = hold_run(false);
    if (strcmp(a[2], "stream") == 0) status = stream_run(strtoull(a[4], NULL, 10));
    if (strcmp(a[2], "poke") == 0) status = poke_run(seconds, strtoull(a[4], NULL, 10));
    if (strcmp(a[2], "changes") == 0) status = changes_run(seconds);
    if (strcmp(a[2], "arm") == 0) status = arm_run(a[1]);
    if (strcmp(a[2], "late") == 0) status = late_run(strtoull(a[3], NULL, 10), a[4]);
    if (strcmp(a[2], "flood") == 0) status = flood_run();
    if (strcmp(a[2], "signals") == 0) status = signals_run(a[1], strtoull(a[3], NULL, 10));
    fflush(stdout);
    bus_detach(b);
    return status;
}
