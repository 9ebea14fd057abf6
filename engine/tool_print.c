/* SPDX-License-Identifier: Apache-2.0
 * tool_print: what the commands print of pages, events and deltas. */
#include "tool_print.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/number.h"
#include "tlog.h"

static void print_number(u8 type, const void *at) {
    char text[NUMBER_TEXT_MAX];
    number_format(type, number_load(type, at), text);
    fputs(text, stdout);
}

void print_value(const engine *e, u32 page, u64 lane) {
    ASSERT(lane < engine_image(e)->shapes[engine_image(e)->pages[page].shape].lanes);
    u8 type = engine_image(e)->pages[page].type;
    print_number(type, (const u8 *)engine_page(e, page) + lane * type_bytes(type));
}

static void axes_of(const image_shape *s, u64 lane, u64 at[AXES_MAX]) {
    ASSERT(lane < s->lanes);
    for (u32 a = s->axis_count; a > 0; a--)
        at[a - 1] = lane % s->dims[a - 1], lane /= s->dims[a - 1];
}

/* name[i, j, first..first+count] */
static void print_run_name(const image *i, u32 page, u64 lane, u64 count) {
    ASSERT(count > 0);
    const image_shape *s = &i->shapes[i->pages[page].shape];
    u64 at[AXES_MAX];
    axes_of(s, lane, at);
    fputs(image_string(i, i->pages[page].name), stdout);
    for (u32 a = 0; a < s->axis_count; a++) {
        printf("%s%llu", a == 0 ? "[" : ", ", (unsigned long long)at[a]);
        if (a + 1 != s->axis_count) continue;
        if (count != 1) printf("..%llu", (unsigned long long)(at[a] + count));
        putchar(']');
    }
}

/* A row of many lanes always shows its run, `a[0..1]` too: it reads as a list. */
static void print_row(const image *i, u32 page, const u8 *lanes, u64 first, u64 count) {
    u8 type = i->pages[page].type;
    ASSERT(count > 0);
    for (u64 k = 0; k < count; k++) {
        fputs(k == 0 ? " = " : ", ", stdout);
        print_number(type, lanes + (first + k) * type_bytes(type));
    }
    putchar('\n');
}

void print_lanes(const image *i, u32 page, const void *lanes, u64 first, u64 count) {
    const image_shape *s = &i->shapes[i->pages[page].shape];
    u64 row = s->axis_count == 0 ? 1 : s->dims[s->axis_count - 1];
    ASSERT(first <= s->lanes && count <= s->lanes - first);
    for (u64 end = first + count; first < end;) {
        u64 run = u64_min(row - first % row, end - first);
        print_run_name(i, page, first, run);
        print_row(i, page, lanes, first, run);
        first += run;
    }
}

void print_page(const engine *e, u32 page) {
    ASSERT(page > 0 && page < engine_image(e)->page_count);
    const image *i = engine_image(e);
    const image_shape *s = &i->shapes[i->pages[page].shape];
    u64 row = s->axis_count == 0 ? 1 : s->dims[s->axis_count - 1];
    for (u64 first = 0; first < s->lanes; first += row) {
        u64 at[AXES_MAX];
        axes_of(s, first, at);
        fputs(image_string(i, i->pages[page].name), stdout);
        for (u32 a = 0; a < s->axis_count; a++) {
            printf("%s%llu", a == 0 ? "[" : ", ", (unsigned long long)at[a]);
            if (a + 1 == s->axis_count) printf("..%llu]", (unsigned long long)row);
        }
        print_row(i, page, engine_page(e, page), first, row);
    }
}

void print_lane(const engine *e, u32 page, u64 lane) {
    ASSERT(page > 0 && page < engine_image(e)->page_count);
    print_run_name(engine_image(e), page, lane, 1);
    fputs(" = ", stdout);
    print_value(e, page, lane);
    putchar('\n');
}

void print_table(const engine *e) {
    const image *i = engine_image(e);
    for (u32 k = 0; k < i->export_count; k++) {
        u32 page = i->exports[k];
        const image_shape *s = &i->shapes[i->pages[page].shape];
        ASSERT(page != 0 && page < i->page_count);
        printf("%-20s %s", image_string(i, i->pages[page].name), type_text(i->pages[page].type));
        for (u32 a = 0; a < s->axis_count; a++)
            printf("%s%llu%s", a == 0 ? "[" : ", ", (unsigned long long)s->dims[a],
                   a + 1 == s->axis_count ? "]" : "");
        for (u64 l = 0; l < s->lanes && l < 8; l++) {
            putchar(' ');
            print_value(e, page, l);
        }
        puts(s->lanes > 8 ? " ..." : "");
    }
}

void print_events(const engine *e) {
    const image *i = engine_image(e);
    u32 count = engine_fired(e, NULL, 0);
    ASSERT(count <= i->event_count);
    u32 *rows = count == 0 ? NULL : malloc(count * sizeof *rows);
    if (rows == NULL) return;
    engine_fired(e, rows, count);
    for (u32 k = 0; k < count; k++) {
        const image_event *event = &i->events[rows[k]];
        printf("epoch %llu event %s", (unsigned long long)engine_epoch(e),
               image_string(i, event->name));
        for (u32 v = 0; v < event->value_count; v++) {
            putchar(' ');
            print_value(e, i->event_values[event->value_at + v], 0);
        }
        putchar('\n');
    }
    free(rows);
}

void print_root(engine *e) {
    printf("epoch %llu root 0x%016llx\n", (unsigned long long)engine_epoch(e),
           (unsigned long long)engine_root(e));
}

void print_delta(const image *i, const delta *d, const char *before) {
    ASSERT(d->kind < DELTA_KIND_COUNT);
    ASSERT(d->count > 0);
    static const char *const signs[DELTA_KIND_COUNT] = {
        "=", "+=", "min=", "max=", "&=", "|=", "^="};
    const image_shape *s = &i->shapes[i->pages[d->page].shape];
    u64 row = s->axis_count == 0 ? 1 : s->dims[s->axis_count - 1], used = 0;
    u32 width = type_bytes(d->type);
    for (u64 k = 0; k < d->count;) {
        u64 lane = d->first + k, run = u64_min(row - lane % row, d->count - k);
        if (d->form == DELTA_MASK) {
            if ((d->mask[k / 8] >> (k & 7) & 1) == 0) {
                k++;
                continue;
            }
            run = 1;
        }
        fputs(before, stdout);
        print_run_name(i, d->page, lane, run);
        printf(" %s ", signs[d->kind]);
        for (u64 v = 0; v < (d->broadcast ? 1 : run); v++) {
            if (v != 0) fputs(", ", stdout);
            print_number(d->type, (const u8 *)d->payload + (d->broadcast ? 0 : used + v) * width);
        }
        putchar('\n');
        used += run, k += run;
    }
}

mmsb_status page_parse(const image *i, const char *text, u32 *page, u64 *lane, message *m) {
    ASSERT(text != NULL);
    size_t bytes = strcspn(text, "[");
    const char *at = text + bytes;
    *page = image_find_page(i, text, bytes);
    *lane = UINT64_MAX;
    if (*page == 0) return message_set(m, MMSB_WRONG, "there is no page `%.*s`", (int)bytes, text);
    const image_shape *s = &i->shapes[i->pages[*page].shape];
    if (*at == 0) return MMSB_OK;
    *lane = 0;
    for (u32 a = 0; a < s->axis_count; a++) {
        char *end;
        at++;
        u64 index = strtoull(at, &end, 10);
        if (end == at || index >= s->dims[a])
            return message_set(m, MMSB_WRONG, "%s: axis %u takes an index from 0 to %llu", text, a,
                               (unsigned long long)s->dims[a] - 1);
        *lane = *lane * s->dims[a] + index;
        at = end + strspn(end, " ");
        if (*at != (a + 1 == s->axis_count ? ']' : ',')) break;
    }
    if (*at != ']' || at[1] != 0 || s->axis_count == 0)
        return message_set(m, MMSB_USAGE, "%s: write PAGE, or PAGE[i] with %u indices", text,
                           s->axis_count);
    return MMSB_OK;
}

bool version_print(const char *program) {
    return printf("%s " MMSB_VERSION ", image %u, log %u, math %u, root %u\n", program,
                  IMAGE_VERSION, TLOG_VERSION, MATH_VERSION, ROOT_VERSION) > 0;
}
