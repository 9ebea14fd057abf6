/* SPDX-License-Identifier: Apache-2.0
 * fault: the first fault of a node, found by running its lanes again in order, and its words.
 * Kernels only raised a flag. */
#include "state.h"

#include "core/number.h"

#include <stdio.h>

static u32 page_order(const engine *e, const node_state *n, const image_instruction *r) {
    ASSERT(r->position < e->image->position_count);
    const image_position *all = e->image->positions;
    u32 count = n->row->uniform_count + n->row->tile_count;
    const image_instruction *first = e->image->instructions + n->row->program_at;
    for (u32 k = 0; k < count; k++)
        if (first[k].position != 0 &&
            all[first[k].position].page_name == all[r->position].page_name)
            return k;
    return count;
}

void fault_note(worker *w, const step *s, u32 lane, u64 value0, u64 value1) {
    ASSERT(lane < TILE_LANES);
    engine *e = w->e;
    w->fault = 1;
    fault_record *f = e->probe;
    if (f == NULL) return;
    u32 order = page_order(e, f->node, s->row);
    u64 at = w->lanes_at != NULL ? w->lanes_at[lane] : w->base + lane;
    u32 row = (u32)(s->row - e->image->instructions);
    bool first =
        !f->found || order < f->page_order ||
        (order == f->page_order && (at < f->lane || (at == f->lane && row < f->instruction)));
    if (!first) return;
    *f = (fault_record){true, order, at, row, {value0, value1}, f->node};
}

static void place_add(engine *e, u32 position, message *m) {
    ASSERT(position < e->image->position_count);
    const image_position *p = &e->image->positions[position];
    message_add(m, "  %s:%u: %s", image_string(e->image, p->file), p->line,
                image_string(e->image, p->text));
}

static void lane_add(const engine *e, const node_state *n, const char *page, u64 lane, message *m) {
    ASSERT(lane < n->shape->lanes);
    ASSERT(n->shape->axis_count <= AXES_MAX);
    char text[200] = "";
    int used = 0;
    u64 at[AXES_MAX];
    u32 axes = n->row->kind == NODE_MAP ? n->shape->axis_count : n->row->outer_axes;
    for (u32 a = n->shape->axis_count; a > 0; a--) {
        at[a - 1] = lane % n->shape->dims[a - 1];
        lane /= n->shape->dims[a - 1];
    }
    for (u32 a = 0; a < axes; a++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%llu", a == 0 ? "[" : ", ",
                         (unsigned long long)at[a]);
    message_add(
        m, "epoch %llu rejected: %s%s%s: ", (unsigned long long)(e->first_run ? 0 : e->epoch + 1),
        page, text, axes != 0 ? "]" : "");
}

static void words(engine *e, const fault_record *f, message *m) {
    ASSERT(f->found);
    ASSERT(f->instruction < e->image->instruction_count);
    const image_instruction *r = &e->image->instructions[f->instruction];
    const char *page = image_string(e->image, e->image->positions[r->position].page_name);
    char a[NUMBER_TEXT_MAX], b[NUMBER_TEXT_MAX];
    message_set(m, MMSB_REJECTED, "%s", "");
    lane_add(e, f->node, page, f->lane, m);
    if (r->op == IN_AXIS || r->op == IN_AFFINE) {
        u32 read =
            r->op == IN_AXIS ? e->image->checks[r->imm].page : e->image->affines[r->imm].page;
        if (e->image->pages[read].kind == PAGE_PREV) read = e->image->pages[read].of;
        number_format(r->op == IN_AXIS ? r->type : TYPE_I64, f->values[0], a);
        message_add(m, "index %s is outside %s, which has 0 to %llu there", a,
                    image_string(e->image, e->image->pages[read].name),
                    (unsigned long long)f->values[1] - 1);
    } else if (r->op == IN_GROUP) {
        number_format(r->type, f->values[0], a);
        message_add(m, "key %s is outside the groups 0 to %llu", a,
                    (unsigned long long)f->values[1] - 1);
    } else {
        number_format(r->type, f->values[0], a);
        number_format(r->type, f->values[1], b);
        message_add(
            m, r->op == OP_IPOW ? "%s ** %s: a negative exponent on integers" : "%s divided by %s",
            a, b);
    }
    place_add(e, r->position, m);
}

/* The only fault of a WHOLE node: a quantile outside 0 to 1. */
static mmsb_status quantile_word(engine *e, const node_state *n, message *m) {
    ASSERT(n->row->kind == NODE_WHOLE);
    ASSERT(n->row->present != 0);
    char q[NUMBER_TEXT_MAX];
    const image_position *p = &e->image->positions[n->row->position];
    number_format(n->row->type, number_word(n->row->type, e->pages[n->row->present].value), q);
    const char *page = image_string(e->image, p->page_name), *dot = strrchr(page, '.');
    int bytes = dot != NULL ? (int)(dot - page) : (int)strlen(page); /* hidden: PAGE.quantileN */
    message_set(m, MMSB_REJECTED, "epoch %llu rejected: %.*s: the quantile %s is outside 0 to 1",
                (unsigned long long)(e->first_run ? 0 : e->epoch + 1), bytes, page, q);
    place_add(e, n->row->position, m);
    return MMSB_REJECTED;
}

mmsb_status fault_word(engine *e, node_state *n, bool whole, message *m) {
    ASSERT(e->fault != 0);
    ASSERT(e->probe == NULL);
    if (n->row->kind == NODE_WHOLE) return quantile_word(e, n, m);
    if (n->row->kind == NODE_KERNEL) {
        kernel_word(e, n, m);
        place_add(e, n->row->position, m);
        return MMSB_REJECTED;
    }
    fault_record f = {.node = n};
    e->probe = &f;
    e->spread_lanes = TILE_LANES;
    vm_uniform(e->workers, n);
    u64 lanes = n->shape->lanes;
    bool all = whole || n->row->kind != NODE_MAP;
    for (u64 lane = 0;
         lane < lanes && !(f.found && f.page_order == 0 && lane > f.lane + TILE_LANES);
         lane += TILE_LANES) {
        u32 count = (u32)u64_min(TILE_LANES, lanes - lane);
        if (!all && (e->work.level[0][lane / TILE_LANES / 64] >> (lane / TILE_LANES & 63) & 1) == 0)
            continue;
        vm_dense(e->workers, n, lane, count);
    }
    e->probe = NULL;
    ASSERT(f.found);
    words(e, &f, m);
    return MMSB_REJECTED;
}

mmsb_status assert_word(engine *e, const image_assert *a, message *m) {
    ASSERT(a->position < e->image->position_count);
    const char *text = image_string(e->image, a->text);
    message_set(m, MMSB_REJECTED, "epoch %llu rejected: the assert%s%s%s does not hold",
                (unsigned long long)(e->first_run ? 0 : e->epoch + 1), *text != 0 ? " \"" : "",
                text, *text != 0 ? "\"" : "");
    place_add(e, a->position, m);
    return MMSB_REJECTED;
}
