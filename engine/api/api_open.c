/* SPDX-License-Identifier: Apache-2.0
 * api_open: from options to an engine, and back to nothing. A handle that failed to open keeps its
 * words. */
#include "api.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define COPY_ALIGN 4096u
#define OPTIONS_FIRST_BYTES 136u /* of mmsb_options in ABI 1 */

/* Fields that are there since the first version; what a newer caller has more must be zero. */
static mmsb_status options_read(const mmsb_options *in, mmsb_options *out, message *m) {
    static_assert(sizeof(mmsb_options) == OPTIONS_FIRST_BYTES,
                  "grows at its end; its first size stays a size");
    if (in == NULL || in->struct_size < OPTIONS_FIRST_BYTES)
        return message_set(m, MMSB_USAGE, "mmsb_options.struct_size is not set");
    for (u64 k = sizeof *out; k < in->struct_size; k++)
        if (((const u8 *)in)[k] != 0)
            return message_set(m, MMSB_USAGE,
                               "mmsb_options has a field that libmmsb " MMSB_VERSION
                               " does not know: a newer library is needed");
    *out = *in;
    if (in->image != NULL && in->graph != NULL)
        return message_set(m, MMSB_USAGE, "give one of image and graph, not both");
    if (in->durability > MMSB_DURABLE_SEALED || in->executor > MMSB_EXECUTOR_CUDA ||
        in->threads > 64 || (in->flags & ~(u32)(MMSB_ALLOW_KERNELS | MMSB_MIGRATE)) != 0)
        return message_set(m, MMSB_USAGE,
                           "durability, executor, threads or flags is out of its range");
    if (in->input_count != 0 && in->inputs == NULL)
        return message_set(m, MMSB_USAGE, "input_count is %u, but inputs is NULL", in->input_count);
    ASSERT(out->struct_size >= OPTIONS_FIRST_BYTES);
    return MMSB_OK;
}

static mmsb_engine *handle_new(void) {
    arena *a = arena_open(0);
    mmsb_engine *e = a == NULL ? NULL : arena_take(a, sizeof *e, _Alignof(mmsb_engine));
    if (e == NULL) {
        arena_close(a);
        return NULL;
    }
    ASSERT(e->h.state == API_UNOPENED);
    e->memory = a;
    api_handle_open(&e->h, "engine");
    return e;
}

/* Strings of the options that a session keeps. */
static mmsb_status names_keep(mmsb_engine *e, message *m) {
    const char **names[] = {&e->o.path, &e->o.state};
    for (u32 k = 0; k < ARRAY_COUNT(names); k++) {
        if (*names[k] == NULL) continue;
        *names[k] = arena_text(e->memory, *names[k], strlen(*names[k]));
        if (*names[k] == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for names");
    }
    ASSERT(e->s == NULL);
    return MMSB_OK;
}

static mmsb_status image_copy(mmsb_engine *e, const void *bytes, u64 count, message *m) {
    ASSERT(e->bytes == NULL);
    if (bytes == NULL || count == 0)
        return message_set(m, MMSB_USAGE, "no graph: give path, image or graph");
    void *copy = region_take(ALIGN_UP(count, COPY_ALIGN));
    if (copy == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the image");
    memcpy(copy, bytes, count);
    e->bytes = copy, e->byte_count = count;
    return MMSB_OK;
}

static mmsb_status image_map(mmsb_engine *e, message *m) {
    ASSERT(e->o.path != NULL);
    TRY(file_map(file_system(), AT_FDCWD, e->o.path, &e->bytes, &e->byte_count, m));
    e->mapped = true;
    mmsb_status status = image_verify(e->bytes, e->byte_count, &e->i, m);
    if (status == MMSB_OK || m == NULL) return status;
    message why = *m;
    return message_set(m, status, "%s: %s", e->o.path, why.text);
}

static mmsb_status graph_read(mmsb_engine *e, bool replay, message *m) {
    ASSERT(e->i.page_count == 0);
    if (replay && e->o.path == NULL && e->o.image == NULL && e->o.graph == NULL) {
        char path[4096];
        snprintf(path, sizeof path, "%s/graph.mmsbx", e->o.state);
        e->o.path = arena_text(e->memory, path, strlen(path));
        if (e->o.path == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for names");
    }
    if (e->o.graph != NULL)
        TRY(image_copy(e, e->o.graph->image, e->o.graph->image_bytes, m));
    else if (e->o.image != NULL || e->o.path == NULL)
        TRY(image_copy(e, e->o.image, e->o.image_bytes, m));
    else
        return image_map(e, m);
    return image_verify(e->bytes, e->byte_count, &e->i, m);
}

static mmsb_status pages_number(mmsb_engine *e, message *m) {
    e->pages.rows = ARENA_ARRAY(e->memory, u32, e->i.page_count);
    if (e->pages.rows == NULL || !api_queue_open(e))
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for tables");
    for (u32 row = 1; row < e->i.page_count; row++) {
        const image_page *p = &e->i.pages[row];
        if ((p->kind == PAGE_SOURCE || p->kind == PAGE_DERIVED) && (p->flags & PAGE_HIDDEN) == 0)
            e->pages.rows[e->pages.count++] = row;
    }
    e->pages.i = &e->i;
    ASSERT(e->pages.count < e->i.page_count);
    return MMSB_OK;
}

/* Lanes from memory must fit the page; a session believes them. */
static mmsb_status input_check(mmsb_engine *e, const mmsb_input *in, message *m) {
    if (in->page == NULL || (in->path == NULL) == (in->lanes == NULL))
        return message_set(m, MMSB_USAGE, "an input needs a page, and either a path or lanes");
    if (in->path != NULL) return MMSB_OK;
    u32 row = image_find_page(&e->i, in->page, strlen(in->page));
    if (row == 0) return MMSB_OK; /* the session words it */
    const image_page *p = &e->i.pages[row];
    u64 bytes = e->i.shapes[p->shape].lanes * type_bytes(p->type);
    ASSERT(bytes != 0);
    if (in->type != p->type)
        return message_set(m, MMSB_WRONG, "the input of %s is of %s; the page is of %s", in->page,
                           in->type < TYPE_COUNT ? type_text((u8)in->type) : "no type",
                           type_text(p->type));
    if (in->lane_bytes != bytes)
        return message_set(m, MMSB_WRONG, "the input of %s has %llu bytes; the page has %llu",
                           in->page, (unsigned long long)in->lane_bytes, (unsigned long long)bytes);
    u8 any = 0;
    for (u64 k = 0; p->type == TYPE_BOOL && k < bytes; k++) any |= ((const u8 *)in->lanes)[k];
    if (any > 1)
        return message_set(m, MMSB_WRONG, "the input of %s has a bool that is neither 0 nor 1",
                           in->page);
    return MMSB_OK;
}

static mmsb_status inputs_read(mmsb_engine *e, session_input **out, message *m) {
    session_input *inputs = ARENA_ARRAY(e->memory, session_input, e->o.input_count + 1u);
    if (inputs == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for inputs");
    for (u32 k = 0; k < e->o.input_count; k++) {
        const mmsb_input *in = &e->o.inputs[k];
        TRY(input_check(e, in, m));
        inputs[k] = (session_input){in->page, strlen(in->page), in->path, in->lanes};
    }
    ASSERT(e->s == NULL);
    *out = inputs;
    return MMSB_OK;
}

static bool replay_visit(void *context, session *s) {
    mmsb_engine *e = context;
    ASSERT(e->o.on_event != NULL);
    e->e = session_engine(s);
    return !api_events_take(e);
}

static mmsb_status session_start(mmsb_engine *e, bool replay, u64 to, message *m) {
    session_input *inputs = NULL;
    TRY(inputs_read(e, &inputs, m));
    const mmsb_options *o = &e->o;
    session_options all = {.state = o->state,
                           .image_path = o->path,
                           .inputs = inputs,
                           .input_count = o->input_count,
                           .durability = (durability_mode)o->durability,
                           .checkpoint_epochs = o->checkpoint_epochs,
                           .audit_epochs = o->audit_epochs,
                           .oracle_epochs = o->oracle_epochs,
                           .allow_kernels = (o->flags & MMSB_ALLOW_KERNELS) != 0,
                           .engine = {.threads = o->threads},
                           .executor = (session_executor)o->executor,
                           .native = o->graph == NULL ? NULL : o->graph->native,
                           .note = o->note,
                           .note_context = o->note_context};
    ASSERT(e->i.page_count != 0);
    if (replay) {
        session_replay_options r = {
            .to = to, .visit = o->on_event == NULL ? NULL : replay_visit, .context = e};
        return session_replay(&e->i, &all, &r, &e->s, m);
    }
    if ((o->flags & MMSB_MIGRATE) != 0) TRY(session_migrate(&e->i, &all, m));
    return session_open(&e->i, &all, &e->s, m);
}

static mmsb_status open_in(mmsb_engine *e, const mmsb_options *options, bool replay, u64 to,
                           message *m) {
    ASSERT(e->h.state == API_UNOPENED);
    TRY(options_read(options, &e->o, m));
    if (replay && e->o.state == NULL)
        return message_set(m, MMSB_USAGE, "mmsb_replay needs a state directory");
    TRY(names_keep(e, m));
    TRY(graph_read(e, replay, m));
    image_index(&e->i, e->memory);
    TRY(pages_number(e, m));
    mmsb_status status = session_start(e, replay, to, m);
    e->o.inputs = NULL, e->o.image = NULL, e->o.graph = NULL;
    if (e->s != NULL) e->e = session_engine(e->s);
    if (e->s != NULL && session_started(e->s)) e->h.state = API_OPEN;
    return status;
}

static mmsb_status open_any(const mmsb_options *options, bool replay, u64 to, mmsb_engine **out) {
    if (out == NULL) return MMSB_USAGE;
    message m = {.used = 0};
    mmsb_engine *e = *out = handle_new();
    if (e == NULL) return MMSB_OUT_OF_SPACE;
    atomic_store(&e->h.busy, true);
    mmsb_status status = open_in(e, options, replay, to, &m);
    ASSERT(status != MMSB_OK || e->h.state == API_OPEN);
    if (status != MMSB_OK && e->h.state == API_OPEN && !replay) e->h.state = API_UNOPENED;
    return api_leave(&e->h, status, &m);
}

mmsb_status mmsb_open(const mmsb_options *options, mmsb_engine **out) {
    return open_any(options, false, 0, out);
}

mmsb_status mmsb_replay(const mmsb_options *options, u64 to, mmsb_engine **out) {
    return open_any(options, true, to, out);
}

mmsb_status mmsb_close(mmsb_engine *e) {
    message m = {.used = 0};
    if (e == NULL) return MMSB_USAGE;
    TRY(api_enter(&e->h, API_UNOPENED));
    mmsb_status status = MMSB_OK;
    if (e->s != NULL && e->h.state != API_CLOSED) status = session_end(e->s, &m);
    e->bools = NULL, e->bool_count = 0;
    if (e->h.state == API_OPEN) e->h.state = API_CLOSED;
    ASSERT(e->h.state != API_OPEN);
    return api_leave(&e->h, status, &m);
}

void mmsb_free(mmsb_engine *e) {
    if (e == NULL) return;
    ASSERT(e->memory != NULL);
    if (!api_is_forked(&e->h)) {
        session_close(e->s, NULL);
        if (e->mapped)
            file_unmap(e->bytes, e->byte_count);
        else if (e->bytes != NULL)
            region_give_back((void *)(uintptr_t)e->bytes, ALIGN_UP(e->byte_count, COPY_ALIGN));
    }
    api_handle_close(&e->h);
    arena_close(e->line);
    arena_close(e->memory);
}
