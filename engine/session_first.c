/* SPDX-License-Identifier: Apache-2.0
 * session_first: what sources hold before epoch 0: inputs from files or memory, `from` files, what
 * another graph left, expressions. */
#include <fcntl.h>

#include "core/array_file.h"
#include "session_state.h"

static const char *input_name(const session_input *in) {
    ASSERT(in->path != NULL || in->lanes != NULL);
    return in->path != NULL ? in->path : "memory";
}

static mmsb_status input_read(session *s, const session_input *in, u32 page, void *to, message *m) {
    const image_page *p = &s->i->pages[page];
    const image_shape *shape = &s->i->shapes[p->shape];
    ASSERT(p->kind == PAGE_SOURCE && to != NULL);
    if (in->path != NULL)
        return array_file_read(s->files, AT_FDCWD, in->path, false, p->type, shape, to, m);
    ASSERT(in->lanes != NULL);
    memcpy(to, in->lanes, shape->lanes * type_bytes(p->type));
    return MMSB_OK;
}

mmsb_status first_contents(session *s, message *m) {
    ASSERT(engine_epoch(s->e) == 0);
    const image *i = s->i;
    u8 *skip = arena_take(s->tables, i->page_count + 1u, 1);
    if (skip == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    for (u32 k = 0; k < s->o.input_count; k++) {
        const session_input *in = &s->o.inputs[k];
        u32 page = image_find_page(i, in->page, in->page_bytes);
        if (page == 0 || i->pages[page].kind != PAGE_SOURCE)
            return message_set(m, MMSB_USAGE, "--in %.*s=%s: there is no source of that name",
                               (int)in->page_bytes, in->page, input_name(in));
        skip[page] = 1;
        TRY(input_read(s, in, page, engine_page_bytes(s->e, page), m));
    }
    for (u32 page = 1, of; s->o.carry_from != NULL && page < i->page_count; page++) {
        const engine *old = s->o.carry_from;
        if (skip[page] || i->pages[page].kind != PAGE_SOURCE ||
            !session_carries(engine_image(old), i, page, &of))
            continue;
        skip[page] = 1;
        memcpy(engine_page_bytes(s->e, page), engine_page(old, of),
               i->shapes[i->pages[page].shape].lanes * type_bytes(i->pages[page].type));
    }
    int folder = -1;
    const char *path = s->o.image_path == NULL ? "." : s->o.image_path;
    if (i->file_count != 0) TRY(file_open_folder_of(s->files, AT_FDCWD, path, &folder, m));
    mmsb_status status = MMSB_OK;
    for (u32 k = 0; status == MMSB_OK && k < i->file_count; k++) {
        const image_file *f = &i->files[k];
        if (skip[f->page]) continue;
        status = array_file_read(s->files, folder, image_string(i, f->path), true,
                                 i->pages[f->page].type, &i->shapes[i->pages[f->page].shape],
                                 engine_page_bytes(s->e, f->page), m);
    }
    if (folder >= 0) s->files->close(s->files, folder);
    if (status == MMSB_OK) status = engine_first(s->e, skip, m);
    return status == MMSB_OK ? engine_epoch0(s->e, m) : status;
}

mmsb_status inputs_compare(session *s, message *m) {
    checkpoint c;
    if (s->o.input_count == 0) return MMSB_OK;
    TRY(checkpoint_read(s->files, s->folder, 0, s->i, s->uuid, &c, m));
    ASSERT(c.head->epoch == 0);
    mmsb_status status = MMSB_OK;
    for (u32 k = 0; status == MMSB_OK && k < s->o.input_count; k++) {
        const session_input *in = &s->o.inputs[k];
        u32 page = image_find_page(s->i, in->page, in->page_bytes), row = 0;
        while (page != 0 && row < c.head->page_count && c.pages[row].page != page) row++;
        void *copy = row < c.head->page_count && page != 0
                         ? arena_take(s->tables, c.pages[row].bytes, 64)
                         : NULL;
        if (copy == NULL)
            status = message_set(m, MMSB_USAGE, "--in %.*s=%s: there is no source of that name",
                                 (int)in->page_bytes, in->page, input_name(in));
        ASSERT(copy != NULL || status != MMSB_OK);
        if (status == MMSB_OK) status = input_read(s, in, page, copy, m);
        if (status == MMSB_OK) engine_canonicalise(s->i, page, copy);
        if (status == MMSB_OK && memcmp(copy, c.bytes + c.pages[row].at, c.pages[row].bytes) != 0)
            status = message_set(m, MMSB_WRONG,
                                 "--in %.*s=%s differs from what %s began with: leave it out to go "
                                 "on, or use a new directory",
                                 (int)in->page_bytes, in->page, input_name(in), s->o.state);
    }
    checkpoint_free(&c);
    return status;
}
