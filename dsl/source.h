/* SPDX-License-Identifier: Apache-2.0
 * source: the texts of a compilation (the graph file and what it imports) and places in them. */
#ifndef MMSB_SOURCE_H
#define MMSB_SOURCE_H
#include "../engine/core/arena.h"

/* Bytes [begin, end) of file `file` (row of sources; 0 is the graph file). A zero span in a
 * diagnostic means "no second place". */
typedef struct {
    u32 file, begin, end;
} span;

#define SOURCE_STEP 1024u
typedef struct {
    const char *name; /* as given or found, for messages */
    const char *text; /* text[bytes] is readable and 0; the bytes before may hold anything */
    u32 bytes;
    u32 line_count;
    const u32 *line_at;  /* offset of each line's first byte */
    const u32 *chars_at; /* characters before each multiple of SOURCE_STEP bytes */
} source_file;
typedef struct {
    arena *memory;
    source_file *files;
    u32 count, capacity;
} sources;

typedef struct {
    u32 line, column; /* from 1; columns count characters, not bytes */
    u32 begin, end;   /* of the line's bytes, without newline */
} source_place;

/* Adds a text (copied), checks UTF-8 later in the lexer; at most 256 MiB. Sets *file. */
mmsb_status sources_add(sources *s, const char *name, const char *text, u64 bytes, u32 *file);
source_place sources_place(const sources *s, span at);
/* The same, fast where the place stands in line *line (from 0) or soon after it; sets *line. */
source_place sources_place_near(const sources *s, span at, u32 *line);
/* The text of a span, not NUL-ended; *bytes is its length. */
const char *sources_text(const sources *s, span at, u32 *bytes);
#endif
