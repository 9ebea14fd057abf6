/* SPDX-License-Identifier: Apache-2.0
 * tool_options: reads the options of mmsbc, and prints them. */
#include "tool_options.h"

#include <stdio.h>

#include "../dsl/diag.h"
#include "../engine/core/image.h"
#include "../engine/core/number.h"

typedef enum { OPTION_TEXT, OPTION_LIST, OPTION_FLAG, OPTION_CHOICE, OPTION_COUNT } option_kind;
typedef struct {
    const char *name;
    option_kind kind;
    size_t field;
    const char *argument, *help;
} option_row;

#define OPTION(name, kind, field, argument, help) \
    {name, OPTION_##kind, offsetof(tool_options, field), argument, help},
static const option_row options[] = {
#include "tool_options.def"
};
#undef OPTION

int tool_usage(const char *what, const char *text) {
    ASSERT(what != NULL && text != NULL);
    fprintf(stderr, "mmsbc: %s `%s`; see mmsbc --help\n", what, text);
    return 2;
}

static void help_print(void) {
    puts("mmsbc FILE.mmsbg [options]   compiles a graph to STEM.mmsbx in the current directory\n"
         "mmsbc fmt [--check] FILE...  writes graphs in the one style, in place; - is stdin to "
         "stdout\n"
         "mmsbc lsp [-I FOLDER]        a language server for editors, on stdin and stdout");
    for (u32 k = 0; k < ARRAY_COUNT(options); k++) {
        const option_row *o = &options[k];
        int used = printf("  %s%s%s", o->name, o->argument[0] != 0 ? " " : "", o->argument);
        ASSERT(o->help[0] != 0);
        printf(used > 35 ? "\n%*s %s\n" : "%*s %s\n", used > 35 ? 35 : 35 - used, "", o->help);
    }
    puts("  --version, -h, --help\n"
         "Exit status: 0 ok, 1 the graph is wrong (fmt --check: a file would change), 2 usage, "
         "3 input/output, 5 a limit, 70 our bug.");
}

/* The number of `value` among "a|b|c", or -1. */
static int choice_of(const char *choices, const char *value) {
    size_t bytes = strlen(value);
    ASSERT(choices[0] != 0);
    for (int k = 0;; k++) {
        size_t end = strcspn(choices, "|");
        if (end == bytes && memcmp(choices, value, bytes) == 0) return k;
        if (choices[end] == 0) return -1;
        choices += end + 1;
    }
}

static bool define_is(const char *text) {
    const char *equals = strchr(text, '=');
    u64 bits;
    ASSERT(text[0] != 0 || equals == NULL);
    return equals != NULL && equals != text &&
           number_parse(TYPE_I64, equals + 1, strlen(equals + 1), &bits) == NUMBER_OK;
}

static int value_set(tool_options *o, const option_row *row, const char *value) {
    void *field = (char *)o + row->field;
    tool_list *list = field;
    ASSERT(row->kind != OPTION_FLAG);
    switch (row->kind) {
    case OPTION_TEXT: *(const char **)field = value; return 0;
    case OPTION_LIST:
        if (list->count == TOOL_LIST_MAX) return tool_usage("too many options", row->name);
        if (strcmp(row->name, "-D") == 0 && !define_is(value))
            return tool_usage("-D takes NAME=INTEGER, not", value);
        list->items[list->count++] = value;
        return 0;
    case OPTION_COUNT: {
        u64 number = 0;
        if (number_parse(TYPE_U64, value, strlen(value), &number) != NUMBER_OK || number == 0) {
            fprintf(stderr, "mmsbc: %s takes a count from 1 on, not `%s`\n", row->name, value);
            return 2;
        }
        *(unsigned long long *)field = number;
        return 0;
    }
    default: *(int *)field = choice_of(row->argument, value);
    }
    if (*(int *)field >= 0) return 0;
    fprintf(stderr, "mmsbc: %s is one of %s, not `%s`; see mmsbc --help\n", row->name,
            row->argument, value);
    return 2;
}

static int unknown(const char *text) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    diag_search near = {.wanted = name};
    for (u32 k = 0; k < ARRAY_COUNT(options); k++) diag_try(&near, options[k].name);
    diag_try(&near, "--version"), diag_try(&near, "--help");
    ASSERT(near.best == NULL || near.least > 0);
    if (near.best == NULL) return tool_usage("there is no option", text);
    fprintf(stderr, "mmsbc: there is no option `%s`; did you mean `%s`?\n", text, near.best);
    return 2;
}

static int option_read(tool_options *o, int count, char **a, int *k) {
    ASSERT(*k < count);
    size_t bytes = strcspn(a[*k], "=");
    const char *equals = a[*k][bytes] == '=' ? a[*k] + bytes + 1 : NULL;
    for (u32 l = 0; l < ARRAY_COUNT(options); l++) {
        const option_row *row = &options[l];
        size_t length = strlen(row->name);
        bool exact = length == bytes && strncmp(row->name, a[*k], bytes) == 0;
        bool letter = length == 2 && row->kind != OPTION_FLAG;
        if (letter && !exact && strncmp(row->name, a[*k], 2) == 0 && strncmp(a[*k], "-MD", 4) != 0)
            return value_set(o, row, a[*k] + 2); /* -Dn=4 */
        if (!exact) continue;
        if (row->kind == OPTION_FLAG) {
            if (equals != NULL) return tool_usage("no value belongs to", row->name);
            *(bool *)((char *)o + row->field) = true;
            return 0;
        }
        if (equals == NULL && *k + 1 == count)
            return tool_usage("a value is missing after", row->name);
        return value_set(o, row, equals != NULL ? equals : a[++*k]);
    }
    return unknown(a[*k]);
}

static int options_check(const tool_options *o) {
    ASSERT(o->files.count <= TOOL_LIST_MAX);
    if (o->explain != NULL) return 0;
    if (o->lsp) {
        bool others = o->out != NULL || o->defines.count != 0 || o->fix || o->check || o->depends ||
                      o->emit != 0 || o->watch || o->files.count != 0;
        return others ? tool_usage("lsp takes only", "-I FOLDER") : 0;
    }
    if (o->files.count == 0) return tool_usage("name a graph file, not", "");
    if (o->fmt) {
        bool others = o->out != NULL || o->defines.count != 0 || o->folders.count != 0 || o->fix ||
                      o->depends || o->emit != 0 || o->max_bytes != 0 || o->max_waves != 0 ||
                      o->amplification.count != 0 || o->watch;
        return others ? tool_usage("fmt takes only --check, --error-format, --color and", "FILE...")
                      : 0;
    }
    if (o->files.count > 1) return tool_usage("one graph at a time, not also", o->files.items[1]);
    if (o->fix && strcmp(o->files.items[0], "-") == 0)
        return tool_usage("--fix needs a file that can be written, not", "-");
    if (o->watch && strcmp(o->files.items[0], "-") == 0)
        return tool_usage("--watch needs a file, not", "-");
    if (o->depends && (o->check || o->emit != 0))
        return tool_usage("only where an image is written:", "-MD");
    return 0;
}

const char *tool_emit_text(const tool_options *o) {
    static const char *const texts[] = {"image", "plan", "json", "dot", "ast", "ir", "c", "ptx"};
    ASSERT(o->emit >= 0 && (size_t)o->emit < ARRAY_COUNT(texts));
    return texts[o->emit];
}

int tool_options_read(tool_options *o, int count, char **a, bool *ended) {
    *ended = false;
    ASSERT(count == 0 || a != NULL);
    o->fmt = count > 1 && strcmp(a[1], "fmt") == 0;
    o->lsp = count > 1 && strcmp(a[1], "lsp") == 0;
    bool only_files = false;
    for (int k = o->fmt || o->lsp ? 2 : 1; k < count; k++) {
        bool is_option = !only_files && a[k][0] == '-' && a[k][1] != 0;
        if (is_option && strcmp(a[k], "--") == 0) {
            only_files = true;
        } else if (is_option && (strcmp(a[k], "-h") == 0 || strcmp(a[k], "--help") == 0)) {
            help_print();
            *ended = true;
            return 0;
        } else if (is_option && strcmp(a[k], "--version") == 0) {
            printf("mmsbc " MMSB_VERSION ", image %u, math %u\n", IMAGE_VERSION, MATH_VERSION);
            *ended = true;
            return 0;
        } else if (is_option) {
            int wrong = option_read(o, count, a, &k);
            if (wrong != 0) return wrong;
        } else if (o->files.count == TOOL_LIST_MAX) {
            return tool_usage("too many files", a[k]);
        } else {
            o->files.items[o->files.count++] = a[k];
        }
    }
    return options_check(o);
}
