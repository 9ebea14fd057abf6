#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mmsb why, impact, page diff, log diff, mmsb-run --trace and --metrics: look.py BIN.

What a delta changes is found by running the graph with it and without it: `impact` must name every such lane, `why`
of a lane must name every source lane that can change it, and the two must be each other's inverse."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

BIN = os.path.abspath(sys.argv[1])
ENV = dict(os.environ, NO_COLOR="1")
failed = passed = 0
GRAPH = """graph look
param n = 8
source x: f64[n] edge mirror = 1.0
source y[i: n]: f64 edge wrap = f64(i)
source at[i: n]: u32 = u32(7 - i)
source key[i: n]: u8 = u8(i % 3)
source a[i: 2, j: 4]: f64 edge clamp, fill 0.0 = f64(i + j)
source s: f64 = 0.5
page shifted[i: n] = x[i - 1] + y[i + 3]
page taken[i: n] = y[at[i]] * s
page groups: f64[3] = sum(x by key)
page rows: f64[2, 4] = sum(wide by side)
source side[i: 2]: i32 = i32(i)
page wide[i: 2, j: 4] = a[i + 1, j + 1] + a[i, j]
page turned = transpose(a)
page product = matmul(a, turned)
page whole = dot(x, y)
page running = cumsum(a)
page order = argsort(y)
page best = topk(y, 2)
page middle = median(a)
page picked = argmax(x[i] for i: n if i != 3)
page part[i: 2] = sum(a[i, j] * y[j] for j: 4 if j < 3)
page state[i: n] = init x[i] then prev(state)[7 - i] * 0.5 + x[i]
page old = history(s, 3)
page late = prev(prev(whole)) + old[2]
event up = whole > 100.0 with s
"""
START = "x[2] = 3\ncommit\ny[5] += 1.5\nstate[1] = 9\ncommit\nx[2] += 1\nx[0] = 2\ncommit\n"


def expect(what, ok, more=""):
    global failed, passed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {more}", flush=True)


def call(program, *arguments, status=0):
    p = subprocess.run([f"{BIN}/{program}"] + list(arguments), capture_output=True, text=True, timeout=60, env=ENV)
    expect(f"{program} {' '.join(arguments)}", p.returncode == status, f"status {p.returncode}: {p.stdout}{p.stderr}")
    return p.stdout if status in (0, 1) and p.stdout else p.stderr


def lanes(text):
    """The names of lanes on a line: "qty[3] = 1, total = 2"."""
    return set(re.findall(r"([a-z_]+(?:\[[\d, ]+\])?)(?= =|,|$)", text))


def values(deltas):
    """Every lane of every page after the deltas."""
    with open("more.txt", "w", encoding="utf-8") as f:
        f.write(START + deltas)
    pages = re.findall(r"^(?:page|source|event) (\w+)", GRAPH, re.M)
    found = {}
    for line in call("mmsb-run", "g.mmsbx", "--deltas", "more.txt", "--print", ",".join(pages)).splitlines():
        m = re.match(r"(\w+)(\[.*\])? = (.*)", line)
        if m is None:
            continue
        at = m[2][1:-1].split(", ") if m[2] else []
        for k, v in enumerate(m[3].split(", ")):
            found[m[1] + (f"[{', '.join(at[:-1] + [str(k)])}]" if at else "")] = v
    return found


def impact(lane):
    """Lanes by the epoch in which they may change."""
    found, part = {"now": set(), "later": set()}, "now"
    for line in call("mmsb", "impact", "st", lane).splitlines():
        part = "later" if line.startswith("may change again") else part
        m = re.match(r"  (?:\w+): (?:\d+ of \d+ lanes: )?(.*)$", line)
        found[part] |= lanes(m[1]) if m else set()
    return found


def why(lane):
    """Lanes of sources that the report names."""
    found = set()
    for line in call("mmsb", "why", "st", lane).splitlines()[1:]:
        m = re.match(r"    (\w+(?:\[[\d, ]+\])?) .?=|  (?:\w+): \d+ of \d+ lanes: (.*)$|"
                     r"  (?:\w+): (.*)$|  (\w+\S*.*)$", line)
        if m and not line.startswith("  g.mmsbg") and "log-" not in line:
            found |= {m[1]} if m[1] else lanes(m[2] or m[3] or m[4])
    return found


def check_lanes():
    before = [values("commit\n" * k) for k in (1, 3)]
    sources = re.findall(r"^source (\w+)", GRAPH, re.M)
    all_lanes = [lane for lane in before[0] if lane.split("[")[0] in sources] + ["state[2]"]
    reached = {}
    for lane in all_lanes:
        new = "1" if lane.startswith("side") else "2" if lane.startswith(("key", "at")) else "41"
        reach = reached[lane] = impact(lane)
        for ticks, base in zip((1, 3), before):
            after = values(f"{lane} = {new}\n" + "commit\n" * ticks)
            changed = {k for k in after if after[k] != base[k]} - {lane}
            may = reach["now"] if ticks == 1 else reach["now"] | reach["later"]
            expect(f"impact of {lane}, {ticks} epochs", changed <= may, f"{sorted(changed - may)} changed too")
    for lane in sorted(before[0]):
        if lane.split("[")[0] in sources:
            continue
        named = why(lane)
        for source in all_lanes[:-1]:
            may = lane in reached[source]["now"] | reached[source]["later"]
            # The keys of other groups' elements could have brought them here, but did not.
            good = may or source not in named if source.startswith(("key", "side")) else (source in named) == may
            expect(f"why {lane}: {source}", good, f"{sorted(named)}")


def check_texts():
    text = call("mmsb", "why", "st", "taken[2]")
    pattern = (r"at epoch 3: taken\[2\] = 3.25\n  g.mmsbg:10: page taken.*\n(.*\n)*"
               r"  y: 1 of 8 lanes: y\[5\] = 6.5\n(.*\n)*deltas that made it:\n  epoch 2  \(log-1:\d+\)\n"
               r"    y\[5\] \+= 1.5\nfirst contents in it:\n(.*\n)*  y\[5\]\n")
    expect("why: value, equation, delta", re.search(pattern, text), text)
    text = call("mmsb", "why", "st", "x[2]")
    expect("why: what was set over is gone",
           "x[2] = 3.0\n" in text and "x[2] += 1.0" in text and "first contents" not in text, text)
    text = call("mmsb", "why", "st", "x[2]", "--at", "1")
    expect("why --at", "x[2] = 3.0" in text and "+=" not in text, text)
    call("mmsb", "why", "st", "x", status=2)
    call("mmsb", "why", "st", "none[1]", status=1)
    call("mmsb", "impact", "st", "whole", status=1)
    call("mmsb", "why", "st", status=2)
    text = call("mmsb", "page", "diff", "st", "2", "3", "x", status=1)
    expect("page diff", text == "x[0] = 1.0 -> 2.0\nx[2] = 3.0 -> 4.0\nepochs 2 and 3: 2 lanes of 1 pages differ\n",
           text)
    text = call("mmsb", "page", "diff", "st", "2", "2")
    expect("page diff of one epoch", text == "epochs 2 and 2: 0 lanes of 0 pages differ\n", text)
    call("mmsb", "page", "diff", "st", "2", "x", status=2)
    call("mmsb", "page", "diff", "st", "2", "9", status=1)


def check_logs():
    expect("log diff of one", call("mmsb", "log", "diff", "st", "st") == "the logs say the same: epochs 0 to 3\n")
    with open("other.txt", "w", encoding="utf-8") as f:
        f.write(START.replace("+= 1.5", "+= 2.5") + "tick 2\n")
    call("mmsb-run", "g.mmsbx", "--state", "st2", "--deltas", "other.txt")
    text = call("mmsb", "log", "diff", "st", "st2", status=1)
    expect("log diff",
           text == "epoch 2 differs:\n  - y[5] += 1.5\n  - state[1] = 9.0\n  + y[5] += 2.5\n  + state[1] = 9.0\n"
           "only st2 has epochs 4 to 5\n", text)
    with open("x.csv", "w", encoding="utf-8") as f:
        f.write("1\n" * 7 + "2\n")
    call("mmsb-run", "g.mmsbx", "--state", "st3", "--deltas", "start.txt", "--in", "x=x.csv")
    text = call("mmsb", "log", "diff", "st", "st3", status=1)
    expect("log diff of first contents",
           re.fullmatch(r"x\[7\] = 1.0 -> 2.0\nroots differ from epoch 3 on: 0x\w+ -> 0x\w+\n", text), text)
    with open("g.mmsbg", "w", encoding="utf-8") as f:
        f.write("source first: f64\n" + GRAPH)
    call("mmsbc", "g.mmsbg", "-o", "g2.mmsbx")
    call("mmsb-run", "g2.mmsbx", "--state", "st4", "--deltas", "start.txt")
    text = call("mmsb", "log", "diff", "st", "st4", status=1)
    said = "the graphs differ\nsource first of st4 is not in st with that type and shape\nroots differ from epoch 3 on"
    expect("log diff of two graphs", text.startswith(said), text)
    call("mmsb", "log", "diff", "st", "nowhere", status=3)


def check_trace():
    with open("fault.mmsbg", "w", encoding="utf-8") as f:
        f.write("source k: i64 = 1\npage q = 1 / k\nevent two = k == 2\n")
    with open("fault.txt", "w", encoding="utf-8") as f:
        f.write("commit\nk = 0\ncommit\nk = 2\ncommit\ntick 2\n")
    call("mmsbc", "fault.mmsbg")
    call("mmsb-run", "fault.mmsbx", "--deltas", "fault.txt", "--no-strict", "--trace", "t.json", status=1)
    with open("t.json", encoding="utf-8") as f:
        rows = json.load(f)["traceEvents"]
    expect("trace: rows", [r["name"] for r in rows] == ["epoch 1", "rejected", "epoch 2", "two", "epoch 3",
                                                        "epoch 4"], rows)
    ends = [0] + [r["ts"] + r.get("dur", 0) for r in rows]
    expect("trace: times", all(r["ts"] >= end for r, end in zip(rows, ends) if r["name"] != "two"), rows)
    expect("trace: work", rows[0]["args"]["nodes"] == 0 < rows[2]["args"]["nodes"], rows)
    call("mmsb-run", "fault.mmsbx", "--trace", "nowhere/t.json", status=3)


def check_metrics():
    p = subprocess.Popen([f"{BIN}/mmsb-run", "fault.mmsbx", "--deltas", "-", "--metrics", ":0"], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
    try:
        url = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", p.stderr.readline())
        expect("metrics: where", url)
        p.stdin.write("commit\nk = 0\ncommit\nk = 2\ncommit\nnonsense\ncommit\ntick 2\n")
        p.stdin.flush()
        want = {"mmsb_epoch": 4, "mmsb_epochs_total": 4, "mmsb_rejected_total": 2, 'mmsb_events_total{event="two"}': 1}
        for _ in range(200):
            text = urllib.request.urlopen(url[0], timeout=5).read().decode()
            got = {k: int(v) for k, v in re.findall(r"^(mmsb\S+) (\d+)$", text, re.M)}
            if all(got[k] == v for k, v in want.items()):
                break
            time.sleep(0.02)
        expect("metrics: counts", {k: got.get(k) for k in want} == want, text)
        expect("metrics: every row is told of", len(got) == text.count("# TYPE ") == text.count("# HELP "), text)
        try:
            urllib.request.urlopen(url[0] + "/none", timeout=5)
            expect("metrics: nothing else", False)
        except urllib.error.HTTPError as e:
            expect("metrics: nothing else", e.code == 404, e.code)
        slow = socket.create_connection(("127.0.0.1", int(url[1])))
        call("mmsb-run", "fault.mmsbx", "--metrics", f":{url[1]}", status=3)
        _, err = p.communicate("tick 1\n", timeout=20)
        slow.close()
        expect("metrics: nobody holds the end up", p.returncode == 1, err)
    finally:
        p.kill()
    call("mmsb-run", "fault.mmsbx", "--metrics", "nowhere", status=2)


def main():
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    for name, text in (("g.mmsbg", GRAPH), ("start.txt", START)):
        with open(name, "w", encoding="utf-8") as f:
            f.write(text)
    call("mmsbc", "g.mmsbg")
    call("mmsb-run", "g.mmsbx", "--state", "st", "--deltas", "start.txt")
    check_texts()
    check_lanes()
    check_logs()
    check_trace()
    check_metrics()
    shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
