/* SPDX-License-Identifier: Apache-2.0
 * source: keeps texts and finds lines and columns in them. */
#include "source.h"

#define TEXT_BYTES_MAX ((u64)256 << 20)

mmsb_status sources_add(sources *s, const char *name, const char *text, u64 bytes, u32 *file) {
    if (bytes > TEXT_BYTES_MAX) return MMSB_OUT_OF_SPACE;
    if (!arena_grow(s->memory, (void **)&s->files, &s->capacity, s->count + 1, sizeof(source_file)))
        return MMSB_OUT_OF_SPACE;
    u32 lines = 1;
    for (u64 k = 0; k < bytes; k++) lines += text[k] == '\n';
    u32 *line_at = ARENA_ARRAY(s->memory, u32, lines);
    source_file f = {.name = arena_text(s->memory, name, strlen(name)),
                     .text = arena_text(s->memory, text, bytes),
                     .bytes = (u32)bytes,
                     .line_count = lines,
                     .line_at = line_at};
    if (line_at == NULL || f.name == NULL || f.text == NULL) return MMSB_OUT_OF_SPACE;
    u32 line = 1;
    for (u32 k = 0; k < bytes; k++)
        if (text[k] == '\n') line_at[line++] = k + 1;
    *file = s->count;
    s->files[s->count++] = f;
    return MMSB_OK;
}

source_place sources_place(const sources *s, span at) {
    ASSERT(at.file < s->count);
    const source_file *f = &s->files[at.file];
    u32 low = 0, high = f->line_count;
    while (high - low > 1) {
        u32 middle = low + (high - low) / 2;
        if (f->line_at[middle] <= at.begin)
            low = middle;
        else
            high = middle;
    }
    source_place p = {.line = low + 1, .column = 1, .begin = f->line_at[low]};
    p.end = high < f->line_count ? f->line_at[high] - 1 : f->bytes;
    if (p.end > p.begin && f->text[p.end - 1] == '\r') p.end--;
    for (u32 k = p.begin; k < at.begin && k < f->bytes; k++)
        p.column += ((u8)f->text[k] & 0xc0) != 0x80;
    return p;
}

const char *sources_text(const sources *s, span at, u32 *bytes) {
    ASSERT(at.file < s->count && at.begin <= at.end && at.end <= s->files[at.file].bytes);
    *bytes = at.end - at.begin;
    return s->files[at.file].text + at.begin;
}
