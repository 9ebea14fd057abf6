/* SPDX-License-Identifier: Apache-2.0
 * image_same: image_same A B: are two images the same but for the layout of their texts? Every
 * section is compared byte by byte, strings by what they say. Left out is what layout itself
 * changes: the digest, the table of strings (source lines stand in it), and in POSITIONS line,
 * column and source line. Status 0: the same. */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>

#include "../../engine/core/file.h"
#include "../../engine/core/image.h"

static int differ(const char *what, u64 row) {
    printf("%s differ at row %llu\n", what, (unsigned long long)row);
    return 1;
}

static const char *string_at(const image *i, const void *row, size_t field) {
    u32 at;
    memcpy(&at, (const char *)row + field, 4);
    return i->strings + at;
}

/* Rows of `width` bytes whose `field`, if it has one, is a string. */
static int rows(const image *a, const image *b, const void *x, const void *y, u64 count, u64 other,
                size_t width, size_t field, const char *what) {
    if (count != other) return differ(what, count < other ? count : other);
    for (u64 k = 0; k < count; k++) {
        const char *p = (const char *)x + k * width, *q = (const char *)y + k * width;
        size_t before = field == SIZE_MAX ? width : field;
        if (memcmp(p, q, before) != 0) return differ(what, k);
        if (field == SIZE_MAX) continue;
        if (strcmp(string_at(a, p, field), string_at(b, q, field)) != 0) return differ(what, k);
        if (memcmp(p + field + 4, q + field + 4, width - field - 4) != 0) return differ(what, k);
    }
    return 0;
}

static int positions(const image *a, const image *b) {
    if (a->position_count != b->position_count) return differ("positions", 0);
    for (u32 k = 0; k < a->position_count; k++) {
        const image_position *p = &a->positions[k], *q = &b->positions[k];
        bool same = strcmp(a->strings + p->page_name, b->strings + q->page_name) == 0 &&
                    strcmp(a->strings + p->file, b->strings + q->file) == 0;
        if (!same) return differ("positions", k);
    }
    return 0;
}

static int sections(const image *a, const image *b) {
#define SAME(field, counted, string)                                                              \
    if (rows(a, b, a->field, b->field, a->counted, b->counted, sizeof *a->field, string, #field)) \
        return 1;
    SAME(shapes, shape_count, SIZE_MAX)
    SAME(pages, page_count, offsetof(image_page, name))
    SAME(nodes, node_count, SIZE_MAX)
    SAME(instructions, instruction_count, SIZE_MAX)
    SAME(constants, constant_count, SIZE_MAX)
    SAME(affines, affine_count, SIZE_MAX)
    SAME(affine_axes, affine_axis_count, SIZE_MAX)
    SAME(terms, term_count, SIZE_MAX)
    SAME(checks, check_count, SIZE_MAX)
    SAME(reads, read_count, SIZE_MAX)
    SAME(readers, reader_count, SIZE_MAX)
    SAME(first, first_count, SIZE_MAX)
    SAME(epoch0, epoch0_count, SIZE_MAX)
    SAME(later, later_count, SIZE_MAX)
    SAME(asserts, assert_count, offsetof(image_assert, text))
    SAME(events, event_count, offsetof(image_event, name))
    SAME(event_values, event_value_count, SIZE_MAX)
    SAME(files, file_count, offsetof(image_file, path))
    SAME(exports, export_count, SIZE_MAX)
    SAME(kernel_pages, kernel_page_count, SIZE_MAX)
#undef SAME
    for (u32 k = 0; k < a->kernel_count; k++) {
        const image_kernel *p = &a->kernels[k], *q = &b->kernels[k];
        if (a->kernel_count != b->kernel_count ||
            strcmp(a->strings + p->library, b->strings + q->library) != 0 ||
            strcmp(a->strings + p->symbol, b->strings + q->symbol) != 0 ||
            memcmp(&p->page_at, &q->page_at, sizeof *p - offsetof(image_kernel, page_at)) != 0)
            return differ("kernels", k);
    }
    if (memcmp(a->plan, b->plan, sizeof *a->plan) != 0) return differ("plans", 0);
    if (strcmp(image_string(a, a->head->name), image_string(b, b->head->name)) != 0)
        return differ("names", 0);
    return positions(a, b);
}

int main(int count, char **a) {
    image views[2];
    message m = {.used = 0};
    if (count != 3) return fprintf(stderr, "usage: image_same A B\n"), 2;
    for (int k = 0; k < 2; k++) {
        const void *bytes;
        u64 byte_count;
        if (file_map(file_system(), AT_FDCWD, a[k + 1], &bytes, &byte_count, &m) != MMSB_OK ||
            image_verify(bytes, byte_count, &views[k], &m) != MMSB_OK)
            return fprintf(stderr, "image_same: %s\n", m.text), 3;
    }
    return sections(&views[0], &views[1]);
}
