/* SPDX-License-Identifier: Apache-2.0
 * npy_fuzz: a .npy file for the type and shape of the first byte; what is read is written and read
 * back to the same lanes. */
#include "array_targets.h"
#include "core/npy.h"

static void back_again(u8 type, const image_shape *shape, const void *lanes, u8 choice) {
    char file[NPY_HEAD_MAX + 64];
    void *again = array_room(choice);
    u64 bytes = shape->lanes * type_bytes(type);
    u32 head = npy_head(type, shape, file);
    MUST(head <= NPY_HEAD_MAX && head % 64 == 0);
    memcpy(file + head, lanes, bytes);
    MUST(npy_read(file, head + bytes, "again.npy", type, shape, again, NULL) == MMSB_OK);
    MUST(memcmp(again, lanes, bytes) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    message m = {.used = 0};
    if (bytes == 0) return 0;
    u8 type = array_type(data[0]);
    const image_shape *shape = array_shape(data[0]);
    void *to = array_room(data[0]);
    mmsb_status s = npy_read(data + 1, bytes - 1, "fuzz.npy", type, shape, to, &m);
    MUST(s == MMSB_OK || (s == MMSB_WRONG && m.text[0] != 0));
    if (s == MMSB_OK) back_again(type, shape, to, data[0]);
    free(to);
    return 0;
}
