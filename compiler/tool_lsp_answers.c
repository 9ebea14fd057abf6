/* SPDX-License-Identifier: Apache-2.0
 * tool_lsp_answers: what requests about a document give. */
#include <stdlib.h>

#include "../dsl/print.h"
#include "front.h"
#include "tool_lsp.h"

typedef struct {
    lsp_server *server;
    lsp_document *document;
    const json_t *params;
    u32 byte; /* of the position; 0 where there is none */
    const char **error;
} question;

static const char *const keywords[] = {
    "graph",  "import", "param", "const",  "source", "page",  "fn",   "node", "use",
    "kernel", "assert", "event", "export", "let",    "in",    "if",   "then", "else",
    "init",   "for",    "by",    "true",   "false",  "epoch", "inf",  "nan",  "pi",
    "edge",   "clamp",  "wrap",  "mirror", "fill",   "with",  "from", "as"};

static const char *name_of(const lsp_document *d, u32 string) {
    ASSERT(string < d->names.tree->string_count);
    return ast_text(d->names.tree, string);
}

static u32 definition_here(const question *q, span *place) {
    ASSERT(q->document != NULL);
    return symbols_at(&q->document->names, 0, q->byte, place);
}

/* Where the word that ends before `at` begins. */
static u32 word_begin(const char *text, u32 at) {
    ASSERT(text != NULL);
    for (; at > 0; at--) {
        char c = text[at - 1], lower = (char)(c | 32);
        if (c != '_' && (lower < 'a' || lower > 'z') && (c < '0' || c > '9')) break;
    }
    return at;
}

/* ---- hover ---- */
static u32 page_row(const mmsbc_result *r, const char *name) {
    ASSERT(name != NULL);
    const ir *g = r->graph;
    for (u32 k = 1; g != NULL && k < g->page_count; k++)
        if (strcmp(g->pages[k].name, name) == 0) return k;
    return 0;
}

/* Wave and bytes as the image has them. */
static void hover_image(const mmsbc_result *r, const char *name, FILE *to) {
    ASSERT(to != NULL && name != NULL);
    image i;
    if (r->image == NULL || image_verify(r->image, r->bytes, &i, NULL) != MMSB_OK) return;
    u32 page = image_find_page(&i, name, strlen(name));
    if (page == 0) {
        fprintf(to, "\n\nnot stored: it is computed where it is used, or nothing needs it");
        return;
    }
    u64 lanes = i.shapes[i.pages[page].shape].lanes;
    for (u32 n = 0; n < i.node_count; n++) {
        const image_node *node = &i.nodes[n];
        bool writes = node->kind != NODE_MAP && node->output == page;
        for (u32 c = 0; c < node->uniform_count + node->tile_count; c++) {
            const image_instruction *x = &i.instructions[node->program_at + c];
            writes = writes || (x->op == IN_STORE && x->imm == page);
        }
        if (writes && (node->flags & NODE_IN_LATER) != 0) fprintf(to, "\n\nwave %u", node->wave1);
    }
    fprintf(to, "\n\n%llu lanes, %llu bytes, %u readers", (unsigned long long)lanes,
            (unsigned long long)(lanes * type_bytes(i.pages[page].type)),
            i.pages[page].reader_count);
}

static void hover_page(const lsp_document *d, const char *name, FILE *to) {
    ASSERT(d->result != NULL);
    const mmsbc_result *r = d->result;
    u32 row = page_row(r, name);
    if (row == 0) return;
    const ir_page *p = &r->graph->pages[row];
    fprintf(to, ": %s", type_text(p->type));
    for (u32 k = 0; k < p->rank; k++)
        fprintf(to, "%s%llu%s", k == 0 ? "[" : ", ", (unsigned long long)p->dims[k],
                k + 1 == p->rank ? "]" : "");
    fprintf(to, "\n```\n%s%s%s", p->exported ? "exported " : "", p->state ? "state " : "",
            p->kind == PAGE_SOURCE ? "source"
            : p->live              ? "page"
                                   : "page that nothing needs");
    hover_image(r, name, to);
}

/* The name that a page has in the image: members of instances are `o.y`. */
static void full_name(const question *q, const definition *d, span at, char *to, size_t bytes) {
    ASSERT(at.file == 0 && at.begin <= at.end && bytes > 0);
    const source_file *f = &q->document->texts->files[0];
    u32 begin = at.begin;
    while (begin > 0 && f->text[begin - 1] == '.') begin = word_begin(f->text, begin - 1);
    snprintf(to, bytes, "%.*s%s", (int)(at.begin - begin), f->text + begin,
             name_of(q->document, d->name));
}

static json_t *hover(const question *q) {
    ASSERT(q->document->texts != NULL);
    span at;
    u32 row = definition_here(q, &at);
    if (row == 0) return NULL;
    const definition *d = &q->document->names.definitions[row];
    char name[300], *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    if (to == NULL) return NULL;
    full_name(q, d, at, name, sizeof name);
    fprintf(to, "```mmsbg\n%s %s", definition_kind_text(d->kind), name);
    bool page =
        d->kind == DEFINITION_SOURCE || d->kind == DEFINITION_PAGE || d->kind == DEFINITION_EVENT;
    if (page && page_row(q->document->result, name) != 0) {
        hover_page(q->document, name, to);
    } else {
        const ast_item *i = &q->document->names.tree->items[d->item];
        u32 used;
        if (d->item != 0 && d->kind < DEFINITION_PARAMETER && d->kind != DEFINITION_MODULE) {
            const char *item = sources_text(q->document->texts, i->whole, &used);
            u32 line = used < 400 ? used : 400;
            for (u32 k = 0; k < line; k++) line = item[k] == '\n' ? k : line;
            rewind(to);
            fprintf(to, "```mmsbg\n%.*s", (int)line, item);
        }
        fprintf(to, "\n```");
    }
    if (fclose(to) != 0) return NULL;
    json_t *result = json_pack("{s:{s:s, s:s%}, s:o}", "contents", "kind", "markdown", "value",
                               text, bytes, "range", lsp_range(q->document->texts, at));
    free(text);
    return result;
}

/* ---- places ---- */
static json_t *define(const question *q) {
    ASSERT(q->document->texts->count >= 1);
    u32 row = definition_here(q, NULL);
    if (row == 0) return NULL;
    const definition *d = &q->document->names.definitions[row];
    bool module = d->kind == DEFINITION_MODULE && d->target != 0;
    const symbol_scope *file = &q->document->names.scopes[d->target];
    span place = module ? (span){file->file, 0, 0} : d->place;
    return lsp_location(q->document, place);
}

static json_t *references(const question *q) {
    ASSERT(q->params != NULL);
    u32 row = definition_here(q, NULL);
    const symbols *y = &q->document->names;
    bool own =
        json_is_true(json_object_get(json_object_get(q->params, "context"), "includeDeclaration"));
    json_t *list = json_array();
    for (u32 k = 0; row != 0 && k < y->mention_count; k++) {
        const mention *m = &y->mentions[k];
        const span *at = &y->definitions[row].place;
        bool declares = m->place.file == at->file && m->place.begin == at->begin;
        if (m->definition == row && (own || !declares))
            json_array_append_new(list, lsp_location(q->document, m->place));
    }
    return list;
}

/* ---- rename ---- */
static bool is_name(const char *text) {
    ASSERT(text != NULL && ARRAY_COUNT(keywords) > 27);
    if ((text[0] < 'a' || text[0] > 'z') && (text[0] < 'A' || text[0] > 'Z') && text[0] != '_')
        return false;
    for (const char *c = text; *c != 0; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        if (!letter && (*c < '0' || *c > '9')) return false;
    }
    for (u32 k = 0; k < 27; k++) /* the words of places (edge, clamp, ...) may be names */
        if (strcmp(text, keywords[k]) == 0) return false;
    return type_find(text, strlen(text)) == TYPE_NONE;
}

typedef struct {
    const symbols *names;
    const char *wanted;
    bool function, taken;
} name_search;
static void taken_visit(void *context, const definition *d) {
    ASSERT(d->name < ((name_search *)context)->names->tree->string_count);
    name_search *s = context;
    bool function =
        d->kind == DEFINITION_FN || d->kind == DEFINITION_NODE || d->kind == DEFINITION_KERNEL;
    if (function == s->function && strcmp(ast_text(s->names->tree, d->name), s->wanted) == 0)
        s->taken = true;
}

/* Why a definition cannot have another name; NULL: it can. */
static const char *rename_refusal(const question *q, u32 row, const char *to) {
    ASSERT(row == 0 || row < q->document->names.definition_count);
    const symbols *y = &q->document->names;
    if (row == 0) return "there is no name of the graph here";
    const definition *d = &y->definitions[row];
    if (d->place.file != 0) return "the name is defined in an imported file: rename it there";
    if (d->kind == DEFINITION_MODULE && d->name == 0) return "an import without a name";
    if (to == NULL) return NULL;
    if (!is_name(to)) return "the new name is not a name, or a reserved word";
    name_search s = {y, to, d->kind >= DEFINITION_FN && d->kind <= DEFINITION_KERNEL, false};
    for (u32 k = 0; k < y->mention_count && !s.taken; k++)
        if (y->mentions[k].definition == row)
            symbols_visible(y, y->mentions[k].place.file, y->mentions[k].place.begin, taken_visit,
                            &s);
    return s.taken ? "the new name means something else already" : NULL;
}

static json_t *rename_all(const question *q) {
    ASSERT(q->error != NULL && *q->error == NULL);
    const char *to = json_string_value(json_object_get(q->params, "newName"));
    u32 row = definition_here(q, NULL);
    const symbols *y = &q->document->names;
    *q->error = to == NULL ? "newName is missing" : rename_refusal(q, row, to);
    if (*q->error != NULL) return NULL;
    json_t *edits = json_array();
    for (u32 k = 0; k < y->mention_count; k++)
        if (y->mentions[k].definition == row && y->mentions[k].place.file == 0)
            json_array_append_new(edits,
                                  json_pack("{s:o, s:s}", "range",
                                            lsp_range(q->document->texts, y->mentions[k].place),
                                            "newText", to));
    return json_pack("{s:{s:o}}", "changes", q->document->uri, edits);
}

static json_t *rename_prepare(const question *q) {
    ASSERT(q->error != NULL);
    span at = {0, 0, 0};
    u32 row = definition_here(q, &at);
    *q->error = rename_refusal(q, row, NULL);
    return *q->error != NULL ? NULL : lsp_range(q->document->texts, at);
}

/* ---- formatting, fixes ---- */
static json_t *format_all(const question *q) {
    ASSERT(q->document->result != NULL);
    const mmsbc_result *r = q->document->result;
    const char *text;
    u64 bytes;
    if (r->tree == NULL) return NULL; /* a text with syntax errors stays as it is */
    arena *a = arena_open(0);
    json_t *edits = NULL;
    if (a != NULL && print_file(&r->sources, r->tree, 0, a, &text, &bytes) == MMSB_OK) {
        bool same = bytes == q->document->bytes && memcmp(text, q->document->text, bytes) == 0;
        span whole = {0, 0, r->sources.files[0].bytes};
        edits = same ? json_array()
                     : json_pack("[{s:o, s:s}]", "range", lsp_range(&r->sources, whole), "newText",
                                 text);
    }
    arena_close(a);
    return edits;
}

static json_t *actions(const question *q) {
    ASSERT(q->document->result != NULL);
    const mmsbc_result *r = q->document->result;
    const json_t *range = json_object_get(q->params, "range");
    u32 begin = lsp_byte(q->document, json_object_get(range, "start"));
    u32 end = lsp_byte(q->document, json_object_get(range, "end"));
    json_t *list = json_array();
    for (u32 k = 0; k < r->diags.count; k++) {
        const diag_row *d = &r->diags.rows[k];
        if (d->fix_text == NULL || d->place.file != 0 || d->place.begin > end ||
            d->place.end < begin)
            continue;
        char title[300];
        snprintf(title, sizeof title, "%.280s", d->help != NULL ? d->help : "apply the fix");
        json_t *edit = json_pack("[{s:o, s:s}]", "range", lsp_range(&r->sources, d->fix_place),
                                 "newText", d->fix_text);
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:{s:{s:o}}}", "title", title,
                                              "kind", "quickfix", "isPreferred", 1, "edit",
                                              "changes", q->document->uri, edit));
    }
    return list;
}

/* ---- outline, completion ---- */
static int symbol_kind(u8 kind) {
    ASSERT(kind < DEFINITION_KIND_COUNT);
    static const u8 kinds[DEFINITION_KIND_COUNT] = {
        [DEFINITION_PARAM] = 14, [DEFINITION_CONST] = 14, [DEFINITION_SOURCE] = 8,
        [DEFINITION_PAGE] = 13,  [DEFINITION_EVENT] = 24, [DEFINITION_USE] = 19,
        [DEFINITION_MODULE] = 2, [DEFINITION_FN] = 12,    [DEFINITION_NODE] = 5,
        [DEFINITION_KERNEL] = 12};
    return kinds[kind] == 0 ? 13 : kinds[kind];
}

static json_t *outline(const question *q) {
    ASSERT(q->document->names.tree != NULL);
    const symbols *y = &q->document->names;
    json_t *list = json_array();
    for (u32 k = 1; k < y->definition_count; k++) {
        const definition *d = &y->definitions[k];
        if (d->place.file != 0 || d->kind >= DEFINITION_PARAMETER || d->item == 0 || d->name == 0 ||
            y->scopes[d->scope].parent != 0)
            continue;
        const ast_item *i = &y->tree->items[d->item];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:i, s:o, s:o}", "name", name_of(q->document, d->name),
                            "detail", definition_kind_text(d->kind), "kind", symbol_kind(d->kind),
                            "range", lsp_range(q->document->texts, i->whole), "selectionRange",
                            lsp_range(q->document->texts, d->place)));
    }
    return list;
}

typedef struct {
    const symbols *names;
    json_t *list, *seen;
} completion;

static void offer(completion *c, const char *label, const char *detail, int kind) {
    ASSERT(label[0] != 0 && kind > 0);
    if (json_object_get(c->seen, label) != NULL) return; /* the innermost of a name */
    json_object_set_new(c->seen, label, json_true());
    json_array_append_new(
        c->list, json_pack("{s:s, s:s, s:i}", "label", label, "detail", detail, "kind", kind));
}

static void offer_definition(void *context, const definition *d) {
    ASSERT(d->kind < DEFINITION_KIND_COUNT);
    static const u8 kinds[DEFINITION_KIND_COUNT] = {
        [DEFINITION_PARAM] = 21, [DEFINITION_CONST] = 21, [DEFINITION_EVENT] = 23,
        [DEFINITION_MODULE] = 9, [DEFINITION_FN] = 3,     [DEFINITION_NODE] = 7,
        [DEFINITION_KERNEL] = 3};
    completion *c = context;
    offer(c, ast_text(c->names->tree, d->name), definition_kind_text(d->kind),
          kinds[d->kind] == 0 ? 6 : kinds[d->kind]);
}

/* Behind "o.": the names inside. True where the text before the position ends so. */
static bool offer_members(const question *q, completion *c) {
    ASSERT(q->byte <= q->document->texts->files[0].bytes);
    const symbols *y = c->names;
    const char *text = q->document->texts->files[0].text;
    u32 dot = word_begin(text, q->byte);
    if (dot == 0 || text[dot - 1] != '.') return false;
    u32 end = dot - 1, begin = word_begin(text, end);
    for (u32 k = 1; k < y->definition_count; k++) {
        const definition *d = &y->definitions[k];
        const char *name = ast_text(y->tree, d->name);
        bool owner = d->target != 0 && d->place.file == 0 && strlen(name) == end - begin &&
                     (d->kind == DEFINITION_USE || d->kind == DEFINITION_MODULE);
        if (!owner || memcmp(name, text + begin, end - begin) != 0) continue;
        for (u32 m = 1; m < y->definition_count; m++)
            if (y->definitions[m].scope == d->target && y->definitions[m].name != 0)
                offer_definition(c, &y->definitions[m]);
        break;
    }
    return true;
}

static json_t *complete(const question *q) {
    ASSERT(q->document->texts->count >= 1);
    completion c = {&q->document->names, json_array(), json_object()};
    if (!offer_members(q, &c)) {
        symbols_visible(c.names, 0, q->byte, offer_definition, &c);
        for (u32 k = 0; builtin_name(k) != NULL; k++) offer(&c, builtin_name(k), "function", 3);
        for (u32 t = 0; t < TYPE_COUNT; t++) offer(&c, type_text((u8)t), "type", 25);
        for (u32 k = 0; k < ARRAY_COUNT(keywords); k++) offer(&c, keywords[k], "word", 14);
    }
    json_decref(c.seen);
    return json_pack("{s:b, s:o}", "isIncomplete", 0, "items", c.list);
}

static const struct {
    const char *method;
    json_t *(*answer)(const question *q);
} answers[] = {{"textDocument/hover", hover},
               {"textDocument/definition", define},
               {"textDocument/references", references},
               {"textDocument/rename", rename_all},
               {"textDocument/prepareRename", rename_prepare},
               {"textDocument/formatting", format_all},
               {"textDocument/codeAction", actions},
               {"textDocument/documentSymbol", outline},
               {"textDocument/completion", complete}};

json_t *lsp_answer(lsp_server *s, const char *method, const json_t *params, const char **error) {
    ASSERT(s->ready);
    for (u32 k = 0; k < ARRAY_COUNT(answers); k++) {
        if (strcmp(answers[k].method, method) != 0) continue;
        json_t *document = json_object_get(params, "textDocument");
        const char *uri = json_string_value(json_object_get(document, "uri"));
        question q = {s, lsp_find(s, uri), params, 0, error};
        if (q.document == NULL) {
            *error = "the document is not open";
            return NULL;
        }
        const json_t *position = json_object_get(params, "position");
        if (position != NULL) q.byte = lsp_byte(q.document, position);
        return answers[k].answer(&q);
    }
    *error = "unknown method";
    return NULL;
}
