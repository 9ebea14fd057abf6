#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboard: a bar a book, drawn anew as epochs come; the last picture stays. dashboard.py MMSB NAME"""
import sys

from bus import follow

picture = ""
for epoch, values in follow(sys.argv[1], sys.argv[2], "used", "exposure", "halt", "total"):
    if len(values) < 4:
        continue  # the pages are not all there yet
    rows = [f"total exposure {float(values['total'][0]):12,.2f}"]
    for book, used in sorted(values["used"].items()):
        bar = "#" * round(40 * min(float(used), 1.25))
        halt = "HALTED" if values["halt"][book] == "true" else ""
        rows.append(f"book {book} {float(values['exposure'][book]):12,.2f} {bar:<50} {halt}".rstrip())
    picture = "\n".join(rows)
    if sys.stdout.isatty():
        print("\033[H\033[J" + picture + f"\nepoch {epoch}", flush=True)
if not sys.stdout.isatty():
    print(picture)
