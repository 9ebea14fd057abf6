/* SPDX-License-Identifier: Apache-2.0
 * run_trace: --trace FILE, the epochs of a run as a Chrome trace
 * (chrome://tracing, Perfetto): a bar an epoch with the work done in it, a mark
 * an event and a rejection. Times are of the monotonic clock, from the opening
 * of the file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "run.h"

static struct {
    FILE *file;
    const char *path;
    u64 start, begin; /* nanoseconds */
    engine_stats before;
    bool any;
} trace;

static u64 now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static void text_put(const char *text) {
    ASSERT(text != NULL);
    fputc('"', trace.file);
    for (const char *c = text; *c != 0; c++) {
        if (*c == '"' || *c == '\\') fputc('\\', trace.file);
        if ((u8)*c < 0x20)
            fprintf(trace.file, "\\u%04x", (u8)*c);
        else
            fputc(*c, trace.file);
    }
    fputc('"', trace.file);
}

/* What every row begins with; ts and dur are microseconds. */
static void row_begin(const char *name, const char *phase, u64 at) {
    ASSERT(trace.file != NULL);
    fputs(trace.any ? ",\n{\"name\":" : "\n{\"name\":", trace.file);
    trace.any = true;
    text_put(name);
    fprintf(trace.file, ",\"ph\":\"%s\",\"pid\":1,\"tid\":1,\"ts\":%.3f", phase,
            (f64)(at - trace.start) / 1e3);
}

mmsb_status trace_open(const char *path, const engine *e, message *m) {
    ASSERT(path != NULL);
    trace.file = fopen(path, "we");
    trace.path = path;
    if (trace.file == NULL)
        return message_set(m, MMSB_IO, "%s cannot be written: %s", path, strerror(errno));
    trace.start = trace.begin = now();
    if (e != NULL) trace.before = *engine_statistics(e);
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", trace.file);
    return MMSB_OK;
}

void trace_begin(void) {
    if (trace.file != NULL) trace.begin = now();
}

void trace_epoch(const engine *e) {
    if (trace.file == NULL) return;
    u64 end = now();
    const engine_stats *s = engine_statistics(e), *b = &trace.before;
    const image *i = engine_image(e);
    char name[40];
    u32 count = engine_fired(e, NULL, 0);
    ASSERT(end >= trace.begin);
    snprintf(name, sizeof name, "epoch %llu", (unsigned long long)engine_epoch(e));
    row_begin(name, "X", trace.begin);
    fprintf(trace.file,
            ",\"dur\":%.3f,\"args\":{\"nodes\":%llu,\"lanes_computed\":%llu,"
            "\"lanes_changed\":%llu,"
            "\"bytes_loaded\":%llu,\"bytes_stored\":%llu}}",
            (f64)(end - trace.begin) / 1e3, (unsigned long long)(s->nodes_run - b->nodes_run),
            (unsigned long long)(s->lanes_run - b->lanes_run),
            (unsigned long long)(s->lanes_changed - b->lanes_changed),
            (unsigned long long)(s->bytes_loaded - b->bytes_loaded),
            (unsigned long long)(s->bytes_stored - b->bytes_stored));
    u32 *rows = count == 0 ? NULL : malloc(count * sizeof *rows);
    if (rows != NULL) engine_fired(e, rows, count);
    for (u32 k = 0; rows != NULL && k < count; k++) {
        row_begin(image_string(i, i->events[rows[k]].name), "i", end);
        fputs(",\"s\":\"t\",\"cat\":\"event\"}", trace.file);
    }
    free(rows);
    trace.before = *s;
    trace.begin = now();
}

void trace_rejected(const char *words) {
    if (trace.file == NULL) return;
    ASSERT(words != NULL);
    row_begin("rejected", "i", now());
    fputs(",\"s\":\"t\",\"cat\":\"rejected\",\"args\":{\"why\":", trace.file);
    text_put(words);
    fputs("}}", trace.file);
    trace.begin = now();
}

mmsb_status trace_close(message *m) {
    if (trace.file == NULL) return MMSB_OK;
    ASSERT(trace.path != NULL);
    fputs("\n]}\n", trace.file);
    bool failed = ferror(trace.file) != 0;
    failed = fclose(trace.file) != 0 || failed;
    trace.file = NULL;
    return failed ? message_set(m, MMSB_IO, "%s cannot be written whole", trace.path) : MMSB_OK;
}
