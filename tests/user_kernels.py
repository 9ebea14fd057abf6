#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a user's own kernels: user_kernels.py BIN. Builds the C block of docs/Language.md, runs the
graph behind it (block `mmsbg kernels`), and checks values, faults, permission, state directories
and what is refused. Needs a C compiler as `cc`."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../docs/Language.md")
counts = {True: 0, False: 0}


def run(*words):
    p = subprocess.run([os.path.join(BIN, words[0]), *words[1:]], capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr


def check(name, held):
    counts[bool(held)] += 1
    if not held:
        print("FAIL", name)


def write(name, text):
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)


def cc(*words):
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "libuser.so", "user.c", *words], check=True)


def values():
    code, _, err = run("mmsb-run", "user.mmsbx")
    check("without permission it does not run", code == 2 and "--allow-kernels" in err)
    write("d.txt", "x[2] = 10\ncommit\nw = 0.5\ncommit\nx[1] = -3\ncommit\n")
    code, out, err = run("mmsb-run", "user.mmsbx", "--allow-kernels", "--deltas", "d.txt",
                         "--no-strict", "--print", "smooth_x,spread", "--oracle", "1")
    x, w = [0, 1, 10, 3, 4], 0.5
    y = [w * x[i] + (1 - w) * x[max(i - 1, 0)] for i in range(5)]
    lines = ["smooth_x[0..5] = " + ", ".join(repr(float(v)) for v in y)]
    lines += [f"spread[{i}, 0..2] = {y[i]!r}, {y[i] * 2!r}" for i in range(5)]
    check("values", out.split("\n")[:6] == lines)
    check("a fault rejects the epoch", code == 1 and "epoch 3 rejected" in err
          and "failed with number 7" in err and "user.mmsbg:" in err)


def state():
    common = ["--allow-kernels", "--root"]
    _, plain, _ = run("mmsb-run", "user.mmsbx", "--deltas", "ok.txt", "--state", "S", *common)
    _, again, _ = run("mmsb-run", "--replay", "S", *common)
    check("replay", plain != "" and plain.split("\n")[-2] == again.split("\n")[-2])
    check("replay needs permission", run("mmsb-run", "--replay", "S")[0] == 2)
    check("verify", run("mmsb", "log", "verify", "S", "--allow-kernels")[0] == 0)
    check("verify needs permission", run("mmsb", "log", "verify", "S")[0] == 2)
    cc("-O2", "-DANOTHER")
    code, _, err = run("mmsb-run", "user.mmsbx", "--state", "S", "--allow-kernels")
    check("another library is refused", code == 1 and "libuser.so is not the library" in err)


def refused():
    os.rename("libuser.so", "real.so")
    code, _, err = run("mmsb-run", "user.mmsbx", "--allow-kernels")
    check("a library that is not there", code == 3 and "libuser.so" in err)
    os.symlink("real.so", "libuser.so")
    code, _, err = run("mmsb-run", "user.mmsbx", "--allow-kernels")
    check("a link is refused", code == 3 and "without links" in err)
    os.unlink("libuser.so")
    write("libuser.so", "not a library")
    code, _, err = run("mmsb-run", "user.mmsbx", "--allow-kernels")
    check("a file that is no library", code == 1 and "cannot be loaded" in err)
    write("other.c", "int other;")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "libuser.so", "other.c"], check=True)
    code, _, err = run("mmsb-run", "user.mmsbx", "--allow-kernels")
    check("a library without the function", code == 1 and "exports no function `smooth`" in err)


def errors():
    head = 'kernel k(x: f64[n], w: f64[n]) -> f64[n] from "a.so" symbol "k"\nsource x: f64[4]\n'
    for text, code in (("page a = k(x)", "E0103"), ("source i: i32[4]\npage a = k(i, x)", "E0201"),
                       ("source y: f64[3]\npage a = k(x, y)", "E0300"),
                       ("page a[i: 4] = k(x * f64(i), x)[i]", "E0301"),
                       ("page a = k(x, 1.0)", "E0300")):
        write("e.mmsbg", head + text + "\n")
        status, _, err = run("mmsbc", "e.mmsbg", "--check")
        check(f"{text}: {code}", status == 1 and err.count("error[") == 1 and code in err)


def two_libraries():
    """Functions of the same name in two libraries: each call reaches its own."""
    for name, plus in (("one", "1.0"), ("two", "2.0")):
        write(f"{name}.c", "int add(void *to, const void *const *in, const long long *d)\n"
              f"{{ (void)d; *(double *)to = *(const double *)in[0] + {plus}; return 0; }}\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", f"lib{name}.so", f"{name}.c"], check=True)
    kernels = "".join(f'kernel {k}(x: f64) -> f64 from "lib{k}.so" symbol "add"\n' for k in ("one", "two"))
    write("two.mmsbg", kernels + "source x: f64 = 10.0\npage a = one(x)\npage b = two(x)\n")
    code, _, err = run("mmsbc", "two.mmsbg")
    check(f"two libraries compile: {err}", code == 0)
    code, out, _ = run("mmsb-run", "two.mmsbx", "--allow-kernels", "--print", "a,b")
    check("each kernel runs the function of its own library", code == 0 and "a = 11.0" in out and "b = 12.0" in out)


def main():
    if shutil.which("cc") is None:
        print("skipped: no cc\n0 passed, 0 failed")
        return 0
    with open(DOC, encoding="utf-8") as f:
        text = f.read()
    source = re.search(r"^```c kernels\n(.*?)^```", text, re.M | re.S).group(1)
    graph = re.search(r"^```mmsbg kernels\n(.*?)^```", text, re.M | re.S).group(1)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        write("user.c", source)
        write("user.mmsbg", graph)
        write("ok.txt", "x[2] = 10\ncommit\nw = 0.5\ntick 3\n")
        cc()
        check("the graph compiles", run("mmsbc", "user.mmsbg")[0] == 0)
        values()
        state()
        refused()
        errors()
        two_libraries()
        os.chdir("/")
    print(f"{counts[True]} passed, {counts[False]} failed")
    return 1 if counts[False] or not counts[True] else 0


if __name__ == "__main__":
    sys.exit(main())
