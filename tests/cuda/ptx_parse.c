/* SPDX-License-Identifier: Apache-2.0
 * ptx_parse: text to instructions. Statements end with a semicolon; blocks nest, and names that are
 * declared in one go with it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

enum { SYMBOLS = 256, REGISTERS = 65536, LABELS = 4096 };
typedef struct {
    char name[PTX_NAME];
    uint8_t space;
    uint32_t at, bytes, depth;
} symbol;
typedef struct {
    char name[40];
    uint32_t at; /* of a label: instruction */
} place;
typedef struct {
    ptx_module *m;
    ptx_function *f;
    const char *at;
    symbol symbols[SYMBOLS];
    uint32_t symbol_count, depth;
    place *registers, *labels;
    uint32_t register_count, label_count;
    place *jumps; /* labels that are jumped to, by instruction */
    uint32_t jump_count;
    uint32_t table[2 * REGISTERS]; /* registers by hash of their name; 0: none */
} reader;

static bool fail(reader *r, const char *what, const char *where) {
    if (r->m->error[0] == 0) snprintf(r->m->error, sizeof r->m->error, "%s: %.100s", what, where);
    return false;
}

static uint32_t hash_of(const char *name) {
    uint32_t h = 2166136261u;
    for (; *name != 0; name++) h = (h ^ (uint8_t)*name) * 16777619u;
    return h % (2 * REGISTERS);
}

static uint32_t *register_cell(reader *r, const char *name) {
    uint32_t h = hash_of(name);
    while (r->table[h] != 0 && strcmp(r->registers[r->table[h] - 1].name, name) != 0)
        h = (h + 1) % (2 * REGISTERS);
    return &r->table[h];
}

static bool register_add(reader *r, const char *name) {
    if (r->register_count == REGISTERS) return fail(r, "too many registers", name);
    uint32_t *cell = register_cell(r, name);
    if (*cell != 0) return fail(r, "a register is declared twice", name);
    snprintf(r->registers[r->register_count].name, sizeof r->registers[0].name, "%s", name);
    *cell = ++r->register_count;
    return true;
}

static bool register_find(reader *r, const char *name, uint32_t *out) {
    uint32_t cell = *register_cell(r, name);
    if (cell == 0) return fail(r, "no such register", name);
    *out = cell - 1;
    return true;
}

static const symbol *symbol_find(const reader *r, const char *name) {
    for (uint32_t k = r->symbol_count; k > 0; k--)
        if (strcmp(r->symbols[k - 1].name, name) == 0) return &r->symbols[k - 1];
    return NULL;
}

static ptx_type type_of(const char *word) {
    static const char *const names[] = {"",   "pred", "u8",  "u16", "u32", "u64",
                                        "s8", "s16",  "s32", "s64", "f32", "f64"};
    for (uint32_t k = 1; k < sizeof names / sizeof *names; k++)
        if (strcmp(word, names[k]) == 0) return (ptx_type)k;
    if (strcmp(word, "b8") == 0) return T_U8;
    if (strcmp(word, "b16") == 0) return T_U16;
    if (strcmp(word, "b32") == 0) return T_U32;
    return strcmp(word, "b64") == 0 ? T_U64 : T_NONE;
}

static uint32_t bytes_of(ptx_type t) {
    static const uint8_t bytes[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8};
    return bytes[t];
}

/* The next word: letters, digits, and what stands in names. */
static const char *word(const char *s, char *to, size_t room) {
    size_t n = 0;
    while (isspace((unsigned char)*s)) s++;
    while (*s != 0 && (isalnum((unsigned char)*s) || strchr("_$%.", *s) != NULL)) {
        if (n + 1 < room) to[n++] = *s;
        s++;
    }
    to[n] = 0;
    while (isspace((unsigned char)*s)) s++;
    return s;
}

static const char *skip(const char *s) {
    while (isspace((unsigned char)*s)) s++;
    return s;
}

static bool symbol_add(reader *r, const char *name, ptx_space space, uint32_t bytes,
                       uint32_t *end) {
    if (r->symbol_count == SYMBOLS) return fail(r, "too many names", name);
    symbol *s = &r->symbols[r->symbol_count++];
    *end = (*end + 7) & ~7u;
    snprintf(s->name, sizeof s->name, "%s", name);
    s->space = (uint8_t)space, s->at = *end, s->bytes = bytes, s->depth = r->depth;
    *end += bytes;
    return true;
}

/* .reg, .param, .shared, .local inside a function. */
static bool declaration(reader *r, const char *s) {
    char kind[16], t[PTX_NAME], name[PTX_NAME];
    s = word(s, kind, sizeof kind);
    s = word(s, t, sizeof t);
    if (strcmp(t, ".align") == 0) s = word(word(s, t, sizeof t), t, sizeof t);
    ptx_type type = type_of(t + 1);
    if (type == T_NONE) return fail(r, "a type", s);
    while (*s != 0) {
        s = word(s, name, sizeof name);
        uint32_t count = 1;
        bool many = *s == '<';
        if (*s == '<' || *s == '[') {
            char *end;
            count = (uint32_t)strtoul(s + 1, &end, 0);
            s = skip(end + 1);
        }
        uint32_t bytes = bytes_of(type) * count;
        if (strcmp(kind, ".reg") == 0) {
            char one[PTX_NAME + 16];
            for (uint32_t k = 0; k < count; k++) {
                snprintf(one, sizeof one, many ? "%s%u" : "%s", name, k);
                if (!register_add(r, one)) return false;
            }
        } else if (strcmp(kind, ".param") == 0) {
            if (!symbol_add(r, name, SPACE_PARAM, bytes, &r->f->parameters)) return false;
        } else if (strcmp(kind, ".shared") == 0) {
            if (!symbol_add(r, name, SPACE_SHARED, bytes, &r->f->shared)) return false;
        } else if (strcmp(kind, ".local") == 0) {
            if (!symbol_add(r, name, SPACE_LOCAL, bytes, &r->f->local)) return false;
        } else if (strcmp(kind, ".pragma") != 0) {
            return fail(r, "a declaration", kind);
        }
        if (*s == ',') s = skip(s + 1);
    }
    return true;
}

static bool modifier(ptx_instruction *x, const char *w) {
    static const struct {
        const char *name;
        uint8_t what, value;
    } rows[] = {{"param", 0, SPACE_PARAM},
                {"global", 0, SPACE_GLOBAL},
                {"shared", 0, SPACE_SHARED},
                {"local", 0, SPACE_LOCAL},
                {"lo", 1, MODE_LO},
                {"hi", 1, MODE_HI},
                {"wide", 1, MODE_WIDE},
                {"rn", 2, ROUND_N},
                {"rni", 2, ROUND_NI},
                {"rzi", 2, ROUND_ZI},
                {"rmi", 2, ROUND_MI},
                {"rpi", 2, ROUND_PI},
                {"eq", 3, CMP_EQ},
                {"ne", 3, CMP_NE},
                {"lt", 3, CMP_LT},
                {"le", 3, CMP_LE},
                {"gt", 3, CMP_GT},
                {"ge", 3, CMP_GE},
                {"equ", 3, CMP_EQU},
                {"neu", 3, CMP_NEU},
                {"ltu", 3, CMP_LTU},
                {"leu", 3, CMP_LEU},
                {"gtu", 3, CMP_GTU},
                {"geu", 3, CMP_GEU},
                {"num", 3, CMP_NUM},
                {"nan", 3, CMP_NAN},
                {"cc", 4, 1},
                {"v4", 5, 4},
                {"nc", 6, 0},
                {"uni", 6, 0},
                {"sync", 6, 0},
                {"ballot", 6, 0},
                {"to", 6, 0}};
    uint8_t *fields[] = {&x->space, &x->mode, &x->round, &x->compare};
    ptx_type t = type_of(w);
    if (t != T_NONE) {
        if (x->type != T_NONE) x->from = (uint8_t)t;
        if (x->type == T_NONE) x->type = x->from = (uint8_t)t;
        return true;
    }
    for (uint32_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (strcmp(w, rows[k].name) != 0) continue;
        if (rows[k].what < 4) *fields[rows[k].what] = rows[k].value;
        if (rows[k].what == 4) x->carry = true;
        if (rows[k].what == 5) x->vector = 4;
        return true;
    }
    return false;
}

static bool operation(reader *r, ptx_instruction *x, char *text) {
    static const char *const names[] = {
#define X(name, id) #name,
        PTX_OPS(X)
#undef X
    };
    char *save, *w = strtok_r(text, ".", &save);
    x->vector = 1, x->op = PTX_OP_COUNT;
    for (uint32_t k = 0; k < PTX_OP_COUNT && w != NULL; k++)
        if (strcmp(w, names[k]) == 0) x->op = (uint8_t)k;
    if (x->op == PTX_OP_COUNT) return fail(r, "an operation that is not emitted", text);
    while ((w = strtok_r(NULL, ".", &save)) != NULL)
        if (!modifier(x, w)) return fail(r, "a word that is not emitted", w);
    bool rounds = x->op == PTX_ADD || x->op == PTX_SUB || x->op == PTX_MUL || x->op == PTX_FMA ||
                  x->op == PTX_DIV || x->op == PTX_SQRT || x->op == PTX_RCP;
    if (rounds && x->type >= T_F32 && x->round != ROUND_N)
        return fail(r, "no rounding", names[x->op]);
    return true;
}

static bool operand(reader *r, const char *w, ptx_type type, ptx_operand *o) {
    uint32_t reg;
    *o = (ptx_operand){.kind = AT_VALUE};
    if (w[0] == '0' && (w[1] == 'd' || w[1] == 'f' || w[1] == 'D' || w[1] == 'F')) {
        o->value = strtoull(w + 2, NULL, 16);
        if ((tolower(w[1]) == 'd') != (type == T_F64)) return fail(r, "a float of another type", w);
        return true;
    }
    if (isdigit((unsigned char)w[0]) || w[0] == '-') {
        if (type >= T_F32) return fail(r, "an integer for a float", w);
        o->value = w[0] == '-' ? (uint64_t)strtoll(w, NULL, 0) : strtoull(w, NULL, 0);
        return true;
    }
    if (strcmp(w, "%tid.x") == 0 || strcmp(w, "%ctaid.x") == 0) {
        o->kind = AT_REGISTER, o->reg = w[1] == 't' ? 0 : 1;
        return true;
    }
    if (w[0] == '%') {
        o->kind = AT_REGISTER;
        if (!register_find(r, w, &reg)) return false;
        o->reg = reg;
        return true;
    }
    const symbol *s = symbol_find(r, w);
    for (uint32_t k = 0; s == NULL && k < r->m->global_count; k++) {
        if (strcmp(r->m->globals[k].name, w) != 0) continue;
        o->value = (uint64_t)(uintptr_t)r->m->globals[k].bytes;
        return true;
    }
    if (s == NULL) return fail(r, "no such name", w);
    o->kind = AT_SYMBOL, o->space = s->space, o->value = s->at;
    return true;
}

/* Comma-separated words; braces and brackets are dropped, "-3" is one word. At most 12. */
static uint32_t words(const char *s, char out[][PTX_NAME], uint32_t most) {
    uint32_t n = 0;
    for (s = skip(s); *s != 0 && n < most;) {
        if (strchr("{}[](),+|", *s) != NULL) {
            s = skip(s + 1);
            continue;
        }
        if (*s == '-') {
            out[n][0] = '-';
            s = word(s + 1, out[n] + 1, PTX_NAME - 1);
        } else {
            const char *before = s;
            s = word(s, out[n], PTX_NAME);
            if (s == before) return most;
        }
        n++;
    }
    return n;
}

static bool function_find(reader *r, const char *name, uint32_t *out) {
    for (uint32_t k = 0; k < r->m->count; k++) {
        if (strcmp(r->m->functions[k].name, name) != 0) continue;
        *out = k;
        return true;
    }
    return fail(r, "no such function", name);
}

/* call.uni (out), name, (a0, a1) */
static bool call(reader *r, ptx_instruction *x, char w[][PTX_NAME], uint32_t n) {
    if (n < 2) return fail(r, "a call", w[0]);
    const symbol *out = symbol_find(r, w[0]);
    if (out == NULL) return fail(r, "a result", w[0]);
    x->has_result = true, x->result = out->at;
    for (uint32_t k = 2; k < n && x->argument_count < 4; k++) {
        const symbol *s = symbol_find(r, w[k]);
        if (s == NULL) return fail(r, "an argument", w[k]);
        x->arguments[x->argument_count++] = s->at;
    }
    return function_find(r, w[1], &x->target);
}

static bool jump(reader *r, const char *label) {
    if (r->jump_count == LABELS) return fail(r, "too many jumps", label);
    place *p = &r->jumps[r->jump_count++];
    snprintf(p->name, sizeof p->name, "%.39s", label);
    p->at = r->f->count;
    return true;
}

static bool memory(reader *r, ptx_instruction *x, char w[][PTX_NAME], uint32_t n) {
    bool load = x->op == PTX_LD;
    uint32_t values = load ? 0 : n - x->vector, address = load ? x->vector : 0;
    bool offset = n == x->vector + 2u;
    if (n < x->vector + 1u) return fail(r, "an address", w[0]);
    for (uint32_t k = 0; k < x->vector; k++) {
        ptx_operand o;
        if (!operand(r, w[values + k], (ptx_type)x->type, &o)) return false;
        if (o.kind == AT_REGISTER) x->to[k] = o.reg;
        if (o.kind != AT_REGISTER) {
            if (load || x->vector != 1) return fail(r, "a register", w[values + k]);
            x->in[1] = o;
        }
    }
    x->offset = offset ? strtoll(w[address + 1], NULL, 0) : 0;
    return operand(r, w[address], T_U64, &x->in[0]);
}

static bool operands(reader *r, ptx_instruction *x, char w[][PTX_NAME], uint32_t n) {
    uint32_t d;
    if (x->op == PTX_BRA) return n == 1 && jump(r, w[0]);
    if (x->op == PTX_RET || x->op == PTX_BAR) return true;
    if (x->op == PTX_CALL) return call(r, x, w, n);
    if (x->op == PTX_LD || x->op == PTX_ST) return memory(r, x, w, n);
    if (n < 2 || n > PTX_OPERANDS + 1) return fail(r, "operands", w[0]);
    if (!register_find(r, w[0], &d)) return false;
    x->to[0] = d;
    for (uint32_t k = 1; k < n; k++) {
        ptx_type t = (ptx_type)x->from;
        bool third = k == 3 && (x->op == PTX_SELP || x->op == PTX_VOTE);
        bool count = k == 2 && (x->op == PTX_SHL || x->op == PTX_SHR);
        if (third || count || (x->op == PTX_VOTE && k == 2)) t = T_U32;
        if (!operand(r, w[k], t, &x->in[k - 1])) return false;
    }
    return true;
}

static bool statement(reader *r, const char *s) {
    char op[PTX_NAME], w[12][PTX_NAME];
    ptx_instruction x = {.guard = -1};
    s = skip(s);
    if (*s == 0) return true;
    if (*s == '.') return strncmp(s, ".pragma", 7) == 0 || declaration(r, s);
    if (*s == '@') {
        uint32_t reg;
        x.guard_not = s[1] == '!';
        s = word(s + 1 + x.guard_not, op, sizeof op);
        if (!register_find(r, op, &reg)) return false;
        x.guard = (int32_t)reg;
    }
    s = word(s, op, sizeof op);
    uint32_t n = words(s, w, 12);
    if (n == 12) return fail(r, "cannot read", s);
    if (!operation(r, &x, op) || !operands(r, &x, w, n)) return false;
    ptx_function *f = r->f;
    if (f->count == f->room) {
        f->room = f->room == 0 ? 64 : 2 * f->room;
        ptx_instruction *more = realloc(f->code, f->room * sizeof *more);
        if (more == NULL) return fail(r, "no memory", "");
        f->code = more;
    }
    f->code[f->count++] = x;
    return true;
}

static bool jumps_resolve(reader *r) {
    for (uint32_t k = 0; k < r->jump_count; k++) {
        uint32_t l = 0;
        while (l < r->label_count && strcmp(r->labels[l].name, r->jumps[k].name) != 0) l++;
        if (l == r->label_count) return fail(r, "no such label", r->jumps[k].name);
        r->f->code[r->jumps[k].at].target = r->labels[l].at;
    }
    return true;
}

/* Up to the brace that ends the function. */
static bool body(reader *r) {
    char text[1024];
    size_t n = 0;
    for (r->depth = 1; r->depth > 0;) {
        char c = *r->at++;
        if (c == 0) return fail(r, "a function without an end", r->f->name);
        bool opens = c == '{' && n == 0, closes = c == '}' && n == 0;
        if (opens) r->depth++;
        if (closes) {
            r->depth--;
            while (r->symbol_count > 0 && r->symbols[r->symbol_count - 1].depth > r->depth)
                r->symbol_count--;
        }
        if (opens || closes || (n == 0 && isspace((unsigned char)c))) continue;
        if (c == ':' && r->label_count < LABELS) {
            text[n] = 0;
            snprintf(r->labels[r->label_count].name, sizeof r->labels[0].name, "%.39s", text);
            r->labels[r->label_count++].at = r->f->count;
            n = 0;
        } else if (c == ';') {
            text[n] = 0, n = 0;
            if (!statement(r, text)) return false;
        } else if (n + 1 < sizeof text) {
            text[n++] = c;
        } else {
            return fail(r, "a statement is too long", r->f->name);
        }
    }
    return jumps_resolve(r);
}

/* ".param .u64 name, ..." between parentheses, which r->at is behind the first of. */
static bool parameters(reader *r, bool result) {
    char w[PTX_NAME], name[PTX_NAME];
    while (*(r->at = skip(r->at)) != ')') {
        r->at = word(r->at, w, sizeof w);
        if (strcmp(w, ".param") != 0) return fail(r, "a parameter", r->at);
        r->at = word(r->at, w, sizeof w);
        r->at = word(r->at, name, sizeof name);
        uint32_t bytes = bytes_of(type_of(w + 1));
        r->depth = 1;
        if (bytes == 0 || !symbol_add(r, name, SPACE_PARAM, bytes, &r->f->parameters)) return false;
        uint32_t at = r->symbols[r->symbol_count - 1].at;
        if (result) {
            r->f->result_at = at, r->f->result_bytes = bytes;
        } else {
            if (r->f->parameter_count == 16) return fail(r, "too many parameters", name);
            r->f->parameter_at[r->f->parameter_count] = at;
            r->f->parameter_bytes[r->f->parameter_count++] = bytes;
        }
        if (*r->at == ',') r->at++;
    }
    r->at = skip(r->at + 1);
    return true;
}

static bool function(reader *r, bool entry) {
    ptx_function *more = realloc(r->m->functions, (r->m->count + 1) * sizeof *more);
    if (more == NULL) return fail(r, "no memory", "");
    r->m->functions = more;
    r->f = &more[r->m->count];
    *r->f = (ptx_function){.entry = entry};
    r->symbol_count = r->register_count = r->label_count = r->jump_count = 0;
    memset(r->table, 0, sizeof r->table);
    if (!register_add(r, "%tid") || !register_add(r, "%ctaid")) return false;
    r->at = skip(r->at);
    if (*r->at == '(') {
        r->at++;
        if (!parameters(r, true)) return false;
    }
    r->at = word(r->at, r->f->name, sizeof r->f->name);
    r->m->count++;
    if (*r->at++ != '(' || !parameters(r, false)) return fail(r, "a head", r->f->name);
    while (*r->at != 0 && *r->at != '{') r->at++; /* .maxntid */
    if (*r->at++ == 0) return fail(r, "no body", r->f->name);
    if (!body(r)) return false;
    r->f->registers = r->register_count;
    return true;
}

/* .global .align 8 .b8 name[160] = {41, 21, ...}; */
static bool global(reader *r) {
    char w[PTX_NAME];
    ptx_global *g = &r->m->globals[r->m->global_count];
    for (uint32_t k = 0; k < 3; k++) r->at = word(r->at, w, sizeof w);
    if (r->m->global_count == 8 || strcmp(w, ".b8") != 0) return fail(r, "a global", r->at);
    r->at = word(r->at, g->name, sizeof g->name);
    if (*r->at++ != '[') return fail(r, "a global", g->name);
    char *end;
    g->size = strtoul(r->at, &end, 10);
    g->bytes = calloc(1, g->size + 1);
    r->m->global_count++;
    r->at = strchr(end, '{');
    if (g->bytes == NULL || r->at++ == NULL) return fail(r, "a global", g->name);
    for (size_t k = 0; k < g->size && *r->at != '}'; k++) {
        g->bytes[k] = (uint8_t)strtoul(r->at, &end, 10);
        r->at = skip(*end == ',' ? end + 1 : end);
    }
    r->at = strchr(r->at, ';');
    if (r->at == NULL) return fail(r, "a global", g->name);
    r->at++;
    return true;
}

static bool module(reader *r) {
    char w[PTX_NAME];
    while (*(r->at = skip(r->at)) != 0) {
        if (strncmp(r->at, "//", 2) == 0) {
            r->at += strcspn(r->at, "\n");
            continue;
        }
        r->at = word(r->at, w, sizeof w);
        if (strcmp(w, ".visible") == 0) continue;
        bool heads = strcmp(w, ".version") == 0 || strcmp(w, ".target") == 0 ||
                     strcmp(w, ".address_size") == 0;
        if (heads)
            r->at += strcspn(r->at, "\n");
        else if (strcmp(w, ".func") == 0 || strcmp(w, ".entry") == 0) {
            if (!function(r, w[1] == 'e')) return false;
        } else if (strcmp(w, ".global") != 0 || !global(r))
            return fail(r, "cannot read", w);
    }
    return true;
}

ptx_module *ptx_read(const char *text) {
    ptx_module *m = calloc(1, sizeof *m);
    reader *r = calloc(1, sizeof *r);
    place *places = calloc(REGISTERS + 2 * LABELS, sizeof *places);
    if (m != NULL && r != NULL && places != NULL) {
        r->m = m, r->at = text;
        r->registers = places, r->labels = places + REGISTERS;
        r->jumps = places + REGISTERS + LABELS;
        if (!module(r)) fail(r, "cannot read", r->f != NULL ? r->f->name : "");
    } else {
        free(m);
        m = NULL;
    }
    free(places);
    free(r);
    return m;
}

void ptx_free(ptx_module *m) {
    if (m == NULL) return;
    for (uint32_t k = 0; k < m->count; k++) free(m->functions[k].code);
    for (uint32_t k = 0; k < m->global_count; k++) free(m->globals[k].bytes);
    free(m->functions);
    free(m);
}

const ptx_function *ptx_find(const ptx_module *m, const char *name) {
    for (uint32_t k = 0; k < m->count; k++)
        if (m->functions[k].entry && strcmp(m->functions[k].name, name) == 0)
            return &m->functions[k];
    return NULL;
}
