/* SPDX-License-Identifier: Apache-2.0
 * back_image: the sections one after the other at 64-byte offsets, the plan, the digest. The same
 * tables give the same bytes. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../engine/core/layout.h"
#include "back.h"

typedef struct {
    const void *rows;
    u64 count, size;
} section;

void back_view(const back *b, image *i) {
    ASSERT(b->pages_count != 0 && b->shapes_count != 0 && b->string_bytes != 0);
    *i = (image){.strings = b->strings,
                 .shapes = b->shapes,
                 .pages = b->pages,
                 .nodes = b->nodes,
                 .instructions = b->instructions,
                 .constants = b->constants,
                 .affines = b->affines,
                 .affine_axes = b->affine_axes,
                 .terms = b->terms,
                 .checks = b->checks,
                 .reads = b->reads,
                 .readers = b->readers,
                 .first = b->first,
                 .epoch0 = b->epoch0,
                 .later = b->later,
                 .positions = b->positions,
                 .asserts = b->asserts,
                 .events = b->events,
                 .event_values = b->event_values,
                 .files = b->files,
                 .exports = b->exports,
                 .kernels = b->kernels,
                 .kernel_pages = b->kernel_pages,
                 .string_bytes = b->string_bytes,
                 .shape_count = b->shapes_count,
                 .page_count = b->pages_count,
                 .node_count = b->nodes_count,
                 .instruction_count = b->instructions_count,
                 .constant_count = b->constants_count,
                 .affine_count = b->affines_count,
                 .affine_axis_count = b->affine_axes_count,
                 .term_count = b->terms_count,
                 .check_count = b->checks_count,
                 .read_count = b->reads_count,
                 .reader_count = b->readers_count,
                 .first_count = b->first_count,
                 .epoch0_count = b->epoch0_count,
                 .later_count = b->later_count,
                 .position_count = b->positions_count,
                 .assert_count = b->asserts_count,
                 .event_count = b->events_count,
                 .event_value_count = b->event_values_count,
                 .file_count = b->files_count,
                 .export_count = b->exports_count,
                 .kernel_count = b->kernels_count,
                 .kernel_page_count = b->kernel_pages_count};
}

mmsb_status back_write(back *b, void **image_bytes, u64 *bytes, message *m) {
    ASSERT(b->passes_done == BACK_READERS && !b->out_of_memory);
    image view;
    layout l;
    u32 name = back_string(b, b->g->name, strlen(b->g->name));
    back_view(b, &view);
    view.can_reject = layout_can_reject(&view);
    TRY(layout_compute(&view, b->memory, &l, m));
    const section s[SECTION_COUNT] = {
        [SECTION_STRINGS] = {b->strings, b->string_bytes, 1},
        [SECTION_SHAPES] = {b->shapes, b->shapes_count, sizeof *b->shapes},
        [SECTION_PAGES] = {b->pages, b->pages_count, sizeof *b->pages},
        [SECTION_NODES] = {b->nodes, b->nodes_count, sizeof *b->nodes},
        [SECTION_INSTRUCTIONS] = {b->instructions, b->instructions_count, sizeof *b->instructions},
        [SECTION_CONSTANTS] = {b->constants, b->constants_count, 8},
        [SECTION_AFFINES] = {b->affines, b->affines_count, sizeof *b->affines},
        [SECTION_AFFINE_AXES] = {b->affine_axes, b->affine_axes_count, sizeof *b->affine_axes},
        [SECTION_TERMS] = {b->terms, b->terms_count, sizeof *b->terms},
        [SECTION_CHECKS] = {b->checks, b->checks_count, sizeof *b->checks},
        [SECTION_READS] = {b->reads, b->reads_count, sizeof *b->reads},
        [SECTION_READERS] = {b->readers, b->readers_count, 4},
        [SECTION_FIRST] = {b->first, b->first_count, 4},
        [SECTION_EPOCH0] = {b->epoch0, b->epoch0_count, 4},
        [SECTION_LATER] = {b->later, b->later_count, 4},
        [SECTION_POSITIONS] = {b->positions, b->positions_count, sizeof *b->positions},
        [SECTION_ASSERTS] = {b->asserts, b->asserts_count, sizeof *b->asserts},
        [SECTION_EVENTS] = {b->events, b->events_count, sizeof *b->events},
        [SECTION_EVENT_VALUES] = {b->event_values, b->event_values_count, 4},
        [SECTION_FILES] = {b->files, b->files_count, sizeof *b->files},
        [SECTION_EXPORTS] = {b->exports, b->exports_count, 4},
        [SECTION_KERNELS] = {b->kernels, b->kernels_count, sizeof *b->kernels},
        [SECTION_KERNEL_PAGES] = {b->kernel_pages, b->kernel_pages_count, 4},
        [SECTION_PLAN] = {&l.plan, 1, sizeof l.plan}};
    u64 at = ALIGN_UP(sizeof(image_head), 64), total = at;
    for (u32 k = 0; k < SECTION_COUNT; k++) total = ALIGN_UP(total + s[k].count * s[k].size, 64);
    u8 *out = arena_take(b->memory, total, 64);
    if (out == NULL) return MMSB_OUT_OF_SPACE;
    image_head *h = (image_head *)out;
    memcpy(h->magic, IMAGE_MAGIC, 8);
    h->version = IMAGE_VERSION, h->math_version = MATH_VERSION, h->bytes = total, h->name = name,
    h->section_count = SECTION_COUNT;
    for (u32 k = 0; k < SECTION_COUNT; k++) {
        h->sections[k].at = at, h->sections[k].count = s[k].count;
        if (s[k].count != 0) memcpy(out + at, s[k].rows, s[k].count * s[k].size);
        at = ALIGN_UP(at + s[k].count * s[k].size, 64);
    }
    ASSERT(at == total);
    h->digest = XXH3_64bits(out + 24, total - 24);
    *image_bytes = out, *bytes = total;
    return MMSB_OK;
}
