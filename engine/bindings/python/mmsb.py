# SPDX-License-Identifier: Apache-2.0
"""MMSB from Python: graphs compiled, run, fed and read without copies. Needs NumPy and libmmsb.

>>> import mmsb
>>> graph = mmsb.compile('''
... source price: f64[4] = 100.0
... page total = sum(price)
... event rich = total > 500.0 with total
... ''')
>>> bus = mmsb.open(graph)
>>> bus["price"][2] = 300.0          # queued
>>> bus.commit()                     # the next epoch; gives the events that fired in it
[Event(name='rich', epoch=1, values=(600.0,))]
>>> bus["total"]                     # an array on the page itself: nothing is copied
Page(600.)
>>> bus["price"][1:3].tolist()
[100.0, 300.0]

A page is read like any NumPy array, and cannot be written in place: assignments are queued as deltas, which the
next commit makes an epoch of, or rejects whole. Arrays keep the memory of their engine alive, also after close().
One thread at a time works with a Bus (others get Busy); a Snapshot may be read by any.
"""
import asyncio
import contextlib
import ctypes
import os
import pathlib
import threading
import weakref

import numpy as np

from _mmsb_bus import Answer, Attached, Change, attach
from _mmsb_exchange import Exchanged, Held, load, save
from _mmsb_graph import (ERRORS, Absent, Bug, Busy, Damaged, Diagnostic, Error, Event, Forked, Graph, InputOutput,
                         NoPage, OutOfSpace, Rejected, Usage, Wrong, compile)
from _mmsb_library import EVENT_FUNCTION, NOTE_FUNCTION, Input, Metrics, Options, engine
from _mmsb_pages import ANY, DTYPES, KINDS, LivePage, Memory, Named, Pages, converted, infos_of, run_of

__all__ = ["open", "compile", "replay", "attach", "version", "Bus", "Page", "Snapshot", "Graph", "Event", "Diagnostic",
           "Attached", "LivePage", "Pages", "Answer", "Change", "Error", "Wrong", "NoPage", "Rejected", "Usage",
           "InputOutput", "Damaged", "OutOfSpace", "Absent", "Busy", "Bug", "Forked"]

DURABILITIES = {"batch": 0, "none": 1, "epoch": 2, "sealed": 3}
EXECUTORS = {"vm": 0, "native": 1, "auto": 2, "cuda": 3}
FLOATS = {np.dtype("f4"): ctypes.c_float, np.dtype("f8"): ctypes.c_double}
BUSY_TEXT = "in use by another thread, or by the commit or tick that called this handler"


def version():
    """The version of libmmsb.

    >>> mmsb.version().count(".")
    2
    """
    return engine().mmsb_version().decode()


class _Handle:
    """An engine of libmmsb. Lives as long as the bus or any array on its pages."""

    def __init__(self):
        self.at = ctypes.c_void_p()
        self.lib = engine()

    def message(self):
        return self.lib.mmsb_message(self.at).decode(errors="replace")

    def check(self, status):
        if status == 0:
            return
        raise ERRORS[status](BUSY_TEXT if status == Busy.status else self.message())

    def __del__(self):
        if self.at:
            self.lib.mmsb_free(self.at)


class Page(Exchanged, np.ndarray):
    """An array on a page, read-only, without a copy. It shows the last epoch; assignments are queued as deltas.

    >>> bus = mmsb.open(mmsb.compile("source x: i32[5] = 1\\npage y = x * 2"))
    >>> bus["x"][1:4] = [7, 8, 9]
    >>> bus["x"].tolist()            # not committed yet
    [1, 1, 1, 1, 1]
    >>> bus.commit()
    []
    >>> bus["y"].tolist()
    [2, 14, 16, 18, 2]
    >>> bus["y"][0] = 3
    Traceback (most recent call last):
    mmsb.Wrong: y is not a source: deltas change sources and state pages only, the rest is derived
    """

    def __array_finalize__(self, obj):
        self._bus = self.info = self._scalar = None

    def __getitem__(self, index):
        return self.view(np.ndarray)[index]

    def __setitem__(self, index, values):
        if self._bus is None:
            super().__setitem__(index, values)
        elif self._scalar is not None and type(index) is int and type(values) is float and 0 <= index < self.size:
            handle = self._bus._handle
            handle.check(handle.lib.mmsb_set(handle.at, self.info.number, 0, index, 1,
                                             ctypes.byref(self._scalar(values)), 1))
        else:
            self._bus.update(self.info.name, values, index)

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return array.view(np.ndarray)[()]


class Bus(Named):
    """A running graph: pages by name, deltas, epochs, events. Made by mmsb.open and mmsb.replay.

    >>> bus = mmsb.open(mmsb.compile("source x: f64[2]\\npage s = sum(x)"))
    >>> list(bus), bus.epoch, "s" in bus, len(bus)
    (['x', 's'], 0, True, 2)
    >>> bus
    <mmsb.Bus: 2 pages, epoch 0, vm>
    """

    def __init__(self, handle):
        self._handle, self._handlers, self._batches = handle, {}, 0
        self._fired, self._failure, self._steps = [], None, threading.Lock()
        self._waiting, self._waits, self._plain = [], threading.Lock(), {}
        self.pages = infos_of(handle.lib.mmsb_page_count(handle.at), lambda number, info: handle.check(
            handle.lib.mmsb_page_describe(handle.at, number, info)))

    # Reading.

    def __getitem__(self, name):
        info, plain = self._info(name), self._plain.get(name)
        if plain is None:
            at = self._handle.lib.mmsb_view(self._handle.at, info.number, ANY)
            plain = self._plain[name] = np.asarray(Memory(self._handle, at, info.shape, info.dtype))
        page = plain.view(Page)
        page._bus, page.info = self, info
        if len(info.shape) == 1:
            page._scalar = FLOATS.get(info.dtype)   # the quick way to set one element
        return page

    def _info(self, name):
        if name in self.pages:
            return self.pages[name]
        self._handle.lib.mmsb_page_find(self._handle.at, str(name).encode(), ctypes.byref(ctypes.c_uint32()))
        raise NoPage(self._handle.message())

    @property
    def epoch(self):
        """The number of the last epoch."""
        return self._handle.lib.mmsb_epoch(self._handle.at)

    @property
    def root(self):
        """The digest of the whole state, as 0x and 16 digits: the same on every machine and executor."""
        value = ctypes.c_uint64()
        self._handle.check(self._handle.lib.mmsb_root(self._handle.at, ctypes.byref(value)))
        return f"0x{value.value:016x}"

    def metrics(self):
        """Counters, as a dict: epoch, durable_epoch, lanes_run, memory_bytes, executor, ...

        >>> mmsb.open(mmsb.compile("source x: f64[2]\\npage s = sum(x)")).metrics()["executor"]
        'vm'
        """
        m = Metrics(struct_size=ctypes.sizeof(Metrics))
        self._handle.check(self._handle.lib.mmsb_metrics_read(self._handle.at, ctypes.byref(m)))
        found = {name: getattr(m, name) for name, _ in Metrics._fields_ if name not in ("struct_size", "zero")}
        found["executor"] = found["executor"].decode()
        return found

    def snapshot(self, *names):
        """A copy of these pages (of all, where none is named) at this epoch, which other threads may read.

        >>> bus = mmsb.open(mmsb.compile("source x: f64[2]\\npage s = sum(x)"))
        >>> with bus.snapshot("s") as now:
        ...     bus["x"] = 1.0; _ = bus.commit(); float(now["s"]), float(bus["s"]), now.epoch
        (0.0, 2.0, 0)
        """
        return Snapshot(self._handle, [self._info(n) for n in names] or list(self.pages.values()))

    # Changing.

    def __setitem__(self, name, values):
        self.update(name, values)

    def update(self, name, values, index=..., kind="set"):
        """Queues a delta of a source or state page. index: whatever NumPy takes; kind: set add min max and or xor.

        >>> bus = mmsb.open(mmsb.compile("source x: i64[2, 3]\\npage s = sum(x)"))
        >>> bus.update("x", 5)
        >>> bus.update("x", [[1, 2]], index=(slice(None), slice(1, None)), kind="add")
        >>> bus.update("x", 9, index=bus["x"] > 0, kind="max")
        >>> _ = bus.commit(); bus["x"].tolist()
        [[5, 6, 7], [5, 6, 7]]
        """
        info = self._info(name)
        if kind not in KINDS:
            raise Usage(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
        lib, at, number, form = self._handle.lib, self._handle.at, info.number, KINDS[kind]
        run = run_of(info.shape, index)
        if run is not None:
            first, count, shape = run
            given = converted(values, info, shape)
            if count == 0:
                return
            self._handle.check(lib.mmsb_set(at, number, form, first, count, given.ctypes.data, given.size))
        elif isinstance(index, np.ndarray) and index.dtype == bool and index.shape == info.shape:
            given = converted(values, info, (int(np.count_nonzero(index)),))
            bits = np.packbits(index.reshape(-1), bitorder="little")
            self._handle.check(lib.mmsb_mask(at, number, form, 0, index.size, bits.ctypes.data, given.ctypes.data,
                                             given.size))
        else:
            lanes = np.arange(int(np.prod(info.shape)), dtype="u8").reshape(info.shape)[index]
            given = converted(values, info, lanes.shape)
            lanes = np.ascontiguousarray(lanes).reshape(-1)
            self._handle.check(lib.mmsb_scatter(at, number, form, lanes.ctypes.data, lanes.size, given.ctypes.data,
                                                given.size))

    def line(self, text):
        """Queues a line as in a delta file: "price[17] += 0.5".

        >>> bus = mmsb.open(mmsb.compile("source x: f64[2]\\npage s = sum(x)"))
        >>> bus.line("x[0..2] = 2.5"); _ = bus.commit(); float(bus["s"])
        5.0
        """
        self._handle.check(self._handle.lib.mmsb_line(self._handle.at, text.encode()))

    def drop(self):
        """Forgets what is queued."""
        self._handle.check(self._handle.lib.mmsb_drop(self._handle.at))

    @contextlib.contextmanager
    def batch(self):
        """Makes one epoch of everything in the block; drops it where the block raises. Gives a list, which holds the
        events behind the block.

        >>> bus = mmsb.open(mmsb.compile("source x: f64[2]\\npage s = sum(x)"))
        >>> with bus.batch():
        ...     bus["x"][0] = 1.0
        ...     bus["x"][1] = 2.0
        >>> bus.epoch, float(bus["s"])
        (1, 3.0)
        """
        events = []
        self._batches += 1
        try:
            yield events
        except BaseException:
            self._batches -= 1
            self.drop()
            raise
        self._batches -= 1
        if self._batches == 0:
            events += self.commit()

    def commit(self):
        """Makes the next epoch of what is queued. Gives its events. Raises Rejected: nothing has changed."""
        return self._step(self._handle.lib.mmsb_commit, self._handle.at)

    def tick(self, n=1):
        """n epochs without deltas; ends before that where a handler of `on` raises. Gives their events.

        >>> bus = mmsb.open(mmsb.compile("source x: i64\\nevent tenth = epoch % 10 == 0 with epoch"))
        >>> [e.values[0] for e in bus.tick(35)]
        [10, 20, 30]
        """
        return self._step(self._handle.lib.mmsb_tick, self._handle.at, ctypes.c_uint64(n), None)

    def _step(self, call, *arguments):
        if not self._steps.acquire(blocking=False):
            raise Busy(BUSY_TEXT)
        try:
            status = call(*arguments)
            fired, failure = self._fired, self._failure
        finally:
            self._fired, self._failure = [], None
            self._steps.release()
        self._waiters_tell()
        if failure is not None:
            raise failure
        self._handle.check(status)
        return fired

    def on(self, name, handler=None):
        """Calls handler(event) as the event fires, while the pages show its epoch. Also a decorator.

        >>> bus = mmsb.open(mmsb.compile("source x: f64\\nevent high = x > 1.0 with x"))
        >>> @bus.on("high")
        ... def told(event): print(event.values[0], float(bus["x"]))
        >>> bus["x"] = 3.0; _ = bus.commit()
        3.0 3.0
        """
        if handler is None:
            return lambda h: self.on(name, h) or h
        if not self._info(name).event:
            raise Usage(f"{name} is a page, not an event")
        self._handlers.setdefault(name, []).append(handler)
        return None

    def _event(self, event):
        self._fired.append(event)
        try:
            for handler in self._handlers.get(event.name, ()):
                handler(event)
        except BaseException as e:  # pylint: disable=broad-except
            self._failure = e
            return 1
        return 0

    # Waiting.

    async def changed(self, *names):
        """Waits until a commit or tick, by any task or thread, changes a bit of one of these pages (of none: until the
        next epoch). Gives the epoch."""
        loop = asyncio.get_running_loop()
        waiter = (loop, loop.create_future(), self.epoch, [(self[n], self[n].tobytes()) for n in names])
        with self._waits:
            self._waiting.append(waiter)
        return await waiter[1]

    def _waiters_tell(self):
        if not self._waiting:
            return
        with self._waits:
            epoch, still = self.epoch, []
            for loop, future, since, pages in self._waiting:
                if future.cancelled() or loop.is_closed():
                    continue
                if epoch == since or (pages and all(now.tobytes() == before for now, before in pages)):
                    still.append((loop, future, since, pages))
                else:
                    loop.call_soon_threadsafe(lambda f=future: f.done() or f.set_result(epoch))
            self._waiting = still

    # Keeping.

    def save(self, path, *names):
        """Writes these pages (all, where none is named) at this epoch to an .npz file.

        >>> import os, tempfile
        >>> file = os.path.join(tempfile.mkdtemp(), "x.npz")
        >>> graph = mmsb.compile("source x: f64[2] = 3.0\\npage s = sum(x)")
        >>> mmsb.open(graph).save(file, "x")
        >>> with np.load(file) as first:
        ...     float(mmsb.open(graph, inputs=first)["s"])
        6.0
        """
        for n in names:
            self._info(n)
        save(path, self, names or self.pages)

    def load(self, path, *names):
        """Queues these arrays of an .npz file (where none is named: all that sources and state pages have)."""
        load(self, path, names)

    def sync(self):
        """Returns when every epoch so far survives power loss."""
        self._handle.check(self._handle.lib.mmsb_sync(self._handle.at))

    def checkpoint(self):
        """Writes a checkpoint, from which the next opening starts."""
        self._handle.check(self._handle.lib.mmsb_checkpoint(self._handle.at))

    def close(self):
        """Syncs, writes the closing checkpoint, gives the directory free. Arrays stay readable."""
        self._handle.check(self._handle.lib.mmsb_close(self._handle.at))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<mmsb.Bus: {len(self)} pages, epoch {self.epoch}, {self.metrics()['executor']}>"


class Snapshot:
    """Pages at one epoch, by name: plain read-only arrays, which any thread may read and which outlive the bus."""

    def __init__(self, handle, infos):
        numbers = np.array([i.number for i in infos], dtype="u4")
        self._at, self._lib = ctypes.c_void_p(), handle.lib
        handle.check(handle.lib.mmsb_snapshot_take(handle.at, numbers.ctypes.data, numbers.size,
                                                   ctypes.byref(self._at)))
        self.epoch = self._lib.mmsb_snapshot_epoch(self._at)
        self._infos = {i.name: i for i in infos}

    def __getitem__(self, name):
        info = self._infos[name]
        at = self._lib.mmsb_snapshot_view(self._at, info.number, ANY)
        return np.asarray(Memory(self, at, info.shape, info.dtype)).view(Held)

    def __iter__(self):
        return iter(self._infos)

    def __len__(self):
        return len(self._infos)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass  # its arrays may live on; the memory goes with the last of them

    def __del__(self):
        if self._at:
            self._lib.mmsb_snapshot_free(self._at)


def open(graph, *, state=None, inputs=None, durability="batch", executor="vm", threads=1, checkpoint_epochs=0,
         audit_epochs=0, oracle_epochs=0, allow_kernels=False, migrate=False, note=None):
    """Opens a graph: a Graph, a path of a .mmsbx or .mmsbg, or the bytes of an image. state: a directory for log and
    checkpoints, recovered where it is there. inputs: first contents of sources, arrays or paths of .npy and .csv, or an
    .npz of sources: inputs=np.load(path). note: called with lines for a person (recovery reports)."""
    return _opened(graph, None, dict(state=state, inputs=inputs or {}, durability=durability, executor=executor,
                                     threads=threads, checkpoint_epochs=checkpoint_epochs, audit_epochs=audit_epochs,
                                     oracle_epochs=oracle_epochs, note=note,
                                     flags=(1 if allow_kernels else 0) | (2 if migrate else 0)))


def replay(state, to=None, *, graph=None, executor="vm", threads=1, allow_kernels=False, on_event=None, note=None):
    """The state directory as it was at the end of epoch `to` (None: its last), run again from its log. It is only read,
    and what is committed then is kept nowhere. on_event hears the events of all its epochs.

    >>> import tempfile
    >>> where = tempfile.mkdtemp()
    >>> with mmsb.open(mmsb.compile("source x: f64\\npage y = x * x"), state=where) as bus:
    ...     for v in (2.0, 3.0, 4.0):
    ...         bus["x"] = v
    ...         _ = bus.commit()
    >>> past = mmsb.replay(where, to=2)
    >>> past.epoch, float(past["y"])
    (2, 9.0)
    """
    return _opened(graph, 2**64 - 1 if to is None else to,
                   dict(state=state, inputs={}, durability="batch", executor=executor, threads=threads, note=note,
                        flags=1 if allow_kernels else 0), on_event)


def _graph_fields(graph):
    """Fields of mmsb_options, and what must stay alive."""
    if isinstance(graph, (str, os.PathLike)):
        path = pathlib.Path(graph)
        if path.suffix != ".mmsbg":
            return {"path": os.fsencode(path)}
        graph = compile(path.read_text(encoding="utf-8"), str(path), folders=[path.parent])
        graph.folder = path.parent
    fields = {}
    if isinstance(graph, Graph) and graph.folder is not None:
        fields["path"] = os.fsencode(pathlib.Path(graph.folder) / "graph.mmsbx")
    image = graph.image if isinstance(graph, Graph) else bytes(graph)
    return {"image": ctypes.cast(ctypes.c_char_p(image), ctypes.c_void_p), "image_bytes": len(image), "_keep": image,
            **fields}


def _type_of(name, dtype):
    for number, code in enumerate(DTYPES):
        if dtype == np.dtype(code):
            return number
    raise Usage(f"{name}: no page has elements of {dtype}")


def _inputs(inputs):
    rows, keep = (Input * (len(inputs) + 1))(), []
    for row, (name, value) in zip(rows, inputs.items()):
        row.page = name.encode()
        if isinstance(value, (str, os.PathLike)):
            row.path = os.fsencode(value)
        else:
            lanes = np.ascontiguousarray(value)
            keep.append(lanes)
            row.lanes, row.lane_bytes, row.type = lanes.ctypes.data, lanes.nbytes, _type_of(name, lanes.dtype)
    return rows, keep


def _opened(graph, to, given, on_event=None):
    if given["durability"] not in DURABILITIES or given["executor"] not in EXECUTORS:
        raise Usage(f"durability is one of {', '.join(DURABILITIES)}, executor of {', '.join(EXECUTORS)}")
    handle, bus = _Handle(), []

    def hear(_, event):
        e = event.contents
        told = Event(e.name.decode(), e.epoch, tuple(_scalar(e.values[k]) for k in range(e.value_count)))
        if bus:
            return bus[0]()._event(told)
        if on_event is not None:
            on_event(told)
        return 0
    fields = {} if graph is None else _graph_fields(graph)
    keep = fields.pop("_keep", None)
    rows, lanes = _inputs(given.pop("inputs"))
    note = given.pop("note")
    called = EVENT_FUNCTION(hear)
    noted = NOTE_FUNCTION(lambda _, text: note(text.decode(errors="replace"))) if note else NOTE_FUNCTION()
    state = given.pop("state")
    o = Options(struct_size=ctypes.sizeof(Options), state=None if state is None else os.fsencode(state),
                inputs=rows, input_count=len(rows) - 1, durability=DURABILITIES[given.pop("durability")],
                executor=EXECUTORS[given.pop("executor")], on_event=called, note=noted, **fields, **given)
    if to is None:
        status = handle.lib.mmsb_open(ctypes.byref(o), ctypes.byref(handle.at))
    else:
        status = handle.lib.mmsb_replay(ctypes.byref(o), to, ctypes.byref(handle.at))
    del keep, lanes
    if status != 0:
        raise ERRORS[status](handle.message())
    handle.callbacks = (called, noted)
    made = Bus(handle)
    bus.append(weakref.ref(made))
    return made


def _scalar(s):
    if s.type == 0:
        return bool(s.bits)
    if s.type >= 9:
        return s.number
    return ctypes.c_int64(s.bits).value if s.type <= 4 else s.bits
