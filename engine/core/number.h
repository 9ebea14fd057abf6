/* SPDX-License-Identifier: Apache-2.0
 * number: text to element bits and back, free of the locale. */
#ifndef MMSB_NUMBER_H
#define MMSB_NUMBER_H
#include "base.h"
#define NUMBER_TEXT_MAX 40

typedef enum { NUMBER_OK, NUMBER_NOT_ONE, NUMBER_OUT_OF_RANGE, NUMBER_WRONG_TYPE } number_result;
/* Parses the whole text: [+-]digits with '_', 0x, 0b, decimal and hex floats, nan, inf, true,
 * false. Integers of a type must be in its range; a float text for an integer type is
 * NUMBER_WRONG_TYPE; 0/1/true/false for bool. bits are zero-extended; a NaN is canonical. Floats
 * are rounded correctly (a text too large becomes infinity: NUMBER_OUT_OF_RANGE). */
number_result number_parse(u8 type, const char *text, size_t count, u64 *bits);
/* Shortest digits that read back to the same bits ("1.5", "nan", "-inf", "true", "1e+300", "100.0":
 * floats always show a point, exponent, nan or inf). Returns the length; closes with NUL. */
u32 number_format(u8 type, u64 bits, char to[NUMBER_TEXT_MAX]);
u64 number_load(u8 type, const void *at); /* zero-extended bits of one element */
void number_store(u8 type, void *at, u64 bits);
f64 number_as_f64(u8 type, u64 bits);
#endif
