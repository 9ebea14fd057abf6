/* SPDX-License-Identifier: Apache-2.0
 * parse_fuzz: any bytes through lexer and parser; every diagnostic has its place in the text and
 * prints in all three forms. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "parse.h"

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
    }
    arena_close(a);
    return 0;
}
