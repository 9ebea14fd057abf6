/* SPDX-License-Identifier: Apache-2.0
 * vm_load: reads that are not lane for lane: affine reads by runs along the innermost axis, indices
 * with edges, groups. */
#include "state.h"

i64 edge_index(u8 edge, i64 index, u64 dim, u32 axis) {
    i64 d = (i64)dim;
    if (index >= 0 && index < d) return index;
    switch (edge) {
    case EDGE_CLAMP: return index < 0 ? 0 : d - 1;
    case EDGE_WRAP: {
        i64 r = index % d;
        return r < 0 ? r + d : r;
    }
    case EDGE_MIRROR: {
        if (d == 1) return 0;
        i64 period = 2 * (d - 1), r = index % period;
        r = r < 0 ? r + period : r;
        return r < d ? r : period - r;
    }
    case EDGE_FILL: return -1 - (i64)axis;
    default: return INT64_MIN;
    }
}

/* Coordinates of the tile's lanes on every axis of the domain. */
void load_coordinates(worker *w, const node_state *n) {
    ASSERT(w->count <= TILE_LANES);
    ASSERT(n->shape->axis_count <= AXES_MAX);
    const image_shape *s = n->shape;
    for (u32 k = 0; k < w->count; k++) {
        u64 lane = w->lanes_at != NULL ? w->lanes_at[k] : w->base + k;
        for (u32 axis = s->axis_count; axis > 0; axis--) {
            w->coordinates[axis - 1][k] = (i64)(lane % s->dims[axis - 1]);
            lane /= s->dims[axis - 1];
        }
    }
}

/* One lane at coordinates c: its bits to `to`. */
static void affine_lane(worker *w, const affine_state *f, const step *s, const i64 *c, u32 axes,
                        u8 *to, u32 k, const u8 *guard) {
    u32 width = type_bytes(s->row->type);
    i64 flat = 0;
    for (u32 a = 0; a < f->axes; a++) {
        i64 index = f->constant[a];
        for (u32 d = 0; d < axes; d++) index += f->coefficient[a][d] * c[d];
        i64 inside =
            edge_index(a < PAGE_AXES_MAX ? f->page->edge[a] : EDGE_NONE, index, f->dims[a], a);
        if (inside == INT64_MIN) {
            memset(to + (u64)k * width, 0, width);
            if (guard == NULL || guard[k] != 0) fault_note(w, s, k, (u64)index, f->dims[a]);
            return;
        }
        if (inside < 0) {
            memcpy(to + (u64)k * width, &f->page->fill[-1 - inside], width);
            return;
        }
        flat += inside * (i64)f->strides[a];
    }
    memcpy(to + (u64)k * width, (const u8 *)s->page + (u64)flat * width, width);
}

/* A shift of packed lanes: those that it leaves inside are gathered, the others take the long way.
 */
static void shift_packed(worker *w, node_state *n, const affine_state *f, const step *s, u8 *to,
                         const u8 *guard) {
    u64 at[TILE_LANES];
    u16 outside[TILE_LANES];
    u32 outside_count = 0, axes = f->axes;
    i64 c[AXES_MAX];
    ASSERT(f->shift && axes == n->shape->axis_count);
    ASSERT(w->count <= TILE_LANES);
    for (u32 k = 0; k < w->count; k++) {
        bool inside = true;
        for (u32 a = 0; a < axes; a++)
            inside = inside && (u64)(w->coordinates[a][k] + f->constant[a]) < f->dims[a];
        at[k] = inside ? w->lanes_at[k] + (u64)f->flat_shift : 0;
        outside[outside_count] = (u16)k;
        outside_count += !inside;
    }
    kernel_gather(s->row->type)(to, s->page, at, w->count);
    for (u32 k = 0; k < outside_count; k++) {
        for (u32 d = 0; d < axes; d++) c[d] = w->coordinates[d][outside[k]];
        affine_lane(w, f, s, c, axes, to, outside[k], guard);
    }
}

static void affine_packed(worker *w, node_state *n, const affine_state *f, const step *s, u8 *to,
                          const u8 *guard) {
    ASSERT(w->lanes_at != NULL);
    i64 c[AXES_MAX];
    u32 axes = n->shape->axis_count;
    if (f->shift) {
        shift_packed(w, n, f, s, to, guard);
        return;
    }
    for (u32 k = 0; k < w->count; k++) {
        for (u32 d = 0; d < axes; d++) c[d] = w->coordinates[d][k];
        affine_lane(w, f, s, c, axes, to, k, guard);
    }
}

/* A run of lanes that differ in the innermost coordinate only; lanes [k, k + count). */
static void affine_run(worker *w, node_state *n, const affine_state *f, const step *s, u8 *to,
                       u32 k, u32 count, i64 *c, const u8 *guard) {
    ASSERT(count > 0);
    ASSERT(k + count <= w->count);
    u32 axes = n->shape->axis_count, last = axes - 1, width = type_bytes(s->row->type);
    i64 flat = 0, stride = 0;
    bool inside = true;
    for (u32 a = 0; a < f->axes; a++) {
        i64 index = f->constant[a], pace = f->coefficient[a][last];
        for (u32 d = 0; d < axes; d++) index += f->coefficient[a][d] * c[d];
        i64 end = index + pace * (i64)(count - 1);
        inside =
            inside && index >= 0 && end >= 0 && index < (i64)f->dims[a] && end < (i64)f->dims[a];
        flat += index * (i64)f->strides[a];
        stride += pace * (i64)f->strides[a];
    }
    if (inside && stride == 1) {
        memcpy(to + (u64)k * width, (const u8 *)s->page + (u64)flat * width, (u64)count * width);
    } else if (inside) {
        kernel_strided(s->row->type)(to + (u64)k * width, s->page, flat, stride, count);
    } else if (count > 2) {
        /* Only the ends are outside as a rule: try the middle as a run of its own. */
        affine_lane(w, f, s, c, axes, to, k, guard);
        c[last]++;
        affine_run(w, n, f, s, to, k + 1, count - 2 > 8 ? count - 2 : 1, c, guard);
        u32 done = 1 + (count - 2 > 8 ? count - 2 : 1);
        c[last] += (i64)done - 1;
        for (; done < count; done++, c[last]++) affine_lane(w, f, s, c, axes, to, k + done, guard);
        c[last] -= (i64)count;
    } else {
        for (u32 l = 0; l < count; l++, c[last]++) affine_lane(w, f, s, c, axes, to, k + l, guard);
        c[last] -= (i64)count;
    }
}

void load_affine(worker *w, node_state *n, const step *s, void *to, const u8 *guard) {
    ASSERT(s->row->imm < w->e->image->affine_count);
    const affine_state *f = &w->e->affines[s->row->imm];
    u32 axes = n->shape->axis_count;
    if (w->lanes_at != NULL || axes == 0) {
        if (axes == 0) {
            i64 none[AXES_MAX] = {0};
            for (u32 k = 0; k < w->count; k++) affine_lane(w, f, s, none, 0, to, k, guard);
            return;
        }
        affine_packed(w, n, f, s, to, guard);
        return;
    }
    i64 c[AXES_MAX];
    u64 lane = w->base;
    for (u32 axis = axes; axis > 0; axis--) {
        c[axis - 1] = (i64)(lane % n->shape->dims[axis - 1]);
        lane /= n->shape->dims[axis - 1];
    }
    for (u32 k = 0; k < w->count;) {
        u64 room = n->shape->dims[axes - 1] - (u64)c[axes - 1];
        u32 count = (u32)u64_min(room, w->count - k);
        affine_run(w, n, f, s, to, k, count, c, guard);
        k += count;
        c[axes - 1] += count;
        for (u32 axis = axes; axis > 1 && c[axis - 1] == (i64)n->shape->dims[axis - 1]; axis--)
            c[axis - 1] = 0, c[axis - 2]++;
    }
}

/* The mathematical value of an index of any integer type, kept inside i64. */
static i64 index_value(u8 type, const void *index, u32 k) {
    switch (type) {
    case TYPE_I8: return ((const i8 *)index)[k];
    case TYPE_I16: return ((const i16 *)index)[k];
    case TYPE_I32: return ((const i32 *)index)[k];
    case TYPE_U8: return ((const u8 *)index)[k];
    case TYPE_U16: return ((const u16 *)index)[k];
    case TYPE_U32: return ((const u32 *)index)[k];
    default: return ((const i64 *)index)[k];
    }
}

/* Indices that are all inside, as most are: copied to i32 or i64. False: one is not, and *to is
 * anything. A negative index is large as u64. */
#define COPY_INSIDE(from_type, to_type)     \
    {                                       \
        const from_type *from = index;      \
        to_type *out = to;                  \
        for (u32 k = 0; k < count; k++) {   \
            outside |= (u64)from[k] >= dim; \
            out[k] = (to_type)from[k];      \
        }                                   \
        return !outside;                    \
    }
#define COPY_CASES(to_type)                  \
    switch (type) {                          \
    case TYPE_I8: COPY_INSIDE(i8, to_type)   \
    case TYPE_I16: COPY_INSIDE(i16, to_type) \
    case TYPE_I32: COPY_INSIDE(i32, to_type) \
    case TYPE_U8: COPY_INSIDE(u8, to_type)   \
    case TYPE_U16: COPY_INSIDE(u16, to_type) \
    case TYPE_U32: COPY_INSIDE(u32, to_type) \
    default: COPY_INSIDE(u64, to_type)       \
    }
static bool copy_inside_i32(u8 type, const void *index, u32 count, u64 dim, void *restrict to) {
    bool outside = false;
    if (dim > INT32_MAX) return false;
    COPY_CASES(i32)
}
static bool copy_inside_i64(u8 type, const void *index, u32 count, u64 dim, void *restrict to) {
    bool outside = false;
    ASSERT(dim <= INT64_MAX);
    COPY_CASES(i64)
}

/* An index of u64 beyond i64, brought inside where the edge gives the same place. */
static i64 large_index(u64 index, u8 edge, u64 dim) {
    ASSERT(dim > 0);
    if (edge == EDGE_WRAP) return (i64)(index % dim);
    if (edge == EDGE_MIRROR) return dim == 1 ? 0 : (i64)(index % (2 * (dim - 1)));
    return INT64_MAX;
}

void load_axis(worker *w, const step *s, i64 *to, const i64 *sofar, const void *index,
               const u8 *guard) {
    ASSERT(s->row->imm < w->e->image->check_count);
    const image_check *check = &w->e->image->checks[s->row->imm];
    if (sofar == NULL && w->count != 1 &&
        copy_inside_i64(s->row->type, index, w->count, check->dim, to))
        return;
    for (u32 k = 0; k < w->count; k++) {
        i64 before = sofar != NULL ? sofar[k] : 0, value = index_value(s->row->type, index, k);
        if (s->row->type == TYPE_U64 && value < 0)
            value = large_index((u64)value, check->edge, check->dim);
        i64 inside = edge_index(check->edge, value, check->dim, check->axis);
        if (inside == INT64_MIN) {
            if (before >= 0 && (guard == NULL || guard[k] != 0))
                fault_note(w, s, k, (u64)index_value(s->row->type, index, k), check->dim);
            to[k] = before < 0 ? before : 0;
            continue;
        }
        to[k] = before < 0 ? before : inside < 0 ? inside : before * (i64)check->dim + inside;
    }
}

void load_group(worker *w, const step *s, i32 *to, const void *key, const u8 *guard) {
    ASSERT(s->row->imm < w->e->image->check_count);
    const image_check *check = &w->e->image->checks[s->row->imm];
    if (w->count != 1 && copy_inside_i32(s->row->type, key, w->count, check->dim, to)) return;
    for (u32 k = 0; k < w->count; k++) {
        i64 value = index_value(s->row->type, key, k);
        bool inside = value >= 0 && (u64)value < check->dim;
        to[k] = inside ? (i32)value : -1;
        if (!inside && (guard == NULL || guard[k] != 0))
            fault_note(w, s, k, (u64)value, check->dim);
    }
}
