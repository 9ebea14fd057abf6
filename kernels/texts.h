/* SPDX-License-Identifier: Apache-2.0
 * texts: the headers that give each operator's meaning, as text, for code that is compiled at run
 * time: the bits stand on one source. texts.cmake makes them. */
#ifndef MMSB_KERNEL_TEXTS_H
#define MMSB_KERNEL_TEXTS_H
typedef struct {
    const char *name; /* "meaning.h" */
    const char *text;
} kernel_text;
/* Ends with a row without a name. */
extern const kernel_text kernel_texts[];
#endif
