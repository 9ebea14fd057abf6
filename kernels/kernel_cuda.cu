/* SPDX-License-Identifier: Apache-2.0
 * kernel_cuda: what nvcc makes PTX of: the math functions of elementary.h, one .func each, which
 * the kernels written by engine/cuda call, and the kernels that move blocks of pages. Nothing else
 * of the project is seen by nvcc. kernels/cuda_text.cmake puts the result into the library. */
#define _Noreturn
#include "convert.h"

#define FUNCTION extern "C" __device__ __noinline__
#define ONE(name) \
    FUNCTION f64 mmsb_##name(f64 x) { return elementary_##name(x); }
#define TWO(name) \
    FUNCTION f64 mmsb_##name(f64 x, f64 y) { return elementary_##name(x, y); }
ONE(exp)
ONE(exp2)
ONE(expm1)
ONE(log)
ONE(log2)
ONE(log10)
ONE(log1p)
ONE(sin)
ONE(cos)
ONE(tan)
ONE(asin)
ONE(acos)
ONE(atan)
ONE(sinh)
ONE(cosh)
ONE(tanh)
ONE(erf)
ONE(erfc)
ONE(cdf)
TWO(pow)
TWO(atan2)
FUNCTION f64 mmsb_modulo_f64(f64 x, f64 y) { return modulo_f64(x, y); }
FUNCTION f32 mmsb_modulo_f32(f32 x, f32 y) { return modulo_f32(x, y); }
/* Of an exponent that is not negative, modulo 2^32 or 2^64: narrower types keep the low bits. */
FUNCTION u32 mmsb_power_32(u32 x, u32 y) { return power_u32(x, y); }
FUNCTION u64 mmsb_power_64(u64 x, u64 y) { return power_u64(x, y); }

/* Blocks of 4096 bytes between where they lie and a packed staging area, a thread 16 bytes, 256
 * threads a block: `place` is each block's offset from base. */
typedef struct __align__(16) {
    u64 low, high;
} part;
#define KERNEL extern "C" __global__ __launch_bounds__(256) void
KERNEL mmsb_blocks_out(const u8 *base, const u64 *place, u8 *packed) {
    ((part *)(packed + (u64)blockIdx.x * 4096))[threadIdx.x] =
        ((const part *)(base + place[blockIdx.x]))[threadIdx.x];
}
KERNEL mmsb_blocks_in(u8 *base, const u64 *place, const u8 *packed) {
    ((part *)(base + place[blockIdx.x]))[threadIdx.x] =
        ((const part *)(packed + (u64)blockIdx.x * 4096))[threadIdx.x];
}
