# SPDX-License-Identifier: Apache-2.0
"""Tests of mmsb.attach, against the mmsb-run of MMSB_BIN: python3 -m unittest, or pytest, in this folder."""
import asyncio
import doctest
import gc
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np

import _mmsb_bus
import mmsb

HERE = pathlib.Path(__file__).resolve().parent
RUN = pathlib.Path(os.environ.get("MMSB_BIN", HERE.parents[2] / "build/bin"), "mmsb-run")
BOOK = _mmsb_bus.__doc__.split("graph:\n\n")[1]
TEXT = """
source price: f64[4] = 100.0
source qty: i64[4] = 1
source on: bool[4] = true
source grid: f32[2, 3]
source rate: f64 = 0.5
source wide: i32[300000]
page value: f64[4] = price * f64(qty)
page total = sum(value) * rate
page all = sum(wide)
page most = max(wide)
page ema: f64 = init total then prev(ema) + 0.5 * (total - prev(ema))
assert all(price > 0.0) "price not positive"
"""
SERVED = []     # engines of the doctest that runs


class Engine:
    """mmsb-run serving a graph under the name "book", in a folder of its own, where attach looks."""

    def __init__(self, text, *options, folder=None):
        self.folder = folder or tempfile.TemporaryDirectory()
        self.place = pathlib.Path(self.folder.name)
        os.environ["XDG_RUNTIME_DIR"] = str(self.place)
        door = self.place / "mmsb" / "book"
        if door.exists():
            door.unlink()
        mmsb.compile(text, "book.mmsbg").save(self.place / "book.mmsbx")
        with open(self.place / "said", "wb") as said:
            self.process = subprocess.Popen([str(RUN), "book.mmsbx", "--serve", "book", *options], cwd=self.place,
                                            stdout=subprocess.DEVNULL, stderr=said)
        end = time.monotonic() + 20
        while not door.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError((self.place / "said").read_text(encoding="utf-8"))
            time.sleep(0.002)

    def end(self, how=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
        return self.process.wait(30)

    def close(self):
        self.end()
        self.folder.cleanup()


def load_tests(_, tests, __):
    """The examples of what is attached, each with an engine of its own."""
    def start(_):
        SERVED.append(Engine(BOOK))

    def stop(_):
        SERVED.pop().close()
    for found in doctest.DocTestFinder().find(mmsb, "mmsb", extraglobs={"mmsb": mmsb, "asyncio": asyncio}):
        if re.match(r"mmsb\.(attach|Attached|LivePage)\b", found.name) and found.examples and RUN.exists():
            tests.addTest(doctest.DocTestCase(found, doctest.ELLIPSIS, start, stop))
    return tests


class Served(unittest.TestCase):
    OPTIONS = ()

    def setUp(self):
        if not RUN.exists():
            self.skipTest("no mmsb-run: set MMSB_BIN")
        self.engine = Engine(TEXT, *self.OPTIONS)
        self.addCleanup(self.engine.close)


class Reading(Served):
    def test_reads_are_copies_of_one_epoch(self):
        bus = mmsb.attach("book")
        price = bus["price"]
        self.assertEqual((price.shape, price.dtype, price.ndim), ((4,), np.dtype("f8"), 1))
        self.assertEqual((price.size, len(price)), (4, 4))
        before = price[...]
        bus["price"][1] = 7.0
        self.assertEqual(bus.commit(), 1)
        self.assertEqual((before[1], price[1], price[-3], price[1:3].tolist()), (100.0, 7.0, 7.0, [7.0, 100.0]))
        self.assertEqual(price[[0, 1]].tolist(), [100.0, 7.0])
        self.assertEqual(price[np.array([False, True, False, False])].tolist(), [7.0])
        self.assertEqual(bus["grid"][1].shape, (3,))
        self.assertEqual(bus["grid"][:, 1].shape, (2,))
        self.assertIsInstance(bus["rate"][()], np.float64)
        self.assertEqual(float(bus["total"]), 153.5)
        self.assertEqual((price + 1).tolist()[:2], [101.0, 8.0])
        self.assertEqual(np.sqrt(bus["rate"] * 8), 2.0)
        self.assertEqual(np.sum(price), 307.0)
        before[0] = 5.0     # a copy of the caller's own
        with self.assertRaises(IndexError):
            price[4]
        with self.assertRaises(TypeError):
            len(bus["rate"])
        self.assertEqual(np.asarray(price, "f4").dtype, np.dtype("f4"))
        with self.assertRaises(ValueError):
            price.__array__(copy=False)
        np.testing.assert_array_equal(np.from_dlpack(price), price)
        self.assertEqual(len(price.__arrow_c_array__()), 2)

    def test_pages_are_described(self):
        bus = mmsb.attach("book")
        info = bus.pages["grid"]
        self.assertEqual((info.shape, info.dtype, info.source, info.line), ((2, 3), np.dtype("f4"), True, 5))
        self.assertTrue(bus.pages["ema"].state)
        with self.assertRaisesRegex(mmsb.NoPage, "did you mean `price`"):
            bus["pric"]
        with self.assertRaises(KeyError), bus.lease() as pages:
            pages["nothing"]

    def test_a_lease_is_memory_of_the_engine_and_does_not_move(self):
        bus, other = mmsb.attach("book"), mmsb.attach("book")
        with bus.lease() as pages:
            price, total = pages["price"], pages["total"]
            self.assertFalse(price.flags.writeable or price.flags.owndata)
            self.assertEqual(price.ctypes.data % 4096, 0)
            self.assertEqual(price.ctypes.data, pages["price"].ctypes.data)
            with other.batch():
                other["price"] = 50.0
            self.assertEqual((price.sum(), float(total), pages.epoch, bus.epoch), (400.0, 200.0, 0, 1))
            self.assertEqual(bus["price"].tolist(), [50.0] * 4)
            with self.assertRaises(mmsb.Busy), other.lease():
                pass
            with self.assertRaises(mmsb.Usage), bus.lease():
                pass
            with self.assertRaises(ValueError):
                price[0] = 1.0
        with self.assertRaisesRegex(mmsb.Usage, "ended"):
            pages["price"]
        with other.lease(timeout=20) as now:    # the engine hears of the end in its own time
            self.assertEqual((now.epoch, now["price"][0], set(now)), (1, 50.0, set(other)))

    def test_a_lease_ends_where_its_block_raises(self):
        bus = mmsb.attach("book")
        for _ in range(3):
            with self.assertRaises(ZeroDivisionError), bus.lease():
                raise ZeroDivisionError
        with bus.lease() as pages:
            bus.detach()
            self.assertEqual(bus["rate"][()], 0.5)
        self.assertIsNone(bus._leased)

    def test_whole_epochs_while_another_writes(self):
        stop, bus = threading.Event(), mmsb.attach("book")

        def write():
            mine, k = mmsb.attach("book"), 0
            while not stop.is_set():
                k += 1
                mine["wide"] = k
                mine.commit()
                if k % 16 == 0:
                    time.sleep(0.005)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            last, end, rounds = -1, time.monotonic() + 1.5, 0
            while rounds < 2 or time.monotonic() < end:
                rounds += 1
                all_of_it = bus["wide"][...]
                self.assertTrue((all_of_it == all_of_it[0]).all())
                now = bus.snapshot("wide", "most", "all")
                self.assertEqual(now["wide"].min(), now["most"])
                self.assertEqual(int(now["wide"][0]) * 300000 & 0xffffffff, int(now["all"]) & 0xffffffff)
                low, high, epoch = bus.look(lambda p: (p["wide"].min(), int(p["most"]), p.epoch))
                self.assertEqual(low, high)
                self.assertGreaterEqual(high, last)
                last = high
                with bus.lease(timeout=20) as pages:
                    self.assertEqual(pages["wide"].min(), pages["most"])
        finally:
            stop.set()
            writer.join()
        self.assertGreater(last, 0)

    def test_look_takes_no_torn_values_for_true(self):
        bus, other, seen = mmsb.attach("book"), mmsb.attach("book"), []

        def read(pages):
            seen.append(float(pages["rate"]))
            if len(seen) < 4:
                other["rate"] = 1.0 + len(seen)
                other.commit()
                raise ZeroDivisionError     # of values that are of no epoch: not the caller's to see
            return seen[-1]
        self.assertEqual(bus.look(read), 4.0)
        self.assertEqual(len(seen), 4)
        with self.assertRaises(ZeroDivisionError):
            bus.look(lambda pages: 1 // 0)

    def test_look_takes_a_lease_where_epochs_follow_too_fast(self):
        bus, other = mmsb.attach("book"), mmsb.attach("book")

        def read(pages):
            value = float(pages["rate"])
            other["rate"] = value + 1
            other.commit()
            return value, float(pages["rate"]) == value, pages.epoch == other.epoch - 1
        started = time.monotonic()
        value, still, before = bus.look(read)
        self.assertGreater(time.monotonic() - started, 0.9)
        self.assertTrue(value > 1 and still and before)

    def test_changes_are_listed(self):
        bus, other = mmsb.attach("book"), mmsb.attach("book")
        self.assertEqual(bus.changes(), [])
        other["wide"][[5, 100, 299999]] = [1, 2, 3]
        other.commit()
        found = [c for c in bus.changes() if c.page == "wide"]
        self.assertEqual([(c.epoch, c.first, c.count) for c in found], [(1, 5, 1), (1, 100, 1), (1, 299999, 1)])
        self.assertEqual(bus.changes(), [])
        for k in range(90):
            other.update("wide", 1, index=slice(None, None, 1500), kind="add")
            other.commit()
        self.assertIsNone(bus.changes())
        self.assertEqual(bus.changes(), [])


class Changing(Served):
    OPTIONS = ("--state", "state")

    def test_every_form_and_kind(self):
        bus = mmsb.attach("book")
        rng, want = np.random.default_rng(3), {n: bus[n][...] for n in ("price", "qty", "grid", "rate", "on")}
        for k in range(60):
            name = ("price", "qty", "grid")[k % 3]
            page = want[name]
            forms = [..., 1, -1, slice(0, 2), slice(None, None, 2), np.array([1, 0]), page > np.median(page), ()]
            index = forms[k % len(forms)]
            values = rng.integers(1, 90, page[index].shape) if k % 2 else int(rng.integers(1, 90))
            kind = ("set", "add", "min", "max")[k % 4]
            bus.update(name, values, index, kind)
            old = page[index]
            page[index] = {"set": lambda: values, "add": lambda: old + values, "min": lambda: np.minimum(old, values),
                           "max": lambda: np.maximum(old, values)}[kind]()
            bus.commit()
            np.testing.assert_array_equal(bus[name], page)
        bus.update("on", False, index=np.array([True, False, False, True]), kind="and")
        bus["rate"] = 0.25
        bus.line("qty[1..3] ^= 1")
        self.assertEqual(bus.commit(durable=True), 61)
        self.assertGreaterEqual(bus.durable_epoch, 61)
        self.assertEqual(bus["on"].tolist(), [False, True, True, False])
        self.assertEqual(bus["qty"][1], want["qty"][1] ^ 1)

    def test_what_is_wrong_is_an_exception_and_changes_nothing(self):
        bus = mmsb.attach("book")
        for wrong, error, words in (
                (lambda: bus.update("price", 1.0, kind="mul"), mmsb.Usage, "kind is one of"),
                (lambda: bus.update("qty", 1.5), mmsb.Usage, "convert them first"),
                (lambda: bus.update("total", 1.5), mmsb.Wrong, "not a source"),
                (lambda: bus.update("price", 1.0, kind="xor"), mmsb.Wrong, "does not take"),
                (lambda: bus.line("price[9] = 1"), mmsb.Wrong, "outside 0..4"),
                (lambda: bus.line("commit"), mmsb.Usage, "functions of their own"),
                (bus.answer, mmsb.Usage, "no commit was sent"),
                (lambda: bus.send(number=5), mmsb.Usage, "stream"),
                (lambda: bus.wait(timeout=0.01), mmsb.Busy, "no epoch came"),
                (lambda: mmsb.attach("b/c"), mmsb.Usage, "no name of a bus"),
                (lambda: mmsb.attach("absent"), mmsb.Absent, "absent")):
            with self.assertRaisesRegex(error, words):
                wrong()
        with self.assertRaises(ValueError), bus.batch():
            bus["price"] = 1.0
            raise ValueError
        bus["price"][0] = -1.0
        with self.assertRaises(mmsb.Rejected) as caught:
            bus.commit()
        self.assertEqual((caught.exception.file, caught.exception.line), ("book.mmsbg", 13))
        self.assertEqual((bus.epoch, bus["price"].tolist()), (0, [100.0] * 4))

    def test_commits_in_flight_keep_their_order(self):
        bus = mmsb.attach("book", ring_bytes=4096)
        for k in range(1, 400):     # more than the ring holds: answers are taken meanwhile
            bus["qty"][0] = k
            if k % 7 == 0:
                bus["price"][0] = -1.0
            self.assertEqual(bus.send(), k)
        self.assertEqual(bus.commit(), 400 - 399 // 7)
        for k in range(1, 400):
            answer = bus.answer()
            self.assertEqual((answer.number, answer.error is None), (k, k % 7 != 0))
        self.assertEqual(bus["qty"][0], 398 if 399 % 7 == 0 else 399)
        with self.assertRaisesRegex(mmsb.OutOfSpace, "larger ring"):
            bus["wide"] = np.zeros(300000, "i4")

    def test_numbers_count_once_over_crashes(self):
        bus = mmsb.attach("book", stream=9)
        bus.update("qty", 1, 0, "add")
        bus.commit(durable=True)
        self.engine.end()
        self.assertFalse(bus.alive)
        with self.assertRaises(mmsb.InputOutput):
            bus.commit()
        self.engine = Engine(TEXT, *self.OPTIONS, folder=self.engine.folder)
        self.addCleanup(self.engine.close)
        bus = mmsb.attach("book", stream=9)
        self.assertEqual(bus.last_number, 1)
        bus.update("qty", 1, 0, "add")
        bus.send(number=1)
        self.assertTrue(bus.answer().again)
        bus.update("qty", 1, 0, "add")
        bus.commit()
        self.assertEqual(bus["qty"][0], 3)


class Life(Served):
    def test_a_killed_engine_crashes_nobody_who_holds_arrays(self):
        """In a process of its own, whose status says whether it crashed."""
        text = """if True:
            import mmsb, os, signal, sys
            bus = mmsb.attach("book")
            with bus.lease() as pages:
                held = [pages["price"], bus["price"].live, pages["wide"], bus["wide"].live]
                part = pages["grid"][1]
                os.kill(int(sys.argv[1]), signal.SIGKILL)
                while bus.alive:
                    pass
                print([float(a.sum()) for a in held], part.tolist(), bus["rate"][()])
                for call in (bus.commit, bus.wait, bus.answer):
                    try:
                        call()
                    except mmsb.InputOutput:
                        print("told")
            try:
                bus.lease().__enter__()
            except mmsb.InputOutput:
                print("told")
            del bus, pages
            print([float(a.sum()) for a in held])
            """
        env = dict(os.environ, PYTHONPATH=str(HERE))
        p = subprocess.run([sys.executable, "-c", text, str(self.engine.process.pid)], stdout=subprocess.PIPE, env=env,
                           text=True, timeout=60, check=False)
        self.engine.process.wait(30)
        sums = "[400.0, 400.0, 0.0, 0.0]"
        self.assertEqual((p.returncode, p.stdout.splitlines()),
                         (0, [sums + " [0.0, 0.0, 0.0] 0.5"] + ["told"] * 4 + [sums]))

    def test_arrays_keep_the_memory_and_nothing_else_does(self):
        def maps():
            with open("/proc/self/maps", encoding="ascii") as f:
                return sum("memfd:mmsb" in line for line in f)
        gc.collect()
        before = maps()
        bus = mmsb.attach("book")
        live = bus["price"].live[1:]
        bus.detach()
        self.assertEqual((bus["price"][0], float(live.sum())), (100.0, 300.0))
        with self.assertRaisesRegex(mmsb.Usage, "detached"):
            bus.commit()
        del bus
        gc.collect()
        self.assertGreater(maps(), before)
        self.assertEqual(float(live.sum()), 300.0)
        del live
        gc.collect()
        self.assertEqual(maps(), before)

    def test_sixty_four_places_are_given_back(self):
        for _ in range(3):
            held = [mmsb.attach("book", ring_bytes=4096) for _ in range(64)]
            with self.assertRaises(mmsb.Busy):
                mmsb.attach("book")
            for bus in held:
                bus.detach()
            del held
            end = time.monotonic() + 20
            while True:     # the engine sees hang-ups in its own time
                try:
                    mmsb.attach("book").detach()
                    break
                except mmsb.Busy:
                    self.assertLess(time.monotonic(), end)

    def test_another_thread_gets_busy_and_another_attachment_works(self):
        bus, other = mmsb.attach("book"), mmsb.attach("book")
        found = []
        waiter = threading.Thread(target=lambda: found.append(bus.wait(0)))
        waiter.start()
        end, busy = time.monotonic() + 20, 0
        while not busy:
            self.assertLess(time.monotonic(), end)
            try:
                bus.drop()
            except mmsb.Busy:
                busy += 1
        other.commit()
        waiter.join(20)
        self.assertEqual(found, [1])

    def test_a_forked_child_is_told(self):
        bus = mmsb.attach("book")
        live = bus["price"].live
        child = os.fork()
        if child == 0:
            status = 1
            try:
                bus.commit()
            except mmsb.Forked:
                status = 0 if live.sum() == 400.0 else 2
            finally:
                del bus
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(bus.commit(), 1)

    def test_a_wait_hears_ctrl_c(self):
        bus = mmsb.attach("book")
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
        self.addCleanup(signal.signal, signal.SIGINT, before)
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with self.assertRaises(KeyboardInterrupt):
            bus.wait(timeout=20)


class Waiting(Served):
    OPTIONS = ("--state", "state")

    def test_tasks_hear_of_changes(self):
        async def follow(bus, name, count):
            seen = []
            for _ in range(count):
                await bus.changed(name)
                seen.append(float(bus[name]))
            return seen

        async def run():
            bus, other = mmsb.attach("book"), mmsb.attach("book")
            tasks = [asyncio.ensure_future(follow(bus, "total", 3)) for _ in range(3)]
            late = asyncio.ensure_future(bus.changed("all"))
            given_up = asyncio.ensure_future(bus.changed("all"))
            await asyncio.sleep(0)
            given_up.cancel()
            for k in range(1, 4):
                with other.batch():
                    other["rate"] = float(k)
                await asyncio.sleep(0.05)
                self.assertFalse(late.done())
            found = await asyncio.wait_for(asyncio.gather(*tasks), 20)
            other["wide"][7] = 1
            other.commit()
            self.assertEqual(await asyncio.wait_for(late, 20), 4)
            return found
        self.assertEqual(asyncio.run(run()), [[400.0, 800.0, 1200.0]] * 3)

    def test_no_wake_up_is_lost_to_other_calls(self):
        """Commits, waits and leases of the same attachment take what wakes its tasks."""
        async def run():
            bus = mmsb.attach("book")
            for k in range(1, 150):
                waiting = [asyncio.ensure_future(bus.changed()) for _ in range(k % 3 + 1)]
                await asyncio.sleep(0)
                bus["rate"] = float(k)
                if k % 3 == 0:
                    bus.send()
                    bus.wait(k - 1)
                elif k % 3 == 1:
                    bus.commit(durable=True)
                else:
                    bus.send()
                    with bus.lease() as pages:
                        self.assertEqual(float(pages["rate"]), k)
                waiting.append(asyncio.ensure_future(bus.changed()))    # may drain the others' byte
                self.assertEqual(await asyncio.wait_for(asyncio.gather(*waiting[:-1]), 20), [k] * (len(waiting) - 1))
                waiting[-1].cancel()
                await asyncio.gather(waiting[-1], return_exceptions=True)
            return bus.epoch
        self.assertEqual(asyncio.run(run()), 149)

    def test_a_task_hears_of_the_end(self):
        async def run():
            bus = mmsb.attach("book")
            waiting = asyncio.ensure_future(bus.changed("total"))
            await asyncio.sleep(0)
            self.engine.end()
            with self.assertRaises(mmsb.InputOutput):
                await asyncio.wait_for(waiting, 20)
        asyncio.run(run())

    def test_a_descriptor_can_be_polled(self):
        bus, other = mmsb.attach("book"), mmsb.attach("book")
        for k in range(1, 20):
            descriptor = bus.fileno()
            self.assertEqual(bus.epoch, k - 1)
            self.assertEqual(select.select([descriptor], [], [], 0)[0], [])
            other.commit()
            self.assertEqual(select.select([descriptor], [], [], 20)[0], [descriptor])


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, libmmsb {mmsb.version()}", file=sys.stderr)
    unittest.main()
