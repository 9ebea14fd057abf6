# SPDX-License-Identifier: Apache-2.0
"""Pages to and from others: DLPack, the Arrow C data interface, .npz files. Nothing is copied but where that is said.
Structs and their rules: dmlc.github.io/dlpack, arrow.apache.org (C data interface, PyCapsule interface)."""
import ctypes
import itertools
import os
from ctypes import (CFUNCTYPE, POINTER, PYFUNCTYPE, c_char_p, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64,
                    c_void_p)

import numpy as np

from _mmsb_graph import Usage

CPU = (1, 0)
READ_ONLY, COPIED = 1, 2    # flags of DLPack 1.0
DLPACK_CODES = {"i": 0, "u": 1, "f": 2, "b": 6}
ARROW_FORMATS = {"?": b"b", "b": b"c", "h": b"s", "i": b"i", "l": b"l", "q": b"l", "B": b"C", "H": b"S", "I": b"I",
                 "L": b"L", "Q": b"L", "f": b"f", "d": b"g"}

# What others hold: token (private_data, manager_ctx) or address of a struct: what must stay alive.
_kept, _tokens = {}, itertools.count(1)

_python = ctypes.PyDLL(None)     # not ctypes.pythonapi, whose argtypes others set too
_capsule_new = _python.PyCapsule_New
_capsule_new.restype, _capsule_new.argtypes = ctypes.py_object, [c_void_p, c_char_p, c_void_p]
_capsule_is_valid = _python.PyCapsule_IsValid
_capsule_is_valid.restype, _capsule_is_valid.argtypes = ctypes.c_int, [c_void_p, c_char_p]
_capsule_pointer = _python.PyCapsule_GetPointer
_capsule_pointer.restype, _capsule_pointer.argtypes = c_void_p, [c_void_p, c_char_p]


class DLTensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32),
                ("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16), ("shape", POINTER(c_int64)),
                ("strides", POINTER(c_int64)), ("byte_offset", c_uint64)]


class DLManagedTensorVersioned(ctypes.Structure):
    _fields_ = [("major", c_uint32), ("minor", c_uint32), ("manager_ctx", c_void_p), ("deleter", c_void_p),
                ("flags", c_uint64), ("dl_tensor", DLTensor)]


class ArrowSchema(ctypes.Structure):
    pass


class ArrowArray(ctypes.Structure):
    pass


ArrowSchema._fields_ = [("format", c_char_p), ("name", c_char_p), ("metadata", c_char_p), ("flags", c_int64),
                        ("n_children", c_int64), ("children", POINTER(POINTER(ArrowSchema))), ("dictionary", c_void_p),
                        ("release", c_void_p), ("private_data", c_void_p)]
ArrowArray._fields_ = [("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64),
                       ("n_children", c_int64), ("buffers", POINTER(c_void_p)),
                       ("children", POINTER(POINTER(ArrowArray))), ("dictionary", c_void_p),
                       ("release", c_void_p), ("private_data", c_void_p)]
RELEASE = CFUNCTYPE(None, c_void_p)


# DLPack.

@RELEASE
def _tensor_deleted(at):
    _kept.pop(DLManagedTensorVersioned.from_address(at).manager_ctx, None)


@PYFUNCTYPE(None, c_void_p)
def _tensor_capsule_gone(capsule):
    if _capsule_is_valid(capsule, b"dltensor_versioned"):   # nobody took it
        _tensor_deleted(_capsule_pointer(capsule, b"dltensor_versioned"))


def dlpack(array, max_version, dl_device, copy):
    """A capsule of DLPack 1.0, which can say that a page is read-only; for older consumers, of a copy."""
    if dl_device not in (None, CPU):
        raise BufferError("a page lies in the CPU's memory")
    if max_version is None or max_version[0] < 1:
        if copy is False:
            raise BufferError("a page is read-only, which DLPack before 1.0 cannot say: take a copy")
        return np.array(array, subok=False).__dlpack__()
    lanes = np.array(array, subok=False) if copy else array
    shape = (c_int64 * max(lanes.ndim, 1))(*lanes.shape)
    strides = (c_int64 * max(lanes.ndim, 1))(*(s // lanes.itemsize for s in lanes.strides))
    tensor = DLTensor(data=lanes.ctypes.data, device_type=CPU[0], ndim=lanes.ndim, code=DLPACK_CODES[lanes.dtype.kind],
                      bits=8 * lanes.itemsize, lanes=1, shape=shape, strides=strides)
    token = next(_tokens)
    managed = DLManagedTensorVersioned(major=1, minor=0, manager_ctx=token, flags=COPIED if copy else READ_ONLY,
                                       deleter=ctypes.cast(_tensor_deleted, c_void_p), dl_tensor=tensor)
    _kept[token] = managed, lanes, shape, strides
    return _capsule_new(ctypes.addressof(managed), b"dltensor_versioned", ctypes.cast(_tensor_capsule_gone, c_void_p))


# Arrow.

def _released(kind, at):
    s = kind.from_address(at)
    for k in range(s.n_children):
        child = s.children[k].contents
        if child.release:
            RELEASE(child.release)(ctypes.addressof(child))
    token, s.release = s.private_data, None
    _kept.pop(token, None)


@RELEASE
def _schema_released(at):
    _released(ArrowSchema, at)


@RELEASE
def _array_released(at):
    _released(ArrowArray, at)


def _arrow_capsule_gone(kind, name, capsule):
    at = _capsule_pointer(capsule, name)
    s = kind.from_address(at)
    if s.release:
        RELEASE(s.release)(at)
    _kept.pop(at, None)


@PYFUNCTYPE(None, c_void_p)
def _schema_capsule_gone(capsule):
    _arrow_capsule_gone(ArrowSchema, b"arrow_schema", capsule)


@PYFUNCTYPE(None, c_void_p)
def _array_capsule_gone(capsule):
    _arrow_capsule_gone(ArrowArray, b"arrow_array", capsule)


def _schema(dtype, shape):
    """Of one axis: the type; of more: lists of the last axes, each of one size."""
    children = [_schema(dtype, shape[1:])] if len(shape) > 1 else []
    text = b"+w:%d" % shape[1] if children else ARROW_FORMATS[dtype.char]
    row, token = (POINTER(ArrowSchema) * 1)(*map(ctypes.pointer, children)), next(_tokens)
    _kept[token] = children, row, text
    return ArrowSchema(format=text, name=b"", n_children=len(children),
                       children=row if children else None, release=ctypes.cast(_schema_released, c_void_p),
                       private_data=token)


def _array(array, shape):
    children = [_array(array, (shape[0] * shape[1],) + shape[2:])] if len(shape) > 1 else []
    lanes = array
    if not children and array.dtype.kind == "b":    # a bit each: copied
        lanes = np.packbits(array.reshape(-1), bitorder="little")
    buffers = (c_void_p * 2)(None, None if children else lanes.ctypes.data)
    row, token = (POINTER(ArrowArray) * 1)(*map(ctypes.pointer, children)), next(_tokens)
    _kept[token] = children, row, buffers, lanes
    return ArrowArray(length=shape[0] if shape else 1, n_buffers=1 if children else 2, n_children=len(children),
                      buffers=buffers, children=row if children else None,
                      release=ctypes.cast(_array_released, c_void_p), private_data=token)


def arrow(array):
    """(schema, array) capsules. Bools are copied, a bit each; axes but the first are fixed-size lists."""
    found = []
    for struct, name, gone in ((_schema(array.dtype, array.shape), b"arrow_schema", _schema_capsule_gone),
                               (_array(array, array.shape), b"arrow_array", _array_capsule_gone)):
        at = ctypes.addressof(struct)
        _kept[at] = struct
        found.append(_capsule_new(at, name, ctypes.cast(gone, c_void_p)))
    return tuple(found)


class Exchanged:
    """What an array on a page has for other libraries, before np.ndarray."""

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if stream is not None:
            raise BufferError("a page lies in the CPU's memory: stream is None")
        return dlpack(self, max_version, dl_device, copy)

    def __dlpack_device__(self):
        return CPU

    def __arrow_c_array__(self, requested_schema=None):
        del requested_schema    # a request only; there is one form of a page
        return arrow(self)


class Held(Exchanged, np.ndarray):
    """A page in memory that another process's engine writes, or a page of a snapshot: read-only. What is made of it is
    a plain array."""

    def __getitem__(self, index):
        return self.view(np.ndarray)[index]

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return array.view(np.ndarray)[()]


# Files.

def save(path, pages, names):
    """An .npz of pages, which are of one epoch."""
    with open(path, "wb") as f:
        np.savez(f, **{n: np.array(pages[n], subok=False) for n in names})


def load(bus, path, names):
    found = np.load(os.fspath(path), allow_pickle=False)
    if not hasattr(found, "files"):
        raise Usage(f"{path} is no .npz file")
    with found:
        for name in names or found.files:
            info = bus._info(name)
            if name not in found.files:
                raise Usage(f"{path} has no array {name}")
            if names or info.source or info.state:
                bus.update(name, found[name])
