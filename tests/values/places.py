# SPDX-License-Identifier: Apache-2.0
"""Edges, gathers with any integer type, random numbers, and the root of the whole state."""
import ctypes
import ctypes.util
import math
import struct

from base import bits, check

ROWS, COLUMNS = 3, 4
FILES = {"k.csv": "-9223372036854775808\n9223372036854775807\n-3\n6\n",
         "u.csv": "18446744073709551615\n9223372036854775808\n"}
MASK = 2**64 - 1


def clamp(i, n):
    return min(max(i, 0), n - 1)


def wrap(i, n):
    return i % n


def mirror(i, n):
    if n == 1:
        return 0
    i %= 2 * (n - 1)
    return i if i < n else 2 * (n - 1) - i


def edges():
    for name, f in (("clamp", clamp), ("wrap", wrap), ("mirror", mirror)):
        for down in (-1, 1, -7, 9, 100, -100):
            for right in (0, -2, 5):
                want = [10.0 * f(i + down, ROWS) + f(j + right,
                                                     COLUMNS) + 1 for i in range(ROWS) for j in range(COLUMNS)]
                at = f"i + {down}, j + {right}"
                graph = f"source a[i: {ROWS}, j: {COLUMNS}]: f64 edge {name} = f64(10 * i + j + 1)\n"
                for page, read in (("b", f"a[{at}]"), ("p", f"prev(a)[{at}]"), ("h", f"history(a, 2)[1, {at}]")):
                    graph += f"page {page}[i: {ROWS}, j: {COLUMNS}] = {read}\n"
                page = ("f64", (ROWS, COLUMNS), want)
                check(f"places: edge {name}, {down}, {right}", graph, {"b": page, "p": page, "h": page},
                      deltas="tick 2\n")
        far = [float(f(v, 5)) for v in (-2**63, 2**63 - 1, -3, 6)], [float(f(v, 5)) for v in (2**64 - 1, 2**63)]
        check(f"places: far gathers, edge {name}",
              f"source a[i: 5]: f64 edge {name} = f64(i)\n"
              'source k: i64[4] from "k.csv"\nsource u: u64[2] from "u.csv"\n'
              "page b[i: 4] = a[k[i]]\npage c[i: 2] = a[u[i]]\n", {"b": ("f64", (4,), far[0]),
                  "c": ("f64", (2,), far[1])}, files=FILES)


def philox(seed, c0, c1=0):
    """Words 0 and 1 of Philox4x32-10."""
    key = [seed & 0xffffffff, seed >> 32 & 0xffffffff]
    c = [c0 & 0xffffffff, c0 >> 32 & 0xffffffff, c1 & 0xffffffff, c1 >> 32 & 0xffffffff]
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [q >> 32 ^ c[1] ^ key[0], q & 0xffffffff, p >> 32 ^ c[3] ^ key[1], p & 0xffffffff]
        key = [key[0] + 0x9E3779B9 & 0xffffffff, key[1] + 0xBB67AE85 & 0xffffffff]
    return c[0], c[1]


def uniform(*counters):
    low, high = philox(*counters)
    return ((low | high << 32) >> 11) * 2.0**-53


def random_numbers():
    graph = """source s: i8 = -1
source c: i16[3] from "c.csv"
source u: u64 = 18446744073709551615
page a = rand_u32(7, 3)
page b = rand_u32(s, c)
page d = rand_u32(7, u, s)
page e = uniform(42, c)
page f[i: 3] = uniform(-3, i, epoch)
"""
    check("places: random numbers", graph,
          {"a": ("u32", (), [philox(7, 3)[0]]), "b": ("u32", (3,), [philox(-1, v)[0] for v in (0, -1, 300)]),
           "d": ("u32", (), [philox(7, -1, -1)[0]]), "e": ("f64", (3,), [uniform(42, v) for v in (0, -1, 300)]),
           "f": ("f64", (3,), [uniform(-3, i, 2) for i in range(3)])}, files={"c.csv": "0\n-1\n300\n"},
           deltas="tick 2\n")


def finaliser(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def root(xxh3, epoch, pages):
    data = struct.pack("<QQQ", 1, 1, epoch)
    for name in sorted(pages):
        kind, shape, values = pages[name]
        lanes = list(values) * (math.prod(shape) if len(values) == 1 else 1)
        key = xxh3(name.encode() + b"\0" + kind.encode() + b"\0" + ",".join(map(str, shape)).encode())
        total = sum(finaliser(int.from_bytes(bits(v, kind), "little") ^ key + i * 0x9E3779B97F4A7C15 & MASK) for i,
                    v in enumerate(lanes))
        data += struct.pack("<QQ", key, total & MASK)
    return f"epoch {epoch} root 0x{xxh3(data):016x}$"


def roots():
    path = ctypes.util.find_library("xxhash")
    if path is None:
        print("skipped: no libxxhash for the root")
        return
    hash64 = ctypes.CDLL(path).XXH3_64bits
    hash64.restype, hash64.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]

    def xxh3(data):
        return hash64(data, len(data))

    def one(name, graph, pages, epoch, deltas=None):
        check(f"places: root of {name}", graph, deltas=deltas, options=["--root"], out=[root(xxh3, epoch, pages)])

    one("sources and exports",
        "source x: f64[3] = -0.0\nsource b: bool[2, 2] = true\nsource s: i8 = -1\nsource h: f32 = nan\n"
        "page y = x + 1.0\npage z = sum(y)\nexport z, x\n",
        {"x": ("f64", (3,), [-0.0]), "b": ("bool", (2, 2), [1]), "s": ("i8", (), [-1]), "h": ("f32", (), [math.nan]),
         "z": ("f64", (), [3.0])}, 0)
    one("an event", "source x: f64[3]\npage z = sum(x)\nevent up = z > 2.0\nexport z\n",
        {"x": ("f64", (3,), [3.0, 0.0, 0.0]), "z": ("f64", (), [3.0]), "up": ("bool", (), [1])}, 1, "x[0] = 3\n")
    one("a state page", "source x: f64\npage s = init x then prev(s) + x\npage q = s * 2.0\nexport q\n",
        {"x": ("f64", (), [3.0]), "s": ("f64", (), [6.0]), "q": ("f64", (), [12.0])}, 2, "x = 3\ncommit\ncommit\n")
    one("names with points",
        "node n(x: f64) -> (y) { page y = x + 1.0 }\nsource x: f64\nuse a = n(x)\npage a_b = 1.0\npage a0 = 2.0\n",
        {"x": ("f64", (), [0.0]), "a.y": ("f64", (), [1.0]), "a_b": ("f64", (), [1.0]), "a0": ("f64", (), [2.0])}, 0)


def run():
    edges()
    random_numbers()
    roots()
