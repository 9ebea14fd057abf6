#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the PTX that mmsbc writes: nothing in it may be contracted, approximated or flushed, and the
assembler takes it for every processor that is promised.

usage: gates.py BUILD [RANDOM GRAPHS]; without ptxas it says so and passes what it can."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 100
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MMSBC = os.path.join(BUILD, "bin", "mmsbc")
ARCHITECTURES = (75, 80, 86, 89, 90)
LABEL = re.compile(r"^\s*[A-Za-z_$][\w$]*:\s*$")
BARE = re.compile(r"\b(add|sub|mul|fma|mad|div|sqrt|rcp)(\.(?!rn\b)\w+)*\.f(32|64)\b")
failures = []


def fail(what):
    failures.append(what)
    print("FAILED", what)


def tool(name):
    return shutil.which(name) or shutil.which(name, path="/usr/local/cuda/bin:/opt/cuda/bin")


def ptx(path, *options):
    """The text of a graph, or None where the graph is refused."""
    run = subprocess.run([MMSBC, "-I", TOP + "/graphs", "--emit", "ptx", *options, path],
                         capture_output=True, text=True)
    if run.returncode == 5 and "without nvcc" in run.stderr:
        print("skipped: this build has no CUDA executor")
        sys.exit(0)
    return run.stdout if run.returncode == 0 else None


def kernels(text):
    """Name and body of every kernel that was written from bytecode."""
    roles = "map|leaves|keyed|dot|product|blocks|scan"
    return re.findall(rf"^\.visible \.entry ((?:{roles})_\d+)\((.*?)^}}", text, re.M | re.S)


def check_text(name, text):
    for line in text.splitlines():
        code = line.split("//")[0]
        if BARE.search(code):
            fail(f"{name}: rounding is not said: {code.strip()}")
        if ".approx" in code or ".ftz" in code:
            fail(f"{name}: {code.strip()}")
    if not text.startswith("// Made by MMSB") or ".version 7.0\n.target sm_75\n" not in text:
        fail(f"{name}: the head")


def assemble(name, text, architectures, folder):
    """Assembles; the two kernels that nvcc made must not spill."""
    path = os.path.join(folder, "t.ptx")
    with open(path, "w", encoding="ascii") as to:
        to.write(text)
    for a in architectures:
        run = subprocess.run([tool("ptxas"), f"-arch=sm_{a}", "-v", "-c", path, "-o", "/dev/null"],
                             capture_output=True, text=True)
        if run.returncode != 0:
            fail(f"{name}: sm_{a}: {run.stderr[:400]}")
        for part in run.stderr.split("Compiling entry function")[1:]:
            if part.startswith(" 'mmsb_blocks") and " 0 bytes spill stores" not in part:
                fail(f"{name}: sm_{a}: a fixed kernel spills")


def graph(folder, text):
    path = os.path.join(folder, "g.mmsbg")
    with open(path, "w", encoding="utf-8") as to:
        to.write(text)
    return path


def check_fma(folder):
    """As many fma in the kernels as the graph has."""
    text = ptx(graph(folder, """graph g
source a: f64[1000] = 1.0
source b: f32[1000] = 2.0
page x = fma(a, a, 1.0) * a + a
page y = fma(fma(b, b, b), b, b) - b * b
page d = dot(a, a)
page p = matmul(m, n)
source m: f32[10, 512] = 1.0
source n: f32[512, 3] = 1.0
export x, y, d, p
"""))
    found = sum(body.count("fma.rn.") for _, body in kernels(text))
    if found != 5:
        fail(f"3 fma were written beside a dot and a product of one chunk, {found} stand in the kernels")
    if sum(body.count("mul.rn.") for _, body in kernels(text)) != 2:
        fail("two products were written")


def check_contraction(folder):
    """Without fma in the functions' source nvcc makes none."""
    nvcc = tool("nvcc")
    if nvcc is None:
        print("skipped: no nvcc")
        return
    shutil.copytree(TOP + "/kernels", folder + "/tree/kernels")
    shutil.copytree(TOP + "/engine/core", folder + "/tree/engine/core")
    path = folder + "/tree/kernels/elementary.h"
    source = open(path, encoding="utf-8").read()
    changed = re.sub(r"#define MM_FMA\(a, b, c\).*", "#define MM_FMA(a, b, c) ((a) * (b) + (c))", source)
    if changed == source:
        fail("MM_FMA is not where it was")
    with open(path, "w", encoding="utf-8") as to:
        to.write(changed)
    flags = re.search(r"COMMAND \$\{MMSB_NVCC\} (.*)", open(TOP + "/kernels/CMakeLists.txt").read()).group(1)
    out = folder + "/f.ptx"
    subprocess.run([nvcc, *flags.split(), "-ptx", folder + "/tree/kernels/kernel_cuda.cu", "-o", out], check=True)
    found = open(out, encoding="utf-8").read().count("fma.rn")
    if found != 0:
        fail(f"nvcc contracted {found} products")


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_fma(folder)
        names = sorted(glob.glob(TOP + "/graphs/*.mmsbg") + glob.glob(TOP + "/examples/*/*.mmsbg")
                       + glob.glob(TOP + "/tests/golden/**/*.mmsbg", recursive=True)
                       + glob.glob(TOP + "/tests/oracle/*.mmsbg") + glob.glob(TOP + "/tests/cuda/*.mmsbg"))
        assembler = tool("ptxas") is not None
        if not assembler:
            print("skipped: no nvcc: nothing is assembled")
        checked = written = 0
        for number, path in enumerate(names):
            text = ptx(path)
            if text is None:
                continue
            checked += 1
            written += len(kernels(text))
            check_text(path, text)
            if assembler and kernels(text):
                whole = "/golden/" not in path
                assemble(path, text, ARCHITECTURES if whole else ARCHITECTURES[number % 5:][:1], folder)
        for seed in range(1, COUNT + 1):
            made = subprocess.run([BUILD + "/tests/oracle_compare", "--print", "--seed", str(seed)],
                                  capture_output=True, text=True, check=True).stdout
            text = None if "\n---- " in made else ptx(graph(folder, made))
            if text is None:
                continue
            checked += 1
            written += len(kernels(text))
            check_text(f"seed {seed}", text)
            if assembler:
                assemble(f"seed {seed}", text, ARCHITECTURES[seed % 5:][:1], folder)
        if assembler:
            check_contraction(folder)
        if checked < COUNT // 2 or written < COUNT:
            fail(f"only {checked} graphs with {written} kernels")
        print(f"{checked} graphs, {written} kernels: every rounding is said"
              + (", assembled for sm_" + ", ".join(map(str, ARCHITECTURES)) if assembler else ""))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
