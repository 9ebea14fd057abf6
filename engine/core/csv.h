/* SPDX-License-Identifier: Apache-2.0
 * csv: numbers in lines and columns to and from the lanes of a page. Works on bytes in memory;
 * opens no file, allocates nothing.
 *
 * A scalar is one value, [n] is n lines, [h, w] is h lines of w values; more axes are flattened
 * into lines of the last axis. A first line that holds a field which is no number is names.
 * Fields may stand in double quotes; blank lines are skipped. */
#ifndef MMSB_CSV_H
#define MMSB_CSV_H
#include "image.h"

/* Fills `to`. column: NULL, or the name of the column to take (the shape then has one value a
 * line). MMSB_WRONG with file, line, column and a fix; then `to` may be partly written. */
mmsb_status csv_read(const void *bytes, u64 byte_count, const char *name, const char *column,
                     u8 type, const image_shape *shape, void *to, message *m);
/* Gives the text in pieces, shortest digits, to `sink`; stops at the first status that is not OK
 * and returns it. */
typedef mmsb_status (*csv_sink)(void *context, const char *text, u64 count);
mmsb_status csv_write(u8 type, const image_shape *shape, const void *from, csv_sink sink,
                      void *context);
#endif
