#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every code block of every page: docs_blocks.py BIN [PAGE ...]

Without a PAGE: README.md, docs/, and the README of every folder. A page's blocks run in order, from the top
of a clean copy of what git tracks, with BIN on the PATH; `cd` lasts to the end of the page. What a block
stands for is its info string:

    mmsbg                 a whole graph: compiled, run for one tick with --oracle 1
    mmsbg error E0nnn     must be refused with that code
    c kernels             compiled to libuser.so; `mmsbg kernels` behind it runs with --allow-kernels
    c program             compiled as C99 with -lmmsb and run; must end with 0
    python, julia         run with the binding of this tree; julia only where it is installed (else said)
    deltas                fed to the graph before it, with --oracle 1; `deltas status N`: ends with N
    mmsbg file NAME       (any language) is written under that name; graphs and deltas are tried out too
    sh                    commands; each must end with 0; `sh status N`: the last one with N
    sh no-run             not run; only for what installs packages or is run by tests/run.sh itself
    text                  behind a `sh`, a program, python or julia: all that it prints; `...` stands for any lines
    text help             is printed by `COMMAND --help`, its first word being COMMAND
    text same-as FILE     is that file, seen from the page's folder
    text figure           a drawing: no commands in it

A block that is none of these fails, and so does one that is indented instead of fenced.
"""
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FENCE = re.compile(r"^(`{3,}|~{3,})[ ]*([^\n`]*)\n(.*?)^\1[ ]*$", re.M | re.S)
NO_RUN = re.compile(r"apt-get install|examples/quickstart\.sh|tests/run\.sh|bench/run\.sh"
                    r"|cmake -S|cmake --install|cmake --preset")


class Wrong(Exception):
    pass


class Skipped(Exception):
    """Why a block was not run: said once, and not counted."""


SKIPPED = set()


def python_with_numpy():
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import numpy"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return python
    raise Wrong("no python3 with NumPy")


@functools.cache
def no_julia():
    """Why no block of Julia is run: none is there, or one that is too old for the package."""
    if shutil.which("julia") is None:
        return "skipped: no julia"
    words = 'VERSION < v"1.10" && print("skipped: julia $VERSION is older than 1.10")'
    return subprocess.run(["julia", "--startup-file=no", "-e", words], capture_output=True, text=True,
                          check=True).stdout


def pages():
    found = ["README.md"] + glob.glob("docs/**/*.md", root_dir=TOP, recursive=True)
    listed = subprocess.run(["git", "ls-files", "*README.md"], cwd=TOP, capture_output=True, text=True).stdout.split()
    return sorted(set(found) | set(listed))


def copy_of_tree(folder, bin_dir):
    """What git tracks, or what is there but for builds, without the tests, as a folder of its own."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP,
                            capture_output=True, text=True)
    names = [n for n in listed.stdout.split("\0") if n and not n.startswith("tests/")]
    if listed.returncode != 0:
        names = [os.path.relpath(os.path.join(at, f), TOP) for at, _, files in os.walk(TOP) for f in files]
        names = [n for n in names if not n.startswith(("build", "tests/"))]
    for name in names:
        if os.path.isfile(os.path.join(TOP, name)):
            os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
            shutil.copy(os.path.join(TOP, name), os.path.join(folder, name))
    os.makedirs(os.path.join(folder, "build"), exist_ok=True)
    os.symlink(bin_dir, os.path.join(folder, "build/bin"))


class Page:
    """One page's run: its folder, the graph that deltas go to, what the last commands printed."""

    def __init__(self, name, top, bin_dir):
        self.name, self.top, self.bin = name, top, bin_dir
        self.cwd, self.graph, self.printed = top, None, None
        self.scratch = tempfile.mkdtemp(dir=top, prefix=".blocks")
        run = os.path.join(self.scratch, "run")     # buses of this page alone
        os.mkdir(run, 0o700)
        self.env = dict(os.environ, PATH=bin_dir + ":" + os.environ["PATH"], LC_ALL="C.UTF-8", NO_COLOR="1",
                        XDG_RUNTIME_DIR=run)

    def command(self, arguments, cwd=None):
        return subprocess.run(arguments, cwd=cwd or self.scratch, env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=300)

    def tool(self, arguments, status=0):
        p = self.command(arguments)
        if p.returncode != status:
            raise Wrong(f"status {p.returncode}, wanted {status}: {p.stdout.strip()[:600]}")
        return p.stdout

    def try_graph(self, body, options, folder):
        with open(os.path.join(self.scratch, "block.mmsbg"), "w", encoding="utf-8") as f:
            f.write(body)
        compiler = ["mmsbc", "block.mmsbg", "-o", "block.mmsbx", "-I", os.path.join(self.top, "graphs"), "-I", folder]
        if options[:1] == ["error"] and len(options) == 2:
            self.graph = None
            if options[1] not in self.tool(compiler, 1):
                raise Wrong(f"refused, but not with {options[1]}")
            return
        if options not in ([], ["kernels"]):
            raise Wrong(f"unknown words: {' '.join(options)}")
        self.tool(compiler)
        self.graph = "block.mmsbx"
        allow = ["--allow-kernels"] if options else []
        self.tool(["mmsb-run", self.graph, "--ticks", "1", "--oracle", "1"] + allow)

    def kernels(self, body):
        with open(os.path.join(self.scratch, "user.c"), "w", encoding="utf-8") as f:
            f.write(body)
        self.tool(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "user.c", "-o", "libuser.so"])

    def program(self, body):
        with open(os.path.join(self.scratch, "program.c"), "w", encoding="utf-8") as f:
            f.write(body)
        lib = os.path.join(os.path.dirname(self.bin), "lib")
        self.tool(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-I" + os.path.join(self.top, "engine/include"),
                   "-I" + os.path.join(self.top, "compiler/include"), "program.c", "-o", "program", "-L" + lib,
                   "-Wl,-rpath," + lib, "-lmmsb", "-lmmsbc"])
        self.printed = self.run_in_cwd([os.path.join(self.scratch, "program")])

    def script(self, kind, body):
        bindings = os.path.join(self.top, "engine/bindings")
        self.env.update(MMSB_LIBRARY=os.path.join(os.path.dirname(self.bin), "lib"), PYTHONDONTWRITEBYTECODE="1",
                        PYTHONPATH=os.path.join(bindings, "python"))
        if kind == "julia" and no_julia():
            self.printed = SKIPPED
            raise Skipped(no_julia())
        path = os.path.join(self.scratch, "script." + kind)
        with open(path, "w", encoding="utf-8") as f:
            f.write(body)
        words = ["julia", "--project=" + os.path.join(bindings, "julia")] if kind == "julia" else [python_with_numpy()]
        self.printed = self.run_in_cwd(words + [path])

    def run_in_cwd(self, words):
        p = self.command(words, self.cwd)
        if p.returncode != 0:
            raise Wrong(f"status {p.returncode}: {p.stdout.strip()[-600:]}")
        return p.stdout

    def try_deltas(self, body, options):
        if self.graph is None:
            raise Wrong("no graph stands before it")
        with open(os.path.join(self.scratch, "block.txt"), "w", encoding="utf-8") as f:
            f.write(body)
        status = int(options[1]) if options[:1] == ["status"] and len(options) == 2 else 0
        if options and not status:
            raise Wrong(f"unknown words: {' '.join(options)}")
        self.tool(["mmsb-run", self.graph, "--deltas", "block.txt", "--oracle", "1"], status)

    def file(self, kind, name, body):
        path = os.path.join(self.cwd, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(body)
        if kind == "mmsbg" and re.search(r"^\s*graph\b", body, re.M):
            self.try_graph(body, [], self.cwd)

    def shell(self, body, options):
        if options[:1] == ["no-run"]:
            lines = [line for line in body.splitlines() if line.strip() and not line.lstrip().startswith("#")]
            if not any(NO_RUN.search(line) for line in lines):
                raise Wrong("`no-run` is for blocks that install packages or build")
            return
        status = int(options[1]) if options[:1] == ["status"] else 0
        if options and (not status or len(options) != 2):
            raise Wrong(f"unknown words: {' '.join(options)}")
        at = os.path.join(self.scratch, "cwd")
        script = "set -e\ntrap 'pwd >" + at + "' EXIT\n" + body
        p = self.command(["sh", "-c", script], self.cwd)
        self.printed = p.stdout
        if p.returncode != status:
            raise Wrong(f"status {p.returncode}, wanted {status}: {p.stdout.strip()[-600:]}")
        with open(at, encoding="utf-8") as f:
            self.cwd = f.read().rstrip("\n")

    def text(self, body, options):
        if options == ["figure"]:
            if re.search(r"^\s*(\$|mmsbc|mmsb-run|mmsb|sh|cmake) ", body, re.M):
                raise Wrong("a figure with commands in it")
        elif options == ["help"]:
            same_text(self.command([body.split()[0], "--help"]).stdout, body)
        elif options[:1] == ["same-as"] and len(options) == 2:
            with open(os.path.join(self.top, os.path.dirname(self.name), options[1]), encoding="utf-8") as f:
                same_text(f.read(), body)
        elif options:
            raise Wrong(f"unknown words: {' '.join(options)}")
        elif self.printed is SKIPPED:
            self.printed = None
            raise Skipped(*SKIPPED)
        elif self.printed is None:
            raise Wrong("nothing that prints stands before this output")
        else:
            same_text(self.printed, body)
            self.printed = None

    def block(self, info, body):
        words = info.split()
        kind, options = (words[0], words[1:]) if words else ("", [])
        if options[:1] == ["file"] and len(options) == 2:
            self.file(kind, options[1], body)
        elif kind == "mmsbg":
            self.try_graph(body, options, self.cwd)
        elif kind == "c" and options == ["kernels"]:
            self.kernels(body)
        elif kind == "c" and options == ["program"]:
            self.program(body)
        elif kind in ("python", "julia") and not options:
            self.script(kind, body)
        elif kind == "deltas":
            self.try_deltas(body, options)
        elif kind == "sh":
            self.shell(body, options)
        elif kind == "text":
            self.text(body, options)
        else:
            raise Wrong("no rule covers this block; tests/docs_blocks.py lists the info strings")


def same_text(got, want):
    """Line by line, blanks at line ends apart; a line `...` of want stands for any lines."""
    got, want = ([line.rstrip() for line in t.strip("\n").split("\n")] for t in (got, want))
    at, tried = 0, 0     # the next lines of want and got
    dots, kept = -1, 0   # where to take up again behind a `...`
    while tried < len(got):
        if at < len(want) and want[at].strip() == "...":
            at, dots, kept = at + 1, at + 1, tried
        elif at < len(want) and want[at] == got[tried]:
            at, tried = at + 1, tried + 1
        elif dots >= 0:
            at, kept = dots, kept + 1
            tried = kept
        else:
            break
    while at < len(want) and want[at].strip() == "...":
        at += 1
    if tried < len(got) or at < len(want):
        miss = next((w for w in want if w.strip() != "..." and w not in got), want[0])
        raise Wrong("prints otherwise; first line that is not printed: " + miss + "\n  printed:\n" +
                    "\n".join("  | " + line for line in got[:30]))


def indented(text):
    """Lines of indented blocks: behind an empty line, not in a list."""
    bare = FENCE.sub(lambda m: "\n" * m.group(0).count("\n"), text).split("\n")
    in_list = False
    for k, line in enumerate(bare):
        if re.match(r"\s*([-*]|\d+\.) ", line):
            in_list = True
        elif line.strip() and not line.startswith(" "):
            in_list = False
        elif line.startswith("    ") and line.strip() and not in_list and k and not bare[k - 1].strip():
            yield k + 1


def run_page(name, bin_dir):
    """(passed, failures) of one page."""
    with open(os.path.join(TOP, name), encoding="utf-8") as f:
        text = f.read()
    passed, failures = 0, [f"{name}:{k}: an indented block; fence it" for k in indented(text)]
    with tempfile.TemporaryDirectory() as work:
        top = os.path.realpath(work)
        page = None
        for m in FENCE.finditer(text):
            if page is None:
                copy_of_tree(top, bin_dir)
                page = Page(name, top, bin_dir)
            line = text[:m.start()].count("\n") + 1
            try:
                page.block(m.group(2), m.group(3))
                passed += 1
            except Skipped as e:
                SKIPPED.add(str(e))
            except (Wrong, OSError, ValueError, subprocess.TimeoutExpired) as e:
                failures.append(f"{name}:{line}: {m.group(2)}: {e}")
    return passed, failures


def main():
    bin_dir = os.path.realpath(sys.argv[1])
    passed, failures = 0, []
    for name in sys.argv[2:] or pages():
        more, wrong = run_page(os.path.relpath(os.path.abspath(name), TOP) if sys.argv[2:] else name, bin_dir)
        passed += more
        failures += wrong
    for line in failures:
        print(line)
    for line in sorted(SKIPPED):
        print(line)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
