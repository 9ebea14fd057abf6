#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The risk desk: halts a book, once, when it uses more than its limit. risk.py MMSB NAME"""
import subprocess
import sys

from bus import follow

mmsb, name = sys.argv[1:]
halted = set()
for epoch, values in follow(mmsb, name, "used"):
    for book, used in values["used"].items():
        if float(used) > 1.0 and book not in halted:
            halted.add(book)
            subprocess.run([mmsb, "set", name, f"halt[{book}] = true"], check=True, stdout=subprocess.DEVNULL)
