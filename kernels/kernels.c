/* SPDX-License-Identifier: Apache-2.0
 * kernels: chooses the level for this processor and finds functions in its table. Any thread. */
#include "kernels.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "level.h"

static const op_row ops[OP_COUNT] = {
#define OP(name, text, arity, operands, result, faults) \
    {#name, text, arity, #operands[0], #result[0] == 'B', faults},
#include "ops.def"
#undef OP
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const kernel_level *table = &kernel_level_portable;
static kernels_level taken = KERNELS_PORTABLE;
static kernels_level most_allowed = KERNELS_V4;
static char refused[16];

const char *kernels_level_text(kernels_level level) {
    static const char *const texts[] = {"portable", "v3", "v4"};
    ASSERT(level < KERNELS_LEVELS);
    return texts[level];
}

static kernels_level processor_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    (void)v3;
#ifdef KERNELS_HAVE_V4
    if (v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd"))
        return KERNELS_V4;
#endif
#ifdef KERNELS_HAVE_V3
    if (v3) return KERNELS_V3;
#endif
#endif
    return KERNELS_PORTABLE;
}

static void choose(void) {
    kernels_level level = processor_level();
    const char *wanted = getenv("MMSB_KERNELS");
    if (wanted != NULL) snprintf(refused, sizeof refused, "%s", wanted);
    for (u32 k = 0; k < KERNELS_LEVELS; k++)
        if (strcmp(refused, kernels_level_text(k)) == 0) {
            if ((kernels_level)k < most_allowed) most_allowed = k;
            if (k <= (u32)level) refused[0] = 0;
            break;
        }
    taken = level < most_allowed ? level : most_allowed;
#ifdef KERNELS_HAVE_V4
    if (taken == KERNELS_V4) table = &kernel_level_v4;
#endif
#ifdef KERNELS_HAVE_V3
    if (taken == KERNELS_V3) table = &kernel_level_v3;
#endif
}

kernels_level kernels_choose(kernels_level most) {
    if (most < most_allowed) most_allowed = most;
    pthread_once(&once, choose);
    return taken;
}

const char *kernels_refused(void) {
    pthread_once(&once, choose);
    return refused[0] != 0 ? refused : NULL;
}

static const kernel_level *chosen(void) {
    pthread_once(&once, choose);
    return table;
}

const op_row *op_info(u16 op) {
    ASSERT(op < OP_COUNT);
    return &ops[op];
}

bool op_takes(u16 op, u8 type) {
    if (op >= OP_COUNT || type >= TYPE_COUNT) return false;
    switch (ops[op].operands) {
    case 'N': return type != TYPE_BOOL;
    case 'F': return type_is_float(type);
    case 'I': return type_is_integer(type);
    case 'J': return !type_is_float(type);
    case 'B': return type == TYPE_BOOL;
    default: return true;
    }
}

kernel_fn kernel_find(u16 op, u8 type, u8 type2, u8 variant) {
    if (!op_takes(op, type) || variant >= VARIANT_COUNT) return NULL;
    if (op == OP_CONVERT)
        return variant == VARIANT_VV && type2 < TYPE_COUNT ? chosen()->convert[type][type2] : NULL;
    return (*chosen()->ops[ops[op].arity])[op][type][variant];
}

const kernel_level *kernel_level_of(kernels_level level) {
    if (level > processor_level()) return NULL;
#ifdef KERNELS_HAVE_V4
    if (level == KERNELS_V4) return &kernel_level_v4;
#endif
#ifdef KERNELS_HAVE_V3
    if (level == KERNELS_V3) return &kernel_level_v3;
#endif
    return level == KERNELS_PORTABLE ? &kernel_level_portable : NULL;
}

kernel_store_fn kernel_store(u8 type) { return chosen()->memory->store[type]; }
kernel_stream_fn kernel_stream(u8 type) { return chosen()->memory->stream[type]; }
void kernel_stream_end(void) {
#if defined(__SSE2__)
    __builtin_ia32_sfence();
#endif
}
kernel_scatter_fn kernel_scatter(u8 type) { return chosen()->memory->scatter[type]; }
kernel_gather_fn kernel_gather(u8 type) { return chosen()->memory->gather[type]; }
kernel_strided_fn kernel_strided(u8 type) { return chosen()->memory->strided[type]; }
kernel_offsets_fn kernel_offsets(u8 type, u8 offset_type) {
    return chosen()->memory->offsets[type][offset_type == TYPE_I64];
}
kernel_leaves_fn kernel_leaves(u8 reduce, u8 type) {
    return chosen()->reduces->leaves[reduce][type];
}
kernel_join_fn kernel_join(u8 reduce, u8 type) { return chosen()->reduces->join[reduce][type]; }
u64 kernel_digest(u8 type, const void *page, u64 first, u64 count, u64 key) {
    return chosen()->memory->digest[type](page, first, count, key);
}

void kernel_spread(u8 type, void *d, u64 bits, u32 n) {
    switch (type_bytes(type)) {
    case 1: memset(d, (int)(bits & 255), n); return;
    case 2:
        for (u32 k = 0; k < n; k++) ((u16 *)d)[k] = (u16)bits;
        return;
    case 4:
        for (u32 k = 0; k < n; k++) ((u32 *)d)[k] = (u32)bits;
        return;
    default:
        for (u32 k = 0; k < n; k++) ((u64 *)d)[k] = bits;
    }
}

static u64 nothing_integer(u8 reduce, u8 type) {
    u32 width = 8 * type_bytes(type);
    u64 top = width == 64 ? UINT64_MAX : ((u64)1 << width) - 1;
    if (reduce == 0) return 0;
    if (reduce == 1) return 1;
    bool largest = reduce == 2;
    if (type_is_signed(type)) return largest ? top >> 1 : (top >> 1) + 1;
    return largest ? top : 0;
}

u64 kernel_nothing(u8 reduce, u8 type) {
    if (reduce > 3) return 0;
    if (type == TYPE_BOOL) return reduce == 2;
    static const u64 wide[4] = {0, 0x3ff0000000000000u, 0x7ff0000000000000u, 0xfff0000000000000u};
    static const u64 narrow[4] = {0, 0x3f800000u, 0x7f800000u, 0xff800000u};
    if (type == TYPE_F64) return wide[reduce];
    if (type == TYPE_F32) return narrow[reduce];
    return nothing_integer(reduce, type);
}

u64 kernels_fp_enter(void) {
#if defined(__x86_64__)
    u32 before = __builtin_ia32_stmxcsr();
    if (before != 0x1f80) __builtin_ia32_ldmxcsr(0x1f80);
    return before;
#elif defined(__aarch64__)
    u64 before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"((u64)0));
    return before;
#else
    return 0;
#endif
}

void kernels_fp_leave(u64 before) {
#if defined(__x86_64__)
    if (before != 0x1f80) __builtin_ia32_ldmxcsr((u32)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}
