/* SPDX-License-Identifier: Apache-2.0
 * csv_fuzz: a .csv file for the type and shape of the first byte, whole or by the column `a`; what
 * is read is written and read back to the same lanes. */
#include "array_targets.h"
#include "core/csv.h"

typedef struct {
    char text[4096];
    u64 used;
} csv_text;

static mmsb_status text_add(void *context, const char *text, u64 count) {
    csv_text *t = context;
    MUST(count <= sizeof t->text - t->used);
    memcpy(t->text + t->used, text, count);
    t->used += count;
    return MMSB_OK;
}

static void back_again(u8 type, const image_shape *shape, const void *lanes, u8 choice) {
    static csv_text t;
    void *again = array_room(choice);
    t.used = 0;
    MUST(csv_write(type, shape, lanes, text_add, &t) == MMSB_OK);
    MUST(csv_read(t.text, t.used, "again.csv", NULL, type, shape, again, NULL) == MMSB_OK);
    MUST(memcmp(again, lanes, shape->lanes * type_bytes(type)) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    message m = {.used = 0};
    if (bytes == 0) return 0;
    u8 type = array_type(data[0] & 127);
    const image_shape *shape = array_shape(data[0] & 127);
    const char *column = data[0] > 127 ? "a" : NULL;
    void *to = array_room(data[0] & 127);
    mmsb_status s = csv_read(data + 1, bytes - 1, "fuzz.csv", column, type, shape, to, &m);
    MUST(s == MMSB_OK || (s == MMSB_WRONG && m.text[0] != 0));
    if (s == MMSB_OK) back_again(type, shape, to, data[0] & 127);
    free(to);
    return 0;
}
