/* SPDX-License-Identifier: Apache-2.0
 * array_targets: the type and shape that the first byte of an input asks for. */
#ifndef MMSB_ARRAY_TARGETS_H
#define MMSB_ARRAY_TARGETS_H
#include <stdlib.h>

#include "fuzz.h"

static const image_shape array_shapes[] = {
    {.lanes = 1, .dims = {1, 1, 1, 1, 1, 1, 1, 1}},
    {.axis_count = 1, .lanes = 3, .dims = {3, 1, 1, 1, 1, 1, 1, 1}},
    {.axis_count = 2, .lanes = 6, .dims = {2, 3, 1, 1, 1, 1, 1, 1}},
    {.axis_count = 3, .lanes = 8, .dims = {2, 2, 2, 1, 1, 1, 1, 1}}};

static inline u8 array_type(u8 choice) { return (u8)(choice % TYPE_COUNT); }
static inline const image_shape *array_shape(u8 choice) {
    return &array_shapes[choice / TYPE_COUNT % ARRAY_COUNT(array_shapes)];
}
/* Exactly as many bytes as the lanes take, so that a sanitizer sees the first one too many. */
static inline void *array_room(u8 choice) {
    return calloc(array_shape(choice)->lanes, type_bytes(array_type(choice)));
}
#endif
