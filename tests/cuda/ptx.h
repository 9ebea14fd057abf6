/* SPDX-License-Identifier: Apache-2.0
 * ptx: reads the part of PTX that the project emits (its own kernels, and what nvcc makes of
 * kernels/kernel_cuda.cu) and runs it, thread by thread. What it does not know it refuses, so the
 * subset is what stands in ptx_parse.c. Where the hardware may do as it likes, this does something
 * unpleasant: NaNs have odd bits, a division by 0 gives ones. */
#ifndef PTX_H
#define PTX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PTX_OPERANDS = 4, PTX_NAME = 64 };
typedef enum {
    T_NONE,
    T_PRED,
    T_U8,
    T_U16,
    T_U32,
    T_U64,
    T_S8,
    T_S16,
    T_S32,
    T_S64,
    T_F32,
    T_F64
} ptx_type;
#define PTX_OPS(X)    \
    X(mov, PTX_MOV)   \
    X(ld, PTX_LD)     \
    X(st, PTX_ST)     \
    X(cvta, PTX_CVTA) \
    X(cvt, PTX_CVT)   \
    X(add, PTX_ADD)   \
    X(sub, PTX_SUB)   \
    X(mul, PTX_MUL)   \
    X(mad, PTX_MAD)   \
    X(fma, PTX_FMA)   \
    X(div, PTX_DIV)   \
    X(rem, PTX_REM)   \
    X(rcp, PTX_RCP)   \
    X(sqrt, PTX_SQRT) \
    X(neg, PTX_NEG)   \
    X(abs, PTX_ABS)   \
    X(min, PTX_MIN)   \
    X(max, PTX_MAX)   \
    X(and, PTX_AND)   \
    X(or, PTX_OR)     \
    X(xor, PTX_XOR)   \
    X(not, PTX_NOT)   \
    X(shl, PTX_SHL)   \
    X(shr, PTX_SHR)   \
    X(popc, PTX_POPC) \
    X(clz, PTX_CLZ)   \
    X(setp, PTX_SETP) \
    X(selp, PTX_SELP) \
    X(bra, PTX_BRA)   \
    X(call, PTX_CALL) \
    X(ret, PTX_RET)   \
    X(bar, PTX_BAR)   \
    X(vote, PTX_VOTE) \
    X(addc, PTX_ADDC)
typedef enum {
#define X(name, id) id,
    PTX_OPS(X)
#undef X
        PTX_OP_COUNT
} ptx_op;
/* What the words after an operation say. */
typedef enum { SPACE_NONE, SPACE_PARAM, SPACE_GLOBAL, SPACE_SHARED, SPACE_LOCAL } ptx_space;
typedef enum { MODE_NONE, MODE_LO, MODE_HI, MODE_WIDE } ptx_mode;
typedef enum { ROUND_NONE, ROUND_N, ROUND_NI, ROUND_ZI, ROUND_MI, ROUND_PI } ptx_round;
typedef enum {
    CMP_EQ,
    CMP_NE,
    CMP_LT,
    CMP_LE,
    CMP_GT,
    CMP_GE,
    CMP_EQU,
    CMP_NEU,
    CMP_LTU,
    CMP_LEU,
    CMP_GTU,
    CMP_GEU,
    CMP_NUM,
    CMP_NAN
} ptx_compare;
typedef enum { AT_NOTHING, AT_REGISTER, AT_VALUE, AT_SYMBOL } ptx_kind;
typedef struct {
    uint8_t kind;
    uint8_t space; /* of a symbol */
    uint32_t reg;
    uint64_t value; /* immediate, or the offset of a symbol */
} ptx_operand;
typedef struct {
    uint8_t op, type, from, space, mode, round, compare;
    bool carry;    /* add.cc */
    int32_t guard; /* register, or -1 */
    bool guard_not;
    uint8_t vector; /* values of a ld or st: 1 or 4 */
    uint32_t to[4]; /* registers written, or stored */
    ptx_operand in[PTX_OPERANDS];
    int64_t offset;                        /* of an address */
    uint32_t target;                       /* bra: instruction; call: function */
    uint32_t arguments[4], argument_count; /* call: offsets in parameters */
    uint32_t result;
    bool has_result;
} ptx_instruction;
typedef struct {
    char name[PTX_NAME];
    bool entry;
    uint32_t parameter_at[16], parameter_bytes[16], parameter_count;
    uint32_t result_at, result_bytes;
    uint32_t parameters; /* bytes of a frame's parameters, calls included */
    uint32_t shared, local, registers;
    ptx_instruction *code;
    uint32_t count, room;
} ptx_function;
typedef struct {
    char name[PTX_NAME];
    uint8_t *bytes;
    size_t size;
} ptx_global;
typedef struct {
    ptx_function *functions;
    uint32_t count;
    ptx_global globals[8];
    uint32_t global_count;
    char error[200];
} ptx_module;

/* NULL: no memory; else look at error first. */
ptx_module *ptx_read(const char *text);
void ptx_free(ptx_module *m);
const ptx_function *ptx_find(const ptx_module *m, const char *name);

/* Whether [at, at + bytes) is device memory. */
typedef bool (*ptx_allowed)(uint64_t at, size_t bytes);
/* Runs a grid of blocks of `threads`, in an order from *seed. False with words in error. */
bool ptx_run(const ptx_module *m, const ptx_function *f, uint32_t blocks, uint32_t threads,
             const uint64_t *parameters, ptx_allowed allowed, uint64_t *seed, char error[200]);
#endif
