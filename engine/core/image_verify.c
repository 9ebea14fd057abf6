/* SPDX-License-Identifier: Apache-2.0
 * image_verify: whether bytes are an image that the engine may trust blindly. This file owns the
 * head, the sections and the order of the parts; image_verify_*.c own the subjects.
 * Needs any bytes. Frees all memory that it takes. What is not checked here is a hole. */
#include "image_verify.h"
#include "layout.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

mmsb_status verify_refuse(const verify *v, const char *table, u64 row, const char *reason) {
    ASSERT(table != NULL);
    ASSERT(reason != NULL);
    return message_set(v->m, MMSB_DAMAGED, "damaged image: %s %llu: %s", table,
                       (unsigned long long)row, reason);
}

const u32 image_row_bytes[SECTION_COUNT] = {
    [SECTION_STRINGS] = 1,
    [SECTION_SHAPES] = sizeof(image_shape),
    [SECTION_PAGES] = sizeof(image_page),
    [SECTION_NODES] = sizeof(image_node),
    [SECTION_INSTRUCTIONS] = sizeof(image_instruction),
    [SECTION_CONSTANTS] = sizeof(u64),
    [SECTION_AFFINES] = sizeof(image_affine),
    [SECTION_AFFINE_AXES] = sizeof(image_affine_axis),
    [SECTION_TERMS] = sizeof(image_term),
    [SECTION_CHECKS] = sizeof(image_check),
    [SECTION_READS] = sizeof(image_read),
    [SECTION_READERS] = sizeof(u32),
    [SECTION_FIRST] = sizeof(u32),
    [SECTION_EPOCH0] = sizeof(u32),
    [SECTION_LATER] = sizeof(u32),
    [SECTION_POSITIONS] = sizeof(image_position),
    [SECTION_ASSERTS] = sizeof(image_assert),
    [SECTION_EVENTS] = sizeof(image_event),
    [SECTION_EVENT_VALUES] = sizeof(u32),
    [SECTION_FILES] = sizeof(image_file),
    [SECTION_EXPORTS] = sizeof(u32),
    [SECTION_KERNELS] = sizeof(image_kernel),
    [SECTION_KERNEL_PAGES] = sizeof(u32),
    [SECTION_PLAN] = sizeof(image_plan),
};
static_assert(ARRAY_COUNT(image_row_bytes) == SECTION_COUNT, "every section has a width");

static mmsb_status verify_head(const image_head *h, u64 byte_count, message *m) {
    ASSERT(byte_count >= sizeof(image_head));
    if (memcmp(h->magic, IMAGE_MAGIC, sizeof(h->magic)) != 0) {
        return message_set(m, MMSB_DAMAGED,
                           "not an image: it does not start as a .mmsbx file does");
    }
    if (h->version < IMAGE_VERSION_OLDEST || h->version > IMAGE_VERSION ||
        h->math_version != MATH_VERSION) {
        return message_set(m, MMSB_WRONG,
                           "the image has format %u and math %u, this build reads formats %u to %u "
                           "and math %u: compile the graph again with mmsbc",
                           h->version, h->math_version, IMAGE_VERSION_OLDEST, IMAGE_VERSION,
                           MATH_VERSION);
    }
    if (h->bytes != byte_count) {
        return message_set(m, MMSB_DAMAGED, "damaged image: it has %llu bytes, its head says %llu",
                           (unsigned long long)byte_count, (unsigned long long)h->bytes);
    }
    if (h->digest != XXH3_64bits((const u8 *)h + 24, byte_count - 24)) {
        return message_set(m, MMSB_DAMAGED, "damaged image: its digest does not fit its bytes");
    }
    if (h->section_count != SECTION_COUNT || (h->zero[0] | h->zero[1] | h->zero[2]) != 0) {
        return message_set(m, MMSB_DAMAGED, "damaged image: its head has unknown fields");
    }
    return MMSB_OK;
}

static bool bytes_are_zero(const u8 *at, u64 count) {
    u8 any = 0;
    for (u64 k = 0; k < count; k++) any |= at[k];
    return any == 0;
}

/* Sections stand in order, each at the next multiple of 64, with zeros between. */
static mmsb_status verify_section(const image_head *h, u32 section, u64 *end, message *m) {
    ASSERT(section < SECTION_COUNT);
    ASSERT(*end <= h->bytes);
    const u8 *bytes = (const u8 *)h;
    u64 at = h->sections[section].at, count = h->sections[section].count;
    if (count == 0 && at == 0) return MMSB_OK;
    bool fits = at == ALIGN_UP(*end, 64) && at <= h->bytes && count < UINT32_MAX &&
                count * image_row_bytes[section] <= h->bytes - at;
    if (!fits || !bytes_are_zero(bytes + *end, at - *end)) {
        return message_set(m, MMSB_DAMAGED, "damaged image: section %u is out of place", section);
    }
    *end = at + count * image_row_bytes[section];
    return MMSB_OK;
}

#define SECTION_ROWS(name) ((const void *)((const u8 *)out->bytes + h->sections[SECTION_##name].at))
#define SECTION_ROW_COUNT(name) ((u32)h->sections[SECTION_##name].count)

static void view_fill_graph(image *out, const image_head *h) {
    ASSERT(out->head == h);
    out->strings = SECTION_ROWS(STRINGS);
    out->string_bytes = SECTION_ROW_COUNT(STRINGS);
    out->shapes = SECTION_ROWS(SHAPES);
    out->shape_count = SECTION_ROW_COUNT(SHAPES);
    out->pages = SECTION_ROWS(PAGES);
    out->page_count = SECTION_ROW_COUNT(PAGES);
    out->nodes = SECTION_ROWS(NODES);
    out->node_count = SECTION_ROW_COUNT(NODES);
    out->instructions = SECTION_ROWS(INSTRUCTIONS);
    out->instruction_count = SECTION_ROW_COUNT(INSTRUCTIONS);
    out->constants = SECTION_ROWS(CONSTANTS);
    out->constant_count = SECTION_ROW_COUNT(CONSTANTS);
    out->affines = SECTION_ROWS(AFFINES);
    out->affine_count = SECTION_ROW_COUNT(AFFINES);
    out->affine_axes = SECTION_ROWS(AFFINE_AXES);
    out->affine_axis_count = SECTION_ROW_COUNT(AFFINE_AXES);
    out->terms = SECTION_ROWS(TERMS);
    out->term_count = SECTION_ROW_COUNT(TERMS);
    out->checks = SECTION_ROWS(CHECKS);
    out->check_count = SECTION_ROW_COUNT(CHECKS);
    out->reads = SECTION_ROWS(READS);
    out->read_count = SECTION_ROW_COUNT(READS);
    out->readers = SECTION_ROWS(READERS);
    out->reader_count = SECTION_ROW_COUNT(READERS);
}

static void view_fill_rest(image *out, const image_head *h) {
    ASSERT(out->head == h);
    ASSERT(out->page_count == h->sections[SECTION_PAGES].count);
    out->first = SECTION_ROWS(FIRST);
    out->first_count = SECTION_ROW_COUNT(FIRST);
    out->epoch0 = SECTION_ROWS(EPOCH0);
    out->epoch0_count = SECTION_ROW_COUNT(EPOCH0);
    out->later = SECTION_ROWS(LATER);
    out->later_count = SECTION_ROW_COUNT(LATER);
    out->positions = SECTION_ROWS(POSITIONS);
    out->position_count = SECTION_ROW_COUNT(POSITIONS);
    out->asserts = SECTION_ROWS(ASSERTS);
    out->assert_count = SECTION_ROW_COUNT(ASSERTS);
    out->events = SECTION_ROWS(EVENTS);
    out->event_count = SECTION_ROW_COUNT(EVENTS);
    out->event_values = SECTION_ROWS(EVENT_VALUES);
    out->event_value_count = SECTION_ROW_COUNT(EVENT_VALUES);
    out->files = SECTION_ROWS(FILES);
    out->file_count = SECTION_ROW_COUNT(FILES);
    out->exports = SECTION_ROWS(EXPORTS);
    out->export_count = SECTION_ROW_COUNT(EXPORTS);
    out->kernels = SECTION_ROWS(KERNELS);
    out->kernel_count = SECTION_ROW_COUNT(KERNELS);
    out->kernel_pages = SECTION_ROWS(KERNEL_PAGES);
    out->kernel_page_count = SECTION_ROW_COUNT(KERNEL_PAGES);
    out->plan = SECTION_ROWS(PLAN);
}

mmsb_status verify_sections(const void *bytes, u64 byte_count, image *out, message *m) {
    const image_head *h = bytes;
    if (bytes == NULL || byte_count < sizeof(image_head)) {
        return message_set(m, MMSB_DAMAGED, "not an image: %llu bytes are too few for its head",
                           (unsigned long long)byte_count);
    }
    ASSERT(((uintptr_t)bytes & 7) == 0);
    TRY(verify_head(h, byte_count, m));
    u64 end = sizeof(image_head);
    for (u32 section = 0; section < SECTION_COUNT; section++) {
        TRY(verify_section(h, section, &end, m));
    }
    ASSERT(end <= byte_count);
    bool ends = byte_count == end || byte_count == ALIGN_UP(end, 64);
    if (!ends || !bytes_are_zero((const u8 *)bytes + end, byte_count - end)) {
        return message_set(m, MMSB_DAMAGED, "damaged image: bytes stand behind its last section");
    }
    if (h->sections[SECTION_PLAN].count != 1) {
        return message_set(m, MMSB_DAMAGED, "damaged image: it has not one plan");
    }
    *out = (image){.bytes = bytes, .byte_count = byte_count, .head = h};
    view_fill_graph(out, h);
    view_fill_rest(out, h);
    return MMSB_OK;
}

static mmsb_status verify_take_tables(verify *v, arena *scratch) {
    ASSERT(v->i->page_count >= 1);
    const image *i = v->i;
    bool taken = true;
    for (u32 mode = 0; mode < MODE_COUNT; mode++) {
        v->writer[mode] = ARENA_ARRAY(scratch, u32, i->page_count);
        taken = taken && v->writer[mode] != NULL;
    }
    v->origins = ARENA_ARRAY(scratch, page_origin, i->page_count);
    v->lane_reader = ARENA_ARRAY(scratch, u32, i->page_count);
    v->all_reader = ARENA_ARRAY(scratch, u32, i->page_count);
    v->affine_reader = ARENA_ARRAY(scratch, u32, (u64)i->affine_count + 1);
    v->place = ARENA_ARRAY(scratch, u32, (u64)i->node_count + 1);
    taken = taken && v->origins != NULL && v->lane_reader != NULL && v->all_reader != NULL &&
            v->affine_reader != NULL && v->place != NULL;
    if (taken) return MMSB_OK;
    return message_set(v->m, MMSB_OUT_OF_SPACE, "no memory to verify the image");
}

/* Group pages are known only when every program has been seen. */
static mmsb_status verify_groups(verify *v) {
    const image *i = v->i;
    for (u32 n = 0; n < i->node_count; n++) {
        const image_node *node = &i->nodes[n];
        if (node->kind != NODE_KEYED) continue;
        ASSERT(node->group < i->page_count);
        ASSERT(node->output < i->page_count);
        const page_origin *origin = &v->origins[node->group];
        u64 groups = i->shapes[i->pages[node->output].shape].dims[0];
        NEED(origin->kind == ORIGIN_GROUP && origin->bound <= groups, "node", n,
             "its groups can be outside of its output");
    }
    return MMSB_OK;
}

static mmsb_status verify_nodes(verify *v) {
    const image *i = v->i;
    u64 instructions = 0, reads = 0;
    for (u32 n = 0; n < i->node_count; n++) {
        const image_node *node = &i->nodes[n];
        bool in_order = node->program_at == instructions && node->read_at == reads;
        instructions += (u64)node->uniform_count + node->tile_count;
        reads += node->read_count;
        NEED(in_order && instructions <= i->instruction_count && reads <= i->read_count, "node", n,
             "its program or its reads do not follow those of the node before");
        TRY(verify_node(v, n));
    }
    NEED(instructions == i->instruction_count && reads == i->read_count, "node", i->node_count,
         "instructions or reads belong to no node");
    ASSERT(v->writer[MODE_LATER] != NULL);
    return verify_groups(v);
}

static mmsb_status verify_plan(verify *v, arena *scratch, message *m) {
    ASSERT(v->i->plan != NULL);
    layout computed = {0};
    TRY(layout_compute(v->i, scratch, &computed, m));
    NEED(memcmp(&computed.plan, v->i->plan, sizeof(image_plan)) == 0, "plan", 0,
         "it is not what the tables ask for");
    return MMSB_OK;
}

static mmsb_status verify_all(image *out, arena *scratch, message *m) {
    ASSERT(out->head != NULL);
    verify state = {.i = out, .m = m};
    verify *v = &state;
    TRY(verify_tables(v));
    TRY(verify_take_tables(v, scratch));
    TRY(verify_names(v, scratch));
    TRY(verify_nodes(v));
    TRY(verify_order(v));
    TRY(verify_rings(v));
    out->can_reject = v->faults_later || out->assert_count > 0;
    return verify_plan(v, scratch, m);
}

mmsb_status image_verify(const void *bytes, u64 byte_count, image *out, message *m) {
    ASSERT(out != NULL);
    image view;
    memset(out, 0, sizeof(*out));
    TRY(verify_sections(bytes, byte_count, &view, m));
    /* Tables take at most 40 bytes for each row, and a row has at least 16; layout takes as much.
     */
    arena *scratch = arena_open(0);
    if (scratch == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory to verify the image");
    mmsb_status status = verify_all(&view, scratch, m);
    arena_close(scratch);
    ASSERT(status != MMSB_OK || view.page_count >= 1);
    if (status == MMSB_OK) *out = view;
    return status;
}
