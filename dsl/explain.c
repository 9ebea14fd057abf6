/* SPDX-License-Identifier: Apache-2.0
 * explain: see explain.h; the texts are explain.def's. */
#include "explain.h"

#include "../engine/core/nearest.h"

#include <stdlib.h>

/* Examples that are wrong by size. */
#define FOUR(text) text text text text
#define EXPLAIN_LONG "\1" /* printed as so many letters: */
#define LONG_BYTES 4097
#define EXPLAIN_DEEP FOUR(FOUR(FOUR("((((((")))
#define EXPLAIN_MANY FOUR(FOUR(FOUR("x, ")))

typedef struct {
    u16 code;
    const char *cause, *wrong, *right;
} explanation;

static const explanation explanations[] = {
#define EXPLAIN(name, cause, wrong, right) {DIAG_##name, cause, wrong, right},
#include "explain.def"
#undef EXPLAIN
};

static const char *short_text(u16 code) {
    switch (code) {
#define DIAG(name, number, severity, text) \
    case number:                           \
        return text;
#include "diag.def"
#undef DIAG
    default: return "";
    }
}

/* Four blanks before each line. */
static void print_indented(const char *text, FILE *to) {
    ASSERT(text[0] != 0 && text[strlen(text) - 1] == '\n');
    fputs("    ", to);
    for (const char *at = text; *at != 0; at++) {
        if (*at == '\1')
            for (u32 k = 0; k < LONG_BYTES; k++) fputc('a', to);
        else
            fputc(*at, to);
        if (*at == '\n' && at[1] != 0) fputs("    ", to);
    }
}

static const char *nearest_code(const char *text) {
    const char *names[ARRAY_COUNT(explanations)];
    for (u32 k = 0; k < ARRAY_COUNT(explanations); k++)
        names[k] = diag_code_text(explanations[k].code);
    return nearest_of(text, names, ARRAY_COUNT(explanations));
}

bool explain_code(const char *code, FILE *to, const char **near) {
    char whole[16], *end;
    const char *digits = code[0] == 'E' || code[0] == 'e' ? code + 1 : code;
    unsigned long number = strtoul(digits, &end, 10);
    bool read = digits[0] >= '0' && digits[0] <= '9' && *end == 0;
    for (u32 k = 0; read && k < ARRAY_COUNT(explanations); k++) {
        const explanation *e = &explanations[k];
        if (e->code != number) continue;
        fprintf(to, "%s: %s\n\n%s\n\nWrong:\n\n", diag_code_text(e->code), short_text(e->code),
                e->cause);
        print_indented(e->wrong, to);
        fputs("\nRight:\n\n", to);
        print_indented(e->right, to);
        return true;
    }
    snprintf(whole, sizeof whole, "E%04lu", number % 10000);
    *near = nearest_code(read ? whole : code);
    return false;
}
