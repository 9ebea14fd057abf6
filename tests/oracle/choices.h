/* SPDX-License-Identifier: Apache-2.0
 * choices: the options of oracle_compare. */
#ifndef ORACLE_CHOICES_H
#define ORACLE_CHOICES_H
#include "../../engine/core/base.h"

typedef struct {
    u64 seed, trials, jobs;
    u32 epochs_most;
    const char *keep, *file, *folder; /* folder: of what is imported */
    bool print, planted, python, native, cuda;
    u32 threads;
} choices;

/* Adds what the command says; a mistake ends the program with status 2, an unreadable file with 3.
 */
void choices_read(int count, char **a, choices *o);
#endif
