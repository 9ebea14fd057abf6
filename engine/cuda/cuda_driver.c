/* SPDX-License-Identifier: Apache-2.0
 * cuda_driver: what can be missing, and its words: the library, a function of it, a device, an age
 * that takes PTX 7.0 (CUDA 11.0) and sm_75. */
#include "cuda_driver.h"

#include <dlfcn.h>
#include <stdlib.h>

enum { OUT_OF_MEMORY = 2, NO_DEVICE = 100, MAJOR = 75, MINOR = 76, NON_BLOCKING = 1 };
enum { VERSION_LEAST = 11000, CAPABILITY_LEAST = 75 };

mmsb_status cuda_driver_status(const cuda_driver *d, int code, const char *what, message *m) {
    const char *text = NULL;
    ASSERT(d->library != NULL);
    if (code == 0) return MMSB_OK;
    if (d->error_name(code, &text) != 0 || text == NULL) text = "an unknown error";
    if (code == OUT_OF_MEMORY)
        return message_set(m, MMSB_OUT_OF_SPACE, "the GPU has not enough memory: %s: %s", what,
                           text);
    return message_set(m, MMSB_ABSENT, "the GPU failed: %s: %s (%d)", what, text, code);
}

static mmsb_status symbols_find(cuda_driver *d, message *m) {
    static const char *const symbols[] = {
#define DRIVER(name, symbol, parameters) #symbol,
#include "cuda_driver.def"
#undef DRIVER
    };
    void *found[ARRAY_COUNT(symbols)];
    ASSERT(d->library != NULL);
    for (u32 k = 0; k < ARRAY_COUNT(symbols); k++) {
        found[k] = dlsym(d->library, symbols[k]);
        if (found[k] == NULL)
            return message_set(m, MMSB_ABSENT, "the GPU's driver is too old: it has no %s",
                               symbols[k]);
    }
    u32 at = 0;
#define DRIVER(name, symbol, parameters) memcpy(&d->name, &found[at++], sizeof d->name);
#include "cuda_driver.def"
#undef DRIVER
    ASSERT(at == ARRAY_COUNT(symbols));
    return MMSB_OK;
}

/* The first device, not older than what the kernels are written for. */
static mmsb_status device_find(cuda_driver *d, message *m) {
    int version = 0, count = 0, major = 0, minor = 0;
    int code = d->init(0);
    if (code == NO_DEVICE) return message_set(m, MMSB_ABSENT, "there is no GPU");
    TRY(cuda_driver_status(d, code, "cuInit", m));
    TRY(cuda_driver_status(d, d->driver_version(&version), "cuDriverGetVersion", m));
    if (version < VERSION_LEAST)
        return message_set(m, MMSB_ABSENT,
                           "the GPU's driver is too old: it is for CUDA %d.%d, 11.0 is needed",
                           version / 1000, version % 1000 / 10);
    TRY(cuda_driver_status(d, d->device_count(&count), "cuDeviceGetCount", m));
    if (count == 0) return message_set(m, MMSB_ABSENT, "there is no GPU");
    TRY(cuda_driver_status(d, d->device_get(&d->device, 0), "cuDeviceGet", m));
    TRY(cuda_driver_status(d, d->device_name(d->title, sizeof d->title, d->device),
                           "cuDeviceGetName", m));
    TRY(cuda_driver_status(d, d->device_attribute(&major, MAJOR, d->device), "cuDeviceGetAttribute",
                           m));
    TRY(cuda_driver_status(d, d->device_attribute(&minor, MINOR, d->device), "cuDeviceGetAttribute",
                           m));
    ASSERT(major >= 0 && minor >= 0);
    if (major * 10 + minor < CAPABILITY_LEAST)
        return message_set(m, MMSB_ABSENT, "the GPU %s is too old: it is sm_%d%d, sm_75 is needed",
                           d->title, major, minor);
    return MMSB_OK;
}

mmsb_status cuda_driver_open(cuda_driver *d, message *m) {
    const char *path = getenv("MMSB_CUDA_DRIVER");
    *d = (cuda_driver){.device = -1};
    if (path == NULL || *path == 0) path = "libcuda.so.1";
    d->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (d->library == NULL)
        return message_set(m, MMSB_ABSENT, "there is no driver for a GPU: %s", dlerror());
    mmsb_status s = symbols_find(d, m);
    if (s == MMSB_OK) s = device_find(d, m);
    if (s == MMSB_OK)
        s = cuda_driver_status(d, d->context_retain(&d->context, d->device),
                               "cuDevicePrimaryCtxRetain", m);
    if (s == MMSB_OK) s = cuda_driver_status(d, d->context_set(d->context), "cuCtxSetCurrent", m);
    if (s == MMSB_OK)
        s = cuda_driver_status(d, d->stream_make(&d->stream, NON_BLOCKING), "cuStreamCreate", m);
    if (s != MMSB_OK) cuda_driver_close(d);
    return s;
}

void cuda_driver_close(cuda_driver *d) {
    ASSERT(d->context != NULL || d->stream == NULL);
    if (d->stream != NULL) d->stream_free(d->stream);
    if (d->context != NULL) d->context_release(d->device);
    /* Never unloaded: its own threads may still be in it. */
    *d = (cuda_driver){.device = -1};
}
