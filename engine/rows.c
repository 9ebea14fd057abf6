/* SPDX-License-Identifier: Apache-2.0
 * rows: WHOLE nodes: scans from the first dirty block of a row on, order statistics by dirty rows,
 * matrix products by dirty rows and columns, dot whole. Results are made in scratch and compared
 * with what the page holds, so that equal lanes stop here. */
#include "../kernels/whole.h"
#include "state.h"

/* Units of work: SCAN: a block of a row; MATMUL: rows of the output, then its columns; else rows.
 */
void rows_mark(engine *e, const node_state *n, u32 page, u64 lane) {
    ASSERT(n->row->kind == NODE_WHOLE);
    ASSERT(page == n->row->element || page == n->row->present);
    u8 kind = n->row->reduce;
    if (kind == WHOLE_MATMUL) {
        u64 columns = e->pages[n->row->output].lanes / n->outer;
        if (page == n->row->element) set_add(&e->work, lane / n->inner);
        if (page == n->row->present) set_add(&e->work, n->outer + lane % columns);
        return;
    }
    u64 row = lane / n->inner;
    set_add(&e->work, whole_is_scan(kind) ? row * n->leaves + lane % n->inner / SCAN_BLOCK : row);
}

void result_put(engine *e, u32 page, u64 first, const u8 *from, u64 count) {
    page_state *p = &e->pages[page];
    ASSERT(first <= p->lanes);
    ASSERT(count <= p->lanes - first);
    u8 *at = p->value + first * p->width;
    e->stats.bytes_stored += count * p->width;
    for (u64 k = 0; k < count; k += 64) {
        u64 some = u64_min(64, count - k);
        if (memcmp(at + k * p->width, from + k * p->width, some * p->width) == 0) continue;
        for (u64 l = k; l < k + some; l++)
            if (memcmp(at + l * p->width, from + l * p->width, p->width) != 0)
                page_set_lane(e, page, first + l, from + l * p->width);
    }
}

/* `lanes` of operands or results, for which `bytes` of pages were read. */
static void went_over(engine *e, u64 lanes, u64 bytes) {
    ASSERT(lanes > 0);
    e->stats.lanes_run += lanes, e->stats.bytes_loaded += bytes;
}

static u8 *output_at(engine *e) {
    ASSERT(e->layout.whole_at != 0);
    return e->memory + e->layout.whole_at;
}
static void *scratch_of(engine *e, const node_state *n) {
    ASSERT(n->row->kind == NODE_WHOLE);
    return output_at(e) + layout_whole_output(e->image, (u32)(n - e->nodes));
}
static const u8 *row_at(const engine *e, u32 page, u64 lane) {
    ASSERT(lane < e->pages[page].lanes);
    return e->pages[page].value + lane * e->pages[page].width;
}

static void scan_row(engine *e, node_state *n, u64 row, u64 first) {
    ASSERT(row < n->outer);
    ASSERT(first < n->inner && first % SCAN_BLOCK == 0);
    ASSERT(n->partials != NULL);
    u32 width = type_bytes(n->row->type);
    u8 *carry = n->partials + row * n->leaves * width, *out = output_at(e);
    undo_save(e, carry, n->leaves * width);
    whole_scan(n->row->reduce, n->row->type, row_at(e, n->row->element, row * n->inner), n->inner,
               first, carry, out);
    result_put(e, n->row->output, row * n->inner + first, out + first * width, n->inner - first);
    went_over(e, n->inner - first, (n->inner - first) * width);
}

void scan_given(engine *e, node_state *n, const u64 *unit, u64 count, leaf_cells *made) {
    u32 width = type_bytes(n->row->type);
    ASSERT(n->partials != NULL && whole_is_scan(n->row->reduce));
    for (u64 k = 0; k < count; k++) {
        u64 at = unit == NULL ? k : unit[k];
        _Alignas(8) u8 pair[16], joined[16];
        u8 *before = n->partials + at * width;
        cell_take(n, made, pair + width, NULL);
        if ((at + 1) % n->leaves == 0) continue;
        undo_save_value(e, before + width);
        memcpy(pair, before, width);
        whole_scan(n->row->reduce, n->row->type, pair, 2, 0, NULL, joined);
        memcpy(before + width, at % n->leaves == 0 ? pair + width : joined + width, width);
    }
}

/* The quantile's q; false where it is outside 0 to 1. */
static bool quantile_of(const engine *e, const node_state *n, u64 *bits) {
    ASSERT(n->row->reduce == WHOLE_QUANTILE);
    ASSERT(type_is_float(n->row->type));
    *bits = n->row->present != 0 ? number_word(n->row->type, e->pages[n->row->present].value)
                                 : e->image->constants[n->row->group];
    f64 wide;
    f32 narrow;
    memcpy(&wide, bits, 8);
    memcpy(&narrow, bits, 4);
    return n->row->type == TYPE_F64 ? wide >= 0 && wide <= 1 : narrow >= 0 && narrow <= 1;
}

static void order_row(engine *e, node_state *n, u64 row) {
    ASSERT(row < n->outer);
    u8 type = n->row->type, *out = output_at(e);
    const u8 *from = row_at(e, n->row->element, row * n->inner);
    u64 kept = e->pages[n->row->output].lanes / n->outer, bits;
    void *scratch = scratch_of(e, n);
    went_over(e, n->inner, n->inner * type_bytes(type));
    switch (n->row->reduce) {
    case WHOLE_SORT: whole_sort(type, from, n->inner, out, scratch); break;
    case WHOLE_ARGSORT: whole_argsort(type, from, n->inner, (i64 *)out, scratch); break;
    case WHOLE_TOPK: whole_topk(type, from, n->inner, kept, out, scratch); break;
    default:
        if (!quantile_of(e, n, &bits)) {
            e->fault = 1;
            return;
        }
        bits = whole_quantile(type, from, n->inner, bits, scratch);
        memcpy(out, &bits, 8);
    }
    result_put(e, n->row->output, row * kept, out, kept);
}

static void product_part(engine *e, node_state *n, u64 row, u64 row_end, u64 column,
                         u64 column_end) {
    ASSERT(row < row_end && row_end <= n->outer);
    ASSERT(column < column_end);
    u32 width = type_bytes(n->row->type);
    u64 columns = e->pages[n->row->output].lanes / n->outer;
    u8 *out = output_at(e);
    whole_matmul(n->row->type, row_at(e, n->row->element, 0), row_at(e, n->row->present, 0), out,
                 n->outer, n->inner, columns, row, row_end, column, column_end, scratch_of(e, n));
    for (u64 r = row; r < row_end; r++)
        result_put(e, n->row->output, r * columns + column, out + (r * columns + column) * width,
                   column_end - column);
    went_over(e, (row_end - row) * (column_end - column),
              n->inner * (row_end - row + column_end - column) * width);
}

static void product_run(engine *e, node_state *n) {
    u64 rows = n->outer, columns = e->pages[n->row->output].lanes / rows;
    ASSERT(columns > 0);
    if (e->work.whole) {
        product_part(e, n, 0, rows, 0, columns);
        return;
    }
    for (u64 at = set_next(&e->work, 0), end; at != SET_NONE; at = set_next(&e->work, end)) {
        u64 limit = at < rows ? rows : rows + columns;
        for (end = at + 1; end < limit && set_has(&e->work, end);) end++;
        if (at < rows)
            product_part(e, n, at, end, 0, columns);
        else
            product_part(e, n, 0, rows, at - rows, end - rows);
        if (end == rows + columns) break;
    }
}

/* Leaves of a dot in scratch, level by level in place. Integers wrap: their order is no matter. */
static void dot_join(engine *e, node_state *n) {
    u8 type = n->row->type, *out = output_at(e);
    u32 width = type_bytes(type);
    u64 leaves = (n->inner + LEAF_LANES - 1) / LEAF_LANES, sum = 0;
    ASSERT(n->outer == 1);
    e->stats.bytes_stored += width;
    if (!type_is_float(type)) {
        for (u64 k = 0; k < leaves; k++) sum += number_word(type, out + k * width);
        page_set_lane(e, n->row->output, 0, &sum);
        return;
    }
    for (; leaves > 1; leaves = (leaves + NODE_FAN - 1) / NODE_FAN) {
        for (u64 p = 0; p * NODE_FAN < leaves; p++) {
            i64 none = -1;
            u64 value = 0;
            n->join(out + p * NODE_FAN * width, NULL, (u32)u64_min(NODE_FAN, leaves - p * NODE_FAN),
                    &value, &none);
            memcpy(out + p * width, &value, width);
        }
    }
    page_set_lane(e, n->row->output, 0, out);
}

static void dot_run(engine *e, node_state *n) {
    u8 type = n->row->type, *out = output_at(e);
    u32 width = type_bytes(type);
    ASSERT(n->row->reduce == WHOLE_DOT);
    for (u64 first = 0; first < n->inner; first += TILE_LANES)
        whole_dot_leaves(type, row_at(e, n->row->element, first), row_at(e, n->row->present, first),
                         (u32)u64_min(TILE_LANES, n->inner - first),
                         out + first / LEAF_LANES * width);
    went_over(e, n->inner, 2 * n->inner * width);
    dot_join(e, n);
}

void dot_given(engine *e, node_state *n, leaf_cells *made) {
    u64 leaves = (n->inner + LEAF_LANES - 1) / LEAF_LANES;
    ASSERT(n->row->reduce == WHOLE_DOT);
    for (u64 k = 0; k < leaves; k++)
        cell_take(n, made, output_at(e) + k * type_bytes(n->row->type), NULL);
    dot_join(e, n);
}

void rows_run(engine *e, node_state *n) {
    ASSERT(n->row->reduce < WHOLE_COUNT);
    ASSERT(!set_is_empty(&e->work));
    u8 kind = n->row->reduce;
    bool scan = whole_is_scan(kind);
    if (kind == WHOLE_MATMUL || kind == WHOLE_DOT) {
        (kind == WHOLE_DOT ? dot_run : product_run)(e, n);
        return;
    }
    if (e->work.whole) {
        for (u64 row = 0; row < n->outer && e->fault == 0; row++) {
            if (scan)
                scan_row(e, n, row, 0);
            else
                order_row(e, n, row);
        }
        return;
    }
    for (u64 at = set_next(&e->work, 0), next; at != SET_NONE && e->fault == 0;
         at = set_next(&e->work, next)) {
        next = at + 1;
        if (scan) {
            scan_row(e, n, at / n->leaves, at % n->leaves * SCAN_BLOCK);
            next = (at / n->leaves + 1) * n->leaves;
        } else {
            order_row(e, n, at);
        }
        if (next >= e->work.lanes) break;
    }
}
