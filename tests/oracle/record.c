/* SPDX-License-Identifier: Apache-2.0
 * record: see record.h. */
#include "record.h"
#include "print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *to, *from;

/* The first Python that has NumPy. */
static const char COMMAND[] =
    "for p in python3 /usr/bin/python3; do\n"
    "  $p -c 'import numpy' 2>/dev/null && exec $p " ORACLE_JUDGE " " ORACLE_MATH "\n"
    "done\nexit 1";

bool record_open(void) {
    int down[2], up[2];
    if (to != NULL) return true;
    if (pipe(down) != 0 || pipe(up) != 0) return false;
    fflush(stdout);
    if (fork() == 0) {
        dup2(down[0], 0), dup2(up[1], 1);
        close(down[0]), close(down[1]), close(up[0]), close(up[1]);
        execl("/bin/sh", "sh", "-c", COMMAND, (char *)NULL);
        _exit(3);
    }
    close(down[0]), close(up[1]);
    to = fdopen(down[1], "w"), from = fdopen(up[0], "r");
    return to != NULL && from != NULL;
}

bool record_graph(const ast *tree, const sources *files, arena *memory) {
    for (u32 k = 0; k < files->count; k++) {
        const char *text;
        u64 bytes;
        if (ast_print(tree, k, memory, &text, &bytes) != MMSB_OK) return false;
        fprintf(to, "file %s %llu\n", files->files[k].name, (unsigned long long)bytes);
        fwrite(text, 1, bytes, to);
    }
    return true;
}

void record_epoch(const image *i, u64 epoch, bool accepted, const delta *deltas, u32 count) {
    fprintf(to, "epoch %llu %d 0\n", (unsigned long long)epoch, accepted);
    for (u32 k = 0; k < count; k++) {
        const delta *d = &deltas[k];
        u64 mask = d->form == DELTA_MASK ? (d->count + 7) / 8 : 0;
        fprintf(to, "delta %s %u %llu %llu %llu %s %llu\n", image_string(i, i->pages[d->page].name),
                d->kind, (unsigned long long)d->first, (unsigned long long)d->count,
                (unsigned long long)mask, type_text(d->type),
                (unsigned long long)(mask + d->payload_bytes));
        if (mask > 0) fwrite(d->mask, 1, mask, to);
        fwrite(d->payload, 1, d->payload_bytes, to);
    }
}

static void record_values(const char *head, const image *i, const engine *e, u32 page) {
    u8 type = i->pages[page].type;
    u64 bytes = i->shapes[i->pages[page].shape].lanes * type_bytes(type);
    fprintf(to, "%s %s %llu\n", head, type_text(type), (unsigned long long)bytes);
    fwrite(engine_page(e, page), 1, bytes, to);
}

void record_state(const image *i, const engine *e, bool fired) {
    u32 rows[64], count = fired ? engine_fired(e, rows, 64) : 0;
    char head[256];
    for (u32 page = 1; page < i->page_count; page++) {
        const image_page *p = &i->pages[page];
        bool hidden = (p->flags & PAGE_HIDDEN) != 0;
        if (hidden || p->kind == PAGE_PREV || p->kind == PAGE_EPOCH) continue;
        snprintf(head, sizeof head, "page %s", image_string(i, p->name));
        record_values(head, i, e, page);
    }
    for (u32 k = 0; k < count && k < 64; k++) {
        const image_event *row = &i->events[rows[k]];
        fprintf(to, "event %s 0\n", image_string(i, row->name));
        for (u32 v = 0; v < row->value_count; v++)
            record_values("value", i, e, i->event_values[row->value_at + v]);
    }
}

void record_judge(u64 seed, bool plant, char *found, u32 bytes) {
    char line[32], *end = line;
    fprintf(to, "end %llu %d 0\n", (unsigned long long)seed, plant);
    fflush(to);
    found[0] = 0;
    unsigned long said = fgets(line, sizeof line, from) == NULL ? 0 : strtoul(line, &end, 10);
    if (end == line) {
        snprintf(found, bytes, "the evaluator in Python died, or there is no NumPy");
        return;
    }
    u32 used = 0;
    for (unsigned long k = 0; k < said; k++) {
        int c = fgetc(from);
        if (used + 1 < bytes) found[used++] = (char)c;
    }
    found[used] = 0;
}
