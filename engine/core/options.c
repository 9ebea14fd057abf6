/* SPDX-License-Identifier: Apache-2.0
 * options: see options.h. */
#include "options.h"

#include "nearest.h"
#include "number.h"

#define HELP_COLUMN 35

int option_usage(const char *program, const char *what, const char *text) {
    ASSERT(what != NULL && text != NULL);
    fprintf(stderr, "%s: %s `%s`; see %s --help\n", program, what, text, program);
    return 2;
}

static mmsb_status wrong(const option_list *l, const char *what, const char *text, message *m) {
    return message_set(m, MMSB_USAGE, "%s `%s`; see %s --help", what, text, l->program);
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

static mmsb_status value_set(const option_list *l, const option_row *o, void *field,
                             const char *value, message *m) {
    ASSERT(o->kind != OPTION_FLAG && o->kind != OPTION_MAYBE);
    option_words *words = field;
    option_count *number = field;
    if (o->kind == OPTION_TEXT) {
        *(const char **)field = value;
    } else if (o->kind == OPTION_LIST) {
        if (words->count == OPTION_WORDS_MOST) return wrong(l, "too many options", o->name, m);
        words->items[words->count++] = value;
    } else if (o->kind == OPTION_CHOICE) {
        *(int *)field = choice_of(o->argument, value);
        if (*(int *)field < 0)
            return message_set(m, MMSB_USAGE, "%s is one of %s, not `%s`; see %s --help", o->name,
                               o->argument, value, l->program);
    } else {
        bool positive = o->kind == OPTION_POSITIVE;
        u64 n = 0;
        if (number_parse(TYPE_U64, value, strlen(value), &n) != NUMBER_OK || (positive && n == 0))
            return message_set(m, MMSB_USAGE, "%s takes a count%s, not `%s`", o->name,
                               positive ? " from 1 on" : "", value);
        *number = (option_count){true, n};
    }
    return MMSB_OK;
}

/* Options without a value of their own word. */
static mmsb_status flag_set(const option_list *l, const option_row *o, void *field,
                            const char *value, message *m) {
    if (o->kind == OPTION_FLAG) {
        if (value != NULL) return wrong(l, "no value belongs to", o->name, m);
        *(bool *)field = true;
        return MMSB_OK;
    }
    ASSERT(o->kind == OPTION_MAYBE && strncmp(o->argument, "[=", 2) == 0);
    size_t bytes = strlen(o->argument) - 3; /* [= and ] */
    if (value != NULL && (strlen(value) != bytes || memcmp(o->argument + 2, value, bytes) != 0))
        return message_set(m, MMSB_USAGE, "%s or %s=%.*s, not `%s`; see %s --help", o->name,
                           o->name, (int)bytes, o->argument + 2, value, l->program);
    *(int *)field = value == NULL ? 1 : 2;
    return MMSB_OK;
}

static mmsb_status unknown(const option_list *l, const char *text, message *m) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    nearest_search near = {.wanted = name};
    for (u32 k = 0; k < l->count; k++) nearest_try(&near, l->rows[k].name);
    nearest_try(&near, "--version"), nearest_try(&near, "--help");
    ASSERT(near.best == NULL || near.least > 0);
    if (near.best == NULL) return wrong(l, "there is no option", text, m);
    return message_set(m, MMSB_USAGE, "there is no option `%s`; did you mean `%s`?", text,
                       near.best);
}

mmsb_status option_read(const option_list *l, void *into, int count, char **a, int *k, message *m) {
    ASSERT(*k < count && a[*k][0] == '-');
    const char *word = a[*k];
    size_t bytes = strcspn(word, "=");
    const char *value = word[bytes] == '=' ? word + bytes + 1 : NULL;
    for (u32 row = 0; row < l->count; row++) {
        const option_row *o = &l->rows[row];
        void *field = (char *)into + o->field;
        size_t length = strlen(o->name);
        bool exact = length == bytes && strncmp(o->name, word, bytes) == 0;
        bool alone = o->kind == OPTION_FLAG || o->kind == OPTION_MAYBE;
        if (!exact && length == 2 && !alone && strncmp(o->name, word, 2) == 0)
            return value_set(l, o, field, word + 2, m); /* -Dn=4 */
        if (!exact) continue;
        if (alone) return flag_set(l, o, field, value, m);
        if (value == NULL && *k + 1 == count)
            return wrong(l, "a value is missing after", o->name, m);
        return value_set(l, o, field, value != NULL ? value : a[++*k], m);
    }
    return unknown(l, word, m);
}

void options_help(const option_list *l, FILE *to) {
    for (u32 k = 0; k < l->count; k++) {
        const option_row *o = &l->rows[k];
        bool apart = o->argument[0] != 0 && o->kind != OPTION_MAYBE;
        int used = fprintf(to, "  %s%s%s", o->name, apart ? " " : "", o->argument);
        ASSERT(o->help[0] != 0);
        bool long_name = used > HELP_COLUMN;
        fprintf(to, long_name ? "\n%*s %s\n" : "%*s %s\n",
                long_name ? HELP_COLUMN : HELP_COLUMN - used, "", o->help);
    }
    fputs("  --version, -h, --help\n", to);
}
