/* SPDX-License-Identifier: Apache-2.0
 * format: texts made from texts: the canonical one, and one with certain fixes put in. */
#include "compile.h"

#include <stdlib.h>

#include "../dsl/print.h"

/* The canonical text must have the first text's tree, and be its own canonical text. */
static mmsb_status format_check(const mmsbc_options *o, const mmsbc_result *r) {
    mmsbc_options again = *o;
    const char *trees[2], *text = NULL;
    u64 bytes[2], text_bytes = 0;
    again.text = r->text, again.bytes = r->text_bytes, again.messages = NULL;
    ASSERT(r->tree != NULL);
    mmsbc_result *second = result_open(&again);
    if (second == NULL) return MMSB_OUT_OF_SPACE;
    mmsb_status s = result_parse(&again, second);
    if (s == MMSB_OK) s = ast_print(r->tree, 0, r->memory, &trees[0], &bytes[0]);
    if (s == MMSB_OK) s = ast_print(second->tree, 0, second->memory, &trees[1], &bytes[1]);
    if (s == MMSB_OK)
        s = print_file(&second->sources, second->tree, 0, second->memory, &text, &text_bytes);
    bool same = s == MMSB_OK && bytes[0] == bytes[1] && memcmp(trees[0], trees[1], bytes[0]) == 0 &&
                text_bytes == r->text_bytes && memcmp(text, r->text, text_bytes) == 0;
    mmsbc_free(second);
    return s == MMSB_OUT_OF_SPACE ? s : same ? MMSB_OK : MMSB_BUG;
}

int mmsbc_parse(const mmsbc_options *o, mmsbc_result **out) {
    message m = {.used = 0};
    mmsbc_result *r = *out = result_open(o);
    if (r == NULL) return MMSB_OUT_OF_SPACE;
    mmsb_status status = result_parse(o, r);
    result_tell(o, r, status, &m);
    return (int)status;
}

int mmsbc_format(const mmsbc_options *o, mmsbc_result **out) {
    message m = {.used = 0};
    mmsbc_result *r = *out = result_open(o);
    if (r == NULL) return MMSB_OUT_OF_SPACE;
    mmsb_status s = result_parse(o, r);
    if (s == MMSB_OK) s = print_file(&r->sources, r->tree, 0, r->memory, &r->text, &r->text_bytes);
    if (s == MMSB_OK) s = format_check(o, r);
    if (s != MMSB_OK) r->text = NULL;
    if (s == MMSB_BUG) message_set(&m, s, "the canonical text would not mean the same");
    result_tell(o, r, s, &m);
    return (int)s;
}

const char *mmsbc_text(const mmsbc_result *r, size_t *bytes) {
    *bytes = r->text_bytes;
    return r->text;
}

static int fix_order(const void *a, const void *b) {
    const diag_row *x = *(const diag_row *const *)a, *y = *(const diag_row *const *)b;
    if (x->fix_place.begin != y->fix_place.begin)
        return x->fix_place.begin < y->fix_place.begin ? -1 : 1;
    return x->fix_place.end < y->fix_place.end ? -1 : x->fix_place.end > y->fix_place.end;
}

/* The rows of r's diagnostics that have a fix in file 0, in order of the text. */
static u32 fixes_find(mmsbc_result *r, const diag_row **rows) {
    u32 count = 0;
    for (u32 k = 0; k < r->diags.count; k++) {
        const diag_row *d = &r->diags.rows[k];
        if (d->fix_text != NULL && d->fix_place.file == 0) rows[count++] = d;
    }
    ASSERT(count <= r->diags.count);
    if (count != 0) qsort(rows, count, sizeof(void *), fix_order);
    return count;
}

size_t mmsbc_fix(mmsbc_result *r) {
    const diag_row **rows = ARENA_ARRAY(r->memory, const diag_row *, r->diags.count + 1);
    if (rows == NULL || r->sources.count == 0) return 0;
    const source_file *f = &r->sources.files[0];
    u32 count = fixes_find(r, rows);
    u64 room = (u64)f->bytes + 1, used = 0;
    size_t done = 0;
    for (u32 k = 0; k < count; k++) room += strlen(rows[k]->fix_text);
    char *text = arena_take(r->memory, room, 1);
    if (text == NULL) return 0;
    u32 from = 0;
    for (u32 k = 0; k < count; k++) {
        span at = rows[k]->fix_place;
        size_t bytes = strlen(rows[k]->fix_text);
        ASSERT(at.begin <= at.end && at.end <= f->bytes);
        if (at.begin < from) continue; /* the same place again: the next round sees what is left */
        memcpy(text + used, f->text + from, at.begin - from);
        used += at.begin - from;
        memcpy(text + used, rows[k]->fix_text, bytes);
        used += bytes, from = at.end;
        done++;
    }
    memcpy(text + used, f->text + from, f->bytes - from);
    r->text = text, r->text_bytes = used + f->bytes - from;
    ASSERT(r->text_bytes < room);
    return done;
}
