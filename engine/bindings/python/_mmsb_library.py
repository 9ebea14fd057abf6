# SPDX-License-Identifier: Apache-2.0
"""The structs and functions of mmsb.h, mmsb_bus.h and mmsbc.h for ctypes, and where their libraries lie.

The layouts here are compared with the headers by tests/api/layout.py."""
import ctypes
import os
import pathlib
from ctypes import POINTER, c_char_p, c_double, c_int, c_size_t, c_uint32, c_uint64, c_ulonglong, c_void_p

ABI = 1


class Scalar(ctypes.Structure):
    _fields_ = [("bits", c_uint64), ("number", c_double), ("type", c_uint32), ("zero", c_uint32)]


class Event(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("value_count", c_uint32), ("epoch", c_uint64), ("name", c_char_p),
                ("values", POINTER(Scalar))]


class Input(ctypes.Structure):
    _fields_ = [("page", c_char_p), ("path", c_char_p), ("lanes", c_void_p), ("lane_bytes", c_uint64),
                ("type", c_uint32), ("zero", c_uint32)]


EVENT_FUNCTION = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Event))
NOTE_FUNCTION = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)


class Options(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("path", c_char_p), ("image", c_void_p),
                ("image_bytes", c_uint64), ("graph", c_void_p), ("state", c_char_p), ("inputs", POINTER(Input)),
                ("input_count", c_uint32), ("durability", c_uint32), ("executor", c_uint32), ("threads", c_uint32),
                ("checkpoint_epochs", c_uint64), ("audit_epochs", c_uint64), ("oracle_epochs", c_uint64),
                ("event_room", c_uint32), ("zero", c_uint32), ("on_event", EVENT_FUNCTION), ("event_context", c_void_p),
                ("note", NOTE_FUNCTION), ("note_context", c_void_p)]


class PageInfo(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("type", c_uint32), ("flags", c_uint32), ("axes", c_uint32),
                ("dims", c_uint64 * 4), ("lanes", c_uint64), ("bytes", c_uint64), ("name", c_char_p),
                ("file", c_char_p), ("line", c_uint64)]


class Metrics(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("zero", c_uint32)] + [
        (name, c_uint64) for name in ("epoch", "durable_epoch", "epochs", "nodes_run", "lanes_run", "lanes_changed",
                                      "tiles_dense", "tiles_packed", "bytes_loaded", "bytes_stored", "memory_bytes",
                                      "pending_bytes")] + [("executor", c_char_p)]


class BusOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("zero", c_uint32), ("name", c_char_p), ("ring_bytes", c_uint64),
                ("stream", c_uint64), ("spin_ns", c_uint64)]


class BusState(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32)] + [
        (name, c_uint64) for name in ("epoch", "durable_epoch", "last_number", "next_number", "unanswered",
                                      "pending_bytes")]


class BusMark(ctypes.Structure):
    _fields_ = [("sequence", c_uint64), ("epoch", c_uint64)]


class BusChange(ctypes.Structure):
    _fields_ = [("epoch", c_uint64), ("first", c_uint64), ("count", c_uint64), ("page", c_uint32), ("zero", c_uint32)]


class BusAnswer(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("status", c_uint32), ("number", c_uint64), ("epoch", c_uint64),
                ("again", c_uint32), ("zero", c_uint32), ("words", c_char_p)]


class CompileOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("text", c_char_p), ("bytes", c_size_t),
                ("defines", POINTER(c_char_p)), ("define_count", c_size_t), ("folders", POINTER(c_char_p)),
                ("folder_count", c_size_t), ("max_bytes", c_ulonglong), ("max_waves", c_ulonglong),
                ("max_amplification", POINTER(c_char_p)), ("max_amplification_count", c_size_t), ("diagnostics", c_int),
                ("colour", c_int), ("messages", c_void_p)]


ABI_STRUCTS = {"mmsb_scalar": Scalar, "mmsb_event": Event, "mmsb_input": Input, "mmsb_options": Options,
               "mmsb_page_info": PageInfo, "mmsb_metrics": Metrics, "mmsbc_options": CompileOptions,
               "mmsb_bus_options": BusOptions, "mmsb_bus_state": BusState, "mmsb_bus_mark": BusMark,
               "mmsb_bus_change": BusChange, "mmsb_bus_answer": BusAnswer}

_engine_functions = {
    "mmsb_version": (c_char_p,), "mmsb_status_text": (c_char_p, c_int),
    "mmsb_open": (c_int, POINTER(Options), POINTER(c_void_p)),
    "mmsb_replay": (c_int, POINTER(Options), c_uint64, POINTER(c_void_p)),
    "mmsb_message": (c_char_p, c_void_p), "mmsb_close": (c_int, c_void_p), "mmsb_free": (None, c_void_p),
    "mmsb_page_count": (c_uint32, c_void_p), "mmsb_page_find": (c_int, c_void_p, c_char_p, POINTER(c_uint32)),
    "mmsb_page_describe": (c_int, c_void_p, c_uint32, POINTER(PageInfo)),
    "mmsb_view": (c_void_p, c_void_p, c_uint32, c_int),
    "mmsb_set": (c_int, c_void_p, c_uint32, c_int, c_uint64, c_uint64, c_void_p, c_uint64),
    "mmsb_scatter": (c_int, c_void_p, c_uint32, c_int, c_void_p, c_uint64, c_void_p, c_uint64),
    "mmsb_mask": (c_int, c_void_p, c_uint32, c_int, c_uint64, c_uint64, c_void_p, c_void_p, c_uint64),
    "mmsb_line": (c_int, c_void_p, c_char_p), "mmsb_drop": (c_int, c_void_p), "mmsb_commit": (c_int, c_void_p),
    "mmsb_tick": (c_int, c_void_p, c_uint64, POINTER(c_uint64)), "mmsb_epoch": (c_uint64, c_void_p),
    "mmsb_root": (c_int, c_void_p, POINTER(c_uint64)), "mmsb_sync": (c_int, c_void_p),
    "mmsb_checkpoint": (c_int, c_void_p), "mmsb_metrics_read": (c_int, c_void_p, POINTER(Metrics)),
    "mmsb_snapshot_take": (c_int, c_void_p, c_void_p, c_uint32, POINTER(c_void_p)),
    "mmsb_snapshot_view": (c_void_p, c_void_p, c_uint32, c_int), "mmsb_snapshot_epoch": (c_uint64, c_void_p),
    "mmsb_snapshot_free": (None, c_void_p),
    "mmsb_bus_attach": (c_int, POINTER(BusOptions), POINTER(c_void_p)), "mmsb_bus_detach": (c_int, c_void_p),
    "mmsb_bus_free": (None, c_void_p), "mmsb_bus_message": (c_char_p, c_void_p),
    "mmsb_bus_page_count": (c_uint32, c_void_p), "mmsb_bus_page_find": (c_int, c_void_p, c_char_p, POINTER(c_uint32)),
    "mmsb_bus_page_describe": (c_int, c_void_p, c_uint32, POINTER(PageInfo)), "mmsb_bus_epoch": (c_uint64, c_void_p),
    "mmsb_bus_state_read": (c_int, c_void_p, POINTER(BusState)),
    "mmsb_bus_view": (c_void_p, c_void_p, c_uint32, c_int),
    "mmsb_bus_view_begin": (c_int, c_void_p, POINTER(BusMark)),
    "mmsb_bus_view_end": (c_int, c_void_p, POINTER(BusMark)),
    "mmsb_bus_read": (c_int, c_void_p, c_uint32, c_int, c_uint64, c_uint64, c_void_p, POINTER(c_uint64)),
    "mmsb_bus_lease": (c_int, c_void_p, c_uint64, POINTER(c_uint64)),
    "mmsb_bus_leased": (c_void_p, c_void_p, c_uint32, c_int), "mmsb_bus_lease_end": (c_int, c_void_p),
    "mmsb_bus_changes": (c_int, c_void_p, POINTER(BusChange), c_uint32, POINTER(c_uint32), POINTER(c_int)),
    "mmsb_bus_wait": (c_int, c_void_p, c_uint64, c_uint64),
    "mmsb_bus_wait_durable": (c_int, c_void_p, c_uint64, c_uint64),
    "mmsb_bus_set": (c_int, c_void_p, c_uint32, c_int, c_uint64, c_uint64, c_void_p, c_uint64),
    "mmsb_bus_scatter": (c_int, c_void_p, c_uint32, c_int, c_void_p, c_uint64, c_void_p, c_uint64),
    "mmsb_bus_mask": (c_int, c_void_p, c_uint32, c_int, c_uint64, c_uint64, c_void_p, c_void_p, c_uint64),
    "mmsb_bus_line": (c_int, c_void_p, c_char_p), "mmsb_bus_drop": (c_int, c_void_p),
    "mmsb_bus_commit": (c_int, c_void_p, c_uint64, POINTER(c_uint64)),
    "mmsb_bus_answer_next": (c_int, c_void_p, c_uint64, POINTER(BusAnswer)), "mmsb_bus_descriptor": (c_int, c_void_p)}
_compiler_functions = {
    "mmsbc_compile": (c_int, POINTER(CompileOptions), POINTER(c_void_p)),
    "mmsbc_image": (c_void_p, c_void_p, POINTER(c_size_t)), "mmsbc_free": (None, c_void_p),
    "mmsbc_diagnostics": (c_char_p, c_void_p, c_int, c_int, POINTER(c_size_t))}
_loaded = {}
_here = pathlib.Path(__file__).resolve().parent


def places(name):
    """Where a library is looked for, in order: MMSB_LIBRARY (a folder), beside this file, then lib/ and build/lib of
    every folder above, then where the system looks."""
    folders = [pathlib.Path(os.environ["MMSB_LIBRARY"])] if "MMSB_LIBRARY" in os.environ else []
    folders += [_here] + [p / sub for p in _here.parents for sub in ("lib", "build/lib")]
    return [str(f / name) for f in folders if (f / name).exists()] + [name]


def _load(name, functions):
    if name not in _loaded:
        tried = places(name)
        try:
            library = ctypes.CDLL(tried[0])
        except OSError as e:
            raise ImportError(f"{name} is not found: install it, or set MMSB_LIBRARY to its folder ({e})") from e
        for function, (result, *arguments) in functions.items():
            getattr(library, function).restype = result
            getattr(library, function).argtypes = arguments
        _loaded[name] = library
    return _loaded[name]


def engine():
    """libmmsb."""
    return _load(f"libmmsb.so.{ABI}", _engine_functions)


def compiler():
    """libmmsbc."""
    return _load(f"libmmsbc.so.{ABI}", _compiler_functions)


def graph_folders():
    """The installed graphs, or those of the source tree."""
    found = [p / sub for p in _here.parents for sub in ("share/mmsb/graphs", "graphs")]
    return [str(p) for p in found if (p / "finance.mmsbg").exists()][:1]
