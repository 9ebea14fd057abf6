/* SPDX-License-Identifier: Apache-2.0
 * array_file: the lanes of a page from and to a .npy or .csv file, by the ending of its name.
 * Owns no format (npy.h, csv.h). */
#ifndef MMSB_ARRAY_FILE_H
#define MMSB_ARRAY_FILE_H
#include "file.h"
#include "image.h"

/* Fills `to` from PATH.npy, PATH.csv or PATH.csv#COLUMN, looked up in `folder` (an open folder
 * or AT_FDCWD). beneath: the path stands in an image and must lead to a regular file beneath
 * `folder` (file_open_beneath). MMSB_IO or MMSB_WRONG with the file's name. */
mmsb_status array_file_read(file_calls *f, int folder, const char *path, bool beneath, u8 type,
                            const image_shape *shape, void *to, message *m);
/* Writes beside and renames (file_replace's promise). MMSB_USAGE where the name ends neither in
 * .npy nor in .csv. */
mmsb_status array_file_write(file_calls *f, int folder, const char *path, u8 type,
                             const image_shape *shape, const void *from, message *m);
/* Whether the path has an ending that array_file_write takes. */
bool array_file_is_writable(const char *path);
#endif
