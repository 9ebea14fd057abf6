/* SPDX-License-Identifier: Apache-2.0
 * array_file: which format a name asks for, and the bytes between file and page. */
#include "array_file.h"
#include "arena.h"
#include "csv.h"
#include "npy.h"
#include "number.h"

#define PATH_BYTES_MAX 4096u

static bool ends_with(const char *text, u64 count, const char *ending) {
    ASSERT(ending[0] == '.');
    u64 length = strlen(ending);
    return count > length && memcmp(text + count - length, ending, length) == 0;
}

bool array_file_is_writable(const char *path) {
    ASSERT(path != NULL);
    u64 count = strlen(path);
    return ends_with(path, count, ".npy") || ends_with(path, count, ".csv");
}

/* The part behind the "#" of PATH.csv#COLUMN, NULL where there is none. */
static const char *column_of(const char *path) {
    ASSERT(path != NULL);
    const char *mark = strstr(path, ".csv#");
    for (const char *next = mark; next != NULL; next = strstr(next + 1, ".csv#")) mark = next;
    return mark == NULL || mark[5] == 0 ? NULL : mark + 5;
}

static mmsb_status map_path(file_calls *f, int folder, const char *path, bool beneath,
                            const void **at, u64 *bytes, message *m) {
    ASSERT(at != NULL);
    ASSERT(bytes != NULL);
    if (!beneath) return file_map(f, folder, path, at, bytes, m);
    int fd = -1;
    TRY(file_open_beneath(f, folder, path, &fd, m));
    mmsb_status status = file_map_fd(f, fd, path, at, bytes, m);
    f->close(f, fd);
    return status;
}

mmsb_status array_file_read(file_calls *f, int folder, const char *path, bool beneath, u8 type,
                            const image_shape *shape, void *to, message *m) {
    ASSERT(f != NULL && path != NULL && to != NULL);
    ASSERT(type < TYPE_COUNT);
    ASSERT(shape->lanes > 0);
    char name[PATH_BYTES_MAX];
    const char *column = column_of(path);
    u64 count = column == NULL ? strlen(path) : (u64)(column - 1 - path);
    if (count >= sizeof(name)) return message_set(m, MMSB_IO, "a file's name is too long");
    memcpy(name, path, count);
    name[count] = 0;
    bool npy = column == NULL && ends_with(name, count, ".npy");
    if (!npy && !ends_with(name, count, ".csv")) {
        return message_set(m, MMSB_WRONG, "%s: name a .npy or .csv file, or \"FILE.csv#COLUMN\"",
                           path);
    }
    const void *at = NULL;
    u64 bytes = 0;
    TRY(map_path(f, folder, name, beneath, &at, &bytes, m));
    mmsb_status status = npy ? npy_read(at, bytes, name, type, shape, to, m)
                             : csv_read(at, bytes, name, column, type, shape, to, m);
    file_unmap(at, bytes);
    return status;
}

typedef struct {
    char *to;
    u64 used, most;
} text_region;

static mmsb_status region_sink(void *context, const char *text, u64 count) {
    text_region *r = context;
    ASSERT(r->used <= r->most);
    ASSERT(count <= r->most - r->used);
    memcpy(r->to + r->used, text, count);
    r->used += count;
    return MMSB_OK;
}

/* Pages of the region are touched as the text grows, so the bound costs address space only. */
static mmsb_status write_csv(file_calls *f, int folder, const char *path, u8 type,
                             const image_shape *shape, const void *from, message *m) {
    ASSERT(type < TYPE_COUNT);
    ASSERT(shape->lanes <= LANES_MAX);
    text_region region = {.most = shape->lanes * (NUMBER_TEXT_MAX + 1)};
    region.to = region_take(region.most);
    if (region.to == NULL) {
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the text of %s", path);
    }
    mmsb_status status = csv_write(type, shape, from, region_sink, &region);
    if (status == MMSB_OK) status = file_replace(f, folder, path, region.to, region.used, m);
    region_give_back(region.to, region.most);
    return status;
}

mmsb_status array_file_write(file_calls *f, int folder, const char *path, u8 type,
                             const image_shape *shape, const void *from, message *m) {
    ASSERT(f != NULL && path != NULL && from != NULL);
    u64 count = strlen(path);
    if (ends_with(path, count, ".csv")) {
        return write_csv(f, folder, path, type, shape, from, m);
    }
    if (!ends_with(path, count, ".npy")) {
        return message_set(m, MMSB_USAGE, "%s: write to a .npy or a .csv file", path);
    }
    char head[NPY_HEAD_MAX];
    file_part parts[2] = {{head, npy_head(type, shape, head)},
                          {from, shape->lanes * type_bytes(type)}};
    ASSERT(parts[0].bytes % 64 == 0);
    ASSERT(parts[0].bytes <= NPY_HEAD_MAX);
    return file_replace_parts(f, folder, path, parts, 2, m);
}
