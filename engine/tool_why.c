/* SPDX-License-Identifier: Apache-2.0
 * tool_why: `mmsb why` and `mmsb impact`. Why follows a lane back to the lanes
 * of sources and of earlier states that it is made of, then reads the log for
 * the deltas that are still in them. */
#include <stdio.h>

#include "tool_look.h"
#include "tool_print.h"
#include "tool_slice.h"

#define SHOWN_LANES 8u
#define SHOWN_DELTAS 50u

typedef unsigned long long llu;

typedef struct {
    const graph *g;
    const image *i;
    slice now, past; /* lanes read in this epoch; in earlier ones */
    u64 at;
    u64 **set; /* of a page's lanes: 1 + the number of the last delta that set it */
    u64 number, kept, left_out;
    arena *memory;
    message *m;
    mmsb_status status;
    int pass; /* 0: finds the last sets; 1: counts; 2: prints */
} why;

static bool is_named(const image *i, u32 page) {
    const image_page *p = &i->pages[page];
    return p->kind != PAGE_PREV && p->kind != PAGE_EPOCH && (p->flags & PAGE_HIDDEN) == 0;
}

/* "qty[3] = 5, qty[9] = 1, ..." or "4 of 40 lanes"; what a page's marked lanes
 * are. */
static void lanes_print(const slice *s, u32 page, bool values) {
    ASSERT(page != 0);
    const image *i = s->i;
    u64 count = slice_count(s, page), lanes = i->shapes[i->pages[page].shape].lanes, shown = 0;
    char text[400];
    if (lanes != 1) printf("%llu of %llu lanes: ", (llu)count, (llu)lanes);
    for (u64 lane = 0; lane < lanes && shown < SHOWN_LANES; lane++) {
        if (!slice_has(s, page, lane)) continue;
        image_lane_text(i, page, lane, text, sizeof text);
        printf("%s%s", shown++ == 0 ? "" : ", ", text);
        if (!values) continue;
        fputs(" = ", stdout);
        print_value(s->e, page, lane);
    }
    puts(shown < count ? ", ..." : "");
}

static void equation_print(const image *i, u32 page, const char *before) {
    ASSERT(page < i->page_count);
    const image_position *p = &i->positions[i->pages[page].position];
    if (i->pages[page].position == 0) return;
    printf("%s%s:%u: %s\n", before, image_string(i, p->file), p->line, image_string(i, p->text));
}

/* Everything that the lane was made of in this epoch, then in all earlier ones.
 */
static mmsb_status follow(why *w) {
    slice_back(&w->now, w->at > 0);
    slice_last(&w->now, &w->past);
    do {
        w->past.added = 0;
        slice_back(&w->past, true);
        slice_back(&w->past, false);
        slice_last(&w->past, &w->past);
        if (w->past.failed || w->now.failed)
            return message_set(w->m, MMSB_OUT_OF_SPACE, "no memory for the lanes of the graph");
    } while (w->past.added != 0);
    ASSERT(w->past.i == w->now.i);
    return MMSB_OK;
}

/* Whether lane `lane` of a delta still shows: it is in an earlier state, or
 * nothing set it since.
 */
static bool still_there(const why *w, u32 page, u64 lane, u64 number) {
    const image_page *p = &w->i->pages[page];
    u32 held = p->prev != 0 && p->kind != PAGE_SOURCE ? p->prev : page;
    ASSERT(held < w->i->page_count);
    if (slice_has(&w->past, page, lane)) return true;
    bool now = slice_has(&w->now, held, lane);
    return now && (w->set[page] == NULL || number + 1 >= w->set[page][lane]);
}

static u64 lane_of(const delta *d, u64 k) {
    return d->form == DELTA_MASK && (d->mask[k / 8] >> (k & 7) & 1) == 0 ? UINT64_MAX
                                                                         : d->first + k;
}

static void last_set(why *w, const delta *d) {
    ASSERT(w->pass == 0);
    u64 lanes = w->i->shapes[w->i->pages[d->page].shape].lanes;
    if (d->kind != DELTA_SET || w->status != MMSB_OK) return;
    if (w->set[d->page] == NULL) {
        w->set[d->page] = ARENA_ARRAY(w->memory, u64, lanes);
        if (w->set[d->page] == NULL) {
            w->status = message_set(w->m, MMSB_OUT_OF_SPACE, "no memory for the lanes of a page");
            return;
        }
        memset(w->set[d->page], 0, lanes * 8);
    }
    for (u64 k = 0; k < d->count; k++)
        if (lane_of(d, k) != UINT64_MAX) w->set[d->page][lane_of(d, k)] = w->number + 1;
}

/* The lanes of a delta that show, as delta lines. */
static void delta_show(why *w, const delta *d, const session_record *r) {
    ASSERT(w->pass == 2);
    u32 width = type_bytes(d->type);
    u64 shown = 0, value = 0, more = 0;
    for (u64 k = 0; k < d->count; k++) {
        u64 lane = lane_of(d, k);
        if (lane == UINT64_MAX) continue;
        const u8 *payload = (const u8 *)d->payload + (d->broadcast ? 0 : value * width);
        value++;
        if (!still_there(w, d->page, lane, w->number)) continue;
        if (shown++ >= SHOWN_LANES) {
            more++;
            continue;
        }
        delta one = *d;
        one.form = DELTA_RANGE, one.first = lane, one.count = 1, one.broadcast = 0;
        one.payload = payload, one.payload_bytes = width;
        if (shown == 1)
            printf("  epoch %llu  (log-%llu:%llu)\n", (llu)r->head->epoch, (llu)r->place.segment,
                   (llu)r->place.offset);
        print_delta(w->i, &one, "    ");
    }
    if (more != 0) printf("    ... and %llu lanes more\n", (llu)more);
}

static void delta_look(why *w, const delta *d, const session_record *r) {
    bool shows = false;
    ASSERT(d->page < w->i->page_count);
    if (w->pass == 0) {
        last_set(w, d);
        return;
    }
    for (u64 k = 0; k < d->count && !shows; k++)
        shows = lane_of(d, k) != UINT64_MAX && still_there(w, d->page, lane_of(d, k), w->number);
    if (!shows) return;
    if (w->pass == 2 && w->kept >= w->left_out) delta_show(w, d, r);
    w->kept++;
}

static void why_record(void *context, const session_record *r) {
    why *w = context;
    const tlog_head *h = r->head;
    const u8 *body = (const u8 *)(h + 1);
    ASSERT(h->kind < TLOG_KIND_COUNT);
    if (h->kind != TLOG_EPOCH || h->epoch > w->at || w->status != MMSB_OK) return;
    for (u64 at = 0, used = 0; at < h->body_bytes; at += used, w->number++) {
        delta d;
        w->status = delta_read(w->i, body + at, h->body_bytes - at, &d, &used, w->m);
        if (w->status != MMSB_OK) return;
        delta_look(w, &d, r);
    }
}

static mmsb_status deltas_print(why *w) {
    session_log_visitor v = {.record = why_record, .context = w};
    session_log_summary sum;
    ASSERT(w->pass == 0);
    for (; w->pass < 3; w->pass++) {
        if (w->pass == 2) {
            w->left_out = w->kept > SHOWN_DELTAS ? w->kept - SHOWN_DELTAS : 0;
            if (w->kept == 0) puts("no delta made it: all comes from first contents");
            if (w->kept != 0) puts("deltas that made it:");
            if (w->left_out != 0) printf("  ... %llu earlier ones\n", (llu)w->left_out);
        }
        w->number = w->kept = 0;
        TRY(session_log(w->g->state, &v, &sum, w->m));
        TRY(w->status);
    }
    return MMSB_OK;
}

/* Source lanes that no delta has set: their first contents still show. */
static void first_print(why *w) {
    const image *i = w->i;
    bool any = false;
    ASSERT(w->pass == 3);
    for (u32 page = 1; page < i->page_count; page++) {
        u64 lanes = i->shapes[i->pages[page].shape].lanes, count = 0;
        char text[400];
        if (i->pages[page].kind != PAGE_SOURCE) continue;
        for (u64 lane = 0; lane < lanes; lane++) {
            bool reads = slice_has(&w->now, page, lane) || slice_has(&w->past, page, lane);
            bool set =
                w->set[page] != NULL && w->set[page][lane] != 0 && !slice_has(&w->past, page, lane);
            if (!reads || set) continue;
            image_lane_text(i, page, lane, text, sizeof text);
            if (!any) puts("first contents in it:");
            any = true;
            if (count == 0) fputs("  ", stdout);
            if (count < SHOWN_LANES) printf("%s%s", count == 0 ? "" : ", ", text);
            count++;
        }
        if (count > SHOWN_LANES) printf(" ... %llu lanes", (llu)count);
        if (count != 0) putchar('\n');
    }
}

static void sources_print(const why *w, u32 page, u64 lane) {
    const image *i = w->i;
    ASSERT(page != 0);
    print_lane(w->now.e, page, lane);
    equation_print(i, page, "  ");
    if (i->pages[page].kind != PAGE_SOURCE) puts("made in this epoch of:");
    for (u32 k = i->page_count; k > 1; k--) {
        if (!is_named(i, k - 1) || slice_count(&w->now, k - 1) == 0 || k - 1 == page) continue;
        printf("  %s: ", image_string(i, i->pages[k - 1].name));
        lanes_print(&w->now, k - 1, true);
        equation_print(i, k - 1, "    ");
    }
    for (u32 k = 1; k < i->page_count; k++) {
        if (i->pages[k].kind != PAGE_PREV || slice_count(&w->now, k) == 0) continue;
        printf("  prev(%s): ", image_string(i, i->pages[i->pages[k].of].name));
        u64 count = slice_count(&w->now, k), lanes = i->shapes[i->pages[k].shape].lanes;
        printf("%llu of %llu lanes, from the epoch before\n", (llu)count, (llu)lanes);
    }
}

static mmsb_status why_all(why *w, u32 page, u64 lane) {
    ASSERT(lane != UINT64_MAX);
    slice_mark(&w->now, page, lane);
    TRY(follow(w));
    printf("at epoch %llu: ", (llu)w->at);
    sources_print(w, page, lane);
    TRY(deltas_print(w));
    first_print(w);
    return MMSB_OK;
}

/* A scalar, or one element of an array. */
static mmsb_status one_lane(const image *i, const char *what, u32 *page, u64 *lane, message *m) {
    TRY(page_parse(i, what, page, lane, m));
    ASSERT(*page < i->page_count);
    if (*lane == UINT64_MAX && i->shapes[i->pages[*page].shape].lanes != 1)
        return message_set(m, MMSB_USAGE, "%s is an array: name one element, %s[0]", what, what);
    if (*lane == UINT64_MAX) *lane = 0;
    return MMSB_OK;
}

mmsb_status why_print(const graph *g, const char *what, u64 at, message *m) {
    ASSERT(what != NULL);
    session *past = NULL;
    u32 page;
    u64 lane;
    why w = {.g = g, .i = &g->i, .m = m, .memory = arena_open(0)};
    mmsb_status s = one_lane(&g->i, what, &page, &lane, m);
    if (s == MMSB_OK) s = graph_at(g, at, &past, m);
    engine *e = s == MMSB_OK ? session_engine(past) : NULL;
    if (s == MMSB_OK) {
        w.set = w.memory == NULL ? NULL : ARENA_ARRAY(w.memory, u64 *, g->i.page_count);
        if (w.set == NULL) s = message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    }
    if (s == MMSB_OK && w.set != NULL) {
        memset(w.set, 0, g->i.page_count * sizeof *w.set);
        w.at = engine_epoch(e);
        s = slice_open(&w.now, e, m);
        if (s == MMSB_OK) s = slice_open(&w.past, e, m);
        if (s == MMSB_OK) s = why_all(&w, page, lane);
        if (w.now.memory != NULL) slice_close(&w.now);
        if (w.past.memory != NULL) slice_close(&w.past);
    }
    arena_close(w.memory);
    session_close(past, NULL);
    return s;
}

static void reached_print(const slice *s, u32 but, const char *title) {
    const image *i = s->i;
    ASSERT(title != NULL);
    bool any = false;
    for (u32 k = 1; k < i->page_count; k++) {
        if (!is_named(i, k) || slice_count(s, k) == 0 || k == but) continue;
        if (!any) puts(title);
        any = true;
        printf("  %s: ", image_string(i, i->pages[k].name));
        lanes_print(s, k, false);
    }
    if (!any) printf("%s nothing\n", title);
}

static mmsb_status impact_all(slice *s, slice *later, u32 page, u64 lane, message *m) {
    const image_page *p = &s->i->pages[page];
    ASSERT(lane != UINT64_MAX);
    bool state = p->kind != PAGE_SOURCE && (p->flags & PAGE_STATE) != 0;
    if (p->kind != PAGE_SOURCE && !state)
        return message_set(m, MMSB_WRONG,
                           "%s is a derived page: deltas change sources and state pages",
                           image_string(s->i, p->name));
    char text[400];
    image_lane_text(s->i, page, lane, text, sizeof text);
    printf("a delta to %s at epoch %llu\n", text, (llu)engine_epoch(s->e) + 1);
    slice_mark(s, state ? p->prev : page, lane);
    slice_forward(s);
    reached_print(s, state ? 0 : page, "may change in that epoch:");
    slice_next(s, later);
    do {
        later->added = 0;
        slice_forward(later);
        slice_next(later, later);
    } while (later->added != 0 && !later->failed);
    reached_print(later, 0, "may change again in later epochs, through prev and history:");
    return s->failed || later->failed
               ? message_set(m, MMSB_OUT_OF_SPACE, "no memory for the lanes of the graph")
               : MMSB_OK;
}

mmsb_status impact_print(const graph *g, const char *what, u64 at, message *m) {
    ASSERT(what != NULL);
    session *past = NULL;
    slice s, later = {.memory = NULL};
    u32 page;
    u64 lane;
    mmsb_status status = one_lane(&g->i, what, &page, &lane, m);
    if (status == MMSB_OK) status = graph_at(g, at, &past, m);
    if (status == MMSB_OK) status = slice_open(&s, session_engine(past), m);
    if (status == MMSB_OK) {
        status = slice_open(&later, session_engine(past), m);
        if (status == MMSB_OK) status = impact_all(&s, &later, page, lane, m);
        if (later.memory != NULL) slice_close(&later);
        slice_close(&s);
    }
    session_close(past, NULL);
    return status;
}
