#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What moved between two results of bench/run.sh beyond the noise: compare.py OLD.json NEW.json.

A row has moved if its medians differ by more than both runs' own spreads (p90 - best) together, and by at least
5 %. Where both runs measured a floor, the ratio to it is compared, so that a slower machine shows as nothing.
Status: 0 nothing got slower, 1 something did, 2 the files cannot be compared."""
import json
import sys

LEAST = 0.05


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
        return result, {(r["section"], r["case"]): r for r in result["rows"]}
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        print(f"compare.py: {path}: not a result of bench/run.sh ({wrong})", file=sys.stderr)
        sys.exit(2)


def spread(row):
    """Half the width of a row's samples, as a share of its median; a single sample counts as 10 %."""
    middle = row["median"] or row["best"]
    if row["p90"] is None or row["best"] is None or not middle:
        return 0.10
    return max((row["p90"] - row["best"]) / middle / 2, 0.01)


def change(old, new):
    """(relative change, what was compared) of a row in both results; None: nothing to compare."""
    for field, what in (("ratio", "ratio"), ("median", "median"), ("best", "best")):
        if old[field] and new[field]:
            return new[field] / old[field] - 1, what
    return None


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    (old_run, old), (new_run, new) = load(sys.argv[1]), load(sys.argv[2])
    if old_run["machine"].get("processor") != new_run["machine"].get("processor"):
        print("note: two machines; only ratios say something")
    slower = 0
    for key in sorted(old.keys() | new.keys()):
        name = f"{key[0]}: {key[1]}"
        if key not in old or key not in new:
            print(f"{'only in the old' if key in old else 'only in the new'}  {name}")
            continue
        moved = change(old[key], new[key])
        if moved is None or abs(moved[0]) <= max(LEAST, spread(old[key]) + spread(new[key])):
            continue
        slower += moved[0] > 0 and not key[1].startswith(("floor", "peer: "))
        print(f"{'slower' if moved[0] > 0 else 'faster'} {moved[0]:+7.1%} ({moved[1]})  {name}")
    print(f"{slower} rows slower, {len(old.keys() & new.keys())} compared")
    return 1 if slower else 0


sys.exit(main())
