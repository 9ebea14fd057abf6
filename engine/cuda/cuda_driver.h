/* SPDX-License-Identifier: Apache-2.0
 * cuda_driver: the GPU's driver, opened when it is asked for: one build runs with and without one.
 * Knows no graph. */
#ifndef MMSB_CUDA_DRIVER_H
#define MMSB_CUDA_DRIVER_H
#include "../core/base.h"

typedef struct {
    void *library;
#define DRIVER(name, symbol, parameters) int(*name) parameters;
#include "cuda_driver.def"
#undef DRIVER
    int device;
    void *context, *stream;
    char title[100]; /* of the device */
} cuda_driver;

/* Opens MMSB_CUDA_DRIVER, or libcuda.so.1, and the first device with a context and a stream.
 * MMSB_ABSENT says why there is none: no driver, no device, too old. */
mmsb_status cuda_driver_open(cuda_driver *d, message *m);
void cuda_driver_close(cuda_driver *d);
/* MMSB_OK where code is 0; else the words, MMSB_OUT_OF_SPACE for its lack of memory. */
mmsb_status cuda_driver_status(const cuda_driver *d, int code, const char *what, message *m);
#endif
