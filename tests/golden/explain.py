#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""explain.py BIN: every code of dsl/diag.def has an explanation; its wrong example gives that code and no other, its right one compiles."""
import os
import re
import subprocess
import sys
import tempfile

bin_dir = os.path.abspath(sys.argv[1])
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
failed = passed = 0


def examples(text):
    wrong, right = text.split(b"\nWrong:\n\n")[1].split(b"\nRight:\n\n")
    return [re.sub(rb"^    ", b"", part, flags=re.M) for part in (wrong, right)]


def codes(cwd, text):
    with open(os.path.join(cwd, "example.mmsbg"), "wb") as f:
        f.write(text)
    options = [o for m in re.finditer(rb"^// mmsbc (-\S+ \S+)", text, re.M) for o in m.group(1).decode().split()]
    p = subprocess.run([f"{bin_dir}/mmsbc", "example.mmsbg", "--error-format=short"] + options, cwd=cwd, capture_output=True)
    return p.returncode, set(re.findall(r"error\[(E\d+)\]", p.stderr.decode("utf-8", "replace"))), p.stderr


def check(what, ok, told):
    global failed, passed
    passed += ok
    failed += not ok
    if not ok:
        print(f"FAIL {what}: {told}")


with open(os.path.join(root, "dsl", "diag.def"), encoding="utf-8") as f:
    numbers = [int(n) for n in re.findall(r"^DIAG\(\w+, (\d+), DIAG_ERROR", f.read(), re.M)]
usage = subprocess.run([f"{bin_dir}/mmsbc", "--help"], capture_output=True).stdout
with tempfile.TemporaryDirectory() as work:
    for number in numbers:
        code = f"E{number:04}"
        p = subprocess.run([f"{bin_dir}/mmsbc", "--explain", code], capture_output=True)
        check(code, p.returncode == 0 and p.stdout.startswith(code.encode() + b": "), p.stderr)
        if p.returncode != 0:
            continue
        wrong, right = examples(p.stdout)
        if b"--max-bytes" in wrong and b"--max-bytes" not in usage:
            print(f"skipped: the examples of {code}: this mmsbc has no --max-bytes")
            continue
        status, got, told = codes(work, wrong)
        check(f"{code}, wrong example", status == 1 and got == {code}, told)
        status, got, told = codes(work, right)
        check(f"{code}, right example", status == 0, told)
    for code, near in (("E0102x", "E0102"), ("E0109x", "E0109"), ("E0020", None), ("nonsense", None)):
        p = subprocess.run([f"{bin_dir}/mmsbc", "--explain", code], capture_output=True, text=True)
        check(f"unknown {code}", p.returncode == 2 and (near is None or f"did you mean {near}" in p.stderr), p.stderr)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
