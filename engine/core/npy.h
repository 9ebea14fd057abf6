/* SPDX-License-Identifier: Apache-2.0
 * npy: the .npy format to and from the lanes of a page. Works on bytes in memory; opens no file,
 * allocates nothing. */
#ifndef MMSB_NPY_H
#define MMSB_NPY_H
#include "image.h"

#define NPY_HEAD_MAX 256u

/* Fills `to` (lanes of `type`, row-major) from a file of version 1.0 to 3.0: the type must be
 * exactly `type`, the shape exactly `shape` (a scalar is 0-d); big-endian and column-major data
 * are converted, bools must be 0 or 1, NaNs become canonical. `name` is the file's, for
 * messages. MMSB_WRONG with what differs and how to mend it; then `to` may be partly written. */
mmsb_status npy_read(const void *bytes, u64 byte_count, const char *name, u8 type,
                     const image_shape *shape, void *to, message *m);
/* The head (version 1.0, little-endian, row-major) of a file whose lanes follow it. Returns its
 * length, a multiple of 64. */
u32 npy_head(u8 type, const image_shape *shape, char to[NPY_HEAD_MAX]);
#endif
