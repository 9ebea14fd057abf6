# SPDX-License-Identifier: Apache-2.0
"""Pages as NumPy sees them: types, shapes, indices, values. Shared by engines and buses of module mmsb."""
import collections
import collections.abc
import ctypes

import numpy as np

from _mmsb_exchange import CPU, Held, arrow
from _mmsb_graph import Usage, Wrong
from _mmsb_library import PageInfo

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"]
KINDS = {"set": 0, "add": 1, "min": 2, "max": 3, "and": 4, "or": 5, "xor": 6}
ANY = 255

Info = collections.namedtuple("Info", "name number dtype shape source state exported event file line")


def infos_of(count, describe):
    """{name: Info} of pages 0 to count - 1. describe(number, info) fills a PageInfo."""
    found = {}
    for number in range(count):
        info = PageInfo(struct_size=ctypes.sizeof(PageInfo))
        describe(number, ctypes.byref(info))
        f = info.flags
        row = Info(info.name.decode(), number, np.dtype(DTYPES[info.type]), tuple(info.dims[:info.axes]),
                   bool(f & 1), bool(f & 2), bool(f & 4), bool(f & 8), info.file.decode(), info.line)
        found[row.name] = row
    return found


class Memory:
    """What an array on a page holds on to."""

    def __init__(self, owner, at, shape, dtype):
        self.owner = owner
        self.__array_interface__ = {"data": (at, True), "shape": shape, "typestr": dtype.str, "version": 3}


def run_of(shape, index):
    """(first lane, count, shape of the selection) where the index is one run of lanes; None: it is not, or unknown."""
    lanes = 1
    for n in shape:
        lanes *= n
    if index is Ellipsis or (isinstance(index, tuple) and index in ((), (Ellipsis,))):
        return 0, lanes, shape
    if isinstance(index, slice) and len(shape) == 1:
        first, end, step = index.indices(shape[0])
        return (first, max(end - first, 0), (max(end - first, 0),)) if step == 1 else None
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) > len(shape) or not all(isinstance(p, (int, np.integer)) and not isinstance(p, (bool, np.bool_))
                                          for p in parts):
        return None
    first = 0
    for axis, p in enumerate(parts):
        if not -shape[axis] <= p < shape[axis]:
            raise IndexError(f"index {p} is out of bounds for axis {axis} with size {shape[axis]}")
        first = first * shape[axis] + int(p) % shape[axis]
    rest = int(np.prod(shape[len(parts):]))
    return first * rest, rest, shape[len(parts):]


def converted(values, info, shape):
    """One value, or an array of `shape`, as lanes of the page's type; no value changes but by rounding to f32."""
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        raise Usage(f"{info.name} takes {info.dtype.name}, not {given.dtype}")
    if info.dtype.kind == "b":
        same = given.astype("?") if given.dtype.kind == "b" or np.all((given == 0) | (given == 1)) else None
    elif info.dtype.kind in "iu":
        same = None if given.dtype.kind == "f" else given.astype(info.dtype)
        if same is not None and not np.array_equal(same, given):
            raise Wrong(f"a value is out of the range of {info.dtype.name}, which {info.name} has")
    else:
        same = given.astype(info.dtype)
    if same is None:
        raise Usage(f"{info.name} takes {info.dtype.name}, not {given.dtype}: convert them first")
    if same.ndim != 0 and same.shape != tuple(shape):
        same = np.broadcast_to(same, shape)
    return np.ascontiguousarray(same)


class Named:
    """What has pages by name, as a dict `pages`: their names, and how many."""

    def __iter__(self):
        return iter(self.pages)

    def __len__(self):
        return len(self.pages)

    def __contains__(self, name):
        return name in self.pages


class Pages(collections.abc.Mapping):
    """Pages at one epoch, by name: plain read-only arrays. Those of a lease lie in the engine's memory; behind the
    block there is no telling what they hold. Those of a snapshot are copies."""

    def __init__(self, bus, infos, epoch, array):
        self._bus, self._infos, self._array, self.epoch = bus, infos, array, epoch

    def __getitem__(self, name):
        if self._array is None:
            raise Usage("the lease has ended")
        if name not in self._infos:
            self._bus._info(name)
        return self._array(self._infos[name])

    def __iter__(self):
        return iter(self._infos)

    def __len__(self):
        return len(self._infos)


class LivePage(np.lib.mixins.NDArrayOperatorsMixin):
    """A page of another process's engine. Every read is a copy of one epoch; assignments go into the next commit.

    >>> bus = mmsb.attach("book")
    >>> bus["price"][1:3]
    array([100., 100.])
    >>> bus["price"][1:3] = [101.0, 99.5]
    >>> bus.commit()
    1
    >>> bus["price"][...] - 100.0, float(bus["total"]), (bus["price"] > 100.0).tolist()
    (array([ 0. ,  1. , -0.5,  0. ]), 400.5, [False, True, False, False])
    """

    def __init__(self, bus, info):
        self._bus, self.info = bus, info

    dtype = property(lambda self: self.info.dtype)
    shape = property(lambda self: self.info.shape)
    ndim = property(lambda self: len(self.info.shape))
    size = property(lambda self: int(np.prod(self.info.shape)))

    @property
    def live(self):
        """A read-only array where the engine computes the page, which moves while it does: see Attached.look."""
        return self._bus._live(self.info)

    def __getitem__(self, index):
        run = run_of(self.shape, index)
        if run is None:
            return self._bus._read(self.info, 0, self.size, self.shape)[index]
        first, count, shape = run
        lanes = self._bus._read(self.info, first, count, shape)
        dots = index is Ellipsis or isinstance(index, tuple) and Ellipsis in index
        return lanes if shape or dots else lanes[()]

    def __setitem__(self, index, values):
        self._bus.update(self.info.name, values, index)

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("a page of another process's engine is read by copying; .live and lease() do not copy")
        return self[...] if dtype is None else self[...].astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc, method, *inputs, **more):
        return getattr(ufunc, method)(*[i[...] if isinstance(i, LivePage) else i for i in inputs], **more)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self[...].view(Held).__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self):
        return CPU

    def __arrow_c_array__(self, requested_schema=None):
        del requested_schema
        return arrow(self[...])

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a scalar page")
        return self.shape[0]

    def __iter__(self):
        return iter(self[...])

    def __float__(self):
        return float(self[...])

    def __int__(self):
        return int(self[...])

    def __bool__(self):
        return bool(self[...])

    def tolist(self):
        return self[...].tolist()

    def __repr__(self):
        return f"<mmsb.LivePage {self.info.name}: {self.dtype.name}{list(self.shape)}>"


for _named in (Info, Pages, LivePage):
    _named.__module__ = "mmsb"
