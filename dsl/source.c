/* SPDX-License-Identifier: Apache-2.0
 * source: keeps texts and finds lines and columns in them. */
#include "source.h"

#define TEXT_BYTES_MAX ((u64)256 << 20)
#define LINES_NEAR 4u /* lines from a hint on that are looked at before all are */

static u32 starts_char(char c) { return ((u8)c & 0xc0) != 0x80; }

/* Characters before byte `at`: few bytes are looked at, however long a line is. */
static u32 chars_before(const source_file *f, u32 at) {
    ASSERT(at <= f->bytes);
    u32 k = at / SOURCE_STEP * SOURCE_STEP, count = f->chars_at[at / SOURCE_STEP];
    for (; k < at; k++) count += starts_char(f->text[k]);
    return count;
}

/* Characters of [begin, end). */
static u32 chars_between(const source_file *f, u32 begin, u32 end) {
    ASSERT(begin <= end && end <= f->bytes);
    if (end - begin >= SOURCE_STEP) return chars_before(f, end) - chars_before(f, begin);
    u32 count = 0;
    for (u32 k = begin; k < end; k++) count += starts_char(f->text[k]);
    return count;
}

static u32 newlines(const char *text, u64 bytes) {
    u32 count = 0;
    for (u64 k = 0; k < bytes; k++) count += text[k] == '\n';
    return count;
}

mmsb_status sources_add(sources *s, const char *name, const char *text, u64 bytes, u32 *file) {
    if (bytes > TEXT_BYTES_MAX) return MMSB_OUT_OF_SPACE;
    if (!arena_grow(s->memory, (void **)&s->files, &s->capacity, s->count + 1, sizeof(source_file)))
        return MMSB_OUT_OF_SPACE;
    u32 lines = 1 + newlines(text, bytes);
    u32 *line_at = ARENA_ARRAY(s->memory, u32, lines), count = 0;
    u32 *chars_at = ARENA_ARRAY(s->memory, u32, bytes / SOURCE_STEP + 1);
    source_file f = {.name = arena_text(s->memory, name, strlen(name)),
                     .text = arena_text(s->memory, text, bytes),
                     .bytes = (u32)bytes,
                     .line_count = lines,
                     .line_at = line_at,
                     .chars_at = chars_at};
    if (line_at == NULL || chars_at == NULL || f.name == NULL || f.text == NULL)
        return MMSB_OUT_OF_SPACE;
    const char *end = text + bytes, *from = text;
    for (u32 line = 1; line < lines; line++) {
        from = (const char *)memchr(from, '\n', (size_t)(end - from)) + 1;
        line_at[line] = (u32)(from - text);
    }
    for (u64 k = 0; k <= bytes; k += SOURCE_STEP) {
        chars_at[k / SOURCE_STEP] = count;
        for (u64 c = k; c < u64_min(k + SOURCE_STEP, bytes); c++) count += starts_char(text[c]);
    }
    *file = s->count;
    s->files[s->count++] = f;
    return MMSB_OK;
}

source_place sources_place(const sources *s, span at) {
    u32 line = 0;
    return sources_place_near(s, at, &line);
}

source_place sources_place_near(const sources *s, span at, u32 *line) {
    ASSERT(at.file < s->count);
    const source_file *f = &s->files[at.file];
    u32 low = 0, high = f->line_count, near = *line;
    for (u32 k = 0; k < LINES_NEAR && near < high && f->line_at[near] <= at.begin; k++)
        low = near++;
    if (near > low && near < high && f->line_at[near] > at.begin) high = near;
    while (high - low > 1) {
        u32 middle = low + (high - low) / 2;
        if (f->line_at[middle] <= at.begin)
            low = middle;
        else
            high = middle;
    }
    *line = low;
    source_place p = {.line = low + 1, .begin = f->line_at[low]};
    p.end = high < f->line_count ? f->line_at[high] - 1 : f->bytes;
    if (p.end > p.begin && f->text[p.end - 1] == '\r') p.end--;
    u32 end = at.begin < f->bytes ? at.begin : f->bytes;
    p.column = 1 + (end > p.begin ? chars_between(f, p.begin, end) : 0);
    return p;
}

const char *sources_text(const sources *s, span at, u32 *bytes) {
    ASSERT(at.file < s->count && at.begin <= at.end && at.end <= s->files[at.file].bytes);
    *bytes = at.end - at.begin;
    return s->files[at.file].text + at.begin;
}
