/* SPDX-License-Identifier: Apache-2.0
 * mmsbg.re: the lexer. Reads within [text, end) only: re2c's end-of-input rule, no sentinel is
 * trusted. */
#include "lex.h"
#include "mmsbg.h"

#include "../engine/core/number.h"

#define NAME_BYTES_MAX 4096

static span place_of(const lexer *l, const char *from, const char *to) {
    return (span){l->file, (u32)(from - l->text), (u32)(to - l->text)};
}

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c - 'A' + 10;
}

/* The bytes that one C escape stands for; sets *used to the characters read after the backslash. */
static int escape_value(const char *at, const char *end, size_t *used) {
    static const char plain[] = "n\nt\tr\r\\\\\"\"'\'a\ab\bf\fv\v??";
    *used = 1;
    if (at == end) return -1;
    for (size_t k = 0; k + 1 < sizeof plain; k += 2)
        if (*at == plain[k]) return (u8)plain[k + 1];
    int octal = 0;
    for (size_t k = 0; k < 3 && at + k < end && at[k] >= '0' && at[k] <= '7'; k++)
        octal = octal * 8 + at[k] - '0', *used = k + 1;
    if (*at >= '0' && *at <= '7') return octal > 255 ? -1 : octal;
    if (*at != 'x' || end - at < 3) return -1;
    for (int k = 1; k <= 2; k++) {
        char c = at[k];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f') && (c < 'A' || c > 'F')) return -1;
    }
    *used = 3;
    return hex_value(at[1]) * 16 + hex_value(at[2]);
}

/* A string's text without quotes and with its escapes put in. */
static u32 string_text(lexer *l, const char *from, const char *to) {
    char *text = arena_take(l->tree->memory, (u64)(to - from) + 1, 1);
    u32 used = 0;
    if (text == NULL) {
        l->tree->out_of_memory = true;
        return 0;
    }
    for (const char *at = from; at < to; at++) {
        if (*at != '\\') {
            text[used++] = *at;
            continue;
        }
        size_t read;
        int value = escape_value(at + 1, to, &read);
        if (value <= 0) {
            span place = place_of(l, at, at + 2 < to ? at + 2 : to);
            diag_row *d = diag_add(l->diags, DIAG_BAD_ESCAPE, place,
                                   at + 1 < to && (u8)at[1] < 0x80 ? "`\\%c` is not an escape"
                                                                    : "this is not an escape",
                                   at + 1 < to ? at[1] : ' ');
            diag_help(l->diags, d, "use \\n \\t \\r \\\\ \\\" \\ooo or \\xHH (not \\0)");
            value = '?';
        }
        text[used++] = (char)value;
        at += read;
    }
    return ast_string(l->tree, text, used);
}

static int take_float(lexer *l, token *t, const char *from, const char *digits_end,
                      const char *to) {
    u64 bits = 0;
    if (digits_end < to) t->type = type_find(digits_end, (size_t)(to - digits_end));
    number_result r = number_parse(TYPE_F64, from, (size_t)(digits_end - from), &bits);
    bool suffix_wrong = digits_end < to && (t->type == TYPE_NONE || !type_is_float(t->type));
    if (r == NUMBER_NOT_ONE || suffix_wrong) {
        diag_row *d = diag_add(l->diags, DIAG_BAD_NUMBER, t->place, "`%.*s` is not a float",
                               (int)(to - from > 60 ? 60 : to - from), from);
        diag_help(l->diags, d, "floats look like 1.5, 2e-3, 0x1.8p3 or 1.0f32");
    } else if (r == NUMBER_OUT_OF_RANGE) {
        diag_row *d = diag_add(l->diags, DIAG_BAD_NUMBER, t->place,
                               "the float `%.*s` is too large for f64",
                               (int)(to - from > 60 ? 60 : to - from), from);
        diag_help(l->diags, d, "write `inf` for infinity");
    }
    memcpy(&t->number, &bits, 8);
    return T_FLOAT;
}

static int take_integer(lexer *l, token *t, const char *from, const char *digits_end,
                        const char *to) {
    if (digits_end < to) t->type = type_find(digits_end, (size_t)(to - digits_end));
    bool decimal = from[0] != '0' || digits_end - from < 2 || from[1] < 'A';
    if (t->type != TYPE_NONE && type_is_float(t->type) && decimal)
        return take_float(l, t, from, digits_end, to);
    number_result r = number_parse(TYPE_U64, from, (size_t)(digits_end - from), &t->integer);
    if (r == NUMBER_NOT_ONE || (digits_end < to && t->type == TYPE_NONE)) {
        diag_row *d = diag_add(l->diags, DIAG_BAD_NUMBER, t->place, "`%.*s` is not a number",
                               (int)(to - from > 60 ? 60 : to - from), from);
        diag_help(l->diags, d,
                  "write 1_000, 0xff, 0b101 or 1.5e-3, with a type suffix such as 3u8 if wanted");
    } else if (r == NUMBER_OUT_OF_RANGE) {
        diag_row *d = diag_add(l->diags, DIAG_BAD_NUMBER, t->place,
                               "the integer `%.*s` does not fit in 64 bits",
                               (int)(to - from > 60 ? 60 : to - from), from);
        diag_help(l->diags, d, "the largest integer is 18446744073709551615 (u64)");
    }
    if (t->type != TYPE_NONE && type_is_float(t->type)) {
        t->number = (f64)t->integer;
        return T_FLOAT;
    }
    return T_INTEGER;
}

/* Tells what a comment, a string or a name is not, where `from` .. `to` stands. */
static void told(lexer *l, diag_code code, const char *from, const char *to, const char *text,
                 const char *help) {
    diag_row *d = diag_add(l->diags, code, place_of(l, from, to), "%s", text);
    diag_help(l->diags, d, "%s", help);
}

/* Where the digits of a decimal number end and its suffix begins. */
static const char *digits_end_of(const char *from, const char *to) {
    for (const char *at = from; at < to; at++) {
        bool exponent = (*at == 'e' || *at == 'E') && at + 1 < to;
        if (*at == 'i' || *at == 'u' || *at == 'f') return at;
        if (exponent && (at[1] == '+' || at[1] == '-')) at++;
    }
    return to;
}

/* A byte that starts no token: told once for a run of such bytes. */
static void bad_bytes(lexer *l, const char *from) {
    u8 c = (u8)*from;
    span at = place_of(l, from, l->cursor);
    diag_row *d;
    if (c == 0)
        d = diag_add(l->diags, DIAG_BAD_CHARACTER, at, "a NUL byte stands in the text");
    else if (c >= 0x80)
        d = diag_add(l->diags, DIAG_BAD_CHARACTER, at,
                     "bytes outside ASCII may stand only in comments and strings, as UTF-8");
    else if (c < 0x20 || c == 0x7f)
        d = diag_add(l->diags, DIAG_BAD_CHARACTER, at,
                     "the control character 0x%02x stands in the text", c);
    else
        d = diag_add(l->diags, DIAG_BAD_CHARACTER, at, "`%c` means nothing here", c);
    diag_help(l->diags, d,
              "remove it; a graph file is UTF-8 text, names are letters, digits and _");
}

int lex_next(lexer *l, token *t) {
    const char *YYCURSOR = l->cursor, *YYLIMIT = l->end, *YYMARKER = YYCURSOR, *from;
    if (l->stopped) return 0;
again:
    from = YYCURSOR;
    t->type = TYPE_NONE;
    t->string = 0;
#define TOKEN(code)                              \
    do {                                         \
        l->cursor = YYCURSOR;                    \
        t->place = place_of(l, from, YYCURSOR);  \
        return T_##code;                             \
    } while (0)
#define PLACE() (l->cursor = YYCURSOR, t->place = place_of(l, from, YYCURSOR))
    /*!re2c
        re2c:define:YYCTYPE = "unsigned char";
        re2c:yyfill:enable = 0;
        re2c:eof = 0;
        re2c:flags:input = default;

        digit   = [0-9];
        decimal = digit [0-9_]*;
        exp     = [eE] [+-]? decimal;
        suffix  = [iuf] [0-9]+;
        name    = [a-zA-Z_] [a-zA-Z0-9_]*;
        utf8_tail = [\x80-\xbf];
        utf8 = [\xc2-\xdf] utf8_tail | [\xe0] [\xa0-\xbf] utf8_tail
             | [\xe1-\xec\xee\xef] utf8_tail utf8_tail
             | [\xed] [\x80-\x9f] utf8_tail | [\xf0] [\x90-\xbf] utf8_tail utf8_tail
             | [\xf1-\xf3] utf8_tail utf8_tail utf8_tail | [\xf4] [\x80-\x8f] utf8_tail utf8_tail;
        shown = [\x09\x20-\x7e] | utf8;

        $ { l->cursor = YYCURSOR; t->place = place_of(l, from, from); return 0; }
        [ \t\r\n]+ { goto again; }
        "\xef\xbb\xbf" { if (from == l->text) goto again; PLACE(); bad_bytes(l, from); goto again; }
        "//" { goto line_comment; }
        "/*" { goto block_comment; }

        "graph" { TOKEN(GRAPH); }   "import" { TOKEN(IMPORT); } "param" { TOKEN(PARAM); }
        "const" { TOKEN(CONST); }   "source" { TOKEN(SOURCE); } "page" { TOKEN(PAGE); }
        "fn" { TOKEN(FN); }         "node" { TOKEN(NODE); }     "use" { TOKEN(USE); }
        "kernel" { TOKEN(KERNEL); } "assert" { TOKEN(ASSERTION); } "event" { TOKEN(EVENT); }
        "export" { TOKEN(EXPORT); } "let" { TOKEN(LET); }       "in" { TOKEN(IN); }
        "if" { TOKEN(IF); }         "then" { TOKEN(THEN); }     "else" { TOKEN(ELSE); }
        "init" { TOKEN(INIT); }     "for" { TOKEN(FOR); }       "by" { TOKEN(BY); }
        "true" { t->integer = 1; TOKEN(BOOLEAN); }
        "false" { t->integer = 0; TOKEN(BOOLEAN); }
        "epoch" { TOKEN(EPOCH); }   "inf" { TOKEN(INFINITE); }  "nan" { TOKEN(NOT_A_NUMBER); }
        "pi" { TOKEN(PI); }
        "as" { t->string = ast_string(l->tree, from, 2); TOKEN(AS); }
        "from" { t->string = ast_string(l->tree, from, 4); TOKEN(FROM); }
        "symbol" { t->string = ast_string(l->tree, from, 6); TOKEN(SYMBOL); }
        "with" { t->string = ast_string(l->tree, from, 4); TOKEN(WITH); }
        "edge" { t->string = ast_string(l->tree, from, 4); TOKEN(EDGE); }
        "clamp" { t->string = ast_string(l->tree, from, 5); TOKEN(CLAMP); }
        "wrap" { t->string = ast_string(l->tree, from, 4); TOKEN(WRAP); }
        "mirror" { t->string = ast_string(l->tree, from, 6); TOKEN(MIRROR); }
        "fill" { t->string = ast_string(l->tree, from, 4); TOKEN(FILL); }
        "bool" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "f32" | "f64" {
            t->type = type_find(from, (size_t)(YYCURSOR - from));
            t->string = ast_string(l->tree, from, (u32)(YYCURSOR - from));
            TOKEN(TYPE);
        }
        name {
            PLACE();
            if (YYCURSOR - from > NAME_BYTES_MAX) {
                diag_row *d = diag_add(l->diags, DIAG_BAD_NAME, t->place,
                                       "a name of %u bytes is too long",
                                       (u32)(YYCURSOR - from));
                diag_help(l->diags, d, "names have at most 4096 bytes");
                t->string = ast_string(l->tree, from, NAME_BYTES_MAX);
            } else {
                t->string = ast_string(l->tree, from, (u32)(YYCURSOR - from));
            }
            return T_NAME;
        }
        "0" [xX] [0-9a-fA-F_]* ("." [0-9a-fA-F_]*)? [pP] [+-]? digit+ ("f32" | "f64")? {
            PLACE();
            const char *last = YYCURSOR[-1] == '2' || YYCURSOR[-1] == '4' ? YYCURSOR - 3 : YYCURSOR;
            if (last < YYCURSOR && (last <= from || *last != 'f')) last = YYCURSOR;
            return take_float(l, t, from, last, YYCURSOR);
        }
        "0" [xX] [0-9a-zA-Z_]* { PLACE(); return take_integer(l, t, from, YYCURSOR, YYCURSOR); }
        "0" [bB] [01_]+ suffix? {
            PLACE();
            return take_integer(l, t, from, digits_end_of(from, YYCURSOR), YYCURSOR);
        }
        decimal suffix? {
            PLACE();
            return take_integer(l, t, from, digits_end_of(from, YYCURSOR), YYCURSOR);
        }
        decimal ("." decimal exp? | exp) suffix? {
            PLACE();
            return take_float(l, t, from, digits_end_of(from, YYCURSOR), YYCURSOR);
        }
        decimal "." | "." decimal {
            PLACE();
            diag_row *d = diag_add(l->diags, DIAG_BAD_NUMBER, t->place,
                                   "a float has digits on both sides of its point");
            int shown_bytes = (int)(YYCURSOR - from > 60 ? 60 : YYCURSOR - from);
            diag_help(l->diags, d, "write `%s%.*s%s`", *from == '.' ? "0" : "", shown_bytes, from,
                      *from == '.' ? "" : "0");
            return T_FLOAT;
        }
        digit [0-9a-zA-Z_]* {
            PLACE();
            diag_row *d = diag_add(l->diags, DIAG_BAD_NUMBER, t->place, "`%.*s` is not a number",
                                   (int)(YYCURSOR - from > 60 ? 60 : YYCURSOR - from), from);
            diag_help(l->diags, d, "a type suffix is one of i8 i16 i32 i64 u8 u16 u32 u64 f32 f64");
            t->integer = 0;
            return T_INTEGER;
        }
        ["] { goto string; }
        "||" { TOKEN(OROR); } "&&" { TOKEN(ANDAND); } "==" { TOKEN(EQ); } "!=" { TOKEN(NE); }
        "<=" { TOKEN(LE); } ">=" { TOKEN(GE); } "<<" { TOKEN(SHL); } ">>" { TOKEN(SHR); }
        "**" { TOKEN(POW); } "->" { TOKEN(ARROW); }
        "<" { TOKEN(LT); } ">" { TOKEN(GT); } "|" { TOKEN(OR); }
        "^" { TOKEN(XOR); } "&" { TOKEN(AND); }
        "+" { TOKEN(PLUS); } "-" { TOKEN(MINUS); } "*" { TOKEN(STAR); } "/" { TOKEN(SLASH); }
        "%" { TOKEN(PERCENT); } "!" { TOKEN(BANG); } "~" { TOKEN(TILDE); } "=" { TOKEN(ASSIGN); }
        "(" { TOKEN(LP); } ")" { TOKEN(RP); } "[" { TOKEN(LB); } "]" { TOKEN(RB); }
        "{" { TOKEN(LC); } "}" { TOKEN(RC); } "," { TOKEN(COMMA); } ":" { TOKEN(COLON); }
        "." { TOKEN(DOT); }
        ";" {
            PLACE();
            diag_row *d = diag_add(l->diags, DIAG_BAD_CHARACTER, t->place, "`;` is not needed");
            diag_help(l->diags, d, "remove it: every item starts with a keyword");
            diag_fix(l->diags, d, t->place, "");
            goto again;
        }
        utf8+ | [\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+ | [\x80-\xff] {
            PLACE();
            bad_bytes(l, from);
            goto again;
        }
        * { PLACE(); bad_bytes(l, from); goto again; }
    */
line_comment:
    /*!re2c
        $ { goto again; }
        "\n" { goto again; }
        (shown | "\r")+ { goto line_comment; }
        * {
            const char *bad = YYCURSOR - 1;
            l->cursor = YYCURSOR;
            told(l, DIAG_BAD_UTF8, bad, YYCURSOR, "a comment holds bytes that are not UTF-8 text",
                 "save the file as UTF-8");
            while (YYCURSOR < YYLIMIT && *YYCURSOR != '\n') YYCURSOR++;
            goto again;
        }
    */
block_comment:
    /*!re2c
        "*" "/" { goto again; }
        $ {
            told(l, DIAG_UNCLOSED_COMMENT, from, from + 2, "this comment is never closed",
                 "close it with */");
            l->stopped = true;
            l->cursor = YYCURSOR;
            t->place = place_of(l, YYLIMIT, YYLIMIT);
            return 0;
        }
        shown | [\r\n] { goto block_comment; }
        * {
            told(l, DIAG_BAD_UTF8, YYCURSOR - 1, YYCURSOR,
                 "a comment holds bytes that are not UTF-8 text", "save the file as UTF-8");
            goto block_comment;
        }
    */
string:
    /*!re2c
        ["] {
            PLACE();
            t->string = string_text(l, from + 1, YYCURSOR - 1);
            return T_STRING;
        }
        [\\] ([\x01-\x09\x0b-\x7f] | utf8) { goto string; }
        $ { goto unclosed; }
        [\n] { YYCURSOR--; goto unclosed; }
        [^\x00-\x1f"\\\x7f-\xff] | [\t\r] | utf8 { goto string; }
        * {
            told(l, DIAG_BAD_UTF8, YYCURSOR - 1, YYCURSOR,
                 "a string holds bytes that are not UTF-8 text",
                 "write the byte as \\xHH, or save the file as UTF-8");
            goto string;
        }
    */
unclosed:
    PLACE();
    told(l, DIAG_UNCLOSED_STRING, from, YYCURSOR, "this string is not closed on its line",
         "close it with \" (a newline is written \\n)");
    t->string = 0;
    return T_STRING;
}

bool lex_starts_item(int code) {
    switch (code) {
    case T_GRAPH: case T_IMPORT: case T_PARAM: case T_CONST: case T_SOURCE: case T_PAGE:
    case T_FN: case T_NODE: case T_USE:
    case T_KERNEL: case T_ASSERTION: case T_EVENT: case T_EXPORT: return true;
    default: return false;
    }
}

const char *lex_token_text(int code) {
    switch (code) {
    case 0: return "end of the file";
    case T_NAME: case T_AS: case T_FROM: case T_SYMBOL: case T_WITH: case T_EDGE:
    case T_CLAMP: case T_WRAP: case T_MIRROR: case T_FILL:
        return "name";
    case T_INTEGER: case T_FLOAT: return "number";
    case T_STRING: return "string";
    case T_TYPE: return "type";
    default: return NULL;
    }
}
