/* SPDX-License-Identifier: Apache-2.0
 * tool_options: the command line of mmsbc, from the one list in tool_options.def. */
#ifndef MMSB_TOOL_OPTIONS_H
#define MMSB_TOOL_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../engine/core/options.h"
#include "mmsbc.h"

/* Zeros are the defaults. */
typedef struct {
    const char *out, *explain;
    option_words defines, folders, amplification, files;
    option_count max_bytes, max_waves;
    bool check, fix, depends, watch;
    int emit, format, colour; /* which of the list's choices */
    bool fmt;                 /* `mmsbc fmt` */
    bool lsp;                 /* `mmsbc lsp` */
} tool_options;

/* 0, or 2 where a usage error was told on stderr. *ended: --help or --version was answered. */
int tool_options_read(tool_options *o, int count, char **a, bool *ended);
/* Tells a usage error on stderr; 2. */
int tool_usage(const char *what, const char *text);
/* The word of --emit that was given. */
const char *tool_emit_text(const tool_options *o);
/* tool_c.c: --emit=c. */
mmsb_status tool_emit_c(const mmsbc_result *r, FILE *to, message *m);
/* tool_ptx.c: --emit=ptx. */
mmsb_status tool_emit_ptx(const mmsbc_result *r, FILE *to, message *m);
/* tool_lsp.c, where jansson was found: `mmsbc lsp`, until `exit` or the end of input. The exit
 * status of the command. */
int lsp_run(FILE *in, FILE *out, const char *const *folders, size_t folder_count);
#endif
