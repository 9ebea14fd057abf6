/* SPDX-License-Identifier: Apache-2.0
 * native_print: a plan's calls as C. The text holds only numbers of verified tables and the texts
 * of kernels/, never names or strings of a graph. */
#include "native.h"

#include "../kernels/kernels.h"
#include "../kernels/texts.h"
#include "core/layout.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define TEXTS_MOST 16u

static const char *const names[TYPE_COUNT] = {
#define TYPE(name, text, ctype, bytes, class, npy) [TYPE_##name] = #ctype,
#include "core/types.def"
#undef TYPE
};

static const char *c_type(u8 type) {
    ASSERT(type < TYPE_COUNT);
    return type == TYPE_BOOL ? "bool8" : names[type];
}

static char class_of(u8 type) { return type == TYPE_BOOL ? 'B' : type_is_float(type) ? 'F' : 'I'; }

static void text_print(u32 row, u32 *printed, FILE *to);

/* A line of a text; an include of another text is that text, once. */
static void line_print(const char *line, size_t bytes, u32 *printed, FILE *to) {
    static const char include[] = "#include \"";
    ASSERT(bytes > 0);
    if (bytes < sizeof include || memcmp(line, include, sizeof include - 1) != 0) {
        fwrite(line, 1, bytes, to);
        return;
    }
    for (u32 k = 0; kernel_texts[k].name != NULL; k++) {
        size_t name = strlen(kernel_texts[k].name);
        if (bytes > name + sizeof include &&
            memcmp(line + sizeof include - 1, kernel_texts[k].name, name) == 0 &&
            line[sizeof include - 1 + name] == '"')
            text_print(k, printed, to);
    }
}

static void text_print(u32 row, u32 *printed, FILE *to) {
    ASSERT(row < TEXTS_MOST);
    if ((*printed >> row & 1) != 0) return;
    *printed |= 1u << row;
    for (const char *at = kernel_texts[row].text; *at != 0;) {
        size_t bytes = strcspn(at, "\n");
        bytes += at[bytes] == '\n';
        line_print(at, bytes, printed, to);
        at += bytes;
    }
}

static void head_print(FILE *to) {
    u32 printed = 0;
    fputs("/* Made from a compiled graph; see docs/Architecture.md, \"Native\". Compile with\n"
          " * -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-strict-aliasing. */\n"
          "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n"
          "typedef uint8_t u8;\ntypedef uint16_t u16;\ntypedef uint32_t u32;\n"
          "typedef uint64_t u64;\ntypedef int8_t i8;\ntypedef int16_t i16;\n"
          "typedef int32_t i32;\ntypedef int64_t i64;\ntypedef float f32;\ntypedef double f64;\n",
          to);
    for (u32 k = 0; kernel_texts[k].name != NULL; k++) text_print(k, &printed, to);
    fprintf(to,
            "#if defined(__clang__)\n"
            "#define LANES _Pragma(\"clang loop vectorize(assume_safety)\") "
            "for (u32 k = 0; k < n; k++)\n"
            "#else\n#define LANES _Pragma(\"GCC ivdep\") for (u32 k = 0; k < n; k++)\n#endif\n"
            "#define CELL(t, slot) (*(const t *)((const u8 *)u + %uu * (slot)))\n"
            "#define IN(t, slot) const t *restrict const s##slot = s[slot];\n"
            "#define OUT(t, slot) t *restrict const s##slot = __builtin_assume_aligned(s[slot], "
            "64);\n"
            "#define CALL(name) static void name(void *const *s, const void *u, u32 n)\n",
            LAYOUT_CELL_BYTES);
}

static void constant_print(u8 type, u64 bits, FILE *to) {
    if (type_is_float(type))
        fprintf(to, "from_%s(0x%llxu)", c_type(type), (unsigned long long)bits);
    else
        fprintf(to, "((%s)0x%llxu)", c_type(type), (unsigned long long)bits);
}

static void source_print(const image *i, const native_source *s, FILE *to) {
    switch (s->kind) {
    case SOURCE_NONE: return;
    case SOURCE_VALUE: fprintf(to, "v%u", s->at); return;
    case SOURCE_SLOT: fprintf(to, "s%u[k]", s->at); return;
    case SOURCE_CELL: fprintf(to, "u%u_%s", s->at, c_type(s->type)); return;
    default: ASSERT(s->kind == SOURCE_CONSTANT && s->at < i->constant_count);
    }
    constant_print(s->type, i->constants[s->at], to);
}

static u8 result_type(const image_instruction *r) {
    if (r->op == OP_CONVERT) return r->type2;
    return op_info(r->op)->result_bool ? TYPE_BOOL : r->type;
}

static void op_print(const image *i, const native_op *o, u32 number, FILE *to) {
    const image_instruction *r = &i->instructions[o->row];
    const op_row *info = op_info(r->op);
    u8 result = result_type(r);
    ASSERT(info->arity >= 1 && info->arity <= 3);
    fprintf(to, "        const %s v%u = (%s)", c_type(result), number, c_type(result));
    if (r->op == OP_SELECT) {
        fputc('(', to);
        source_print(i, &o->from[0], to);
        fputs(" != 0 ? ", to);
        source_print(i, &o->from[1], to);
        fputs(" : ", to);
        source_print(i, &o->from[2], to);
    } else if (r->op == OP_CONVERT) {
        fprintf(to, "(CAST_%c%c(%s, %s, ", class_of(r->type), class_of(r->type2), c_type(r->type),
                c_type(r->type2));
        source_print(i, &o->from[0], to);
        fputc(')', to);
    } else {
        fprintf(to, "(MEANING_%s_%c(%s, ", info->name, class_of(r->type), c_type(r->type));
        source_print(i, &o->from[0], to);
        fputs(", ", to);
        source_print(i, &o->from[1], to);
        fputs(", ", to);
        source_print(i, &o->from[2], to);
        fputc(')', to);
    }
    fputs(");\n", to);
    if (o->slot != SLOT_NONE) fprintf(to, "        s%u[k] = v%u;\n", o->slot, number);
}

/* Whether an operand before this one (or an earlier one of it) named the same. */
static bool source_is_new(const native_op *ops, u32 op, u32 operand) {
    const native_source *s = &ops[op].from[operand];
    ASSERT(operand < 3);
    for (u32 k = 0; k <= op; k++)
        for (u32 o = 0; o < (k == op ? operand : 3); o++)
            if (ops[k].from[o].kind == s->kind && ops[k].from[o].at == s->at &&
                (s->kind == SOURCE_SLOT || ops[k].from[o].type == s->type))
                return false;
    return true;
}

static void body_print(const image *i, const native_plan *p, const native_call *c, FILE *to) {
    const native_op *ops = p->ops + c->op_at;
    ASSERT(c->op_at + c->op_count <= p->op_count);
    for (u32 k = 0; k < c->op_count; k++) {
        for (u32 o = 0; o < 3; o++) {
            const native_source *s = &ops[k].from[o];
            if (s->kind != SOURCE_SLOT && s->kind != SOURCE_CELL) continue;
            if (!source_is_new(ops, k, o)) continue;
            if (s->kind == SOURCE_SLOT)
                fprintf(to, "    IN(%s, %u)\n", c_type(s->type), s->at);
            else
                fprintf(to, "    const %s u%u_%s = CELL(%s, %u);\n", c_type(s->type), s->at,
                        c_type(s->type), c_type(s->type), s->at);
        }
        if (ops[k].slot != SLOT_NONE)
            fprintf(to, "    OUT(%s, %u)\n", c_type(result_type(&i->instructions[ops[k].row])),
                    ops[k].slot);
    }
    fputs("    (void)u;\n    LANES {\n", to);
    for (u32 k = 0; k < c->op_count; k++) op_print(i, &ops[k], k, to);
    fputs("    }\n}\n", to);
}

typedef struct {
    u64 low, high;
    u32 function;
    u32 zero;
} body_row;

/* Prints each different body once; function[call] names it. */
static bool bodies_print(const image *i, const native_plan *p, u32 *function, FILE *to) {
    u32 buckets = 64, count = 0;
    while (buckets < 2 * p->call_count) buckets *= 2;
    body_row *rows = calloc(buckets, sizeof *rows);
    bool whole = rows != NULL;
    for (u32 k = 0; whole && k < p->call_count; k++) {
        char *text = NULL;
        size_t bytes = 0;
        FILE *body = open_memstream(&text, &bytes);
        if (body != NULL) body_print(i, p, &p->calls[k], body);
        whole = body != NULL && fclose(body) == 0;
        XXH128_hash_t hash = whole ? XXH3_128bits(text, bytes) : (XXH128_hash_t){0, 0};
        u32 at = (u32)hash.low64 & (buckets - 1);
        ASSERT(count < buckets);
        while (rows[at].function != 0 &&
               (rows[at].low != hash.low64 || rows[at].high != hash.high64))
            at = (at + 1) & (buckets - 1);
        if (whole && rows[at].function == 0) {
            rows[at] = (body_row){hash.low64, hash.high64, ++count, 0};
            fprintf(to, "CALL(call_%u) {\n%s", count, text);
        }
        function[k] = rows[at].function;
        free(text);
    }
    free(rows);
    return whole;
}

static void table_print(const image *i, const native_plan *p, const u32 *function, bool graph,
                        FILE *to) {
    fputs("typedef void (*native_fn)(void *const *s, const void *u, u32 n);\n"
          "typedef struct {\n    u64 version, digest, count;\n    const native_fn *calls;\n"
          "} native_table;\n",
          to);
    fprintf(to, "static const native_fn calls[%u] = {", p->call_count + 1);
    for (u32 k = 0; k < p->call_count; k++)
        fprintf(to, "%scall_%u,", k % 16 == 0 ? "\n    " : " ", function[k]);
    fputs("\n};\n", to);
    ASSERT(p->call_count == 0 || p->op_count != 0);
    fputs(graph
              ? "static "
              : "__attribute__((visibility(\"default\"))) extern const native_table mmsb_native;\n",
          to);
    fprintf(to, "const native_table mmsb_native = {%u, 0x%llxu, %u, calls};\n", NATIVE_VERSION,
            (unsigned long long)i->head->digest, p->call_count);
}

static void graph_print(const image *i, FILE *to) {
    const u8 *bytes = i->bytes;
    ASSERT(i->byte_count % 8 == 0 || i->byte_count != 0);
    fputs("typedef struct {\n    const void *image;\n    u64 image_bytes;\n"
          "    const native_table *native;\n} mmsb_graph;\n"
          "#ifndef MMSB_GRAPH\n#define MMSB_GRAPH mmsb_compiled\n#endif\n"
          "static const _Alignas(64) u8 image[] = {",
          to);
    for (u64 k = 0; k < i->byte_count; k++)
        fprintf(to, k % 32 == 0 ? "\n    %u," : "%u,", bytes[k]);
    fputs("\n};\nextern const mmsb_graph MMSB_GRAPH;\n"
          "const mmsb_graph MMSB_GRAPH = {image, sizeof image, &mmsb_native};\n",
          to);
}

bool native_print(const image *i, const native_plan *p, bool graph, FILE *to) {
    ASSERT(p->nodes != NULL);
    u32 *function = calloc(p->call_count + 1u, sizeof *function);
    if (function == NULL) return false;
    head_print(to);
    bool whole = bodies_print(i, p, function, to);
    if (whole) table_print(i, p, function, graph, to);
    if (whole && graph) graph_print(i, to);
    free(function);
    return whole && ferror(to) == 0;
}
