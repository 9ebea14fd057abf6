#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden files: run.py BIN [--update] [NAME...]; NAME keeps the files whose path contains it.

Each .mmsbg file says in comments of its own what it must give (README.md); a .txt file beside it is the complete text of its diagnostics.
--update rewrites the .txt files of wrong graphs (read the difference before you keep it); the tests never use it."""
import concurrent.futures
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = {"|b1": ("bool", "B"), "|i1": ("i8", "b"), "<i2": ("i16", "h"), "<i4": ("i32", "i"), "<i8": ("i64", "q"), "|u1": ("u8", "B"),
         "<u2": ("u16", "H"), "<u4": ("u32", "I"), "<u8": ("u64", "Q"), "<f4": ("f32", "f"), "<f8": ("f64", "d")}
CODES = {name: code for name, code in KINDS.values()}
ENV = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
WORDS = ("expect", "deltas", "define", "folder", "file", "ticks", "rule", "hint")


class Wrong(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Wrong(text)


def npy(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<H", data[8:10])[0]
    m = re.match(rb"\{'descr': '(...)', 'fortran_order': False, 'shape': \(([^)]*)\),", data[10:])
    kind, code = KINDS[m.group(1).decode()]
    shape = tuple(int(d) for d in m.group(2).decode().split(",") if d.strip())
    return kind, shape, data[10 + size:], code


def value_bits(text, kind):
    text = text.strip().replace("_", "")
    if kind == "bool":
        need(text in ("true", "false"), f"{text} is no bool")
        return bytes([text == "true"])
    if kind in ("f32", "f64"):
        x = float.fromhex(text) if "0x" in text else float(text)
        if math.isnan(x):
            return struct.pack("<I" if kind == "f32" else "<Q", 0x7fc00000 if kind == "f32" else 0x7ff8000000000000)
        return struct.pack("<" + CODES[kind], x)
    return struct.pack("<" + CODES[kind], int(text, 0))


def page_compare(path, page, kind, shape, values):
    got_kind, got_shape, data, code = npy(path)
    need(kind in (None, got_kind), f"{page} has type {got_kind}, not {kind}")
    need(shape in (None, got_shape), f"{page} has shape {got_shape}, not {shape}")
    texts = [v for v in values.split(",")]
    want = b"".join(value_bits(v, got_kind) for v in texts)
    if len(texts) == 1 and got_shape:
        want *= math.prod(got_shape)
    got = struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)
    need(want == data, f"{page} is {got}, not {values.strip()}")


def parse(text):
    """What the comments say: {define: [...], file: [...], errors: [...], steps: [(deltas so far, checks)]}."""
    spec = {"define": [], "folder": [], "file": [], "errors": [], "hints": [], "steps": [], "fault": None}
    deltas, checks = [], []
    for m in re.finditer(r"//[ ]*(\w+)\b(.*)", text):
        word, rest = m.group(1), m.group(2).strip()
        if word not in WORDS:
            continue
        if word == "deltas":
            if checks:
                spec["steps"].append((list(deltas), checks))
                checks = []
            deltas += [d.strip() for d in rest.lstrip(":").split(";")]
        elif word == "ticks":
            if checks:
                spec["steps"].append((list(deltas), checks))
                checks = []
            deltas.append("tick " + rest.lstrip(": "))
        elif word in ("define", "folder", "file"):
            spec[word].append(rest.lstrip(": "))
        elif word == "hint":
            spec["hints"].append(rest.lstrip(": "))
        elif word == "expect":
            if rest.startswith("error"):
                spec["errors"].append(rest[5:].strip())
            elif rest.startswith("fault"):
                spec["fault"] = rest[5:].lstrip(": ")
            else:
                checks.append(rest)
    if checks:
        spec["steps"].append((deltas, checks))
    return spec


def call(arguments, cwd):
    p = subprocess.run(arguments, cwd=cwd, capture_output=True, timeout=30, env=ENV)
    return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")


def errors_check(bin_dir, name, spec, options, cwd, text_path, update):
    status, _, human = call([f"{bin_dir}/mmsbc", name] + options, cwd)
    need(status == 1, f"status {status}, not 1: {human[:200]}")
    need("\033" not in human, "colour where nobody asked")
    status, _, text = call([f"{bin_dir}/mmsbc", name, "--error-format=json"] + options, cwd)
    rows = [json.loads(line) for line in text.splitlines()]
    got = [f"{r['code']} {r['line']}:{r['column']}" + ("" if r["file"] == name else " in " + r["file"]) for r in rows if r["severity"] == "error"]
    need(got == spec["errors"], f"errors {got}, not {spec['errors']}: {human[:600]}")
    for r in rows:
        need(r["byte_begin"] <= r["byte_end"] and f"[{r['code']}]: {r['message']}\n  --> {r['file']}:{r['line']}:{r['column']}\n" in human,
             "the human form says something else than json")
        need("help" not in r or f"= help: {r['help']}\n" in human, "the help differs")
        need("second" not in r or r["second"]["message"] in human, "the second place differs")
    for hint in spec["hints"]:
        need(hint in human, f"`{hint}` is not in: {human[:600]}")
    if update and os.path.exists(text_path) and open(text_path, encoding="utf-8").read() != human:
        print(f"updated {os.path.relpath(text_path, HERE)}")
        with open(text_path, "w", encoding="utf-8") as f:
            f.write(human)
    if os.path.exists(text_path):
        with open(text_path, encoding="utf-8") as f:
            want = f.read()
        need(human == want, f"the text is:\n{human}\nnot:\n{want}")


def step_check(bin_dir, deltas, checks, cwd):
    arguments, pages, told, events = [f"{bin_dir}/mmsb-run", "golden.mmsbx", "--oracle", "1", "--no-strict"], [], [], []
    for c in checks:
        m = re.match(r":\s*([\w.]+)\s*(?::\s*(\w+)\s*(\[[^\]]*\])?)?\s*=\s*(.*)$", c)
        if c.startswith("event:"):
            events.append(c[6:].strip())
        elif c.startswith("no event"):
            events.append("")
        elif c.startswith("reject:"):
            told.append(c[7:].strip())
        else:
            need(m, f"cannot read `{c}`")
            shape = None if m.group(2) is None else tuple(int(d) for d in (m.group(3) or "[]")[1:-1].split(",") if d.strip())
            pages.append((m.group(1), m.group(2), shape, m.group(4)))
            arguments += ["--out", f"{m.group(1)}={len(pages)}.npy"]
    if deltas:
        with open(os.path.join(cwd, "golden.txt"), "w", encoding="utf-8") as f:
            f.write("\n".join(deltas) + "\n")
        arguments += ["--deltas", "golden.txt"]
    status, out, err = call(arguments, cwd)
    need(status == (1 if told else 0), f"status {status}: {err[:600]}")
    for k, page in enumerate(pages):
        page_compare(os.path.join(cwd, f"{k + 1}.npy"), *page)
    for t in told:
        need(t in err, f"`{t}` is not in: {err[:600]}")
    if events:
        got = [line for line in out.splitlines() if re.match(r"epoch \d+ event", line)]
        need(got == [e for e in events if e], f"events {got}, not {events}")


def golden(bin_dir, path, update):
    with open(path, "rb") as f:
        data = f.read()
    spec = parse(data.decode("utf-8", "replace"))
    need(spec["errors"] or spec["steps"] or spec["fault"], "it expects nothing")
    with tempfile.TemporaryDirectory() as cwd:
        name = os.path.basename(path)
        with open(os.path.join(cwd, name), "wb") as f:
            f.write(data)
        options = [o for d in spec["define"] for o in ("-D", d)] + [o for d in spec["folder"] for o in ("-I", os.path.join(HERE, d))]
        for entry in spec["file"]:
            at, _, body = entry.partition(":")
            with open(os.path.join(cwd, at.strip()), "w", encoding="utf-8") as f:
                f.write(body.strip().replace("\\n", "\n") + "\n")
        if spec["errors"]:
            return errors_check(bin_dir, name, spec, options, cwd, path[:-6] + ".txt", update)
        status, _, err = call([f"{bin_dir}/mmsbc", name, "-o", "golden.mmsbx"] + options, cwd)
        need(status == 0, f"mmsbc: status {status}: {err[:600]}")
        if spec["fault"]:
            status, _, err = call([f"{bin_dir}/mmsb-run", "golden.mmsbx"], cwd)
            need(status == 1 and spec["fault"] in err, f"status {status}, `{spec['fault']}` is not in: {err[:600]}")
        for deltas, checks in spec["steps"]:
            step_check(bin_dir, deltas, checks, cwd)
    return None


def main():
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    bin_dir, names, update = os.path.abspath(arguments[0]), arguments[1:], "--update" in sys.argv
    paths = sorted(os.path.join(at, n) for at, _, files in os.walk(HERE) for n in files if n.endswith(".mmsbg") and at != HERE and os.path.basename(at) != "with")
    paths = [p for p in paths if not names or any(n in p for n in names)]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, one in [(p, pool.submit(golden, bin_dir, p, update)) for p in paths]:
            try:
                one.result()
                passed += 1
            except (Wrong, subprocess.TimeoutExpired, OSError, ValueError, AttributeError, struct.error) as e:
                failed += 1
                print(f"FAIL {os.path.relpath(path, HERE)}: {e}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
