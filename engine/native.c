/* SPDX-License-Identifier: Apache-2.0
 * native: puts compiled calls into an engine's programs, once each has given the VM's bits in a
 * test. Everything is taken here, before epoch 0. */
#include "native.h"

#include "state.h"

static const image_instruction call_row = {
    .op = STEP_NATIVE, .dst = SLOT_NONE, .a = SLOT_NONE, .b = SLOT_NONE, .c = SLOT_NONE};

typedef struct {
    image_instruction *rows;
    step *steps;
    u16 *outs;
    u32 used, outs_used;
} rooms;

static void call_resolve(const native_plan *p, const native_call *c, native_fn f, rooms *r,
                         step *s) {
    *s = (step){.row = &call_row, .native = f, .outs = r->outs + r->outs_used};
    for (u32 k = 0; k < c->op_count; k++)
        if (p->ops[c->op_at + k].slot != SLOT_NONE)
            r->outs[r->outs_used++] = p->ops[c->op_at + k].slot, s->out_count++;
    ASSERT(s->out_count != 0);
}

/* A node's schedule as steps. Rows are the image's with other slots. */
static void node_install(engine *e, const native_plan *p, const native_table *t, u32 node,
                         rooms *r) {
    node_state *n = &e->nodes[node];
    const native_node *from = &p->nodes[node];
    u32 spreads = n->spread_count;
    n->fast = r->steps + r->used, n->fast_count = from->step_count;
    for (u32 k = 0; k < from->step_count; k++) {
        const native_step *x = &p->steps[from->step_at + k];
        image_instruction *row = &r->rows[r->used];
        step *s = &r->steps[r->used++];
        if (x->call != NATIVE_NO_CALL) {
            call_resolve(p, &p->calls[x->call], t->calls[x->call], r, s);
            e->native_calls++;
            continue;
        }
        *row = e->image->instructions[x->row];
        row->dst = x->dst, row->a = x->a, row->b = x->b, row->c = x->c;
        step_resolve(e, n, s, row, false);
        const step *old = &n->tile[x->row - n->row->program_at - n->row->uniform_count];
        s->store = old->store;
    }
    ASSERT(n->spread_count == spreads);
}

/* Slots for the largest schedule, for every worker. */
static bool slots_take(engine *e, const native_plan *p) {
    u32 slots = p->slots > e->layout.tile_slots ? p->slots : e->layout.tile_slots;
    ASSERT(e->native_memory == NULL);
    if (p->slots <= e->layout.tile_slots) return true;
    u64 each = (u64)slots * LAYOUT_SLOT_BYTES;
    e->native_bytes = e->worker_count * each;
    e->native_memory = region_take(e->native_bytes);
    bool taken = e->native_memory != NULL;
    for (u32 k = 0; taken && k < e->worker_count; k++) {
        void **table = ARENA_ARRAY(e->tables, void *, slots + 1u);
        taken = table != NULL;
        if (!taken) break;
        e->workers[k].slots = table;
        e->workers[k].slot_memory = e->native_memory + k * each;
    }
    return taken;
}

/* Whether all calls of a node pass the test. */
static bool node_agrees(const engine *e, const native_plan *p, const native_table *t, u32 node,
                        u8 *memory) {
    const native_node *n = &p->nodes[node];
    bool agrees = true;
    for (u32 k = 0; k < n->step_count && agrees; k++) {
        u32 call = p->steps[n->step_at + k].call;
        if (call == NATIVE_NO_CALL) continue;
        ASSERT(call < p->call_count && p->calls[call].node == node);
        agrees = native_agrees(e->image, p, &p->calls[call], t->calls[call], memory);
    }
    return agrees;
}

mmsb_status native_install(engine *e, const native_plan *p, const native_table *t, u32 *refused,
                           message *m) {
    ASSERT(e->phase == PHASE_NEW && e->native_calls == 0);
    *refused = 0;
    if (t->version != NATIVE_VERSION || t->digest != e->image->head->digest ||
        t->count != p->call_count)
        return message_set(m, MMSB_DAMAGED, "native code of another image or version");
    rooms r = {.rows = ARENA_ARRAY(e->tables, image_instruction, p->step_count + 1u),
               .steps = ARENA_ARRAY(e->tables, step, p->step_count + 1u),
               .outs = ARENA_ARRAY(e->tables, u16, p->op_count + 1u)};
    u64 bytes = native_check_bytes(p);
    u8 *memory = region_take(ALIGN_UP(bytes, 4096));
    bool taken = r.rows != NULL && r.steps != NULL && r.outs != NULL && memory != NULL;
    taken = taken && slots_take(e, p);
    u64 before = kernels_fp_enter();
    for (u32 k = 0; taken && k < e->image->node_count; k++) {
        if (p->nodes[k].step_count == 0) continue;
        if (node_agrees(e, p, t, k, memory))
            node_install(e, p, t, k, &r);
        else
            ++*refused;
    }
    kernels_fp_leave(before);
    if (memory != NULL) region_give_back(memory, ALIGN_UP(bytes, 4096));
    if (taken) return MMSB_OK;
    return message_set(m, MMSB_OUT_OF_SPACE, "no memory for native code");
}

u32 native_installed(const engine *e) {
    ASSERT(e->native_calls == 0 || e->phase <= PHASE_FAULT);
    return e->native_calls;
}
