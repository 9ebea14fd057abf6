#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What bench/run.sh measured, as JSON, a table and pictures: report.py ROWS.tsv OUT_DIR [--note TEXT].

Writes OUT_DIR/results.json and OUT_DIR/{density,size,cold}.svg, prints the table. Peers' rows get their ratio
here: to our own row of the same section and run. Rows are those of bench.h."""
import argparse
import json
import math
import os
import platform
import subprocess
import time

FIELDS = ("section", "case", "median", "best", "p90", "unit", "ratio", "bar", "verdict", "note")
OURS = {  # section: what peers of that section stand beside, by a part of the peer's name
    "cold": {"": "16 Mi f64, 4 outputs + sum, all lanes recomputed"},
    "sparse": {"hot": "one hot lane of 1 Mi, 10 stages + sum", "random": "one random lane of 1 Mi, 10 stages + sum"},
    "log": {"append": "1 M deltas x 64 B, durable every 1000", "replay": "replay into 64 MiB, verified: the records"},
}


def number(text):
    return float(text) if text else None


def read_rows(path):
    """The rows of a file as dictionaries; numbers as floats or None."""
    rows = []
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines()[1:]:
            row = dict(zip(FIELDS, line.split("\t") + [""] * len(FIELDS)))
            for field in ("median", "best", "p90", "ratio", "bar"):
                row[field] = number(row[field])
            rows.append(row)
    return rows


def add_peer_ratios(rows):
    """A peer's ratio: its median to ours, so above 1 means slower than ours."""
    for row in rows:
        if not row["case"].startswith("peer: "):
            continue
        for part, ours in OURS.get(row["section"], {}).items():
            base = [r["median"] for r in rows if r["case"] == ours]
            if part in row["case"] and base and base[0]:
                row["ratio"] = row["median"] / base[0]
                row["note"] = (row["note"] + "; ratio to ours").lstrip("; ")


def machine():
    """What the figures depend on."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(), "compiler": compiler,
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "load": os.getloadavg()[0]}


def cell(value):
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else value


def print_table(rows):
    table = [FIELDS] + [tuple(cell(row[field]) for field in FIELDS) for row in rows]
    widths = [max(len(line[k]) for line in table) for k in range(len(FIELDS))]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


# ---- pictures ----
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 420, 80, 40, 30, 60
COLOURS = ("#1f5fa8", "#c0392b", "#2e7d32", "#7b4fa3")


def text_at(x, y, text, anchor="middle", size=12, extra=""):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" {extra}>{escaped}</text>'


def svg(title, body):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    return "\n".join([head, text_at(WIDTH / 2, 22, title, size=15)] + body + ["</svg>", ""])


def decades(low, high):
    """Powers of ten that enclose the values, as exponents."""
    first = next(k for k in range(-12, 13) if 10.0 ** (k + 1) > low)
    last = next(k for k in range(-12, 14) if 10.0**k >= high)
    return first, max(last, first + 1)


def power_of_ten(k):
    return f"{10**k:,}" if 0 <= k < 5 else f"1e{k}"


def line_chart(title, x_title, y_title, series):
    """series: name → [(x, y)], both axes logarithmic."""
    points = [p for line in series.values() for p in line]
    x0, x1 = decades(min(p[0] for p in points), max(p[0] for p in points))
    y0, y1 = decades(min(p[1] for p in points), max(p[1] for p in points))
    body = []

    def place(x, y):

        return (LEFT + (math.log10(x) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (math.log10(y) - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM))

    for k in range(x0, x1 + 1):
        x, _ = place(10.0**k, 10.0**y0)
        body.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        body.append(text_at(x, HEIGHT - BOTTOM + 18, power_of_ten(k)))
    for k in range(y0, y1 + 1):
        _, y = place(10.0**x0, 10.0**k)
        body.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        body.append(text_at(LEFT - 8, y + 4, power_of_ten(k), "end"))
    for at, (name, line) in enumerate(series.items()):
        colour = COLOURS[at % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*p) for p in sorted(line)))
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in (place(*p) for p in line)]
        body.append(text_at(LEFT + 12, TOP + 18 + 18 * at, name, "start", 13, f'fill="{colour}"'))
    body.append(text_at(WIDTH / 2, HEIGHT - 18, x_title))
    body.append(text_at(18, HEIGHT / 2, y_title, extra=f'transform="rotate(-90 18 {HEIGHT / 2})"'))
    return svg(title, body)


def bar_chart(title, unit, bars):
    """bars: [(name, value)], the longest fills the width."""
    body, left = [], 330
    most = max(value for _, value in bars)
    step = (HEIGHT - TOP - 20) / len(bars)
    for at, (name, value) in enumerate(bars):
        y, width = TOP + at * step, value / most * (WIDTH - left - 90)
        colour = COLOURS[1] if name.startswith("peer: ") else "#888" if name.startswith("floor") else COLOURS[0]
        body.append(text_at(left - 8, y + step / 2 + 4, name, "end", 11))
        body.append(f'<rect x="{left}" y="{y + 3:.1f}" width="{width:.1f}" height="{step - 6:.1f}" fill="{colour}"/>')
        body.append(text_at(left + width + 6, y + step / 2 + 4, f"{value:.3g} {unit}", "start", 11))
    return svg(title, body)


def leading_number(case):
    return float(case.split()[0].rstrip("%"))


def two_series(rows, section, words):
    """Lines of a section by a word of their cases; x is the number that a case starts with."""
    series = {}
    for name, word in words.items():
        line = [(leading_number(r["case"]), r["median"]) for r in rows
                if r["section"] == section and word in r["case"] and r["median"]]
        if line:
            series[name] = line
    return series


def draw(rows, folder):
    charts = {}
    sizes = two_series(rows, "size", {"all lanes recomputed": "all recomputed", "one random lane changed": "changed"})
    if sizes:
        charts["size.svg"] = line_chart("Time against size: x, y = 1.5x + 2, sum(y)", "lanes", "µs an epoch", sizes)
    density = two_series(rows, "density", {"full recompute": "full", "what changed": "changed"})
    if density:
        charts["density.svg"] = line_chart("Time against share of lanes changed", "% of lanes", "µs an epoch", density)
    cold = [(r["case"], r["median"]) for r in rows if r["section"] == "cold" and r["median"]]
    if cold:
        charts["cold.svg"] = bar_chart("Cold: 16 Mi f64, four outputs and a sum", "ms", cold)
    for name, text in charts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def main():
    parser = argparse.ArgumentParser(description="JSON, table and pictures of benchmark rows")
    parser.add_argument("rows")
    parser.add_argument("folder")
    parser.add_argument("--note", default="", help="what else to say of the machine")
    options = parser.parse_args()
    rows = read_rows(options.rows)
    add_peer_ratios(rows)
    os.makedirs(options.folder, exist_ok=True)
    result = {"made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "note": options.note, "machine": machine(),
              "rows": rows}
    with open(os.path.join(options.folder, "results.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1, ensure_ascii=False)
        file.write("\n")
    draw(rows, options.folder)
    print_table(rows)


if __name__ == "__main__":
    main()
