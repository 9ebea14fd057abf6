/* SPDX-License-Identifier: Apache-2.0
 * back_fuse: MAP nodes over one domain that are lane by lane of each other become one node with
 * several stores. Needs waves; leaves them as they are: a fused node runs in its first member's
 * wave, all that it reads from outside is there before. Nodes that can fault are left alone, so the
 * order of faults never changes. At most 8 pages a node: more streams thrash an 8-way L1. A page
 * that only its own fused node reads is not stored, unless somebody outside may look at it. */
#include "back.h"

#define STREAMS_MOST 8u
#define GROUP_INSTRUCTIONS 256u

typedef struct {
    u32 first, last; /* members, linked by next[] */
    u32 pages[STREAMS_MOST];
    u32 page_count;
    u32 scalars[STREAMS_MOST]; /* pages whose change redoes every lane */
    u32 scalar_count;
    u32 instructions;
    bool far; /* a member reads other lanes */
} fuse_group;
typedef struct {
    back *b;
    const u32 *writer[2]; /* of each page in EPOCH0 and LATER: node + 1 */
    u32 *group_of;        /* of each node: group + 1 */
    u32 *next;            /* member after it: node + 1 */
    u32 *reader_of;       /* of each page: the latest group that reads it lane by lane, + 1 */
    fuse_group *groups;
    u32 group_count;
    bool *loose; /* of each page: needs no store once only its own group reads it */
    u32 *
        left[2]; /* of each page, in EPOCH0 and LATER: its readers that have not joined its group */
} fuser;
/* What a page that a node has computed so far holds. */
typedef struct {
    u32 page, value;
} fuse_store;

static bool list_has(const u32 *list, u32 count, u32 page) {
    ASSERT(count <= STREAMS_MOST);
    for (u32 k = 0; k < count; k++)
        if (list[k] == page) return true;
    return false;
}

static bool list_add(u32 *list, u32 *count, u32 page) {
    ASSERT(*count <= STREAMS_MOST);
    if (list_has(list, *count, page)) return true;
    if (*count == STREAMS_MOST) return false;
    list[(*count)++] = page;
    return true;
}

static void list_remove(u32 *list, u32 *count, u32 page) {
    ASSERT(*count <= STREAMS_MOST);
    for (u32 k = 0; k < *count; k++)
        if (list[k] == page) list[k] = list[--*count];
}

/* Whether the node can be part of a fused one: no fault, no offsets or groups made, many lanes. */
static bool node_fuses(const back *b, const image_node *n) {
    ASSERT(n->shape < b->shapes_count);
    if (n->kind != NODE_MAP || (n->flags & NODE_IN_FIRST) != 0 || b->shapes[n->shape].lanes == 1)
        return false;
    for (u32 k = 0; k < n->uniform_count + n->tile_count; k++) {
        const image_instruction *r = &b->instructions[n->program_at + k];
        if (r->op < INSTRUCTION_FIRST && op_info(r->op)->faults) return false;
        if (r->op == IN_AXIS || r->op == IN_GROUP) return false;
        if (r->op == IN_AFFINE && b->affines[r->imm].checked != 0) return false;
        if (r->op == IN_STORE && (b->pages[r->imm].flags & (PAGE_OFFSETS | PAGE_RING)) != 0)
            return false;
    }
    return n->uniform_count + n->tile_count <= GROUP_INSTRUCTIONS;
}

/* The group that makes the page in every mode in which the node runs, + 1; 0: none does. */
static u32 maker(const fuser *f, const image_node *n, u32 page) {
    ASSERT(page < f->b->pages_count);
    u32 group = UINT32_MAX;
    for (u32 mode = 0; mode < 2; mode++) {
        if ((n->flags & (mode == 0 ? NODE_IN_EPOCH0 : NODE_IN_LATER)) == 0) continue;
        u32 w = f->writer[mode][page], its = w == 0 ? 0 : f->group_of[w - 1];
        if (group != UINT32_MAX && its != group) return 0;
        group = its;
    }
    return group == UINT32_MAX ? 0 : group;
}

/* Whether the page has its value before the wave of `leader` in each of its modes. */
static bool is_before(const fuser *f, const image_node *leader, u32 page) {
    ASSERT(page < f->b->pages_count);
    const back *b = f->b;
    bool lags = b->pages[page].kind == PAGE_PREV;
    if ((leader->flags & NODE_IN_EPOCH0) != 0) {
        u32 w = f->writer[0][lags ? b->pages[page].of : page];
        if (w != 0 && b->nodes[w - 1].wave0 >= leader->wave0) return false;
    }
    if ((leader->flags & NODE_IN_LATER) != 0 && !lags) {
        u32 w = f->writer[1][page];
        if (w != 0 && b->nodes[w - 1].wave1 >= leader->wave1) return false;
    }
    return true;
}

/* Adds the pages that a node touches; false where they are too many. */
static bool group_takes(const fuser *f, fuse_group *g, const image_node *n, u32 own) {
    ASSERT(g->page_count <= STREAMS_MOST && g->scalar_count <= STREAMS_MOST);
    const back *b = f->b;
    for (u32 r = 0; r < n->read_count; r++) {
        const image_read *read = &b->reads[n->read_at + r];
        if (read->kind == READ_LANE && maker(f, n, read->page) == own && own != 0) continue;
        if (read->kind == READ_ALL && !list_add(g->scalars, &g->scalar_count, read->page))
            return false;
        g->far = g->far || read->kind == READ_AFFINE || read->kind == READ_GATHER;
        if (read->kind != READ_ALL && !list_add(g->pages, &g->page_count, read->page)) return false;
    }
    for (u32 k = 0; k < n->tile_count; k++) {
        const image_instruction *r = &b->instructions[n->program_at + n->uniform_count + k];
        if (r->op == IN_STORE && !list_add(g->pages, &g->page_count, r->imm)) return false;
    }
    g->instructions += n->uniform_count + n->tile_count;
    return g->instructions <= GROUP_INSTRUCTIONS;
}

static void readers_count(fuser *f, const image_node *n, u32 page, i32 by) {
    ASSERT(page != 0 && page < f->b->pages_count);
    if ((n->flags & NODE_IN_EPOCH0) != 0) f->left[0][page] += (u32)by;
    if ((n->flags & NODE_IN_LATER) != 0) f->left[1][page] += (u32)by;
}

/* A change may redo a lane of the whole group only where it would have redone most of it. */
static bool joins(fuser *f, u32 group, u32 node) {
    ASSERT(group < f->group_count && node < f->b->nodes_count);
    ASSERT(f->group_of[node] == 0);
    const back *b = f->b;
    const image_node *n = &b->nodes[node];
    fuse_group with = f->groups[group];
    const image_node *leader = &b->nodes[with.first];
    bool member = false, shared = false, later = (n->flags & NODE_IN_LATER) != 0;
    if (leader->shape != n->shape || leader->flags != n->flags) return false;
    if (n->wave0 < leader->wave0 || n->wave1 < leader->wave1) return false;
    for (u32 r = 0; r < n->read_count; r++) {
        const image_read *read = &b->reads[n->read_at + r];
        if (read->kind == READ_LANE && maker(f, n, read->page) == group + 1) {
            member = true;
            if (f->loose[read->page] && f->left[later][read->page] == 1)
                list_remove(with.pages, &with.page_count, read->page);
            continue;
        }
        if (!is_before(f, leader, read->page)) return false;
        if (read->kind != READ_LANE && read->kind != READ_ALL) return false;
        shared = shared ||
                 (read->kind == READ_LANE && list_has(with.pages, with.page_count, read->page));
    }
    u32 scalars = with.scalar_count;
    if (!group_takes(f, &with, n, group + 1) || with.scalar_count != scalars) return false;
    if (!member) {
        fuse_group alone = {.first = node};
        if (!shared || with.far || !group_takes(f, &alone, n, 0)) return false;
        if (alone.scalar_count != scalars) return false;
    }
    for (u32 r = 0; r < n->read_count; r++) {
        const image_read *read = &b->reads[n->read_at + r];
        if (read->kind == READ_LANE && maker(f, n, read->page) == group + 1)
            readers_count(f, n, read->page, -1);
    }
    f->next[with.last] = node + 1;
    with.last = node;
    f->groups[group] = with;
    f->group_of[node] = group + 1;
    return true;
}

static void node_place(fuser *f, u32 node) {
    ASSERT(f->group_of[node] == 0);
    const back *b = f->b;
    const image_node *n = &b->nodes[node];
    bool done = false;
    for (u32 pass = 0; pass < 2; pass++) {
        for (u32 r = 0; r < n->read_count && !done; r++) {
            const image_read *read = &b->reads[n->read_at + r];
            if (read->kind != READ_LANE) continue;
            u32 group = pass == 0 ? maker(f, n, read->page) : f->reader_of[read->page];
            done = group != 0 && joins(f, group - 1, node);
        }
    }
    if (!done) {
        fuse_group g = {.first = node, .last = node};
        if (!group_takes(f, &g, n, 0)) return;
        f->groups[f->group_count++] = g;
        f->group_of[node] = f->group_count;
    }
    for (u32 r = 0; r < n->read_count; r++) {
        const image_read *read = &b->reads[n->read_at + r];
        if (read->kind == READ_LANE) f->reader_of[read->page] = f->group_of[node];
    }
}

/* The value that gives the same, or a new one. Loads of a page that the node stores are what was
 * stored: NaNs differ by bits that no operator shows. */
static u32 value_again(back *b, const image_instruction *r, const u32 in[3], bool uniform,
                       const fuse_store *stored, u32 stored_count) {
    ASSERT(stored_count <= GROUP_INSTRUCTIONS && r->op < INSTRUCTION_COUNT);
    for (u32 k = 0; k < stored_count && r->op == IN_LANE; k++)
        if (stored[k].page == r->imm) return stored[k].value;
    for (u32 k = 0; k < b->value_count && r->op != IN_STORE; k++) {
        const back_value *v = &b->values[k];
        bool same = v->row.op == r->op && v->row.type == r->type && v->row.type2 == r->type2 &&
                    v->a == in[0] && v->b == in[1] && v->c == in[2];
        if (r->op == IN_CONST && same && b->constants[v->row.imm] == b->constants[r->imm]) return k;
        if (same && v->row.imm == r->imm) return k;
    }
    return value_add(b, *r, in[0], in[1], in[2], uniform);
}

static void member_append(fuser *f, const image_node *n, const image_instruction *all, u32 *slots,
                          fuse_store *stored, u32 *stored_count) {
    back *b = f->b;
    ASSERT(n->kind == NODE_MAP && *stored_count < GROUP_INSTRUCTIONS);
    for (u32 k = 0; k < n->uniform_count + n->tile_count; k++) {
        image_instruction r = all[n->program_at + k];
        u16 from[3] = {r.a, r.b, r.c};
        u32 in[3];
        for (u32 o = 0; o < 3; o++) in[o] = from[o] == SLOT_NONE ? VALUE_NONE : slots[from[o]];
        if (r.op == IN_STORE) stored[(*stored_count)++] = (fuse_store){r.imm, in[0]};
        if (r.op == IN_STORE && f->loose[r.imm]) continue;
        u32 v = value_again(b, &r, in, k < n->uniform_count, stored, *stored_count);
        if (r.op != IN_STORE) slots[r.dst] = v;
    }
}

/* A node as it was, at the ends of the new tables, which have room. */
static void node_copy(back *b, const back *was, image_node n) {
    u32 count = n.uniform_count + n.tile_count;
    ASSERT(b->instructions_count + count <= b->instructions_capacity);
    ASSERT(b->reads_count + n.read_count <= b->reads_capacity);
    memcpy(b->instructions + b->instructions_count, was->instructions + n.program_at,
           count * sizeof *b->instructions);
    for (u32 r = 0; r < n.read_count; r++) {
        b->reads[b->reads_count + r] = was->reads[n.read_at + r];
        b->reads[b->reads_count + r].node = b->nodes_count;
    }
    n.program_at = b->instructions_count, n.read_at = b->reads_count;
    b->instructions_count += count, b->reads_count += n.read_count;
    BACK_ADD(b, definitions, b->node_definition);
    BACK_ADD(b, nodes, n);
}

/* New tables of nodes, as large as the old ones: a fused node is shorter than its members. */
static bool tables_empty(back *b) {
    u32 nodes = b->nodes_count, reads = b->reads_count, instructions = b->instructions_count;
    ASSERT(b->definitions_count == nodes);
    b->nodes = NULL, b->nodes_count = b->nodes_capacity = 0;
    b->reads = NULL, b->reads_count = b->reads_capacity = 0;
    b->instructions = NULL, b->instructions_count = b->instructions_capacity = 0;
    b->definitions = NULL, b->definitions_count = b->definitions_capacity = 0;
#define ROOM(name, count) \
    arena_grow(b->memory, (void **)&b->name, &b->name##_capacity, (count) + 1, sizeof *b->name)
    return ROOM(nodes, nodes) && ROOM(definitions, nodes) && ROOM(reads, reads) &&
           ROOM(instructions, instructions);
#undef ROOM
}

static bool tables_rebuild(fuser *f) {
    ASSERT(f->group_count <= f->b->nodes_count);
    back *b = f->b, was = *b;
    u32 *slots = ARENA_ARRAY(b->memory, u32, 65536);
    fuse_store stored[GROUP_INSTRUCTIONS];
    if (slots == NULL || !tables_empty(b)) return false;
    for (u32 k = 0; k < was.nodes_count && !b->out_of_memory; k++) {
        image_node n = was.nodes[k];
        u32 group = f->group_of[k], stored_count = 0;
        b->node_definition = was.definitions[k];
        if (group != 0 && f->groups[group - 1].first != k) continue;
        if (group != 0 && f->next[k] != 0) {
            node_begin(b, was.shapes[n.shape].dims, was.shapes[n.shape].axis_count);
            for (u32 m = k + 1; m != 0; m = f->next[m - 1])
                member_append(f, &was.nodes[m - 1], was.instructions, slots, stored, &stored_count);
            n.uniform_count = n.tile_count = 0;
            node_end(b, n);
            continue;
        }
        node_copy(b, &was, n);
    }
    arena_give_back(b->memory, slots, 65536 * sizeof *slots);
    arena_give_back(b->memory, was.nodes, (u64)was.nodes_capacity * sizeof *was.nodes);
    arena_give_back(b->memory, was.reads, (u64)was.reads_capacity * sizeof *was.reads);
    arena_give_back(b->memory, was.instructions,
                    (u64)was.instructions_capacity * sizeof *was.instructions);
    arena_give_back(b->memory, was.definitions, (u64)was.definitions_capacity * sizeof(u32));
    return !b->out_of_memory;
}

/* Leaves loose[] true for the pages that need no store: everything that reads them stands in the
 * node that computes them, and that node stores something else. */
static bool loose_settle(fuser *f) {
    const back *b = f->b;
    u32 *kept = ARENA_ARRAY(b->memory, u32, f->group_count + 1u);
    ASSERT(f->group_count <= b->nodes_count);
    if (kept == NULL) return false;
    for (u32 k = 0; k < b->reads_count; k++) {
        const image_read *r = &b->reads[k];
        u32 group = f->group_of[r->node];
        bool inside =
            r->kind == READ_LANE && group != 0 && maker(f, &b->nodes[r->node], r->page) == group;
        if (!inside) f->loose[r->page] = false;
    }
    for (u32 pass = 0; pass < 3; pass++)
        for (u32 k = 0; k < b->nodes_count; k++) {
            const image_node *n = &b->nodes[k];
            u32 group = f->group_of[k];
            if (n->kind != NODE_MAP) f->loose[n->output] = false;
            for (u32 c = 0; c < n->tile_count; c++) {
                const image_instruction *r = &b->instructions[n->program_at + n->uniform_count + c];
                if (r->op != IN_STORE) continue;
                if (pass == 0 && group == 0) f->loose[r->imm] = false;
                if (pass == 1 && group != 0 && !f->loose[r->imm]) kept[group]++;
                if (pass == 2 && kept[group] == 0) f->loose[r->imm] = false;
            }
        }
    return true;
}

bool nodes_fuse(back *b) {
    ASSERT(b->later_count <= b->nodes_count && b->epoch0_count <= b->nodes_count);
    ASSERT(b->passes_done == BACK_WAVES);
    fuser f = {.b = b};
    f.writer[0] = b->writer[0], f.writer[1] = b->writer[1];
    f.group_of = ARENA_ARRAY(b->memory, u32, b->nodes_count + 1u);
    f.next = ARENA_ARRAY(b->memory, u32, b->nodes_count + 1u);
    f.reader_of = ARENA_ARRAY(b->memory, u32, b->pages_count + 1u);
    f.loose = pages_loose(b);
    f.left[0] = ARENA_ARRAY(b->memory, u32, b->pages_count + 1u);
    f.left[1] = ARENA_ARRAY(b->memory, u32, b->pages_count + 1u);
    f.groups = ARENA_ARRAY(b->memory, fuse_group, b->nodes_count + 1u);
    if (f.group_of == NULL || f.next == NULL || f.reader_of == NULL || f.groups == NULL ||
        f.loose == NULL || f.left[0] == NULL || f.left[1] == NULL)
        return false;
    for (u32 k = 0; k < b->reads_count; k++)
        readers_count(&f, &b->nodes[b->reads[k].node], b->reads[k].page, 1);
    /* Nodes of LATER, then those of EPOCH0 alone: readers come after what they read. */
    for (u32 k = 0; k < b->later_count; k++)
        if (node_fuses(b, &b->nodes[b->later[k]])) node_place(&f, b->later[k]);
    for (u32 k = 0; k < b->epoch0_count; k++) {
        const image_node *n = &b->nodes[b->epoch0[k]];
        if ((n->flags & NODE_IN_LATER) == 0 && node_fuses(b, n)) node_place(&f, b->epoch0[k]);
    }
    u32 nodes = b->nodes_count;
    bool ok = loose_settle(&f) && tables_rebuild(&f) && pages_drop(b, f.loose);
    ASSERT(!ok || (b->nodes_count <= nodes && b->definitions_count == b->nodes_count));
    arena_give_back(b->memory, f.groups, (nodes + 1u) * sizeof *f.groups);
    return ok;
}
