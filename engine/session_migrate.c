/* SPDX-License-Identifier: Apache-2.0
 * session_migrate: carries the state of one graph over to another. Sources of the same name, type
 * and shape start as the old graph left them; state pages of the same name, type and shape are set
 * by the deltas of epoch 1, so that epoch 1 is the step that the new graph makes from the old
 * state. The old directory is kept whole as DIR.before-N; the new one is made beside it as
 * DIR.migrating and takes its name by a rename at the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "session_state.h"

#define PATH_MOST 4200u

typedef unsigned long long llu;
typedef struct {
    const image *to;
    const session_options *o;
    file_calls *files;
    char state[PATH_MOST], migrating[PATH_MOST + 16];
} migration;

/* The page of the old graph that holds what `page` of the new one may start with; 0: none. */
static u32 page_same(const image *from, const image *to, u32 page) {
    const image_page *p = &to->pages[page];
    ASSERT(page > 0 && page < to->page_count);
    const char *name = image_string(to, p->name);
    u32 found = image_find_page(from, name, strlen(name));
    if (found == 0 || from->pages[found].type != p->type) return 0;
    const image_shape *a = &from->shapes[from->pages[found].shape], *b = &to->shapes[p->shape];
    return a->axis_count == b->axis_count && memcmp(a->dims, b->dims, sizeof a->dims) == 0 ? found
                                                                                           : 0;
}

bool session_carries(const image *from, const image *to, u32 page, u32 *old) {
    bool source = to->pages[page].kind == PAGE_SOURCE;
    bool state = (to->pages[page].flags & PAGE_STATE) != 0;
    ASSERT(page > 0 && page < to->page_count);
    *old = source || state ? page_same(from, to, page) : 0;
    return *old != 0;
}

static mmsb_status states_set(session *s, const engine *old, u32 *carried, message *m) {
    const image *from = engine_image(old), *to = s->i;
    ASSERT(session_pending_bytes(s) == 0);
    for (u32 page = 1; page < to->page_count; page++) {
        u32 of;
        if (to->pages[page].kind == PAGE_SOURCE || !session_carries(from, to, page, &of)) continue;
        u64 lanes = to->shapes[to->pages[page].shape].lanes;
        u8 type = to->pages[page].type;
        delta d = {.page = page,
                   .kind = DELTA_SET,
                   .form = DELTA_RANGE,
                   .type = type,
                   .count = lanes,
                   .payload_bytes = lanes * type_bytes(type),
                   .payload = engine_page(old, of)};
        TRY(session_delta(s, &d, m));
        ++*carried;
    }
    return MMSB_OK;
}

/* One line of what went over and what did not. */
static void told(const session *s, const engine *old, u32 states) {
    const image *from = engine_image(old), *to = s->i;
    char names[300] = "";
    u32 sources = 0, left = 0;
    for (u32 page = 1; page < to->page_count; page++) {
        u32 of;
        sources += to->pages[page].kind == PAGE_SOURCE && session_carries(from, to, page, &of);
    }
    for (u32 page = 1; page < from->page_count; page++) {
        const image_page *p = &from->pages[page];
        bool holds = p->kind == PAGE_SOURCE || (p->flags & PAGE_STATE) != 0;
        const char *name = image_string(from, p->name);
        u32 found = holds ? image_find_page(to, name, strlen(name)) : 0, of = 0;
        if (!holds || (found != 0 && session_carries(from, to, found, &of))) continue;
        size_t used = strlen(names);
        left++;
        if (used + strlen(name) + 8 < sizeof names)
            snprintf(names + used, sizeof names - used, "%s%s", used == 0 ? ": " : ", ", name);
    }
    session_note((session *)(uintptr_t)s,
                 "migrated from epoch %llu: %u sources and %u state pages carried over, %u of the "
                 "old graph's left behind%s",
                 (llu)engine_epoch(old), sources, states, left, names);
}

/* The new directory, beside the old one. */
static mmsb_status beside_make(const migration *g, const engine *old, message *m) {
    session_options o = *g->o;
    session *s = NULL;
    u32 states = 0;
    o.state = g->migrating, o.carry_from = old, o.durability = DURABILITY_EPOCH;
    TRY(session_open(g->to, &o, &s, m));
    mmsb_status status = states_set(s, old, &states, m);
    if (status == MMSB_OK && states != 0) status = session_commit(s, NULL, m);
    if (status == MMSB_OK) told(s, old, states);
    if (status == MMSB_REJECTED) {
        message why = *m;
        status = message_set(m, MMSB_WRONG, "%s is not migrated: the new graph's step fails: %s",
                             g->state, why.text);
    }
    message closing = {.used = 0};
    mmsb_status closed = session_close(s, &closing);
    if (status == MMSB_OK && closed != MMSB_OK) *m = closing;
    return status != MMSB_OK ? status : closed;
}

typedef struct {
    file_calls *files;
    int folder;
} clearing;
static void clear_visit(void *context, const char *name) {
    clearing *c = context;
    ASSERT(c->folder >= 0);
    c->files->unlink_at(c->files, c->folder, name);
}

/* What a migration that did not end has left: nothing stands on it. */
static void beside_clear(const migration *g) {
    file_calls *f = g->files;
    clearing c = {f, f->open_at(f, AT_FDCWD, g->migrating, O_RDONLY | O_DIRECTORY, 0)};
    if (c.folder < 0) return;
    f->list(f, c.folder, clear_visit, &c);
    f->close(f, c.folder);
    f->unlink_at(f, AT_FDCWD, g->migrating);
}

static mmsb_status renames(const migration *g, message *m) {
    file_calls *f = g->files;
    char before[PATH_MOST + 40];
    int taken = 0, outside = -1;
    ASSERT(strcmp(g->state, g->migrating) != 0);
    for (u32 n = 1; taken >= 0; n++) { /* the first name that nothing has */
        snprintf(before, sizeof before, "%s.before-%u", g->state, n);
        taken = f->open_at(f, AT_FDCWD, before, O_RDONLY, 0);
        if (taken >= 0) f->close(f, taken);
    }
    int moved = f->rename_at(f, AT_FDCWD, g->state, before);
    if (moved < 0) return file_failed(m, "rename", g->state, moved);
    moved = f->rename_at(f, AT_FDCWD, g->migrating, g->state);
    if (moved < 0) return file_failed(m, "rename", g->migrating, moved);
    TRY(file_open_folder_of(f, AT_FDCWD, g->state, &outside, m));
    int synced = f->sync(f, outside);
    f->close(f, outside);
    return synced < 0 ? file_failed(m, "sync the folder of", g->state, synced) : MMSB_OK;
}

/* The old state: recovered under its lock, read only. */
static mmsb_status old_open(const migration *g, const image *from, session **out, message *m) {
    session_options o = {.state = g->state,
                         .note = g->o->note,
                         .note_context = g->o->note_context,
                         .allow_kernels = g->o->allow_kernels,
                         .files = g->files};
    *out = session_new(from, &o);
    if (*out == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a session");
    folder_list l = {.memory = (*out)->tables};
    recovery r = {.most = UINT64_MAX, .to = UINT64_MAX};
    TRY(engine_open(from, &o.engine, &(*out)->e, m));
    TRY(folder_open(*out, true, m));
    TRY(folder_read(*out, &l, m));
    if (l.checkpoint_count == 0)
        return message_set(m, MMSB_WRONG, "%s is not a state directory: it has no checkpoint",
                           g->state);
    TRY(kernels_open(*out, true, m));
    return session_restore(*out, &l, &r, m);
}

static mmsb_status migrate(const migration *g, const image *from, message *m) {
    session *old = NULL;
    mmsb_status status = old_open(g, from, &old, m);
    if (status == MMSB_OK) {
        beside_clear(g);
        status = beside_make(g, old->e, m);
        if (status == MMSB_OK)
            status = renames(g, m);
        else
            beside_clear(g);
    }
    if (old != NULL) {
        old->failed = true; /* it writes nothing when it closes */
        session_close(old, NULL);
    }
    return status;
}

mmsb_status session_migrate(const image *to, const session_options *options, message *m) {
    migration g = {.to = to, .o = options};
    const void *bytes;
    u64 count;
    image from;
    ASSERT(options->state != NULL);
    size_t length = strlen(options->state);
    while (length > 1 && options->state[length - 1] == '/') length--;
    if (length >= PATH_MOST - 16)
        return message_set(m, MMSB_IO, "the directory's name is too long");
    g.files = options->files == NULL ? file_system() : options->files;
    snprintf(g.state, sizeof g.state, "%.*s", (int)length, options->state);
    snprintf(g.migrating, sizeof g.migrating, "%s.migrating", g.state);
    int there = g.files->open_at(g.files, AT_FDCWD, g.state, O_RDONLY | O_DIRECTORY, 0);
    if (there == -ENOENT) return MMSB_OK; /* nothing to carry over */
    if (there < 0) return file_failed(m, "open the state directory", g.state, there);
    mmsb_status status = file_map(g.files, there, "graph.mmsbx", &bytes, &count, m);
    g.files->close(g.files, there);
    TRY(status);
    bool same = count == to->byte_count && memcmp(bytes, to->bytes, count) == 0;
    if (!same) status = image_verify(bytes, count, &from, m);
    arena *names = same || status != MMSB_OK ? NULL : arena_open(0);
    if (names != NULL) image_index(&from, names);
    if (!same && status == MMSB_OK) status = migrate(&g, &from, m);
    arena_close(names);
    file_unmap(bytes, count);
    return status;
}

mmsb_status migration_finish(session *s, message *m) {
    char migrating[PATH_MOST + 16];
    file_calls *f = s->files;
    size_t length = strlen(s->o.state);
    while (length > 1 && s->o.state[length - 1] == '/') length--;
    if (length >= PATH_MOST) return MMSB_OK;
    int there = f->open_at(f, AT_FDCWD, s->o.state, O_RDONLY | O_DIRECTORY, 0);
    if (there >= 0) f->close(f, there);
    if (there != -ENOENT) return MMSB_OK;
    snprintf(migrating, sizeof migrating, "%.*s.migrating", (int)length, s->o.state);
    int moved = f->rename_at(f, AT_FDCWD, migrating, s->o.state);
    if (moved == -ENOENT) return MMSB_OK;
    if (moved < 0) return file_failed(m, "rename", migrating, moved);
    session_note(s, "%s: a migration that was interrupted is finished", s->o.state);
    return MMSB_OK;
}
