/* SPDX-License-Identifier: Apache-2.0
 * number: element bits from text and back. Uses the C locale whatever the process has set.
 * Thread-safe. */
#include "number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t plain_locale;
static_assert(NUMBER_TEXT_MAX >= 32, "the longest number: sign, 17 digits, point, exponent");
static pthread_once_t plain_once = PTHREAD_ONCE_INIT;

static void plain_make(void) { plain_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

static locale_t plain(void) {
    pthread_once(&plain_once, plain_make);
    ASSERT(plain_locale != (locale_t)0);
    return plain_locale;
}

u64 number_load(u8 type, const void *at) {
    ASSERT(at != NULL);
    u64 bits = 0;
    memcpy(&bits, at, type_bytes(type));
    return bits;
}

void number_store(u8 type, void *at, u64 bits) {
    ASSERT(at != NULL);
    memcpy(at, &bits, type_bytes(type));
}

static f64 f64_of(u64 bits) {
    f64 x;
    memcpy(&x, &bits, 8);
    return x;
}

static f32 f32_of(u64 bits) {
    u32 low = (u32)bits;
    f32 x;
    memcpy(&x, &low, 4);
    return x;
}

static i64 signed_of(u8 type, u64 bits) {
    ASSERT(type_is_signed(type));
    u32 unused = 64 - 8 * type_bytes(type);
    return (i64)(bits << unused) >> unused;
}

f64 number_as_f64(u8 type, u64 bits) {
    ASSERT(type < TYPE_COUNT);
    if (type == TYPE_F64) return f64_of(bits);
    if (type == TYPE_F32) return (f64)f32_of(bits);
    return type_is_signed(type) ? (f64)signed_of(type, bits) : (f64)bits;
}

/* Copies the text without its underscores; each must stand between digits. False where it does not
 * fit or is empty. */
static bool digits_copy(const char *text, size_t count, char *to, size_t to_bytes) {
    ASSERT(to_bytes > 0);
    size_t used = 0;
    if (count == 0) return false;
    for (size_t k = 0; k < count; k++) {
        char c = text[k];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!word && c != '_' && c != '.' && c != '+' && c != '-') return false;
        if (c == '_') {
            bool before = k > 0 && text[k - 1] != '_' && text[k - 1] != '.';
            bool after = k + 1 < count && text[k + 1] != '_' && text[k + 1] != '.';
            if (!before || !after) return false;
            continue;
        }
        if (used + 1 >= to_bytes) return false;
        to[used++] = c;
    }
    ASSERT(used < to_bytes);
    to[used] = 0;
    return true;
}

static number_result parse_magnitude(const char *s, u64 *value) {
    ASSERT(s != NULL);
    ASSERT(value != NULL);
    u64 base = 10;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        base = 16, s += 2;
    else if (s[0] == '0' && (s[1] == 'b' || s[1] == 'B'))
        base = 2, s += 2;
    if (*s == 0) return NUMBER_NOT_ONE;
    u64 v = 0;
    bool over = false;
    for (; *s != 0; s++) {
        u64 digit = *s >= '0' && *s <= '9'   ? (u64)(*s - '0')
                    : *s >= 'a' && *s <= 'f' ? (u64)(*s - 'a' + 10)
                    : *s >= 'A' && *s <= 'F' ? (u64)(*s - 'A' + 10)
                                             : 99;
        if (digit >= base) return NUMBER_NOT_ONE;
        over |= __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v);
    }
    *value = v;
    return over ? NUMBER_OUT_OF_RANGE : NUMBER_OK;
}

static number_result parse_integer(u8 type, const char *s, u64 *bits) {
    ASSERT(type_is_integer(type));
    bool minus = s[0] == '-';
    if (s[0] == '-' || s[0] == '+') s++;
    u64 v = 0;
    number_result r = parse_magnitude(s, &v);
    if (r == NUMBER_NOT_ONE) return r;
    u32 width = 8 * type_bytes(type);
    u64 top = width == 64 ? UINT64_MAX : ((u64)1 << width) - 1;
    u64 most = type_is_signed(type) ? (top >> 1) + (minus ? 1 : 0) : minus ? 0 : top;
    if (r != NUMBER_OK || v > most) return NUMBER_OUT_OF_RANGE;
    *bits = (minus ? 0 - v : v) & top;
    return NUMBER_OK;
}

static bool float_shape(const char *s) {
    ASSERT(s != NULL);
    if (*s == '-' || *s == '+') s++;
    if (strcmp(s, "nan") == 0 || strcmp(s, "inf") == 0) return true;
    if (*s == '.' || *s == 0) return false;
    return *s >= '0' && *s <= '9';
}

/* Digits with at most one point, whose number below 2^53 and whose power of ten up to 22 are f64s:
 * one operation rounds their quotient as it must be. False: not so, strtod reads it. */
static bool decimal_short(const char *s, f64 *out) {
    static const f64 powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool minus = *s == '-', point = false;
    u64 digits = 0;
    u32 count = 0, places = 0;
    for (s += minus || *s == '+'; count <= 15 && ((*s >= '0' && *s <= '9') || *s == '.'); s++) {
        if (*s == '.' && point) return false;
        point = point || *s == '.';
        if (*s == '.') continue;
        digits = digits * 10 + (u64)(*s - '0');
        count++, places += point;
    }
    if (*s != 0 || count == 0 || count > 15) return false;
    ASSERT(digits < (u64)1 << 53 && places < ARRAY_COUNT(powers));
    f64 x = (f64)digits / powers[places];
    *out = minus ? -x : x;
    return true;
}

static number_result parse_float(u8 type, const char *s, u64 *bits) {
    ASSERT(type_is_float(type));
    if (!float_shape(s)) return NUMBER_NOT_ONE;
    const char *magnitude = s + (*s == '-' || *s == '+');
    u64 binary;
    if (magnitude[0] == '0' && (magnitude[1] == 'b' || magnitude[1] == 'B')) {
        number_result r = parse_magnitude(magnitude, &binary);
        if (r != NUMBER_OK) return r;
        f64 x = *s == '-' ? -(f64)binary : (f64)binary;
        f32 y = *s == '-' ? -(f32)binary : (f32)binary;
        *bits = 0;
        memcpy(bits, type == TYPE_F32 ? (void *)&y : (void *)&x, type_bytes(type));
        return NUMBER_OK;
    }
    char *end = NULL;
    bool infinite;
    *bits = 0;
    f64 exact;
    if (type == TYPE_F64 && decimal_short(s, &exact)) {
        memcpy(bits, &exact, 8);
        return NUMBER_OK;
    }
    if (type == TYPE_F32) {
        f32 x = strtof_l(s, &end, plain());
        infinite = x - x != 0.0f && x == x;
        memcpy(bits, &x, 4);
    } else {
        f64 x = strtod_l(s, &end, plain());
        infinite = x - x != 0.0 && x == x;
        memcpy(bits, &x, 8);
    }
    if (end == s || *end != 0) return NUMBER_NOT_ONE;
    *bits = type_canonical(type, *bits);
    return infinite && magnitude[0] != 'i' ? NUMBER_OUT_OF_RANGE : NUMBER_OK;
}

static number_result parse_bool(const char *s, u64 *bits) {
    ASSERT(bits != NULL);
    bool yes = strcmp(s, "1") == 0 || strcmp(s, "true") == 0;
    bool no = strcmp(s, "0") == 0 || strcmp(s, "false") == 0;
    *bits = yes;
    if (yes || no) return NUMBER_OK;
    u64 ignored;
    return parse_float(TYPE_F64, s, &ignored) == NUMBER_NOT_ONE ? NUMBER_NOT_ONE
                                                                : NUMBER_WRONG_TYPE;
}

number_result number_parse(u8 type, const char *text, size_t count, u64 *bits) {
    char s[1100];
    ASSERT(type < TYPE_COUNT && bits != NULL);
    *bits = 0;
    if (!digits_copy(text, count, s, sizeof s)) return NUMBER_NOT_ONE;
    if (type == TYPE_BOOL) return parse_bool(s, bits);
    if (type_is_float(type)) return parse_float(type, s, bits);
    number_result r = parse_integer(type, s, bits);
    u64 ignored;
    if (r != NUMBER_NOT_ONE) return r;
    bool word = strcmp(s, "true") == 0 || strcmp(s, "false") == 0;
    return word || parse_float(TYPE_F64, s, &ignored) != NUMBER_NOT_ONE ? NUMBER_WRONG_TYPE
                                                                        : NUMBER_NOT_ONE;
}

static bool reads_back(u8 type, const char *text, f64 x) {
    ASSERT(type_is_float(type));
    return type == TYPE_F32 ? strtof_l(text, NULL, plain()) == (f32)x
                            : strtod_l(text, NULL, plain()) == x;
}

/* Adds one to the last digit before the exponent; false where that gives another digit. */
static bool last_digit_up(char *text) {
    char *at = strchr(text, 'e');
    ASSERT(at != NULL && at > text);
    while (at > text && (*--at == '9' || *at == '.'))
        if (*at == '9') *at = '0';
    if (*at < '0' || *at > '8') return false;
    ++*at;
    return true;
}

/* Fewest digits (1 to 17) in scientific form that read back to x; `to` holds them. Below a power of
 * two numbers lie twice as close as above: there the nearest decimal may miss where the next one up
 * does not. */
static int shortest_digits(u8 type, f64 x, char *to) {
    ASSERT(x - x == 0);
    int exponent;
    f64 part = frexp(x, &exponent);
    bool power = part == 0.5 || part == -0.5;
    for (int digits = 1; digits < 17; digits++) {
        snprintf(to, NUMBER_TEXT_MAX, "%.*e", digits - 1, x);
        if (reads_back(type, to, x)) return digits;
        if (power && last_digit_up(to) && reads_back(type, to, x)) return digits;
    }
    snprintf(to, NUMBER_TEXT_MAX, "%.16e", x);
    return 17;
}

/* -1.25e+01 becomes -12.5: the same digits, zeros where there are none. */
static void positional(char *to, int digits, int exponent) {
    ASSERT(digits >= 1 && digits <= 17 && exponent >= -5 && exponent < 16);
    char have[20], *at = to + (*to == '-');
    have[0] = at[0];
    memcpy(have + 1, at + 2, (size_t)digits - 1);
    int first = exponent < 0 ? exponent : 0,
        last = digits - 1 > exponent ? digits - 1 : exponent + 1;
    for (int k = first; k <= last; k++) {
        if (k == exponent + 1) *at++ = '.';
        *at++ = k >= 0 && k < digits ? have[k] : '0';
    }
    *at = 0;
}

static u32 format_float(u8 type, u64 bits, char *to) {
    ASSERT(type_is_float(type));
    f64 x = number_as_f64(type, bits);
    if (x != x) return (u32)snprintf(to, NUMBER_TEXT_MAX, "nan");
    if (x - x != 0) return (u32)snprintf(to, NUMBER_TEXT_MAX, x > 0 ? "inf" : "-inf");
    locale_t before = uselocale(plain());
    int digits = shortest_digits(type, x, to);
    long exponent = strtol(strchr(to, 'e') + 1, NULL, 10);
    if (exponent >= -5 && exponent < 16) positional(to, digits, (int)exponent);
    u32 used = (u32)strlen(to);
    ASSERT(used < NUMBER_TEXT_MAX);
    uselocale(before);
    return used;
}

u32 number_format(u8 type, u64 bits, char to[NUMBER_TEXT_MAX]) {
    ASSERT(type < TYPE_COUNT);
    if (type == TYPE_BOOL) return (u32)snprintf(to, NUMBER_TEXT_MAX, bits ? "true" : "false");
    if (type_is_float(type)) return format_float(type, bits, to);
    if (type_is_signed(type))
        return (u32)snprintf(to, NUMBER_TEXT_MAX, "%lld", (long long)signed_of(type, bits));
    return (u32)snprintf(to, NUMBER_TEXT_MAX, "%llu", (unsigned long long)bits);
}
