/* SPDX-License-Identifier: Apache-2.0
 * run_options: the command line of mmsb-run, from the one list in run_options.def. */
#include <stdio.h>

#include "core/number.h"
#include "crew.h"
#include "run.h"
#include "tool_print.h"

typedef enum { OPTION_TEXT, OPTION_COUNT, OPTION_FLAG, OPTION_LIST, OPTION_STATS } option_kind;
typedef struct {
    const char *name;
    option_kind kind;
    size_t field;
    const char *argument, *help;
} option_row;

#define OPTION(name, kind, field, argument, help) \
    {name, OPTION_##kind, offsetof(run, field), argument, help},
static const option_row options[] = {
#include "run_options.def"
};
#undef OPTION

int options_usage(const char *what, const char *text) {
    fprintf(stderr, "mmsb-run: %s `%s`; see mmsb-run --help\n", what, text);
    return 2;
}

static void help_print(void) {
    puts("mmsb-run [IMAGE] [options]   runs IMAGE, or the only .mmsbx of the current directory\n"
         "mmsb-run --replay DIR [--to EPOCH]   runs what a state directory has logged");
    for (u32 k = 0; k < ARRAY_COUNT(options); k++) {
        char left[40];
        snprintf(left, sizeof left, "%s%s%s", options[k].name,
                 options[k].kind == OPTION_STATS || options[k].kind == OPTION_FLAG ? "" : " ",
                 options[k].argument);
        printf("  %-24s %s\n", left, options[k].help);
    }
    puts("  --version, --help\n"
         "Exit status: 0 ok, 1 wrong graph or data or a rejected epoch, 2 usage, 3 input/output, "
         "4 damaged data, 5 a limit, 70 our bug.");
}

static int value_set(run *r, const option_row *o, const char *value) {
    ASSERT(o->field < sizeof(run));
    void *field = (char *)r + o->field;
    run_count *count = field;
    run_list *list = field;
    switch (o->kind) {
    case OPTION_TEXT: *(const char **)field = value; break;
    case OPTION_COUNT:
        if (number_parse(TYPE_U64, value, strlen(value), &count->value) != NUMBER_OK) {
            fprintf(stderr, "mmsb-run: %s takes a count, not `%s`\n", o->name, value);
            return 2;
        }
        count->given = true;
        break;
    case OPTION_LIST:
        if (list->count == RUN_LIST_MAX) return options_usage("too many options", o->name);
        list->items[list->count++] = value;
        break;
    case OPTION_FLAG:
    case OPTION_STATS: break;
    }
    return 0;
}

static int option_read(run *r, int count, char **a, int *k) {
    ASSERT(*k < count);
    static const char *const later[] = {"--sync-follower", "--no-sandbox"};
    size_t bytes = strcspn(a[*k], "=");
    const char *equals = a[*k][bytes] == '=' ? a[*k] + bytes + 1 : NULL;
    for (u32 l = 0; l < ARRAY_COUNT(later); l++)
        if (strlen(later[l]) == bytes && strncmp(a[*k], later[l], bytes) == 0)
            return options_usage("this version does not have", later[l]);
    for (u32 l = 0; l < ARRAY_COUNT(options); l++) {
        const option_row *o = &options[l];
        if (strlen(o->name) != bytes || strncmp(a[*k], o->name, bytes) != 0) continue;
        if (o->kind == OPTION_FLAG) {
            if (equals != NULL) return options_usage("no value belongs to", o->name);
            *(bool *)((char *)r + o->field) = true;
            return 0;
        }
        if (o->kind == OPTION_STATS) {
            if (equals != NULL && strcmp(equals, "json") != 0)
                return options_usage("--stats or --stats=json, not", a[*k]);
            r->stats = equals == NULL ? "text" : "json";
            return 0;
        }
        if (equals == NULL && *k + 1 == count)
            return options_usage("a value is missing after", o->name);
        return value_set(r, o, equals != NULL ? equals : a[++*k]);
    }
    return options_usage("there is no option", a[*k]);
}

static int options_check(run *r) {
    static const char *const modes[] = {"batch", "none", "epoch", "sealed"};
    const char *e = r->executor;
    static const char *const executors[] = {"vm", "native", "cuda", "auto"};
    u32 x = 0;
    while (e != NULL && x < 4 && strcmp(e, executors[x]) != 0) x++;
    if (x == 4) return options_usage("--executor is vm, native, cuda or auto, not", e);
    if (r->threads.given && r->threads.value == 0)
        return options_usage("--threads takes a count from 1 on, not", "0");
    if (r->threads.value > CREW_MOST) return options_usage("--threads is at most", "64");
    if (r->durability != NULL) {
        u32 k = 0;
        while (k < 4 && strcmp(modes[k], r->durability) != 0) k++;
        if (k == 4)
            return options_usage("--durability is none, batch, epoch or sealed, not",
                                 r->durability);
        r->mode = (durability_mode)k;
    }
    if (r->state == NULL &&
        (r->resume || r->durability != NULL || r->checkpoint.given || r->audit.given))
        return options_usage("only with --state DIR:",
                             r->resume ? "--resume" : "--durability, --checkpoint, --audit");
    if (r->migrate && r->state == NULL) return options_usage("--migrate needs", "--state DIR");
    if (r->resume && r->deltas == NULL) return options_usage("--resume needs", "--deltas FILE");
    if (r->resume && strcmp(r->deltas, "-") == 0)
        return options_usage("--resume needs a file that can be read again, not", "-");
    if (r->to.given && r->replay == NULL) return options_usage("--to needs", "--replay DIR");
    if (r->replay != NULL && (r->state != NULL || r->deltas != NULL || r->ticks.given ||
                              r->until != NULL || r->in.count != 0))
        return options_usage("a replay takes neither deltas, ticks, inputs nor a state directory:",
                             r->replay);
    if (r->serve == NULL && (r->leases.given || r->spin.given))
        return options_usage("only with --serve NAME:", r->leases.given ? "--leases" : "--spin");
    if (r->leases.value > 16) return options_usage("--leases is at most", "16");
    if (r->serve != NULL && (r->until != NULL || r->replay != NULL || r->trace != NULL))
        return options_usage("--serve goes with none of --until, --replay, --trace:", r->serve);
    if (r->strict && r->no_strict) return options_usage("one of the two:", "--strict, --no-strict");
    return 0;
}

int options_read(run *r, int count, char **a, bool *ended) {
    ASSERT(ended != NULL);
    *ended = false;
    for (int k = 1; k < count; k++) {
        if (strcmp(a[k], "-h") == 0 || strcmp(a[k], "--help") == 0) {
            help_print();
            *ended = true;
            return 0;
        }
        if (strcmp(a[k], "--version") == 0) {
            version_print("mmsb-run");
            *ended = true;
            return 0;
        }
        if (a[k][0] == '-') {
            int wrong = option_read(r, count, a, &k);
            if (wrong != 0) return wrong;
            continue;
        }
        if (r->image_path != NULL) return options_usage("one image at a time, not also", a[k]);
        r->image_path = a[k];
    }
    return options_check(r);
}
