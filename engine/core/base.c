/* SPDX-License-Identifier: Apache-2.0
 * base: texts of statuses and types, messages, the end of a failed assertion. Needs only the C
 * library. Prints nothing but a failed ASSERT. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
static_assert(TYPE_COUNT < TYPE_NONE, "no type is the type of nothing");
static_assert(sizeof(message) == 2048, "a message is on many stacks");

static const struct {
    int exit;
    const char *text;
} statuses[] = {
#define STATUS(name, number, exit, text) [number] = {exit, text},
#include "status.def"
#undef STATUS
};

static const struct {
    const char *text;
    const char *npy;
    u8 bytes;
    char class;
} types[TYPE_COUNT] = {
#define TYPE(name, text, ctype, bytes, class, npy) {text, npy, bytes, #class[0]},
#include "types.def"
#undef TYPE
};

int status_exit(mmsb_status status) {
    ASSERT((u32)status < ARRAY_COUNT(statuses));
    return statuses[status].exit;
}

const char *status_text(mmsb_status status) {
    ASSERT((u32)status < ARRAY_COUNT(statuses));
    return statuses[status].text;
}

static void message_append(message *m, const char *format, va_list arguments) {
    ASSERT(m->used < sizeof m->text);
    int wrote = vsnprintf(m->text + m->used, sizeof m->text - m->used, format, arguments);
    if (wrote > 0) m->used += (u32)wrote;
    if (m->used > sizeof m->text - 1) m->used = sizeof m->text - 1;
    ASSERT(m->used < sizeof m->text);
}

mmsb_status message_set(message *m, mmsb_status status, const char *format, ...) {
    ASSERT(format != NULL);
    if (m == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    m->used = 0;
    message_append(m, format, arguments);
    va_end(arguments);
    return status;
}

void message_add(message *m, const char *format, ...) {
    ASSERT(format != NULL);
    if (m == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    message_append(m, format, arguments);
    va_end(arguments);
}

void assert_failed(const char *file, int line, const char *condition) {
    const char *name = strrchr(file, '/');
    fprintf(stderr, "mmsb: internal error at %s:%d: %s\n", name == NULL ? file : name + 1, line,
            condition);
    fflush(stderr);
    _Exit(70);
}

const char *type_text(u8 type) {
    ASSERT(type < TYPE_COUNT);
    return types[type].text;
}

const char *type_npy(u8 type) {
    ASSERT(type < TYPE_COUNT);
    return types[type].npy;
}

bool type_is_float(u8 type) { return type < TYPE_COUNT && types[type].class == 'F'; }
bool type_is_signed(u8 type) { return type < TYPE_COUNT && types[type].class == 'S'; }
bool type_is_unsigned(u8 type) { return type < TYPE_COUNT && types[type].class == 'U'; }
bool type_is_integer(u8 type) { return type_is_signed(type) || type_is_unsigned(type); }

u8 type_find(const char *text, size_t count) {
    ASSERT(text != NULL || count == 0);
    for (u32 k = 0; k < TYPE_COUNT; k++) {
        if (strlen(types[k].text) == count && memcmp(types[k].text, text, count) == 0) return (u8)k;
    }
    return TYPE_NONE;
}
