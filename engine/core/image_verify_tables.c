/* SPDX-License-Identifier: Apache-2.0
 * image_verify_tables: the tables that nodes refer to: strings, shapes, pages, positions, asserts,
 * events, files, exports, affine rows and checks. Needs sections that are in place. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "image_verify.h"
#include <stdlib.h>

bool verify_string(const image *i, u32 at) {
    return at < i->string_bytes && (at == 0 || i->strings[at - 1] == 0);
}

bool verify_bits_fit(u8 type, u64 bits) {
    ASSERT(type < TYPE_COUNT);
    if (type == TYPE_BOOL) return bits <= 1;
    u32 width = 8 * type_bytes(type);
    return width == 64 || bits >> width == 0;
}

bool verify_shapes_equal(const image_shape *a, const image_shape *b) {
    ASSERT(a->axis_count <= AXES_MAX);
    ASSERT(b->axis_count <= AXES_MAX);
    return a->axis_count == b->axis_count && memcmp(a->dims, b->dims, sizeof(a->dims)) == 0;
}

/* Length of the UTF-8 sequence at `at`, 0 where it is none (too long, surrogate, cut off). */
static u32 utf8_length(const u8 *at, const u8 *end) {
    ASSERT(at < end);
    u8 lead = at[0];
    if (lead < 0x80) return 1;
    u32 length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || (u64)(end - at) < length) return 0;
    for (u32 k = 1; k < length; k++) {
        if ((at[k] & 0xc0) != 0x80) return 0;
    }
    bool bad = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] > 0x9f) ||
               (lead == 0xf0 && at[1] < 0x90) || (lead == 0xf4 && at[1] > 0x8f);
    return bad ? 0 : length;
}

static mmsb_status verify_strings(const verify *v) {
    ASSERT(v->i->head != NULL);
    const u8 *at = (const u8 *)v->i->strings, *end = at + v->i->string_bytes;
    NEED(end > at && at[0] == 0 && end[-1] == 0, "string", 0,
         "the strings start or end without NUL");
    for (const u8 *p = at; p < end;) {
        u32 length = utf8_length(p, end);
        NEED(length > 0, "string", (u64)(p - at), "it is not UTF-8");
        p += length;
    }
    NEED(verify_string(v->i, v->i->head->name), "string", v->i->head->name,
         "the graph's name is no string");
    return MMSB_OK;
}

static mmsb_status verify_shape(const verify *v, u32 row) {
    ASSERT(row < v->i->shape_count);
    const image_shape *s = &v->i->shapes[row];
    NEED(s->axis_count <= AXES_MAX && s->zero == 0, "shape", row, "it has unknown fields");
    u64 lanes = 1;
    for (u32 axis = 0; axis < AXES_MAX; axis++) {
        u64 dim = s->dims[axis];
        NEED(dim >= 1 && (axis < s->axis_count || dim == 1), "shape", row, "an axis has no length");
        NEED(dim <= LANES_MAX / lanes, "shape", row, "it has more than 2^40 lanes");
        lanes *= dim;
    }
    ASSERT(lanes <= LANES_MAX);
    NEED(lanes == s->lanes, "shape", row, "its lanes are not the product of its axes");
    return MMSB_OK;
}

static mmsb_status verify_shapes(const verify *v) {
    NEED(v->i->shape_count >= 1 && v->i->shapes[0].axis_count == 0, "shape", 0, "it is no scalar");
    for (u32 row = 0; row < v->i->shape_count; row++) TRY(verify_shape(v, row));
    return MMSB_OK;
}

static bool name_is_plain(const char *text) {
    ASSERT(text != NULL);
    for (const u8 *p = (const u8 *)text; *p != 0; p++) {
        if (*p <= 0x20 || *p == 0x7f) return false;
    }
    return true;
}

static mmsb_status verify_page_edges(const verify *v, u32 row) {
    ASSERT(v->i->pages[row].shape < v->i->shape_count);
    const image_page *p = &v->i->pages[row];
    u32 axes = v->i->shapes[p->shape].axis_count;
    for (u32 axis = 0; axis < PAGE_AXES_MAX; axis++) {
        u8 edge = p->edge[axis];
        NEED(edge < EDGE_COUNT && (axis < axes || edge == EDGE_NONE), "page", row,
             "an edge is unknown");
        NEED(edge != EDGE_FILL || verify_bits_fit(p->type, p->fill[axis]), "page", row,
             "the constant of an edge does not fit its type");
    }
    return MMSB_OK;
}

/* What each kind of page may be: a PREV page lags its page and is nothing else, and so on. */
static mmsb_status verify_page_kind(const verify *v, u32 row) {
    ASSERT(v->i->pages[row].of < v->i->page_count);
    ASSERT(v->i->pages[row].prev < v->i->page_count);
    const image_page *p = &v->i->pages[row];
    const image_page *pages = v->i->pages;
    const image_shape *shape = &v->i->shapes[p->shape];
    bool value = p->kind == PAGE_SOURCE || p->kind == PAGE_DERIVED;
    u8 flags = p->flags;
    if (p->kind == PAGE_PREV) {
        const image_page *of = &pages[p->of];
        NEED(p->of > 0 && of->prev == row && of->type == p->type && of->shape == p->shape, "page",
             row, "it lags a page that does not know it");
        NEED(memcmp(of->edge, p->edge, sizeof(p->edge)) == 0 &&
                 memcmp(of->fill, p->fill, sizeof(p->fill)) == 0,
             "page", row, "its edges are not those of the page that it lags");
    }
    if (p->kind == PAGE_EPOCH) {
        NEED(p->type == TYPE_U64 && shape->axis_count == 0, "page", row, "the epoch is no u64");
    }
    NEED(value || (flags & ~PAGE_HIDDEN) == 0, "page", row, "its kind does not take its flags");
    NEED(p->prev == 0 || (value && pages[p->prev].kind == PAGE_PREV && pages[p->prev].of == row),
         "page", row, "its PREV page is another's");
    NEED((flags & PAGE_STATE) == 0 || (p->kind == PAGE_DERIVED && p->prev != 0), "page", row,
         "a state page has no PREV page");
    NEED((flags & PAGE_EVENT) == 0 ||
             (p->kind == PAGE_DERIVED && p->type == TYPE_BOOL && shape->lanes == 1),
         "page", row, "an event is no scalar bool");
    return MMSB_OK;
}

static mmsb_status verify_page_offsets(const verify *v, u32 row) {
    ASSERT(v->i->pages[row].of < v->i->page_count);
    const image_page *p = &v->i->pages[row];
    if ((p->flags & PAGE_OFFSETS) == 0) {
        NEED(p->kind == PAGE_PREV || p->of == 0, "page", row, "it refers to a page without need");
        return MMSB_OK;
    }
    u64 lanes = v->i->shapes[v->i->pages[p->of].shape].lanes;
    bool fits = p->type == TYPE_I64 || (p->type == TYPE_I32 && lanes <= INT32_MAX);
    NEED(p->of > 0 && fits, "page", row, "its offsets do not reach all lanes");
    NEED(p->kind == PAGE_DERIVED && p->prev == 0 && p->flags == (PAGE_OFFSETS | PAGE_HIDDEN),
         "page", row, "offsets are not hidden");
    return MMSB_OK;
}

static mmsb_status verify_page(const verify *v, u32 row) {
    ASSERT(row < v->i->page_count);
    const image *i = v->i;
    const image_page *p = &i->pages[row];
    u8 known = PAGE_EXPORTED | PAGE_HIDDEN | PAGE_STATE | PAGE_EVENT | PAGE_OFFSETS | PAGE_ROOTED |
               PAGE_RING;
    NEED(p->kind > PAGE_NONE && p->kind < PAGE_KIND_COUNT && p->type < TYPE_COUNT, "page", row,
         "its kind or its type is unknown");
    NEED((p->flags & ~known) == 0 && p->zero == 0 && p->zero2 == 0, "page", row,
         "it has unknown fields");
    NEED(p->shape < i->shape_count && p->position < i->position_count && p->prev < i->page_count &&
             p->of < i->page_count,
         "page", row, "it refers to a row that is not there");
    NEED((u64)p->reader_at + p->reader_count <= i->reader_count, "page", row,
         "its readers are not there");
    bool hidden = (p->flags & PAGE_HIDDEN) != 0;
    bool value = p->kind == PAGE_SOURCE || p->kind == PAGE_DERIVED;
    NEED(!value || hidden || i->shapes[p->shape].axis_count <= PAGE_AXES_MAX, "page", row,
         "it has more than four axes");
    NEED(verify_string(i, p->name) && name_is_plain(image_string(i, p->name)), "page", row,
         "its name is no plain text");
    NEED(!value || p->name != 0, "page", row, "it has no name");
    bool rooted = value && (p->kind == PAGE_SOURCE || p->prev != 0 ||
                            (p->flags & PAGE_EXPORTED) != 0 || (p->flags & PAGE_EVENT) != 0);
    NEED(((p->flags & PAGE_ROOTED) != 0) == rooted, "page", row, "it counts wrongly in the root");
    return MMSB_OK;
}

static mmsb_status verify_pages(const verify *v) {
    static const image_page none;
    const image *i = v->i;
    NEED(i->page_count >= 1 && memcmp(&i->pages[0], &none, sizeof(none)) == 0, "page", 0,
         "it is not empty");
    u32 epochs = 0;
    for (u32 row = 1; row < i->page_count; row++) {
        TRY(verify_page(v, row));
        epochs += i->pages[row].kind == PAGE_EPOCH;
    }
    NEED(epochs <= 1, "page", 0, "the epoch stands twice");
    for (u32 row = 1; row < i->page_count; row++) {
        TRY(verify_page_edges(v, row));
        TRY(verify_page_kind(v, row));
        TRY(verify_page_offsets(v, row));
    }
    return MMSB_OK;
}

static mmsb_status verify_positions(const verify *v) {
    ASSERT(v->i->positions != NULL);
    static const image_position none;
    const image *i = v->i;
    NEED(i->position_count >= 1 && memcmp(&i->positions[0], &none, sizeof(none)) == 0, "position",
         0, "it is not empty");
    for (u32 row = 1; row < i->position_count; row++) {
        const image_position *p = &i->positions[row];
        bool texts = verify_string(i, p->page_name) && verify_string(i, p->file) &&
                     verify_string(i, p->text);
        NEED(texts && p->line > 0 && p->column > 0 && p->zero == 0, "position", row,
             "it points to no text");
    }
    return MMSB_OK;
}

static bool is_scalar(const image *i, u32 page, bool want_bool) {
    if (page == 0 || page >= i->page_count) return false;
    const image_page *p = &i->pages[page];
    ASSERT(p->shape < i->shape_count);
    return i->shapes[p->shape].lanes == 1 && (!want_bool || p->type == TYPE_BOOL);
}

static mmsb_status verify_asserts_and_events(const verify *v) {
    const image *i = v->i;
    for (u32 row = 0; row < i->assert_count; row++) {
        const image_assert *a = &i->asserts[row];
        NEED(is_scalar(i, a->page, true) && verify_string(i, a->text) &&
                 a->position < i->position_count && a->zero == 0,
             "assert", row, "it is no scalar bool with a text");
    }
    for (u32 row = 0; row < i->event_count; row++) {
        const image_event *e = &i->events[row];
        NEED(is_scalar(i, e->page, true) && (i->pages[e->page].flags & PAGE_EVENT) != 0 &&
                 verify_string(i, e->name) && name_is_plain(image_string(i, e->name)),
             "event", row, "it is no named scalar bool");
        NEED((u64)e->value_at + e->value_count <= i->event_value_count, "event", row,
             "its values are not there");
    }
    for (u32 row = 0; row < i->event_value_count; row++) {
        NEED(is_scalar(i, i->event_values[row], false), "event value", row, "it is no scalar");
    }
    return MMSB_OK;
}

static mmsb_status verify_files_and_exports(const verify *v) {
    ASSERT(v->i->files != NULL);
    ASSERT(v->i->exports != NULL);
    const image *i = v->i;
    for (u32 row = 0; row < i->file_count; row++) {
        const image_file *f = &i->files[row];
        NEED(f->page > 0 && f->page < i->page_count && i->pages[f->page].kind == PAGE_SOURCE &&
                 verify_string(i, f->path) && f->path != 0 && f->position < i->position_count &&
                 f->zero == 0,
             "file", row, "it fills no source");
    }
    for (u32 row = 0; row < i->export_count; row++) {
        u32 page = i->exports[row];
        NEED(page > 0 && page < i->page_count && (i->pages[page].flags & PAGE_EXPORTED) != 0 &&
                 (i->pages[page].flags & PAGE_HIDDEN) == 0,
             "export", row, "its page is not exported");
    }
    return MMSB_OK;
}

static mmsb_status verify_affine_rows(const verify *v) {
    const image *i = v->i;
    for (u32 row = 0; row < i->affine_count; row++) {
        const image_affine *a = &i->affines[row];
        NEED(a->page > 0 && a->page < i->page_count && a->checked <= 1, "affine", row,
             "it reads no page");
        NEED(a->axis_count == i->shapes[i->pages[a->page].shape].axis_count &&
                 (u64)a->axis_at + a->axis_count <= i->affine_axis_count,
             "affine", row, "its axes are not those of its page");
    }
    for (u32 row = 0; row < i->affine_axis_count; row++) {
        const image_affine_axis *a = &i->affine_axes[row];
        NEED((u64)a->term_at + a->term_count <= i->term_count && a->term_count <= AXES_MAX,
             "affine axis", row, "its terms are not there");
    }
    return MMSB_OK;
}

static mmsb_status verify_checks(const verify *v) {
    const image *i = v->i;
    for (u32 row = 0; row < i->check_count; row++) {
        const image_check *c = &i->checks[row];
        NEED(c->page > 0 && c->page < i->page_count && c->zero == 0, "check", row,
             "it names no page");
        const image_page *p = &i->pages[c->page];
        const image_shape *s = &i->shapes[p->shape];
        NEED(c->axis < s->axis_count && c->dim == s->dims[c->axis], "check", row,
             "it is no axis of its page");
        NEED(c->edge < EDGE_COUNT, "check", row, "its edge is unknown");
    }
    return MMSB_OK;
}

static mmsb_status verify_kernels(const verify *v) {
    const image *i = v->i;
    for (u32 row = 0; row < i->kernel_count; row++) {
        const image_kernel *k = &i->kernels[row];
        NEED(verify_string(i, k->library) && k->library != 0 && verify_string(i, k->symbol) &&
                 k->symbol != 0 && k->position < i->position_count && k->zero == 0,
             "kernel", row, "it names no function of a library");
        NEED(k->page_count <= KERNEL_ARGUMENTS_MAX &&
                 (u64)k->page_at + k->page_count <= i->kernel_page_count,
             "kernel", row, "its arguments are not there");
    }
    for (u32 row = 0; row < i->kernel_page_count; row++) {
        u32 page = i->kernel_pages[row];
        NEED(page > 0 && page < i->page_count, "kernel argument", row, "it is no page");
    }
    return MMSB_OK;
}

static int name_order(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

#define PROBES_MAX 64u

/* Whether a hash table shows that no two names are equal; false where they may be, or where the
 * names were chosen to meet in one place. */
static bool names_differ(const char **names, u32 count, arena *scratch) {
    u64 capacity = 16;
    while (capacity < (u64)count * 2) capacity *= 2;
    const char **table = ARENA_ARRAY(scratch, const char *, capacity);
    bool differ = table != NULL;
    for (u32 k = 0; k < count && differ; k++) {
        u64 at = XXH3_64bits(names[k], strlen(names[k])) & (capacity - 1);
        u32 probes = 0;
        for (; table[at] != NULL && differ; at = (at + 1) & (capacity - 1))
            differ = ++probes < PROBES_MAX && strcmp(table[at], names[k]) != 0;
        table[at] = names[k];
    }
    if (table != NULL) arena_give_back(scratch, table, capacity * sizeof *table);
    ASSERT(differ || count > 1 || table == NULL);
    return differ;
}

mmsb_status verify_names(verify *v, arena *scratch) {
    const image *i = v->i;
    const char **names = ARENA_ARRAY(scratch, const char *, i->page_count);
    u32 count = 0;
    if (names == NULL) return message_set(v->m, MMSB_OUT_OF_SPACE, "no memory for names");
    for (u32 row = 1; row < i->page_count; row++) {
        const image_page *p = &i->pages[row];
        bool value = p->kind == PAGE_SOURCE || p->kind == PAGE_DERIVED;
        bool hidden = (p->flags & PAGE_HIDDEN) != 0 && (p->flags & PAGE_ROOTED) == 0;
        if (value && !hidden) names[count++] = image_string(i, p->name);
    }
    ASSERT(count < i->page_count);
    if (names_differ(names, count, scratch)) return MMSB_OK;
    qsort(names, count, sizeof(*names), name_order);
    for (u32 k = 1; k < count; k++) {
        NEED(strcmp(names[k - 1], names[k]) != 0, "page", k, "its name is another's too");
    }
    return MMSB_OK;
}

mmsb_status verify_tables(verify *v) {
    ASSERT(v->i->head != NULL);
    ASSERT(v->writer[MODE_LATER] == NULL);
    TRY(verify_strings(v));
    TRY(verify_shapes(v));
    TRY(verify_pages(v));
    TRY(verify_positions(v));
    TRY(verify_asserts_and_events(v));
    TRY(verify_files_and_exports(v));
    TRY(verify_affine_rows(v));
    TRY(verify_kernels(v));
    return verify_checks(v);
}
