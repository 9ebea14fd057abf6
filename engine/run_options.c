/* SPDX-License-Identifier: Apache-2.0
 * run_options: the command line of mmsb-run, from the one list in run_options.def. */
#include <stdio.h>

#include "crew.h"
#include "run.h"
#include "tool_print.h"

#define OPTION(...) OPTION_ROW(run, __VA_ARGS__),
static const option_row rows[] = {
#include "run_options.def"
};
#undef OPTION
static const option_list list = {"mmsb-run", rows, ARRAY_COUNT(rows)};

int options_usage(const char *what, const char *text) {
    return option_usage(list.program, what, text);
}

static void help_print(void) {
    puts("mmsb-run [IMAGE] [options]   runs IMAGE, or the only .mmsbx of the current directory\n"
         "mmsb-run --replay DIR [--to EPOCH]   runs what a state directory has logged");
    options_help(&list, stdout);
    puts("Exit status: 0 ok, 1 wrong graph or data or a rejected epoch, 2 usage, 3 input/output, "
         "4 damaged data, 5 a limit, 70 our bug.");
}

/* Options of the design that do not exist yet. */
static bool later_named(const char *word) {
    static const char *const later[] = {"--sync-follower", "--no-sandbox"};
    size_t bytes = strcspn(word, "=");
    ASSERT(word[0] == '-');
    bool named = false;
    for (u32 k = 0; k < ARRAY_COUNT(later); k++)
        named |= strlen(later[k]) == bytes && strncmp(word, later[k], bytes) == 0;
    return named;
}

static int options_check(run *r) {
    if (r->threads.given && r->threads.value == 0)
        return options_usage("--threads takes a count from 1 on, not", "0");
    if (r->threads.value > CREW_MOST) return options_usage("--threads is at most", "64");
    bool mode_given = r->durability >= 0;
    r->mode = mode_given ? (durability_mode)r->durability : DURABILITY_BATCH;
    if (r->state == NULL && (r->resume || mode_given || r->checkpoint.given || r->audit.given))
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
    r->durability = -1;
    bool only_paths = false;
    for (int k = 1; k < count; k++) {
        if (!only_paths && (strcmp(a[k], "-h") == 0 || strcmp(a[k], "--help") == 0)) {
            help_print();
            *ended = true;
            return 0;
        }
        if (!only_paths && strcmp(a[k], "--version") == 0) {
            version_print("mmsb-run");
            *ended = true;
            return 0;
        }
        if (!only_paths && strcmp(a[k], "--") == 0) {
            only_paths = true;
            continue;
        }
        if (!only_paths && a[k][0] == '-') {
            message m = {.used = 0};
            if (later_named(a[k])) return options_usage("this version does not have", a[k]);
            if (option_read(&list, r, count, a, &k, &m) == MMSB_OK) continue;
            fprintf(stderr, "%s: %s\n", list.program, m.text);
            return 2;
        }
        if (r->image_path != NULL) return options_usage("one image at a time, not also", a[k]);
        r->image_path = a[k];
    }
    return options_check(r);
}
