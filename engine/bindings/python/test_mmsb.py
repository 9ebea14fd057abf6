# SPDX-License-Identifier: Apache-2.0
"""Tests of mmsb.py: python3 -m unittest, or pytest, in this folder."""
import ast
import asyncio
import doctest
import gc
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np

import mmsb

HERE = pathlib.Path(__file__).resolve().parent
TEXT = """
source price: f64[4] = 100.0
source qty: i64[4] = 1
source on: bool[4] = true
source grid: f32[2, 3]
source small: i8[3] = -5
source rate: f64 = 0.5
page value: f64[4] = price * f64(qty)
page total = sum(value) * rate
page ema: f64 = init total then prev(ema) + 0.5 * (total - prev(ema))
assert all(price > 0.0) "price not positive"
event rich = total > 500.0 with total, min(small), count(qty > 0), any(on)
event third = epoch % 3 == 0 with epoch
"""
GRAPH = mmsb.compile(TEXT, "book.mmsbg")


def load_tests(_, tests, __):
    """The examples; those of what is attached to a bus are in test_bus.py."""
    for found in doctest.DocTestFinder().find(mmsb, "mmsb", extraglobs={"mmsb": mmsb}):
        if found.examples and not re.match(r"mmsb\.(attach|Attached|LivePage)\b", found.name):
            tests.addTest(doctest.DocTestCase(found))
    return tests


class Reading(unittest.TestCase):
    def test_a_page_is_an_array_on_the_memory_of_the_engine(self):
        bus = mmsb.open(GRAPH)
        price = bus["price"]
        self.assertIsInstance(price, np.ndarray)
        self.assertFalse(price.flags.writeable)
        self.assertFalse(price.flags.owndata)
        self.assertEqual((price.dtype, price.shape), (np.dtype("f8"), (4,)))
        self.assertEqual(price.ctypes.data, bus["price"].ctypes.data)
        self.assertEqual(price.ctypes.data % 4096, 0)
        bus["price"][1] = 7.0
        self.assertEqual(price[1], 100.0)
        bus.commit()
        self.assertEqual(price[1], 7.0)

    def test_what_is_made_of_a_page_is_a_plain_array(self):
        grid = mmsb.open(GRAPH)["grid"]
        for made in (grid + 1, grid[0], np.sqrt(grid), grid[grid > 5], np.exp(grid)):
            self.assertIs(type(made), np.ndarray)
        self.assertIsInstance(grid.sum(), np.float32)
        own = grid.copy()
        own[0, 0] = 3
        self.assertEqual(own[0, 0], 3)
        with self.assertRaises(ValueError):
            grid[0][1] = 2
        with self.assertRaises(ValueError):
            grid.T[0] = 2

    def test_every_type_and_shape(self):
        names = ["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"]
        shapes = ["", "[3]", "[2, 3]", "[2, 1, 3, 2]"]
        text = "\n".join(f"source {t}_{k}: {t}{s}" for t in names for k, s in enumerate(shapes))
        bus = mmsb.open(mmsb.compile(text))
        rng = np.random.default_rng(1)
        given = {n: rng.integers(0, 2, bus[n].shape).astype(bus[n].dtype) for n in bus}
        for n, v in given.items():
            bus[n] = v
        bus.commit()
        for n, v in given.items():
            self.assertEqual(bus[n].dtype.name.replace("float", "f").replace("uint", "u").replace("int", "i"),
                             n.split("_")[0])
            np.testing.assert_array_equal(bus[n], v)

    def test_arrays_keep_the_memory_alive(self):
        price = mmsb.open(GRAPH)["price"]
        part = mmsb.open(GRAPH)["grid"][1]
        with mmsb.open(GRAPH) as bus:
            bus["rate"] = 0.25
            bus.commit()
            total = bus["total"]
        del bus
        gc.collect()
        self.assertEqual(price.sum(), 400.0)
        self.assertEqual(part.sum(), 0.0)
        self.assertEqual(float(total), 100.0)

    def test_memory_goes_with_the_last_array(self):
        graph = mmsb.compile("source x: f64[1000000] = 1.0\npage y = x + 1.0")

        def resident():
            with open("/proc/self/statm", encoding="ascii") as f:
                return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        mmsb.open(graph)["y"].sum()
        gc.collect()
        before = resident()
        for _ in range(20):
            mmsb.open(graph)["y"].sum()
            gc.collect()
        self.assertLess(resident() - before, 100e6)  # twenty of them would be 320 MB or more

    def test_pages_are_described(self):
        bus = mmsb.open(GRAPH)
        info = bus.pages["grid"]
        self.assertEqual((info.shape, info.dtype, info.source, info.state, info.event), ((2, 3), np.dtype("f4"), True,
                                                                                       False, False))
        self.assertEqual((info.file, info.line), ("book.mmsbg", 5))
        self.assertTrue(bus.pages["ema"].state and bus.pages["rich"].event)
        with self.assertRaisesRegex(KeyError, "did you mean `price`"):
            bus["prise"]
        self.assertEqual(list(bus), list(bus.pages))


class Changing(unittest.TestCase):
    def test_any_index_of_numpy(self):
        rng = np.random.default_rng(2)
        bus = mmsb.open(mmsb.compile("source a: f64[5, 6]\nsource b: i32[7]\nsource c: f64"))
        mine = {n: np.array(bus[n]) for n in bus}
        cases = [("a", 2), ("a", (2, 3)), ("a", (-1, -6)), ("a", slice(1, 3)), ("a", (slice(None), 2)),
                 ("a", (slice(None, None, 2), slice(5, 1, -2))), ("a", ...), ("a", ([0, 4, 1], [5, 0, 2])),
                 ("a", rng.random((5, 6)) < 0.4), ("a", np.array([3, 1])), ("a", (..., 0)), ("a", ()),
                 ("b", 0), ("b", -1), ("b", slice(2, 5)), ("b", slice(6, 2)), ("b", slice(None, None, -1)),
                 ("b", np.array([True, False] * 3 + [True])), ("b", [6, 0, 3]), ("b", np.int64(4)), ("c", ()),
                 ("c", ...)]
        for name, index in cases:
            shape = mine[name][index].shape
            for values in (7, rng.integers(-9, 9, shape)):
                bus[name][index] = values
                mine[name][index] = values
                bus.commit()
                np.testing.assert_array_equal(bus[name], mine[name], f"{name}[{index}]")

    def test_every_kind(self):
        reference = {"set": lambda a, b: b, "add": np.add, "min": np.minimum, "max": np.maximum, "and": np.bitwise_and,
                     "or": np.bitwise_or, "xor": np.bitwise_xor}
        bus = mmsb.open(mmsb.compile("source x: i16[50]\nsource mask: bool[50]"))
        rng = np.random.default_rng(3)
        mine = np.zeros(50, "i2")
        for _ in range(30):
            for kind, f in reference.items():
                where = rng.random(50) < 0.3
                values = rng.integers(-300, 300, int(where.sum())).astype("i2")
                bus.update("x", values, where, kind)
                mine[where] = f(mine[where], values)
            bus.commit()
            np.testing.assert_array_equal(bus["x"], mine)

    def test_a_million_deltas_in_one_call(self):
        n = 1_000_000
        bus = mmsb.open(mmsb.compile(f"source x: f64[{n}]\npage s = sum(x)"))
        order = np.random.default_rng(4).permutation(n)
        values = np.arange(n, dtype="f8")
        bus["x"][order] = values
        bus.commit()
        expected = np.empty(n)
        expected[order] = values
        np.testing.assert_array_equal(bus["x"], expected)

    def test_values_are_converted_only_where_none_changes(self):
        bus = mmsb.open(GRAPH)
        bus["small"][0] = 127
        bus["grid"] = 0.1   # rounds, as f32 does
        bus["on"][1] = 0
        bus["price"] = np.array([1, 2, 3, 4])
        bus.commit()
        self.assertEqual(bus["grid"][0, 0], np.float32(0.1))
        self.assertFalse(bus["on"][1])
        for name, value, error in [("small", 128, mmsb.Wrong), ("small", 1.0, mmsb.Usage), ("qty", 2**63, mmsb.Wrong),
                                   ("on", 2, mmsb.Usage), ("price", "x", mmsb.Usage), ("price", [1, 2], ValueError),
                                   ("price", 1j, mmsb.Usage)]:
            with self.assertRaises(error, msg=f"{name} = {value}"):
                bus[name] = value
        with self.assertRaisesRegex(IndexError, "out of bounds"):
            bus["price"][4] = 1.0
        self.assertEqual(bus.metrics()["pending_bytes"], 0)

    def test_one_float_at_a_time(self):
        bus = mmsb.open(mmsb.compile("source x: f64[5]\nsource y: f32[5]"))
        x, y, mine = bus["x"], bus["y"], np.arange(5) * 0.1
        for k in range(5):
            x[k] = mine[k].item()
            y[k] = mine[k].item()
        x[-1] = y[-1] = 9.0
        bus.commit()
        self.assertEqual(x.tolist(), mine[:4].tolist() + [9.0])
        self.assertEqual(y.tobytes(), np.append(mine[:4], 9.0).astype("f4").tobytes())
        for index in (5, -6):
            with self.assertRaises(IndexError):
                x[index] = 1.0

    def test_a_batch_is_one_epoch_or_none(self):
        bus = mmsb.open(GRAPH)
        with bus.batch() as events:
            bus["price"][0] = 900.0
            with bus.batch():
                bus["qty"][0] = 2
        self.assertEqual((bus.epoch, events[0].name, events[0].values[0]), (1, "rich", 1050.0))
        with self.assertRaises(ZeroDivisionError):
            with bus.batch():
                bus["price"][0] = 1.0
                raise ZeroDivisionError
        bus.commit()
        self.assertEqual(bus["price"][0], 900.0)

    def test_a_rejected_epoch_names_the_line_and_changes_nothing(self):
        bus = mmsb.open(GRAPH)
        root = bus.root
        bus["price"][2] = -1.0
        with self.assertRaisesRegex(mmsb.Rejected, "price not positive") as caught:
            bus.commit()
        self.assertEqual((caught.exception.file, caught.exception.line), ("book.mmsbg", 11))
        self.assertEqual((bus.root, bus.epoch, bus["price"][2]), (root, 0, 100.0))

    def test_lines_and_drop(self):
        bus = mmsb.open(GRAPH)
        bus.line("price[1..3] += 2")
        bus.drop()
        bus.line("ema = 4.0")
        bus.commit()
        self.assertEqual((bus["price"][1], float(bus["ema"])), (100.0, 102.0))
        with self.assertRaisesRegex(mmsb.Wrong, "outside 0..4"):
            bus.line("price[9] = 1")


class Events(unittest.TestCase):
    def test_they_carry_python_values(self):
        bus = mmsb.open(GRAPH)
        bus["price"][0] = 2000.0
        self.assertEqual(bus.commit(), [("rich", 1, (1150.0, -5, 4, True))])
        self.assertEqual(bus.commit(), [])

    def test_handlers_see_the_epoch_and_may_raise(self):
        bus = mmsb.open(GRAPH)
        seen = []
        bus.on("third", lambda e: seen.append((e.epoch, bus.epoch)))

        @bus.on("third")
        def stop(event):
            with self.assertRaises(mmsb.Busy):
                bus.commit()
            with self.assertRaises(mmsb.Busy):
                bus["price"][0] = 1.0
            if event.epoch == 6:
                raise StopIteration("enough")
        with self.assertRaisesRegex(StopIteration, "enough"):
            bus.tick(100)
        self.assertEqual((bus.epoch, seen), (6, [(3, 3), (6, 6)]))
        self.assertEqual([e.epoch for e in bus.tick(3)], [9])
        with self.assertRaises(mmsb.Usage):
            bus.on("price", print)

    def test_ten_thousand_events_of_one_tick(self):
        bus = mmsb.open(GRAPH)
        self.assertEqual([e.values[0] for e in bus.tick(30_000)], list(range(3, 30_001, 3)))

    def test_asyncio_waits_for_a_change(self):
        bus = mmsb.open(GRAPH)

        async def main():
            price, any_epoch = asyncio.ensure_future(bus.changed("price")), asyncio.ensure_future(bus.changed())
            await asyncio.sleep(0)
            bus["qty"][0] = 3
            await asyncio.to_thread(bus.commit)
            self.assertEqual(await asyncio.wait_for(any_epoch, 5), 1)
            self.assertFalse(price.done())
            bus["price"][0] = 3.0
            threading.Timer(0.05, bus.commit).start()
            return await asyncio.wait_for(price, 5)
        self.assertEqual(asyncio.run(main()), 2)


class Threads(unittest.TestCase):
    def test_commit_leaves_python_running(self):
        n = 3_000_000
        bus = mmsb.open(mmsb.compile(f"source x: f64[{n}] = 1.0\npage y = exp(sin(x)) + cos(x) * tan(x)"))
        counted, stop = [0], threading.Event()

        def count():
            while not stop.is_set():
                counted[0] += 1
                time.sleep(0)
        t = threading.Thread(target=count)
        bus["x"] = np.linspace(0, 1, n)
        t.start()
        while counted[0] == 0:
            time.sleep(0.001)
        before = counted[0]
        bus.commit()
        during = counted[0] - before
        stop.set()
        t.join()
        self.assertGreater(during, 3)

    def test_a_second_thread_is_told_and_a_snapshot_is_for_all(self):
        bus = mmsb.open(GRAPH)
        wrong = []

        def work():
            for _ in range(300):
                try:
                    with bus.snapshot("total", "value") as s:
                        if not np.isclose(s["value"].sum() * 0.5, float(s["total"])):
                            wrong.append("torn")
                except mmsb.Busy:
                    pass
                except Exception as e:  # pylint: disable=broad-except
                    wrong.append(e)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for t in threads:
            t.start()
        done = 0
        while any(t.is_alive() for t in threads):
            try:
                bus["price"] = float(done + 1)
                bus.commit()
                done += 1
            except mmsb.Busy:
                pass
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])
        self.assertGreater(done, 0)

    def test_a_snapshot_stays(self):
        bus = mmsb.open(GRAPH)
        with bus.snapshot() as before:
            bus["price"] = 1.0
            bus.commit()
            value = before["value"]
        del bus, before
        gc.collect()
        self.assertEqual(value.tolist(), [100.0] * 4)
        self.assertFalse(value.flags.writeable)

    def test_fork(self):
        bus = mmsb.open(GRAPH)
        child = os.fork()
        if child == 0:
            try:
                bus.commit()
            except mmsb.Forked:
                os._exit(7 if float(bus["total"]) == 200.0 else 1)
            os._exit(2)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)


class Keeping(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.state = os.path.join(self.folder.name, "s")

    def tearDown(self):
        self.folder.cleanup()

    def test_recovered_and_replayed(self):
        roots, notes, fired = [], [], []
        with mmsb.open(GRAPH, state=self.state, durability="sealed") as bus:
            for k in range(5):
                bus["price"][k % 4] = 200.0 + k
                bus.commit()
                roots.append(bus.root)
            with self.assertRaisesRegex(mmsb.Busy, "in use by another process"):
                mmsb.open(GRAPH, state=self.state)
            self.assertEqual(bus.metrics()["durable_epoch"], 5)
        with mmsb.open(GRAPH, state=self.state, note=notes.append) as bus:
            self.assertEqual((bus.epoch, bus.root), (5, roots[4]))
            bus.checkpoint()
            bus.tick(2)
            bus.sync()
        for to in range(1, 6):
            past = mmsb.replay(self.state, to, on_event=fired.append)
            self.assertEqual((past.epoch, past.root), (to, roots[to - 1]))
        self.assertEqual([(e.name, e.epoch) for e in fired], [("third", 3)] * 3)
        self.assertEqual(mmsb.replay(self.state).epoch, 7)
        with self.assertRaisesRegex(mmsb.Wrong, "0 to 7, not 8"):
            mmsb.replay(self.state, 8)
        with self.assertRaisesRegex(mmsb.Usage, "closed"):
            bus.commit()

    def test_executors_give_one_root(self):
        roots = set()
        for executor in mmsb.EXECUTORS:
            try:
                bus = mmsb.open(GRAPH, executor=executor, threads=2, oracle_epochs=1)
            except (mmsb.Absent, mmsb.OutOfSpace) as e:
                self.assertTrue(str(e))
                self.assertIn(executor, ("native", "cuda"))
                continue
            bus["price"][1] = 3.25
            bus.commit()
            bus.tick(2)
            roots.add(bus.root)
        self.assertEqual(len(roots), 1)

    def test_graphs_come_as_text_file_bytes_and_path(self):
        path = pathlib.Path(self.folder.name, "g.mmsbg")
        path.write_text('import "part.mmsbg"\nsource x: f64 = 2.0\npage y = twice(x)\n', encoding="utf-8")
        path.with_name("part.mmsbg").write_text("fn twice(v) = v + v\n", encoding="utf-8")
        image = path.with_suffix(".mmsbx")
        graph = mmsb.compile(path.read_text(encoding="utf-8"), "g.mmsbg", folders=[self.folder.name])
        graph.save(image)
        for given in (path, str(path), image, graph, graph.image):
            self.assertEqual(float(mmsb.open(given)["y"]), 4.0)
        library = mmsb.compile('import "finance.mmsbg" as fin\nsource s: f64 = 100.0\n'
                               "page c = fin.bs_call(s, 100.0, 1.0, 0.02, 0.0, 0.2)")
        self.assertAlmostEqual(float(mmsb.open(library)["c"]), 8.916, 3)
        sized = mmsb.compile("param n = 3\nsource x: f64[n]", defines={"n": 9})
        self.assertEqual(mmsb.open(sized)["x"].shape, (9,))

    def test_files_of_a_graph_lie_beside_it(self):
        path = pathlib.Path(self.folder.name, "f.mmsbg")
        path.write_text('source x: f64[2] from "x.npy"\npage y = sum(x)\n', encoding="utf-8")
        np.save(path.with_name("x.npy"), np.array([1.5, 2.0]))
        graph = mmsb.compile(path.read_text(encoding="utf-8"))
        with self.assertRaisesRegex(OSError, "x.npy"):
            mmsb.open(graph)
        graph.save(path.with_suffix(".mmsbx"))
        graph.folder = path.parent
        for given in (path, path.with_suffix(".mmsbx"), graph):
            self.assertEqual(float(mmsb.open(given)["y"]), 3.5)

    def test_inputs_are_arrays_or_files(self):
        file = os.path.join(self.folder.name, "q.npy")
        np.save(file, np.array([1, 2, 3, 4], "i8"))
        bus = mmsb.open(GRAPH, inputs={"price": np.array([1.0, 2.0, 3.0, 4.0]), "qty": file})
        self.assertEqual(float(bus["total"]), 15.0)
        with self.assertRaisesRegex(mmsb.Wrong, "bytes"):
            mmsb.open(GRAPH, inputs={"price": np.zeros(3)})
        with self.assertRaisesRegex(mmsb.Wrong, "is of i64; the page is of f64"):
            mmsb.open(GRAPH, inputs={"price": np.zeros(4, "i8")})
        with self.assertRaisesRegex(mmsb.Usage, "no page has elements of complex128"):
            mmsb.open(GRAPH, inputs={"price": np.zeros(4, "c16")})

    def test_what_is_wrong_is_an_exception(self):
        with self.assertRaises(mmsb.InputOutput):
            mmsb.open("/nowhere/g.mmsbx")
        with self.assertRaises(mmsb.Damaged):
            mmsb.open(b"not an image")
        with self.assertRaises(mmsb.Usage):
            mmsb.open(GRAPH, durability="always")
        with self.assertRaises(mmsb.Wrong) as caught:
            mmsb.compile("source x: f64\npage y = x + true\npage z = nope\n", "w.mmsbg")
        self.assertEqual([(d.file, d.line) for d in caught.exception.diagnostics], [("w.mmsbg", 2), ("w.mmsbg", 3)])
        self.assertEqual((caught.exception.file, caught.exception.line), ("w.mmsbg", 2))


class Files(unittest.TestCase):
    def test_500_arrays_to_npy_and_back(self):
        """NumPy writes, the engine reads, mmsb-run writes, NumPy reads: the same type, shape and bits."""
        run = pathlib.Path(os.environ.get("MMSB_BIN", HERE.parents[2] / "build/bin"), "mmsb-run")
        if not run.exists():
            self.skipTest("no mmsb-run: set MMSB_BIN")
        rng, trips = np.random.default_rng(5), 0
        types = dict(zip(["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"], mmsb.DTYPES))
        while trips < 500:
            shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(0, 5)))
            suffix = f"[{', '.join(map(str, shape))}]" if shape else ""
            work = tempfile.TemporaryDirectory()
            self.addCleanup(work.cleanup)
            folder = pathlib.Path(work.name)
            graph = mmsb.compile("\n".join(f"source {t}_: {t}{suffix}" for t in types))
            graph.save(folder / "g.mmsbx")
            bus, words = mmsb.open(graph), [str(run), "g.mmsbx"]
            for name, code in types.items():
                count = int(np.prod(shape))
                raw = rng.integers(0, 2 if code == "?" else 256, count * np.dtype(code).itemsize, "u1")
                given = raw.view(code).reshape(shape)
                given = np.where(np.isnan(given), given.dtype.type(np.nan), given) if code[0] == "f" else given
                form = given.astype(given.dtype.newbyteorder(">")) if trips % 3 == 1 else given
                form = np.asfortranarray(form).reshape(shape, order="F") if trips % 2 else form
                np.save(folder / f"{name}.npy", form)
                bus.line(f"{name}_ = @{folder / name}.npy")
                words += ["--in", f"{name}_={name}.npy", "--out", f"{name}_={name}.out.npy"]
            bus.commit()
            subprocess.run(words, cwd=folder, check=True)
            for name, code in types.items():
                first, back = np.load(folder / f"{name}.npy"), np.load(folder / f"{name}.out.npy")
                self.assertEqual((back.dtype, back.shape), (np.dtype(code), shape))
                same = first.astype(code)
                self.assertEqual(back.tobytes(), same.tobytes())
                self.assertEqual(bus[name + "_"].tobytes(), same.tobytes())
                trips += 1


class Stub(unittest.TestCase):
    """mmsb.pyi says what mmsb.py has: the same names, the same parameters."""

    @staticmethod
    def shapes(tree):
        found = {}
        for top in tree.body:
            for node in [top] + (top.body if isinstance(top, ast.ClassDef) else []):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    a = node.args
                    name = node.name if node is top else f"{top.name}.{node.name}"
                    found[name] = [x.arg for x in a.posonlyargs + a.args + a.kwonlyargs]
        return found

    def test_it_agrees(self):
        stub = self.shapes(ast.parse((HERE / "mmsb.pyi").read_text(encoding="utf-8")))
        real = {}
        for module in ("mmsb.py", "_mmsb_bus.py", "_mmsb_exchange.py", "_mmsb_graph.py", "_mmsb_pages.py"):
            real.update(self.shapes(ast.parse((HERE / module).read_text(encoding="utf-8"))))
        for name, arguments in stub.items():
            self.assertEqual(real.get(name), arguments, name)
        public = [n for n in real if n.split(".")[0] in mmsb.__all__ and not n.split(".")[-1].startswith("_")]
        self.assertEqual([n for n in public if n not in stub], [])
        for name in mmsb.__all__:
            self.assertTrue(hasattr(mmsb, name), name)


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, libmmsb {mmsb.version()}", file=sys.stderr)
    unittest.main()
