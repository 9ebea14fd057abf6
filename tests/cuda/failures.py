#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every call of the GPU's driver fails once, on a stand-in: mmsb-run ends in words with status 5, and
a state directory holds what was made before; and what mmsb-run says where there is no GPU.

usage: failures.py BIN STANDIN [STEP]: every call fails alone; every STEP-th (8) also for good,
and for lack of memory"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
STANDIN = os.path.abspath(sys.argv[2])
STEP = int(sys.argv[3]) if len(sys.argv) > 3 else 8
# Resident pages, pages that come back, reductions of both kinds, undo, a rejected epoch, state.
GRAPH = """graph failing
source x: f64[1500] = 1.0
source k: i32[1500] = 1
page deep = sqrt(x) * 2.0 + exp(x)
page bent[i: 1500] = if i > 0 && i < 1499 then deep[i - 1] + deep[i + 1] else deep[i]
page twice[i: 1500] = bent[i] * bent[1499 - i]
page safe = 100 / k
page total = sum(twice)
page group: f64[30] = sum(twice by k)
source left: f32[20, 30] = 0.5
page product = matmul(left, transpose(left))
page sorted = sort(bent * 2.0 + x)
page run = cumsum(deep * x)
page held: f64[1500] = init x then prev(held) * 0.5 + twice
export safe, total, sorted, run, held, group, product
"""
DELTAS = "x[3] = 4.0\ncommit\nk[7] = 0\ncommit\nx[1400..1420] = 2.5\ncommit\n"
failed = 0


def fail(what):
    global failed
    failed += 1
    print("FAILED", what)


def run(folder, *options, **settings):
    """Runs the graph; settings without the prefix STANDIN_."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STANDIN_")}
    environment.update({"STANDIN_" + k: str(v) for k, v in settings.items() if k != "driver"})
    environment["MMSB_CUDA_DRIVER"] = settings.get("driver", STANDIN)
    return subprocess.run([BIN + "/mmsb-run", *options], capture_output=True, text=True, cwd=folder, env=environment)


def live(executor):
    return ("g.mmsbx", "--deltas", "d.txt", "--no-strict", "--state", "state", "--root",
            "--print", "total,sorted,held",
            "--executor", executor)


def root_of(text):
    found = re.findall(r"^epoch (\d+) root (0x\w+)$", text, re.M)
    return found[-1] if found else None


def check_call(folder, n, roots, settings):
    """Fails the n-th call; the run's exit status."""
    with tempfile.TemporaryDirectory() as own:
        for name in ("g.mmsbx", "d.txt"):
            shutil.copy(f"{folder}/{name}", own)
        got = run(own, *live("cuda"), FAIL=n, **settings)
        where = f"call {n} {settings}"
        if got.returncode not in (1, 5):
            fail(f"{where}: status {got.returncode}: {got.stderr[-600:]}")
            return got.returncode
        words = r"^mmsb-run: the GPU (failed|has not enough memory): .+: (CUDA_|an unknown error)"
        if got.returncode == 5 and not re.search(words, got.stderr, re.M):
            fail(f"{where}: no words: {got.stderr[-600:]}")
        if got.returncode == 1 and root_of(got.stdout) != ("2", roots["2"]):
            fail(f"{where}: another end: {got.stdout[-200:]}")
        if not os.path.exists(own + "/state/checkpoint-0"):
            return got.returncode
        back = run(own, "g.mmsbx", "--state", "state", "--root")
        found = root_of(back.stdout)
        if back.returncode != 0 or found is None or roots.get(found[0]) != found[1]:
            fail(f"{where}: the state does not come back: {back.stdout[-200:]} {back.stderr[-300:]}")
        return got.returncode


def check_calls(folder, numbers, roots, **settings):
    """How many runs ended with status 5."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sum(x == 5 for x in pool.map(lambda n: check_call(folder, n, roots, settings), numbers))


def check_words(folder):
    """What is said where there is no GPU."""
    rows = (("no driver", {"driver": "/nowhere/libcuda.so"}, "there is no driver for a GPU: /nowhere/libcuda.so"),
            ("another library", {"driver": "libm.so.6"}, "the GPU's driver is too old: it has no cuInit"),
            ("no device", {"DEVICES": 0}, "there is no GPU"), ("cuInit says so", {"INIT": 100}, "there is no GPU"),
            ("an old driver", {"VERSION": 10020}, "it is for CUDA 10.2, 11.0 is needed"),
            ("an old GPU", {"SM": 70}, "is too old: it is sm_70, sm_75 is needed"),
            ("little memory", {"BYTES": 50000}, "bytes of the GPU's memory, and 50000 are free"))
    with open(folder + "/large.mmsbg", "w", encoding="utf-8") as to:
        to.write("graph large\nsource x: f64[9000000] = 0.5\n"
                 "page y = ((((x * 2.0 + 1.0) * x + 3.0) * x - 1.0) * x + 2.0) * x\n"
                 "page z = (((y - x) * y + 4.0) * x + y) * x + 0.5 * y - x * x + y / 3.0 + min(x, y) * max(x, y) "
                 "+ abs(x - y) * floor(x * 8.0) + ceil(y * 3.0)\npage t = sum(z)\nexport t\n")
    subprocess.run([BIN + "/mmsbc", "large.mmsbg"], check=True, cwd=folder)
    for name, settings, words in rows:
        got = run(folder, "g.mmsbx", "--executor", "cuda", **settings)
        if got.returncode != 5 or words not in got.stderr or got.stdout != "":
            fail(f"cuda, {name}: status {got.returncode}: {got.stderr}")
        small = run(folder, "g.mmsbx", "--executor", "auto", **settings)
        if small.returncode != 0 or "GPU" in small.stderr:
            fail(f"auto, a small graph, {name}: status {small.returncode}: {small.stderr}")
    got = run(folder, "large.mmsbx", "--executor", "auto", "--stats", DEVICES=0)
    if got.returncode != 0 or got.stderr.count("mmsb-run: no GPU: using the CPU: there is no GPU") != 1:
        fail(f"auto, a large graph: status {got.returncode}: {got.stderr}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("g.mmsbg", GRAPH), ("d.txt", DELTAS)):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as to:
                to.write(text)
        subprocess.run([BIN + "/mmsbc", "g.mmsbg"], check=True, cwd=folder)
        vm = run(folder, *live("vm"))
        shutil.rmtree(folder + "/state")
        gpu = run(folder, *live("cuda"), COUNT="calls")
        if "without nvcc" in gpu.stderr:
            print("skipped: no nvcc: this build has no CUDA executor")
            return 0
        if (vm.returncode, vm.stdout, vm.stderr) != (1, gpu.stdout, gpu.stderr) or gpu.returncode != 1:
            sys.exit(f"without failures: {gpu.returncode} {gpu.stdout}{gpu.stderr}\n"
                     f"the VM: {vm.returncode} {vm.stdout}{vm.stderr}")
        if vm.stderr.count("rejected") != 1:
            sys.exit(f"an epoch should have been rejected: {vm.stderr}")
        calls = int(open(folder + "/calls", encoding="ascii").read())
        roots = {}
        for epoch in range(3):
            replayed = run(folder, "--replay", "state", "--to", str(epoch), "--root")
            roots[str(epoch)] = root_of(replayed.stdout)[1]
        again = run(folder, "--replay", "state", "--root", "--executor", "cuda")
        if root_of(again.stdout) != ("2", roots["2"]):
            fail(f"replayed on the GPU: {again.stdout} {again.stderr}")
        one = check_calls(folder, range(1, calls + 1), roots)
        dead = check_calls(folder, range(1, calls + 1, STEP), roots, DEAD=1, CODE=700)
        memory = check_calls(folder, range(1, calls + 1, STEP), roots, CODE=2)
        if one < calls * 3 // 4:
            fail(f"of {calls} calls only {one} ended the run")
        check_words(folder)
        print(f"each of {calls} calls failed: {one} runs ended with status 5; for good {dead}, for memory {memory}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
