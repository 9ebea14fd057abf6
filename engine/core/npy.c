/* SPDX-License-Identifier: Apache-2.0
 * npy: heads of .npy files and the order of their bytes. Needs a verified shape; trusts no byte. */
#include "npy.h"
#include "number.h"
#include <stdio.h>

#define NPY_MAGIC "\x93NUMPY"

/* What a head says. */
typedef struct {
    const char *descr; /* in the file: "<f8" */
    u32 descr_bytes;
    bool fortran;
    u32 axis_count;
    u64 dims[AXES_MAX];
    const u8 *lanes;
    u64 bytes;
} npy_file;

/* A walk through the head's text. */
typedef struct {
    const char *at, *end;
} cursor;

static void skip_space(cursor *c) {
    ASSERT(c->at <= c->end);
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n')) c->at++;
}

static bool take(cursor *c, char want) {
    ASSERT(want != 0);
    skip_space(c);
    if (c->at >= c->end || *c->at != want) return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word) {
    ASSERT(word[0] != 0);
    skip_space(c);
    size_t length = strlen(word);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

/* A quoted text without escapes. */
static bool take_quoted(cursor *c, const char **text, u32 *count) {
    ASSERT(c->at <= c->end);
    skip_space(c);
    if (c->at >= c->end || (*c->at != '\'' && *c->at != '"')) return false;
    char quote = *c->at++;
    const char *close = memchr(c->at, quote, (size_t)(c->end - c->at));
    if (close == NULL) return false;
    *text = c->at;
    *count = (u32)(close - c->at);
    c->at = close + 1;
    return true;
}

static bool take_count(cursor *c, u64 *value) {
    ASSERT(value != NULL);
    skip_space(c);
    const char *start = c->at;
    *value = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        if (*value > LANES_MAX) return false;
        *value = *value * 10 + (u64)(*c->at++ - '0');
    }
    return c->at > start;
}

static bool take_shape(cursor *c, npy_file *file) {
    ASSERT(c->at <= c->end);
    if (!take(c, '(')) return false;
    file->axis_count = 0;
    while (!take(c, ')')) {
        if (file->axis_count == AXES_MAX) return false;
        if (!take_count(c, &file->dims[file->axis_count++])) return false;
        if (!take(c, ',')) return take(c, ')');
    }
    return true;
}

static bool take_entry(cursor *c, npy_file *file, u32 *seen) {
    ASSERT(seen != NULL);
    const char *key;
    u32 count;
    if (!take_quoted(c, &key, &count) || !take(c, ':')) return false;
    if (count == 5 && memcmp(key, "descr", 5) == 0) {
        *seen |= 1;
        return take_quoted(c, &file->descr, &file->descr_bytes);
    }
    if (count == 5 && memcmp(key, "shape", 5) == 0) {
        *seen |= 2;
        return take_shape(c, file);
    }
    if (count == 13 && memcmp(key, "fortran_order", 13) == 0) {
        *seen |= 4;
        file->fortran = take_word(c, "True");
        return file->fortran || take_word(c, "False");
    }
    return false;
}

static bool parse_dictionary(const char *text, u64 count, npy_file *file) {
    ASSERT(text != NULL);
    cursor c = {text, text + count};
    u32 seen = 0;
    if (!take(&c, '{')) return false;
    while (!take(&c, '}')) {
        if (!take_entry(&c, file, &seen)) return false;
        if (!take(&c, ',')) {
            if (!take(&c, '}')) return false;
            break;
        }
    }
    skip_space(&c);
    return seen == 7 && c.at == c.end;
}

static bool parse_head(const u8 *bytes, u64 byte_count, npy_file *file) {
    if (byte_count < 10 || memcmp(bytes, NPY_MAGIC, 6) != 0) return false;
    u8 major = bytes[6];
    if (major < 1 || major > 3 || (major > 1 && byte_count < 12)) return false;
    u64 text_at = major == 1 ? 10 : 12;
    u64 text_bytes = bytes[8] | (u64)bytes[9] << 8;
    if (major > 1) text_bytes |= (u64)bytes[10] << 16 | (u64)bytes[11] << 24;
    if (text_bytes > byte_count - text_at) return false;
    if (!parse_dictionary((const char *)bytes + text_at, text_bytes, file)) return false;
    file->lanes = bytes + text_at + text_bytes;
    file->bytes = byte_count - text_at - text_bytes;
    ASSERT(file->lanes + file->bytes == bytes + byte_count);
    return true;
}

/* Whether the file's type is `type` in either byte order. */
static bool descr_is(const npy_file *file, u8 type) {
    ASSERT(type < TYPE_COUNT);
    ASSERT(file->descr != NULL);
    const char *code = type_npy(type) + 1;
    return file->descr_bytes == strlen(code) + 1 && strchr("<>=|", file->descr[0]) != NULL &&
           memcmp(file->descr + 1, code, file->descr_bytes - 1) == 0;
}

static void shape_text(const u64 *dims, u32 axis_count, char *to, size_t bytes) {
    ASSERT(axis_count <= AXES_MAX);
    ASSERT(bytes > 0);
    size_t used = (size_t)snprintf(to, bytes, "(");
    for (u32 k = 0; k < axis_count && used < bytes; k++) {
        const char *comma = k + 1 < axis_count ? ", " : axis_count == 1 ? "," : "";
        used +=
            (size_t)snprintf(to + used, bytes - used, "%llu%s", (unsigned long long)dims[k], comma);
    }
    if (used < bytes) snprintf(to + used, bytes - used, ")");
}

static mmsb_status check_head(const npy_file *file, const char *name, u8 type,
                              const image_shape *shape, message *m) {
    ASSERT(shape->axis_count <= AXES_MAX);
    ASSERT(shape->lanes > 0);
    if (!descr_is(file, type)) {
        return message_set(m, MMSB_WRONG,
                           "%s holds elements of type %.*s, but %s is %s: save it as "
                           "x.astype('%s')",
                           name, (int)u64_min(file->descr_bytes, 40), file->descr, type_text(type),
                           type_npy(type), type_npy(type));
    }
    if (file->axis_count != shape->axis_count ||
        memcmp(file->dims, shape->dims, file->axis_count * sizeof(u64)) != 0) {
        char has[192], wants[192];
        shape_text(file->dims, file->axis_count, has, sizeof(has));
        shape_text(shape->dims, shape->axis_count, wants, sizeof(wants));
        u64 lanes = 1;
        for (u32 k = 0; k < file->axis_count; k++) lanes *= file->dims[k];
        return lanes == shape->lanes
                   ? message_set(m, MMSB_WRONG,
                                 "%s has shape %s, but the page is %s: save it as x.reshape(%s)",
                                 name, has, wants, wants)
                   : message_set(m, MMSB_WRONG, "%s has shape %s, but the page is %s", name, has,
                                 wants);
    }
    u64 needed = shape->lanes * type_bytes(type);
    if (file->bytes != needed) {
        return message_set(
            m, MMSB_WRONG,
            "%s holds %llu bytes of elements, but its shape needs %llu: save it again", name,
            (unsigned long long)file->bytes, (unsigned long long)needed);
    }
    return MMSB_OK;
}

static u64 load_element(const u8 *at, u32 width, bool swap) {
    ASSERT(width >= 1);
    ASSERT(width <= 8);
    u64 bits = 0;
    memcpy(&bits, at, width);
    return swap ? __builtin_bswap64(bits) >> (64 - 8 * width) : bits;
}

/* Where row-major lane after lane lies in a column-major file: coordinates count up from the last
 * axis, steps are those of the first axis first. */
typedef struct {
    u64 at[AXES_MAX], step[AXES_MAX];
    u64 offset;
} column_walk;

static void column_start(column_walk *w, const image_shape *shape) {
    ASSERT(shape->axis_count <= AXES_MAX);
    u64 step = 1;
    memset(w, 0, sizeof(*w));
    for (u32 axis = 0; axis < shape->axis_count; axis++) {
        w->step[axis] = step;
        step *= shape->dims[axis];
    }
}

static void column_next(column_walk *w, const image_shape *shape) {
    ASSERT(w->offset < shape->lanes);
    for (u32 axis = shape->axis_count; axis-- > 0;) {
        w->offset += w->step[axis];
        if (++w->at[axis] < shape->dims[axis]) return;
        w->offset -= w->step[axis] * shape->dims[axis];
        w->at[axis] = 0;
    }
}

/* The first lane that is no bool, or the count. */
static u64 first_wrong_bool(const u8 *lanes, u64 count) {
    ASSERT(lanes != NULL);
    for (u64 k = 0; k < count; k++) {
        if (lanes[k] > 1) return k;
    }
    return count;
}

static void copy_lanes(const npy_file *file, u8 type, const image_shape *shape, void *to) {
    u32 width = type_bytes(type);
    bool swap = file->descr[0] == '>' && width > 1;
    bool columns = file->fortran && shape->axis_count > 1;
    ASSERT(file->bytes == shape->lanes * width);
    if (!swap && !columns && !type_is_float(type)) {
        memcpy(to, file->lanes, shape->lanes * width);
        return;
    }
    column_walk walk;
    column_start(&walk, shape);
    for (u64 lane = 0; lane < shape->lanes; lane++) {
        u64 from = columns ? walk.offset : lane;
        u64 bits = load_element(file->lanes + from * width, width, swap);
        number_store(type, (u8 *)to + lane * width, type_canonical(type, bits));
        if (columns) column_next(&walk, shape);
    }
}

mmsb_status npy_read(const void *bytes, u64 byte_count, const char *name, u8 type,
                     const image_shape *shape, void *to, message *m) {
    ASSERT(type < TYPE_COUNT && shape != NULL && to != NULL);
    npy_file file = {0};
    if (bytes == NULL || !parse_head(bytes, byte_count, &file)) {
        return message_set(m, MMSB_WRONG,
                           "%s is no .npy file of plain numbers: save it with numpy.save", name);
    }
    TRY(check_head(&file, name, type, shape, m));
    u64 wrong = type == TYPE_BOOL ? first_wrong_bool(file.lanes, shape->lanes) : shape->lanes;
    if (wrong < shape->lanes) {
        return message_set(m, MMSB_WRONG, "%s: element %llu is no bool: its byte is %u, not 0 or 1",
                           name, (unsigned long long)wrong, file.lanes[wrong]);
    }
    copy_lanes(&file, type, shape, to);
    return MMSB_OK;
}

u32 npy_head(u8 type, const image_shape *shape, char to[NPY_HEAD_MAX]) {
    ASSERT(type < TYPE_COUNT && shape->axis_count <= AXES_MAX);
    char dims[192];
    shape_text(shape->dims, shape->axis_count, dims, sizeof(dims));
    memcpy(to, NPY_MAGIC "\x01\x00", 8);
    int text =
        snprintf(to + 10, NPY_HEAD_MAX - 10,
                 "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type_npy(type), dims);
    u32 used = 10 + (u32)text;
    ASSERT(text > 0);
    u32 whole = (u32)ALIGN_UP(used + 1, 64);
    ASSERT(whole <= NPY_HEAD_MAX);
    memset(to + used, ' ', whole - used);
    to[whole - 1] = '\n';
    to[8] = (char)((whole - 10) & 0xff);
    to[9] = (char)((whole - 10) >> 8);
    return whole;
}
