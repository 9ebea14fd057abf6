# SPDX-License-Identifier: Apache-2.0
"""What the cases of run.py stand on: graphs, engines, clients, waiting. The build is the program's first argument."""
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
RUN, TOOL, TESTS = (os.path.join(BUILD, n) for n in ("bin/mmsb-run", "bin/mmsb", "tests"))
GRAPH = """graph bus
param n = 8192
source x: f64[n] = 0.0
page a = x * 1.0
page b = x * 2.0
assert max(x) < 1000000.0 "too large"
export x, a, b
"""
COUNTER = """graph counter
source step: i64 = 1
page ticks: i64 = init 0 then prev(ticks) + step
export ticks, step
"""
SUMS = """graph sums
source d: f64[8192] = 1.0
page s: f64[8192] = init 0.0 then prev(s) + d
page t = s * 2.0 + sqrt(d)
export s, t
"""


STARTED = []  # all that a case started: none outlives it


class Broken(Exception):
    pass


def check(true, what):
    if not true:
        raise Broken(what)


LIMIT = 60  # seconds that a busy machine may take for what takes milliseconds


def wait_for(condition, what):
    end = time.time() + LIMIT
    while not condition():
        check(time.time() < end, what)
        time.sleep(0.01)


class Engine:
    def __init__(self, image, name, *more, descriptors=1024):
        self.name, self.err = name, tempfile.TemporaryFile("w+")
        self.p = subprocess.Popen([RUN, image, "--serve", name, *more], stdout=subprocess.PIPE, stderr=self.err,
                                  text=True, preexec_fn=lambda: resource.setrlimit(
                                      resource.RLIMIT_NOFILE, (descriptors, descriptors)))
        STARTED.append(self.p)
        end = time.time() + LIMIT
        while "serving" not in self.said() and self.p.poll() is None and time.time() < end:
            time.sleep(0.01)
        if self.p.poll() is not None or "serving" not in self.said():
            raise Broken(f"the engine did not start: {self.said()}")

    def said(self):
        self.err.seek(0)
        return self.err.read()

    def close(self, status=0):
        self.p.send_signal(signal.SIGTERM)
        out = self.p.communicate(timeout=60)[0]
        check(self.p.returncode == status, f"the engine ended with {self.p.returncode}: {self.said()}")
        return out

    def kill(self):
        self.p.kill()
        self.p.communicate()

    def epoch(self):
        return figure(command("attach", self.name), "epoch")

    def held(self):
        """Descriptors, and mapped memory of rings: what a client could leak."""
        with open(f"/proc/{self.p.pid}/maps") as f:
            maps = sum("memfd:mmsb" in line for line in f)
        return len(os.listdir(f"/proc/{self.p.pid}/fd")), maps

    def counters(self):
        out = command("top", self.name, "--once")
        return {m[2]: int(m[1]) for m in re.finditer(r"^ *(\d+) +\d+/s  (.*)$", out, re.M)}


def command(*words, status=0):
    p = subprocess.run([TOOL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    check(p.returncode == status, f"mmsb {' '.join(words)}: status {p.returncode}, not {status}: {p.stdout}{p.stderr}")
    return p.stdout + p.stderr


def start(program, *words):
    STARTED.append(subprocess.Popen([os.path.join(TESTS, program), *map(str, words)], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    return STARTED[-1]


def end(p, status=0, timeout=120):
    out = p.communicate(timeout=timeout)[0]
    check(p.returncode == status, f"{' '.join(p.args[1:])}: status {p.returncode}: {out[-2000:]}")
    return out.strip()


def figure(out, word):
    m = re.search(rf"{word} (\d+)", out)
    check(m is not None, f"no {word} in: {out}")
    return int(m[1])


def late(engine, *words):
    """A client that sends and hangs up while the engine stands still; returns once both are so."""
    p = start("bus_client", engine.name, "late", *words)
    check(p.stdout.readline() == "ready\n", "the client was not let in")
    engine.p.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, engine.p.pid, os.WSTOPPED | os.WNOWAIT)
    p.communicate("now\n", timeout=60)
    check(p.returncode in (0, -signal.SIGKILL), f"late: {p.returncode}")


def settle(engine, baseline, what):
    """Death is a hang-up: all that the dead held is back soon."""
    limit = time.time() + LIMIT
    while engine.held() != baseline and time.time() < limit:
        time.sleep(0.01)
    check(engine.held() == baseline, f"{what}: descriptors and maps {engine.held()}, not {baseline}")


def same_root(engine_out, state):
    root = re.search(r"epoch \d+ root 0x[0-9a-f]+", engine_out)
    replay = subprocess.run([RUN, "--replay", state, "--root", "--print", "x"], stdout=subprocess.PIPE, text=True,
                            timeout=600).stdout
    check(root is not None and root[0] in replay, f"the root {root} is not the replay's: {replay[-200:]}")
    return root[0]
