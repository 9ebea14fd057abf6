#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mmsbc fmt over every graph there is: format.py BUILD [FILE...]
For each graph of graphs/, examples/, docs/ and tests/ (and ../shared/checks where it is), random graphs of the oracle,
and each of them with comments put between random tokens: the canonical text has the same tree (--emit ast), every
comment in its order, no line over 100 columns that could break, is its own canonical text, and gives the same image.
Each graph without a wrong result counts as passed. image_same.c says what of two images is compared."""
import glob
import os
import random
import re
import subprocess
import sys
import tempfile

build = os.path.abspath(sys.argv[1])
mmsbc = os.path.join(build, "bin", "mmsbc")
same = os.path.join(build, "tests", "image_same")
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/|[A-Za-z_]\w*|(?:0[xX][0-9a-fA-F_.]+(?:[pP][+-]?\d+)?|'
                   r"\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\w*|->|\*\*|\|\||&&|[=!<>]=|<<|>>|.", re.S)


def run(arguments, text=None, cwd=None):
    p = subprocess.run([mmsbc] + arguments, input=text, capture_output=True, cwd=cwd)
    return p.returncode, p.stdout, p.stderr.decode(errors="replace")


def comments(text):
    found = [t for t in TOKEN.findall(text) if t.startswith(("//", "/*"))]
    return [re.sub(r"[ \t\r]+(?=\n|$)", "", t) for t in found]


def images_differ(name, texts, folders):
    """What image_same says of the images of two texts; None where they are the same, or both are none."""
    with tempfile.TemporaryDirectory() as work:
        codes = []
        for k, text in enumerate(texts):
            with open(os.path.join(work, name), "wb") as f:
                f.write(text)
            arguments = [name, "-o", f"{k}.mmsbx"] + [x for d in folders for x in ("-I", os.path.abspath(d))]
            codes.append(run(arguments, cwd=work)[0])
        if codes != [0, 0]:
            return None if codes == [1, 1] else f"mmsbc ends with {codes}"
        p = subprocess.run([same, "0.mmsbx", "1.mmsbx"], cwd=work, capture_output=True, text=True)
        return None if p.returncode == 0 else p.stdout + p.stderr


def too_wide(text):
    """Lines past 100 columns that hold more than one word and no comment."""
    return [x for x in text.split("\n") if len(x) > 100 and "//" not in x and "*/" not in x and '"' not in x
            and len(x.split()) > 2]


def check(name, text, folders, images=True):
    code, out, err = run(["fmt", "-"], text)
    if code != 0:
        return f"fmt: status {code}: {err[:300]}"
    if run(["fmt", "-"], out)[1] != out:
        return "fmt of fmt differs"
    before, after = run(["--emit", "ast", "-"], text), run(["--emit", "ast", "-"], out)
    if before[0] != 0 or before[1] != after[1]:
        return f"the trees differ: {before[2]}{after[2]}"
    if comments(text.decode()) != comments(out.decode()):
        return "comments are lost or moved"
    if too_wide(out.decode()):
        return "too wide: " + too_wide(out.decode())[0]
    if images:
        return images_differ(name, (text, out), folders)
    return None


def with_comments(text, seed):
    """Comments and newlines between random tokens."""
    r, out = random.Random(seed), []
    for k, t in enumerate(TOKEN.findall(text)):
        out.append(t)
        if r.random() < 0.08 and not t.startswith("//") and t.strip() and (k + 1) % 3:
            n = len(out)
            out.append(r.choice([
                f" // c{n}\n", f"\n  // c{n}  \n", f" /* c{n} */ ", f"\n/* c{n} */\n",
                f" /* c{n} */\n", f"\n\n\n/* c{n}\n   d */", f" /* c{n} *//* e */ // f\n", "\n\n", "  "]))
    return "".join(out)


def corpus():
    for pattern in ("graphs/*.mmsbg", "examples/*/*.mmsbg", "tests/**/*.mmsbg", "../shared/checks/cases/*/*.mmsbg"):
        for path in sorted(glob.glob(pattern, recursive=True)):
            with open(path, "rb") as f:
                yield path, f.read(), [os.path.dirname(path), "graphs"]
    for path in sorted(glob.glob("docs/*.md")):
        with open(path, encoding="utf-8") as f:
            for k, m in enumerate(re.finditer(r"^```mmsbg.*?\n(.*?)^```", f.read(), re.M | re.S)):
                yield f"{path}:{k}", m.group(1).encode(), ["graphs"]
    for seed in range(1, 121):
        text = subprocess.run([os.path.join(build, "tests", "oracle_compare"), "--print", "--seed", str(seed)],
                              capture_output=True, check=True).stdout
        parts = re.split(r"^---- (\S+)\n", text.decode(), flags=re.M)  # the graph, then what it imports
        with tempfile.TemporaryDirectory() as folder:
            for name, part in zip(parts[1::2], parts[2::2]):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                    f.write(part)
            for name, part in zip([""] + parts[1::2], parts[::2]):
                yield f"oracle {seed} {name}", part.encode(), [folder]


def main():
    passed = failed = skipped = 0
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    for path, text, folders in corpus():
        if run(["--emit", "ast", "-"], text)[0] == 1:
            skipped += 1  # not a graph: a text of a test for syntax errors
            continue
        wrong = check("graph.mmsbg", text, folders)
        for seed in range(4):
            if wrong is None:
                variant = with_comments(text.decode(), seed).encode()
                wrong = check("graph.mmsbg", variant, folders, images=seed == 0)
                if wrong is not None:
                    with open(os.path.join(tempfile.gettempdir(), "format-failed.mmsbg"), "wb") as f:
                        f.write(variant)
                    wrong = f"with comments of seed {seed}: {wrong}"
        passed += wrong is None
        failed += wrong is not None
        if wrong is not None:
            print(f"{path}: {wrong}")
    print(f"{skipped} texts are not graphs")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed < 150 else 0


sys.exit(main())
