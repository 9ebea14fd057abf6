/* SPDX-License-Identifier: Apache-2.0
 * tool_options: reads the options of mmsbc, and prints them. */
#include "tool_options.h"

#include <stdio.h>

#include "../engine/core/image.h"
#include "../engine/core/number.h"

#define OPTION(...) OPTION_ROW(tool_options, __VA_ARGS__),
static const option_row rows[] = {
#include "tool_options.def"
};
#undef OPTION
static const option_list list = {"mmsbc", rows, ARRAY_COUNT(rows)};

int tool_usage(const char *what, const char *text) {
    return option_usage(list.program, what, text);
}

static void help_print(void) {
    puts("mmsbc FILE.mmsbg [options]   compiles a graph to STEM.mmsbx in the current directory\n"
         "mmsbc fmt [--check] FILE...  writes graphs in the one style, in place; - is stdin to "
         "stdout\n"
         "mmsbc lsp [-I FOLDER]        a language server for editors, on stdin and stdout");
    options_help(&list, stdout);
    puts("Exit status: 0 ok, 1 the graph is wrong (fmt --check: a file would change), 2 usage, "
         "3 input/output, 5 a limit, 70 our bug.");
}

static bool define_is(const char *text) {
    const char *equals = strchr(text, '=');
    u64 bits;
    ASSERT(text[0] != 0 || equals == NULL);
    return equals != NULL && equals != text &&
           number_parse(TYPE_I64, equals + 1, strlen(equals + 1), &bits) == NUMBER_OK;
}

static int options_check(const tool_options *o) {
    for (size_t k = 0; k < o->defines.count; k++)
        if (!define_is(o->defines.items[k]))
            return tool_usage("-D takes NAME=INTEGER, not", o->defines.items[k]);
    ASSERT(o->files.count <= OPTION_WORDS_MOST);
    if (o->explain != NULL) return 0;
    if (o->lsp) {
        bool others = o->out != NULL || o->defines.count != 0 || o->fix || o->check || o->depends ||
                      o->emit != 0 || o->watch || o->files.count != 0;
        return others ? tool_usage("lsp takes only", "-I FOLDER") : 0;
    }
    if (o->files.count == 0) return tool_usage("name a graph file, not", "");
    if (o->fmt) {
        bool others = o->out != NULL || o->defines.count != 0 || o->folders.count != 0 || o->fix ||
                      o->depends || o->emit != 0 || o->max_bytes.given || o->max_waves.given ||
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
    ASSERT(ended != NULL);
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
            message m = {.used = 0};
            if (option_read(&list, o, count, a, &k, &m) == MMSB_OK) continue;
            fprintf(stderr, "%s: %s\n", list.program, m.text);
            return 2;
        } else if (o->files.count == OPTION_WORDS_MOST) {
            return tool_usage("too many files", a[k]);
        } else {
            o->files.items[o->files.count++] = a[k];
        }
    }
    return options_check(o);
}
