# SPDX-License-Identifier: Apache-2.0
"""What every check of the graph library uses: pages as nested lists, runs of small graphs, comparisons, Philox."""
import ast
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/bin")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GRAPHS = os.path.join(TOP, "graphs")
TYPES = {"f64": ("<f8", "d"), "i64": ("<i8", "q"), "u32": ("<u4", "I"), "bool": ("|b1", "?")}
CHECKS = []


class Wrong(Exception):
    pass


# Pages: nested lists, written to and read from .npy files.

def shape_of(v):
    shape = []
    while isinstance(v, list):
        shape.append(len(v))
        v = v[0]
    return tuple(shape)


def flat(v):
    return [x for part in v for x in flat(part)] if isinstance(v, list) else [v]


def nest(values, shape):
    if not shape:
        return values[0]
    step = len(values) // shape[0]
    return [nest(values[i * step:(i + 1) * step], shape[1:]) for i in range(shape[0])]


def npy_write(path, kind, v):
    descr, code = TYPES[kind]
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape_of(v)}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    values = flat(v)
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        f.write(struct.pack(f"<{len(values)}{code}", *values))


def npy_read(path):
    with open(path, "rb") as f:
        b = f.read()
    size = struct.unpack("<H", b[8:10])[0]
    head = ast.literal_eval(b[10:10 + size].decode("latin-1").strip())
    code = {d: c for d, c in TYPES.values()}[head["descr"]]
    count = math.prod(head["shape"])
    return nest(list(struct.unpack(f"<{count}{code}", b[10 + size:10 + size + count * struct.calcsize(code)])),
                head["shape"])


def number(x):
    return str(int(x)) if isinstance(x, (bool, int)) else repr(x)


def delta_lines(steps):
    """One epoch for each dict of {page: new contents}; `page[4]` as a name changes one element."""
    lines = []
    for step in steps:
        for name, v in step.items():
            ranges = ", ".join(f"0..{d}" for d in shape_of(v))
            lines.append(f"{name}{'[' + ranges + ']' if ranges else ''} = {', '.join(map(number, flat(v)))}")
        lines.append("commit" if step else "tick 1")
    return "\n".join(lines) + "\n"


def tool(work, name, arguments, status=0):
    p = subprocess.run([os.path.join(BIN, name)] + arguments, cwd=work, capture_output=True, text=True, timeout=300)
    if p.returncode != status:
        raise Wrong(f"{name}: status {p.returncode}, wanted {status}: {(p.stderr or p.stdout).strip()[:600]}")
    return p


def run(text, inputs=None, steps=(), outs=(), status=0, defines=(), path=None):
    """Compiles a graph (text, or the file at path), runs it, gives {page: contents at the end}.
    inputs: {source: (type, contents)}, written to files. Returns what was printed under ''."""
    with tempfile.TemporaryDirectory() as work:
        if path is None:
            path = os.path.join(work, "graph.mmsbg")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        tool(work, "mmsbc", [path, "-I", GRAPHS, "-o", "graph.mmsbx"] + [f"-D{d}" for d in defines])
        arguments = ["graph.mmsbx", "--oracle", "1"]
        for name, (kind, v) in (inputs or {}).items():
            npy_write(os.path.join(work, name + ".npy"), kind, v)
            arguments += ["--in", f"{name}={name}.npy"]
        if steps:
            with open(os.path.join(work, "deltas.txt"), "w", encoding="utf-8") as f:
                f.write(delta_lines(steps))
            arguments += ["--deltas", "deltas.txt"]
        for k, name in enumerate(outs):
            arguments += ["--out", f"{name}=out{k}.npy"]
        p = tool(work, "mmsb-run", arguments, status)
        result = {"": p.stdout + p.stderr}
        if status == 0:
            result.update((name, npy_read(os.path.join(work, f"out{k}.npy"))) for k, name in enumerate(outs))
        return result


def declare(inputs):
    return "".join(f"source {name}: {kind}{list(shape_of(v)) if shape_of(v) else ''}\n" for name,
                   (kind, v) in inputs.items())


def library(module, body, inputs, outs, steps=(), head=""):
    """Runs `use o = m.NODE(...)` (or pages) of a module; outs maps the node's results to pages."""
    pages = "".join(f"page out_{k} = {e}\n" for k, e in enumerate(outs))
    got = run(f'graph check\nimport "{module}.mmsbg" as m\n{head}{declare(inputs)}{body}\n{pages}', inputs, steps,
              [f"out_{k}" for k in range(len(outs))])
    return [got[f"out_{k}"] for k in range(len(outs))]


def same(got, want, tol=1e-12, what=""):
    if shape_of(got) != shape_of(want):
        raise Wrong(f"{what}: shape {shape_of(got)}, wanted {shape_of(want)}")
    a, b = flat(got), flat(want)
    scale = max([abs(x) for x in b if isinstance(x, float) and math.isfinite(x)], default=0.0)
    for i, (x, y) in enumerate(zip(a, b)):
        if not isinstance(y, float):
            ok = x == y and not isinstance(x, float)
        elif not math.isfinite(y):
            ok = x == y or (x != x and y != y)
        else:
            ok = abs(x - y) <= tol * max(abs(y), scale)
        if not ok:
            raise Wrong(f"{what}: position {i}: {x!r}, wanted {y!r}")


def expect(got, wants, tol=1e-12):
    for k, (g, w) in enumerate(zip(got, wants)):
        same(g, w, tol, f"result {k}")


def check(name, *covers):
    """Registers a check; covers: the library items `file.name` that it exercises (the name itself if none)."""
    def add(f):
        CHECKS.append((name, covers or (name,), f))
        return f
    return add


class Draw(random.Random):
    def vec(self, n, lo=-1.0, hi=1.0):
        return [self.uniform(lo, hi) for _ in range(n)]

    def mat(self, n, m, lo=-1.0, hi=1.0):
        return [self.vec(m, lo, hi) for _ in range(n)]


def mean(v):
    return math.fsum(v) / len(v)


def matvec(a, v):
    return [math.fsum(x * y for x, y in zip(row, v)) for row in a]


def lanes(f, *vectors):
    return [f(*v) for v in zip(*vectors)]


def columns(series):
    return [list(c) for c in zip(*series)]


# Philox4x32-10, as docs/Language.md describes rand_u32, uniform and normal.

def philox(seed, c0, c1):
    mask = 0xffffffff
    c = [c0 & mask, (c0 >> 32) & mask, c1 & mask, (c1 >> 32) & mask]
    k = [seed & mask, (seed >> 32) & mask]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & mask, (a >> 32) ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c


def normal(seed, c0, c1=0):
    c = philox(seed, c0, c1)
    u0 = ((c[1] << 32 | c[0]) >> 11) * 2.0 ** -53
    u1 = ((c[3] << 32 | c[2]) >> 11) * 2.0 ** -53
    return math.sqrt(-2.0 * math.log(1.0 - u0)) * math.cos(2.0 * math.pi * u1)
