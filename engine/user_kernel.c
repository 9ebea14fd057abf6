/* SPDX-License-Identifier: Apache-2.0
 * user_kernel: runs KERNEL nodes: a user's own C function of whole pages. Its result is made in
 * scratch and compared with what the page holds, so that equal lanes stop here. */
#include "state.h"

#define DIMS_MAX ((KERNEL_ARGUMENTS_MAX + 1u) * AXES_MAX)

void engine_kernel_set(engine *e, u32 kernel, user_kernel function) {
    ASSERT(kernel < e->image->kernel_count && function != NULL);
    e->kernels[kernel] = function;
}

static u32 dims_add(const engine *e, u32 page, i64 *dims, u32 count) {
    const image_shape *s = &e->image->shapes[e->image->pages[page].shape];
    for (u32 k = 0; k < s->axis_count; k++) dims[count++] = (i64)s->dims[k];
    ASSERT(count <= DIMS_MAX);
    return count;
}

void kernel_run(engine *e, node_state *n) {
    const image_kernel *k = &e->image->kernels[n->row->group];
    const u32 *pages = e->image->kernel_pages + k->page_at;
    const void *in[KERNEL_ARGUMENTS_MAX];
    i64 dims[DIMS_MAX];
    u32 output = n->row->output, used = dims_add(e, output, dims, 0);
    u8 *out = e->memory + e->layout.whole_at;
    ASSERT(n->row->kind == NODE_KERNEL);
    ASSERT(e->layout.whole_at != 0);
    ASSERT(e->kernels[n->row->group] != NULL);
    for (u32 a = 0; a < k->page_count; a++) {
        in[a] = e->pages[pages[a]].value;
        e->stats.bytes_loaded += e->pages[pages[a]].lanes * e->pages[pages[a]].width;
        used = dims_add(e, pages[a], dims, used);
    }
    memset(out, 0, e->pages[output].lanes * e->pages[output].width);
    e->kernel_fault = e->kernels[n->row->group](out, in, dims);
    kernels_fp_enter(); /* a foreign library may have moved the control word */
    e->stats.lanes_run += e->pages[output].lanes;
    if (e->kernel_fault != 0) {
        e->fault = 1;
        return;
    }
    engine_canonicalise(e->image, output, out);
    result_put(e, output, 0, out, e->pages[output].lanes);
}

mmsb_status kernel_word(engine *e, const node_state *n, message *m) {
    ASSERT(e->kernel_fault != 0);
    const image_kernel *k = &e->image->kernels[n->row->group];
    const image_position *p = &e->image->positions[n->row->position];
    const char *page = image_string(e->image, p->page_name), *dot = strrchr(page, '.');
    int bytes = dot != NULL ? (int)(dot - page) : (int)strlen(page); /* hidden: PAGE.kernelN */
    message_set(m, MMSB_REJECTED, "epoch %llu rejected: %.*s: `%s` of %s failed with number %d",
                (unsigned long long)(e->first_run ? 0 : e->epoch + 1), bytes, page,
                image_string(e->image, k->symbol), image_string(e->image, k->library),
                (int)e->kernel_fault);
    return MMSB_REJECTED;
}
