/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu: the tables of one level, gathered. Compiled once per level. */
#include "level.h"

const kernel_level LEVEL_NAME(kernel_level) = {
    .ops = {NULL, &LEVEL_NAME(kernel_one), &LEVEL_NAME(kernel_two), &LEVEL_NAME(kernel_three)},
    .convert = LEVEL_NAME(kernel_convert),
    .memory = &LEVEL_NAME(kernel_memory),
    .reduces = &LEVEL_NAME(kernel_reduces),
};
