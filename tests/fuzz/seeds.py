#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""seeds.py BIN TO: first inputs of every fuzzer, from graphs/, examples/, golden files and the docs, one folder a
target beneath TO."""
import os
import re
import struct
import subprocess
import sys
import tempfile

bin_dir, to = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def put(target, name, data):
    os.makedirs(os.path.join(to, target), exist_ok=True)
    with open(os.path.join(to, target, name), "wb") as f:
        f.write(data)


def texts():
    for folder in ("graphs", "examples", "tests/golden"):
        for at, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith(".mmsbg"):
                    with open(os.path.join(at, name), "rb") as f:
                        yield name, f.read()
    with open(os.path.join(root, "docs", "Language.md"), encoding="utf-8") as f:
        for k, m in enumerate(re.finditer(r"^```(mmsbg|deltas)[^\n]*\n(.*?)^```", f.read(), re.M | re.S)):
            yield f"docs-{k}.{'delta' if m.group(1) == 'deltas' else 'mmsbg'}", m.group(2).encode()


for name, text in texts():
    if name.endswith(".delta"):
        put("delta_fuzz", name, text)
        continue
    if len(text) > 6000:
        continue
    put("parse_fuzz", name, text)
    put("compile_fuzz", name, text)
    with tempfile.TemporaryDirectory() as work:
        path, image = os.path.join(work, "seed.mmsbg"), os.path.join(work, "seed.mmsbx")
        with open(path, "wb") as f:
            f.write(text)
        p = subprocess.run([os.path.join(bin_dir, "mmsbc"), path, "-o", image], capture_output=True, cwd=work)
        if p.returncode == 0 and os.path.getsize(image) < 8192:
            with open(image, "rb") as f:
                put("image_fuzz", name.replace(".mmsbg", ".mmsbx"), f.read())
put("delta_fuzz", "all", b"a[0..3] = 1.5, nan, -inf\nb[0..2, 1] += 0x1p-3\n"
    b"c max= -128\nd[1] = 0\ncommit\nd[0..3] |= 7 // c\n"
    b"e[0..2, 0..2] ^= true\nf -= 1_000\ns[2] = 3.0\n"
    b"g[1] &= 18446744073709551615\nh[0] = -1\ntick 3\ncommit\nb[0..2, 0..3] = 1, 2, 3, 4, 5, 6\ncommit\n")
types = ["|b1", "<i1", "<i2", "<i4", "<i8", "<u1", "<u2", "<u4", "<u8", "<f4", "<f8"]
shapes = [(), (3,), (2, 3), (2, 2, 2)]
for k, t in enumerate(types):
    for s, shape in enumerate(shapes):
        count = 1
        for d in shape:
            count *= d
        for major in (1, 2):
            head = ("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n" % (t, s == 2, shape)).encode()
            size = struct.pack("<H" if major == 1 else "<I", len(head))
            lanes = bytes(range(count * int(t[2:]))) if t != "|b1" else b"\1" * count
            put("npy_fuzz", f"{k}-{s}-{major}",
                bytes([k + s * len(types)]) + b"\x93NUMPY" + bytes([major, 0]) + size + head + lanes)
        rows = [b"1"] * count
        if s > 1:
            rows = [b",".join([b"1"] * shape[-1])] * (count // shape[-1])
        put("csv_fuzz", f"{k}-{s}", bytes([k + s * len(types)]) + b"\n".join(rows) + b"\n")
        put("csv_fuzz", f"{k}-{s}-column", bytes([(k + s * len(types)) | 128]) + b'"b",a\n' + b'"x, y",1\n' * count)
put("csv_fuzz", "floats", bytes([10 + 11]) + b"-1.5e-3\r\n\r\nnan\n-inf\n")
replay = os.path.join(bin_dir, "..", "tests", "state_fuzz_replay")
os.makedirs(os.path.join(to, "state_fuzz"), exist_ok=True)
if os.path.exists(replay):
    subprocess.run([replay, os.path.abspath(__file__)], env=dict(os.environ, FUZZ_SEEDS=os.path.join(to, "state_fuzz")),
                   check=True, stdout=subprocess.DEVNULL)
