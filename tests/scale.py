#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compile time is linear, and hostile graphs end in words: scale.py BIN [--hostile].

Ten times the equations may take at most 15 times the processor time (the best of three of both),
100,000 at most 5 s (the aim is 1 s on a quiet machine). --hostile: only those, for sanitized builds."""
import os
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from graph_mixed import mixed  # noqa: E402

RATIO, SECONDS, SMALL, LARGE = 15.0, 5.0, 10_000, 100_000


def chain(n):
    return ["source x: f64 = 1.0", "page p0 = x"] + [f"page p{k} = p{k - 1} + 1.0" for k in range(1, n)]


def chain_backwards(n):
    return ["source x: f64 = 1.0"] + [f"page p{k} = p{k - 1} + 1.0" for k in range(n - 1, 0, -1)] + ["page p0 = x"]


def chain_fused(n):
    return (["source x: f64[64] = 1.0", "page p0 = x"] + [f"page p{k} = p{k - 1} + {k}.0" for k in range(1, n)] +
            [f"export p{n - 1}"])


def fan(n):
    return ["source x: f64[64] = 1.0"] + [f"page p{k} = x * {k}.0" for k in range(n)]


def wide(n):
    return [f"source s{k}: f64[4] = 2.0\npage p{k} = sum(s{k} * {k}.0)" for k in range(n // 2)]


def shapes(n):
    return [f"source s{k}: f64[{k + 2}] = 1.0\npage p{k} = s{k} * 2.0" for k in range(n // 2)]


def gathers(n):
    return (["source v: f64[8] = 1.0", "source at: u32[8] = 2"] +
            [f"page p{k}[i: 8] = v[(i64(at[i]) + {k}) % 8]" for k in range(n // 2)])


def keyed(n):
    return (["source v: f64[8] = 1.0", "source at: u32[8] = 2"] +
            [f"page p{k}: f64[4] = mean(v * {k}.0 by at)" for k in range(n // 4)])


def asserts(n):
    return ["source x: f64 = 1.0"] + [f"page p{k} = x + {k}.0\nassert p{k} < 1.0e9" for k in range(n // 2)]


def uses(n):
    return (["node f(a: f64[m], b: f64) -> (y) { page u = a * b page y = u + 1.0 }", "source v: f64[8] = 1.0"] +
            [f"use o{k} = f(v, {k}.0)\npage p{k} = o{k}.y[3]" for k in range(n // 4)])


def states(n):
    return ["source x: f64 = 1.0"] + [f"page p{k} = init x then prev(p{(k + 1) % n}) + 1.0" for k in range(n)]


def constants(n):
    return ([f"const c{k}: f64 = c{k - 1} + 1.0" for k in range(n - 1, 0, -1)] +
            ["const c0: f64 = 1.0", "source x: f64", f"page y = x + c{n - 1}"])


def misspelled(n):
    return [f"page p{k} = nothere{k} + 1.0" for k in range(n)]


GRAPHS = (mixed, chain, chain_backwards, chain_fused, fan, wide, shapes, gathers, keyed, asserts, uses, states,
          constants, misspelled)


def lets(first, step, body, count):
    steps = " ".join(f"let a{k} = " + step.replace("@", f"a{k - 1}") for k in range(1, count))
    return body.replace("@", f"(let a0 = {first} {steps} in a{count - 1})")


def loops(name, count):
    return ", ".join(f"{name}{k}: 1" for k in range(count))


def doubling(head, line, last, count):
    rows = [head] + [line.replace("#", str(k)).replace("@", str(k - 1)) for k in range(1, count)]
    return "\n".join(rows + [last.replace("#", str(count - 1))])


# name: (graph, the code that it must end with, or None where it compiles)
HOSTILE = {
    "a sum of 1,000 terms": ("source x: f64\npage y = " + " + ".join(["x"] * 1000), None),
    "a sum of 4,000 terms": ("source x: f64\npage y = " + " + ".join(["x"] * 4000), "E0010"),
    "an else-if chain of 900": (
        "source x: f64[2]\npage y[i: 2] = " + "".join(f"if x[i] > {k}.0 then {k}.0 else " for k in range(900)) +
        "x[i]", None),
    "functions in functions": (
        "source x: f64\nfn f(a) = a" + " + 1.0" * 900 + "\npage y = " + "f(" * 60 + "x" + ")" * 60, "E0601"),
    "functions that double": (
        doubling("fn h0(x) = x + 1.0", "fn h#(x) = h@(x) * h@(x + 1.0)", "source x: f64\npage y = h#(x)", 60), "E0601"),
    "nodes that double": (
        doubling("node h0(x: f64) -> (y) { page y = x }",
                 "node h#(x: f64) -> (y) { use a = h@(x) use b = h@(a.y) page y = b.y }",
                 "source x: f64\nuse o = h#(x)\npage z = o.y", 24), "E0601"),
    "lets that double": (lets("x + x", "@ + @", "source x: f64\npage y = @", 200), None),
    "indices that double": (lets("i - i", "@ - @", "source x: f64[8]\npage y[i: 8] = x[@]", 100), None),
    "exponents that double": (lets("1 + 1", "@ + @", "source x: f64\npage y = x ** @", 100), None),
    "elements that double": (
        lets("x[k] + x[k]", "@ * @ + x[k]", "source x: f64[8]\npage y = sum(@ for k: 8)", 100), None),
    "33 loop variables": (f"page y[i: 2] = sum(f64(i) for {loops('k', 33)})", "E0304"),
    "25 loop variables in 25": (
        f"page y[i: 2] = let s = sum(f64(i) for {loops('k', 25)}) in sum(s * f64(i) for {loops('l', 25)})", "E0601"),
    "a domain of 11 axes": (
        "source x: f64[2]\npage y[i: 2] = sum(x[i] * f64(k0 + k9) for " +
        ", ".join(f"k{k}: 5" for k in range(10)) + ")", "E0601"),
    "10^24 elements": ("param n = 1000000\npage y[i: n, j: n, k: n, l: n] = 1.0", "E0304"),
    "2^63 - 1 elements": ("param n = 9223372036854775807\nsource y: f64[n]", "E0304"),
    "10^18 positions": ("param n = 1000000\nsource x: f64[n]\npage y = sum(x[i] * x[j] * x[k] for i: n, j: n, k: n)",
                        "E0304"),
    "a history of 2^63 - 1": ("source x: f64[9]\npage y = history(x, 9223372036854775807)", "E0304"),
    "rank 5": ("source y: f64[2, 2, 2, 2, 2]", "E0304"),
    "rank 5 by indices": ("page y[a: 2, b: 2, c: 2, d: 2, e: 2] = 1.0", "E0304"),
    "2 ** 10^10": ("param n = 2 ** 10000000000\nsource x: f64[n]", "E0304"),
    "50,000 pages on one line": (" ".join(f"page p{k} = {k}.0" for k in range(50000)), None),
    "a node in itself": ("node f(x: f64) -> (y) { use o = f(x) page y = o.y }\nsource x: f64\nuse o = f(x)", "E0104"),
    "functions in a ring": ("fn f(x) = g(x)\nfn g(x) = f(x)\nsource x: f64\npage y = f(x)", "E0104"),
    "a file in itself": ('import "graph.mmsbg" as a\nsource x: f64\npage y = x', None),
    "consts in a ring": (
        "\n".join(f"const c{k}: f64 = c{(k + 1) % 50000} + 1.0" for k in range(50000)), "E0105"),
    "pages in a ring": ("\n".join(f"page p{k}: f64 = p{(k + 1) % 50000} + 1.0" for k in range(50000)), "E0501"),
    "a function of 50,000 parameters": (
        "fn f(" + ", ".join(f"a{k}" for k in range(50000)) + ") = a49999\nsource x: f64\npage y = x", None),
    "a call of 50,000 arguments": (
        "fn f(" + ", ".join(f"a{k}" for k in range(50000)) + ") = a49999\nsource x: f64\n"
        "page y = f(" + ", ".join(["x"] * 50000) + ")", None),
    "a node of 50,000 results": (
        "node f(x: f64) -> (" + ", ".join(f"r{k}" for k in range(50000)) + ") { page r0 = x }", "E0100"),
    "nothing": ("", None),
}


def compile_text(mmsbc, text, folder):
    path = os.path.join(folder, "graph.mmsbg")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([mmsbc, path, "-o", os.path.join(folder, "graph.mmsbx"), "--error-format", "short"],
                         capture_output=True, text=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return run, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main():
    mmsbc = os.path.join(os.path.abspath(sys.argv[1]), "mmsbc")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for graph in () if "--hostile" in sys.argv else GRAPHS:
            wanted = 1 if graph is misspelled else 0
            small, large = "\n".join(graph(SMALL)), "\n".join(graph(LARGE))
            runs = [compile_text(mmsbc, small, folder) for _ in range(3)]
            most = min(SECONDS, RATIO * max(min(seconds for _, seconds in runs), 0.05))
            first, last = min(seconds for _, seconds in runs), most + 1
            while last > most and len(runs) < 6:
                runs.append(compile_text(mmsbc, large, folder))
                last = min(last, runs[-1][1])
            good = all(run.returncode == wanted for run, _ in runs) and last <= most
            print(f"{'pass' if good else 'FAIL'} {graph.__name__}: {SMALL} {first:.2f} s, {LARGE} {last:.2f} s")
            passed, failed = passed + good, failed + (not good)
        for name, (text, code) in HOSTILE.items():
            run, seconds = compile_text(mmsbc, text, folder)
            good = run.returncode == (0 if code is None else 1) and (code is None or code in run.stderr)
            print(f"{'pass' if good else 'FAIL'} {name}: {seconds:.2f} s")
            if not good:
                print(f"  status {run.returncode}, expected {code}: {run.stderr[:300]}")
            passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
