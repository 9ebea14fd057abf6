/* SPDX-License-Identifier: Apache-2.0
 * parse_fuzz: any bytes through lexer and parser; every diagnostic has its place in the text and
 * prints in all three forms. What has no error prints canonically: the print parses to an equal
 * tree, and prints as itself. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "parse.h"
#include "print.h"

static FILE *nowhere;

static void places_check(const diags *d, const sources *s) {
    for (u32 k = 0; k < d->count; k++) {
        const diag_row *r = &d->rows[k];
        MUST(r->place.file < s->count && r->place.begin <= r->place.end);
        MUST(r->place.end <= s->files[r->place.file].bytes);
        MUST(r->text != NULL && r->text[0] != 0 && diag_code_text(r->code) != NULL);
        source_place p = sources_place(s, r->place);
        MUST(p.line >= 1 && p.column >= 1);
    }
}

typedef struct {
    const char *canonical, *tree;
    u64 canonical_bytes, tree_bytes;
    u32 errors;
} reading;
/* The text parsed and, where it has no error, printed both ways. */
static reading read_text(arena *a, const char *text, u64 bytes) {
    reading r = {.errors = 1};
    u32 file;
    ast *t = ast_open(a);
    sources s = {.memory = a};
    diags d = {.memory = a, .sources = &s};
    if (sources_add(&s, "fuzz.mmsbg", text, bytes, &file) != MMSB_OK) return r;
    MUST(parse_file(&s, file, t, &d) == MMSB_OK);
    r.errors = d.error_count;
    if (r.errors != 0) return r;
    MUST(print_file(&s, t, file, a, &r.canonical, &r.canonical_bytes) == MMSB_OK);
    MUST(ast_print(t, file, a, &r.tree, &r.tree_bytes) == MMSB_OK);
    return r;
}
static void round_trip(arena *a, const u8 *data, size_t bytes) {
    reading one = read_text(a, (const char *)data, bytes);
    if (one.errors != 0) return;
    reading two = read_text(a, one.canonical, one.canonical_bytes);
    MUST(two.errors == 0);
    MUST(two.tree_bytes == one.tree_bytes && memcmp(two.tree, one.tree, one.tree_bytes) == 0);
    MUST(two.canonical_bytes == one.canonical_bytes &&
         memcmp(two.canonical, one.canonical, one.canonical_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    u32 file;
    if (nowhere == NULL) nowhere = fopen("/dev/null", "w");
    arena *a = arena_open(0);
    ast *t = ast_open(a);
    sources s = {.memory = a};
    diags d = {.memory = a, .sources = &s};
    if (sources_add(&s, "fuzz.mmsbg", (const char *)data, bytes, &file) == MMSB_OK) {
        MUST(parse_file(&s, file, t, &d) == MMSB_OK);
        places_check(&d, &s);
        for (int form = DIAG_HUMAN; form <= DIAG_JSON; form++)
            diag_print(&d, (diag_format)form, form == DIAG_HUMAN, nowhere);
        round_trip(a, data, bytes);
    }
    arena_close(a);
    return 0;
}
