/* SPDX-License-Identifier: Apache-2.0
 * image_fuzz: bytes to the image loader, with length and digest put right, so that what is tried
 * are the rows. What verifies runs if it is small, incremental against from scratch. */
#include <stdlib.h>

#include "fuzz.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    image i;
    image_head head;
    u8 *copy = NULL;
    if (bytes == 0 || posix_memalign((void **)&copy, 64, bytes) != 0) return 0;
    memcpy(copy, data, bytes);
    mmsb_status status = image_verify(copy, bytes, &i, NULL);
    if (status != MMSB_OK && bytes >= sizeof head) {
        memcpy(&head, copy, sizeof head);
        memcpy(head.magic, IMAGE_MAGIC, 8);
        head.version = IMAGE_VERSION, head.math_version = MATH_VERSION, head.bytes = bytes;
        memcpy(copy, &head, sizeof head);
        head.digest = XXH3_64bits(copy + 24, bytes - 24);
        memcpy(copy, &head, sizeof head);
        status = image_verify(copy, bytes, &i, NULL);
    }
    if (status == MMSB_OK && small_image(&i)) small_run(&i);
    free(copy);
    return 0;
}

static u64 value_near(u64 old, u64 *random) {
    static const u64 edges[] = {0, 1, 2, 0xff, 0xffff, 0x7fff, 0x8000, 0xffffffff, 0x80000000};
    u64 r = fuzz_random(random);
    switch (r % 5) {
    case 0: return edges[(r >> 8) % ARRAY_COUNT(edges)];
    case 1: return old + 1 + (r >> 8) % 3;
    case 2: return old - 1 - (r >> 8) % 3;
    case 3: return old ^ 1ull << (r >> 8) % 32;
    default: return (r >> 8) % 16;
    }
}

/* One field of one row. */
static void field_change(u8 *data, size_t bytes, u64 *random) {
    image_head head;
    memcpy(&head, data, sizeof head);
    u64 r = fuzz_random(random);
    u32 section = (u32)(r % SECTION_COUNT), width = 1u << (r >> 8) % 4;
    u64 count = head.sections[section].count, at = head.sections[section].at, value = 0;
    if (count == 0 || count > bytes || width > image_row_bytes[section]) return;
    at += (r >> 16) % count * image_row_bytes[section];
    at += fuzz_random(random) % (image_row_bytes[section] / width) * width;
    if (at > bytes || width > bytes - at) return;
    memcpy(&value, data + at, width);
    value = value_near(value, random);
    memcpy(data + at, &value, width);
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t bytes, size_t most, unsigned seed) {
    u64 random = seed;
    if (bytes < sizeof(image_head) || fuzz_random(&random) % 16 == 0)
        return LLVMFuzzerMutate(data, bytes, most);
    for (u64 k = fuzz_random(&random) % 3 + 1; k > 0; k--) field_change(data, bytes, &random);
    return bytes;
}
