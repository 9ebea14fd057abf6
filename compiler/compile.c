/* SPDX-License-Identifier: Apache-2.0
 * compile: the pass list: text, tree, equations, image; the image is verified before it is given
 * out. */
#include "compile.h"

#include <stdlib.h>

#include "../dsl/print.h"
#include "../engine/core/number.h"
#include "emit_ir.h"
#include "emit_plan.h"
#include "front.h"

static const char *stem_of(arena *a, const char *name) {
    ASSERT(name != NULL);
    const char *slash = strrchr(name, '/'), *from = slash == NULL ? name : slash + 1,
               *dot = strrchr(from, '.');
    return arena_text(a, from, dot == NULL || dot == from ? strlen(from) : (u64)(dot - from));
}

/* "PAGE=N" as a limit; false where it is something else. */
static bool limit_read(const char *text, plan_page_limit *out) {
    ASSERT(text != NULL && out != NULL);
    const char *equals = strrchr(text, '=');
    u64 bits;
    if (equals == NULL || equals == text ||
        number_parse(TYPE_U64, equals + 1, strlen(equals + 1), &bits) != NUMBER_OK)
        return false;
    *out = (plan_page_limit){text, (u64)(equals - text), bits};
    ASSERT(out->name_bytes != 0);
    return true;
}

/* A broken budget is a diagnostic at the page that breaks it. */
static mmsb_status budgets(const mmsbc_options *o, const image *view, ir *g, message *m) {
    plan_page_limit *pages =
        ARENA_ARRAY(g->memory, plan_page_limit, o->max_amplification_count + 1);
    plan_broken broken;
    if (pages == NULL) return MMSB_OUT_OF_SPACE;
    ASSERT(o->max_amplification_count == 0 || o->max_amplification != NULL);
    for (size_t k = 0; k < o->max_amplification_count; k++)
        if (!limit_read(o->max_amplification[k], &pages[k]))
            return message_set(m, MMSB_USAGE, "max_amplification wants PAGE=LANES, not %.200s",
                               o->max_amplification[k]);
    const plan_limits limits = {o->max_bytes, o->max_waves, pages, (u32)o->max_amplification_count};
    mmsb_status status = plan_budget(view, &limits, g->memory, &broken, m);
    if (status != MMSB_WRONG) return status;
    const char *name = image_string(view, view->pages[broken.page].name);
    span at = {0, 0, 0};
    for (u32 k = 1; k < g->page_count; k++)
        if (strcmp(g->pages[k].name, name) == 0) at = g->places[g->pages[k].place].at;
    diag_row *d = diag_add(g->diags, DIAG_BUDGET, at, "%s", m->text);
    diag_help(g->diags, d, "see where it goes: mmsbc --emit plan");
    return MMSB_WRONG;
}

mmsbc_result *result_open(const mmsbc_options *o) {
    ASSERT(o != NULL && o->name != NULL);
    arena *a = arena_open(0);
    mmsbc_result *r = a == NULL ? NULL : arena_take(a, sizeof *r, 8);
    if (r == NULL) {
        arena_close(a);
        return NULL;
    }
    r->memory = a;
    r->stem = stem_of(a, o->name);
    r->sources.memory = a;
    r->diags = (diags){.memory = a, .sources = &r->sources};
    return r;
}

mmsb_status result_parse(const mmsbc_options *o, mmsbc_result *r) {
    u32 file;
    ast *t = ast_open(r->memory);
    ASSERT(r->sources.count == 0 && (o->text != NULL || o->bytes == 0));
    if (t == NULL || r->stem == NULL) return MMSB_OUT_OF_SPACE;
    TRY(sources_add(&r->sources, o->name, o->text, o->bytes, &file));
    TRY(parse_file(&r->sources, file, t, &r->diags));
    if (r->diags.error_count != 0) return MMSB_WRONG;
    r->tree = t;
    return MMSB_OK;
}

static mmsb_status passes(const mmsbc_options *o, mmsbc_result *r, message *m) {
    ASSERT(r->tree == NULL && r->graph == NULL && r->image == NULL);
    ir *g = arena_take(r->memory, sizeof *g, 8);
    front_options front = {o->defines, o->define_count, o->folders, o->folder_count};
    if (g == NULL) return MMSB_OUT_OF_SPACE;
    TRY(result_parse(o, r));
    TRY(front_build(&r->sources, r->tree, &front, r->memory, &r->diags, g));
    TRY(unused_nodes_check(o, r));
    if (r->diags.error_count != 0) return MMSB_WRONG;
    if (g->name[0] == 0) g->name = r->stem;
    r->graph = g;
    TRY(back_build(g, r->memory, &r->image, &r->bytes, &r->report, m));
    image view;
    mmsb_status status = image_verify(r->image, r->bytes, &view, m);
    if (status == MMSB_OK) status = budgets(o, &view, g, m);
    if (status != MMSB_OK) r->image = NULL;
    return status == MMSB_DAMAGED ? MMSB_BUG : status;
}

static void tell(const mmsbc_result *r, diag_format format, bool colour, FILE *to) {
    diag_print(&r->diags, format, colour, to);
    if (r->status == MMSB_OK || r->diags.error_count != 0) return;
    ASSERT(r->sources.count == 0 || r->sources.files[0].name != NULL);
    fprintf(to, "%s: %s%s%s\n", r->sources.count == 0 ? r->stem : r->sources.files[0].name,
            status_text(r->status), r->words != NULL ? ": " : "", r->words != NULL ? r->words : "");
}

void result_tell(const mmsbc_options *o, mmsbc_result *r, mmsb_status status, const message *m) {
    ASSERT(r != NULL && m != NULL);
    r->status = status;
    r->words = m->text[0] == 0 ? NULL : arena_text(r->memory, m->text, strlen(m->text));
    if (o->messages != NULL) tell(r, (diag_format)o->diagnostics, o->colour != 0, o->messages);
}

const char *mmsbc_diagnostics(mmsbc_result *r, int format, int colour, size_t *bytes) {
    char *text = NULL;
    size_t count = 0;
    if (bytes != NULL) *bytes = 0;
    if (r == NULL || format < 0 || format > DIAG_JSON) return NULL;
    FILE *to = open_memstream(&text, &count);
    if (to == NULL) return NULL;
    tell(r, (diag_format)format, colour != 0, to);
    bool whole = fclose(to) == 0;
    const char *kept = whole ? arena_text(r->memory, text, count) : NULL;
    free(text);
    if (kept != NULL && bytes != NULL) *bytes = count;
    ASSERT(kept == NULL || kept[count] == 0);
    return kept;
}

int mmsbc_compile(const mmsbc_options *o, mmsbc_result **out) {
    ASSERT(o != NULL && out != NULL);
    message m = {.used = 0};
    mmsbc_result *r = *out = result_open(o);
    if (r == NULL) return MMSB_OUT_OF_SPACE;
    mmsb_status status = passes(o, r, &m);
    result_tell(o, r, status, &m);
    return (int)status;
}

const void *mmsbc_image(const mmsbc_result *r, size_t *bytes) {
    ASSERT(r->image == NULL || r->bytes > sizeof(image_head));
    *bytes = r->bytes;
    return r->image;
}

const char *mmsbc_input(const mmsbc_result *r, size_t k) {
    return k < r->sources.count ? r->sources.files[k].name : NULL;
}

static int emit_ast(const mmsbc_result *r, FILE *to) {
    ASSERT(r->tree != NULL && to != NULL);
    const char *text;
    u64 bytes;
    if (r->tree == NULL || ast_print(r->tree, 0, r->memory, &text, &bytes) != MMSB_OK) return 1;
    return fwrite(text, 1, bytes, to) != bytes;
}

static void emit_dot(const image *i, FILE *to) {
    ASSERT(i->head != NULL);
    ASSERT(i->page_count > 0);
    fprintf(to, "digraph \"%s\" {\n", image_string(i, i->head->name));
    for (u32 k = 1; k < i->page_count; k++)
        fprintf(to, "  p%u [label=\"%s %s\"];\n", k, image_string(i, i->pages[k].name),
                type_text(i->pages[k].type));
    for (u32 k = 0; k < i->read_count; k++) {
        const image_node *n = &i->nodes[i->reads[k].node];
        for (u32 c = 0; c < n->tile_count; c++) {
            const image_instruction *r = &i->instructions[n->program_at + n->uniform_count + c];
            if (r->op == IN_STORE) fprintf(to, "  p%u -> p%u;\n", i->reads[k].page, r->imm);
        }
        if (n->kind != NODE_MAP) fprintf(to, "  p%u -> p%u;\n", i->reads[k].page, n->output);
    }
    fprintf(to, "}\n");
}

int mmsbc_emit(const mmsbc_result *r, const char *kind, FILE *to) {
    ASSERT(r != NULL && kind != NULL);
    image i;
    if (strcmp(kind, "ast") == 0) return emit_ast(r, to);
    if (strcmp(kind, "ir") == 0) return r->graph == NULL ? 1 : emit_ir(r->graph, to);
    if (r->image == NULL || image_verify(r->image, r->bytes, &i, NULL) != MMSB_OK) return 1;
    if (strcmp(kind, "plan") == 0 || strcmp(kind, "json") == 0)
        return plan_emit(&i, r->report.fused, r->report.fused_count, kind[0] == 'j', to);
    if (strcmp(kind, "dot") == 0)
        emit_dot(&i, to);
    else
        return 1;
    return 0;
}

void mmsbc_free(mmsbc_result *r) {
    if (r != NULL) arena_close(r->memory);
}
