/* SPDX-License-Identifier: Apache-2.0
 * tool_lsp_document: open documents, their analysis, positions and places. */
#include <stdlib.h>

#include "tool_lsp.h"

lsp_document *lsp_find(lsp_server *s, const char *uri) {
    ASSERT(s->document_count <= s->document_capacity);
    for (size_t k = 0; uri != NULL && k < s->document_count; k++)
        if (strcmp(s->documents[k].uri, uri) == 0) return &s->documents[k];
    return NULL;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "file:///a%20b" as a path; other schemes stand as they are. */
static char *path_of(const char *uri) {
    const char *from = strncmp(uri, "file://", 7) == 0 ? uri + 7 : uri;
    char *to = malloc(strlen(from) + 1), *at = to;
    ASSERT(uri != NULL);
    for (; to != NULL && *from != 0; from++) {
        bool coded = *from == '%' && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0;
        *at++ = coded ? (char)(hex_value(from[1]) * 16 + hex_value(from[2])) : *from;
        if (coded) from += 2;
    }
    if (to != NULL) *at = 0;
    return to;
}

char *lsp_uri_of(const char *path) {
    static const char plain[] = "-._~/";
    char *full = realpath(path, NULL);
    const char *from = full != NULL ? full : path;
    char *to = malloc(strlen(from) * 3 + 8), *at = to;
    ASSERT(path != NULL);
    if (to != NULL) at += sprintf(at, "file://");
    for (; to != NULL && *from != 0; from++) {
        unsigned char c = (unsigned char)*from;
        bool kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    strchr(plain, (char)c) != NULL;
        at += kept ? sprintf(at, "%c", c) : sprintf(at, "%%%02X", c);
    }
    free(full);
    return to;
}

/* ---- positions: LSP counts lines from 0 and UTF-16 units ---- */
static u32 utf8_bytes(unsigned char c) { return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4; }

static u32 units_before(const source_file *f, u32 begin, u32 end) {
    ASSERT(f->text != NULL);
    u32 units = 0;
    ASSERT(begin <= end && end <= f->bytes);
    for (u32 at = begin; at < end;) {
        u32 bytes = utf8_bytes((unsigned char)f->text[at]);
        units += bytes == 4 ? 2 : 1, at += bytes;
    }
    return units;
}

static json_t *position_of(const sources *texts, u32 file, u32 byte) {
    ASSERT(file < texts->count);
    const source_file *f = &texts->files[file];
    if (byte > f->bytes) byte = f->bytes;
    source_place p = sources_place(texts, (span){file, byte, byte});
    ASSERT(p.line >= 1 && p.begin <= byte);
    return json_pack("{s:i, s:i}", "line", (int)p.line - 1, "character",
                     (int)units_before(f, p.begin, byte));
}

json_t *lsp_range(const sources *texts, span at) {
    ASSERT(at.file < texts->count);
    return json_pack("{s:o, s:o}", "start", position_of(texts, at.file, at.begin), "end",
                     position_of(texts, at.file, at.end));
}

u32 lsp_byte(const lsp_document *d, const json_t *position) {
    const source_file *f = &d->texts->files[0];
    json_int_t line = 0, character = 0;
    json_unpack((json_t *)(uintptr_t)position, "{s:I, s:I}", "line", &line, "character",
                &character);
    ASSERT(f->line_count >= 1);
    if (line < 0) line = 0;
    if (line >= f->line_count) return f->bytes;
    u32 at = f->line_at[line], end = line + 1 < f->line_count ? f->line_at[line + 1] - 1 : f->bytes;
    for (json_int_t units = 0; at < end && units < character;) {
        u32 bytes = utf8_bytes((unsigned char)f->text[at]);
        units += bytes == 4 ? 2 : 1, at += bytes;
    }
    return at < end ? at : end;
}

json_t *lsp_location(const lsp_document *d, span at) {
    ASSERT(at.file < d->texts->count);
    char *other = at.file == 0 ? NULL : lsp_uri_of(d->texts->files[at.file].name);
    json_t *l = json_pack("{s:s, s:o}", "uri", at.file == 0 || other == NULL ? d->uri : other,
                          "range", lsp_range(d->texts, at));
    free(other);
    return l;
}

/* ---- analysis ---- */
typedef struct {
    const ast *tree;
    const sources *texts;
} import_search;

/* The file whose name ends with the import's path: imports are read from known folders only. */
static u32 import_file(void *context, const ast_item *item) {
    ASSERT(item->kind == ITEM_IMPORT);
    const import_search *s = context;
    const char *wanted = ast_text(s->tree, item->text);
    size_t bytes = strlen(wanted);
    for (u32 k = 1; k < s->texts->count; k++) {
        const char *name = s->texts->files[k].name;
        size_t length = strlen(name);
        if (length < bytes || strcmp(name + length - bytes, wanted) != 0) continue;
        if (length == bytes || name[length - bytes - 1] == '/') return k;
    }
    return UINT32_MAX;
}

static mmsbc_options options_of(const lsp_server *s, const lsp_document *d) {
    ASSERT(d->path != NULL && d->text != NULL);
    return (mmsbc_options){.name = d->path,
                           .text = d->text,
                           .bytes = d->bytes,
                           .folders = s->folders,
                           .folder_count = s->folder_count};
}

static bool analyse(const lsp_server *s, lsp_document *d) {
    ASSERT(d->text != NULL);
    mmsbc_options o = options_of(s, d);
    u32 file;
    mmsbc_free(d->result);
    mmsbc_free(d->read);
    d->read = result_open(&o);
    mmsbc_compile(&o, &d->result);
    if (d->read == NULL || d->result == NULL) return false;
    mmsbc_result *from = d->result;
    if (from->tree == NULL) { /* reading found errors: the other items stand */
        from = d->read;
        from->tree = ast_open(from->memory);
        if (from->tree == NULL || sources_add(&from->sources, o.name, o.text, o.bytes, &file) ||
            parse_file(&from->sources, file, from->tree, &from->diags) == MMSB_OUT_OF_SPACE)
            return false;
    }
    import_search search = {from->tree, &from->sources};
    d->texts = &from->sources;
    return symbols_build(&d->names, from->tree, &from->sources, from->memory, import_file, &search);
}

static void document_free(lsp_document *d) {
    ASSERT(d != NULL);
    mmsbc_free(d->result);
    mmsbc_free(d->read);
    free(d->uri);
    free(d->path);
    free(d->text);
}

bool lsp_put(lsp_server *s, const char *uri, i64 version, const char *text) {
    ASSERT(uri != NULL && text != NULL);
    lsp_document *d = lsp_find(s, uri);
    if (d == NULL) {
        if (s->document_count == s->document_capacity) {
            size_t room = s->document_capacity * 2 + 8;
            lsp_document *more = realloc(s->documents, room * sizeof *more);
            if (more == NULL) return false;
            s->documents = more, s->document_capacity = room;
        }
        d = &s->documents[s->document_count++];
        *d = (lsp_document){.uri = strdup(uri), .path = path_of(uri)};
    }
    free(d->text);
    d->text = strdup(text), d->version = version;
    d->bytes = d->text == NULL ? 0 : strlen(d->text);
    bool ok = d->uri != NULL && d->path != NULL && d->text != NULL && analyse(s, d);
    if (!ok) {
        document_free(d);
        *d = s->documents[--s->document_count];
    }
    return ok;
}

void lsp_drop(lsp_server *s, const char *uri) {
    lsp_document *d = lsp_find(s, uri);
    if (d == NULL) return;
    ASSERT(s->document_count > 0);
    document_free(d);
    *d = s->documents[--s->document_count];
}

/* ---- diagnostics ---- */
/* Errors of an imported file are shown where it is imported. */
static span import_place(const lsp_document *d, u32 file) {
    ASSERT(file != 0);
    import_search search = {d->names.tree, d->texts};
    for (u32 k = 0; k < d->names.tree->top_count; k++) {
        const ast_item *i = &d->names.tree->items[d->names.tree->top[k]];
        if (i->kind == ITEM_IMPORT && i->whole.file == 0 && import_file(&search, i) == file)
            return i->text_span;
    }
    return (span){0, 0, 0};
}

static json_t *diagnostic_of(const lsp_document *d, const sources *texts, const diag_row *row) {
    ASSERT(row->place.file < texts->count);
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    if (to == NULL) return NULL;
    if (row->place.file != 0)
        fprintf(to, "%s:%u: ", texts->files[row->place.file].name,
                sources_place(texts, row->place).line);
    fprintf(to, "%s%s%s", row->text, row->help != NULL ? "\n" : "",
            row->help != NULL ? row->help : "");
    if (fclose(to) != 0) return NULL;
    span at = row->place.file == 0 ? row->place : import_place(d, row->place.file);
    json_t *j = json_pack("{s:o, s:i, s:s, s:s, s:s}", "range", lsp_range(texts, at), "severity",
                          row->severity == DIAG_ERROR     ? 1
                          : row->severity == DIAG_WARNING ? 2
                                                          : 3,
                          "code", diag_code_text(row->code), "source", "mmsbc", "message", text);
    free(text);
    if (row->second_text != NULL && row->second.end != 0)
        json_object_set_new(j, "relatedInformation",
                            json_pack("[{s:o, s:s}]", "location", lsp_location(d, row->second),
                                      "message", row->second_text));
    return j;
}

json_t *lsp_diagnostics(const lsp_document *d) {
    ASSERT(d->result != NULL);
    json_t *list = json_array();
    const diags *from = &d->result->diags;
    for (u32 k = 0; k < from->count; k++)
        json_array_append_new(list, diagnostic_of(d, &d->result->sources, &from->rows[k]));
    return list;
}
