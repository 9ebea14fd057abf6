#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The promises of a bus (docs/Bus.md), kept against many clients, killed, stopped and hostile ones.

    tests/bus/run.py BUILD [--scale F] [--seed N] [--only WORD]

BUILD has bin/ and tests/. --scale 1 takes about a minute; 10 kills 1,500 clients. Status 1 if a promise was broken."""
import argparse
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from harness import (COUNTER, GRAPH, LIMIT, RUN, STARTED, SUMS, TESTS, TOOL, Broken, Engine, check, command, end,
                     figure, late, same_root, settle, start, wait_for)


def commands():
    e = Engine("bus.mmsbx", "cmd", "--root")
    check("takes deltas" in command("attach", "cmd"), "attach lists no sources")
    check(command("set", "cmd", "x[0..3] = 1, 2, 3") == "epoch 1\n", "set")
    check(command("get", "cmd", "b[2]") == "b[2] = 6.0\n", "get")
    check("too large" in command("set", "cmd", "x[0] = 1e9", status=1), "an assert that breaks is not told")
    check("epoch 1" in command("attach", "cmd"), "a rejected commit moved the epoch")
    check("is outside" in command("set", "cmd", "x[8192] = 1", status=1), "a lane outside")
    check("derived" in command("set", "cmd", "a[0] = 1", status=1), "a derived page")
    check("no log" in command("set", "cmd", "x[0] = 1", "--durable", status=5), "durable, but no log")
    w = subprocess.Popen([TOOL, "watch", "cmd", "a", "--epochs", "1"], stdout=subprocess.PIPE, text=True)
    w.stdout.readline()
    w.stdout.readline()
    command("set", "cmd", "x[7] = 4")
    out = w.communicate(timeout=LIMIT)[0]
    check("a[7] = 4.0" in out, f"watch saw {out}")
    p = subprocess.run([TOOL, "set", "cmd", "-"], input="x[1] = 8\ncommit\nx[0] = 1e9\ncommit\nx[1] += 1\ntick 2\n",
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    check(p.returncode == 1 and p.stdout == "epoch 7\n" and "commit 2: epoch 5 rejected" in p.stderr, f"set -: {p}")
    check("a[1] = 9.0" in command("get", "cmd", "a[1]"), "set -")
    check("epoch 7 root" in e.close(), "results are printed at the end")
    command("get", "cmd", "a", status=5)
    refused = ((2, ["--trace", "t"]), (2, ["--until", "x"]), (2, ["--leases", "17"]))
    for status, more in refused:
        p = subprocess.run([RUN, "bus.mmsbx", "--serve", "cmd", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(p.returncode == status, f"--serve with {more}: {p}")
    for wrong in (["get", "cmd"], ["set", "x/y", "x[0] = 1"], ["attach"], ["watch", "cmd", "--nonsense"]):
        command(*wrong, status=2)
    return "attach, set, get, watch, top"


def folder():
    base = os.environ["XDG_RUNTIME_DIR"]
    place = os.path.join(base, "mmsb")

    def refused(why, status=3):
        p = subprocess.run([RUN, "bus.mmsbx", "--serve", "f"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=LIMIT)
        check(p.returncode == status and why in p.stderr, f"{why}: {p.returncode} {p.stderr}")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs("elsewhere", mode=0o700, exist_ok=True)
    os.symlink(os.path.abspath("elsewhere"), place)
    refused("a link")
    command("attach", "f", status=3)
    os.unlink(place)
    for mode in (0o755, 0o770, 0o701, 0o777):
        os.mkdir(place)
        os.chmod(place, mode)
        refused("others may enter it")
        command("attach", "f", status=3)
        os.rmdir(place)
    open(place, "w").close()
    refused("no folder")
    os.unlink(place)
    if os.geteuid() == 0:
        os.mkdir(place, 0o700)
        os.chown(place, 65534, 65534)
        refused("another user")
        command("attach", "f", status=3)
        os.rmdir(place)
    os.mkdir(place, 0o700)
    os.symlink("/etc/passwd", os.path.join(place, "f.lock"))
    refused("cannot be made")
    os.unlink(os.path.join(place, "f.lock"))
    os.symlink("/etc/passwd", os.path.join(place, "f"))  # a name that is a link is replaced, not followed
    e = Engine("bus.mmsbx", "f")
    check(os.path.exists("/etc/passwd") and not os.path.islink(os.path.join(place, "f")), "a link was followed")
    refused("another process serves", 5)
    for name in ("", ".hidden", "a/b", "..", "x" * 65, "a b"):
        p = subprocess.run([RUN, "bus.mmsbx", "--serve", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(p.returncode == 2, f"the name {name!r} was taken")
    e.kill()
    command("attach", "f", status=5)
    e = Engine("bus.mmsbx", "f")  # what the dead one left is replaced
    e.close()
    check(os.listdir(place) == [], f"left behind: {os.listdir(place)}")
    if os.geteuid() == 0 and shutil.which("setpriv"):
        e = Engine("bus.mmsbx", "f")
        for d in (os.path.dirname(base), base, place):
            os.chmod(d, 0o711)
        os.chmod(os.path.join(place, "f"), 0o777)
        code = ("import socket,sys;s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET);s.connect(sys.argv[1]);"
                "s.settimeout(5);s.send(b'MMSBBUS\\x1a\\x01'+bytes(55));sys.exit(len(s.recv(400)))")
        p = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", sys.executable, "-c",
                            code, os.path.join(place, "f")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True)
        os.chmod(place, 0o700)
        closed = p.returncode == 0 or "Reset" in p.stdout or "Broken" in p.stdout
        check(closed, f"another user got in: {p.returncode} {p.stdout}")
        command("attach", "f")
        e.close()
    return "links, modes, owners, names, a second engine, a dead one, another user"


def whole():
    e = Engine("bus.mmsbx", "w", "--root", "--state", "w.state", "--leases", "2")
    seconds = max(1.0, 4 * SCALE)
    torn = start("bus_client", "w", "unchecked", 100)
    writers = [start("bus_client", "w", "write", seconds, k * 1000) for k in range(2)]
    readers = [start("bus_client", "w", kind, seconds) for kind in ("read", "read", "lease", "lease")]
    out = [end(p) for p in writers + readers]
    for k in range(20):  # on a loaded machine it may have come when the writers were gone
        if torn.poll() is None:
            end(start("bus_client", "w", "write", 1, 3000 + k))
    check(figure(end(torn), "torn") > 0, "a reader that does not check sees no torn epoch: the test cannot fail")
    check(all(figure(o, "whole") > 0 for o in out[2:]), f"no reader read: {out}")
    check(all(figure(o, "refused") > 0 for o in out[:2]), "no commit was to be refused")
    root = same_root(e.close(), "w.state")
    return f"{out[0]}; {out[2]}; {out[4]}; {root}"


def killed():
    e = Engine("bus.mmsbx", "k", "--root", "--state", "k.state", "--durability", "none", "--leases", "3")
    baseline = e.held()
    count = int(150 * SCALE)
    others = [start("bus_client", "k", "write", 3600, 5, 10 ** 9, 1000), start("bus_client", "k", "read", 3600)]
    wait_for(lambda: e.epoch() > 0, "the writer does not write")
    running = []
    for k in range(count):
        kind = random.choice(["write", "read", "lease", "hold", "changes", "idle"])
        running.append(start("bus_client", "k", kind, 3600, 7, 10 ** 9, random.choice([1, 300, 3000])))
        time.sleep(random.random() * 0.02)
        while len(running) > 7:
            p = running.pop(random.randrange(len(running)))
            p.kill()
            p.communicate()
    for p in running:
        p.kill()
        p.communicate()
    epoch = e.epoch()
    wait_for(lambda: e.epoch() > epoch, "the writer that was left alone is stalled")
    for p in others:
        check(p.poll() is None, "a client that was left alone has ended")
        p.kill()
        p.communicate()
    settle(e, baseline, f"after {count} kills")
    c = e.counters()
    check(c["leases held now"] == 0 and c["clients cut off: they broke the protocol"] == 0, f"counters: {c}")
    root = same_root(e.close(), "k.state")
    return f"{count} clients killed, {c['clients attached so far']} attached, {c['commits taken']} commits; {root}"


def stopped():
    e = Engine("bus.mmsbx", "s")
    baseline = e.held()
    holder = start("bus_client", "s", "hold")
    check("holds" in holder.stdout.readline(), "no lease")
    stuck = start("bus_client", "s", "write", 3600, 9)
    wait_for(lambda: e.epoch() > 0, "the writer does not write")
    for p in (holder, stuck):
        p.send_signal(signal.SIGSTOP)
    out = end(start("bus_client", "s", "write", 1, 0, 2000))
    check(figure(out, "applied") > 10, f"a stopped client holds others up: {out}")
    check(figure(end(start("bus_client", "s", "busy", 0)), "busy") > 0, "the lease of a stopped client was lost")
    stuck.send_signal(signal.SIGCONT)
    epoch = e.epoch()
    wait_for(lambda: e.epoch() > epoch or stuck.poll() is not None, "a client that was stopped does not go on")
    check(stuck.poll() is None, "a client that was stopped was cut off")
    holder.kill()  # while it is stopped
    holder.communicate()
    check(figure(end(start("bus_client", "s", "lease", 0)), "whole") > 0, "the lease of a dead client was not freed")
    stuck.kill()
    stuck.communicate()
    settle(e, baseline, "after the stopped")
    e.close()
    return out


def silent(name, count):
    """Connections that say nothing."""
    all_of_them = []
    for _ in range(count):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(os.path.join(os.environ["XDG_RUNTIME_DIR"], "mmsb", name))
        all_of_them.append(s)
    return all_of_them


def crowd():
    e = Engine("bus.mmsbx", "n")
    baseline = e.held()
    quiet = silent("n", 100)
    command("attach", "n")
    many = [start("bus_client", "n", "idle") for _ in range(63)]
    check(all("holds" in p.stdout.readline() for p in many), "one of 64 clients was not let in")
    late(e, 100, "kill")
    many.append(start("bus_client", "n", "idle"))  # while the place of the dead is not free yet
    e.p.send_signal(signal.SIGCONT)
    check("holds" in many[-1].stdout.readline(), "no place after one of 64 clients hung up")
    check("as many clients as it takes" in command("attach", "n", status=5), "a 65th client")
    check(all(p.poll() is None for p in many), "one of 64 clients was cut off")
    gone = many.pop()
    gone.kill()
    gone.communicate()
    end(start("bus_client", "n", "write", 0.1, 1))
    for p in many:
        p.kill()
        p.communicate()
    for s in quiet:
        s.close()
    settle(e, baseline, "after the crowd")
    e.close()
    e = Engine("bus.mmsbx", "n", descriptors=24)  # they end before the slots do
    baseline = e.held()
    quiet = silent("n", 40)
    writer = start("bus_client", "n", "write", 0.3, 1)
    out = writer.communicate(timeout=LIMIT)[0]
    check(writer.returncode == 0 or "no descriptors left" in out, f"descriptors ran out: {out}")
    for s in quiet:
        s.close()
    settle(e, baseline, "after the descriptors ran out")
    out = end(start("bus_client", "n", "write", 0.1, 1))
    e.close()
    return "64 clients, 100 that say nothing, 24 descriptors; then " + out


def hostile():
    e = Engine("bus.mmsbx", "h", "--root", "--state", "h.state", "--durability", "none", "--leases", "2")
    baseline = e.held()
    victims = [start("bus_client", "h", "write", 3600, 0, 10 ** 9, 1000), start("bus_client", "h", "lease", 3600)]
    out = [end(start("bus_hostile", "h", "seals", SEED))]
    bad = [start("bus_hostile", "h", "scribble", SEED, int(20000 * SCALE)),
           start("bus_hostile", "h", "garbage", SEED + 1, int(500 * SCALE)),
           start("bus_hostile", "h", "race", SEED + 2, int(20000 * SCALE))]
    out += [end(p) for p in bad]
    check(all(p.poll() is None for p in victims), "a hostile client ended another")
    for p in victims:
        p.kill()
        p.communicate()
    settle(e, baseline, "after the hostile")
    check(end(start("bus_client", "h", "write", 0.5, 3)) != "", "")
    root = same_root(e.close(), "h.state")
    return "; ".join(out) + "; " + root


def engine_killed():
    e = Engine("bus.mmsbx", "d", "--state", "d.state", "--durability", "none")
    many = [start("bus_client", "d", kind, 3600) for kind in ("read", "read", "lease", "lease", "read", "lease")]
    writer = start("bus_client", "d", "write", 3600, 0, 10 ** 9, 200)
    wait_for(lambda: f"{len(many) + 2} clients" in command("attach", "d"), "not all are let in")
    epoch = e.epoch()
    wait_for(lambda: e.epoch() > epoch, "the writer does not write")
    e.kill()
    out = [end(p) for p in many]
    check(all("gone" in o for o in out), f"readers of a dead engine: {out}")
    check("is gone" in end(writer, status=14), "the writer was not told")
    acknowledged = 0
    for k in range(int(8 * SCALE) + 2):  # what was answered is there
        mode = ("none", "batch", "epoch", "sealed")[k % 4]
        e = Engine("bus.mmsbx", "d", "--state", "d.state", "--durability", mode, "--checkpoint", "50", "--leases", "2")
        first = e.epoch()
        check(first >= acknowledged, f"an answered epoch is lost: {acknowledged}")
        writers = [start("bus_client", "d", "write", 3600, n * 1000, 10 ** 9, n * 50) for n in range(3)]
        many = [start("bus_client", "d", kind, 3600) for kind in ("read", "lease", "read")]
        if k == 0:
            wait_for(lambda: e.epoch() > first + 9, "nobody writes")
        time.sleep(0.05 + random.random() * 0.3)
        e.kill()
        ends = [p.communicate(timeout=LIMIT)[0] for p in writers]
        check(all("is gone" in o or "no engine" in o for o in ends), f"writers: {ends}")
        for p in many:
            o = p.communicate(timeout=LIMIT)[0]
            check(p.returncode in (0, 17) and ("gone" in o or "no engine" in o), f"a reader: {p.returncode} {o}")
        acknowledged = max([acknowledged] + [figure(o, "up to epoch") for o in ends if "up to epoch" in o])
    check(acknowledged > 0, "nothing was answered")
    last = None
    for k in range(3):  # exactly once, whatever dies
        e = Engine("bus.mmsbx", "d", "--state", "d.state")
        out = end(start("bus_client", "d", "stream", 77, 20))
        check(last is None or figure(out, "from") == last, f"the stream does not go on: {out}, before {last}")
        last = figure(out, "to")
        e.kill()
    e = Engine("bus.mmsbx", "d", "--state", "d.state", "--root")
    root = same_root(e.close(), "d.state")
    return f"{acknowledged} epochs answered by engines that were killed; {out}; {root}"


def slow_disk():
    """Every sync of a checkpoint takes 100 s: nobody reads, leases or commits any slower for that."""
    if shutil.which("strace") is None:
        return "skipped: no strace"
    out = []
    for mode in ("none", "batch", "epoch"):
        state = f"slow.{mode}"
        subprocess.run([RUN, "bus.mmsbx", "--state", state, "--ticks", "1"], stdout=subprocess.DEVNULL, check=True)
        e = Engine("bus.mmsbx", "slow", "--state", state, "--checkpoint", "1", "--durability", mode)
        disk = subprocess.Popen(["strace", "-f", "-p", str(e.p.pid), "-e", "trace=fsync", "-e",
                                 "inject=fsync:delay_enter=100000000"], stderr=subprocess.PIPE, text=True)
        STARTED.append(disk)
        check("attached" in disk.stderr.readline(), "strace does not attach")
        place = os.path.join(state, "checkpoint-2")
        reader = start("bus_client", "slow", "read", 1)
        begin = time.time()
        end(start("bus_client", "slow", "write", LIMIT, 1, 1))
        spent = time.time() - begin
        for kind in ("lease", "write"):
            end(start("bus_client", "slow", kind, 0.1, 5))
        check(figure(end(reader), "whole") > 0, "readers waited for the disk")
        epoch = e.epoch()
        check(epoch > 2, "commits waited for the disk")
        check(not os.path.exists(place), "the disk is not slow: the test cannot fail")
        disk.send_signal(signal.SIGTERM)  # lets it go
        disk.communicate(timeout=LIMIT)
        wait_for(lambda: os.path.exists(place), "no checkpoint is made")
        e.close()
        check(os.path.exists(os.path.join(state, f"checkpoint-{epoch}")), "no checkpoint at the end")
        out.append(f"{mode} {spent:.2f} s")
    return "a commit with a checkpoint took: " + ", ".join(out)


def changes():
    e = Engine("bus.mmsbx", "c")
    seconds = max(1.0, 2 * SCALE)
    pokers = [start("bus_client", "c", "poke", 3600, k) for k in (3, 4)]
    out = end(start("bus_client", "c", "changes", seconds))
    for p in pokers:
        check(p.poll() is None, "a client that pokes has ended")
        p.kill()
        p.communicate()
    e.close()
    return out


def ticks():
    e = Engine("counter.mmsbx", "t", "--ticks", "1000000000")
    def ticked():
        return int(command("get", "t", "ticks").split("=")[1])
    first = ticked()
    wait_for(lambda: ticked() > first, "the engine does not tick")
    command("set", "t", "step = 0")
    second, epoch = ticked(), e.epoch()
    wait_for(lambda: e.epoch() > epoch, "the engine does not tick on")
    check(ticked() == second, "the delta was not seen by ticks")
    e.close()
    e = Engine("counter.mmsbx", "t", "--ticks", "500", "--state", "t.state", "--root", "--durability", "none")
    wait_for(lambda: "epoch 500," in command("attach", "t"), "500 ticks do not end")
    check("ticks = 500" in command("get", "t", "ticks"), "500 ticks")
    command("set", "t", "step = 5")
    check("epoch 501 root" in e.close(), "ticks end, serving goes on")
    return f"{first} ticks before the first look"


def interrupted():
    e = Engine("bus.mmsbx", "i", "--leases", "2")
    out = [end(start("bus_client", "i", "arm")), end(start("bus_client", "i", "flood"), timeout=60),
           end(start("bus_client", "i", "signals", int(400 * SCALE) + 20))]
    p = subprocess.run([TOOL, "set", "i", "-"], input="x[0] = 3\ncommit\n" * 50 + "x[0] = nonsense\n",
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    stands = figure(command("attach", "i"), "epoch")
    check(p.returncode == 1 and p.stdout == f"epoch {stands}\n" and "line 101" in p.stderr, f"set -, a bad line: {p}")
    made = 1 + figure(out[1], "flooded") + int(400 * SCALE) + 20
    check(stands == made + 50, f"commits before a bad line were lost: {stands}")
    e.close()
    return "; ".join(out)


def hung_up():
    """What was sent is taken, whatever became of the sender; what was not is not."""
    e = Engine("bus.mmsbx", "u", "--root", "--state", "u.state", "--durability", "none")
    baseline = e.held()
    for epoch, how in ((100, "kill"), (200, "detach"), (300, "exit")):
        late(e, 100, how)
        e.p.send_signal(signal.SIGCONT)
        settle(e, baseline, "after the hang-up")
        check(figure(command("attach", "u"), "epoch") == epoch, f"{how}: commits that were sent are lost")
        check("a[5] = 100.0" in command("get", "u", "a[5]"), f"{how}: not as sent")
    late(e, 100, "kill", 7)
    again = start("bus_client", "u", "stream", 7, 1)  # at the door when the other hangs up
    e.p.send_signal(signal.SIGCONT)
    check(figure(end(again), "from") == 100, "the stream's next client does not hear of what was sent")
    settle(e, baseline, "after the stream")
    return "100 commits, four deaths; " + same_root(e.close(), "u.state")


def stepped():
    if SCALE < 0.1:
        return "skipped: under the thread sanitizer a commit has 93,000 instructions"
    e = Engine("bus.mmsbx", "p", "--root", "--state", "p.state", "--durability", "none")
    out = end(start("bus_step", "p", e.p.pid, int(40 * SCALE), SEED), timeout=600)
    return out + "; " + same_root(e.close(), "p.state")


def gpu():
    """On the stand-in for the driver: what the GPU computes is where readers look, whole."""
    driver = os.path.join(TESTS, "cuda_standin.so")
    if not os.path.exists(driver):
        return "skipped: no stand-in for the driver"
    os.environ["MMSB_CUDA_DRIVER"] = driver
    p = subprocess.run([RUN, "bus.mmsbx", "--ticks", "1", "--executor", "cuda"], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True)
    if p.returncode == 5:
        return f"skipped: {p.stderr.strip()}"
    e = Engine("bus.mmsbx", "g", "--root", "--state", "g.state", "--leases", "2", "--executor", "cuda", "--stats")
    check("b[2] = 0.0" in command("get", "g", "b[2]"), "epoch 0")
    command("set", "g", "x[0..3] = 1, 2, 3")
    check("b[2] = 6.0" in command("get", "g", "b[2]"), "what the GPU computed is not read")
    check("too large" in command("set", "g", "x[2] = 1e9", status=1), "an assert that breaks is not told")
    check("b[2] = 6.0" in command("get", "g", "b[2]"), "a rejected epoch is read")
    poker = start("bus_client", "g", "poke", 3600, 3)
    follower = end(start("bus_client", "g", "changes", 1))
    poker.kill()
    poker.communicate()
    # The poked lanes differ, which a reader could not tell from a torn epoch: all alike first.
    check(figure(end(start("bus_client", "g", "write", LIMIT, 0, 1)), "applied") == 1, "the lanes are not made alike")
    all_of_them = [start("bus_client", "g", "write", LIMIT, 0, 20), start("bus_client", "g", "write", LIMIT, 999, 20),
                   start("bus_client", "g", "read", 1), start("bus_client", "g", "lease", 1)]
    out = [end(p) for p in all_of_them]
    root = same_root(e.close(), "g.state")
    check(re.search(r"nodes on the GPU [1-9]", e.said()), f"nothing ran on the GPU: {e.said()}")
    e = Engine("sums.mmsbx", "g", "--executor", "cuda", "--ticks", "3")
    wait_for(lambda: e.epoch() == 3, "three ticks do not end")
    command("set", "g", "d[7] = 10")
    seen = command("get", "g", "s[6]") + command("get", "g", "s[7]")
    check(seen == "s[6] = 4.0\ns[7] = 13.0\n", f"state on the GPU is not read: {seen}")
    e.close()
    return "; ".join([follower, out[0], out[2], root])


CASES = [commands, folder, whole, killed, hung_up, stepped, stopped, crowd, hostile, engine_killed, changes, ticks,
         interrupted, slow_disk, gpu]


def main():
    global SCALE, SEED
    o = argparse.ArgumentParser(description="the promises of a bus")
    o.add_argument("build")
    o.add_argument("--scale", type=float, default=1.0)
    o.add_argument("--seed", type=int, default=int(time.time()))
    o.add_argument("--only", default="")
    o = o.parse_args()
    build = os.path.abspath(o.build)
    SCALE, SEED = o.scale, o.seed
    random.seed(SEED)
    print(f"seed {SEED}")
    failed = run = 0
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        os.environ["XDG_RUNTIME_DIR"] = os.path.join(work, "run")
        os.mkdir("run", 0o700)
        for name, text in (("bus", GRAPH), ("counter", COUNTER), ("sums", SUMS)):
            with open(name + ".mmsbg", "w") as f:
                f.write(text)
            subprocess.run([os.path.join(build, "bin/mmsbc"), name + ".mmsbg"], check=True)
        for case in CASES:
            if o.only not in case.__name__:
                continue
            begin, run = time.time(), run + 1
            try:
                print(f"pass {case.__name__}: {case()} ({time.time() - begin:.1f} s)", flush=True)
            except (Broken, subprocess.TimeoutExpired, OSError, ValueError) as e:
                failed += 1
                print(f"FAIL {case.__name__}: {e}", flush=True)
            for p in STARTED:
                if p.poll() is None:
                    p.kill()
                    p.communicate()
            del STARTED[:]
        os.chdir("/")
    print(f"{run - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
