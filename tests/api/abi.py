#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types of the public headers against those that were agreed, by libabigail: what a program that was built
with an earlier header relies on.

    tests/api/abi.py [--write]

The headers' functions are compiled with empty bodies and debug information, so that nothing of the inside is in
the comparison; that the libraries show these functions is what symbols.sh checks. What differs is printed, status 1:
raise MMSB_ABI, or, where there are only additions, --write `lib*.abi` anew. Skipped where there is no abidiff."""
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
THEIRS = "[suppress_type]\nname = _IO_FILE\n"  # of the C library, behind a pointer: another release has another
LIBRARIES = {"libmmsb": ["engine/include/mmsb.h", "engine/include/mmsb_bus.h"],
             "libmmsbc": ["compiler/include/mmsbc.h"]}


def bodies(header):
    with open(os.path.join(TOP, header), encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    found = re.findall(r"^MMSBC?_API [^;{]*\)(?=;)", text, re.M)
    assert found, f"{header} declares no function"
    return "".join(f"{one} {{ __builtin_trap(); }}\n" for one in found), len(found)


def built(name, headers, work):
    code, functions = "", 0
    for header in headers:
        text, count = bodies(header)
        code += f'#include "{os.path.join(TOP, header)}"\n{text}'
        functions += count
    source, library = os.path.join(work, name + ".c"), os.path.join(work, name + ".so")
    with open(source, "w", encoding="utf-8") as f:
        f.write(code)
    include = [f"-I{os.path.join(TOP, d)}" for d in ("engine/include", "compiler/include")]
    subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-g", "-O0", "-w", "-fPIC", "-shared", "-nostdlib",
                    *include, source, "-o", library], check=True)
    return library, functions


def main():
    if shutil.which("abidiff") is None or shutil.which("abidw") is None:
        print("skipped: no abidiff")
        return 0
    if platform.machine() != "x86_64":
        print("skipped: the types that were agreed are written for x86-64")
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        theirs = os.path.join(work, "theirs.suppr")
        with open(theirs, "w", encoding="utf-8") as f:
            f.write(THEIRS)
        for name, headers in LIBRARIES.items():
            library, functions = built(name, headers, work)
            agreed = os.path.join(HERE, name + ".abi")
            if "--write" in sys.argv:
                subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed",
                                "--out-file", agreed, library], check=True)
            p = subprocess.run(["abidiff", "--no-show-locs", "--suppressions", theirs, agreed, library],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if p.returncode != 0:
                failed += 1
                print(f"{name}: types differ from tests/api/{name}.abi (abidiff ends with {p.returncode})\n{p.stdout}")
            else:
                print(f"{name}: {functions} functions, types as agreed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
