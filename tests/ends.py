#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How runs end: signals at any instant, files that may not grow, full disks, closed standard streams, a state directory
that may not be written, somebody who asks slowly: ends.py BIN.

Whatever ends a run, what it acknowledged is there afterwards, and it says in words why it ended."""
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BIN = os.path.abspath(sys.argv[1])
RUN, MMSB = os.path.join(BIN, "mmsb-run"), os.path.join(BIN, "mmsb")
GRAPH = """graph ends
param n = 20000
source x: f64[n] = 1.0
page total = sum(x * 0.5 + x * x * 0.5)
event big = total > 1e12
export x, total
"""
SEED = int(os.environ.get("SEED", "1"))
failed = passed = 0


def expect(what, true, more=""):
    global failed, passed
    passed, failed = passed + bool(true), failed + (not true)
    if not true:
        print(f"FAIL {what}: {more}")


def run(*words, status=0, text="", **how):
    p = subprocess.run([RUN, "ends.mmsbx", *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, timeout=60, **how)
    expect(f"status of {' '.join(words)}", p.returncode == status, f"{p.returncode}, not {status}: {p.stderr}")
    return p.stdout, p.stderr


def start(*words, **how):
    return subprocess.Popen([RUN, "ends.mmsbx", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **how)


def lines(count, width=1):
    """Commits of which epoch k sets the first `width` lanes to k."""
    return "".join(f"x[0..{width}] = {', '.join([str(k)] * width)}\ncommit\n" for k in range(1, count + 1))


def stands(state, least):
    """The directory's epoch, which is whole: lane 0 is its number."""
    p = subprocess.run([MMSB, "log", "verify", state], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    expect(f"{state} is whole", p.returncode == 0, p.stdout)
    out = subprocess.run([RUN, "--replay", state, "--root", "--print", "x"], stdout=subprocess.PIPE, text=True).stdout
    epoch = int(re.search(r"epoch (\d+) root", out)[1])
    lane = float(re.search(r"= ([0-9.e+]+)", out)[1])
    expect(f"{state} stands at an epoch that was made", lane == (epoch or 1), out[:200])
    expect(f"{state} holds what was acknowledged", epoch >= least, f"{epoch} < {least}")
    return epoch


def check_signals():
    text = lines(3000)
    for k in range(24):
        number = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)[k % 4]
        state = f"s{k}"
        p = start("--deltas", "-", "--state", state, "--checkpoint", "100",
                  "--durability", ("batch", "epoch", "none", "sealed")[k // 4 % 4])
        feeder = subprocess.Popen(["cat", "lines.txt"], stdout=p.stdin) if k % 3 else None
        if feeder is None:
            p.stdin.write(text[:len(text) // 3])  # and then nothing: it waits in the midst of a line
            p.stdin.flush()
        time.sleep(0.15 + random.random() * 0.1)
        p.send_signal(number)
        begin = time.time()
        p.stdin.close()
        if feeder is not None:
            feeder.wait()
        p.stdin = None
        _, err = p.communicate(timeout=30)
        expect(f"{number.name} ends a run soon", time.time() - begin < 10)
        if p.returncode == 0:
            continue  # it was done before
        expect(f"{number.name} ends a run as signals do", p.returncode == -number, f"{p.returncode} {err}")
        told = re.search(r"stopped by a signal after epoch (\d+)", err)
        expect(f"{number.name}: it says where it stopped", (told is None) == (number == signal.SIGKILL), err)
        expect(f"{number.name}: half a line is not taken for one", "rejected" not in err, err)
        if os.path.exists(f"{state}/checkpoint-0"):
            epoch = stands(state, int(told[1]) if told else 0)
            if told:
                expect(f"{number.name}: the closing checkpoint", os.path.exists(f"{state}/checkpoint-{epoch}"))


def check_waiting():
    os.mkfifo("fifo")
    for words in (["--deltas", "-"], ["--deltas", "fifo"]):
        for number in (signal.SIGTERM, signal.SIGHUP):
            p = start(*words, "--metrics", ":0")
            p.stderr.readline()
            p.send_signal(number)
            try:
                code = p.wait(timeout=5)
            except subprocess.TimeoutExpired:
                code = "nothing"
                p.kill()
            expect(f"{number.name} while it waits for {words[1]}", code == -number, code)
    p = start("--deltas", "-", "--metrics", ":0", "--print", "total",
              preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    p.stderr.readline()
    p.send_signal(signal.SIGHUP)
    out, _ = p.communicate("commit\n", timeout=20)
    expect("nohup", p.returncode == 0 and out == "total = 20000.0\n", (p.returncode, out))
    run("--deltas", ".", status=3)


def check_limits():
    for size in (4096, 100000, 300000, 600000):
        state = f"limit{size}"
        _, err = run("--deltas", "-", "--state", state, status=3, text=lines(6000, 16),
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        expect("a file that may not grow is told", "too large" in err, err)
        if os.path.exists(f"{state}/checkpoint-0"):
            epoch = stands(state, 0)
            run("--deltas", "-", "--state", state, text=lines(epoch + 1).splitlines()[-2] + "\ncommit\n")
            stands(state, epoch + 1)
    for files in (8, 12):
        _, err = run("--deltas", "-", "--state", f"files{files}", text=lines(3), status=0 if files == 12 else 3,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
        expect(f"{files} descriptors", files == 12 or "Too many open files" in err, err)


def check_streams():
    text = lines(3)
    for closed in ((0,), (1,), (2,), (0, 1, 2)):
        state = "closed" + "".join(map(str, closed))
        with open("three.txt", "w", encoding="utf-8") as f:
            f.write(text)
        shell = f"exec {RUN} ends.mmsbx --deltas three.txt --state {state} --print x --executor native " + " ".join(
            f"{k}{'<' if k == 0 else '>'}&-" for k in closed)
        p = subprocess.run(["sh", "-c", shell], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        expect(f"without streams {closed}", p.returncode == 0, p.returncode)
        expect(f"without streams {closed}: all is kept", stands(state, 3) == 3)


def check_children():
    """Who starts us may ignore the ends of its children; so do we, then."""
    environment = dict(os.environ, XDG_CACHE_HOME=os.path.abspath("cache"))
    for ignored in (False, True):
        p = subprocess.run([RUN, "ends.mmsbx", "--executor", "native", "--ticks", "1", "--print", "total"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
                           preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN) if ignored else None)
        expect(f"native code, children ignored: {ignored}", (p.returncode, p.stdout) == (0, "total = 20000.0\n"), p)
        p = subprocess.run([RUN, "ends.mmsbx", "--executor", "native"], text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, env=dict(environment, CC="false", XDG_CACHE_HOME="/nowhere"),
                           preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN) if ignored else None)
        said = "no C compiler" in p.stderr or "made no object" in p.stderr
        expect(f"no compiler, children ignored: {ignored}", p.returncode == 5 and said, p)
        shutil.rmtree("cache", ignore_errors=True)


def check_folder():
    run("--deltas", "-", "--state", "kept", text=lines(3))
    before = {n: os.stat(f"kept/{n}").st_size for n in os.listdir("kept")}
    p = start("--deltas", "-", "--state", "kept", "--metrics", ":0")
    p.stderr.readline()
    _, err = run("--ticks", "1", "--state", "kept", status=5)
    expect("two engines on one directory", "in use by another process" in err, err)
    p.communicate("", timeout=20)
    expect("nothing was written", {n: os.stat(f"kept/{n}").st_size for n in os.listdir("kept")} == before)
    unshare = ["unshare", "-Urm"]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        unshare = ["unshare", "-m"]
        if os.geteuid() != 0 or subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            print("skipped: no mounts of one's own")
            return
    check_mounts(unshare)


def check_mounts(unshare):
    script = "mount --bind kept kept && mount -o remount,ro,bind kept && exec \"$@\""
    p = subprocess.run([*unshare, "sh", "-c", script, "sh", RUN, "ends.mmsbx", "--ticks", "1", "--state", "kept"],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    expect("a directory that may not be written", p.returncode == 3 and "Read-only" in p.stderr, p)
    p = subprocess.run([*unshare, "sh", "-c", script, "sh", RUN, "--replay", "kept", "--print", "total"],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    expect("but it can be read", p.returncode == 0 and p.stdout.startswith("total = 20005"), p)
    for size in (64, 200, 440, 500, 700, 900, 1200, 1600, 2400):
        script = (f"mkdir -p full && mount -t tmpfs -o size={size}k none full && "
                  f"{RUN} ends.mmsbx --deltas lines.txt --state full/s --checkpoint 300 --durability epoch --no-strict "
                  ">out 2>err; echo $? >status; rm -rf copy; mkdir copy; cp -r full/s copy/")
        subprocess.run([*unshare, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        with open("status", encoding="utf-8") as f:
            status = int(f.read())
        with open("err", encoding="utf-8") as f:
            err = f.read()
        expect(f"a disk of {size} KiB", status == 0 or (status == 3 and "No space left" in err), f"{status} {err}")
        if os.path.exists("copy/s/checkpoint-0"):
            epoch = stands("copy/s", 0)
            run("--deltas", "-", "--state", "copy/s", text=f"x[0] = {epoch + 1}\ncommit\n")
            stands("copy/s", epoch + 1)
    check_served_on_a_full_disk(unshare)


def check_served_on_a_full_disk(unshare):
    """An engine that ticks stands while the disk is full, idle, and goes on when there is room."""
    script = f"""mkdir -p full && mount -t tmpfs -o size=24m none full && mkdir -m 700 full/run || exit 9
        export XDG_RUNTIME_DIR=$PWD/full/run
        {RUN} ends.mmsbx --serve e --ticks 1000000000 --state full/s >out 2>err & pid=$!
        until [ -S full/run/mmsb/e ]; do sleep 0.02; done
        dd if=/dev/zero of=full/ballast bs=64k 2>/dev/null
        until grep -q 'No space' err; do sleep 0.05; done
        {MMSB} set e 'x[0] = 1'; {MMSB} attach e; cut -d' ' -f14,15 /proc/$pid/stat
        sleep 0.5; {MMSB} attach e; cut -d' ' -f14,15 /proc/$pid/stat
        rm full/ballast; sleep 0.5
        {MMSB} attach e; {MMSB} set e 'x[0] = 7'; {MMSB} get e 'x[0]'
        kill $pid; wait $pid; {MMSB} log verify full/s"""
    p = subprocess.run([*unshare, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=120)
    epochs = [int(k) for k in re.findall(r"graph ends, epoch (\d+)", p.stdout)]
    spent = [sum(map(int, k)) for k in re.findall(r"^(\d+) (\d+)$", p.stdout, re.M)]
    expect("a full disk under a served engine", len(epochs) == 3 and epochs[0] == epochs[1] < epochs[2], p.stdout)
    expect("it waits idle", len(spent) == 2 and spent[1] - spent[0] < 25, p.stdout)
    expect("then all is taken and whole", "x[0] = 7.0" in p.stdout and "ok: epochs 0 to" in p.stdout, p.stdout)


def check_metrics():
    for drip in (True, False):
        p = start("--deltas", "-", "--metrics", ":0")
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", p.stderr.readline())[1])
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        slow.connect(("127.0.0.1", port))
        slow.sendall(b"G" if drip else b"GET / HTTP/1.0\r\n\r\n")
        begin = time.time()
        while drip and time.time() - begin < 1.5:
            try:
                slow.sendall(b"E")
            except OSError:
                break
            time.sleep(0.1)
        expect("one who asks slowly is given up", not drip or time.time() - begin < 1.4)
        begin = time.time()
        other = socket.create_connection(("127.0.0.1", port))
        other.sendall(b"G")
        time.sleep(0.05)
        p.communicate("commit\n", timeout=20)
        expect("a run does not end later for one who asks slowly", time.time() - begin < 0.9, time.time() - begin)
        other.close()
        slow.close()


def main():
    random.seed(SEED)
    for number in (signal.SIGHUP, signal.SIGINT):  # a background job of a shell, or of nohup, ignores them
        signal.signal(number, signal.SIG_DFL)
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    with open("ends.mmsbg", "w", encoding="utf-8") as f:
        f.write(GRAPH)
    with open("lines.txt", "w", encoding="utf-8") as f:
        f.write(lines(3000))
    subprocess.run([os.path.join(BIN, "mmsbc"), "ends.mmsbg"], check=True)
    for check in (check_signals, check_waiting, check_limits, check_streams, check_children, check_folder,
                  check_metrics):
        check()
    os.chdir("/")
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
