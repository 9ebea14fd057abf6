/* SPDX-License-Identifier: Apache-2.0
 * device: what differs between gcc, clang and nvcc for one text of lane functions: qualifiers and
 * the names of operations whose bits IEEE-754 fixes. */
#ifndef MMSB_KERNEL_DEVICE_H
#define MMSB_KERNEL_DEVICE_H
#include "../engine/core/base.h"

#if defined(__CUDACC__)
#define ELEMENTARY static __host__ __device__ __forceinline__
#else
#define ELEMENTARY static inline __attribute__((always_inline, unused))
#endif
#if defined(__CUDA_ARCH__)
#define FLOAT_FMA_f64(a, b, c) __fma_rn(a, b, c)
#define FLOAT_FMA_f32(a, b, c) __fmaf_rn(a, b, c)
#define FLOAT_SQRT_f64(x) __dsqrt_rn(x)
#define FLOAT_SQRT_f32(x) __fsqrt_rn(x)
#define FLOAT_FLOOR_f64(x) floor(x)
#define FLOAT_FLOOR_f32(x) floorf(x)
#define FLOAT_CEIL_f64(x) ceil(x)
#define FLOAT_CEIL_f32(x) ceilf(x)
#define FLOAT_ROUND_f64(x) rint(x)
#define FLOAT_ROUND_f32(x) rintf(x)
#define FLOAT_TRUNC_f64(x) trunc(x)
#define FLOAT_TRUNC_f32(x) truncf(x)
#else
#define FLOAT_FMA_f64(a, b, c) __builtin_fma(a, b, c)
#define FLOAT_FMA_f32(a, b, c) __builtin_fmaf(a, b, c)
#define FLOAT_SQRT_f64(x) __builtin_sqrt(x)
#define FLOAT_SQRT_f32(x) __builtin_sqrtf(x)
#define FLOAT_FLOOR_f64(x) __builtin_floor(x)
#define FLOAT_FLOOR_f32(x) __builtin_floorf(x)
#define FLOAT_CEIL_f64(x) __builtin_ceil(x)
#define FLOAT_CEIL_f32(x) __builtin_ceilf(x)
#define FLOAT_ROUND_f64(x) __builtin_rint(x)
#define FLOAT_ROUND_f32(x) __builtin_rintf(x)
#define FLOAT_TRUNC_f64(x) __builtin_trunc(x)
#define FLOAT_TRUNC_f32(x) __builtin_truncf(x)
#endif
#define FLOAT_ABS_f64(x) __builtin_fabs(x)
#define FLOAT_ABS_f32(x) __builtin_fabsf(x)

/* Bits of a float, and the float of those bits. */
ELEMENTARY u32 bits_f32(f32 x) {
    u32 bits;
    memcpy(&bits, &x, 4);
    return bits;
}
ELEMENTARY u64 bits_f64(f64 x) {
    u64 bits;
    memcpy(&bits, &x, 8);
    return bits;
}
ELEMENTARY f32 from_f32(u32 bits) {
    f32 x;
    memcpy(&x, &bits, 4);
    return x;
}
ELEMENTARY f64 from_f64(u64 bits) {
    f64 x;
    memcpy(&x, &bits, 8);
    return x;
}
#endif
