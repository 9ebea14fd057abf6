/* SPDX-License-Identifier: Apache-2.0
 * bench_whole: functions of whole rows beside what people use for them: the canonical sum in L1,
 * matrix products beside OpenBLAS on one thread, sort beside NumPy, quantile beside our own sort.
 * Sides are timed in turn; the best of the rounds counts. OpenBLAS and NumPy are found at run
 * time; where one is absent its rows are left out and stderr says so.
 * usage: bench_whole [PYTHON]   PYTHON: an interpreter that has NumPy */
#include <dlfcn.h>

#include "bench.h"
#include "whole.h"

#define SIDE 1024u
#define ROW (1u << 20)

typedef void (*gemm_f64)(int order, int ta, int tb, int m, int n, int k, f64 alpha, const f64 *a,
                         int lda, const f64 *b, int ldb, f64 beta, f64 *c, int ldc);
typedef void (*gemm_f32)(int order, int ta, int tb, int m, int n, int k, f32 alpha, const f32 *a,
                         int lda, const f32 *b, int ldb, f32 beta, f32 *c, int ldc);

static u64 seed = 3;
static f64 number(void) { return (f64)(bench_random(&seed) >> 11) * 0x1p-53 - 0.5; }

/* Leaves and joins of 2,048 f64, 16 KiB, as the engine takes them: tiles of 512. */
static f64 sum_tiles(const f64 *x, u32 n) {
    kernel_leaves_fn leaves = kernel_leaves(0, TYPE_F64);
    kernel_join_fn join = kernel_join(0, TYPE_F64);
    f64 leaf[8], node[8], whole;
    for (u32 t = 0; t < n / 512; t++) {
        leaves(x + t * 512, NULL, 512, 0, leaf, NULL);
        join(leaf, NULL, 8, &node[t], NULL);
    }
    join(node, NULL, n / 512, &whole, NULL);
    return whole;
}

/* The same order in plain C: e14 of the design. */
typedef f64 eight __attribute__((vector_size(64)));
static f64 join_eight(const f64 *x) {
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}
__attribute__((noinline)) static f64 sum_plain(const f64 *x, u32 n) {
    f64 node[8];
    for (u32 t = 0; t < n / 512; t++) {
        f64 leaf[8];
        eight a[8];
        for (u32 l = 0; l < 8; l++) {
            const eight *q = (const eight *)(const void *)(x + t * 512 + 64 * l);
            a[l] = q[0];
            for (u32 r = 1; r < 8; r++) a[l] += q[r];
        }
        for (u32 l = 0; l < 8; l++) leaf[l] = join_eight((const f64 *)&a[l]);
        node[t] = join_eight(leaf);
    }
    for (u32 t = n / 512; t < 8; t++) node[t] = -0.0;
    return join_eight(node);
}

static void bench_sum(void) {
    static f64 x[2048] __attribute__((aligned(64)));
    f64 plain[60], ours[60];
    volatile f64 keep;
    for (u32 k = 0; k < 2048; k++) x[k] = number();
    if (sum_plain(x, 2048) != sum_tiles(x, 2048)) exit(70);
    for (u32 r = 0; r < 60; r++) {
        u64 start = bench_ns();
        for (u32 k = 0; k < 200; k++) keep = sum_plain(x, 2048);
        plain[r] = (f64)(bench_ns() - start) / 200;
        start = bench_ns();
        for (u32 k = 0; k < 200; k++) keep = sum_tiles(x, 2048);
        ours[r] = (f64)(bench_ns() - start) / 200;
    }
    (void)keep;
    f64 floor = bench_least(plain, 60), best = bench_least(ours, 60);
    char name[64];
    snprintf(name, sizeof name, "canonical sum, 16 KiB, %.0f GB/s", 16384 / best);
    bench_best("whole", "canonical sum, 16 KiB", "plain C", floor, "ns", 0, 0);
    bench_best("whole", name, kernels_level_text(kernels_choose(KERNELS_V4)), best, "ns", floor,
               1.3);
}

static void *openblas(void) {
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so"};
    unsetenv("OPENBLAS_CORETYPE"), unsetenv("OPENBLAS_L2_SIZE");
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    for (u32 k = 0; k < ARRAY_COUNT(names); k++) {
        void *library = dlopen(names[k], RTLD_NOW);
        if (library == NULL) continue;
        char *(*core)(void) = (char *(*)(void))dlsym(library, "openblas_get_corename");
        fprintf(stderr, "OpenBLAS kernels: %s\n", core == NULL ? "unknown" : core());
        return library;
    }
    fprintf(stderr, "skipped: no libopenblas\n");
    return NULL;
}

/* flops: of one product. Bar: 60 % of OpenBLAS's speed. */
static void gemm_rows(const char *type, f64 theirs, f64 ours) {
    char name[64];
    f64 flops = 2.0 * SIDE * SIDE * SIDE;
    snprintf(name, sizeof name, "matmul %s 1024, %.1f GFLOP/s", type, flops / theirs);
    bench_best("whole", name, "OpenBLAS", theirs / 1e6, "ms", 0, 0);
    snprintf(name, sizeof name, "matmul %s 1024, %.1f GFLOP/s", type, flops / ours);
    bench_best("whole", name, "ours", ours / 1e6, "ms", theirs / 1e6, 1 / 0.6);
}

#define GEMM(type, TYPE, call)                                                             \
    static void bench_gemm_##type(void *library) {                                         \
        gemm_##type gemm = (gemm_##type)dlsym(library, call);                              \
        u64 cells = (u64)SIDE * SIDE;                                                      \
        type *a = bench_memory(cells * sizeof *a), *b = bench_memory(cells * sizeof *b);   \
        type *c = bench_memory(cells * sizeof *c);                                         \
        void *scratch = bench_memory(whole_scratch_bytes(WHOLE_MATMUL, TYPE, SIDE, SIDE)); \
        f64 theirs[8], ours[8];                                                            \
        if (gemm == NULL) exit(70);                                                        \
        for (u64 k = 0; k < cells; k++) a[k] = (type)number(), b[k] = (type)number();      \
        for (u32 r = 0; r < 8; r++) {                                                      \
            u64 start = bench_ns();                                                        \
            gemm(101, 111, 111, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0, c, SIDE);        \
            theirs[r] = (f64)(bench_ns() - start);                                         \
            start = bench_ns();                                                            \
            whole_matmul(TYPE, a, b, c, SIDE, SIDE, SIDE, 0, SIDE, 0, SIDE, scratch);      \
            ours[r] = (f64)(bench_ns() - start);                                           \
        }                                                                                  \
        gemm_rows(#type, bench_least(theirs, 8), bench_least(ours, 8));                    \
        free(a), free(b), free(c), free(scratch);                                          \
    }
GEMM(f64, TYPE_F64, "cblas_dgemm")
GEMM(f32, TYPE_F32, "cblas_sgemm")

/* NumPy's best of 5 in ns, or 0 where there is no NumPy. */
static f64 numpy_sort(const char *python) {
    char command[512];
    f64 ns = 0;
    snprintf(command, sizeof command,
             "%s -c \"import numpy as n,time\n"
             "x=n.random.default_rng(3).random(1<<20);b=1e9\n"
             "for k in range(5):\n"
             " t=time.perf_counter();n.sort(x);b=min(b,time.perf_counter()-t)\n"
             "print(b*1e9)\" 2>/dev/null",
             python);
    FILE *from = popen(command, "r");
    if (from == NULL) return 0;
    if (fscanf(from, "%lf", &ns) != 1) ns = 0;
    pclose(from);
    return ns;
}

static void bench_sort(const char *python) {
    f64 *x = bench_memory(8u * ROW), *to = bench_memory(8u * ROW);
    void *scratch = bench_memory(whole_scratch_bytes(WHOLE_SORT, TYPE_F64, ROW, 1));
    f64 theirs[3], ours[15], quantile[15], half = 0.5;
    u64 share, sum = 0;
    memcpy(&share, &half, 8);
    for (u32 k = 0; k < ROW; k++) x[k] = number();
    for (u32 r = 0; r < 15; r++) {
        if (r % 5 == 0) theirs[r / 5] = numpy_sort(python);
        u64 start = bench_ns();
        whole_sort(TYPE_F64, x, ROW, to, scratch);
        ours[r] = (f64)(bench_ns() - start);
        start = bench_ns();
        sum += whole_quantile(TYPE_F64, x, ROW, share, scratch);
        quantile[r] = (f64)(bench_ns() - start);
    }
    if (sum == 0) exit(70);
    f64 numpy = bench_least(theirs, 3) / 1e6, sort = bench_least(ours, 15) / 1e6;
    if (numpy > 0)
        bench_best("whole", "sort, 1 Mi f64", "NumPy", numpy, "ms", 0, 0);
    else
        fprintf(stderr, "skipped: no NumPy for %s\n", python);
    bench_best("whole", "sort, 1 Mi f64", "ours", sort, "ms", numpy, numpy > 0 ? 1.25 : 0);
    bench_best("whole", "quantile, 1 Mi f64", "ours, beside our sort",
               bench_least(quantile, 15) / 1e6, "ms", sort, 1);
    free(x), free(to), free(scratch);
}

int main(int argc, char **argv) {
    bench_pin();
    bench_sum();
    void *library = openblas();
    if (library != NULL) bench_gemm_f64(library), bench_gemm_f32(library);
    bench_sort(argc > 1 ? argv[1] : "python3");
    return 0;
}
