/* SPDX-License-Identifier: Apache-2.0
 * mmsbc: compiles the text of a graph to an image, in memory. No printing, no exit, no globals; any
 * thread, one call an options struct. */
#ifndef MMSBC_H
#define MMSBC_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MMSBC_API __attribute__((visibility("default")))
#else
#define MMSBC_API
#endif

/* The number in the SONAME: programs run with any libmmsbc of the same one. */
#define MMSBC_ABI 1

typedef struct mmsbc_options {
    size_t struct_size; /* sizeof this struct; 0: that of ABI 1's first version */
    const char *name;   /* of the file, for messages and for the default graph name */
    const char *text;
    size_t bytes;
    const char *const *defines; /* "n=1000": overrides of params */
    size_t define_count;
    const char *const *folders; /* import search path */
    size_t folder_count;
    /* Budgets, 0: none. A graph that breaks one is wrong, and the diagnostic names the page. */
    unsigned long long max_bytes;         /* of memory that a run takes */
    unsigned long long max_waves;         /* of a later epoch */
    const char *const *max_amplification; /* "price=5000": lanes that one changed lane may redo */
    size_t max_amplification_count;
    int diagnostics; /* 0 human, 1 short, 2 json */
    int colour;
    FILE *messages; /* diagnostics go here; NULL: nowhere */
} mmsbc_options;
typedef struct mmsbc_result mmsbc_result;
/* Returns an mmsb_status value (0 ok, 1 the graph is wrong, ...). *out is set also on errors where
 * memory allows; free it. */
MMSBC_API int mmsbc_compile(const mmsbc_options *options, mmsbc_result **out);
/* The image, 8-aligned, owned by the result; NULL after an error. */
MMSBC_API const void *mmsbc_image(const mmsbc_result *r, size_t *bytes);
/* Reports of a compiled graph (--emit): "plan", "dot", "ir", "ast", "json". 0, or nonzero for an
 * unknown kind or no graph. "ast" needs only a text that mmsbc_parse or mmsbc_format took. */
MMSBC_API int mmsbc_emit(const mmsbc_result *r, const char *kind, FILE *to);
/* The names of the files that were read: 0 is the graph's, then those of imports; NULL past the
 * last. Owned by the result. */
MMSBC_API const char *mmsbc_input(const mmsbc_result *r, size_t k);
/* Only reads the text, without imports, names or types. Returns and sets as mmsbc_compile does. */
MMSBC_API int mmsbc_parse(const mmsbc_options *options, mmsbc_result **out);
/* The same, then makes the canonical text (mmsbc fmt), which mmsbc_text gives. It is read again
 * before it is given out: a text with another tree than the first is status 70, a bug. */
MMSBC_API int mmsbc_format(const mmsbc_options *options, mmsbc_result **out);
/* After mmsbc_compile or mmsbc_parse found errors: makes the text with every certain fix put in,
 * which mmsbc_text gives. Returns how many fixes were put in. Only the graph's own text changes. */
MMSBC_API size_t mmsbc_fix(mmsbc_result *r);
/* The text of mmsbc_format or mmsbc_fix, NUL-ended, owned by the result; NULL where there is none.
 */
MMSBC_API const char *mmsbc_text(const mmsbc_result *r, size_t *bytes);
MMSBC_API void mmsbc_free(mmsbc_result *r);
/* The diagnostics of a result as text, or what else its status means; "" where all is well. format
 * and colour as in mmsbc_options. NUL-ended, owned by the result, valid until the next such call;
 * NULL where memory is short. bytes may be NULL. */
MMSBC_API const char *mmsbc_diagnostics(mmsbc_result *r, int format, int colour, size_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
