#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes, offsets and numbers of the public headers: layout.py [--write]

Asks the C compiler for the layout of every struct of the headers and the value of every enumerator, and compares with
three copies: tests/api/mmsb.layout (what earlier programs were built with: it may only grow),
engine/bindings/python/_mmsb_library.py (ctypes) and engine/bindings/julia/src/layout.jl, which --write makes.
The Julia types are laid out by C's rules here too, so that the file is checked where there is no Julia."""
import ctypes
import importlib.util
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADERS = [os.path.join(TOP, p) for p in ("engine/include/mmsb.h", "engine/include/mmsb_bus.h",
                                           "compiler/include/mmsbc.h")]
BASELINE = os.path.join(TOP, "tests/api/mmsb.layout")
JULIA = os.path.join(TOP, "engine/bindings/julia/src/layout.jl")
JULIA_TYPES = {"uint8_t": "UInt8", "uint32_t": "UInt32", "uint64_t": "UInt64", "size_t": "Csize_t", "int": "Cint",
               "double": "Cdouble", "unsigned long long": "Culonglong", "const char *": "Ptr{UInt8}"}
JULIA_BYTES = {"UInt8": 1, "UInt32": 4, "UInt64": 8, "Csize_t": 8, "Cint": 4, "Cdouble": 8, "Culonglong": 8,
               "Ptr{UInt8}": 8, "Ptr{Cvoid}": 8}
FIELD = re.compile(r"((?:const )?(?:unsigned long long|\w+)(?: \*(?:const \*)?| ))(.*)")


def declared():
    """[(struct, [(field, C type, count)])], [enumerator] of the headers."""
    structs, numbers = [], []
    for header in HEADERS:
        with open(header, encoding="utf-8") as f:
            text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
        for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, re.S):
            fields = []
            for row in body.split(";"):
                row = " ".join(row.split())
                function = re.fullmatch(r".*\(\*(\w+)\)\(.*\)", row)
                if function:
                    fields.append((function.group(1), "function", 1))
                elif row:
                    base, names = FIELD.fullmatch(row).groups()
                    for one in names.split(","):
                        name_only, count = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", one.strip()).groups()
                        fields.append((name_only, base.strip(), int(count or 1)))
            structs.append((name, fields))
        for body in re.findall(r"enum(?: \w+)? \{(.*?)\}", text, re.S):
            numbers += re.findall(r"(MMSB\w+) =", body)
        numbers += re.findall(r"^#define (MMSBC?_ABI) \d+$", text, re.M)
    return structs, numbers


def asked(structs, numbers):
    """The lines of a layout file, from the C compiler."""
    rows = ['    printf("%s %%zu\\n", sizeof(%s));' % (s, s) for s, _ in structs]
    rows += ['    printf("%s.%s %%zu %%zu\\n", offsetof(%s, %s), sizeof(((%s *)0)->%s));' % (s, f, s, f, s, f)
             for s, fields in structs for f, _, _ in fields]
    rows += ['    printf("%s %%lld\\n", (long long)%s);' % (n, n) for n in numbers]
    with tempfile.TemporaryDirectory() as work:
        source, program = os.path.join(work, "l.c"), os.path.join(work, "l")
        with open(source, "w", encoding="utf-8") as f:
            f.write("".join(f'#include "{h}"\n' for h in HEADERS) + "#include <stddef.h>\n#include <stdio.h>\n"
                    "int main(void) {\n" + "\n".join(rows) + "\n    return 0;\n}\n")
        subprocess.run(["cc", "-std=c11", source, "-o", program], check=True)
        return subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


def julia_type(base, count):
    one = JULIA_TYPES.get(base, "Ptr{Cvoid}")
    return one if count == 1 else f"NTuple{{{count}, {one}}}"


def julia_text(structs, lines):
    out = ["# SPDX-License-Identifier: Apache-2.0",
           "# Made by tests/api/layout.py --write from the public headers; a test compares it with them.", ""]
    out += [f"const {n} = {v}" for n, v in (row.split()[:2] for row in lines) if re.match(r"MMSB", n)]
    for name, fields in structs:
        julia = "".join(w.capitalize() for w in name.split("_"))
        out += ["", f"struct {julia}"] + [f"    {f}::{julia_type(t, c)}" for f, t, c in fields] + ["end"]
    out += ["", "# struct, size, [(field, offset)]", "const LAYOUTS = ["]
    for name, fields in structs:
        offsets = {r.split()[0].split(".")[1]: r.split()[1] for r in lines if r.startswith(name + ".")}
        size = next(r.split()[1] for r in lines if r.split()[0] == name)
        julia = "".join(w.capitalize() for w in name.split("_"))
        out.append(f"    ({julia}, {size}, [" + ", ".join(f"(:{f}, {offsets[f]})" for f, _, _ in fields) + "]),")
    return "\n".join(wrapped(out) + ["]", ""])


def wrapped(lines):
    out = []
    for line in lines:
        while len(line) > 110:
            cut = line.rindex(", ", 0, 110) + 1
            out.append(line[:cut])
            line = "     " + line[cut:]
        out.append(line)
    return out


def julia_offsets(text):
    """Sizes and offsets that C's rules (which Julia follows) give the structs of the file."""
    found = {}
    for name, body in re.findall(r"^struct (\w+)\n(.*?)^end", text, re.S | re.M):
        at = widest = 0
        rows = []
        for field, kind in re.findall(r"^    (\w+)::(.+)$", body, re.M):
            many = re.fullmatch(r"NTuple\{(\d+), (.+)\}", kind)
            count, one = (int(many.group(1)), many.group(2)) if many else (1, kind)
            width = JULIA_BYTES[one]
            at = -(-at // width) * width
            rows.append((field, at))
            at += width * count
            widest = max(widest, width)
        found[name] = (-(-at // widest) * widest, rows)
    return found


def julia_check(structs, lines, failures):
    with open(JULIA, encoding="utf-8") as f:
        text = f.read()
    if text != julia_text(structs, lines):
        failures.append("layout.jl is not what the headers say: run tests/api/layout.py --write")
    laid = julia_offsets(text)
    for name, fields in structs:
        julia = "".join(w.capitalize() for w in name.split("_"))
        want = [(f, int(next(r.split()[1] for r in lines if r.split()[0] == f"{name}.{f}"))) for f, _, _ in fields]
        size = int(next(r.split()[1] for r in lines if r.split()[0] == name))
        if laid.get(julia) != (size, want):
            failures.append(f"layout.jl: {julia} is laid out as {laid.get(julia)}, C has {(size, want)}")
    return len(laid)


def python_check(structs, lines, failures):
    path = os.path.join(TOP, "engine/bindings/python/_mmsb_library.py")
    spec = importlib.util.spec_from_file_location("library", path)
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    for name, fields in structs:
        mine = library.ABI_STRUCTS.get(name)
        if mine is None:
            failures.append(f"_mmsb_library.py: there is no struct {name}")
            continue
        got = [f"{name} {ctypes.sizeof(mine)}"] + [f"{name}.{f} {getattr(mine, f).offset} {getattr(mine, f).size}"
                                                   for f, *_ in mine._fields_]
        want = [r for r in lines if r.split()[0] == name or r.startswith(name + ".")]
        if got != want:
            failures.append(f"_mmsb_library.py: {name}: {sorted(set(got) ^ set(want))}")
    return len(library.ABI_STRUCTS)


def main():
    structs, numbers = declared()
    lines = asked(structs, numbers)
    if sys.argv[1:] == ["--write"]:
        with open(JULIA, "w", encoding="utf-8") as f:
            f.write(julia_text(structs, lines))
        with open(BASELINE, "w", encoding="utf-8") as f:
            f.write("# name size | name.field offset size | constant value\n" + "\n".join(lines) + "\n")
    failures = []
    with open(BASELINE, encoding="utf-8") as f:
        kept = [row for row in f.read().splitlines() if row and not row.startswith("#")]
    if kept != lines:
        failures.append("mmsb.layout differs from the headers: " + ", ".join(sorted(set(kept) ^ set(lines))))
    counts = julia_check(structs, lines, failures), python_check(structs, lines, failures)
    for line in failures:
        print(line)
    print(f"{len(lines)} sizes, offsets and numbers; {counts[0]} structs in Julia, {counts[1]} in Python; "
          f"{len(failures)} failed")
    return 1 if failures or len(structs) < 7 or len(numbers) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
