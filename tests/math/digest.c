/* SPDX-License-Identifier: Apache-2.0
 * digest: one line a math function, f64 and f32: a digest of its results' bits over one fixed
 * stream of inputs of every kind, NaN canonical. Two builds, levels or processors that print
 * another line differ in a bit. Needs no MPFR. usage: math_digest [TILES] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels.h"

#define TILE 512u

static u64 state;
static u64 random_bits(void) {
    u64 z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Every other tile holds bit patterns, the rest numbers within 16 or within 1, half of these tiles
 * without a negative one. */
static void fill(u64 tile, f64 *to) {
    for (u32 k = 0; k < TILE; k++) {
        u64 bits = random_bits();
        memcpy(&to[k], &bits, 8);
        if (tile % 2 != 0) to[k] = (f64)(i64)bits * (tile % 4 == 1 ? 0x1p-59 : 0x1p-63);
        if (tile % 8 >= 5 && tile % 2 != 0) to[k] = fabs(to[k]);
    }
}

static u64 mix(u64 digest, u64 bits) {
    digest = (digest ^ bits) * 0x9e3779b97f4a7c15u;
    return digest ^ digest >> 32;
}

static u64 digest_f64(u16 op, u64 tiles) {
    kernel_fn f = kernel_find(op, TYPE_F64, 0, VARIANT_VV);
    u64 digest = 0;
    for (u64 t = 0; t < tiles; t++) {
        _Alignas(64) f64 x[TILE], y[TILE], d[TILE];
        fill(t, x), fill(t, y);
        f(d, x, y, NULL, TILE);
        for (u32 k = 0; k < TILE; k++) {
            u64 bits;
            memcpy(&bits, &d[k], 8);
            digest = mix(digest, isnan(d[k]) ? 0x7ff8000000000000u : bits);
        }
    }
    return digest;
}

static u64 digest_f32(u16 op, u64 tiles) {
    kernel_fn f = kernel_find(op, TYPE_F32, 0, VARIANT_VV);
    u64 digest = 0;
    for (u64 t = 0; t < tiles; t++) {
        f64 wide[2][TILE];
        _Alignas(64) f32 x[TILE], y[TILE], d[TILE];
        fill(t | 1, wide[0]), fill(t | 1, wide[1]);
        for (u32 k = 0; k < TILE; k++) {
            u32 bits = (u32)random_bits();
            x[k] = (f32)wide[0][k], y[k] = (f32)wide[1][k];
            if (t % 2 == 0) memcpy(&x[k], &bits, 4);
        }
        f(d, x, y, NULL, TILE);
        for (u32 k = 0; k < TILE; k++) {
            u32 bits;
            memcpy(&bits, &d[k], 4);
            digest = mix(digest, isnan(d[k]) ? 0x7fc00000u : bits);
        }
    }
    return digest;
}

int main(int argc, char **argv) {
    u64 tiles = argc > 1 ? strtoull(argv[1], NULL, 0) : 100;
    for (u32 row = 0; row < OP_COUNT; row++) {
        u16 op = (u16)row;
        if (op_info(op)->operands != 'F' || op_info(op)->arity > 2 || op_info(op)->result_bool)
            continue;
        state = op;
        printf("%s %016llx", op_info(op)->text, (unsigned long long)digest_f64(op, tiles));
        printf(" %016llx\n", (unsigned long long)digest_f32(op, tiles));
    }
    return 0;
}
