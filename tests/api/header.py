#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public headers as their users meet them: header.py BUILD

Compiles each header alone, with every warning an error, as every standard of C from C99 and of C++ from C++11 that
gcc and clang here know. Then takes the examples (the lines that begin with `>`) out of mmsb.h and mmsb_bus.h: each
function must have one; they are compiled as C99 and run, each on an engine of its own, those of mmsb_bus.h on one
that mmsb-run serves."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADERS = [os.path.join(TOP, p) for p in ("engine/include/mmsb.h", "engine/include/mmsb_bus.h",
                                           "compiler/include/mmsbc.h")]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror"]
STANDARDS = {"c": ["c99", "c11", "c17", "c2x"], "c++": ["c++11", "c++14", "c++17", "c++20"]}
SCAFFOLD = r"""
#include <mmsb.h>
#include <stdio.h>
#include <string.h>
static const char *IMAGE, *STATE;
static int checks, wrong;
enum { PRICE, QTY, ON, VALUE, TOTAL };
#define CHECK(c) (checks++, (c) ? (void)0 : (void)(wrong++, printf("%s: %s\n", name, #c)))
"""
MAIN = r"""
static mmsb_engine *open_one(const char *name, const char *state) {
    mmsb_options o = {.struct_size = sizeof o};
    mmsb_engine *e = NULL;
    static const char *const pages[] = {"price", "qty", "on", "value", "total"};
    o.path = IMAGE, o.state = STATE = state;
    if (mmsb_open(&o, &e) != MMSB_OK) printf("%s: %s\n", name, mmsb_message(e)), wrong++;
    for (uint32_t k = 0, page; k < 5; k++)
        CHECK(mmsb_page_find(e, pages[k], &page) == MMSB_OK && page == k);
    return e;
}
int main(int count, char **a) {
    mmsb_engine *e;
    (void)count;
    IMAGE = a[1];
@CALLS@
    printf("%d checks, %d wrong\n", checks, wrong);
    return wrong != 0;
}
"""


BUS_SCAFFOLD = r"""
#define SECONDS ((uint64_t)10 * 1000000000)
static const char *BUS;
"""
BUS_MAIN = r"""
int main(int count, char **a) {
    (void)count, (void)IMAGE, (void)STATE;
    mmsb_bus_options o = {.struct_size = sizeof o, .name = BUS = a[1]};
    mmsb_bus *b = NULL;
    if (mmsb_bus_attach(&o, &b) != MMSB_OK) return printf("attach: %s\n", mmsb_bus_message(b)), 2;
@CALLS@
    mmsb_bus_free(b);
    printf("%d checks, %d wrong\n", checks, wrong);
    return wrong != 0;
}
"""


def run(*words, **more):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def standards(work):
    compiled, failures = 0, []
    for header in HEADERS:
        for language, names in STANDARDS.items():
            source = os.path.join(work, "alone.c" if language == "c" else "alone.cc")
            with open(source, "w", encoding="utf-8") as f:
                f.write(f'#include "{header}"\nint main() {{ return 0; }}\n' if language == "c++" else
                        f'#include "{header}"\nint main(void) {{ return 0; }}\n')
            for compiler in ("gcc", "clang"):
                tool = compiler if language == "c" else {"gcc": "g++", "clang": "clang++"}[compiler]
                if shutil.which(tool) is None:
                    print(f"skipped: no {tool}")
                    continue
                for name in names:
                    p = run(tool, f"-std={name}", *STRICT, "-fsyntax-only", source)
                    compiled += 1
                    if p.returncode != 0:
                        failures.append(f"{tool} -std={name} {os.path.basename(header)}:\n{p.stdout}")
    return compiled, failures


def examples(header):
    """{function: example} of a header; a function without one is an error."""
    with open(header, encoding="utf-8") as f:
        text = f.read()
    graph = "\n".join(re.findall(r"^ \*   ((?:source|page|assert|event|export) .*?)(?: \*/)?$", text, re.M))
    found = {}
    for comment, name in re.findall(r"/\*((?:(?!\*/).)*)\*/\nMMSB_API [^;]*?(\w+)\(", text, re.S):
        found[name] = "\n".join(re.findall(r"^ \* > (.*?)\s*$", comment, re.M))
    names = re.findall(r"^MMSB_API [^;]*?(\w+)\(", text, re.M)
    return graph, names, found


def lacking(header, names, found):
    return [f"{os.path.basename(header)}: {n} has no example" for n in names
            if not found.get(n) or "CHECK(" not in found[n] and "_free" not in n]


def program(build, work, name, text):
    """Compiles a program of examples; gives what the compiler says, if it fails."""
    with open(os.path.join(work, name + ".c"), "w", encoding="utf-8") as f:
        f.write(text)
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as f:
        sanitizers = re.search(r"^MMSB_SANITIZE:STRING=(.+)$", f.read(), re.M)
    lib = [os.path.join(build, "lib", n) for n in ("libmmsb.a", "libmmsb_kernels.a", "libmmsb_core.a")]
    sanitize = ["-fsanitize=" + sanitizers.group(1)] if sanitizers else []
    p = run("cc", "-std=c99", *STRICT, "-I" + os.path.dirname(HEADERS[0]), name + ".c", "-o", name, *lib, "-lm",
            "-lpthread", "-ldl", *sanitize, cwd=work)
    return [p.stdout] if p.returncode != 0 else []


def bus_examples_run(build, work):
    """g.mmsbx is there. Each example has an engine that is served for it alone."""
    _, names, found = examples(HEADERS[1])
    failures, checks = lacking(HEADERS[1], names, found), 0
    text = SCAFFOLD.replace("mmsb.h>", "mmsb_bus.h>") + BUS_SCAFFOLD
    for n in names:
        text += (f"static void try_{n}(mmsb_bus *b, const char *name) {{\n    (void)b, (void)name;\n"
                 f"{found.get(n, '')}\n}}\n")
    calls = [f'    if (strcmp(a[2], "{n}") == 0) try_{n}(b, "{n}");' for n in names]
    failures += program(build, work, "bus", text + BUS_MAIN.replace("@CALLS@", "\n".join(calls)))
    if failures:
        return len(names), failures
    home = os.path.join(work, "run")
    os.mkdir(home, 0o700)
    env = dict(os.environ, XDG_RUNTIME_DIR=home)
    for n in names:
        served = subprocess.Popen([os.path.join(build, "bin/mmsb-run"), "g.mmsbx", "--serve", n, "--state", "s_" + n],
                                  cwd=work, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        end = time.time() + 30
        while not os.path.exists(f"{home}/mmsb/{n}") and served.poll() is None and time.time() < end:
            time.sleep(0.005)
        p = run("./bus", n, n, cwd=work, env=env)
        served.terminate()
        said = served.communicate(timeout=30)[1]
        if p.returncode != 0 or served.returncode != 0:
            failures.append(f"{p.stdout}engine of {n}: status {served.returncode}: {said}")
        checks += int((re.search(r"(\d+) checks", p.stdout) or [0, 0])[1])
    print(f"{checks} checks on {len(names)} buses")
    return len(names), failures


def examples_run(build, work):
    graph, names, found = examples(HEADERS[0])
    failures = lacking(HEADERS[0], names, found)
    with open(os.path.join(work, "g.mmsbg"), "w", encoding="utf-8") as f:
        f.write(graph + "\n")
    p = run(os.path.join(build, "bin/mmsbc"), "g.mmsbg", cwd=work)
    if p.returncode != 0:
        return len(names), failures + [p.stdout]
    text = SCAFFOLD
    for n in names:
        text += (f"static void try_{n}(mmsb_engine *e, const char *name) {{\n    (void)e, (void)name;\n"
                 f"{found.get(n, '')}\n}}\n")
    calls = [f'    e = open_one("{n}", "{n}"), try_{n}(e, "{n}"), mmsb_free(e);' for n in names]
    failures += program(build, work, "e", text + MAIN.replace("@CALLS@", "\n".join(calls)))
    if not failures:
        p = run("./e", "g.mmsbx", cwd=work)
        print(p.stdout.strip().split("\n")[-1])
        failures += [p.stdout] if p.returncode != 0 else []
    count, more = bus_examples_run(build, work)
    return len(names) + count, failures + more


def main():
    build = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        compiled, failures = standards(work)
        names, more = examples_run(build, work)
    failures += more
    for line in failures:
        print(line)
    print(f"{compiled} compilations, {names} functions with an example, {len(failures)} failed")
    return 1 if failures or not compiled or not names else 0


if __name__ == "__main__":
    sys.exit(main())
