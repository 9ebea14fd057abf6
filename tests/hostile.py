#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile input to the commands: flipped bytes of images, logs and checkpoints, cut and bent .npy,
.csv and delta files, strange arguments. Every run ends with a documented status and a message, never by a signal,
never with 70; a damaged state directory is never changed by a run that refuses it. usage: hostile.py BIN [SEED]"""
import os
import random
import struct
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
DRAW = random.Random(SEED)
GRAPH = """source x: f64[40] = 1.0
source k: u32[40]
source b: bool[3]
source g: f32[4, 5]
page ema: f64[40] = init x then prev(ema) + 0.25 * (x - prev(ema))
page hit[i: 40] = ema[k[i]]
page total = sum(hit)
page grouped: f64[4] = sum(ema by k % 4u32)
event high = total > 100.0 with total
assert all(x < 1000.0) "too much"
"""
DELTAS = ("x[3] = 2.5\nk[7] = 5\ncommit\nx[0..40] += 0.5\ng[1, 0..5] = 1, 2, 3, 4, 5\ncommit\n"
          "tick 3\nx[1] = 5000\ncommit\n")
COUNT = {"runs": 0, "failed": 0}


def tree(folder):
    return {n: open(os.path.join(folder, n), "rb").read() for n in sorted(os.listdir(folder))}


def run(name, *arguments, statuses=(0, 1, 2, 3, 4, 5), text=None):
    """Runs a command; anything but a documented end is a failure. Gives the status."""
    done = subprocess.run([os.path.join(BIN, name), *arguments], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    COUNT["runs"] += 1
    silent = done.returncode != 0 and not done.stderr.strip()
    if done.returncode not in statuses or silent:
        COUNT["failed"] += 1
        print(f"{name} {' '.join(arguments)[:300]}: status {done.returncode}, expected one of {statuses}:",
              done.stderr.decode(errors="replace")[:500])
    return done.returncode


def bent(data, times):
    """One to three bytes flipped, or a piece cut, doubled or zeroed."""
    whole, data = data, bytearray(data)
    way = DRAW.randrange(6)
    if way < 4 or not data:
        for _ in range(DRAW.randint(1, times)):
            if data:
                data[DRAW.randrange(len(data))] ^= 1 << DRAW.randrange(8)
    else:
        a = DRAW.randrange(len(data))
        b = min(len(data), a + DRAW.randint(1, 200))
        data[a:b] = b"" if way == 4 else bytes(b - a)
    return bytes(data) if data != whole else bent(whole, times)


def put(name, data):
    with open(name, "wb") as f:
        f.write(data)
    return name


def images(count):
    image = open("g.mmsbx", "rb").read()
    for _ in range(count):
        run("mmsb-run", put("bad.mmsbx", bent(image, 3)), "--ticks", "1", statuses=(1, 4))
    for size in (0, 1, 23, 24, 63, 64, len(image) // 2, len(image) - 1):
        run("mmsb-run", put("bad.mmsbx", image[:size]), statuses=(1, 4))


def directories(count):
    whole = tree("state")
    for _ in range(count):
        victim = DRAW.choice([n for n in whole if n != "lock"])
        # The log is mostly zeros that are written ahead: damage is put where records are.
        limit = 6000 if victim.startswith("log") else len(whole[victim])
        damaged = bent(whole[victim][:limit], 2) + whole[victim][limit:]
        os.makedirs("hurt", exist_ok=True)
        for n, data in whole.items():
            put(os.path.join("hurt", n), damaged if n == victim else data)
        for command in (("log", "verify", "hurt"), ("log", "show", "hurt"), ("page", "get", "hurt", "x", "--at",
                            "2")):
            before = tree("hurt")
            run("mmsb", *command, statuses=(0, 1, 3, 4))
            if tree("hurt") != before:
                COUNT["failed"] += 1
                print(f"mmsb {command} changed the directory")
        status = run("mmsb-run", "g.mmsbx", "--state", "hurt", "--ticks", "1", "--root", statuses=(0, 1, 3, 4))
        if status == 4 and tree("hurt") != before:
            COUNT["failed"] += 1
            print(f"a run that refused the damaged {victim} changed the directory")


def npy(descr, shape, data, fortran="False"):
    head = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode("latin1")
    head += b" " * (-(10 + len(head) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) & 0xffff) + head + data


def arrays(count):
    good = npy("'<f8'", "(40,)", struct.pack("<40d", *range(40)))
    odd = [npy("'<f8'", s, bytes(320)) for s in
           ("()", "(40", "(40,,)", "(-40,)", "(40.0,)", "(99999999999999999999,)", "(4294967296, 4294967296)", "(0,)",
            "(1,1,1,1,1,1,1,1,40)", "40", "'40'", "(((((((((((40,)))))))))))")]
    odd += [npy(d, "(40,)", bytes(320)) for d in
            ("'|O'", "'<f4'", "'<c16'", "[('a', '<f8')]", "''", "'<f8", "None", "'>f8'", "'=f8'")]
    odd += [good[:n] for n in range(0, 12)] + [good[:-1], good + b"x", npy("'<f8'", "(40,)", bytes(320), "Maybe")]
    for data in odd + [bent(good, 3) for _ in range(count)]:
        run("mmsb-run", "g.mmsbx", "--in", "x=" + put("bad.npy", data), statuses=(0, 1))
    csv = ("\n".join(str(k) for k in range(40)) + "\n").encode()
    odd = [b"", b"\n\n", b"\"", b"\"1\n" * 40, b"1," * 40, csv + b"1\n", csv[:-3], b"\xff\xfe" + csv, b"a\n" + csv,
            csv + b"\0",
           b"1e999\n" * 40, b"0x\n" * 40, b"9" * 5000 + b"\n", b",\n" * 40, b"\r\r\r\n" * 40]
    for data in odd + [bent(csv, 3) for _ in range(count)]:
        run("mmsb-run", "g.mmsbx", "--in", "x=" + put("bad.csv", data), statuses=(0, 1))


def lines(count):
    odd = ["x[", "x[]", "x[40]=1", "x[-1]=1", "x[5..5]=1", "x[7..3]=1", "x[0..18446744073709551615]=1",
           "x[18446744073709551615]=1", "x[99999999999999999999]=1", "x=1", "x[0]=", "x[0]=,", "x[0]=1,2",
           "x[0..2]=1,2,3",
           "x[0]==1", "x[0]=1 2", "x[0] |= 1", "k[0] = 1.5", "k[0] = -1", "k[0] = 4294967296", "b[0] = 2",
           "b[0] += 1",
           "g[0]=1", "g[0,0,0]=1", "g[0,9]=1", "total = 1", "high = 1", "nothing = 1", "x = @", "x = @nothing.npy",
           "x = @.", "x = @/dev/zero.npy", "x = @" + "a" * 5000 + ".npy", "tick", "tick -1", "tick 1 1", "tick x",
           "commit commit",
           "x[0]=" + "1" * 3000, "[0]=1", "=", "\0", "\xff\xfe", "x" * 70000 + "=1", "x[" + "0," * 5000 + "0]=1",
           "x[0]=nan",
           "x[0]=1e400", "ema[3] = 2", "prev(ema) = 1", "epoch = 1", ".=1", "x.y = 1", "//", "x[0]=0x1.8p3",
           "x[0]=0b", "k[0]=0b1"]
    for line in odd:
        for mode in ("--strict", "--no-strict"):
            run("mmsb-run", "g.mmsbx", "--deltas", "-", mode, statuses=(0, 1, 3), text=(line + "\n").encode("latin1"))
    for _ in range(count):
        text = bent(DELTAS.encode(), 4)
        if b"tick" in text:
            text = text.replace(b"tick 3", b"tick 3 ")
        run("mmsb-run", "g.mmsbx", "--deltas", "-", "--no-strict", statuses=(0, 1, 3), text=text)


def arguments():
    odd = [["--ticks"], ["--ticks", "-1"], ["--ticks", "x"], ["--ticks", "18446744073709551616"], ["--threads", "0"],
           ["--threads", "65"], ["--threads", "99999999999"], ["--in"], ["--in", "x"], ["--in", "x="], ["--in",
           "=f.npy"],
           ["--in", "total=f.npy"], ["--out", "x"], ["--out", "x="], ["--out", "x=f.txt"], ["--out", "nothing=f.npy"],
           ["--out", "x=/nothing/f.npy"], ["--print", "nothing"], ["--print", ","], ["--until", "nothing"],
           ["--until", "total"], ["--state", ""], ["--state", "/dev/null"], ["--state", "g.mmsbx"], ["--state", "."],
           ["--replay", "nothing"], ["--replay", "g.mmsbx"], ["--to", "3"], ["--resume"], ["--durability", "batch"],
           ["--executor", "x"], ["--executor", "cuda"], ["--stats=x"], ["--root=1"], ["--nothing"], ["-"], ["--"],
           ["-x"],
           ["g.mmsbx"], ["--deltas", "nothing"], ["--deltas", "."], ["--oracle", "x"], ["--strict", "--no-strict"],
           ["--checkpoint", "5"], ["--audit", "0", "--ticks", "3", "--state", "fresh"], ["--serve", "a/b"],
           ["--leases", "0"], ["--metrics", "x"], ["--metrics", ":99999"], ["--trace", "/nothing/t"],
           ["--trace", "."],
           ["--ticks="], [""]]
    for extra in odd:
        run("mmsb-run", "g.mmsbx", *extra)
    for command in (["log"], ["log", "ls"], ["log", "ls", "nothing"], ["log", "show", "."], ["log", "verify",
                        "/dev/null"],
                    ["page", "get", "state"], ["page", "get", "state", "x[40]"], ["page", "get", "state", "x["],
                    ["page", "get", "state", "x[18446744073709551616]"], ["page", "get", "state", "x[-1]"],
                    ["page", "get", "state", "nothing"], ["page", "get", "state", "x", "--at", "99"],
                    ["page", "get", "state", "x", "--at", "-1"], ["page", "get", "state", ""], ["why", "state"],
                    ["why", "state", "x"], ["why", "state", "x[40]"], ["why", "state", "nothing"],
                    ["impact", "state", "total"],
                    ["impact", "nothing", "x[1]"], ["page", "diff", "state", "0", "x"],
                    ["page", "diff", "state", "0", "99"],
                    ["log", "diff", "state", "."], ["log", "diff", "state"], ["nothing"], []):
        run("mmsb", *command, statuses=(0, 1, 2, 3, 4))
    for command in (["mmsb-run", "g.mmsbx", "--root"], ["mmsb-run", "g.mmsbx", "--print", "x"],
                    ["mmsb", "log", "ls", "state"], ["mmsb", "page", "get", "state", "x"], ["mmsb", "--help"]):
        full = subprocess.run([os.path.join(BIN, command[0]), *command[1:]], stdout=open("/dev/full", "w"),
                              stderr=subprocess.PIPE)
        COUNT["runs"] += 1
        if full.returncode != 3 or not full.stderr.strip():
            COUNT["failed"] += 1
            print(f"{' '.join(command)} into a full disk ends with {full.returncode}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        put("g.mmsbg", GRAPH.encode())
        put("d.txt", DELTAS.encode())
        run("mmsbc", "g.mmsbg", statuses=(0,))
        run("mmsb-run", "g.mmsbg", statuses=(2,))
        run("mmsb-run", "g.mmsbx", "--deltas", "d.txt", "--no-strict", "--state", "state", "--checkpoint", "2",
                "--audit", "2",
            "--durability", "epoch", statuses=(1,))
        images(150)
        directories(60)
        arrays(60)
        lines(60)
        arguments()
        os.chdir("/")
    print(f"seed {SEED}: {COUNT['runs']} runs, {COUNT['failed']} failed")
    return 1 if COUNT["failed"] else 0


sys.exit(main())
