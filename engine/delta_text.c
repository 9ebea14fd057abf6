/* SPDX-License-Identifier: Apache-2.0
 * delta_text: see delta_text.h. Never changes anything but its arena. */
#include "delta_text.h"

#include "core/array_file.h"
#include "core/number.h"

typedef struct {
    const image *i;
    arena *memory;
    const char *at, *end;
    message *m;
} reader;

static void blanks(reader *r) {
    ASSERT(r->at <= r->end);
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')) r->at++;
}

static bool take(reader *r, const char *text) {
    ASSERT(text[0] != 0);
    ASSERT(r->at <= r->end);
    size_t bytes = strlen(text);
    blanks(r);
    if ((size_t)(r->end - r->at) < bytes || memcmp(r->at, text, bytes) != 0) return false;
    r->at += bytes;
    return true;
}

static bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static size_t word(reader *r, const char **from) {
    ASSERT(r->at <= r->end);
    blanks(r);
    *from = r->at;
    while (r->at < r->end && word_char(*r->at)) r->at++;
    return (size_t)(r->at - *from);
}

static mmsb_status number(reader *r, u64 *v) {
    ASSERT(r->at <= r->end);
    blanks(r);
    const char *from = r->at;
    while (r->at < r->end && ((*r->at >= '0' && *r->at <= '9') || *r->at == '_')) r->at++;
    if (number_parse(TYPE_U64, from, (size_t)(r->at - from), v) == NUMBER_OK) return MMSB_OK;
    return message_set(r->m, MMSB_WRONG, "a count from 0 on is needed at `%.*s`",
                       (int)u64_min((u64)(r->end - from), 30), from);
}

static mmsb_status axes_wrong(reader *r, const char *name, u32 axes) {
    ASSERT(axes >= 1 && axes <= AXES_MAX);
    return message_set(r->m, MMSB_WRONG, "%s has %u %s: give one index or range for each", name,
                       axes, axes == 1 ? "axis" : "axes");
}

static mmsb_status outside(reader *r, const char *name, u64 a, u64 b, u64 dim, u32 axis) {
    ASSERT(a >= b || b > dim);
    unsigned long long from = a, end = b, all = dim;
    if (b == a + 1)
        return message_set(r->m, MMSB_WRONG, "%s[%llu] is outside 0..%llu on axis %u", name, from,
                           all, axis);
    if (a >= b && a <= dim)
        return message_set(r->m, MMSB_WRONG,
                           "%s[%llu..%llu] names no element: its end is not in it", name, from,
                           end);
    return message_set(r->m, MMSB_WRONG, "%s[%llu..%llu] is outside 0..%llu on axis %u", name, from,
                       end, all, axis);
}

/* [a], [a..b], one for each axis; the whole page without brackets where it is a scalar. */
static mmsb_status ranges(reader *r, u32 page, u64 first[AXES_MAX], u64 end[AXES_MAX],
                          bool *bracket) {
    ASSERT(page > 0);
    ASSERT(page < r->i->page_count);
    const image_shape *s = &r->i->shapes[r->i->pages[page].shape];
    const char *name = image_string(r->i, r->i->pages[page].name);
    u32 axes = 0;
    *bracket = take(r, "[");
    if (!*bracket) return MMSB_OK;
    do {
        u64 a, b;
        TRY(number(r, &a));
        b = a + 1;
        if (take(r, "..")) TRY(number(r, &b));
        if (s->axis_count == 0)
            return message_set(r->m, MMSB_WRONG, "%s is a scalar, without brackets: %s = ...", name,
                               name);
        if (axes >= s->axis_count) return axes_wrong(r, name, s->axis_count);
        if (a >= b || b > s->dims[axes]) return outside(r, name, a, b, s->dims[axes], axes);
        first[axes] = a, end[axes] = b;
        axes++;
    } while (take(r, ","));
    if (!take(r, "]")) return message_set(r->m, MMSB_WRONG, "`]` is missing");
    return axes == s->axis_count ? MMSB_OK : axes_wrong(r, name, s->axis_count);
}

static mmsb_status sign_of(reader *r, u8 *kind, bool *minus) {
    ASSERT(kind != NULL);
    static const struct {
        const char *text;
        u8 kind;
    } signs[] = {{"+=", DELTA_ADD}, {"-=", DELTA_ADD}, {"max=", DELTA_MAX}, {"min=", DELTA_MIN},
                 {"|=", DELTA_OR},  {"&=", DELTA_AND}, {"^=", DELTA_XOR},   {"=", DELTA_SET}};
    for (u32 k = 0; k < ARRAY_COUNT(signs); k++) {
        if (!take(r, signs[k].text)) continue;
        *kind = signs[k].kind, *minus = k == 1;
        return MMSB_OK;
    }
    return message_set(r->m, MMSB_WRONG, "=, +=, -=, max=, min=, |=, &= or ^= is needed at `%.*s`",
                       (int)u64_min((u64)(r->end - r->at), 30), r->at);
}

static u64 negated(u8 type, u64 bits) {
    ASSERT(type < TYPE_COUNT);
    if (type == TYPE_F64) return bits ^ (u64)1 << 63;
    if (type == TYPE_F32) return bits ^ (u64)1 << 31;
    return 0 - bits;
}

/* The payload: one value, or one for each element. */
static mmsb_status values(reader *r, const char *name, u8 type, bool minus, u8 *to, u64 most,
                          u64 *count) {
    ASSERT(most > 0);
    ASSERT(type < TYPE_COUNT);
    *count = 0;
    do {
        const char *from;
        blanks(r);
        from = r->at;
        while (r->at < r->end && (word_char(*r->at) || *r->at == '-' || *r->at == '+')) r->at++;
        u64 bits;
        number_result n = number_parse(type, from, (size_t)(r->at - from), &bits);
        int shown = (int)u64_min((u64)(r->at - from), 40);
        if (n == NUMBER_NOT_ONE)
            return message_set(r->m, MMSB_WRONG, "`%.*s` is not a value for %s",
                               (int)u64_min((u64)(r->end - from), 40), from, name);
        if (n == NUMBER_WRONG_TYPE)
            return message_set(r->m, MMSB_WRONG, "`%.*s` is not of type %s, which %s has", shown,
                               from, type_text(type), name);
        if (n == NUMBER_OUT_OF_RANGE)
            return message_set(r->m, MMSB_WRONG, "`%.*s` is out of the range of %s, which %s has",
                               shown, from, type_text(type), name);
        if (*count == most)
            return message_set(r->m, MMSB_WRONG, "more values than the %llu elements named",
                               (unsigned long long)most);
        number_store(type, to + *count * type_bytes(type), minus ? negated(type, bits) : bits);
        (*count)++;
        ASSERT(*count <= most);
    } while (take(r, ","));
    return MMSB_OK;
}

/* Splits a box into runs of consecutive lanes. */
static mmsb_status runs(reader *r, delta like, const u64 *first, const u64 *end, u32 axes,
                        u64 given, delta_line *out) {
    ASSERT(axes <= AXES_MAX);
    ASSERT(given >= 1);
    const image_shape *s = &r->i->shapes[r->i->pages[like.page].shape];
    u64 run = axes == 0 ? 1 : end[axes - 1] - first[axes - 1], count = 1, at[AXES_MAX];
    for (u32 a = 0; a + 1 < axes; a++) count *= end[a] - first[a];
    out->deltas = ARENA_ARRAY(r->memory, delta, count);
    if (out->deltas == NULL || count > UINT32_MAX)
        return message_set(r->m, MMSB_OUT_OF_SPACE, "this range has too many rows");
    memcpy(at, first, sizeof at);
    for (u64 k = 0; k < count; k++) {
        u64 lane = 0;
        for (u32 a = 0; a < axes; a++) lane = lane * s->dims[a] + at[a];
        delta d = like;
        d.first = lane, d.count = run, d.broadcast = given == 1 && run * count != 1;
        d.payload_bytes = (d.broadcast ? 1 : run) * type_bytes(d.type);
        if (!d.broadcast) d.payload = (const u8 *)like.payload + k * run * type_bytes(d.type);
        out->deltas[out->count++] = d;
        ASSERT(out->count <= count);
        TRY(delta_check(r->i, &d, r->m));
        for (u32 a = axes; a > 1; a--) {
            if (++at[a - 2] < end[a - 2]) break;
            at[a - 2] = first[a - 2];
        }
    }
    return MMSB_OK;
}

static mmsb_status file_payload(reader *r, int folder, delta d, bool minus, delta_line *out) {
    ASSERT(d.page > 0);
    ASSERT(d.page < r->i->page_count);
    const image_shape *s = &r->i->shapes[r->i->pages[d.page].shape];
    char path[4096];
    while (r->end > r->at && (r->end[-1] == ' ' || r->end[-1] == '\r')) r->end--;
    u64 bytes = u64_min((u64)(r->end - r->at), sizeof path - 1);
    memcpy(path, r->at, bytes);
    path[bytes] = 0;
    u8 *payload = arena_take(r->memory, s->lanes * 8, 8);
    out->deltas = ARENA_ARRAY(r->memory, delta, 1);
    if (payload == NULL || out->deltas == NULL)
        return message_set(r->m, MMSB_OUT_OF_SPACE, "no memory for %s", path);
    TRY(array_file_read(file_system(), folder, path, false, d.type, s, payload, r->m));
    for (u64 k = 0; minus && k < s->lanes; k++) {
        u8 *lane = payload + k * type_bytes(d.type);
        number_store(d.type, lane, negated(d.type, number_load(d.type, lane)));
    }
    d.payload = payload, d.count = s->lanes, d.payload_bytes = s->lanes * type_bytes(d.type);
    out->deltas[out->count++] = d;
    r->at = r->end;
    return delta_check(r->i, &d, r->m);
}

static mmsb_status change(reader *r, int folder, const char *name, size_t bytes, delta_line *out) {
    ASSERT(name != NULL);
    u64 first[AXES_MAX] = {0}, end[AXES_MAX] = {0}, elements = 1, given;
    bool bracket, minus = false;
    u32 page = image_find_page(r->i, name, bytes);
    if (bytes == 0)
        return message_set(r->m, MMSB_WRONG, "a line starts with a page's name, not with `%.*s`",
                           (int)u64_min((u64)(r->end - r->at), 20), r->at);
    if (page == 0)
        return message_set(r->m, MMSB_WRONG, "there is no page `%.*s`", (int)u64_min(bytes, 60),
                           name);
    const image_page *p = &r->i->pages[page];
    if (p->kind != PAGE_SOURCE && (p->flags & PAGE_STATE) == 0)
        return message_set(r->m, MMSB_WRONG,
                           "%.*s is a derived page: deltas change sources and state pages",
                           (int)u64_min(bytes, 60), name);
    TRY(ranges(r, page, first, end, &bracket));
    delta d = {.page = page, .type = p->type, .form = DELTA_RANGE};
    TRY(sign_of(r, &d.kind, &minus));
    u32 axes = r->i->shapes[p->shape].axis_count;
    if (!bracket && take(r, "@")) return file_payload(r, folder, d, minus, out);
    if (!bracket && axes != 0)
        return message_set(r->m, MMSB_WRONG, "%s is an array: name the elements, %s[0] or %s[0..n]",
                           image_string(r->i, p->name), image_string(r->i, p->name),
                           image_string(r->i, p->name));
    for (u32 a = 0; a < axes; a++) elements *= end[a] - first[a];
    ASSERT(elements > 0);
    ASSERT(elements <= r->i->shapes[p->shape].lanes);
    u64 room = u64_min(elements, (u64)(r->end - r->at) / 2 + 1);
    u8 *payload = arena_take(r->memory, room * 8, 8);
    if (payload == NULL) return message_set(r->m, MMSB_OUT_OF_SPACE, "no memory for the line");
    TRY(values(r, image_string(r->i, p->name), p->type, minus, payload, room, &given));
    if (given != 1 && given != elements)
        return message_set(r->m, MMSB_WRONG,
                           "%llu values for %llu elements: give one, or one for each",
                           (unsigned long long)given, (unsigned long long)elements);
    d.payload = payload;
    return runs(r, d, first, end, axes, given, out);
}

/* What is wrong with a line says whose line it is, where its words do not yet. */
static mmsb_status named(mmsb_status s, const char *name, size_t bytes, message *m) {
    char word[64], why[sizeof m->text];
    if (s != MMSB_WRONG || bytes == 0 || bytes >= sizeof word) return s;
    memcpy(word, name, bytes);
    word[bytes] = 0;
    memcpy(why, m->text, sizeof why);
    ASSERT(why[0] != 0);
    return strstr(why, word) != NULL ? s : message_set(m, s, "%s: %s", word, why);
}

mmsb_status delta_text_line(const image *i, arena *memory, int folder, const char *text, u64 bytes,
                            delta_line *out, message *m) {
    ASSERT(memory != NULL);
    ASSERT(text != NULL || bytes == 0);
    reader r = {i, memory, text, text + bytes, m};
    const char *from, *comment = text;
    *out = (delta_line){.kind = LINE_NOTHING};
    for (; comment + 1 < r.end; comment++)
        if (comment[0] == '/' && comment[1] == '/') r.end = comment;
    size_t length = word(&r, &from);
    if (length == 0 && r.at == r.end) return MMSB_OK;
    blanks(&r);
    bool commit = length == 6 && memcmp(from, "commit", 6) == 0,
         tick = length == 4 && memcmp(from, "tick", 4) == 0;
    /* A page may have these names: then what follows tells. */
    if ((commit && r.at < r.end) || (tick && (r.at == r.end || *r.at < '0' || *r.at > '9')))
        commit = tick = image_find_page(i, from, length) == 0;
    if (commit && length == 6) {
        out->kind = LINE_COMMIT;
    } else if (tick && length == 4) {
        out->kind = LINE_TICK;
        TRY(named(number(&r, &out->ticks), from, length, m));
    } else {
        out->kind = LINE_DELTA;
        TRY(named(change(&r, folder, from, length, out), from, length, m));
    }
    blanks(&r);
    if (r.at == r.end) return MMSB_OK;
    const char *rest = r.at;
    message_set(m, MMSB_WRONG, "`%.*s` is left over at the end of the line",
                (int)u64_min((u64)(r.end - rest), 40), rest);
    return named(MMSB_WRONG, from, length, m);
}
