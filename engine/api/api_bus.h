/* SPDX-License-Identifier: Apache-2.0
 * api_bus: what stands behind the handle of mmsb_bus.h. Private to engine/api/api_bus*.c. */
#ifndef MMSB_API_BUS_H
#define MMSB_API_BUS_H
#include "api.h"
#include "bus/client.h"
#include "mmsb_bus.h"

struct mmsb_bus {
    api_handle h;
    arena *memory; /* this handle, the table of pages */
    arena *line;   /* of mmsb_bus_line; NULL: none yet */
    bus *b;        /* NULL: did not attach; else it stays until mmsb_bus_free */
    api_pages pages;
    u64 stream, next_number, unanswered;
    bool leased;
};

/* For what needs the engine: attached and not yet detached. Ends with api_leave. */
mmsb_status api_bus_enter(mmsb_bus *h);
#endif
