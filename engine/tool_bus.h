/* SPDX-License-Identifier: Apache-2.0
 * tool_bus: mmsb attach, get, set, watch, top. Not in the library. */
#ifndef MMSB_TOOL_BUS_H
#define MMSB_TOOL_BUS_H
#include "core/base.h"

/* Whether the arguments are one of these commands; then it was run, with this exit status. */
bool bus_command(int count, char **a, int *status);
#endif
