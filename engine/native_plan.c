/* SPDX-License-Identifier: Apache-2.0
 * native_plan: parts each program into calls and steps of the VM. Operators that cannot fault and
 * are cheap go into calls; a phase is what can run without waiting for the other side, so steps
 * have even phases and calls odd ones. Slots are given anew, in the order in which it runs. */
#include "native.h"

#include "../kernels/kernels.h"

#define NOBODY UINT32_MAX

/* An instruction of the program that is being parted. */
typedef struct {
    u32 from[3]; /* instructions whose tiles are read, or NOBODY */
    u32 phase;
    u32 place; /* in the order of running; a call's operators share one */
    u32 last;  /* place of its last reader outside its call; 0: none */
    u32 next_free;
    u16 slot;
    bool native;
} part;
typedef struct {
    const image *i;
    const image_node *n;
    const image_instruction *rows; /* of tiles */
    part *parts;
    u32 *free_at; /* by place: values read there for the last time */
    u32 count, phases, places;
    u16 free_slots[NATIVE_SLOTS_MOST];
    u32 free_count, slots;
} program;

/* Functions that take longer than a tile takes to pass by stay with the VM's kernels. */
static bool op_is_cheap(u16 op) {
    switch (op) {
    case OP_FMOD:
    case OP_POW:
    case OP_ATAN2: return false;
    default: return op < OP_EXP || op > OP_CDF;
    }
}

static bool op_is_native(const image_instruction *r) {
    return r->op < INSTRUCTION_FIRST && !op_info(r->op)->faults && op_is_cheap(r->op);
}

static bool slot_is_tile(u16 slot) { return slot != SLOT_NONE && (slot & SLOT_UNIFORM) == 0; }

static void sources_find(program *p, u32 *writer) {
    for (u32 k = 0; k < p->count; k++) {
        const image_instruction *r = &p->rows[k];
        const u16 slots[3] = {r->a, r->b, r->c};
        for (u32 o = 0; o < 3; o++) {
            ASSERT(!slot_is_tile(slots[o]) || slots[o] < p->n->tile_slots);
            p->parts[k].from[o] = slot_is_tile(slots[o]) ? writer[slots[o]] : NOBODY;
        }
        p->parts[k].native = op_is_native(r);
        if (slot_is_tile(r->dst)) writer[r->dst] = k;
    }
}

static void phases_find(program *p) {
    p->phases = 0;
    for (u32 k = 0; k < p->count; k++) {
        part *x = &p->parts[k];
        x->phase = x->native;
        for (u32 o = 0; o < 3; o++) {
            if (x->from[o] == NOBODY) continue;
            const part *y = &p->parts[x->from[o]];
            ASSERT(x->from[o] < k);
            u32 phase = y->phase + (y->native != x->native);
            x->phase = phase > x->phase ? phase : x->phase;
        }
        p->phases = x->phase >= p->phases ? x->phase + 1 : p->phases;
    }
}

/* Calls of too few operators become steps. False: a call is too long. */
static bool calls_weigh(program *p, u32 *weights, bool *changed) {
    memset(weights, 0, p->phases * sizeof *weights);
    *changed = false;
    for (u32 k = 0; k < p->count; k++) weights[p->parts[k].phase] += p->parts[k].native;
    for (u32 k = 0; k < p->count; k++) {
        part *x = &p->parts[k];
        ASSERT(x->native == ((x->phase & 1) != 0));
        if (weights[x->phase] > NATIVE_OPS_MOST) return false;
        if (x->native && weights[x->phase] < NATIVE_OPS_LEAST) x->native = false, *changed = true;
    }
    return true;
}

/* Places in the order of running; what each value's last reader is. */
static void places_give(program *p) {
    p->places = 1;
    for (u32 phase = 0; phase < p->phases; phase++) {
        for (u32 k = 0; k < p->count; k++) {
            if (p->parts[k].phase != phase) continue;
            p->parts[k].place = p->places;
            if (!p->parts[k].native) p->places++;
        }
        if ((phase & 1) != 0) p->places++;
    }
    for (u32 k = 0; k < p->count; k++) {
        for (u32 o = 0; o < 3; o++) {
            if (p->parts[k].from[o] == NOBODY) continue;
            part *y = &p->parts[p->parts[k].from[o]];
            u32 place = p->rows[k].op == IN_FEED ? p->places : p->parts[k].place;
            ASSERT(y->place <= place);
            if (y->place != place) y->last = place > y->last ? place : y->last;
        }
    }
}

static bool slot_take(program *p, u16 *slot) {
    if (p->free_count != 0) {
        *slot = p->free_slots[--p->free_count];
        return true;
    }
    if (p->slots == NATIVE_SLOTS_MOST) return false;
    *slot = (u16)p->slots++;
    return true;
}

/* No step writes where it reads: slots are given back after the place of their last reader. */
static bool slots_give(program *p) {
    for (u32 k = 0; k <= p->places; k++) p->free_at[k] = NOBODY;
    p->slots = p->free_count = 0;
    for (u32 phase = 0; phase < p->phases; phase++) {
        u32 freed = 0;
        for (u32 k = 0; k < p->count; k++) {
            part *x = &p->parts[k];
            x->slot = phase == 0 ? SLOT_NONE : x->slot;
            if (x->phase != phase) continue;
            for (; freed < x->place; freed++) {
                for (u32 f = p->free_at[freed]; f != NOBODY; f = p->parts[f].next_free)
                    p->free_slots[p->free_count++] = p->parts[f].slot;
                p->free_at[freed] = NOBODY;
            }
            bool kept = x->native ? x->last != 0 : slot_is_tile(p->rows[k].dst);
            if (!kept) continue;
            if (!slot_take(p, &x->slot)) return false;
            u32 last = x->last != 0 ? x->last : x->place;
            ASSERT(last <= p->places);
            x->next_free = p->free_at[last], p->free_at[last] = k;
        }
    }
    return true;
}

static u16 slot_after(const program *p, u32 k, u32 operand, u16 slot) {
    u32 from = p->parts[k].from[operand];
    if (!slot_is_tile(slot) || from == NOBODY) return slot;
    ASSERT(p->parts[from].slot != SLOT_NONE);
    return p->parts[from].slot;
}

/* A uniform slot: what stands in it when tiles run. */
static native_source cell_source(const program *p, u16 slot, u8 type) {
    const image_instruction *u = p->rows - p->n->uniform_count, *found = NULL;
    for (u32 k = 0; k < p->n->uniform_count; k++)
        if (u[k].dst == slot) found = &u[k];
    ASSERT(found != NULL);
    if (found->op == IN_CONST) return (native_source){SOURCE_CONSTANT, type, found->imm};
    return (native_source){SOURCE_CELL, type, slot & ~SLOT_UNIFORM};
}

static native_source source_of(const program *p, u32 k, u32 operand, const u32 *number) {
    const image_instruction *r = &p->rows[k];
    u16 slot = operand == 0 ? r->a : operand == 1 ? r->b : r->c;
    u8 type = r->op == OP_SELECT && operand == 0 ? TYPE_BOOL : r->type;
    ASSERT(slot != SLOT_NONE);
    if ((slot & SLOT_UNIFORM) != 0) return cell_source(p, slot, type);
    u32 from = p->parts[k].from[operand];
    ASSERT(from != NOBODY);
    if (p->parts[from].place == p->parts[k].place)
        return (native_source){SOURCE_VALUE, type, number[from]};
    return (native_source){SOURCE_SLOT, type, p->parts[from].slot};
}

static bool call_add(const program *p, native_plan *out, arena *a, u32 phase, u32 *number) {
    native_call *c = &out->calls[out->call_count];
    *c = (native_call){(u32)(p->n - p->i->nodes), out->op_count, 0};
    for (u32 k = 0; k < p->count; k++) {
        if (p->parts[k].phase != phase) continue;
        if (!arena_grow(a, (void **)&out->ops, &out->op_room, out->op_count + 1, sizeof *out->ops))
            return false;
        native_op *o = &out->ops[out->op_count++];
        *o = (native_op){.row = (u32)(&p->rows[k] - p->i->instructions), .slot = p->parts[k].slot};
        number[k] = c->op_count++;
        for (u32 x = 0; x < op_info(p->rows[k].op)->arity; x++)
            o->from[x] = source_of(p, k, x, number);
    }
    ASSERT(c->op_count >= NATIVE_OPS_LEAST);
    return true;
}

static bool step_add(native_plan *out, arena *a, native_step s) {
    if (!arena_grow(a, (void **)&out->steps, &out->step_room, out->step_count + 1,
                    sizeof *out->steps))
        return false;
    ASSERT(out->step_count < out->step_room);
    out->steps[out->step_count++] = s;
    return true;
}

/* Steps and calls of a parted program, in the order of running. */
static bool program_write(const program *p, native_plan *out, arena *a, u32 *number) {
    native_node *n = &out->nodes[p->n - p->i->nodes];
    n->step_at = out->step_count;
    for (u32 phase = 0; phase < p->phases; phase++) {
        if ((phase & 1) != 0) {
            if (!arena_grow(a, (void **)&out->calls, &out->call_room, out->call_count + 1,
                            sizeof *out->calls) ||
                !call_add(p, out, a, phase, number) ||
                !step_add(out, a, (native_step){.call = out->call_count++}))
                return false;
            continue;
        }
        for (u32 k = 0; k < p->count; k++) {
            const image_instruction *r = &p->rows[k];
            if (p->parts[k].phase != phase) continue;
            native_step s = {(u32)(r - p->i->instructions),
                             NATIVE_NO_CALL,
                             p->parts[k].slot,
                             slot_after(p, k, 0, r->a),
                             slot_after(p, k, 1, r->b),
                             slot_after(p, k, 2, r->c)};
            if (!step_add(out, a, s)) return false;
        }
    }
    n->step_count = out->step_count - n->step_at;
    ASSERT(n->step_count != 0);
    out->slots = p->slots > out->slots ? p->slots : out->slots;
    return true;
}

/* Parts the program of a node; *fits: it has calls, and they fit. */
static bool program_part(program *p, arena *scratch, u32 **number, bool *fits) {
    u32 room = p->count + 1;
    p->parts = ARENA_ARRAY(scratch, part, room);
    p->free_at = ARENA_ARRAY(scratch, u32, 2 * room + 2);
    *number = ARENA_ARRAY(scratch, u32, room);
    u32 *writer = ARENA_ARRAY(scratch, u32, p->n->tile_slots + 1u);
    u32 *weights = ARENA_ARRAY(scratch, u32, 2 * room);
    if (p->parts == NULL || p->free_at == NULL || *number == NULL || writer == NULL ||
        weights == NULL)
        return false;
    memset(writer, 0xff, p->n->tile_slots * sizeof *writer);
    sources_find(p, writer);
    bool changed = true, any = false;
    for (*fits = true; *fits && changed;) {
        phases_find(p);
        *fits = calls_weigh(p, weights, &changed);
    }
    for (u32 k = 0; k < p->count; k++) any = any || p->parts[k].native;
    *fits = *fits && any;
    if (!*fits) return true;
    places_give(p);
    *fits = slots_give(p);
    ASSERT(p->slots <= NATIVE_SLOTS_MOST);
    return true;
}

static u32 op_count(const image *i, const image_node *n) {
    u32 count = 0;
    ASSERT(n->tile_count == 0 || n->program_at < i->instruction_count);
    for (u32 k = 0; k < n->tile_count; k++)
        count += op_is_native(&i->instructions[n->program_at + n->uniform_count + k]);
    return count;
}

static u64 node_work(const image *i, const image_node *n) {
    u64 lanes = i->shapes[n->shape].lanes, count = op_count(i, n);
    return lanes > UINT64_MAX / (count + 1) ? UINT64_MAX : lanes * count;
}

/* The work from which on a program is printed: so high that NATIVE_TOTAL_OPS hold all. */
static u64 work_least(const image *i) {
    for (u64 least = 1;; least *= 2) {
        u64 total = 0;
        for (u32 k = 0; k < i->node_count; k++)
            total += node_work(i, &i->nodes[k]) >= least ? op_count(i, &i->nodes[k]) : 0;
        ASSERT(least != 0);
        if (total <= NATIVE_TOTAL_OPS) return least;
        if (least > UINT64_MAX / 2) return UINT64_MAX;
    }
}

mmsb_status native_plan_make(const image *i, arena *a, native_plan *out, message *m) {
    ASSERT(i->head != NULL);
    arena *scratch = arena_open(0);
    *out = (native_plan){.nodes = ARENA_ARRAY(a, native_node, i->node_count + 1u)};
    bool taken = scratch != NULL && out->nodes != NULL;
    u64 least = work_least(i);
    for (u32 k = 0; taken && k < i->node_count; k++) {
        program p = {.i = i, .n = &i->nodes[k], .count = i->nodes[k].tile_count};
        u64 work = node_work(i, p.n);
        u32 *number = NULL;
        bool fits = false;
        if (work < least || op_count(i, p.n) < NATIVE_OPS_LEAST) continue;
        p.rows = i->instructions + p.n->program_at + p.n->uniform_count;
        arena_clear(scratch);
        taken = program_part(&p, scratch, &number, &fits);
        if (taken && fits) taken = program_write(&p, out, a, number);
        if (taken && fits)
            out->work = out->work > UINT64_MAX - work ? UINT64_MAX : out->work + work;
    }
    arena_close(scratch);
    if (taken) return MMSB_OK;
    return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the schedule of native code");
}
