/* SPDX-License-Identifier: Apache-2.0
 * image_verify_affine: bounds of affine reads over a domain. Needs verified tables. */
#include "image_verify.h"

#define AFFINE_LIMIT ((i64)1 << 62)

/* Adds coefficient * extent to *sum; false where the result passes 2^62. */
static bool affine_add(i64 *sum, i64 coefficient, u64 extent) {
    ASSERT(extent <= LANES_MAX);
    i64 product;
    if (__builtin_mul_overflow(coefficient, (i64)extent, &product)) return false;
    if (__builtin_add_overflow(*sum, product, sum)) return false;
    return *sum<AFFINE_LIMIT && * sum> - AFFINE_LIMIT;
}

/* Smallest and largest value over the domain; false where a term names no axis or a part of the
 * sum can pass 2^62. */
static bool affine_axis_range(const image *i, const image_affine_axis *a, const image_shape *domain,
                              i64 *low, i64 *high) {
    ASSERT(a->term_count <= AXES_MAX);
    ASSERT((u64)a->term_at + a->term_count <= i->term_count);
    *low = *high = a->constant;
    if (a->constant >= AFFINE_LIMIT || a->constant <= -AFFINE_LIMIT) return false;
    for (u32 k = 0; k < a->term_count; k++) {
        const image_term *t = &i->terms[a->term_at + k];
        if (t->axis >= domain->axis_count || t->zero != 0) return false;
        u64 last = domain->dims[t->axis] - 1;
        if (!affine_add(t->coefficient < 0 ? low : high, t->coefficient, last)) return false;
    }
    return true;
}

mmsb_status verify_affine(verify *v, u32 affine, const image_shape *domain) {
    ASSERT(domain->axis_count <= AXES_MAX);
    const image *i = v->i;
    NEED(affine < i->affine_count, "affine", affine, "it is not there");
    const image_affine *a = &i->affines[affine];
    const image_page *p = &i->pages[a->page];
    const image_shape *s = &i->shapes[p->shape];
    ASSERT(a->axis_count == s->axis_count);
    for (u32 axis = 0; axis < a->axis_count; axis++) {
        i64 low, high;
        NEED(affine_axis_range(i, &i->affine_axes[a->axis_at + axis], domain, &low, &high),
             "affine", affine, "its terms do not fit the domain of its node");
        u8 edge = axis < PAGE_AXES_MAX ? p->edge[axis] : EDGE_NONE;
        bool inside = low >= 0 && high < (i64)s->dims[axis];
        NEED(inside || edge != EDGE_NONE || a->checked == 1, "affine", affine,
             "it reads outside of its page");
    }
    return MMSB_OK;
}
