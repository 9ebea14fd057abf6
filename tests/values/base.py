# SPDX-License-Identifier: Apache-2.0
"""Graphs against values that plain Python worked out: every bit, every type, every shape."""
import math
import os
import re
import struct
import subprocess
import tempfile

KINDS = {"|b1": ("bool", "B"), "|i1": ("i8", "b"), "<i2": ("i16", "h"), "<i4": ("i32", "i"), "<i8": ("i64", "q"),
         "|u1": ("u8", "B"),
         "<u2": ("u16", "H"), "<u4": ("u32", "I"), "<u8": ("u64", "Q"), "<f4": ("f32", "f"), "<f8": ("f64", "d")}
CODES = {kind: code for kind, code in KINDS.values()}
DESCRIPTIONS = {kind: d for d, (kind, _) in KINDS.items()}
ENV = dict(os.environ, NO_COLOR="1")
count = {"passed": 0, "failed": 0}
programs = {"folder": "build/bin"}


def f32(x):
    """x rounded to binary32."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def bits(value, kind):
    if kind in ("f32", "f64") and value != value:
        return struct.pack("<I", 0x7fc00000) if kind == "f32" else struct.pack("<Q", 0x7ff8 << 48)
    return struct.pack("<" + CODES[kind], value)


def npy_write(path, kind, shape, values, big=False, fortran=False):
    description, body = DESCRIPTIONS[kind], [struct.pack("<" + CODES[kind], v) for v in values]
    if big:
        description, body = ">" + description[1:], [b[::-1] for b in body]
    text = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    head = f"{{'descr': '{description}', 'fortran_order': {fortran}, 'shape': {text}, }}"
    head += " " * ((64 - (10 + len(head) + 1) % 64) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + b"".join(body))


def npy_read(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<H", data[8:10])[0]
    m = re.match(rb"\{'descr': '(...)', 'fortran_order': False, 'shape': \(([^)]*)\),", data[10:])
    kind, code = KINDS[m.group(1).decode()]
    return kind, tuple(int(d) for d in m.group(2).decode().split(",") if d.strip()), data[10 + size:], code


def expect(name, ok, more=""):
    count["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAIL {name}: {more}", flush=True)
    return ok


def call(program, arguments, cwd, stdin=None):
    p = subprocess.run([os.path.join(programs["folder"], program)] + arguments, cwd=cwd, capture_output=True,
                       timeout=60, env=ENV,
                       input=stdin)
    return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")


def page_wrong(path, page):
    """What differs, or None. page: (kind, shape, values); one value stands for all."""
    kind, shape, values = page
    if not os.path.exists(path):
        return "--out wrote no file"
    got_kind, got_shape, got, code = npy_read(path)
    if (got_kind, got_shape) != (kind, tuple(shape)):
        return f"is {got_kind}{got_shape}, not {kind}{tuple(shape)}"
    want = b"".join(bits(v, kind) for v in values) * (math.prod(shape) if len(values) == 1 else 1)
    if want == got:
        return None
    size = struct.calcsize(code)
    k = next(k for k in range(0, max(len(got), len(want)), size) if got[k:k + size] != want[k:k + size])
    return f"element {k // size} is {got[k:k + size].hex()}, not {want[k:k + size].hex()}"


def check(name, graph, pages=None, deltas=None, options=(), status=0, err=(), out=(), files=None, setup=None,
          stdin=None):
    """Compiles graph, feeds deltas, compares pages bit for bit and what is said with patterns."""
    with tempfile.TemporaryDirectory() as cwd:
        for path, text in dict(files or {}, **{"g.mmsbg": graph}).items():
            with open(os.path.join(cwd, path), "w", encoding="utf-8", newline="") as f:
                f.write(text)
        if setup is not None:
            setup(cwd)
        got, _, said = call("mmsbc", ["g.mmsbg"], cwd)
        if got != 0:
            return expect(name, False, f"mmsbc: status {got}: {said[:400]}")
        arguments = ["g.mmsbx", "--oracle", "1"] + list(options)
        if deltas is not None:
            with open(os.path.join(cwd, "d.txt"), "w", encoding="utf-8", newline="") as f:
                f.write(deltas)
            arguments += ["--deltas", "d.txt"]
        for k, page in enumerate(pages or {}):
            arguments += ["--out", f"{page}={k}.npy"]
        got, text, said = call("mmsb-run", arguments, cwd, stdin)
        wrong = [f"status {got}, not {status}: {said[:400]}"] if got != status else []
        wrong += [f"stderr has no /{p}/: {said[:400]}" for p in err if not re.search(p, said, re.M)]
        wrong += [f"stdout has no /{p}/: {text[:400]}" for p in out if not re.search(p, text, re.M)]
        for k, (page, want) in enumerate((pages or {}).items()):
            differs = page_wrong(os.path.join(cwd, f"{k}.npy"), want)
            wrong += [f"{page} {differs}"] if differs else []
        return expect(name, not wrong, "; ".join(wrong))
