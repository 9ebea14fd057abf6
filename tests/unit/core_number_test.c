/* SPDX-License-Identifier: Apache-2.0
 * Numbers as text: shortest digits that read back, ranges, wrong types. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "number.h"

Test(number, every_float_reads_back_to_its_bits) {
    u64 seed = 1;
    for (u32 k = 0; k < 20000; k++) {
        char text[NUMBER_TEXT_MAX];
        u64 back;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        for (u32 narrow = 0; narrow < 2; narrow++) {
            u8 type = narrow ? TYPE_F32 : TYPE_F64;
            u64 bits = type_canonical(type, narrow ? (seed ^ seed >> 29) & 0xffffffffu
                                                   : seed ^ seed >> 29);
            u32 length = number_format(type, bits, text);
            number_result r = number_parse(type, text, length, &back);
            cr_assert(r == NUMBER_OK && back == bits, "%s", text);
        }
    }
}

/* Up to 15 digits are read without strtod, and more with it. */
Test(number, decimals_have_the_bits_that_strtod_gives) {
    u64 seed = 7;
    for (u32 k = 0; k < 200000; k++) {
        char text[64];
        u64 bits = 0;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        u32 digits = 1 + (u32)(seed >> 60), places = (u32)(seed >> 52) % (digits + 1);
        u64 whole = seed >> 8, scale = 1;
        for (u32 d = 0; d < places; d++) scale *= 10;
        int length = snprintf(text, sizeof text, "%s%llu.%0*llu", (seed & 1) != 0 ? "-" : "",
                              (unsigned long long)(whole / scale % 1000000000u), (int)places + 1,
                              (unsigned long long)(whole % scale));
        f64 expected = strtod(text, NULL), back;
        cr_assert_eq(number_parse(TYPE_F64, text, (u64)length, &bits), NUMBER_OK, "%s", text);
        memcpy(&back, &bits, 8);
        cr_assert(memcmp(&expected, &back, 8) == 0, "%s", text);
    }
}

Test(number, texts_have_the_value_or_the_reason) {
    static const struct {
        u8 type;
        const char *text;
        number_result result;
        u64 bits;
    } rows[] = {
        {TYPE_I32, "1_000", NUMBER_OK, 1000},
        {TYPE_U8, "0xff", NUMBER_OK, 255},
        {TYPE_U8, "256", NUMBER_OUT_OF_RANGE, 0},
        {TYPE_I8, "-128", NUMBER_OK, 0x80},
        {TYPE_I8, "-129", NUMBER_OUT_OF_RANGE, 0},
        {TYPE_I64, "1.5", NUMBER_WRONG_TYPE, 0},
        {TYPE_F64, "1.5", NUMBER_OK, 0x3ff8000000000000u},
        {TYPE_F64, "nan", NUMBER_OK, 0x7ff8000000000000u},
        {TYPE_F32, "-inf", NUMBER_OK, 0xff800000u},
        {TYPE_F64, "1e400", NUMBER_OUT_OF_RANGE, 0},
        {TYPE_BOOL, "true", NUMBER_OK, 1},
        {TYPE_BOOL, "2", NUMBER_WRONG_TYPE, 0},
        {TYPE_F64, "1__0", NUMBER_NOT_ONE, 0},
        {TYPE_U64, "18446744073709551615", NUMBER_OK, UINT64_MAX},
        {TYPE_F64, "0x1.8p3", NUMBER_OK, 0x4028000000000000u},
    };
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        u64 bits = 0;
        number_result r = number_parse(rows[k].type, rows[k].text, strlen(rows[k].text), &bits);
        cr_expect(r == rows[k].result, "%s", rows[k].text);
        if (r == NUMBER_OK) cr_expect(bits == rows[k].bits, "%s", rows[k].text);
    }
}

/* Digits as Python's repr and NumPy's have them; powers of two are where the nearest decimal of so
 * many digits may not read back and the next one up does. */
Test(number, floats_have_their_fewest_digits) {
    static const struct {
        u8 type;
        u64 bits;
        const char *text;
    } rows[] = {
        {TYPE_F64, 0x0060000000000000u, "7.120236347223045e-307"},
        {TYPE_F64, 0x8100000000000000u, "-7.291122019556398e-304"},
        {TYPE_F64, 0x0000000000000001u, "5e-324"},
        {TYPE_F64, 0x3fb999999999999au, "0.1"},
        {TYPE_F64, 0x4341c37937e08000u, "1e+16"},
        {TYPE_F64, 0x4341c37937e07fffu, "9999999999999998.0"},
        {TYPE_F64, 0x8000000000000000u, "-0.0"},
        {TYPE_F64, 0xbfa999999999999au, "-0.05"},
        {TYPE_F64, 0x40c81cd6e631f8a1u, "12345.6789"},
        {TYPE_F32, 0x58635fa9u, "1000000000000000.0"},
        {TYPE_F32, 0x4b800000u, "16777216.0"},
        {TYPE_F32, 0x50754116u, "16458734000.0"},
        {TYPE_F32, 0x3727c5acu, "0.00001"},
        {TYPE_F32, 0x00000001u, "1e-45"},
    };
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        char text[NUMBER_TEXT_MAX];
        u32 length = number_format(rows[k].type, rows[k].bits, text);
        cr_expect_str_eq(text, rows[k].text);
        cr_expect(length == strlen(text), "%s", text);
    }
}
