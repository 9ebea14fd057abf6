/* SPDX-License-Identifier: Apache-2.0
 * tool_lsp: messages in and out, and the life of the server. */
#include "tool_lsp.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define MESSAGE_BYTES_MAX (256u << 20)
enum { ERROR_PARSE = -32700, ERROR_REQUEST = -32600, ERROR_METHOD = -32601, ERROR_STATE = -32002 };

static void send_message(lsp_server *s, json_t *sent) {
    char *text = sent == NULL ? NULL : json_dumps(sent, JSON_COMPACT);
    ASSERT(s->out != NULL);
    if (text != NULL) {
        fprintf(s->out, "Content-Length: %zu\r\n\r\n%s", strlen(text), text);
        fflush(s->out);
    }
    free(text);
    json_decref(sent);
}

static void send_error(lsp_server *s, const json_t *id, int code, const char *text) {
    ASSERT(code < 0);
    send_message(s, json_pack("{s:s, s:O?, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error",
                              "code", code, "message", text));
}

static void publish(lsp_server *s, const lsp_document *d) {
    ASSERT(d->uri != NULL);
    send_message(s, json_pack("{s:s, s:s, s:{s:s, s:I, s:o}}", "jsonrpc", "2.0", "method",
                              "textDocument/publishDiagnostics", "params", "uri", d->uri, "version",
                              (json_int_t)d->version, "diagnostics", lsp_diagnostics(d)));
}

static json_t *capabilities(void) {
    return json_pack(
        "{s:{s:s, s:{s:b, s:i, s:{s:b}}, s:b, s:b, s:b, s:{s:b}, s:b, s:b, s:{s:[s]}, s:{s:[s]}}, "
        "s:{s:s, s:s}}",
        "capabilities", "positionEncoding", "utf-16", "textDocumentSync", "openClose", 1, "change",
        1, "save", "includeText", 0, "hoverProvider", 1, "definitionProvider", 1,
        "referencesProvider", 1, "renameProvider", "prepareProvider", 1,
        "documentFormattingProvider", 1, "documentSymbolProvider", 1, "completionProvider",
        "triggerCharacters", ".", "codeActionProvider", "codeActionKinds", "quickfix", "serverInfo",
        "name", "mmsbc lsp", "version", MMSB_VERSION);
}

/* Changes of documents; publishes what they mean. */
static void notify(lsp_server *s, const char *method, const json_t *params) {
    ASSERT(s->ready);
    const char *uri = NULL, *text = NULL;
    json_int_t version = 0;
    json_t *document = json_object_get(params, "textDocument"), *changes;
    if (json_unpack(document, "{s:s}", "uri", &uri) != 0) return;
    json_unpack(document, "{s?I}", "version", &version);
    if (strcmp(method, "textDocument/didClose") == 0) {
        send_message(s, json_pack("{s:s, s:s, s:{s:s, s:[]}}", "jsonrpc", "2.0", "method",
                                  "textDocument/publishDiagnostics", "params", "uri", uri,
                                  "diagnostics"));
        lsp_drop(s, uri);
        return;
    }
    if (strcmp(method, "textDocument/didOpen") == 0) {
        json_unpack(document, "{s:s}", "text", &text);
    } else if (strcmp(method, "textDocument/didChange") == 0) {
        changes = json_object_get(params, "contentChanges");
        json_unpack(json_array_get(changes, json_array_size(changes) - 1), "{s:s}", "text", &text);
    }
    if (text != NULL && lsp_put(s, uri, version, text)) publish(s, lsp_find(s, uri));
}

static void request(lsp_server *s, const json_t *id, const char *method, const json_t *params) {
    ASSERT(id != NULL && method != NULL);
    const char *error = NULL;
    json_t *result;
    if (strcmp(method, "initialize") == 0) {
        s->ready = true;
        result = capabilities();
    } else if (!s->ready) {
        send_error(s, id, ERROR_STATE, "the server is not initialized");
        return;
    } else if (s->ended) {
        send_error(s, id, ERROR_REQUEST, "the server is shut down");
        return;
    } else if (strcmp(method, "shutdown") == 0) {
        s->ended = true;
        result = NULL;
    } else {
        result = lsp_answer(s, method, params, &error);
    }
    if (error != NULL) {
        bool unknown = strcmp(error, "unknown method") == 0;
        send_error(s, id, unknown ? ERROR_METHOD : ERROR_REQUEST, error);
        json_decref(result);
        return;
    }
    if (result == NULL) result = json_null();
    send_message(s, json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result));
}

/* One message: its bytes, malloc'ed; NULL at the end of input or where no length was given. */
static char *message_read(FILE *in, size_t *bytes) {
    ASSERT(in != NULL && bytes != NULL);
    char line[512];
    unsigned long long count = 0;
    bool any = false;
    while (fgets(line, sizeof line, in) != NULL) {
        if (line[0] == '\r' || line[0] == '\n') break;
        for (char *c = line; *c != 0 && *c != ':'; c++) *c = (char)tolower(*c);
        if (strncmp(line, "content-length:", 15) != 0) continue;
        count = strtoull(line + 15, NULL, 10), any = true;
    }
    char *text = any && count <= MESSAGE_BYTES_MAX ? malloc(count + 1) : NULL;
    if (text == NULL) return NULL;
    if (fread(text, 1, count, in) != count) {
        free(text);
        return NULL;
    }
    text[count] = 0;
    *bytes = count;
    return text;
}

/* False where the session ends: `exit`. */
static bool handle(lsp_server *s, const char *text, size_t bytes) {
    ASSERT(text != NULL);
    json_error_t why;
    json_t *got = json_loadb(text, bytes, 0, &why);
    const char *method = json_string_value(json_object_get(got, "method"));
    const json_t *id = json_object_get(got, "id"), *params = json_object_get(got, "params");
    bool going = method == NULL || strcmp(method, "exit") != 0;
    if (got == NULL)
        send_error(s, NULL, ERROR_PARSE, why.text);
    else if (method == NULL && id != NULL && json_object_get(got, "result") == NULL &&
             json_object_get(got, "error") == NULL)
        send_error(s, id, ERROR_REQUEST, "a request without a method");
    else if (method != NULL && id != NULL)
        request(s, id, method, params);
    else if (method != NULL && s->ready && going)
        notify(s, method, params);
    json_decref(got);
    return going;
}

int lsp_run(FILE *in, FILE *out, const char *const *folders, size_t folder_count) {
    lsp_server s = {.folders = folders, .folder_count = folder_count, .out = out};
    char *text;
    size_t bytes;
    bool going = true;
    ASSERT(in != NULL && out != NULL);
    while (going && (text = message_read(in, &bytes)) != NULL) {
        going = handle(&s, text, bytes);
        free(text);
    }
    while (s.document_count > 0) lsp_drop(&s, s.documents[0].uri);
    free(s.documents);
    return s.ended ? 0 : 1; /* LSP: 1 where `exit` comes without `shutdown` */
}
