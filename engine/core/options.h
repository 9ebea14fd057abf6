/* SPDX-License-Identifier: Apache-2.0
 * options: the command line of a program, read and explained from one list of rows, so that help,
 * man pages and completions cannot differ from what is read. Prints only where it is told to. */
#ifndef MMSB_OPTIONS_H
#define MMSB_OPTIONS_H
#include <stdio.h>

#include "base.h"

#define OPTION_WORDS_MOST 1024u
/* What a row's field is. Zeros say that nothing was given. */
typedef struct {
    const char *items[OPTION_WORDS_MOST];
    size_t count;
} option_words;
typedef struct {
    bool given;
    u64 value;
} option_count;
typedef enum {
    OPTION_TEXT,     /* const char * */
    OPTION_LIST,     /* option_words: may be given several times */
    OPTION_FLAG,     /* bool */
    OPTION_CHOICE,   /* int: which of the words of `argument`, a|b|c */
    OPTION_COUNT,    /* option_count */
    OPTION_POSITIVE, /* option_count, from 1 on */
    OPTION_MAYBE     /* int: 1, or 2 with the value of `argument`, [=word] */
} option_kind;
typedef struct {
    const char *name; /* "--name", or "-n", whose value may stand in the same word */
    option_kind kind;
    size_t field; /* its place in the struct that is filled */
    const char *argument, *help;
} option_row;
typedef struct {
    const char *program;
    const option_row *rows;
    u32 count;
} option_list;
/* Makes a row of OPTION(name, kind, field, argument, help); `options` is the struct. */
#define OPTION_ROW(options, name, kind, field, argument, help) \
    { name, OPTION_##kind, offsetof(options, field), argument, help }

/* Reads the option at a[*k], which begins with `-`, and its value; *k is its last word. MMSB_USAGE:
 * words that say what is wrong and what was perhaps meant. What is kept points into `a`. */
mmsb_status option_read(const option_list *l, void *into, int count, char **a, int *k, message *m);
/* A line an option; those that every program has come last. */
void options_help(const option_list *l, FILE *to);
/* Tells a usage error on stderr, as every program does: `program: what `text`; see ...`; 2. */
int option_usage(const char *program, const char *what, const char *text);
#endif
