/* SPDX-License-Identifier: Apache-2.0
 * tool_diff: `mmsb page diff` and `mmsb log diff`. Logs are compared by the
 * digest of what each epoch's deltas say, so that two logs of any length fit;
 * only the first epochs that differ are read again and shown. */
#include <stdio.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/number.h"
#include "tool_look.h"
#include "tool_print.h"

#define SHOWN_LANES 8u
#define SHOWN_EPOCHS 20u

typedef unsigned long long llu;

static bool is_named(const image *i, u32 page) {
    const image_page *p = &i->pages[page];
    return p->kind != PAGE_NONE && p->kind != PAGE_PREV && p->kind != PAGE_EPOCH &&
           (p->flags & PAGE_HIDDEN) == 0;
}

static void value_text(const engine *e, u32 page, u64 lane, char *to) {
    u8 type = engine_image(e)->pages[page].type;
    ASSERT(type < TYPE_COUNT);
    number_format(
        type, number_load(type, (const u8 *)engine_page(e, page) + lane * type_bytes(type)), to);
}

/* The lanes of one page that differ; p and q are the page's rows in the two
 * images. */
static u64 lanes_diff(const engine *x, u32 p, const engine *y, u32 q) {
    const image *i = engine_image(x);
    u64 lanes = i->shapes[i->pages[p].shape].lanes, width = type_bytes(i->pages[p].type), count = 0;
    const u8 *a = engine_page(x, p), *b = engine_page(y, q);
    char name[400], old[NUMBER_TEXT_MAX], now[NUMBER_TEXT_MAX];
    ASSERT(lanes == engine_image(y)->shapes[engine_image(y)->pages[q].shape].lanes);
    for (u64 lane = 0; lane < lanes; lane++) {
        if (memcmp(a + lane * width, b + lane * width, width) == 0) continue;
        if (count++ >= SHOWN_LANES) continue;
        image_lane_text(i, p, lane, name, sizeof name);
        value_text(x, p, lane, old), value_text(y, q, lane, now);
        printf("%s = %s -> %s\n", name, old, now);
    }
    if (count > SHOWN_LANES)
        printf("%s: %llu of %llu lanes differ\n", image_string(i, i->pages[p].name), (llu)count,
               (llu)lanes);
    return count;
}

mmsb_status page_diff_print(const graph *g, u64 a, u64 b, const char *what, bool *differ,
                            message *m) {
    ASSERT(differ != NULL);
    session *before = NULL, *after = NULL;
    u32 only = 0;
    mmsb_status s = MMSB_OK;
    if (what != NULL && (only = image_find_page(&g->i, what, strlen(what))) == 0)
        return message_set(m, MMSB_WRONG, "there is no page `%s`", what);
    s = graph_at(g, a, &before, m);
    if (s == MMSB_OK) s = graph_at(g, b, &after, m);
    u64 pages = 0, lanes = 0;
    for (u32 k = 1; s == MMSB_OK && k < g->i.page_count; k++) {
        if (!is_named(&g->i, k) || (only != 0 && k != only)) continue;
        u64 count = lanes_diff(session_engine(before), k, session_engine(after), k);
        pages += count != 0, lanes += count;
    }
    if (s == MMSB_OK)
        printf("epochs %llu and %llu: %llu lanes of %llu pages differ\n", (llu)a, (llu)b,
               (llu)lanes, (llu)pages);
    *differ = lanes != 0;
    session_close(before, NULL);
    session_close(after, NULL);
    return s;
}

/* Epochs first to last with one digest (0: no deltas); roots as they were
 * logged. */
typedef struct {
    u64 first, last, digest;
} span_row;
typedef struct {
    u64 epoch, root;
} root_row;
typedef struct {
    const graph *g;
    arena *memory;
    span_row *spans;
    u32 span_count, span_capacity;
    root_row *roots;
    u32 root_count, root_capacity;
    u64 last, show; /* the last epoch logged; the one to print, UINT64_MAX: none */
    const char *before;
    mmsb_status status;
    message *m;
} side;

/* What a body says, whatever the rows of its pages. */
static u64 body_digest(side *x, const u8 *body, u64 bytes) {
    XXH3_state_t h;
    ASSERT(bytes != 0);
    XXH3_64bits_reset(&h);
    for (u64 at = 0, used = 0; at < bytes && x->status == MMSB_OK; at += used) {
        delta d;
        x->status = delta_read(&x->g->i, body + at, bytes - at, &d, &used, x->m);
        if (x->status != MMSB_OK) break;
        const char *name = image_string(&x->g->i, x->g->i.pages[d.page].name);
        XXH3_64bits_update(&h, name, strlen(name) + 1);
        XXH3_64bits_update(&h, body + at + 4, used - 4); /* behind the row of the page */
    }
    u64 digest = XXH3_64bits_digest(&h);
    return digest == 0 ? 1 : digest;
}

static void body_print(const side *x, const u8 *body, u64 bytes) {
    message m = {.used = 0};
    if (bytes == 0) printf("%sa tick\n", x->before);
    for (u64 at = 0, used = 0; at < bytes; at += used) {
        delta d;
        if (delta_read(&x->g->i, body + at, bytes - at, &d, &used, &m) != MMSB_OK) return;
        ASSERT(used != 0);
        print_delta(&x->g->i, &d, x->before);
    }
}

static void span_add(side *x, u64 first, u64 last, u64 digest) {
    ASSERT(first <= last);
    span_row *end = x->span_count == 0 ? NULL : &x->spans[x->span_count - 1];
    if (end != NULL && end->digest == 0 && digest == 0 && end->last + 1 == first) {
        end->last = last;
        return;
    }
    if (!arena_grow(x->memory, (void **)&x->spans, &x->span_capacity, x->span_count + 1,
                    sizeof *x->spans))
        x->status = message_set(x->m, MMSB_OUT_OF_SPACE, "no memory for a row each epoch");
    else
        x->spans[x->span_count++] = (span_row){first, last, digest};
}

static void root_add(side *x, u64 epoch, u64 root) {
    ASSERT(x->root_count <= x->root_capacity);
    if (!arena_grow(x->memory, (void **)&x->roots, &x->root_capacity, x->root_count + 1,
                    sizeof *x->roots))
        x->status = message_set(x->m, MMSB_OUT_OF_SPACE, "no memory for the roots");
    else
        x->roots[x->root_count++] = (root_row){epoch, root};
}

static void side_record(void *context, const session_record *r) {
    side *x = context;
    const tlog_head *h = r->head;
    const u8 *body = (const u8 *)(h + 1);
    u64 value = 0;
    ASSERT(h->kind < TLOG_KIND_COUNT);
    if (h->body_bytes == 8) memcpy(&value, body, 8);
    if (x->status != MMSB_OK || h->kind == TLOG_SEAL) return;
    bool root = h->kind == TLOG_ROOT || h->kind == TLOG_CLOSE, ticks = h->kind == TLOG_TICKS;
    u64 first = ticks ? h->epoch - value + 1 : h->epoch;
    if (x->show != UINT64_MAX) {
        if (!root && first <= x->show && x->show <= h->epoch)
            body_print(x, body, ticks ? 0 : h->body_bytes);
        return;
    }
    if (root) {
        root_add(x, h->epoch, value);
        return;
    }
    span_add(x, first, h->epoch,
             ticks || h->body_bytes == 0 ? 0 : body_digest(x, body, h->body_bytes));
    x->last = h->epoch;
}

static mmsb_status side_read(side *x, u64 show) {
    ASSERT(x->memory != NULL);
    session_log_visitor v = {.record = side_record, .context = x};
    session_log_summary sum;
    x->show = show;
    TRY(session_log(x->g->state, &v, &sum, x->m));
    return x->status;
}

/* The digest of an epoch; spans are ascending, *at moves on. */
static u64 digest_at(const side *x, u64 epoch, u32 *at) {
    while (*at < x->span_count && x->spans[*at].last < epoch) ++*at;
    bool there = *at < x->span_count && x->spans[*at].first <= epoch;
    ASSERT(*at <= x->span_count);
    return there ? x->spans[*at].digest : 0;
}

static mmsb_status epochs_diff(side *a, side *b, u64 *count) {
    u64 both = u64_min(a->last, b->last);
    u32 at = 0, bt = 0;
    *count = 0;
    for (u64 epoch = 1; epoch <= both; epoch++) {
        u64 x = digest_at(a, epoch, &at), y = digest_at(b, epoch, &bt);
        if (x == y) { /* on to where one of the two spans ends */
            u64 end = both;
            if (at < a->span_count) end = u64_min(end, a->spans[at].last);
            if (bt < b->span_count) end = u64_min(end, b->spans[bt].last);
            epoch = u64_max(epoch, end);
            continue;
        }
        ASSERT(x != y);
        if (++*count > SHOWN_EPOCHS) continue;
        printf("epoch %llu differs:\n", (llu)epoch);
        TRY(side_read(a, epoch));
        TRY(side_read(b, epoch));
    }
    if (*count > SHOWN_EPOCHS) printf("... and %llu epochs more\n", (llu)(*count - SHOWN_EPOCHS));
    return MMSB_OK;
}

/* The first epoch whose root both have logged and that is not the same. */
static bool roots_diff(const side *a, const side *b) {
    ASSERT(a->roots != NULL || a->root_count == 0);
    for (u32 x = 0, y = 0; x < a->root_count && y < b->root_count;) {
        const root_row *p = &a->roots[x], *q = &b->roots[y];
        if (p->epoch == q->epoch && p->root != q->root) {
            printf("roots differ from epoch %llu on: 0x%016llx -> 0x%016llx\n", (llu)p->epoch,
                   (llu)p->root, (llu)q->root);
            return true;
        }
        x += p->epoch <= q->epoch;
        y += q->epoch <= p->epoch;
    }
    return false;
}

/* The row in b of source p of a; 0: there is none of that type and shape. */
static u32 source_in(const graph *a, u32 p, const graph *b) {
    const char *name = image_string(&a->i, a->i.pages[p].name);
    u32 q = image_find_page(&b->i, name, strlen(name));
    ASSERT(is_named(&a->i, p));
    bool same = q != 0 && b->i.pages[q].kind == PAGE_SOURCE &&
                a->i.pages[p].type == b->i.pages[q].type &&
                memcmp(&a->i.shapes[a->i.pages[p].shape], &b->i.shapes[b->i.pages[q].shape],
                       sizeof(image_shape)) == 0;
    return same ? q : 0;
}

/* Names the sources of a that b has not; how many. */
static u64 sources_alone(const graph *a, const graph *b) {
    u64 count = 0;
    for (u32 p = 1; p < a->i.page_count; p++) {
        if (a->i.pages[p].kind != PAGE_SOURCE || source_in(a, p, b) != 0) continue;
        printf("source %s of %s is not in %s with that type and shape\n",
               image_string(&a->i, a->i.pages[p].name), a->state, b->state);
        count++;
    }
    return count;
}

/* First contents of the sources that both graphs have. */
static mmsb_status first_diff(const graph *a, const graph *b, u64 *lanes, message *m) {
    session *x = NULL, *y = NULL;
    mmsb_status s = graph_at(a, 0, &x, m);
    if (s == MMSB_OK) s = graph_at(b, 0, &y, m);
    ASSERT(s != MMSB_OK || (x != NULL && y != NULL));
    *lanes = s == MMSB_OK ? sources_alone(a, b) + sources_alone(b, a) : 0;
    for (u32 p = 1; s == MMSB_OK && p < a->i.page_count; p++) {
        u32 q = a->i.pages[p].kind == PAGE_SOURCE ? source_in(a, p, b) : 0;
        if (q != 0) *lanes += lanes_diff(session_engine(x), p, session_engine(y), q);
    }
    session_close(x, NULL);
    session_close(y, NULL);
    return s;
}

static mmsb_status logs_diff(side *a, side *b, bool *differ, message *m) {
    u64 first, epochs;
    bool graphs = a->g->i.head->digest != b->g->i.head->digest;
    ASSERT(a->memory != NULL && b->memory != NULL);
    if (graphs) puts("the graphs differ");
    TRY(first_diff(a->g, b->g, &first, m));
    TRY(side_read(a, UINT64_MAX));
    TRY(side_read(b, UINT64_MAX));
    TRY(epochs_diff(a, b, &epochs));
    bool roots = roots_diff(a, b), longer = a->last != b->last;
    if (longer)
        printf("only %s has epochs %llu to %llu\n", a->last > b->last ? a->g->state : b->g->state,
               (llu)u64_min(a->last, b->last) + 1, (llu)u64_max(a->last, b->last));
    *differ = graphs || first != 0 || epochs != 0 || roots || longer;
    if (!*differ) printf("the logs say the same: epochs 0 to %llu\n", (llu)a->last);
    return MMSB_OK;
}

mmsb_status log_diff_print(const graph *a, const graph *b, bool *differ, message *m) {
    ASSERT(a->bytes != NULL && b->bytes != NULL);
    arena *memory = arena_open(0);
    side x = {.g = a, .memory = memory, .before = "  - ", .m = m};
    side y = {.g = b, .memory = memory, .before = "  + ", .m = m};
    mmsb_status s = memory == NULL ? message_set(m, MMSB_OUT_OF_SPACE, "no memory")
                                   : logs_diff(&x, &y, differ, m);
    arena_close(memory);
    return s;
}
