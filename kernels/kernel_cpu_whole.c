/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_whole: scans, matrix products and dots, compiled once per level from one text with the
 * same bits. A product's tile keeps its outputs in registers while k runs, so each output still
 * folds in k order; packing B makes its loads contiguous. */
#include "whole_level.h"

#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)

/* One block left to right, from its first element; then the carry is joined to every lane. */
#define SCAN(name, ctype, JOIN)                                                             \
    static void scan_##name(const ctype *row, u64 n, u64 first, ctype *carry, ctype *out) { \
        for (u64 at = first; at < n; at += SCAN_BLOCK) {                                    \
            u64 end = at + SCAN_BLOCK < n ? at + SCAN_BLOCK : n, block = at / SCAN_BLOCK;   \
            ctype fold = row[at];                                                           \
            out[at] = fold;                                                                 \
            for (u64 k = at + 1; k < end; k++) {                                            \
                fold = JOIN(fold, row[k]);                                                  \
                out[k] = fold;                                                              \
            }                                                                               \
            if (end < n) carry[block + 1] = block == 0 ? fold : JOIN(carry[block], fold);   \
            if (block == 0) continue;                                                       \
            ctype before = carry[block];                                                    \
            for (u64 k = at; k < end; k++) out[k] = JOIN(before, out[k]);                   \
        }                                                                                   \
    }
#define JOIN_ADD(a, b) ((a) + (b))
#define JOIN_MUL(a, b) ((a) * (b))
#define JOIN_LEAST(a, b) ((a) < (b) ? (a) : (b))
#define JOIN_MOST(a, b) ((a) > (b) ? (a) : (b))

static inline f64 least_f64(f64 a, f64 b) {
    f64 r = a < b ? a : b;
    u64 x, y;
    memcpy(&x, &a, 8), memcpy(&y, &b, 8);
    u64 both = x | y;
    f64 tie;
    memcpy(&tie, &both, 8);
    r = a == b ? tie : r;
    return a != a || b != b ? (f64)__builtin_nan("") : r;
}
static inline f64 most_f64(f64 a, f64 b) {
    f64 r = a > b ? a : b;
    u64 x, y;
    memcpy(&x, &a, 8), memcpy(&y, &b, 8);
    u64 both = x & y;
    f64 tie;
    memcpy(&tie, &both, 8);
    r = a == b ? tie : r;
    return a != a || b != b ? (f64)__builtin_nan("") : r;
}
static inline f32 least_f32(f32 a, f32 b) { return (f32)least_f64((f64)a, (f64)b); }
static inline f32 most_f32(f32 a, f32 b) { return (f32)most_f64((f64)a, (f64)b); }

#define SCAN_INTEGER(name, ctype)     \
    SCAN(sum_##name, ctype, JOIN_ADD) \
    SCAN(prod_##name, ctype, JOIN_MUL)
#define SCAN_ORDER(name, ctype, LEAST, MOST) \
    SCAN(min_##name, ctype, LEAST)           \
    SCAN(max_##name, ctype, MOST)
SCAN_INTEGER(u64, u64)
SCAN_INTEGER(f32, f32)
SCAN_INTEGER(f64, f64)
SCAN_ORDER(i8, i8, JOIN_LEAST, JOIN_MOST)
SCAN_ORDER(i16, i16, JOIN_LEAST, JOIN_MOST)
SCAN_ORDER(i32, i32, JOIN_LEAST, JOIN_MOST)
SCAN_ORDER(i64, i64, JOIN_LEAST, JOIN_MOST)
SCAN_ORDER(u8, u8, JOIN_LEAST, JOIN_MOST)
SCAN_ORDER(u16, u16, JOIN_LEAST, JOIN_MOST)
SCAN_ORDER(u32, u32, JOIN_LEAST, JOIN_MOST)
SCAN_ORDER(u64, u64, JOIN_LEAST, JOIN_MOST)
SCAN_ORDER(f32, f32, least_f32, most_f32)
SCAN_ORDER(f64, f64, least_f64, most_f64)

static void scan_order(bool most, u8 type, const void *row, u64 n, u64 first, void *carry,
                       void *out) {
#define ORDER_CASE(TYPE, name)                          \
    case TYPE:                                          \
        if (most)                                       \
            scan_max_##name(row, n, first, carry, out); \
        else                                            \
            scan_min_##name(row, n, first, carry, out); \
        return
    switch (type) {
        ORDER_CASE(TYPE_I8, i8);
        ORDER_CASE(TYPE_I16, i16);
        ORDER_CASE(TYPE_I32, i32);
        ORDER_CASE(TYPE_I64, i64);
        ORDER_CASE(TYPE_BOOL, u8);
        ORDER_CASE(TYPE_U8, u8);
        ORDER_CASE(TYPE_U16, u16);
        ORDER_CASE(TYPE_U32, u32);
        ORDER_CASE(TYPE_U64, u64);
        ORDER_CASE(TYPE_F32, f32);
        ORDER_CASE(TYPE_F64, f64);
    default: ASSERT(type < TYPE_COUNT);
    }
}

static void scan(u8 kind, u8 type, const void *row, u64 n, u64 first, void *carry, void *out) {
    if (kind == WHOLE_CUMMIN || kind == WHOLE_CUMMAX) {
        scan_order(kind == WHOLE_CUMMAX, type, row, n, first, carry, out);
        return;
    }
    bool sum = kind == WHOLE_CUMSUM;
    ASSERT(sum || kind == WHOLE_CUMPROD);
    if (type == TYPE_F64 && sum)
        scan_sum_f64(row, n, first, carry, out);
    else if (type == TYPE_F64)
        scan_prod_f64(row, n, first, carry, out);
    else if (type == TYPE_F32 && sum)
        scan_sum_f32(row, n, first, carry, out);
    else if (type == TYPE_F32)
        scan_prod_f32(row, n, first, carry, out);
    else if (sum)
        scan_sum_u64(row, n, first, carry, out);
    else
        scan_prod_u64(row, n, first, carry, out);
}

/* Vectors of this level: eight bytes of element times what the level's registers hold. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define TILE_ROWS 8
#elif defined(__FMA__)
#define VECTOR_BYTES 32
#define TILE_ROWS 4
#else
#define VECTOR_BYTES 16
#define TILE_ROWS 4
#endif
#define TILE_VECTORS 3
typedef f64 vector_f64 __attribute__((vector_size(VECTOR_BYTES)));
typedef f32 vector_f32 __attribute__((vector_size(VECTOR_BYTES)));
#define COLUMNS_f64 (TILE_VECTORS * VECTOR_BYTES / 8)
#define COLUMNS_f32 (TILE_VECTORS * VECTOR_BYTES / 4)
_Static_assert(TILE_ROWS <= MATMUL_ROWS && COLUMNS_f32 <= MATMUL_COLUMNS,
               "scratch is planned for these");

#if defined(__AVX512F__)
#include <immintrin.h>
#define fma_vector_f64(a, b, c) \
    ((vector_f64)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#define fma_vector_f32(a, b, c) ((vector_f32)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#elif defined(__FMA__)
#include <immintrin.h>
#define fma_vector_f64(a, b, c) \
    ((vector_f64)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#define fma_vector_f32(a, b, c) ((vector_f32)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#else
static inline vector_f64 fma_vector_f64(vector_f64 a, vector_f64 b, vector_f64 c) {
    for (u32 l = 0; l < VECTOR_BYTES / 8; l++) c[l] = __builtin_fma(a[l], b[l], c[l]);
    return c;
}
static inline vector_f32 fma_vector_f32(vector_f32 a, vector_f32 b, vector_f32 c) {
    for (u32 l = 0; l < VECTOR_BYTES / 4; l++) c[l] = __builtin_fmaf(a[l], b[l], c[l]);
    return c;
}
#endif

/* One chunk of k for a tile of outputs, from -0.0: fma(a, b, -0.0) is the rounded first product.
 * `a` has row stride k_all; `b` is packed COLUMNS wide. Rows past `rows` repeat the last one and
 * are not used. */
#define UNROLL _Pragma("GCC unroll 8")
#define TILE(ctype)                                                                                \
    static void tile_##ctype(const ctype *a, u64 k_all, u32 rows, const ctype *b, u64 depth,       \
                             ctype *restrict to) {                                                 \
        vector_##ctype fold[TILE_ROWS][TILE_VECTORS];                                              \
        const ctype *row[TILE_ROWS];                                                               \
        UNROLL for (u32 r = 0; r < TILE_ROWS; r++) row[r] = a + (r < rows ? r : rows - 1) * k_all; \
        UNROLL for (u32 r = 0; r < TILE_ROWS; r++) {                                               \
            UNROLL for (u32 v = 0; v < TILE_VECTORS; v++) fold[r][v] = -(vector_##ctype){0};       \
        }                                                                                          \
        for (u64 k = 0; k < depth; k++) {                                                          \
            const ctype *at = b + k * COLUMNS_##ctype;                                             \
            vector_##ctype column[TILE_VECTORS];                                                   \
            UNROLL for (u32 v = 0; v < TILE_VECTORS; v++)                                          \
                memcpy(&column[v], at + v * (VECTOR_BYTES / sizeof(ctype)), VECTOR_BYTES);         \
            UNROLL for (u32 r = 0; r < TILE_ROWS; r++) {                                           \
                vector_##ctype x = row[r][k] - (vector_##ctype){0};                                \
                UNROLL for (u32 v = 0; v < TILE_VECTORS; v++) fold[r][v] =                         \
                    fma_vector_##ctype(x, column[v], fold[r][v]);                                  \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (u32 r = 0; r < TILE_ROWS; r++) {                                               \
            UNROLL for (u32 v = 0; v < TILE_VECTORS; v++)                                          \
                memcpy(to + (r * TILE_VECTORS + v) * (VECTOR_BYTES / sizeof(ctype)), &fold[r][v],  \
                       VECTOR_BYTES);                                                              \
        }                                                                                          \
    }
TILE(f64)
TILE(f32)

/* Eight chunk results (absent ones are left out) to one, as nodes join. */
#define JOIN_TILES(ctype)                                                                   \
    static void join_tiles_##ctype(const ctype *in, u32 count, ctype *to) {                 \
        enum { LANES = TILE_ROWS * COLUMNS_##ctype };                                       \
        for (u32 l = 0; l < LANES; l++) {                                                   \
            ctype x[8];                                                                     \
            for (u32 c = 0; c < 8; c++) x[c] = c < count ? in[c * LANES + l] : (ctype)-0.0; \
            to[l] = ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));      \
        }                                                                                   \
    }
JOIN_TILES(f64)
JOIN_TILES(f32)

/* The tile's outputs over all of k: chunk results climb a stack of levels, eight to one. Result in
 * stack[0]. */
#define TILE_WHOLE(ctype)                                                                       \
    static const ctype *tile_whole_##ctype(const ctype *a, u64 k_all, u32 rows, const ctype *b, \
                                           ctype *stack) {                                      \
        enum { LANES = TILE_ROWS * COLUMNS_##ctype };                                           \
        u32 held[MATMUL_LEVELS] = {0};                                                          \
        for (u64 k = 0; k < k_all; k += SCAN_BLOCK) {                                           \
            u64 depth = k_all - k < SCAN_BLOCK ? k_all - k : SCAN_BLOCK;                        \
            tile_##ctype(a + k, k_all, rows, b + k * COLUMNS_##ctype, depth,                    \
                         stack + held[0]++ * LANES);                                            \
            for (u32 level = 0; held[level] == 8 && level + 1 < MATMUL_LEVELS; level++) {       \
                ctype *from = stack + level * 8 * LANES;                                        \
                join_tiles_##ctype(from, 8, from + (8 + held[level + 1]++) * LANES);            \
                held[level] = 0;                                                                \
            }                                                                                   \
        }                                                                                       \
        u32 top = MATMUL_LEVELS - 1;                                                            \
        while (top > 0 && held[top] == 0) top--;                                                \
        for (u32 level = 0; level < top; level++) {                                             \
            ctype *from = stack + level * 8 * LANES;                                            \
            if (held[level] == 0) continue;                                                     \
            join_tiles_##ctype(from, held[level], from + (8 + held[level + 1]++) * LANES);      \
        }                                                                                       \
        ctype *last = stack + top * 8 * LANES;                                                  \
        if (held[top] > 1) {                                                                    \
            join_tiles_##ctype(last, held[top], stack);                                         \
            last = stack;                                                                       \
        }                                                                                       \
        return last;                                                                            \
    }
TILE_WHOLE(f64)
TILE_WHOLE(f32)

#define MATMUL(ctype)                                                                              \
    static void pack_##ctype(const ctype *b, u64 k, u64 n, u64 first, u64 end, ctype *to) {        \
        for (u64 row = 0; row < k; row++)                                                          \
            for (u64 c = 0; c < COLUMNS_##ctype; c++)                                              \
                to[row * COLUMNS_##ctype + c] = first + c < end ? b[row * n + first + c] : 0;      \
    }                                                                                              \
    static void matmul_##ctype(const ctype *a, const ctype *b, ctype *out, u64 k, u64 n,           \
                               u64 rows[2], u64 columns[2], ctype *scratch) {                      \
        ctype *stack = scratch;                                                                    \
        ctype *packed = scratch + (MATMUL_LEVELS + 1) * 8 * MATMUL_ROWS * MATMUL_COLUMNS;          \
        u64 panels = (columns[1] - columns[0] + COLUMNS_##ctype - 1) / COLUMNS_##ctype;            \
        for (u64 p = 0; p < panels; p++)                                                           \
            pack_##ctype(b, k, n, columns[0] + p * COLUMNS_##ctype, columns[1],                    \
                         packed + p * k * COLUMNS_##ctype);                                        \
        for (u64 block = rows[0]; block < rows[1]; block += MATMUL_BLOCK_ROWS) {                   \
            u64 block_end =                                                                        \
                block + MATMUL_BLOCK_ROWS < rows[1] ? block + MATMUL_BLOCK_ROWS : rows[1];         \
            for (u64 p = 0; p < panels; p++) {                                                     \
                u64 column = columns[0] + p * COLUMNS_##ctype;                                     \
                u64 width =                                                                        \
                    columns[1] - column < COLUMNS_##ctype ? columns[1] - column : COLUMNS_##ctype; \
                for (u64 row = block; row < block_end; row += TILE_ROWS) {                         \
                    u32 tall = (u32)(block_end - row < TILE_ROWS ? block_end - row : TILE_ROWS);   \
                    const ctype *t = tile_whole_##ctype(a + row * k, k, tall,                      \
                                                        packed + p * k * COLUMNS_##ctype, stack);  \
                    for (u32 r = 0; r < tall; r++)                                                 \
                        memcpy(out + (row + r) * n + column, t + r * COLUMNS_##ctype,              \
                               width * sizeof(ctype));                                             \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
MATMUL(f64)
MATMUL(f32)

#define MATMUL_INTEGER(ctype)                                                            \
    static void matmul_##ctype(const ctype *a, const ctype *b, ctype *out, u64 k, u64 n, \
                               u64 rows[2], u64 columns[2]) {                            \
        for (u64 i = rows[0]; i < rows[1]; i++) {                                        \
            for (u64 j = columns[0]; j < columns[1]; j++) out[i * n + j] = 0;            \
            for (u64 l = 0; l < k; l++) {                                                \
                u64 x = a[i * k + l];                                                    \
                for (u64 j = columns[0]; j < columns[1]; j++)                            \
                    out[i * n + j] = (ctype)(out[i * n + j] + x * b[l * n + j]);         \
            }                                                                            \
        }                                                                                \
    }
MATMUL_INTEGER(u8)
MATMUL_INTEGER(u16)
MATMUL_INTEGER(u32)
MATMUL_INTEGER(u64)

static void matmul(u8 type, const void *a, const void *b, void *out, u64 k, u64 n, u64 rows[2],
                   u64 columns[2], void *scratch) {
    if (type == TYPE_F64)
        matmul_f64(a, b, out, k, n, rows, columns, scratch);
    else if (type == TYPE_F32)
        matmul_f32(a, b, out, k, n, rows, columns, scratch);
    else if (type_bytes(type) == 8)
        matmul_u64(a, b, out, k, n, rows, columns);
    else if (type_bytes(type) == 4)
        matmul_u32(a, b, out, k, n, rows, columns);
    else if (type_bytes(type) == 2)
        matmul_u16(a, b, out, k, n, rows, columns);
    else
        matmul_u8(a, b, out, k, n, rows, columns);
}

#define DOT(ctype, FMA)                                                                   \
    static void dot_##ctype(const ctype *x, const ctype *y, u32 n, ctype *out) {          \
        for (u32 at = 0; at < n; at += 64) {                                              \
            u32 end = n - at < 64 ? n - at : 64;                                          \
            ctype s[8];                                                                   \
            for (u32 l = 0; l < 8; l++) s[l] = (ctype)-0.0;                               \
            for (u32 k = 0; k < end; k++) s[k & 7] = FMA(x[at + k], y[at + k], s[k & 7]); \
            *out++ = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));   \
        }                                                                                 \
    }
DOT(f64, __builtin_fma)
DOT(f32, __builtin_fmaf)
#define DOT_INTEGER(ctype)                                                       \
    static void dot_##ctype(const ctype *x, const ctype *y, u32 n, ctype *out) { \
        for (u32 at = 0; at < n; at += 64) {                                     \
            u64 s = 0;                                                           \
            for (u32 k = at; k < n && k < at + 64; k++) s += (u64)x[k] * y[k];   \
            *out++ = (ctype)s;                                                   \
        }                                                                        \
    }
DOT_INTEGER(u8)
DOT_INTEGER(u16)
DOT_INTEGER(u32)
DOT_INTEGER(u64)

static void dot_leaves(u8 type, const void *x, const void *y, u32 n, void *out) {
    if (type == TYPE_F64)
        dot_f64(x, y, n, out);
    else if (type == TYPE_F32)
        dot_f32(x, y, n, out);
    else if (type_bytes(type) == 8)
        dot_u64(x, y, n, out);
    else if (type_bytes(type) == 4)
        dot_u32(x, y, n, out);
    else if (type_bytes(type) == 2)
        dot_u16(x, y, n, out);
    else
        dot_u8(x, y, n, out);
}

const whole_table PASTE(whole_table, KERNEL_LEVEL) = {scan, matmul, dot_leaves};
