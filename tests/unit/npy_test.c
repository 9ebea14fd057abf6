/* SPDX-License-Identifier: Apache-2.0
 * npy_test: .npy heads of every version, both byte orders, both element orders, and bad files. */
#include <criterion/criterion.h>
#include "npy.h"
#include "number.h"

static const image_shape scalar = {.lanes = 1, .dims = {1, 1, 1, 1, 1, 1, 1, 1}};
static const image_shape pair = {.axis_count = 1, .lanes = 2, .dims = {2, 1, 1, 1, 1, 1, 1, 1}};
static const image_shape box = {.axis_count = 2, .lanes = 6, .dims = {2, 3, 1, 1, 1, 1, 1, 1}};

/* A file of that version with `text` as its dictionary. Returns its length. */
static u64 make_file(u8 *to, u8 major, const char *text, const void *lanes, u64 bytes) {
    u64 count = strlen(text), at = major == 1 ? 10 : 12;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = major;
    to[7] = 0;
    memset(to + 8, 0, at - 8);
    to[8] = (u8)(count & 0xff);
    to[9] = (u8)(count >> 8);
    memcpy(to + at, text, count);
    memcpy(to + at + count, lanes, bytes);
    return at + count + bytes;
}

typedef struct {
    const char *text;
    u8 major;
    u8 type;
    const image_shape *shape;
    const char *lanes;
    u64 bytes;
    u64 first, second; /* bits of lanes 0 and 1 */
} good_row;

static const good_row good_rows[] = {
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", 1, TYPE_I32, &pair,
     "\x01\0\0\0\xff\xff\xff\xff", 8, 1, 0xffffffff},
    {"{\"shape\":(2,),\"fortran_order\":False,\"descr\":\">u2\"}", 2, TYPE_U16, &pair,
     "\x01\x02\x03\x04", 4, 0x0102, 0x0304},
    {"{'descr': '=u8', 'fortran_order': True, 'shape': (2,)}", 3, TYPE_U64, &pair,
     "\1\2\3\4\5\6\7\x08\0\0\0\0\0\0\0\0", 16, 0x0807060504030201u, 0},
    {"{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}\n", 1, TYPE_BOOL, &pair, "\1\0", 2, 1,
     0},
    {"{'descr': '>f8', 'fortran_order': False, 'shape': (), }", 1, TYPE_F64, &scalar,
     "\x3f\xf8\0\0\0\0\0\0", 8, 0x3ff8000000000000u, 0},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 1, TYPE_F32, &pair,
     "\1\2\xff\xff\0\0\x80\x3f", 8, 0x7fc00000, 0x3f800000},
    {"{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }", 1, TYPE_I8, &box, "\1\2\3\4\5\6",
     6, 1, 3},
    {"{'descr': '>i8', 'fortran_order': False, 'shape': (2,), }", 1, TYPE_I64, &pair,
     "\xff\xff\xff\xff\xff\xff\xff\xfe\0\0\0\0\0\0\0\1", 16, (u64)-2, 1},
};

Test(npy, files_of_every_version_and_order_give_their_lanes) {
    for (u32 k = 0; k < ARRAY_COUNT(good_rows); k++) {
        const good_row *r = &good_rows[k];
        u8 file[512], to[64] = {0};
        message m = {0};
        u64 bytes = make_file(file, r->major, r->text, r->lanes, r->bytes);
        mmsb_status status = npy_read(file, bytes, "x.npy", r->type, r->shape, to, &m);
        cr_assert_eq(status, MMSB_OK, "row %u: %s", k, m.text);
        cr_assert_eq(number_load(r->type, to), r->first, "row %u", k);
        if (r->shape->lanes == 1) continue;
        cr_assert_eq(number_load(r->type, to + type_bytes(r->type)), r->second, "row %u", k);
    }
}

typedef struct {
    const char *text;
    u8 type;
    const image_shape *shape;
    u64 bytes;
    const char *says;
} bad_row;

static const bad_row bad_rows[] = {
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", TYPE_F64, &pair, 8, "astype"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", TYPE_F64, &pair, 24, "(3,)"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }", TYPE_F64, &pair, 16, "(2,)"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", TYPE_F64, &pair, 15, "15 bytes"},
    {"{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", TYPE_BOOL, &pair, 2, "no bool"},
    {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }", TYPE_F64, &pair, 16,
     "numpy.save"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (2", TYPE_F64, &pair, 16, "numpy.save"},
    {"{'descr': '<f8', 'shape': (2,)}", TYPE_F64, &pair, 16, "numpy.save"},
    {"{'descr': '<f8', 'fortran_order': Maybe, 'shape': (2,)}", TYPE_F64, &pair, 16, "numpy.save"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", TYPE_F64, &pair,
     16, "numpy.save"},
    {"", TYPE_F64, &pair, 16, "numpy.save"},
};

Test(npy, bad_files_are_refused_with_what_differs) {
    static const u8 sevens[64] = {7, 7, 7, 7};
    for (u32 k = 0; k < ARRAY_COUNT(bad_rows); k++) {
        const bad_row *r = &bad_rows[k];
        u8 file[512], to[64];
        message m = {0};
        u64 bytes = make_file(file, 1, r->text, sevens, r->bytes);
        mmsb_status status = npy_read(file, bytes, "x.npy", r->type, r->shape, to, &m);
        cr_assert_eq(status, MMSB_WRONG, "row %u", k);
        cr_assert(strstr(m.text, "x.npy") != NULL && strstr(m.text, r->says) != NULL, "row %u: %s",
                  k, m.text);
    }
}

Test(npy, a_file_cut_at_any_byte_is_refused) {
    u8 file[512], to[64];
    u64 bytes = make_file(file, 1, good_rows[0].text, good_rows[0].lanes, 8);
    for (u64 cut = 0; cut < bytes; cut++) {
        cr_assert_neq(npy_read(file, cut, "x.npy", TYPE_I32, &pair, to, NULL), MMSB_OK);
    }
    cr_assert_eq(npy_read(file, bytes, "x.npy", TYPE_I32, &pair, to, NULL), MMSB_OK);
}

Test(npy, written_heads_read_back_for_every_type_and_rank) {
    const image_shape *shapes[] = {&scalar, &pair, &box};
    for (u32 row = 0; row < TYPE_COUNT; row++) {
        u8 type = (u8)row;
        for (u32 k = 0; k < ARRAY_COUNT(shapes); k++) {
            u8 file[NPY_HEAD_MAX + 64] = {0}, to[64];
            u32 head = npy_head(type, shapes[k], (char *)file);
            u64 bytes = shapes[k]->lanes * type_bytes(type);
            cr_assert_eq(head % 64, 0);
            memset(file + head, 1, bytes);
            cr_assert_eq(npy_read(file, head + bytes, "x", type, shapes[k], to, NULL), MMSB_OK);
            cr_assert_eq(memcmp(to, file + head, bytes), 0);
        }
    }
}
