/* SPDX-License-Identifier: Apache-2.0
 * ptx_run: blocks in random order, the threads of a block in random order, each until it ends,
 * waits at a barrier or votes. A register is 64 bits, of which an instruction uses what its type
 * has. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

enum { FRAMES = 4, WARP = 32, THREADS = 1024 };
typedef enum { RUNS, AT_BARRIER, AT_VOTE, ENDED } state;
typedef struct {
    const ptx_function *f;
    uint32_t at;
    uint64_t *registers;
    uint8_t *parameters, *local;
} frame;
typedef struct {
    frame frames[FRAMES];
    uint32_t depth;
    state state;
    bool carry;
} thread;
typedef struct {
    const ptx_module *m;
    thread threads[THREADS];
    uint32_t count;
    uint8_t *shared;
    uint32_t shared_bytes;
    ptx_allowed allowed;
    char *error;
} block;

static uint64_t random_next(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double f64_of(uint64_t bits) {
    double x;
    memcpy(&x, &bits, 8);
    return x;
}
static float f32_of(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float x;
    memcpy(&x, &low, 4);
    return x;
}
/* A GPU's NaNs have bits of their own. */
static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    return x != x ? 0xfff8000000000123u : bits;
}
static uint64_t bits_of32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return x != x ? 0x7fffffffu : bits;
}

static uint32_t width_of(uint8_t t) {
    static const uint8_t bytes[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8};
    return bytes[t];
}
static bool is_signed(uint8_t t) { return t >= T_S8 && t <= T_S64; }
static bool is_float(uint8_t t) { return t >= T_F32; }

/* Bits of a type as a 64-bit integer. */
static uint64_t extended(uint8_t t, uint64_t x) {
    uint32_t bits = 8 * width_of(t);
    if (bits == 64) return x;
    x &= ((uint64_t)1 << bits) - 1;
    return is_signed(t) && (x >> (bits - 1) & 1) != 0 ? x | UINT64_MAX << bits : x;
}
static uint64_t cut(uint8_t t, uint64_t x) {
    uint32_t bits = 8 * width_of(t);
    return bits == 64 ? x : x & (((uint64_t)1 << bits) - 1);
}

static uint64_t value(const frame *f, const ptx_operand *o) {
    return o->kind == AT_REGISTER ? f->registers[o->reg] : o->value;
}

static double rounded(uint8_t how, double x) {
    switch (how) {
    case ROUND_NI: return nearbyint(x);
    case ROUND_ZI: return trunc(x);
    case ROUND_MI: return floor(x);
    case ROUND_PI: return ceil(x);
    default: return x;
    }
}

/* Float to integer as PTX has it: saturates; a NaN gives 0, but MIN or the top bit from f64. */
static uint64_t to_integer(uint8_t to, uint8_t from, double x) {
    uint32_t bits = 8 * width_of(to);
    double top = ldexp(1, (int)bits - is_signed(to)), low = is_signed(to) ? -top : 0;
    if (x != x) return from == T_F64 ? (uint64_t)1 << (bits - 1) : 0;
    if (x >= top) return cut(to, is_signed(to) ? ((uint64_t)1 << (bits - 1)) - 1 : UINT64_MAX);
    if (x < low) return cut(to, is_signed(to) ? (uint64_t)1 << (bits - 1) : 0);
    return cut(to, is_signed(to) ? (uint64_t)(int64_t)x : (uint64_t)x);
}

static uint64_t convert(const ptx_instruction *x, uint64_t a) {
    if (is_float(x->from)) {
        double v = x->from == T_F64 ? f64_of(a) : (double)f32_of(a);
        if (x->round > ROUND_N) v = rounded(x->round, v);
        if (x->type == T_F64) return bits_of(v);
        if (x->type == T_F32) return bits_of32((float)v);
        return to_integer(x->type, x->from, v);
    }
    uint64_t v = extended(x->from, a);
    if (x->type == T_F64) return bits_of(is_signed(x->from) ? (double)(int64_t)v : (double)v);
    if (x->type == T_F32) return bits_of32(is_signed(x->from) ? (float)(int64_t)v : (float)v);
    /* A register wider than the type holds the value extended as the result's type is. */
    return cut(x->type, v);
}

static bool float_op(const ptx_instruction *x, uint64_t a, uint64_t b, uint64_t c, uint64_t *d) {
    double u = f64_of(a), v = f64_of(b), w = f64_of(c);
    float p = f32_of(a), q = f32_of(b), r = f32_of(c);
    bool wide = x->type == T_F64;
#define BOTH(e64, e32) *d = wide ? bits_of(e64) : bits_of32(e32)
    switch (x->op) {
    case PTX_ADD: BOTH(u + v, p + q); return true;
    case PTX_SUB: BOTH(u - v, p - q); return true;
    case PTX_MUL: BOTH(u * v, p * q); return true;
    case PTX_DIV: BOTH(u / v, p / q); return true;
    case PTX_RCP: BOTH(1 / u, 1 / p); return true;
    case PTX_SQRT: BOTH(sqrt(u), sqrtf(p)); return true;
    case PTX_FMA: BOTH(fma(u, v, w), fmaf(p, q, r)); return true;
    case PTX_NEG: *d = wide ? a ^ (uint64_t)1 << 63 : cut(T_U32, a ^ 1u << 31); return true;
    case PTX_ABS: *d = wide ? a & ~((uint64_t)1 << 63) : a & 0x7fffffffu; return true;
    default: return false;
    }
#undef BOTH
}

static uint64_t product(const ptx_instruction *x, uint64_t a, uint64_t b) {
    if (x->mode != MODE_HI) return a * b;
    if (width_of(x->type) < 8) return a * b >> 8 * width_of(x->type);
    __extension__ typedef unsigned __int128 wide;
    __extension__ typedef __int128 wide_signed;
    return is_signed(x->type) ? (uint64_t)(((wide_signed)(int64_t)a * (int64_t)b) >> 64)
                              : (uint64_t)(((wide)a * b) >> 64);
}

/* Division by 0 gives ones, the least by -1 itself: neither may be seen. */
static uint64_t quotient(const ptx_instruction *x, uint64_t a, uint64_t b) {
    bool rest = x->op == PTX_REM;
    if (cut(x->type, b) == 0) return UINT64_MAX;
    if (!is_signed(x->type)) return rest ? a % b : a / b;
    if (b == UINT64_MAX) return rest ? 0 : 0 - a;
    return (uint64_t)(rest ? (int64_t)a % (int64_t)b : (int64_t)a / (int64_t)b);
}

static uint64_t shifted(const ptx_instruction *x, uint64_t a, uint64_t count) {
    uint32_t bits = 8 * width_of(x->type), n = (uint32_t)count;
    if (x->op == PTX_SHL) return n >= bits ? 0 : a << n;
    if (n >= bits) return is_signed(x->type) && (int64_t)a < 0 ? UINT64_MAX : 0;
    return is_signed(x->type) ? (uint64_t)((int64_t)a >> n) : a >> n;
}

static bool integer_op(thread *t, const ptx_instruction *x, uint64_t a, uint64_t b, uint64_t c,
                       uint64_t *d) {
    bool less = is_signed(x->type) ? (int64_t)a < (int64_t)b : a < b;
    switch (x->op) {
    case PTX_ADD:
        *d = a + b;
        if (x->carry) t->carry = cut(x->type, *d) < cut(x->type, a);
        return true;
    case PTX_ADDC: {
        uint64_t one = a + b, all = one + t->carry;
        if (x->carry) t->carry = one < a || all < one;
        *d = all;
        return width_of(x->type) == 8;
    }
    case PTX_SUB: *d = a - b; return true;
    case PTX_MUL: *d = product(x, a, b); return true;
    case PTX_MAD: *d = a * b + c; return x->mode == MODE_LO;
    case PTX_DIV:
    case PTX_REM: *d = quotient(x, a, b); return true;
    case PTX_NEG: *d = 0 - a; return true;
    case PTX_MIN: *d = less ? a : b; return true;
    case PTX_MAX: *d = less ? b : a; return true;
    case PTX_AND: *d = a & b; return true;
    case PTX_OR: *d = a | b; return true;
    case PTX_XOR: *d = a ^ b; return true;
    case PTX_NOT: *d = x->type == T_PRED ? a ^ 1 : ~a; return true;
    case PTX_SHL:
    case PTX_SHR: *d = shifted(x, a, b); return true;
    case PTX_POPC: *d = (uint64_t)__builtin_popcountll(cut(x->type, a)); return true;
    case PTX_CLZ: {
        uint64_t v = cut(x->type, a);
        uint32_t bits = 8 * width_of(x->type);
        *d = v == 0 ? bits : (uint32_t)__builtin_clzll(v) - (64 - bits);
        return true;
    }
    default: return false;
    }
}

static bool compared(const ptx_instruction *x, uint64_t a, uint64_t b) {
    int order;
    if (is_float(x->type)) {
        double u = x->type == T_F64 ? f64_of(a) : (double)f32_of(a);
        double v = x->type == T_F64 ? f64_of(b) : (double)f32_of(b);
        bool nan = u != u || v != v;
        if (x->compare == CMP_NUM) return !nan;
        if (x->compare == CMP_NAN) return nan;
        if (nan) return x->compare >= CMP_EQU;
        order = u < v ? -1 : u > v;
    } else if (is_signed(x->type)) {
        order = (int64_t)a < (int64_t)b ? -1 : (int64_t)a > (int64_t)b;
    } else {
        order = a < b ? -1 : a > b;
    }
    switch (x->compare) {
    case CMP_EQ:
    case CMP_EQU: return order == 0;
    case CMP_NE:
    case CMP_NEU: return order != 0;
    case CMP_LT:
    case CMP_LTU: return order < 0;
    case CMP_LE:
    case CMP_LEU: return order <= 0;
    case CMP_GT:
    case CMP_GTU: return order > 0;
    default: return order >= 0;
    }
}

static bool fails(block *b, const char *what, const frame *f) {
    snprintf(b->error, 200, "%s in %.60s at instruction %u", what, f->f->name, f->at);
    return false;
}

/* Where an address of a space lies; NULL with words: outside. */
static uint8_t *place_of(block *b, frame *f, uint8_t space, uint64_t at, size_t bytes) {
    if (at % bytes != 0) {
        fails(b, "an address is not aligned", f);
        return NULL;
    }
    if (space == SPACE_SHARED && at + bytes <= b->shared_bytes) return b->shared + at;
    if (space == SPACE_LOCAL && at + bytes <= f->f->local) return f->local + at;
    if (space == SPACE_PARAM && at + bytes <= f->f->parameters) return f->parameters + at;
    bool ours = space == SPACE_GLOBAL && b->allowed(at, bytes);
    for (uint32_t k = 0; space == SPACE_GLOBAL && k < b->m->global_count; k++) {
        uint64_t from = (uint64_t)(uintptr_t)b->m->globals[k].bytes;
        ours = ours || (at >= from && at + bytes <= from + b->m->globals[k].size);
    }
    if (ours) return (uint8_t *)(uintptr_t)at;
    fails(b, "an address outside of what was taken", f);
    return NULL;
}

static bool move(block *b, frame *f, const ptx_instruction *x) {
    size_t bytes = width_of(x->type);
    uint64_t at = value(f, &x->in[0]) + (uint64_t)x->offset;
    for (uint32_t k = 0; k < x->vector; k++) {
        uint8_t *to = place_of(b, f, x->space, at + k * bytes, bytes);
        uint64_t v = 0;
        if (to == NULL) return false;
        if (x->op == PTX_LD) {
            memcpy(&v, to, bytes);
            f->registers[x->to[k]] = is_signed(x->type) ? extended(x->type, v) : v;
        } else {
            v = x->in[1].kind != AT_NOTHING ? value(f, &x->in[1]) : f->registers[x->to[k]];
            memcpy(to, &v, bytes);
        }
    }
    return true;
}

static bool enter(block *b, thread *t, const ptx_instruction *x) {
    frame *f = &t->frames[t->depth - 1];
    const ptx_function *g = &b->m->functions[x->target];
    if (t->depth == FRAMES) return fails(b, "calls are too deep", f);
    frame *n = &t->frames[t->depth];
    *n = (frame){.f = g};
    n->registers = malloc(g->registers * 8u + g->parameters + g->local + 16u);
    if (n->registers == NULL || x->argument_count != g->parameter_count)
        return fails(b, "a call", f);
    memset(n->registers, 0xa5, g->registers * 8u + g->parameters + g->local);
    n->parameters = (uint8_t *)(n->registers + g->registers);
    n->local = n->parameters + ((g->parameters + 7) & ~7u);
    for (uint32_t k = 0; k < g->parameter_count; k++)
        memcpy(n->parameters + g->parameter_at[k], f->parameters + x->arguments[k],
               g->parameter_bytes[k]);
    t->depth++;
    return true;
}

static void leave(thread *t) {
    frame *f = &t->frames[t->depth - 1];
    if (t->depth == 1) {
        t->state = ENDED;
        return;
    }
    frame *to = &t->frames[t->depth - 2];
    const ptx_instruction *x = &to->f->code[to->at - 1];
    if (x->has_result)
        memcpy(to->parameters + x->result, f->parameters + f->f->result_at, f->f->result_bytes);
    free(f->registers);
    t->depth--;
}

static bool compute(block *b, thread *t, frame *f, const ptx_instruction *x) {
    uint64_t in[3] = {0}, d = 0;
    bool known = true;
    for (uint32_t k = 0; k < 3; k++) in[k] = value(f, &x->in[k]);
    if (!is_float(x->from) && x->from != T_PRED && x->op != PTX_SELP && x->op != PTX_CVT) {
        bool count = x->op == PTX_SHL || x->op == PTX_SHR;
        in[0] = extended(x->from, in[0]);
        in[1] = count ? cut(T_U32, in[1]) : extended(x->from, in[1]);
        in[2] = extended(x->from, in[2]);
    }
    switch (x->op) {
    case PTX_MOV:
    case PTX_CVTA: d = in[0]; break;
    case PTX_CVT: d = convert(x, in[0]); break;
    case PTX_SELP: d = (in[2] & 1) != 0 ? in[0] : in[1]; break;
    case PTX_SETP: d = compared(x, in[0], in[1]); break;
    default:
        known = is_float(x->type) ? float_op(x, in[0], in[1], in[2], &d)
                                  : integer_op(t, x, in[0], in[1], in[2], &d);
    }
    if (!known) return fails(b, "an operation of that type", f);
    uint8_t type = x->op == PTX_MUL && x->mode == MODE_WIDE ? T_U64 : x->type;
    if (x->op == PTX_SETP || type == T_PRED) d &= 1;
    f->registers[x->to[0]] = x->op == PTX_SETP ? d : cut(type, d);
    return true;
}

/* One instruction. False: the run is over, with words. */
static bool step(block *b, thread *t) {
    frame *f = &t->frames[t->depth - 1];
    if (f->at >= f->f->count) return fails(b, "behind the end", f);
    const ptx_instruction *x = &f->f->code[f->at++];
    if (x->guard >= 0 && (f->registers[x->guard] & 1) == x->guard_not) return true;
    switch (x->op) {
    case PTX_BRA: f->at = x->target; return true;
    case PTX_RET: leave(t); return true;
    case PTX_CALL: return enter(b, t, x);
    case PTX_BAR: t->state = AT_BARRIER; return true;
    case PTX_VOTE: t->state = AT_VOTE; return true;
    case PTX_LD:
    case PTX_ST: return move(b, f, x);
    default: return compute(b, t, f, x);
    }
}

/* All threads of a warp have come to a vote: each gets the word. */
static void vote(block *b, uint32_t first) {
    uint64_t ballot = 0;
    for (uint32_t k = 0; k < WARP; k++) {
        frame *f = &b->threads[first + k].frames[b->threads[first + k].depth - 1];
        ballot |= (value(f, &f->f->code[f->at - 1].in[0]) & 1) << k;
    }
    for (uint32_t k = 0; k < WARP; k++) {
        thread *t = &b->threads[first + k];
        frame *f = &t->frames[t->depth - 1];
        f->registers[f->f->code[f->at - 1].to[0]] = ballot;
        t->state = RUNS;
    }
}

static uint32_t count_of(const block *b, uint32_t first, uint32_t count, state s) {
    uint32_t n = 0;
    for (uint32_t k = first; k < first + count; k++) n += b->threads[k].state == s;
    return n;
}

static bool threads_run(block *b, uint64_t *seed) {
    while (b->count != 0) {
        uint32_t start = (uint32_t)(random_next(seed) % b->count);
        for (uint32_t k = 0; k < b->count; k++) {
            thread *t = &b->threads[(start + k) % b->count];
            while (t->state == RUNS)
                if (!step(b, t)) return false;
        }
        bool voted = false;
        for (uint32_t w = 0; w < b->count; w += WARP) {
            if (count_of(b, w, WARP, AT_VOTE) != WARP) continue;
            vote(b, w);
            voted = true;
        }
        if (voted) continue;
        uint32_t ended = count_of(b, 0, b->count, ENDED);
        if (ended == b->count) return true;
        if (count_of(b, 0, b->count, AT_BARRIER) != b->count)
            return fails(b, "threads wait for others that never come", &b->threads[0].frames[0]);
        for (uint32_t k = 0; k < b->count; k++) b->threads[k].state = RUNS;
    }
    return true;
}

static bool block_run(block *b, const ptx_function *f, uint32_t number, uint8_t *memory,
                      size_t each, const uint64_t *parameters, uint64_t *seed) {
    memset(memory, 0xa5, each * b->count + f->shared);
    b->shared = memory + each * b->count, b->shared_bytes = f->shared;
    for (uint32_t k = 0; k < b->count; k++) {
        thread *t = &b->threads[k];
        *t = (thread){.depth = 1};
        frame *x = &t->frames[0];
        x->f = f;
        x->registers = (uint64_t *)(void *)(memory + k * each);
        x->registers[0] = k, x->registers[1] = number;
        x->parameters = (uint8_t *)(x->registers + f->registers);
        x->local = x->parameters + ((f->parameters + 7) & ~7u);
        for (uint32_t p = 0; p < f->parameter_count; p++)
            memcpy(x->parameters + f->parameter_at[p], &parameters[p], f->parameter_bytes[p]);
    }
    bool whole = threads_run(b, seed);
    for (uint32_t k = 0; k < b->count; k++)
        for (uint32_t d = 1; d < b->threads[k].depth; d++) free(b->threads[k].frames[d].registers);
    return whole;
}

bool ptx_run(const ptx_module *m, const ptx_function *f, uint32_t blocks, uint32_t threads,
             const uint64_t *parameters, ptx_allowed allowed, uint64_t *seed, char error[200]) {
    size_t each = f->registers * 8u + ((f->parameters + 7) & ~7u) + ((f->local + 7) & ~7u);
    block *b = calloc(1, sizeof *b);
    uint8_t *memory = malloc(each * threads + f->shared + 16);
    uint32_t *order = malloc(blocks * sizeof *order);
    bool whole =
        b != NULL && memory != NULL && order != NULL && threads <= THREADS && threads % WARP == 0;
    if (!whole) snprintf(error, 200, "no memory, or no such launch");
    for (uint32_t k = 0; whole && k < blocks; k++) {
        uint32_t other = (uint32_t)(random_next(seed) % (k + 1));
        order[k] = order[other], order[other] = k;
    }
    for (uint32_t k = 0; whole && k < blocks; k++) {
        b->m = m, b->count = threads, b->allowed = allowed, b->error = error;
        whole = block_run(b, f, order[k], memory, each, parameters, seed);
    }
    free(order);
    free(memory);
    free(b);
    return whole;
}
