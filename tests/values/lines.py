# SPDX-License-Identifier: Apache-2.0
"""Lines of deltas, files, and what a run that stops leaves behind."""
import math
import os

from base import check, f32, npy_write

NAN, INF = math.nan, math.inf
GRAPH = """source price: f64[40] = 100.0
source qty: i32[8]
source flags: u8[5] = 255
source grid: f64[4, 6]
source live: bool[6]
source level: f64 = 0.5
source cube: i64[2, 3, 2]
source n: u32 = 5
source h: f32[3]
page total = sum(price)
page e = epoch
"""
GOOD = {
    "blanks": ("  qty [ 3 ]=5\nqty[0]  =  1 \n\n   \n// c\nqty[1] = 2 // c\n\tqty[2]\t=\t7\n",
               {"qty": ("i32", (8,), [1, 2, 7, 5, 0, 0, 0, 0])}),
    "other line ends": ("qty[3] = 5\r\ncommit\r\nqty[4] = 6",
                        {"qty": ("i32", (8,), [0, 0, 0, 5, 6, 0, 0, 0]), "e": ("u64", (), [2])}),
    "nothing": ("// nothing\n\n", {"e": ("u64", (), [0])}),
    "ticks": ("tick 0\ncommit // x\ntick 3 // y\n", {"e": ("u64", (), [4])}),
    "ticks behind deltas": ("level = 2\ntick 3\n", {"e": ("u64", (), [4]), "level": ("f64", (), [2.0])}),
    "signs": ("qty[3] = -5\nqty[4] -= -5\nqty[5] += -1\n", {"qty": ("i32", (8,), [0, 0, 0, -5, 5, -1, 0, 0])}),
    "floats": ("price[0..6] = 1, 1.5, 1e3, -2.5E-3, -0.0, -0\nh[0..3] = 0.1, 1e-46, 3.4e38\n",
               {"price": ("f64", (40,), [1.0, 1.5, 1000.0, -.0025, -0.0, -0.0] + [100.0] * 34),
                "h": ("f32", (3,), [f32(.1), f32(1e-46), f32(3.4e38)])}),
    "bools": ("live[0] = true\nlive[1..4] = 1, false, true\nlive[5] |= true\nlive[0] ^= 1\nlive[3] &= 0\n",
              {"live": ("bool", (6,), [0, 1, 0, 0, 0, 1])}),
    "axes": ("cube[0, 1, 0] = 5\ncube[0..2, 2, 1] = 7\ncube[1, 0..2, 0..2] = 1, 2, 3, 4\n",
             {"cube": ("i64", (2, 3, 2), [0, 0, 5, 0, 0, 7, 1, 2, 3, 4, 0, 7])}),
    "around": ("n += 4294967295\nn -= 6\n", {"n": ("u32", (), [2**32 - 2])}),
    "nan": ("price[0] max= nan\nprice[1] min= nan\nprice[2] = nan\nprice[2] max= 1\nprice[3] += inf\n"
            "price[3] += -inf\nprice[4] = -0.0\nprice[4] max= 0.0\nprice[5] = 0.0\nprice[5] min= -0.0\n",
            {"price": ("f64", (40,), [NAN] * 4 + [0.0, -0.0] + [100.0] * 34)}),
    "floats add in order": ("level += 1e16\nlevel += 1.0\nlevel += 1.0\nlevel += -1e16\n",
                            {"level": ("f64", (), [(((.5 + 1e16) + 1.0) + 1.0) - 1e16])}),
    "kinds one on the other": ("price[0..3] += 1\nprice[1] = 5\nprice[0..3] += 0.1\nprice[2] max= 200\n"
                               "price[0..3] += 0.2\n",
                               {"price": ("f64", (40,),
                                          [101.0 + .1 + .2, 5.0 + .1 + .2, 200.0 + .2] + [100.0] * 37)}),
    "integers, kinds mixed": ("qty[0..4] += 5\nqty[1] &= 4\nqty[2] |= 8\nqty[3] ^= 1\nqty[0..4] max= 5\n"
                              "qty[0..4] min= 10\n",
                              {"qty": ("i32", (8,), [5, 5, 10, 5, 0, 0, 0, 0])}),
}
BAD = {"bogus[1] = 2": "bogus", "qty[8] = 1": "qty", "qty[-1] = 1": "qty", "qty[4..9] = 1": "qty",
       "qty[5..3] = 1": "qty", "qty[0] = 1.5": "1.5",
       "qty[0] = 2147483648": "2147483648", "qty[0..3] = 1, 2": "qty", "qty[0] = 1, 2": "qty", "grid[1] = 2": "grid",
       "qty[1, 1] = 2": "qty",
       "level[0] = 2": "level", "hello world": "hello", "qty[0] =": "qty", "price[0] |= 1": "price",
       "level &= 1": "level", "live[0] += 1": "live",
       "live[0] = 2": "live", "qty[0] = nan": "nan", "n = -1": "-1", "total = 1": "total", "tick x": "tick",
       "tick -1": "tick",
       "qty[0] = 1 2": "qty", "qty[0 = 1": "qty", "qty = @none.npy": "none.npy", "qty[0] = \"a\"": "qty",
       "commit now": "commit", "qty[0] *= 3": "qty",
       "qty = 5": "qty", "qty[0] = true": "true", "n += 99999999999999999999": "n", "h[0] = 1e39": "h"}


def files(cwd):
    os.mkdir(f"{cwd}/sub")
    npy_write(f"{cwd}/sub/q.npy", "i32", (8,), range(8))
    npy_write(f"{cwd}/q.npy", "i32", (8,), range(10, 18))
    npy_write(f"{cwd}/big.npy", "i32", (8,), range(8), big=True)
    npy_write(f"{cwd}/columns.npy", "f64", (4, 6), [float(k) for k in range(24)], fortran=True)
    npy_write(f"{cwd}/wide.npy", "i64", (8,), range(8))
    npy_write(f"{cwd}/short.npy", "i32", (7,), range(7))
    for path, text in (("q.csv", "5\n6\n7\n8\n9\n10\n11\n12\n"), ("sub/d2.txt", "qty = @q.npy\n")):
        with open(f"{cwd}/{path}", "w", encoding="utf-8") as f:
            f.write(text)


def whole_pages():
    def one(name, pages, **more):
        check(f"lines: {name}", GRAPH, pages, setup=files, **more)

    one("a file is beside the lines", {"qty": ("i32", (8,), list(range(8)))}, options=["--deltas", "sub/d2.txt"])
    one("a file is where standard input is read", {"qty": ("i32", (8,), list(range(10, 18)))},
        options=["--deltas", "-"], stdin=b"qty = @q.npy\n")
    one("big-endian, by columns", {"qty": ("i32", (8,), list(range(8))),
                                   "grid": ("f64", (4, 6), [float(i + 4 * j) for i in range(4) for j in range(6)])},
        deltas="qty = @big.npy\ngrid = @columns.npy\n")
    one("csv, added", {"qty": ("i32", (8,), list(range(10, 25, 2)))},
        deltas="qty = @q.csv // five on\nqty += @q.csv\n")
    one("another type", None, deltas="qty = @wide.npy\n", status=1, err=[r"d\.txt:1"])
    one("another shape", None, deltas="qty = @short.npy\n", status=1, err=[r"d\.txt:1"])


def stops():
    graph = "source k: i64 = 1\npage q = 1 / k\npage e = epoch\nevent big = k >= 5\n"
    for options, stdin, epoch in ((["--deltas", "x.txt"], None, 1), (["--deltas", "-"], "x", 2),
                                  (["--deltas", "-", "--strict"], "x", 1),
                                  (["--deltas", "x.txt", "--no-strict"], None, 2)):
        text = "commit\nk = 0\ncommit\nk = 2\ncommit\n"
        check(f"lines: {' '.join(options)} with a rejected epoch", graph, {"e": ("u64", (), [epoch])},
              options=options, files={"x.txt": text},
              stdin=text.encode() if stdin else None, status=1,
              err=["^epoch 2 rejected: q: 1 divided by 0.*g.mmsbg:2"])
    for ticks, status, epoch in (("3", 1, 3), ("5", 0, 4)):
        check(f"lines: --until with {ticks} ticks",
              "page c: i64 = init 1 then prev(c) + 1\nevent big = c >= 5 with c\npage e = epoch\n",
              {"e": ("u64", (), [epoch])}, options=["--until", "big", "--ticks", ticks], status=status)
    for last, line in (("", "^x +f64 3.0\n*\\Z"), ("export hot\n", "^hot +bool true\n*\\Z")):
        check("lines: events stand in the table where they are exported " + last,
              "source x: f64\nevent hot = x > 2.0\n" + last,
              deltas="x = 3\n", out=["^epoch 1 event hot$", line])
    check("lines: two of --print", graph, options=["--print", "e", "--print", "k,q"], out=["^e = 0\nk = 1\nq = 1$"])


def run():
    for name, (text, pages) in GOOD.items():
        check(f"lines: {name}", GRAPH, pages, deltas=text)
    for line, word in BAD.items():
        check(f"lines: {line}", GRAPH, {"qty": ("i32", (8,), [1] + [0] * 7), "e": ("u64", (), [2])}, status=1,
              options=["--no-strict"],
              deltas=f"qty[0] = 1\ncommit\nqty[1] = 3\n\n{line}\ncommit\nlevel = 2.0\ncommit\n",
              err=[rf"^d\.txt:5: .*{word}.*epoch 2 is rejected"])
    whole_pages()
    stops()
