#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/report.py and bench/compare.py on rows made by hand: ratios, pictures, what counts as moved."""
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench")
HEAD = "section\tcase\tmedian\tbest\tp90\tunit\tratio\tbar\tverdict\tnote\n"
ROWS = (("cold", "floor: C", "40", "39", "41", "ms", "", "", "", ""),
        ("cold", "16 Mi f64, 4 outputs + sum, all lanes recomputed", "80", "79", "81", "ms", "2", "2.5", "ok", ""),
        ("cold", "peer: Eigen arrays", "120", "119", "121", "ms", "", "", "", ""),
        ("size", "1000 lanes, all recomputed", "2", "2", "2.1", "us", "", "", "", ""),
        ("size", "1000 lanes, one random lane changed", "1", "1", "1.1", "us", "0.5", "", "", ""),
        ("size", "100000 lanes, all recomputed", "200", "200", "210", "us", "", "", "", ""),
        ("size", "100000 lanes, one random lane changed", "1.5", "1", "1.6", "us", "0.0075", "", "", ""))
passed = failed = 0


def expect(what, holds):
    global passed, failed
    passed, failed = passed + holds, failed + (not holds)
    print(f"{'pass' if holds else 'FAIL'} {what}")


def report(folder, rows):
    """Runs report.py over rows; its results.json's path and what it printed."""
    os.makedirs(folder)
    path = os.path.join(folder, "rows.tsv")
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD + "".join("\t".join(row) + "\n" for row in rows))
    done = subprocess.run([sys.executable, os.path.join(BENCH, "report.py"), path, folder, "--note", "by hand"],
                          capture_output=True, text=True, check=True)
    return os.path.join(folder, "results.json"), done.stdout


def compare(old, new):
    return subprocess.run([sys.executable, os.path.join(BENCH, "compare.py"), old, new], capture_output=True,
                          text=True, check=False)


def with_case(case, **fields):
    at = {"median": 2, "best": 3, "p90": 4, "ratio": 6}
    rows = []
    for row in ROWS:
        row = list(row)
        for field, value in fields.items() if row[1] == case else ():
            row[at[field]] = value
        rows.append(tuple(row))
    return rows


def main():
    with tempfile.TemporaryDirectory() as folder:
        first, table = report(os.path.join(folder, "a"), ROWS)
        with open(first, encoding="utf-8") as file:
            result = json.load(file)
        ratios = {row["case"]: row["ratio"] for row in result["rows"]}
        expect("every row is in the JSON and in the table",
               len(result["rows"]) == len(ROWS) and all(row[1] in table for row in ROWS))
        expect("a peer's ratio is to ours in the same run", ratios["peer: Eigen arrays"] == 1.5)
        expect("a floor has no ratio", ratios["floor: C"] is None)
        expect("machine and note are named", bool(result["machine"]["compiler"]) and result["note"] == "by hand")
        for name, marks in (("size.svg", 4), ("cold.svg", 3)):
            root = xml.parse(os.path.join(folder, "a", name)).getroot()
            shapes = [e for e in root.iter() if e.tag.endswith("circle" if name == "size.svg" else "rect")]
            expect(f"{name} draws every row", len(shapes) - (name == "cold.svg") == marks)
        expect("no picture of what was not measured", not os.path.exists(os.path.join(folder, "a", "density.svg")))
        same = compare(first, first)
        expect("a result has not moved from itself", same.returncode == 0 and "0 rows slower" in same.stdout)
        ours = ROWS[1][1]
        slow, _ = report(os.path.join(folder, "b"), with_case(ours, median="100", best="99", p90="101", ratio="2.5"))
        moved = compare(first, slow)
        expect("a slower row is named, status 1", moved.returncode == 1 and f"cold: {ours}" in moved.stdout)
        back = compare(slow, first)
        expect("a faster row is named, status 0", back.returncode == 0 and "faster" in back.stdout)
        noisy, _ = report(os.path.join(folder, "c"), with_case(ours, median="100", best="60", p90="140", ratio="2.5"))
        expect("what the spread covers has not moved", compare(first, noisy).returncode == 0)
        drift, _ = report(os.path.join(folder, "d"), [
            tuple(str(float(v) * 3) if k in (2, 3, 4) else v for k, v in enumerate(row)) for row in ROWS
            if row[0] == "cold" and not row[1].startswith("peer")])
        expect("a machine three times slower with the same ratio is no slower row", "rows slower" in
               compare(first, drift).stdout and compare(first, drift).returncode == 0)
        damaged = os.path.join(folder, "damaged.json")
        with open(damaged, "w", encoding="utf-8") as file:
            file.write("{")
        for path in (damaged, os.path.join(folder, "none.json")):
            wrong = compare(first, path)
            expect("a file that is no result: named, status 2", wrong.returncode == 2 and path in wrong.stderr)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
