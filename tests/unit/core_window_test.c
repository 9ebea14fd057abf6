/* SPDX-License-Identifier: Apache-2.0
 * A window over a file gives the file's bytes, whatever is asked for: forwards, backwards, more
 * than fits, across its end. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "window.h"

#define BYTES ((u64)3 << 20)

static u64 seed = 88172645463325252u;
static u64 any_below(u64 limit) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed % limit;
}

static int file_make(const u8 *bytes, u64 count) {
    char path[] = "/tmp/mmsb-window-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    unlink(path);
    cr_assert_eq(write(fd, bytes, count), (ssize_t)count);
    return fd;
}

Test(window, any_part_is_the_files) {
    u8 *bytes = malloc(BYTES);
    message m = {.used = 0};
    file_window w = {.fd = -1};
    for (u64 k = 0; k < BYTES; k++) bytes[k] = (u8)any_below(256);
    cr_assert_eq(window_open(&w, file_system(), file_make(bytes, BYTES), "it", &m), MMSB_OK);
    cr_assert_eq(w.size, BYTES);
    u64 at = 0;
    for (u32 k = 0; k < 4000; k++) {
        u64 most = k % 97 == 0 ? BYTES : k % 7 == 0 ? 200000 : 600, count = any_below(most + 1);
        if (k % 50 == 0) at = any_below(BYTES);
        if (at + count > BYTES) count = BYTES - at;
        const u8 *seen = NULL;
        cr_assert_eq(window_at(&w, at, count, &seen, &m), MMSB_OK);
        cr_assert_eq((uintptr_t)seen % 64, at % 64);
        cr_assert_eq(memcmp(seen, bytes + at, count), 0, "at %llu", (unsigned long long)at);
        at = at + count == BYTES ? 0 : at + count;
    }
    window_close(&w);
    free(bytes);
}

Test(window, a_file_that_shrinks_is_an_error) {
    static u8 bytes[100000];
    message m = {.used = 0};
    file_window w = {.fd = -1};
    int fd = file_make(bytes, sizeof bytes);
    cr_assert_eq(window_open(&w, file_system(), fd, "it", &m), MMSB_OK);
    cr_assert_eq(ftruncate(fd, 10), 0);
    const u8 *seen;
    cr_assert_eq(window_at(&w, 0, 64, &seen, &m), MMSB_IO);
    window_close(&w);
}
