/* SPDX-License-Identifier: Apache-2.0
 * Scans, order statistics and products against plain loops written from language.md. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "kernels.h"
#include "whole.h"

static u64 seed = 1;
static u64 random_bits(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed ^ seed >> 29;
}
static f64 random_number(void) { return ((f64)(random_bits() >> 33) - 1073741824.0) / 1e7; }
static u64 number_bits(f64 x) {
    u64 bits;
    memcpy(&bits, &x, 8);
    return bits;
}
static void *take(u64 bytes) { return aligned_alloc(64, ALIGN_UP(bytes + 64, 64)); }
static const u64 sizes[] = {1, 2, 7, 63, 64, 65, 511, 512, 513, 1300, 4097};

/* Values with ties, zeros of both signs, infinities and NaN. */
static void fill_f64(f64 *x, u64 n) {
    static const f64 special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1.5, 1.5, -2.0};
    for (u64 k = 0; k < n; k++)
        x[k] = random_bits() % 3 == 0 ? special[random_bits() % 8] : random_number();
}

static f64 join8(const f64 *x, u64 n) {
    f64 t[8];
    for (u64 k = 0; k < 8; k++) t[k] = k < n ? x[k] : -0.0;
    return ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]));
}
static f64 join_all(f64 *x, u64 n) {
    while (n > 1) {
        u64 used = 0;
        for (u64 k = 0; k < n; k += 8) x[used++] = join8(x + k, n - k);
        n = used;
    }
    return x[0];
}

Test(whole, a_running_sum_has_blocks_of_512_and_a_left_to_right_carry) {
    for (u64 s = 0; s < ARRAY_COUNT(sizes); s++) {
        u64 n = sizes[s];
        f64 *x = take(8 * n), *out = take(8 * n), *want = take(8 * n), carry[16];
        for (u64 k = 0; k < n; k++) x[k] = random_number();
        f64 before = 0;
        for (u64 b = 0; b * 512 < n; b++) {
            f64 fold = x[b * 512];
            for (u64 k = b * 512; k < n && k < b * 512 + 512; k++) {
                if (k > b * 512) fold += x[k];
                want[k] = b == 0 ? fold : before + fold;
            }
            before = b == 0 ? fold : before + fold;
        }
        whole_scan(WHOLE_CUMSUM, TYPE_F64, x, n, 0, carry, out);
        cr_assert_arr_eq(out, want, 8 * n);
        u64 first = (n - 1) / 512 * 512;
        memset(out + first, 0, 8 * (n - first));
        whole_scan(WHOLE_CUMSUM, TYPE_F64, x, n, first, carry, out);
        cr_assert_arr_eq(out, want, 8 * n, "resumed at %llu", (unsigned long long)first);
        free(x), free(out), free(want);
    }
}

Test(whole, a_running_least_keeps_nan_and_the_sign_of_zero) {
    f64 x[6] = {3.0, 0.0, -0.0, 5.0, NAN, -7.0}, out[6], carry[2];
    whole_scan(WHOLE_CUMMIN, TYPE_F64, x, 6, 0, carry, out);
    cr_assert(out[1] == 0.0 && !signbit(out[1]) && signbit(out[2]) && signbit(out[3]));
    cr_assert(isnan(out[4]) && isnan(out[5]));
    i8 y[4] = {3, -4, 9, -128}, most[4];
    i8 byte_carry[2];
    whole_scan(WHOLE_CUMMAX, TYPE_I8, y, 4, 0, byte_carry, most);
    cr_assert_arr_eq(most, ((i8[4]){3, 3, 9, 9}), 4);
}

static int before(f64 a, f64 b) { /* the language's order */
    if (isnan(a) || isnan(b)) return isnan(b) && !isnan(a);
    return a < b || (a == b && signbit(a) && !signbit(b));
}

Test(whole, sort_argsort_and_topk_follow_the_order_with_nan_last) {
    for (u64 s = 0; s < ARRAY_COUNT(sizes); s++) {
        u64 n = sizes[s];
        f64 *x = take(8 * n), *sorted = take(8 * n), *top = take(8 * n);
        i64 *place = take(8 * n);
        void *scratch = take(whole_scratch_bytes(WHOLE_ARGSORT, TYPE_F64, n, 0));
        fill_f64(x, n);
        whole_sort(TYPE_F64, x, n, sorted, scratch);
        whole_argsort(TYPE_F64, x, n, place, scratch);
        whole_topk(TYPE_F64, x, n, n, top, scratch);
        for (u64 k = 0; k + 1 < n; k++) {
            f64 a = x[place[k]], b = x[place[k + 1]];
            cr_assert(!before(b, a));
            if (!before(a, b)) cr_assert(place[k] < place[k + 1], "stable");
            if (!isnan(top[k]) && !isnan(top[k + 1])) cr_assert(!before(top[k], top[k + 1]));
            if (isnan(top[k])) cr_assert(isnan(top[k + 1]));
        }
        for (u64 k = 0; k < n; k++) {
            u64 a = type_canonical(TYPE_F64, number_bits(x[place[k]])), b;
            memcpy(&b, &sorted[k], 8);
            cr_assert(a == b);
        }
        free(x), free(sorted), free(top), free(place), free(scratch);
    }
}

Test(whole, every_integer_type_sorts) {
    i16 a[9] = {5, -3, 7, -32768, 32767, 0, -3, 5, 1}, a_out[9];
    u8 b[5] = {200, 3, 255, 0, 3}, b_out[5];
    i64 c[4] = {INT64_MIN, INT64_MAX, -1, 0}, c_out[4];
    u64 scratch[64];
    whole_sort(TYPE_I16, a, 9, a_out, scratch);
    whole_sort(TYPE_U8, b, 5, b_out, scratch);
    whole_sort(TYPE_I64, c, 4, c_out, scratch);
    cr_assert_arr_eq(a_out, ((i16[9]){-32768, -3, -3, 0, 1, 5, 5, 7, 32767}), sizeof a);
    cr_assert_arr_eq(b_out, ((u8[5]){0, 3, 3, 200, 255}), sizeof b);
    cr_assert_arr_eq(c_out, ((i64[4]){INT64_MIN, -1, 0, INT64_MAX}), sizeof c);
}

Test(whole, a_quantile_is_taken_between_the_two_nearest) {
    for (u64 s = 0; s < ARRAY_COUNT(sizes); s++) {
        u64 n = sizes[s];
        f64 *x = take(8 * n), *sorted = take(8 * n);
        void *scratch = take(whole_scratch_bytes(WHOLE_SORT, TYPE_F64, n, 0));
        for (u64 k = 0; k < n; k++) x[k] = k % 3 == 0 ? 1.25 : random_number();
        whole_sort(TYPE_F64, x, n, sorted, scratch);
        for (u32 q = 0; q <= 20; q++) {
            f64 share = q / 20.0, h = share * (f64)(n - 1), got;
            u64 l = (u64)floor(h), r = l + 1 < n ? l + 1 : n - 1;
            f64 want = sorted[l] + (sorted[r] - sorted[l]) * (h - (f64)l);
            u64 bits = whole_quantile(TYPE_F64, x, n, number_bits(share), scratch);
            memcpy(&got, &bits, 8);
            cr_assert(number_bits(got) == number_bits(want));
        }
        x[n / 2] = NAN;
        cr_assert(whole_quantile(TYPE_F64, x, n, 0, scratch) == 0x7ff8000000000000u);
        free(x), free(sorted), free(scratch);
    }
}

Test(whole, a_product_folds_in_chunks_of_512_joined_as_nodes) {
    static const u64 shapes[][3] = {
        {3, 1300, 2}, {17, 5000, 50}, {1, 1, 1}, {9, 512, 25}, {10, 4097, 7}};
    for (u64 s = 0; s < ARRAY_COUNT(shapes); s++) {
        u64 m = shapes[s][0], k = shapes[s][1], n = shapes[s][2];
        f64 *a = take(8 * m * k), *b = take(8 * k * n), *got = take(8 * m * n);
        void *scratch = take(whole_scratch_bytes(WHOLE_MATMUL, TYPE_F64, k, n));
        for (u64 i = 0; i < m * k; i++) a[i] = random_number();
        for (u64 i = 0; i < k * n; i++) b[i] = random_number();
        whole_matmul(TYPE_F64, a, b, got, m, k, n, 0, m, 0, n, scratch);
        for (u64 i = 0; i < m; i++) {
            for (u64 j = 0; j < n; j++) {
                f64 chunk[16];
                u64 chunks = 0;
                for (u64 x = 0; x < k; x += 512) {
                    f64 fold = a[i * k + x] * b[x * n + j];
                    for (u64 y = x + 1; y < k && y < x + 512; y++)
                        fold = fma(a[i * k + y], b[y * n + j], fold);
                    chunk[chunks++] = fold;
                }
                cr_assert(got[i * n + j] == join_all(chunk, chunks));
            }
        }
        free(a), free(b), free(got), free(scratch);
    }
}
