/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_memory: loads, stores with comparison, and digests of pages, compiled once per level.
 * Pages are compared by bits; a float's NaN is made canonical on its way into a page. */
#include "level.h"
#include "meaning.h"

#define CANONICAL_u8(x) (x)
#define CANONICAL_u16(x) (x)
#define CANONICAL_u32(x) (x)
#define CANONICAL_u64(x) (x)
#define CANONICAL_f32(x) (((x)&0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : (x))
#define CANONICAL_f64(x) \
    (((x)&0x7fffffffffffffffu) > 0x7ff0000000000000u ? 0x7ff8000000000000u : (x))

/* Non-temporal stores: memory is written without being read first. */
#if defined(__AVX512F__)
#include <immintrin.h>
#define STREAM_BYTES 64
#define STREAM(to, x) _mm512_stream_si512((__m512i *)(to), (__m512i)(x))
#elif defined(__AVX__)
#include <immintrin.h>
#define STREAM_BYTES 32
#define STREAM(to, x) _mm256_stream_si256((__m256i *)(to), (__m256i)(x))
#elif defined(__SSE2__)
#include <immintrin.h>
#define STREAM_BYTES 16
#define STREAM(to, x) _mm_stream_si128((__m128i *)(to), (__m128i)(x))
#else
#define STREAM_BYTES 16
#define STREAM(to, x) memcpy(to, &(x), sizeof(x))
#endif
#define CANONICAL_VECTOR_u8(v, x) (x)
#define CANONICAL_VECTOR_u16(v, x) (x)
#define CANONICAL_VECTOR_u32(v, x) (x)
#define CANONICAL_VECTOR_u64(v, x) (x)
#define NAN_TO(v, x, nan, quiet) (((x) & ~(v)(nan)) | ((v)(nan) & (quiet)))
#define CANONICAL_VECTOR_f32(v, x) NAN_TO(v, x, ((x)&0x7fffffffu) > 0x7f800000u, 0x7fc00000u)
#define CANONICAL_VECTOR_f64(v, x) \
    NAN_TO(v, x, ((x)&0x7fffffffffffffffu) > 0x7ff0000000000000u, 0x7ff8000000000000u)

/* A word of up to 64 lanes: which changed, as bits; then the copy. Equal lanes are not written. */
#define STORE(name, T)                                                                             \
    static inline __attribute__((always_inline))                                                   \
    u64 word_##name(T *restrict to, const T *restrict from, u32 count) {                           \
        T x[64], any = 0;                                                                          \
        for (u32 k = 0; k < count; k++) {                                                          \
            x[k] = CANONICAL_##name(from[k]);                                                      \
            any = (T)(any | (x[k] ^ to[k]));                                                       \
        }                                                                                          \
        if (any == 0) return 0;                                                                    \
        u8 differ[64] = {0};                                                                       \
        for (u32 k = 0; k < count; k++) differ[k] = x[k] != to[k];                                 \
        memcpy(to, x, count * sizeof(T));                                                          \
        u64 bits = 0;                                                                              \
        for (u32 k = 0; k < 8; k++) {                                                              \
            u64 eight;                                                                             \
            memcpy(&eight, differ + 8 * k, 8);                                                     \
            bits |= (eight * 0x0102040810204080u >> 56) << 8 * k;                                  \
        }                                                                                          \
        return bits;                                                                               \
    }                                                                                              \
    static u32 store_##name(void *page, const void *s, u32 n, u64 changed[8]) {                    \
        T *to = page;                                                                              \
        const T *from = s;                                                                         \
        u64 any = 0;                                                                               \
        for (u32 word = 0; word < n / 64; word++)                                                  \
            any |= changed[word] = word_##name(to + word * 64, from + word * 64, 64);              \
        u32 done = n / 64 * 64;                                                                    \
        if (done != n) any |= changed[n / 64] = word_##name(to + done, from + done, n - done);     \
        return any != 0;                                                                           \
    }                                                                                              \
    static void stream_##name(void *page, const void *s, u32 n) {                                  \
        typedef T vector __attribute__((vector_size(STREAM_BYTES)));                               \
        enum { LANES_EACH = STREAM_BYTES / sizeof(T) };                                            \
        T *to = page;                                                                              \
        const T *from = s;                                                                         \
        u32 k = 0;                                                                                 \
        for (; k + LANES_EACH <= n; k += LANES_EACH) {                                             \
            vector x;                                                                              \
            memcpy(&x, from + k, sizeof x);                                                        \
            x = CANONICAL_VECTOR_##name(vector, x);                                                \
            STREAM(to + k, x);                                                                     \
        }                                                                                          \
        for (; k < n; k++) to[k] = CANONICAL_##name(from[k]);                                      \
    }                                                                                              \
    static u32 scatter_##name(void *page, const void *s, const u64 *lane, u32 n, u64 changed[8]) { \
        T *to = page;                                                                              \
        const T *from = s;                                                                         \
        u64 any = 0;                                                                               \
        for (u32 word = 0; word * 64 < n; word++) {                                                \
            u64 bits = 0;                                                                          \
            for (u32 k = word * 64; k < n && k < word * 64 + 64; k++) {                            \
                T x = CANONICAL_##name(from[k]);                                                   \
                bits |= (u64)(to[lane[k]] != x) << (k & 63);                                       \
                to[lane[k]] = x;                                                                   \
            }                                                                                      \
            changed[word] = bits;                                                                  \
            any |= bits;                                                                           \
        }                                                                                          \
        return any != 0;                                                                           \
    }
STORE(u8, u8)
STORE(u16, u16)
STORE(u32, u32)
STORE(u64, u64)
STORE(f32, u32)
STORE(f64, u64)

#define LOAD(T)                                                                                 \
    static void gather_##T(void *d, const void *page, const u64 *lane, u32 n) {                 \
        T *to = d;                                                                              \
        const T *from = page;                                                                   \
        for (u32 k = 0; k < n; k++) to[k] = from[lane[k]];                                      \
    }                                                                                           \
    static void strided_##T(void *d, const void *page, i64 first, i64 stride, u32 n) {          \
        T *to = d;                                                                              \
        const T *from = page;                                                                   \
        for (u32 k = 0; k < n; k++) to[k] = from[first + (i64)k * stride];                      \
    }                                                                                           \
    static void offsets32_##T(void *d, const void *page, const void *offset, const u64 fill[4], \
                              u32 n) {                                                          \
        T *to = d;                                                                              \
        const T *from = page;                                                                   \
        const i32 *at = offset;                                                                 \
        for (u32 k = 0; k < n; k++) to[k] = at[k] < 0 ? (T)fill[-1 - at[k]] : from[at[k]];      \
    }                                                                                           \
    static void offsets64_##T(void *d, const void *page, const void *offset, const u64 fill[4], \
                              u32 n) {                                                          \
        T *to = d;                                                                              \
        const T *from = page;                                                                   \
        const i64 *at = offset;                                                                 \
        for (u32 k = 0; k < n; k++) to[k] = at[k] < 0 ? (T)fill[-1 - at[k]] : from[at[k]];      \
    }
LOAD(u8)
LOAD(u16)
LOAD(u32)
LOAD(u64)

#define STEP 0x9E3779B97F4A7C15u
static inline u64 finalise(u64 z) { /* splitmix64 */
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
#define DIGEST(T)                                                                                \
    static u64 digest_##T(const void *page, u64 first, u64 count, u64 key) {                     \
        const T *p = (const T *)page + first;                                                    \
        u64 sum = 0;                                                                             \
        for (u64 k = 0; k < count; k++) sum += finalise((u64)p[k] ^ (key + (first + k) * STEP)); \
        return sum;                                                                              \
    }
DIGEST(u8)
DIGEST(u16)
DIGEST(u32)
DIGEST(u64)

#define BY_TYPE(name)                                                              \
    {                                                                              \
        [TYPE_BOOL] = name##_u8, [TYPE_I8] = name##_u8, [TYPE_U8] = name##_u8,     \
        [TYPE_I16] = name##_u16, [TYPE_U16] = name##_u16, [TYPE_I32] = name##_u32, \
        [TYPE_U32] = name##_u32, [TYPE_I64] = name##_u64, [TYPE_U64] = name##_u64
#define OFFSETS(T) \
    { offsets32_##T, offsets64_##T }
const kernel_memory LEVEL_NAME(
    kernel_memory) = {.store = BY_TYPE(store), [TYPE_F32] = store_f32, [TYPE_F64] = store_f64},
   .scatter = BY_TYPE(scatter), [TYPE_F32] = scatter_f32, [TYPE_F64] = scatter_f64
}
, .stream = BY_TYPE(stream), [TYPE_F32] = stream_f32, [TYPE_F64] = stream_f64
}
, .gather = BY_TYPE(gather), [TYPE_F32] = gather_u32, [TYPE_F64] = gather_u64
}
, .strided = BY_TYPE(strided), [TYPE_F32] = strided_u32, [TYPE_F64] = strided_u64
}
, .offsets = {[TYPE_BOOL] = OFFSETS(u8), [TYPE_I8] = OFFSETS(u8),   [TYPE_U8] = OFFSETS(u8),
              [TYPE_I16] = OFFSETS(u16), [TYPE_U16] = OFFSETS(u16), [TYPE_I32] = OFFSETS(u32),
              [TYPE_U32] = OFFSETS(u32), [TYPE_F32] = OFFSETS(u32), [TYPE_I64] = OFFSETS(u64),
              [TYPE_U64] = OFFSETS(u64), [TYPE_F64] = OFFSETS(u64)},
  .digest = BY_TYPE(digest), [TYPE_F32] = digest_u32, [TYPE_F64] = digest_u64
}
,
}
;
