#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every operator on every type that takes it, every conversion and reduction, over special values
against each other and random bits: the VM's bits and those of the CUDA executor (on the driver that
MMSB_CUDA_DRIVER names) must be the same in every page.

usage: operators.py BIN [LANES] [SEED]"""
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
LANES = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
INTEGERS = {"i8": "b", "i16": "h", "i32": "i", "i64": "q", "u8": "B", "u16": "H", "u32": "I", "u64": "Q"}
FLOATS = {"f32": "f", "f64": "d"}
NPY = {"bool": "|b1", "i8": "|i1", "u8": "|u1"}
FUNCTIONS = ("exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh erf erfc cdf "
             "sqrt floor ceil round trunc abs sign").split()
WIDTH = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "f": 4, "d": 8, "?": 1}
random.seed(SEED)


def npy(path, kind, code, values):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }" % (
        NPY.get(kind, "<" + kind[0] + str(WIDTH[code])), len(values))
    head += " " * (63 - (len(head) + 10) % 64) + "\n"
    with open(path, "wb") as to:
        to.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        to.write(b"".join(v if isinstance(v, bytes) else struct.pack("<" + code, v) for v in values))


def specials(kind, code):
    """Values as bytes, so that every NaN keeps its bits until the engine sees them."""
    width = WIDTH[code]
    if kind == "bool":
        return [b"\x00", b"\x01"]
    if kind in INTEGERS:
        top = 1 << (8 * width)
        found = {0, 1, 2, 3, 5, 7, 10, 31, 32, 63, 64, top - 1, top - 2, top // 2, top // 2 - 1, top // 2 + 1,
                 top // 3}
        return [(v % top).to_bytes(width, "little") for v in sorted(found)]
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 127.4, 128.0, 255.5, 256.0, -129.0, 32768.0,
              65536.0, 2147483647.0, 2147483648.0, -2147483649.0, 4294967295.0, 4294967296.0, 9.2e18, -9.3e18, 1.9e19,
              1e300, -1e300, 5e-324, 1e-310, float("inf"), float("-inf"), 0.1, 0.7071067811865476, 710.0, -745.5,
              823550.0, 1e10, 3.141592653589793, 1e-8, -0.25]
    out = []
    for v in values:
        try:
            out.append(struct.pack("<" + code, v))
        except OverflowError:
            out.append(struct.pack("<" + code, float("inf")))
    nans = (["7fc00000", "ffc00001", "7f800001"] if code == "f"
            else ["7ff8000000000000", "fff8000000000001", "7ff0000000000001"])
    return out + [bytes.fromhex(n)[::-1] for n in nans]


def draw(kind, code):
    width = WIDTH[code]
    if kind == "bool":
        return random.choice([b"\x00", b"\x01"])
    if kind in FLOATS and random.random() < 0.6:
        scale = random.choice([1.0, 1.0, 20.0, 700.0, 1e6])
        return struct.pack("<" + code, random.uniform(-scale, scale))
    if kind in INTEGERS and random.random() < 0.4:
        return (random.randrange(-9, 10) % (1 << 8 * width)).to_bytes(width, "little")
    return random.randbytes(width)


def columns(kind, code):
    """Three columns: the first two meet every pair of special values."""
    special = specials(kind, code)
    pairs = [(x, y) for x in special for y in special]
    a = [p[0] for p in pairs] + [draw(kind, code) for _ in range(max(0, LANES - len(pairs)))]
    b = [p[1] for p in pairs] + [draw(kind, code) for _ in range(max(0, LANES - len(pairs)))]
    c = [random.choice(special) if random.random() < 0.5 else draw(kind, code) for _ in a]
    d = c
    if kind in FLOATS:  # sums in another order have other bits; the first rows are of -0 and of ones near it
        d = [struct.pack("<" + code, -0.0 if k < 200 else random.uniform(-1, 1) * 10.0 ** random.randrange(-3, 4)
                         if k % 400 > 50 else 1.0 + random.uniform(-1e-3, 1e-3)) for k in range(len(a))]
    return a[:LANES], b[:LANES], c[:LANES], d[:LANES]


def expressions(kind):
    """Text of each expression over a, b, c of a type."""
    x = ["a == b", "a != b", "a < b", "a <= b", "a > b", "a >= b", "min(a, b)", "max(a, b)", "if a < b then b else c"]
    if kind == "bool":
        return x + ["!a", "a & b", "a | b", "a ^ b"] + [f"{t}(a)" for t in (*INTEGERS, *FLOATS)]
    x += ["-a", "a + b", "a - b", "a * b", "a * b + c", "a * b - c", "(a - b) * c", "c - a * b", "abs(a)", "sign(a)"]
    x += [f"{t}(a)" for t in (*INTEGERS, *FLOATS) if t != kind] + ["bool(a)"]
    if kind in FLOATS:
        x += [f"{f}(a)" for f in FUNCTIONS]
        x += ["a / b", "mod(a, b)", "a ** b", "abs(a) ** b", "atan2(a, b)", "fma(a, b, c)", "isnan(a)", "isfinite(a)"]
        return x
    small = f"(b & {kind}(15))"
    return x + ["~a", "a & b", "a | b", "a ^ b", "a << b", "a >> b", "popcount(a)", "clz(a)",
                "if b != 0 then a / b else c", "if b != 0 then a % b else c", "if b != 0 then mod(a, b) else c",
                f"a ** {small}"]


def places(kind):
    """Lines and names of what gives an index, of groups, and of products, over a, b, c, d and key."""
    some = "c" if kind == "bool" else f"c != {kind}(0)"
    rows, wide, keys = LANES // 50, LANES // 200, LANES // 5
    lines = [f"page five[i: {keys}, j: 5] = b[i * 5 + j]", f"page fifth[i: {keys}] = key[i * 5]"]
    for k, how in enumerate(["argmin", "argmax"]):
        lines += [f"page ra{k} = {how}(a)", f"page rb{k} = {how}(b[i] for i: {LANES} if c[i] != {kind}(0))",
                  f"page rc{k}[i: {rows}] = {how}(a[i * 50 + j] for j: 50)",
                  f"page rd{k}[i: {wide}] = {how}(b[i * 200 + j] for j: 200)",
                  f"page re{k}[i: {wide}] = {how}(a[i * 200 + j] for j: 200 if i % 3 < 2)"] if kind != "bool" else []
    of = ["min", "max", "argmin", "argmax", "sum", "prod"]
    for k, how in enumerate(["any", "all"] if kind == "bool" else of if kind in (*FLOATS, "i64", "u64") else of[:4]):
        x = "d" if how in ("sum", "prod") else "a"
        kept = "i64" if how.startswith("arg") else kind
        lines += [f"page ka{k}: {kept}[9] = {how}({x} by key)",
                  f"page kb{k}: {kept}[{LANES // 40}] = {how}({x} by key)",
                  f"page kc{k}: {kept}[9] = {how}({x} by key if {some})",
                  f"page kd{k}: {kept}[9, 5] = {how}(five by fifth)"]
    if kind != "bool":
        lines += [f"page left[i: 20, j: 200] = d[i * 200 + j]", f"page right[i: 200, j: 20] = b[i * 20 + j]",
                  f"page fat[i: 200, j: 20] = d[i * 20 + j]", "page pa = matmul(left, right)",
                  "page pb = matmul(left, fat)", "page pc = matmul(fat, left)", "page oa = dot(a, b)",
                  "page ob = dot(d, d)", f"page long[i: 2, j: {LANES // 2}] = d[i * {LANES // 2} + j]",
                  "page pd = matmul(long, transpose(long))"]
        for k, how in enumerate(["cummin", "cummax", "cumsum", "cumprod"]):
            if kind in (*FLOATS, "i64", "u64") or k < 2:
                lines += [f"page sa{k} = {how}(a)", f"page sb{k} = {how}(d)", f"page sc{k} = {how}(left)",
                          f"page sd{k} = {how}(fat)", f"page se{k} = {how}(long)"]
    if kind in FLOATS:  # more than eight chunks
        lines += [f"page deep[i: 2, j: 4700] = d[mod(i * 7 + j, {LANES})]", "page pe = matmul(deep, transpose(deep))"]
    return lines, [x.split()[1].split("[")[0].rstrip(":") for x in lines]


def graph(folder, kind):
    code = INTEGERS.get(kind) or FLOATS.get(kind) or "?"
    for name, column in zip("abcd", columns(kind, code)):
        npy(f"{folder}/{name}.npy", kind, code, column)
    lines = ["graph operators"]
    lines += [f'source {n}: {kind}[{LANES}] from "{n}.npy"' for n in "abcd"]
    names = []
    for k, text in enumerate(expressions(kind)):
        lines.append(f"page p{k} = {text}")
        names.append(f"p{k}")
    if kind != "bool":
        for k, how in enumerate(["sum", "prod", "min", "max"]):
            if kind in FLOATS or kind in ("i64", "u64") or how in ("min", "max"):
                lines += [f"page r{k} = {how}(a)", f"page q{k}[i: {LANES // 50}] = {how}(a[i * 50 + j] for j: 50)",
                          f"page w{k}[i: {LANES // 200}] = {how}(b[i * 200 + j] for j: 200)",
                          f"page s{k} = {how}(d)", f"page t{k}[i: {LANES // 50}] = {how}(d[i * 50 + j] for j: 50)",
                          f"page u{k}[i: {LANES // 200}] = {how}(d[i * 200 + j] for j: 200)"]
                names += [f"{x}{k}" for x in "rqwstu"]
    more, more_names = places(kind)
    npy(f"{folder}/key.npy", "i32", "i", [random.choice((k % 9, 4)) for k in range(LANES)])
    lines += [f'source key: i32[{LANES}] from "key.npy"', *more]
    names += more_names
    lines.append("export " + ", ".join(names))
    path = f"{folder}/{kind}.mmsbg"
    with open(path, "w", encoding="utf-8") as to:
        to.write("\n".join(lines) + "\n")
    return path, lines, names


def run(folder, image, executor, names):
    out = [x for n in names for x in ("--out", f"{n}={folder}/{executor}-{n}.npy")]
    done = subprocess.run([BIN + "/mmsb-run", image, "--executor", executor, "--ticks", "1", "--root", "--stats",
                           *out],
                          capture_output=True, text=True, cwd=folder)
    if "without nvcc" in done.stderr:
        print("skipped: no nvcc: this build has no CUDA executor")
        sys.exit(0)
    if done.returncode != 0:
        sys.exit(f"{image} on {executor}: status {done.returncode}: {done.stderr}")
    return done


def main():
    compared = failed = 0
    for kind in ("bool", *INTEGERS, *FLOATS):
        with tempfile.TemporaryDirectory() as folder:
            path, lines, names = graph(folder, kind)
            image = path[:-1] + "x"
            made = subprocess.run([BIN + "/mmsbc", path, "-o", image], capture_output=True, text=True)
            if made.returncode != 0:
                sys.exit(f"{kind}: {made.stderr}")
            vm, gpu = run(folder, image, "vm", names), run(folder, image, "cuda", names)
            if "nodes on the GPU" not in gpu.stderr:
                sys.exit(f"{kind}: nothing ran on a GPU: {gpu.stderr}")
            for n in names:
                compared += 1
                if open(f"{folder}/vm-{n}.npy", "rb").read() != open(f"{folder}/cuda-{n}.npy", "rb").read():
                    failed += 1
                    print(f"FAILED {kind}:", next(x for x in lines if re.match(rf"page {n}\b", x)))
            if vm.stdout != gpu.stdout:
                failed += 1
                print(f"FAILED {kind}: another root")
    print(f"{compared} pages of {LANES} lanes: {compared - failed} with the VM's bits")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
