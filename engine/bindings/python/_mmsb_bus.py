# SPDX-License-Identifier: Apache-2.0
"""An engine of another process: mmsb.attach and what it gives. The examples run where `mmsb-run --serve book` serves
this graph:

    source price: f64[4] = 100.0
    source qty: i64[4] = 1
    page value = price * f64(qty)
    page total = sum(value)
    assert all(price > 0.0) "price not positive"
"""
import asyncio
import collections
import contextlib
import ctypes
import threading
import time

import numpy as np

from _mmsb_exchange import Held, load, save
from _mmsb_graph import ERRORS, Busy, NoPage, Usage
from _mmsb_library import BusAnswer, BusChange, BusMark, BusOptions, BusState, engine
from _mmsb_pages import ANY, KINDS, LivePage, Memory, Named, Pages, converted, infos_of, run_of

RING_BYTES = 16 << 20
SLICE_SECONDS = 0.1     # a wait looks for signals that often
LOOK_SECONDS = 1.0      # how long pages that move are read again before a lease is taken
BUSY_TEXT = "in use by another thread"
BUSY = Busy.status

Answer = collections.namedtuple("Answer", "number epoch again error")
Answer.__doc__ = """What became of a commit: its number, the epoch it made, whether the number was in the log already,
and an exception where it was rejected (nothing has changed), else None."""
Change = collections.namedtuple("Change", "epoch page first count")
Change.__doc__ = "Lanes [first, first + count) of a page, row-major, that an epoch changed."


class _Attachment:
    """A handle of mmsb_bus.h. Lives as long as the Attached or any array on its pages."""

    def __init__(self, name, ring_bytes, stream):
        self.at = ctypes.c_void_p()
        self.lib, self.lock = engine(), threading.Lock()
        o = BusOptions(struct_size=ctypes.sizeof(BusOptions), name=str(name).encode(), ring_bytes=ring_bytes,
                       stream=stream)
        self.check(self.lib.mmsb_bus_attach(ctypes.byref(o), ctypes.byref(self.at)))

    def call(self, function, *arguments):
        """The status of a function; Busy where another thread is inside of one."""
        if not self.lock.acquire(blocking=False):
            raise Busy(BUSY_TEXT)
        try:
            return function(self.at, *arguments)
        finally:
            self.lock.release()

    def check(self, status):
        if status != 0:
            raise ERRORS[status](self.lib.mmsb_bus_message(self.at).decode(errors="replace"))

    def must(self, function, *arguments):
        self.check(self.call(function, *arguments))

    def array(self, info, at):
        return np.asarray(Memory(self, at, info.shape, info.dtype)).view(Held)

    def __del__(self):
        if self.at:
            self.lib.mmsb_bus_free(self.at)


class Attached(Named):
    """An engine of another process: its pages by name, commits to it, waiting for its epochs. Made by mmsb.attach.

    >>> bus = mmsb.attach("book")
    >>> bus, list(bus), "total" in bus, len(bus)
    (<mmsb.Attached book: 4 pages, epoch 0>, ['price', 'qty', 'value', 'total'], True, 4)
    """

    def __init__(self, name, handle):
        self.name, self._handle, self._lib = name, handle, handle.lib
        self._answers, self._unanswered, self._batches, self._leased = collections.deque(), 0, 0, None
        self._loop, self._waiting, self._reader = None, [], -1  # tasks: (future, epoch that it knows)
        self._lives = {}
        self.pages = infos_of(self._lib.mmsb_bus_page_count(handle.at), lambda number, info: handle.must(
            self._lib.mmsb_bus_page_describe, number, info))

    # Reading.

    def _info(self, name):
        if name in self.pages:
            return self.pages[name]
        self._handle.call(self._lib.mmsb_bus_page_find, str(name).encode(), ctypes.byref(ctypes.c_uint32()))
        raise NoPage(self._lib.mmsb_bus_message(self._handle.at).decode(errors="replace"))

    def __getitem__(self, name):
        return LivePage(self, self._info(name))

    @property
    def epoch(self):
        """The number of the last epoch that is published."""
        return self._lib.mmsb_bus_epoch(self._handle.at)

    def _state(self):
        s = BusState(struct_size=ctypes.sizeof(BusState))
        status = self._handle.call(self._lib.mmsb_bus_state_read, ctypes.byref(s))
        return s, status

    @property
    def durable_epoch(self):
        """Every epoch up to it survives power loss; 0 where the engine keeps no log."""
        return self._state()[0].durable_epoch

    @property
    def alive(self):
        """Whether the engine is there, and this is attached to it."""
        return self._state()[1] == 0

    @property
    def last_number(self):
        """The last number of the stream that the log had when this attached."""
        return self._state()[0].last_number

    def _array_at(self, function, info):
        at = self._handle.call(function, info.number, ANY)
        if at is None:
            raise Usage(self._lib.mmsb_bus_message(self._handle.at).decode(errors="replace"))
        return self._handle.array(info, at)

    def _live(self, info):
        found = self._lives.get(info.number)
        if found is None:
            found = self._lives[info.number] = self._array_at(self._lib.mmsb_bus_view, info)
        return found

    def _read(self, info, first, count, shape):
        to = np.empty(shape, info.dtype)
        status = self._handle.call(self._lib.mmsb_bus_read, info.number, ANY, first, count, to.ctypes.data, None)
        if status == BUSY and self._leased is None and self._state()[0].flags & 2:
            with self.lease() as pages:
                to[...] = pages[info.name].reshape(-1)[first:first + count].reshape(shape)
            return to
        self._handle.check(status)
        return to

    def _lease_take(self, timeout):
        epoch, end = ctypes.c_uint64(), time.monotonic() + timeout
        while True:
            while self._unanswered > 16:    # their answers may need the room of the lease's
                self._take(None)
            left = min(SLICE_SECONDS, max(0.001, end - time.monotonic()))
            status = self._handle.call(self._lib.mmsb_bus_lease, int(left * 1e9), ctypes.byref(epoch))
            if self._waiting:               # it may have taken what wakes them
                self.fileno()
            if status != BUSY or time.monotonic() >= end:
                self._handle.check(status)
                return epoch.value
            time.sleep(0.001)

    @contextlib.contextmanager
    def lease(self, timeout=LOOK_SECONDS):
        """Pins the epoch that stands until the end of the block: arrays in the engine's memory, nothing moves, nothing
        is copied here. One at a time; Busy where others hold all leases at other epochs, or the engine is at work on
        something else, and still so after timeout seconds. Copy what you keep: behind the block the arrays stay
        readable, but what they hold is others' epochs.

        >>> bus = mmsb.attach("book")
        >>> with bus.lease() as pages:
        ...     with bus.batch():
        ...         bus["price"] = 50.0
        ...     pages["value"].sum(), float(pages["total"]), float(bus["total"]), pages.epoch, bus.epoch
        (400.0, 400.0, 200.0, 0, 1)
        """
        epoch = self._lease_take(timeout)
        pages = self._leased = Pages(self, self.pages, epoch,
                                     lambda info: self._array_at(self._lib.mmsb_bus_leased, info))
        try:
            yield pages
        finally:
            pages._array = self._leased = None
            status = self._handle.call(self._lib.mmsb_bus_lease_end)
            if status != Usage.status:  # detached within the block
                self._handle.check(status)

    def look(self, read):
        """read(pages) with arrays where the engine computes, called again until all that it saw was of one epoch; gives
        what it gave, which must hold no array of pages. Takes a lease where epochs follow too fast.

        >>> bus = mmsb.attach("book")
        >>> bus.look(lambda pages: float(pages["value"].max() - pages["price"].min()))
        0.0
        """
        mark, end = BusMark(), time.monotonic() + LOOK_SECONDS
        live = Pages(self, self.pages, None, self._live)
        while time.monotonic() < end:
            status = self._lib.mmsb_bus_view_begin(self._handle.at, ctypes.byref(mark))
            if status == BUSY:
                break
            if status != 0:
                self._handle.check(self._state()[1] or status)
            live.epoch = mark.epoch
            failed = None
            try:
                found = read(live)
            except Exception as e:  # pylint: disable=broad-except
                failed = e          # torn values may have been its cause
            if self._lib.mmsb_bus_view_end(self._handle.at, ctypes.byref(mark)):
                if failed is not None:
                    raise failed
                return found
        if self._leased is not None:
            raise Busy("epochs follow each other too fast: look at the pages of the lease")
        with self.lease() as pages:
            return read(pages)

    def snapshot(self, *names):
        """Copies of these pages (of all, where none is named) at one epoch.

        >>> bus = mmsb.attach("book")
        >>> now = bus.snapshot("price", "total")
        >>> now.epoch, now["price"].sum(), float(now["total"])
        (0, 400.0, 400.0)
        """
        infos = {n: self._info(n) for n in names} or self.pages

        def copies(pages):
            return pages.epoch, {n: pages[n].copy() for n in infos}
        epoch, arrays = self.look(copies)
        for a in arrays.values():
            a.flags.writeable = False
        return Pages(self, infos, epoch, lambda info: arrays[info.name])

    def changes(self):
        """Which lanes epochs changed since the last call (or the attach), at least those: a list of Change, oldest
        first. None: some were lost, or too much has changed to be listed: read everything.

        >>> bus = mmsb.attach("book")
        >>> bus["qty"][2] = 5
        >>> bus.commit(), bus.changes()[0]
        (1, Change(epoch=1, page='qty', first=2, count=1))
        """
        rows, count, missed = (BusChange * 512)(), ctypes.c_uint32(), ctypes.c_int()
        names, found = list(self.pages), []
        while True:
            self._handle.must(self._lib.mmsb_bus_changes, rows, len(rows), ctypes.byref(count), ctypes.byref(missed))
            if missed.value:
                return None
            found += [Change(r.epoch, names[r.page], r.first, r.count) for r in rows[:count.value]]
            if count.value < len(rows):
                return found

    # Changing.

    def __setitem__(self, name, values):
        self.update(name, values)

    def update(self, name, values, index=..., kind="set"):
        """Adds a delta of a source or state page to the commit being made. index: whatever NumPy takes; kind: set add
        min max and or xor.

        >>> bus = mmsb.attach("book")
        >>> bus.update("price", [1.5, 2.5], index=slice(0, 2), kind="add")
        >>> bus.update("qty", 3, index=bus["price"] > 99.0, kind="max")
        >>> bus.commit(), bus["price"].tolist(), bus["qty"].tolist()
        (1, [101.5, 102.5, 100.0, 100.0], [3, 3, 3, 3])
        """
        info = self._info(name)
        if kind not in KINDS:
            raise Usage(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
        run = run_of(info.shape, index)
        if run is not None:
            first, count, shape = run
            given = converted(values, info, shape)
            if count != 0:
                self._handle.must(self._lib.mmsb_bus_set, info.number, KINDS[kind], first, count, given.ctypes.data,
                                  given.size)
            return
        if isinstance(index, np.ndarray) and index.dtype == bool and index.shape == info.shape:
            given = converted(values, info, (int(np.count_nonzero(index)),))
            bits = np.packbits(index.reshape(-1), bitorder="little")
            self._handle.must(self._lib.mmsb_bus_mask, info.number, KINDS[kind], 0, index.size, bits.ctypes.data,
                              given.ctypes.data, given.size)
            return
        lanes = np.arange(int(np.prod(info.shape)), dtype="u8").reshape(info.shape)[index]
        given = converted(values, info, lanes.shape)
        lanes = np.ascontiguousarray(lanes).reshape(-1)
        self._handle.must(self._lib.mmsb_bus_scatter, info.number, KINDS[kind], lanes.ctypes.data, lanes.size,
                          given.ctypes.data, given.size)

    def line(self, text):
        """Adds a line as in a delta file to the commit being made: "price[17] += 0.5".

        >>> bus = mmsb.attach("book")
        >>> bus.line("price[0..2] = 2.5"); bus.commit(); float(bus["total"])
        1
        205.0
        """
        self._handle.must(self._lib.mmsb_bus_line, text.encode())

    def save(self, path, *names):
        """Writes these pages (all, where none is named) at one epoch to an .npz file."""
        save(path, self.snapshot(*names), names or self.pages)

    def load(self, path, *names):
        """Adds these arrays of an .npz file (where none is named: all that sources and state pages have) to the commit
        being made.

        >>> import os, tempfile
        >>> file, bus = os.path.join(tempfile.mkdtemp(), "book.npz"), mmsb.attach("book")
        >>> bus.save(file)
        >>> bus["price"] = 7.0; bus.commit(); float(bus["total"])
        1
        28.0
        >>> bus.load(file); bus.commit(); float(bus["total"])
        2
        400.0
        """
        load(self, path, names)

    def drop(self):
        """Forgets the commit being made."""
        self._handle.must(self._lib.mmsb_bus_drop)

    @contextlib.contextmanager
    def batch(self, durable=False):
        """Makes one epoch of everything in the block and waits for it; drops it where the block raises.

        >>> bus = mmsb.attach("book")
        >>> with bus.batch():
        ...     bus["price"][0] = 1.0
        ...     bus["qty"][0] = 2
        >>> bus.epoch, float(bus["total"])
        (1, 302.0)
        """
        self._batches += 1
        try:
            yield
        except BaseException:
            self._batches -= 1
            self.drop()
            raise
        self._batches -= 1
        if self._batches == 0:
            self.commit(durable=durable)

    def send(self, number=0):
        """Sends the commit being made (empty: a tick) and does not wait for its answer. Gives its number. number: with
        a stream, this one instead of the next: what is sent again with its number counts once.

        >>> bus = mmsb.attach("book")
        >>> for price in (101.0, -1.0, 102.0):
        ...     bus["price"][0] = price
        ...     _ = bus.send()
        >>> [(a.number, a.epoch, type(a.error).__name__) for a in (bus.answer(), bus.answer(), bus.answer())]
        [(1, 1, 'NoneType'), (2, 1, 'Rejected'), (3, 2, 'NoneType')]
        """
        sent = ctypes.c_uint64()
        while True:
            status = self._handle.call(self._lib.mmsb_bus_commit, number, ctypes.byref(sent))
            if status != BUSY or self._unanswered == 0:
                self._handle.check(status)
                self._unanswered += 1
                return sent.value
            self._take(None)    # the ring is full

    def _take(self, timeout):
        a = BusAnswer(struct_size=ctypes.sizeof(BusAnswer))
        self._waited(timeout, lambda ns: self._handle.call(self._lib.mmsb_bus_answer_next, ns, ctypes.byref(a)))
        self._unanswered -= 1
        error = None if a.status == 0 else ERRORS[a.status](a.words.decode(errors="replace"))
        self._answers.append(Answer(a.number, a.epoch, bool(a.again), error))

    def answer(self, timeout=None):
        """The next Answer to a send, in their order. Busy: none within timeout seconds. Usage: none is to come."""
        if not self._answers:
            self._take(timeout)
        return self._answers.popleft()

    def commit(self, durable=False, timeout=None):
        """Sends the commit being made (empty: a tick) and waits for its epoch, which it gives; durable: until it
        survives power loss. Raises Rejected: nothing has changed.

        >>> bus = mmsb.attach("book")
        >>> bus["price"][1] = -1.0
        >>> bus.commit()
        Traceback (most recent call last):
        mmsb.Rejected: epoch 1 rejected: the assert "price not positive" does not hold  book.mmsbg:5: ...
        """
        end = None if timeout is None else time.monotonic() + timeout
        number = self.send()
        while not self._answers or self._answers[-1].number != number:
            self._take(None if end is None else end - time.monotonic())
        answer = self._answers.pop()
        if answer.error is not None:
            raise answer.error
        if durable:
            self.wait_durable(answer.epoch, None if end is None else end - time.monotonic())
        return answer.epoch

    # Waiting.

    def _waited(self, timeout, call):
        """call(ns) in slices, until it gives something else than BUSY or the time (seconds, None: no limit) is over."""
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                left = SLICE_SECONDS if end is None else min(SLICE_SECONDS, max(0.0, end - time.monotonic()))
                status = call(int(left * 1e9))
                if status != BUSY or (end is not None and time.monotonic() >= end):
                    return self._handle.check(status)
        finally:
            if self._waiting:   # it may have taken what wakes them
                self.fileno()

    def wait(self, epoch=None, timeout=None):
        """Returns when an epoch after `epoch` (None: the one that stands) is published; gives the one that stands then.
        Busy: none within timeout seconds.

        >>> bus = mmsb.attach("book")
        >>> _ = bus.send(); bus.wait(0)
        1
        """
        since = self.epoch if epoch is None else epoch
        self._waited(timeout, lambda ns: self._handle.call(self._lib.mmsb_bus_wait, since, ns))
        return self.epoch

    def wait_durable(self, epoch=None, timeout=None):
        """Returns when `epoch` (None: the one that stands) survives power loss. Absent: the engine keeps no log."""
        until = self.epoch if epoch is None else epoch
        self._waited(timeout, lambda ns: self._handle.call(self._lib.mmsb_bus_wait_durable, until, ns))

    def fileno(self):
        """A descriptor for event loops, armed for one time: call, look (epoch, answer), then wait until it is readable:
        an epoch, an answer, or the engine is gone. It must only be polled."""
        found = self._handle.call(self._lib.mmsb_bus_descriptor)
        if found < 0:
            raise Usage(self._lib.mmsb_bus_message(self._handle.at).decode(errors="replace"))
        if any(self.epoch > since for _, since in self._waiting):
            self._loop.call_soon_threadsafe(self._wake)
        return found

    async def changed(self, *names):
        """Waits until an epoch changes a bit of one of these pages (of none: for the next epoch). Gives the epoch that
        stands. Raises InputOutput where the engine is gone.

        >>> bus = mmsb.attach("book")
        >>> async def watch():
        ...     waiting = asyncio.ensure_future(bus.changed("total"))
        ...     await asyncio.sleep(0)
        ...     bus["price"][0] = 7.0
        ...     _ = bus.send()
        ...     return await waiting, float(bus["total"])
        >>> asyncio.run(watch())
        (1, 307.0)
        """
        since = self.epoch
        before = [(n, self[n][...].tobytes()) for n in names]
        while True:
            await self._readable(since)
            epoch = self.epoch
            if epoch > since and (not names or any(self[n][...].tobytes() != b for n, b in before)):
                return epoch
            self._handle.check(self._state()[1])
            since = epoch

    async def _readable(self, since):
        """Until the descriptor is readable; at once where an epoch after `since` is there."""
        loop = asyncio.get_running_loop()
        if self._waiting and self._loop is not loop:
            raise Usage("tasks of another event loop wait already")
        self._loop = loop
        waiter = loop.create_future(), since
        self._waiting.append(waiter)
        try:
            descriptor = self.fileno()
            if self._reader < 0:
                self._reader = descriptor
                loop.add_reader(descriptor, self._wake)
            await waiter[0]
        finally:
            if waiter in self._waiting:     # cancelled
                self._waiting.remove(waiter)
                if not self._waiting:
                    self._wake()

    def _wake(self):
        if self._reader >= 0:
            self._loop.remove_reader(self._reader)
        self._reader, waiting, self._waiting = -1, self._waiting, []
        for future, _ in waiting:
            if not future.done():
                future.set_result(None)

    # The end.

    def detach(self):
        """Leaves the engine: ends a lease, gives the place to others. Arrays stay readable; the memory goes with the
        last of them."""
        self._wake()
        self._handle.must(self._lib.mmsb_bus_detach)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.detach()

    def __repr__(self):
        return f"<mmsb.Attached {self.name}: {len(self)} pages, epoch {self.epoch}>"


def attach(name, *, ring_bytes=RING_BYTES, stream=0):
    """Attaches to the engine that serves `name` (mmsb-run --serve NAME), of the same user. ring_bytes: room for what is
    sent, a power of two up to 16 MiB; no commit is larger. stream: not 0: commits are logged under it with their
    numbers, so that one that is sent again after a crash counts once. Raises Absent where nobody serves that name.

    >>> with mmsb.attach("book") as bus:
    ...     float(bus["total"])
    400.0
    >>> mmsb.attach("nobody")
    Traceback (most recent call last):
    mmsb.Absent: no engine serves the bus `nobody`
    """
    return Attached(str(name), _Attachment(name, ring_bytes, stream))


for _named in (Answer, Change, Attached, attach):
    _named.__module__ = "mmsb"
