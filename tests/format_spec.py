#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a state directory by nothing but the tables of docs/SerializationSpec.md: format_spec.py BIN

The tables must be without gaps and overlaps; a run with known deltas must lie in its files as they say:
heads, chain, places, kinds, deltas, checkpoints. (Digests: tests/unit.)
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GRAPH = "graph spec\nsource x: f64[4]\nsource k: u8[10]\npage y = x * 2.0\nexport y\n"
DELTAS = "x[1..3] = 1.5, 2.5\ncommit\nk[0..10] = 7\nx[0] += 0.5\ncommit\ntick 3\n"
KINDS = {"epoch": 1, "ticks": 2, "root": 3, "seal": 4, "close": 5}
failed = passed = 0


def expect(what, got, want):
    global failed, passed
    if got == want:
        passed += 1
    else:
        failed += 1
        print(f"{what}: {got!r}, wanted {want!r}")


def tables():
    """{heading: [(at, size, name)]} of the tables with the columns at, size, field; sizes such as `4, 4` make rows."""
    found = {}
    with open(os.path.join(TOP, "docs/SerializationSpec.md"), encoding="utf-8") as f:
        heading = ""
        for line in f:
            heading = line[3:].strip() if line.startswith("## ") else heading
            m = re.match(r"\| (\d+) \| ([\d, ]+) \| ([\w, ]+) \|", line)
            if m:
                at = int(m[1])
                for size, name in zip(m[2].split(","), m[3].split(",") if "," in m[2] else [m[3]]):
                    found.setdefault(heading, []).append((at, int(size), name.strip()))
                    at += int(size)
    return found


def field(rows, name, data, base=0):
    at, size = next((a, s) for a, s, n in rows if n == name)
    part = data[base + at:base + at + size]
    return int.from_bytes(part, "little") if size <= 8 and name != "magic" else part


def check_tables(spec):
    for heading, whole in (("Log segment", 4096), ("Record", 64), ("Delta", 32), ("Checkpoint", 128)):
        at = 0
        for a, size, name in spec[heading]:
            expect(f"{heading}: place of {name}", a, at)
            at = a + size
        expect(f"{heading}: bytes in all", at, whole)


def records(spec, data):
    """(kind, epoch, body) of each record of a segment; checks places and the chain."""
    rows, at, before, out = spec["Record"], 4096, 0, []
    while at + 64 <= len(data) and field(rows, "kind", data, at):
        expect(f"record at {at}: digest_prev", field(rows, "digest_prev", data, at), before)
        expect(f"record at {at}: place", field(rows, "place", data, at), 1 << 40 | at)
        size = field(rows, "body_bytes", data, at)
        expect(f"record at {at}: body_bytes % 8", size % 8, 0)
        before = field(rows, "digest", data, at)
        out.append((field(rows, "kind", data, at), field(rows, "epoch", data, at), data[at + 64:at + 64 + size]))
        at += 64 + size
    expect("behind the last record", data[at:].strip(b"\0"), b"")
    return out


def delta(spec, body, at):
    """The delta at a place, and where the next one is."""
    rows = spec["Delta"]
    d = {n: field(rows, n, body, at) for _, _, n in rows}
    d["payload"] = body[at + 32:at + 32 + d["payload_bytes"]]
    return d, at + 32 + (d["payload_bytes"] + 7) // 8 * 8


def check_log(spec, data):
    head = spec["Log segment"]
    expect("magic", field(head, "magic", data), b"MMSBLOG\x1a")
    expect("version", field(head, "version", data), 1)
    expect("number", field(head, "number", data), 1)
    expect("epoch before the segment", field(head, "epoch", data), 0)
    found = records(spec, data)
    expect("records", [(k, e) for k, e, _ in found if k in (KINDS["epoch"], KINDS["ticks"], KINDS["close"])],
           [(1, 1), (1, 2), (2, 5), (5, 5)])
    bodies = [b for k, _, b in found if k == KINDS["epoch"]]
    first, end = delta(spec, bodies[0], 0)
    expect("delta 1", [first[n] for n in ("kind", "form", "broadcast", "first", "count", "payload")],
           [0, 0, 0, 1, 2, struct.pack("<2d", 1.5, 2.5)])
    expect("delta 1 ends the record", end, len(bodies[0]))
    second, end = delta(spec, bodies[1], 0)
    expect("delta 2", [second[n] for n in ("kind", "form", "broadcast", "first", "count", "payload")],
           [0, 0, 1, 0, 10, b"\7"])
    third, end = delta(spec, bodies[1], end)
    expect("delta 3", [third[n] for n in ("kind", "first", "count", "payload")], [1, 0, 1, struct.pack("<d", 0.5)])
    expect("delta 3 is of the page of delta 1, of its type", (third["page"], third["type"]),
           (first["page"], first["type"]))
    expect("delta 3 ends the record", end, len(bodies[1]))
    expect("ticks", [struct.unpack("<Q", b)[0] for k, _, b in found if k == KINDS["ticks"]], [3])


def check_checkpoint(spec, data, epoch, root):
    head = spec["Checkpoint"]
    expect("checkpoint: magic", field(head, "magic", data), b"MMSBCKP\x1a")
    expect("checkpoint: epoch", field(head, "epoch", data), epoch)
    expect("checkpoint: bytes", field(head, "bytes", data), len(data))
    if root is not None:
        expect("checkpoint: root", field(head, "root", data), root)
    at = 128 + 16 * field(head, "request_count", data)
    lanes = []
    for k in range(field(head, "page_count", data)):
        _, zero, offset, size = struct.unpack_from("<IIQQ", data, at + 24 * k)
        expect("checkpoint: page table", (zero, offset % 64), (0, 0))
        lanes.append(data[offset:offset + size])
    return lanes


def check_versions(bin_dir, image, log, spec):
    """What --version says is what the files hold."""
    version = int.from_bytes(image[8:12], "little")
    head = spec["Log segment"]
    for program in ("mmsb", "mmsb-run", "mmsbc"):
        said = subprocess.run([f"{bin_dir}/{program}", "--version"], check=True, capture_output=True, text=True).stdout
        expect(f"{program} --version names itself", said.startswith(f"{program} "), True)
        expect(f"{program} --version: image", f"image {version}," in said, True)
        expect(f"{program} --version: log", program == "mmsbc" or f"log {field(head, 'version', log)}," in said, True)


def main():
    spec = tables()
    check_tables(spec)
    bin_dir = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        for name, text in (("spec.mmsbg", GRAPH), ("d.txt", DELTAS)):
            with open(os.path.join(work, name), "w", encoding="utf-8") as f:
                f.write(text)
        subprocess.run([bin_dir + "/mmsbc", "spec.mmsbg"], cwd=work, check=True)
        out = subprocess.run([bin_dir + "/mmsb-run", "spec.mmsbx", "--deltas", "d.txt", "--state", "s", "--root"],
                             cwd=work, check=True, capture_output=True, text=True).stdout
        root = int(re.search(r"epoch 5 root (0x\w+)", out)[1], 16)

        def read(name):
            with open(os.path.join(work, "s", name), "rb") as f:
                return f.read()
        check_log(spec, read("log-1"))
        check_versions(bin_dir, read("graph.mmsbx"), read("log-1"), spec)
        check_checkpoint(spec, read("checkpoint-0"), 0, None)
        lanes = check_checkpoint(spec, read("checkpoint-5"), 5, root)
        expect("checkpoint 5 holds x", struct.pack("<4d", 0.5, 1.5, 2.5, 0.0) in lanes, True)
        expect("checkpoint 5 holds k", b"\7" * 10 in lanes, True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
