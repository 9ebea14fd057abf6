/* SPDX-License-Identifier: Apache-2.0
 * driver: a stand-in for libcuda.so.1 with the functions of engine/cuda/cuda_driver.def. It runs
 * the PTX that it is given (ptx.h). What is put into a stream happens when the stream is waited
 * for, not before; fresh memory holds rubbish; blocks and threads run in an order from a seed.
 *
 * STANDIN_SEED=N       the order
 * STANDIN_FAIL=N       the N-th call fails; STANDIN_DEAD=1: and all that follow
 * STANDIN_CODE=N       as what (999)
 * STANDIN_DEVICES=N    how many there are (1); STANDIN_INIT=N: what cuInit gives
 * STANDIN_VERSION=N, STANDIN_SM=N, STANDIN_BYTES=N   version, capability, memory
 * STANDIN_COUNT=FILE   the number of calls, written at the end */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/core/base.h"
#include "ptx.h"

#define DRIVER(name, symbol, parameters) \
    __attribute__((visibility("default"))) int symbol parameters;
#include "../../engine/cuda/cuda_driver.def"
#undef DRIVER

enum { OK = 0, WRONG = 1, NO_MEMORY = 2, BAD_PTX = 218, ILLEGAL_ADDRESS = 700, BLOCKS_MOST = 64 };
typedef enum { DO_IN, DO_OUT, DO_INSIDE, DO_LAUNCH } task_kind;
typedef struct {
    task_kind kind;
    uint64_t to, from, bytes;
    const ptx_module *module;
    const ptx_function *function;
    uint32_t blocks, threads;
    uint64_t parameters[16];
} task;
typedef struct handle {
    const ptx_module *module;
    const ptx_function *function;
    struct handle *next;
} handle;
typedef struct {
    ptx_module *ptx;
    handle *handles;
} module;
typedef struct {
    task *tasks;
    uint32_t count, room;
} stream;
static struct { uint64_t at, bytes; } held[BLOCKS_MOST];
static uint64_t calls, seed, taken;
static int context_mark;

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static void count_write(void) {
    const char *path = getenv("STANDIN_COUNT");
    FILE *to = path == NULL ? NULL : fopen(path, "w");
    if (to == NULL) return;
    fprintf(to, "%llu\n", (unsigned long long)calls);
    fclose(to);
}

/* Every function comes by here: what it gives instead of working, or OK. */
static int called(void) {
    if (calls == 0) {
        seed = setting("STANDIN_SEED", 1);
        atexit(count_write);
    }
    uint64_t fails = setting("STANDIN_FAIL", 0);
    bool dead = setting("STANDIN_DEAD", 0) != 0;
    calls++;
    if (fails != 0 && (calls == fails || (dead && calls > fails)))
        return (int)setting("STANDIN_CODE", 999);
    return OK;
}
#define CALLED                         \
    do {                               \
        int code_ = called();          \
        if (code_ != OK) return code_; \
    } while (0)

static bool allowed(uint64_t at, size_t bytes) {
    for (uint32_t k = 0; k < BLOCKS_MOST; k++)
        if (at >= held[k].at && at - held[k].at + bytes <= held[k].bytes) return true;
    return false;
}

int cuInit(unsigned flags) {
    CALLED;
    return flags != 0 ? WRONG : (int)setting("STANDIN_INIT", 0);
}
int cuDriverGetVersion(int *version) {
    CALLED;
    *version = (int)setting("STANDIN_VERSION", 12040);
    return OK;
}
int cuDeviceGetCount(int *count) {
    CALLED;
    *count = (int)setting("STANDIN_DEVICES", 1);
    return OK;
}
int cuDeviceGet(int *device, int ordinal) {
    CALLED;
    *device = ordinal;
    return ordinal == 0 ? OK : WRONG;
}
int cuDeviceGetName(char *name, int bytes, int device) {
    CALLED;
    snprintf(name, (size_t)bytes, "a stand-in");
    return device == 0 ? OK : WRONG;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    CALLED;
    int sm = (int)setting("STANDIN_SM", 75);
    *value = attribute == 75 ? sm / 10 : sm % 10;
    return device == 0 && (attribute == 75 || attribute == 76) ? OK : WRONG;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
    CALLED;
    *context = &context_mark;
    return device == 0 ? OK : WRONG;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
    CALLED;
    return device == 0 ? OK : WRONG;
}
int cuCtxSetCurrent(void *context) {
    CALLED;
    return context == &context_mark ? OK : WRONG;
}
int cuMemGetInfo_v2(size_t *room, size_t *total) {
    CALLED;
    *total = setting("STANDIN_BYTES", (uint64_t)8 << 30);
    *room = *total - taken;
    return OK;
}
int cuMemAlloc_v2(uint64_t *at, size_t bytes) {
    CALLED;
    uint32_t k = 0;
    while (k < BLOCKS_MOST && held[k].bytes != 0) k++;
    bool fits = k < BLOCKS_MOST && bytes != 0 &&
                taken + bytes <= setting("STANDIN_BYTES", (uint64_t)8 << 30);
    void *memory = fits ? aligned_alloc(256, (bytes + 255) & ~(size_t)255) : NULL;
    if (memory == NULL) return NO_MEMORY;
    memset(memory, 0xa5, bytes);
    *at = held[k].at = (uint64_t)(uintptr_t)memory, held[k].bytes = bytes;
    taken += bytes;
    return OK;
}
/* Frees even where it says that it failed: nothing can be done about that. */
int cuMemFree_v2(uint64_t at) {
    int code = called();
    for (uint32_t k = 0; k < BLOCKS_MOST; k++) {
        if (held[k].bytes == 0 || held[k].at != at) continue;
        taken -= held[k].bytes;
        held[k].at = held[k].bytes = 0;
        free((void *)(uintptr_t)at);
        return code;
    }
    return WRONG;
}
int cuMemHostAlloc(void **at, size_t bytes, unsigned flags) {
    CALLED;
    *at = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);
    if (*at != NULL) memset(*at, 0xa5, bytes);
    return *at == NULL ? NO_MEMORY : flags == 0 ? OK : WRONG;
}
int cuMemFreeHost(void *at) {
    int code = called();
    free(at);
    return code;
}

int cuModuleLoadDataEx(void **out, const void *text, unsigned count, int *options, void **values) {
    CALLED;
    ptx_module *ptx = ptx_read(text);
    module *m = calloc(1, sizeof *m);
    bool good = ptx != NULL && m != NULL && ptx->error[0] == 0;
    if (!good) {
        for (unsigned k = 0; ptx != NULL && k < count; k++)
            if (options[k] == 5) snprintf(values[k], sizeof ptx->error, "%s", ptx->error);
        ptx_free(ptx);
        free(m);
        return BAD_PTX;
    }
    m->ptx = ptx;
    *out = m;
    return OK;
}
int cuModuleUnload(void *at) {
    int code = called();
    module *m = at;
    for (handle *h = m->handles, *next; h != NULL; h = next) {
        next = h->next;
        free(h);
    }
    ptx_free(m->ptx);
    free(m);
    return code;
}
int cuModuleGetFunction(void **function, void *at, const char *name) {
    CALLED;
    module *m = at;
    const ptx_function *f = ptx_find(m->ptx, name);
    handle *h = f == NULL ? NULL : malloc(sizeof *h);
    if (h == NULL) return WRONG;
    *h = (handle){m->ptx, f, m->handles};
    *function = m->handles = h;
    return OK;
}

static int put(stream *s, task t) {
    if (s == NULL) return WRONG;
    if (s->count == s->room) {
        uint32_t room = s->room == 0 ? 64 : 2 * s->room;
        task *more = realloc(s->tasks, room * sizeof *more);
        if (more == NULL) return NO_MEMORY;
        s->tasks = more, s->room = room;
    }
    s->tasks[s->count++] = t;
    return OK;
}

static int task_run(const task *t) {
    char error[200] = "";
    void *to = (void *)(uintptr_t)t->to;
    const void *from = (const void *)(uintptr_t)t->from;
    if (t->kind != DO_LAUNCH) {
        memmove(to, from, t->bytes);
        return OK;
    }
    if (ptx_run(t->module, t->function, t->blocks, t->threads, t->parameters, allowed, &seed,
                error))
        return OK;
    fprintf(stderr, "stand-in: %s\n", error);
    return ILLEGAL_ADDRESS;
}

int cuStreamCreate(void **at, unsigned flags) {
    CALLED;
    *at = calloc(1, sizeof(stream));
    return *at != NULL && flags <= 1 ? OK : WRONG;
}
int cuStreamSynchronize(void *at) {
    CALLED;
    stream *s = at;
    int code = OK;
    for (uint32_t k = 0; k < s->count && code == OK; k++) code = task_run(&s->tasks[k]);
    s->count = 0;
    return code;
}
int cuStreamDestroy_v2(void *at) {
    int code = called();
    stream *s = at;
    free(s->tasks);
    free(s);
    return code;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *s) {
    CALLED;
    if (bytes == 0 || !allowed(to, bytes)) return WRONG;
    return put(s,
               (task){.kind = DO_IN, .to = to, .from = (uint64_t)(uintptr_t)from, .bytes = bytes});
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *s) {
    CALLED;
    if (bytes == 0 || !allowed(from, bytes)) return WRONG;
    return put(s,
               (task){.kind = DO_OUT, .to = (uint64_t)(uintptr_t)to, .from = from, .bytes = bytes});
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *s) {
    CALLED;
    if (!allowed(from, bytes) || !allowed(to, bytes)) return WRONG;
    return put(s, (task){.kind = DO_INSIDE, .to = to, .from = from, .bytes = bytes});
}
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads_x,
                   unsigned threads_y, unsigned threads_z, unsigned shared, void *s,
                   void **parameters, void **extra) {
    CALLED;
    const handle *h = function;
    bool plain = y == 1 && z == 1 && threads_y == 1 && threads_z == 1 && shared == 0;
    if (!plain || x == 0 || extra != NULL) return WRONG;
    task t = {.kind = DO_LAUNCH,
              .module = h->module,
              .function = h->function,
              .blocks = x,
              .threads = threads_x};
    for (uint32_t k = 0; k < h->function->parameter_count; k++)
        memcpy(&t.parameters[k], parameters[k], h->function->parameter_bytes[k]);
    return put(s, t);
}
int cuGetErrorName(int code, const char **name) {
    CALLED;
    *name = code == NO_MEMORY         ? "CUDA_ERROR_OUT_OF_MEMORY"
            : code == BAD_PTX         ? "CUDA_ERROR_INVALID_PTX"
            : code == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                      : "CUDA_ERROR_UNKNOWN";
    return OK;
}
