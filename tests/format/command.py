#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line of mmsbc: command.py BIN. --fix, -MD, --emit, fmt --check, colours, wrong options, hostile texts."""
import json
import os
import pty
import subprocess
import sys
import tempfile

mmsbc = os.path.join(os.path.abspath(sys.argv[1]), "mmsbc")
passed = failed = 0


def expect(name, ok, what=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"{name}: {str(what)[:400]}")


def run(arguments, text=None, **more):
    return subprocess.run([mmsbc] + arguments, input=text, capture_output=True, **more)


def write(name, text):
    with open(name, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())


def read(name):
    with open(name, "rb") as f:
        return f.read().decode()


HEAD = "source x: f64[4] = 1.0\nsource k: i32[4] = 1\nsource u: u32[4] = 1\nsource price: f64 = 1.0\n"
# What --fix makes of it, and the status of the compilation after it.
FIXES = [
    ("page y = pirce + 1.0", "page y = price + 1.0", 0),
    ("page y = sqrtt(x)", "page y = sqrt(x)", 0),
    ("page y = x ^ 2.0", "page y = x ** 2.0", 0),
    ("page y = k + x", "page y = f64(k) + x", 0),
    ("page y = x * (k + 1)", "page y = x * f64((k + 1))", 0),
    ("page y = sqrt(k)", "page y = sqrt(f64(k))", 0),
    ("page y = x[0] < price < 3.0", "page y = x[0] < price && price < 3.0", 0),
    ("page y = x; page z = y;", "page y = x page z = y", 0),
    ("pgae y = x", "page y = x", 0),
    ("page y = if k == 1 then x else k", "page y = if k == 1 then x else f64(k)", 0),
    ("page y = k + u", "page y = k + u", 1),  # neither holds the other
    ("page y = x + true", "page y = x + true", 1),
    ("page y = k + 1.5", "page y = k + 1.5", 1),
    ("page y = q", "page y = q", 1),  # too short to be sure
    ("source prica: f64 page y = pric", "source prica: f64 page y = pric", 1),  # two as near
    ("page y = x[0] < price > 3.0", "page y = x[0] < price > 3.0", 1),
    ("page y[i: 4] = x[i + 1]", "page y[i: 4] = x[i + 1]", 1),
    ("fn f(a, b) = a + b page y = f(x, k)", "fn f(a, b) = a + b page y = f(x, f64(k))", 0),
]


def fixes():
    for before, after, status in FIXES:
        write("g.mmsbg", HEAD + before + "\n")
        shown = run(["g.mmsbg", "--check", "--error-format", "json"]).stderr.decode()
        rows = [json.loads(line) for line in shown.splitlines()]
        p = run(["g.mmsbg", "--fix"])
        expect(f"--fix of {before}", (read("g.mmsbg"), p.returncode) == (HEAD + after + "\n", status),
               read("g.mmsbg")[len(HEAD):] + str(p))
        expect(f"json of {before}", any("fix" in r for r in rows) == (before != after), shown)
    many = HEAD + "".join(f"page y{n} = pirce + f64(k[{n % 4}]) ^ 2.0\n" for n in range(300))
    write("g.mmsbg", many)
    p = run(["g.mmsbg", "--fix"])
    fixed = many.replace("pirce", "price").replace("^", "**")
    expect("600 fixes in one file", p.returncode == 0 and read("g.mmsbg") == fixed, p.stderr)
    write("lib.mmsbg", "fn f(a) = sqrtt(a)\n")
    write("g.mmsbg", 'import "lib.mmsbg"\n' + HEAD + "page y = f(x)\n")
    p = run(["g.mmsbg", "--fix"])
    expect("an import is not written to", p.returncode == 1 and read("lib.mmsbg") == "fn f(a) = sqrtt(a)\n", p)


def options():
    for wrong, near in (("--chek", "--check"), ("--emitt=ir", "--emit"), ("--colour", "--color"),
                        ("--hepl", "--help")):
        p = run(["g.mmsbg", wrong])
        expect(wrong, p.returncode == 2 and f"did you mean `{near}`".encode() in p.stderr, p)
    for wrong in (["g.mmsbg", "--nothing-like-it"], ["g.mmsbg", "--emit", "pdf"], ["g.mmsbg", "-o"], [], ["fmt"],
                  ["a.mmsbg", "b.mmsbg"], ["g.mmsbg", "--check=1"],
                  ["fmt", "-o", "x", "g.mmsbg"],
                  ["-", "--fix"], ["g.mmsbg", "--max-bytes", "0"], ["g.mmsbg", "--max-waves=many"],
                  ["g.mmsbg", "-MD", "--check"], ["g.mmsbg", "--error-format", "xml"]):
        expect(f"usage {wrong}", run(wrong).returncode == 2, wrong)
    shown = run(["--help"])
    expect("--help", shown.returncode == 0 and not shown.stderr and
           b"--emit image|plan|json|dot|ast|ir" in shown.stdout)
    write("bad.mmsbg", "page y = nothing_here\n")
    for environment, arguments, painted in (({}, [], False), ({"NO_COLOR": "1"}, ["--color=always"], True),
                                            ({"NO_COLOR": "1"}, ["--color", "auto"], False),
                                            ({}, ["--color=never"], False)):
        p = run(["bad.mmsbg"] + arguments, env={**os.environ, **environment})
        expect("colour", (b"\x1b[" in p.stderr) == painted and p.returncode == 1, p)
    colours_of_a_terminal()


def colours_of_a_terminal():
    for environment, painted in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        try:
            ours, theirs = pty.openpty()
        except OSError as none:
            print(f"skipped: no terminal to be had: {none}")
            return
        clean = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        subprocess.run([mmsbc, "bad.mmsbg"], stderr=theirs, env={**clean, **environment})
        expect(f"a terminal, {environment}", (b"\x1b[" in os.read(ours, 65536)) == painted)
        os.close(ours)
        os.close(theirs)


def files():
    write("lib a.mmsbg", "const one: f64 = 1.0\n")
    write("g.mmsbg", 'import "lib a.mmsbg"\nsource x: f64[2] from "x.npy"\npage y = x + one\n')
    p = run(["g.mmsbg", "-MD"])
    expect("-MD", p.returncode == 0 and read("g.d") == "g.mmsbx: g.mmsbg lib\\ a.mmsbg\n", p.stderr)
    os.makedirs("out", exist_ok=True)
    p = run(["g.mmsbg", "-MD", "-o", "out/h.mmsbx"])
    expect("-MD -o", p.returncode == 0 and read("out/h.d") == "out/h.mmsbx: g.mmsbg lib\\ a.mmsbg\n", p.stderr)
    p = run(["g.mmsbg", "--emit=ir"])
    expect("--emit=ir", p.returncode == 0 and b"page y: f64[2], exported\n  = (x[i0] + 1.0)\n" in p.stdout, p.stdout)
    write("deep.mmsbg", "source x: f64\nfn f(a) = a * a + a\npage y = " + "f(" * 40 + "x" + ")" * 40 + "\n")
    p = run(["deep.mmsbg", "--emit=ir"])
    expect("--emit=ir of a tree of 3^40 leaves", p.returncode == 0 and len(p.stdout) < 20000, len(p.stdout))
    for limit, status in (("--max-bytes=1", 1), ("--max-bytes=1000000", 0), ("--max-waves=9", 0),
                          ("--max-amplification=x=1", 0)):
        p = run(["g.mmsbg", "--check", limit])
        expect(limit, p.returncode == status, p)
    write("a.mmsbg", "page y=1")
    write("b.mmsbg", "page y = 1\n")
    write("c.mmsbg", "page y = (\n")
    p = run(["fmt", "--check", "a.mmsbg", "b.mmsbg"])
    expect("fmt --check", p.returncode == 1 and p.stdout == b"a.mmsbg\n" and read("a.mmsbg") == "page y=1", p)
    p = run(["fmt", "a.mmsbg", "c.mmsbg", "b.mmsbg"])
    expect("fmt", p.returncode == 1 and read("a.mmsbg") == "page y = 1\n" and read("c.mmsbg") == "page y = (\n", p)
    expect("fmt --check after fmt", run(["fmt", "--check", "a.mmsbg", "b.mmsbg"]).returncode == 0)
    expect("fmt of no file", run(["fmt", "nothing.mmsbg"]).returncode == 3)
    p = run(["fmt", "-"], b"page y=1")
    expect("fmt -", p.returncode == 0 and p.stdout == b"page y = 1\n", p)


def hostile():
    n = 100000
    deep = ["(" * n, "(" * n + "x" + ")" * n, "-" * n + "x", "!" * n + "x", "x" + "[0" * n, "f(" * n, "[" * n, "{" * n,
            "if " * n, "let a = " * n, "init " * n, "x ** " * n + "x", "x + " * n + "x",
            "if a then b else " * n + "c", "let a = 1 in " * n + "a", "x" + "[0]" * n, "if a then " * n,
            "(" * 256 + "x" + ")" * 256, "(" * 257 + "x" + ")" * 257, "-" * 255 + "x", "-" * 300 + "x",
            "if true then 1.0 else " * 998 + "2.0", "let a = x in " * 998 + "x", "x + " * 998 + "x",
            "if " * 250 + "true" + " then true else true" * 250, "sum(" * 250 + "x" + ")" * 250,
            "x + (" * 254 + "x" + ")" * 254, "1" * 1000000, "x" * 1000000, '"' + "a" * 1000000, "1." + "0" * 1000000,
            "x + " + " " * 1000000 + "nothing", "/*" * n, "/* " + "*" * 1000000, "//" + "a" * 1000000, "\x00" * n,
            "x \x00 + x", "\x7f", "é" * 100000, "x" + "\t" * 1000000 + "$"]
    texts = [f"source x: f64\npage y = {d}\npage z = x\n".encode() for d in deep]
    texts += [b"page y = \xff\xfe", b"// \xff\n", b"/* \xc3", b'assert true "\xc3("', b'assert true "\\\xc3\xa9"',
              b"\xef\xbb\xbf",
              b"", b"\xef\xbb", b'assert true "', b"/*", b"/", b'"', b"page", bytes(range(256)) * 100]
    texts += [b"page y = x ." * 50000, b"export " + b"a," * 50000, b"node n() -> (y) {" * 50000, b"page " * 50000]
    for k, text in enumerate(texts):
        write("h.mmsbg", text)
        for arguments in (["h.mmsbg", "--check"], ["h.mmsbg", "--check", "--error-format=json"],
                          ["fmt", "-"], ["h.mmsbg", "--emit=ast"]):
            p = run(arguments, text, timeout=120)
            shown = len(p.stderr)
            expect(f"hostile text {k} {text[:40]} {arguments}", p.returncode in (0, 1) and shown < 100000,
                   f"{p.returncode} {p.stderr[-300:]}")
    for text in ("if true then 1.0 else " * 998 + "2.0", "x + " * 998 + "x"):
        write("h.mmsbg", f"source x: f64\nfn f(a) = a\npage y = {text}\n")
        p = run(["h.mmsbg", "--check"])
        expect(f"998 times {text[:10]}", p.returncode == 0, f"{p.returncode} {p.stderr[-300:]}")
    chain = "".join(f"fn g{k}(a) = g{k - 1}(a){' + a' * 900}\n" for k in range(1, 60))
    write("h.mmsbg", "source x: f64\nfn g0(a) = a\n" + chain + "page y = g59(x)\n")
    p = run(["h.mmsbg", "--check"])
    expect("long functions in each other", p.returncode in (0, 1), f"{p.returncode} {p.stderr[-300:]}")
    for k, most in ((256, 0), (257, 1)):
        write("h.mmsbg", f"source x: f64\npage y = {'(' * k}x{')' * k}\n")
        expect(f"{k} brackets", run(["h.mmsbg", "--check"]).returncode == most)


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    fixes()
    options()
    files()
    hostile()
    os.chdir("/")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
