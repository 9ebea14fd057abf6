/* SPDX-License-Identifier: Apache-2.0
 * delta_fuzz: delta lines against a graph with pages of every type. What is read is written as
 * bytes and read back; commits run, incremental against from scratch. */
#include <stdlib.h>

#include "delta_text.h"
#include "fuzz.h"
#include "session.h"

static const char graph_text[] =
    "source a: f64[4] source b: f32[2, 3] source c: i8 source d: u16[3] = 1 source e: bool[2, 2]\n"
    "source f: i64 source g: u64[2] source h: i32[2] source k: u8 source l: u32 source m: i16\n"
    "page s[i: 4]: f64 edge wrap = init a[i] then prev(s)[i - 1] + a[i]\n"
    "page t = sum(s) + f64(sum(b)) page z = a[h[0]] page y = 7 / d[1]\n"
    "assert a[0] != 13.0\n"
    "event big = t > 100.0 with t export t, z, y\n";

static void back_again(const image *i, const delta *d) {
    static u64 bytes[1 << 10];
    delta again;
    u64 used, need = delta_bytes(d);
    if (need > sizeof bytes) return;
    memset(bytes, 0xaa, sizeof bytes);
    delta_write(d, (u8 *)bytes);
    MUST(delta_read(i, (const u8 *)bytes, need, &again, &used, NULL) == MMSB_OK && used == need);
    MUST(again.page == d->page && again.kind == d->kind && again.count == d->count);
    MUST(again.payload_bytes == d->payload_bytes);
    MUST(memcmp(again.payload, d->payload, d->payload_bytes) == 0);
}

static void line_feed(session *s, const image *i, arena *a, const u8 *text, u64 bytes) {
    message m = {.used = 0};
    delta_line line;
    if (delta_text_line(i, a, -1, (const char *)text, bytes, &line, &m) != MMSB_OK) {
        MUST(m.text[0] != 0);
        return;
    }
    for (u32 k = 0; line.kind == LINE_DELTA && k < line.count; k++) {
        back_again(i, &line.deltas[k]);
        MUST(session_delta(s, &line.deltas[k], &m) == MMSB_OK);
    }
    if (line.kind == LINE_COMMIT) {
        mmsb_status status = session_commit(s, NULL, &m);
        MUST(status == MMSB_OK || status == MMSB_REJECTED);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    static image own;
    static memory_folder folder;
    message m = {.used = 0};
    session *s = NULL;
    if (own.bytes == NULL) small_compile(graph_text, &own);
    memory_folder_open(&folder);
    session_options o = {.oracle_epochs = 1, .files = &folder.calls};
    MUST(session_open(&own, &o, &s, &m) == MMSB_OK);
    arena *a = arena_open(16ull << 20);
    for (size_t at = 0, end; at < bytes; at = end + 1) {
        for (end = at; end < bytes && data[end] != '\n'; end++) continue;
        line_feed(s, &own, a, data + at, end - at);
    }
    MUST(session_ticks(s, 1, NULL, NULL, NULL, &(u64){0}, &m) != MMSB_BUG);
    arena_close(a);
    session_close(s, &m);
    return 0;
}
