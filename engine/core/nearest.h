/* SPDX-License-Identifier: Apache-2.0
 * nearest: the name that was probably meant, for "did you mean". Any thread. */
#ifndef MMSB_NEAREST_H
#define MMSB_NEAREST_H
#include "base.h"

/* The nearest of the names tried, within Damerau distance 2 (and a third of the length). Start with
 * {.wanted = word}. */
typedef struct {
    const char *wanted;
    const char *best; /* NULL: none is near */
    u32 least;        /* its distance */
    bool several;     /* others are as near */
} nearest_search;
void nearest_try(nearest_search *s, const char *name);
/* Whether `best` is surely meant: no other is as near, and the word is no mere letter or two. */
bool nearest_certain(const nearest_search *s);
/* The nearest of `count` names, or NULL. */
const char *nearest_of(const char *name, const char *const *names, u32 count);
#endif
