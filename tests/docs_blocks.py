#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles and runs every graph block of the docs: docs_blocks.py BIN FILE...
A block marked mmsbg is compiled and run for one tick with --oracle 1; `mmsbg error E0nnn` must be refused with that code; a block marked deltas is fed
to the graph before it."""
import os
import re
import subprocess
import sys
import tempfile

bin_dir = os.path.abspath(sys.argv[1])
failed = passed = 0
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as f:
        text = f.read()
    blocks = [(m.group(1).strip(), m.group(2), text[:m.start()].count("\n") + 1) for m in re.finditer(r"^```(.*?)\n(.*?)^```", text, re.M | re.S)]
    with tempfile.TemporaryDirectory() as work:
        for kind, body, line in blocks:
            words = kind.split()
            if not words or words[0] not in ("mmsbg", "deltas") or words[1:] == ["kernels"]:
                continue
            if words[0] == "mmsbg":
                with open(os.path.join(work, "block.mmsbg"), "w", encoding="utf-8") as f:
                    f.write(body)
                p = subprocess.run([os.path.join(bin_dir, "mmsbc"), "block.mmsbg"], cwd=work, capture_output=True, text=True)
                ok = p.returncode == 0 if len(words) == 1 else p.returncode == 1 and words[2] in p.stderr
                arguments = ["--ticks", "1"]
            else:
                with open(os.path.join(work, "block.txt"), "w", encoding="utf-8") as f:
                    f.write(body)
                ok, p, arguments = True, None, ["--deltas", "block.txt"]
            if ok and len(words) == 1:
                p = subprocess.run([os.path.join(bin_dir, "mmsb-run"), "block.mmsbx", "--oracle", "1"] + arguments, cwd=work, capture_output=True, text=True)
                ok = p.returncode == 0
            passed += ok
            failed += not ok
            if not ok:
                print(f"{path}:{line}: {kind}: status {p.returncode}: {p.stderr.strip()[:300]}")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
