/* SPDX-License-Identifier: Apache-2.0
 * The canonical text of small graphs, letter by letter. format.py does the same for all graphs
 * there are, by what must hold of them. */
#include <criterion/criterion.h>

#include "parse.h"
#include "print.h"

/* The canonical text of `text`, or its tree. */
static char *made(const char *text, bool tree) {
    arena *a = arena_open(0);
    sources s = {.memory = a};
    diags d = {.memory = a, .sources = &s};
    u32 file = 0;
    const char *out = NULL;
    u64 bytes = 0;
    ast *t = ast_open(a);
    cr_assert(sources_add(&s, "t.mmsbg", text, strlen(text), &file) == MMSB_OK);
    cr_assert(parse_file(&s, file, t, &d) == MMSB_OK);
    cr_assert(d.error_count == 0, "%s: %s", text, d.count != 0 ? d.rows[0].text : "");
    mmsb_status status =
        tree ? ast_print(t, file, a, &out, &bytes) : print_file(&s, t, file, a, &out, &bytes);
    cr_assert(status == MMSB_OK, "%s", text);
    char *kept = strdup(out);
    cr_assert(strlen(kept) == bytes);
    arena_close(a);
    return kept;
}

Test(print, parentheses_stand_only_where_they_must) {
    static const char *const rows[][2] = {
        {"(a)", "a"},
        {"((a+b))*c", "(a + b) * c"},
        {"(a*b)+c", "a * b + c"},
        {"a-(b-c)", "a - (b - c)"},
        {"(a-b)-c", "a - b - c"},
        {"a*(b/c)", "a * (b / c)"},
        {"(a<b)==(c<d)", "(a < b) == (c < d)"},
        {"(a&b)==c", "a & b == c"},
        {"a&(b==c)", "a & (b == c)"},
        {"(a&&b)||c", "a && b || c"},
        {"a&&(b||c)", "a && (b || c)"},
        {"-(x**2)", "-x ** 2"},
        {"(-x)**2", "(-x) ** 2"},
        {"2**(-x)", "2 ** -x"},
        {"a**(b**c)", "a ** b ** c"},
        {"(a**b)**c", "(a ** b) ** c"},
        {"-(-x)", "--x"},
        {"!(a)", "!a"},
        {"!(a==b)", "!(a == b)"},
        {"(-x)[i]", "(-x)[i]"},
        {"(x)[i-1,j+k,i-(1),i+j-1]", "x[i-1, j+k, i-1, i + j - 1]"},
        {"1+(if a then b else c)", "1 + (if a then b else c)"},
        {"(if a then b else c)+1", "(if a then b else c) + 1"},
        {"if a then(b)else(if c then d else e)", "if a then b else if c then d else e"},
        {"let a=1 in let b=2 in(a+b)", "let a = 1 let b = 2 in a + b"},
        {"let a=(let b=2 in b) in a", "let a = let b = 2 in b in a"},
        {"init (x) then (init y then z)", "init x then init y then z"},
        {"sum((e)for k:(n),l:2 if(a<b))", "sum(e for k: n, l: 2 if a < b)"},
        {"sum(x by(k))+count(by k)", "sum(x by k) + count(by k)"},
        {"m.f( a,b )+o . y", "m.f(a, b) + o.y"},
        {"0xFF+1_000+1.50e3f32+0x1.8p3", "0xFF + 1_000 + 1.50e3f32 + 0x1.8p3"},
    };
    char text[300], wanted[300];
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        snprintf(text, sizeof text, "page y=%s", rows[k][0]);
        snprintf(wanted, sizeof wanted, "page y = %s\n", rows[k][1]);
        char *got = made(text, false);
        cr_expect(strcmp(got, wanted) == 0, "%s gives %s", text, got);
        free(got);
    }
}

Test(print, items_and_comments_have_one_style) {
    static const char *const rows[][2] = {
        {"", ""},
        {"\xef\xbb\xbf// only a comment", "// only a comment\n"},
        {"graph   g import\"a.mmsbg\"as a", "graph g\nimport \"a.mmsbg\" as a\n"},
        {"source x[i:3]:f64 edge fill(1.0),wrap=f64(i)",
         "source x[i: 3]: f64 edge fill 1.0, wrap = f64(i)\n"},
        {"source x:f64[3]edge clamp from\"x.npy\"", "source x: f64[3] edge clamp from \"x.npy\"\n"},
        {"fn f(a,b:f64)=a*b", "fn f(a, b: f64) = a * b\n"},
        {"kernel k(x:f64[n])->f64[n]from\"l.so\"symbol\"s\"",
         "kernel k(x: f64[n]) -> f64[n] from \"l.so\" symbol \"s\"\n"},
        {"assert a\"\"event e=a with b,c export e,o . y",
         "assert a \"\"\nevent e = a with b, c\nexport e, o.y\n"},
        {"node n(x:f64[m],param k)->(y,z){page y=x\n\n\n\npage z=x}use o=n(a,3)",
         "node n(x: f64[m], param k) -> (y, z) {\n  page y = x\n\n"
         "  page z = x\n}\nuse o = n(a, 3)\n"},
        {"node n()->(y){//a\n\n//b\npage y=1\n//c\n\n}",
         "node n() -> (y) {  //a\n  //b\n  page y = 1\n  //c\n}\n"},
        {"param n=1// one\r\nparam long=2  // two  \r\n\r\n\r\n// three\r\nparam k=3",
         "param n = 1     // one\nparam long = 2  // two\n\n// three\nparam k = 3\n"},
        {"page y=a+// first\nb// last", "page y =\n  a +  // first\n  b    // last\n"},
        {"page y=f(/*a*/x/*b*/,y)", "page y = f(/*a*/ x /*b*/, y)\n"},
    };
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        char *got = made(rows[k][0], false);
        cr_expect(strcmp(got, rows[k][1]) == 0, "%s gives\n%s", rows[k][0], got);
        free(got);
    }
}

Test(print, long_lines_break_behind_operators_and_commas) {
    char text[2000] = "page y = ", *got;
    for (u32 k = 0; k < 40; k++) strcat(text, k == 0 ? "alpha[i] * beta" : " + alpha[i-1] * beta");
    strcat(text, " page z = if alpha > 0 then f(");
    for (u32 k = 0; k < 40; k++) strcat(text, k == 0 ? "argument" : ", argument");
    strcat(text, ") else b");
    got = made(text, false);
    for (const char *at = got; *at != 0;) {
        size_t bytes = strcspn(at, "\n");
        cr_expect(bytes <= 100 && bytes > 3);
        char last = at[bytes - 1];
        bool may = strchr("+,=)ban", last) != NULL;
        cr_expect(may, "a line ends in `%c`", last);
        at += bytes + 1;
    }
    char *again = made(got, false);
    cr_expect(strcmp(got, again) == 0);
    free(got), free(again);
}

Test(print, a_tree_as_text_has_all_that_it_means) {
    char *got = made("source x[i: 3]: f32 edge fill -1.0, wrap = f32(i) + 1.5f32 "
                     "page y = let a = x[0] in if a < 2 then sum(x by k if b) else o.z ** 0x10 "
                     "node n(x: f64[m], param k) -> (y) { page y = x } assert true \"\\\"\\n\"",
                     true);
    cr_expect(strcmp(got, "(source x (axes (i 3)) (type f32) (edge (fill (- 0x1p+0)) wrap) "
                          "(+ (call f32 i) 0x1.8p+0:f32))\n"
                          "(page y (let a (index x 0) (if (< a 2) (call sum x (by k) (if b)) "
                          "(** o.z 16))))\n"
                          "(node n (parameters (x (type f64 m)) (param k)) (results y)\n"
                          "  (page y x))\n"
                          "(assert true (message \"\\\"\\x0a\"))\n") == 0,
              "%s", got);
    free(got);
}

Test(lex, literals_and_words_are_read_as_the_language_says) {
    static const char *const rows[][2] = {
        {"1_000", "1000"},
        {"0xff", "255"},
        {"0xFF_FF", "65535"},
        {"0b101", "5"},
        {"0b1_1u8", "3:u8"},
        {"18446744073709551615", "18446744073709551615"},
        {"1.5", "0x1.8p+0"},
        {"2e-3", "0x1.0624dd2f1a9fcp-9"},
        {"0x1.8p3", "0x1.8p+3"},
        {"1.0f32", "0x1p+0:f32"},
        {"3f64", "0x1.8p+1:f64"},
        {"36893488147419103232f64", "0x1p+65:f64"}, /* 2^65 is a float here, not an integer */
        {"3u8", "3:u8"},
        {"0x1f32", "7986"}, /* no suffix on hexadecimal integers */
        {"inf", "inf"},
        {"nan", "nan"},
        {"pi", "pi"},
        {"epoch", "epoch"},
        {"as + from + symbol + with", "(+ (+ (+ as from) symbol) with)"},
        {"edge + clamp + wrap + mirror + fill", "(+ (+ (+ (+ edge clamp) wrap) mirror) fill)"},
        {"clamp(a, b, c)", "(call clamp a b c)"},
        {"a /* /* */ + b", "(+ a b)"},
        {"a | b ^ c & d << e + f * -g ** h", "(| a (^ b (& c (<< d (+ e (* f (- (** g h))))))))"},
        {"a || b && c == d", "(|| a (&& b (== c d)))"},
        {"a | b == c | d", "(== (| a b) (| c d))"},
        {"a - b - c", "(- (- a b) c)"},
        {"a ** b ** c", "(** a (** b c))"},
        {"a ** -b ** c", "(** a (- (** b c)))"},
        {"-x ** 2", "(- (** x 2))"},
        {"!a == b", "(== (! a) b)"},
        {"-x[i]", "(- (index x i))"},
        {"f(x)[i][j]", "(index (index (call f x) i) j)"},
        {"if a then b else c + d", "(if a b (+ c d))"},
        {"if a then b else if c then d else e", "(if a b (if c d e))"},
        {"let a = b in a + c", "(let a b (+ a c))"},
        {"init a then b + c", "(init a (+ b c))"},
    };
    char text[200], wanted[200];
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        snprintf(text, sizeof text, "page y = %s", rows[k][0]);
        snprintf(wanted, sizeof wanted, "(page y %s)\n", rows[k][1]);
        char *got = made(text, true);
        cr_expect(strcmp(got, wanted) == 0, "%s gives %s", text, got);
        free(got);
    }
}
