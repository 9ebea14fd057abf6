/* SPDX-License-Identifier: Apache-2.0
 * base: integer names, statuses, assertions and messages that every module uses.
 * Needs nothing. Never allocates, prints or exits, but for a failed ASSERT. */
#ifndef MMSB_BASE_H
#define MMSB_BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <assert.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef float f32;
typedef double f64;

/* mmsb.h has the same list, for users; api.h proves that. Where both are included, mmsb.h comes
 * first. */
#ifndef MMSB_H
#define STATUS(name, number, exit, text) MMSB_##name = number,
typedef enum {
#include "status.def"
} mmsb_status;
#undef STATUS
#endif

/* The exit status of a command that ends with `status` (engine.md, "mmsbc"). */
int status_exit(mmsb_status status);
const char *status_text(mmsb_status status);

/* What went wrong, in words, for the one caller that asked. Zeroed means "nothing". */
typedef struct {
    char text[2040];
    u32 used;
    u32 zero;
} message;

/* Sets the message (replacing what stood there) and returns `status`. m may be NULL. */
mmsb_status message_set(message *m, mmsb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends to the message; returns nothing, cuts at the end of the buffer. m may be NULL. */
void message_add(message *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Our own bug: prints file, line and the condition to stderr and ends with status 70. */
_Noreturn void assert_failed(const char *file, int line, const char *condition);
#define ASSERT(c) ((c) ? (void)0 : assert_failed(__FILE__, __LINE__, #c))

#define TRY(call)                                       \
    do {                                                \
        mmsb_status try_status_ = (call);               \
        if (try_status_ != MMSB_OK) return try_status_; \
    } while (0)

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(n, to) (((u64)(n) + (u64)(to)-1) & ~((u64)(to)-1))

static inline u64 u64_min(u64 a, u64 b) { return a < b ? a : b; }
static inline u64 u64_max(u64 a, u64 b) { return a > b ? a : b; }

#define TYPE(name, text, ctype, bytes, class, npy) TYPE_##name,
typedef enum {
#include "types.def"
    TYPE_COUNT
} type_id;
#undef TYPE
#define TYPE_NONE 255

/* 1, 2, 4 or 8 */
static inline u32 type_bytes(u8 type) {
#define TYPE(name, text, ctype, bytes, class, npy) bytes,
    static const u8 widths[TYPE_COUNT] = {
#include "types.def"
    };
#undef TYPE
    ASSERT(type < TYPE_COUNT);
    return widths[type];
}
const char *type_text(u8 type); /* "f64" */
const char *type_npy(u8 type);  /* "<f8" */
bool type_is_float(u8 type);
bool type_is_signed(u8 type);   /* signed integers */
bool type_is_unsigned(u8 type); /* unsigned integers, not bool */
bool type_is_integer(u8 type);  /* signed or unsigned, not bool */
/* The type of that name (`count` bytes at `text`), or TYPE_NONE. */
u8 type_find(const char *text, size_t count);
/* The canonical quiet NaN replaces any NaN; other bits pass. bits are zero-extended. */
static inline u64 type_canonical(u8 type, u64 bits) {
    if (type == TYPE_F64 && (bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u)
        return 0x7ff8000000000000u;
    if (type == TYPE_F32 && (bits & 0x7fffffffu) > 0x7f800000u) return 0x7fc00000u;
    return bits;
}

#endif
