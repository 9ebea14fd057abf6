/* SPDX-License-Identifier: Apache-2.0
 * csv_test: names, quotes, columns, shapes, and every refusal with its place. */
#include <criterion/criterion.h>
#include "csv.h"
#include "number.h"

#define SHAPE(axes, product, ...)                                     \
    {                                                                 \
        .axis_count = axes, .lanes = product, .dims = { __VA_ARGS__ } \
    }
static const image_shape scalar = SHAPE(0, 1, 1, 1, 1, 1, 1, 1, 1, 1);
static const image_shape three = SHAPE(1, 3, 3, 1, 1, 1, 1, 1, 1, 1);
static const image_shape box = SHAPE(2, 6, 2, 3, 1, 1, 1, 1, 1, 1);
static const image_shape cube = SHAPE(3, 8, 2, 2, 2, 1, 1, 1, 1, 1);

typedef struct {
    const char *text;
    const char *column;
    u8 type;
    const image_shape *shape;
    f64 last;
} good_row;

static const good_row good_rows[] = {
    {"1\n2\n3\n", NULL, TYPE_F64, &three, 3},
    {"1\r\n2\r\n3", NULL, TYPE_I32, &three, 3},
    {"\xef\xbb\xbfprice\n1\n2\n-2.5e1\n", NULL, TYPE_F64, &three, -25},
    {"\n1\n\n  \n2\n3\n\n", NULL, TYPE_U8, &three, 3},
    {"7", NULL, TYPE_U64, &scalar, 7},
    {"a,b,c\n1,2,3\n4,5,6\n", NULL, TYPE_F32, &box, 6},
    {"1, 2 ,\t3\n \"4\",5,\"6\" \n", NULL, TYPE_F64, &box, 6},
    {"1,2\n3,4\n5,6\n7,8\n", NULL, TYPE_I64, &cube, 8},
    {"day,\"rain, mm\",wind\nmon,\"1\",x\ntue,2,x\nwed,3.5,x\n", "rain, mm", TYPE_F64, &three, 3.5},
    {"a,\"say \"\"b\"\"\"\n1,2\n\"two\nlines\",3\n1,4\n", "say \"b\"", TYPE_F64, &three, 4},
    {"true\nfalse\n1\n", NULL, TYPE_BOOL, &three, 1},
    {"nan\ninf\n-inf\n", NULL, TYPE_F64, &three, -1.0 / 0.0},
    {"NaN\nInf\n-Infinity\n", NULL, TYPE_F64, &three, -1.0 / 0.0},
    {"x\nNAN\n+inf\nINFINITY\n", NULL, TYPE_F32, &three, 1.0 / 0.0},
};

Test(csv, good_texts_give_their_last_lane) {
    for (u32 k = 0; k < ARRAY_COUNT(good_rows); k++) {
        const good_row *r = &good_rows[k];
        u8 to[64] = {0};
        message m = {0};
        mmsb_status status =
            csv_read(r->text, strlen(r->text), "f.csv", r->column, r->type, r->shape, to, &m);
        cr_assert_eq(status, MMSB_OK, "row %u: %s", k, m.text);
        u64 bits = number_load(r->type, to + (r->shape->lanes - 1) * type_bytes(r->type));
        cr_assert_eq(number_as_f64(r->type, bits), r->last, "row %u", k);
    }
}

typedef struct {
    const char *text;
    const char *column;
    u8 type;
    const image_shape *shape;
    const char *says;
} bad_row;

static const bad_row bad_rows[] = {
    {"1\n2\n", NULL, TYPE_F64, &three, "has 2 lines of values, but the page needs 3"},
    {"1\n2\n3\n4\n", NULL, TYPE_F64, &three, "f.csv:4: the file has more than 3"},
    {"1\n2\n3x\n", NULL, TYPE_F64, &three, "f.csv:3, column 1: \"3x\" is no number"},
    {"1\n2\n300\n", NULL, TYPE_U8, &three, "f.csv:3, column 1: 300 is out of the range of u8"},
    {"1\n2\n1.5\n", NULL, TYPE_I32, &three, "1.5 is no i32"},
    {"1,2,3\n4,5\n", NULL, TYPE_F64, &box, "f.csv:2, column 2: the line has 2 values"},
    {"1,2,3\n4,5,6,7\n", NULL, TYPE_F64, &box, "the line has 4 values, but needs 3"},
    {"1,2,3\n4,,6\n", NULL, TYPE_F64, &box, "f.csv:2, column 2"},
    {"a,b\n1,2\n3,4\n5,6\n", NULL, TYPE_F64, &three, "#NAME"},
    {"a,b\n1,2\n3,4\n5,6\n", "c", TYPE_F64, &three, "no column is named \"c\""},
    {"a,b\n1,2\n3\n5,6\n", "b", TYPE_F64, &three, "f.csv:3"},
    {"1,2\n", "b", TYPE_F64, &scalar, "no column is named"},
    {"a,b,c\n1,2,3\n1,2,3\n", "b", TYPE_F64, &box, "give the whole file"},
    {"x\n\"1\n2\n3\n", NULL, TYPE_F64, &three, "f.csv:2, column 1: a quoted field"},
    {"\"1\"2\n3\n4\n", NULL, TYPE_F64, &three, "quoted"},
    {"", NULL, TYPE_F64, &scalar, "has 0 lines"},
    {"2\n", NULL, TYPE_BOOL, &scalar, "f.csv:1"},
};

Test(csv, bad_texts_name_line_and_column) {
    for (u32 k = 0; k < ARRAY_COUNT(bad_rows); k++) {
        const bad_row *r = &bad_rows[k];
        u8 to[64];
        message m = {0};
        mmsb_status status =
            csv_read(r->text, strlen(r->text), "f.csv", r->column, r->type, r->shape, to, &m);
        cr_assert_eq(status, MMSB_WRONG, "row %u", k);
        cr_assert(strstr(m.text, r->says) != NULL, "row %u: %s", k, m.text);
    }
}

static mmsb_status append(void *context, const char *text, u64 count) {
    strncat(context, text, count);
    return MMSB_OK;
}

Test(csv, written_text_has_a_line_for_each_row_and_shortest_digits) {
    char text[256] = {0};
    f64 lanes[6] = {1.0, 0.1, -2.5, 1e300, 0.0, -0.0};
    cr_assert_eq(csv_write(TYPE_F64, &box, lanes, append, text), MMSB_OK);
    cr_assert_str_eq(text, "1.0,0.1,-2.5\n1e+300,0.0,-0.0\n");
    u8 flags[3] = {1, 0, 1};
    text[0] = 0;
    cr_assert_eq(csv_write(TYPE_BOOL, &three, flags, append, text), MMSB_OK);
    cr_assert_str_eq(text, "1\n0\n1\n");
}
