/* SPDX-License-Identifier: Apache-2.0
 * choices: the options of oracle_compare. */
#include "choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u64 number_of(const char *text) {
    char *end;
    u64 n = strtoull(text, &end, 0);
    if (*text == 0 || *end != 0) {
        fprintf(stderr, "compare: `%s` is not a number\n", text);
        exit(2);
    }
    return n;
}

static char *file_read(const char *path) {
    static char text[1 << 20];
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        fprintf(stderr, "compare: cannot open %s\n", path);
        exit(3);
    }
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

void choices_read(int count, char **a, choices *o) {
    for (int k = 1; k < count; k++) {
        bool more = k + 1 < count;
        if (strcmp(a[k], "--print") == 0)
            o->print = true;
        else if (strcmp(a[k], "--plant") == 0)
            o->planted = true;
        else if (strcmp(a[k], "--python") == 0)
            o->python = true;
        else if (strcmp(a[k], "--native") == 0)
            o->native = true;
        else if (strcmp(a[k], "--cuda") == 0)
            o->cuda = true;
        else if (more && strcmp(a[k], "--seed") == 0)
            o->seed = number_of(a[++k]);
        else if (more && strcmp(a[k], "--count") == 0)
            o->trials = number_of(a[++k]);
        else if (more && strcmp(a[k], "--jobs") == 0)
            o->jobs = number_of(a[++k]);
        else if (more && strcmp(a[k], "--epochs") == 0)
            o->epochs_most = (u32)number_of(a[++k]);
        else if (more && strcmp(a[k], "--threads") == 0)
            o->threads = (u32)number_of(a[++k]);
        else if (more && strcmp(a[k], "--keep") == 0)
            o->keep = a[++k];
        else if (more && strcmp(a[k], "--file") == 0)
            o->file = a[++k];
        else {
            fprintf(stderr, "usage: compare [--seed S] [--count N] [--jobs J] [--epochs N] "
                            "[--keep DIR] [--print] [--plant] [--threads T] [--file GRAPH] "
                            "[--python] [--native] [--cuda]\n");
            exit(2);
        }
    }
    if (o->jobs == 0 || o->jobs > 64) o->jobs = 1;
    if (o->file == NULL) return;
    static char folder[4096];
    snprintf(folder, sizeof folder, "%s", o->file);
    char *slash = strrchr(folder, '/');
    snprintf(slash == NULL ? folder : slash, 2, "%s", slash == NULL ? "." : "");
    o->folder = folder;
    o->file = file_read(o->file);
}
