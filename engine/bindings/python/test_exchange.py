# SPDX-License-Identifier: Apache-2.0
"""Pages to others and back: DLPack, Arrow's C data interface, .npz. A consumer is written here; pyarrow is one more,
where it is installed."""
import ctypes
import gc
import os
import sys
import tempfile
import unittest

import numpy as np

import _mmsb_exchange as exchange
import mmsb

NAMES = dict(zip(["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"], mmsb.DTYPES))
SHAPES = ["", "[1]", "[13]", "[2, 3]", "[2, 1, 3, 2]"]
GRAPH = mmsb.compile("\n".join(f"source {t}_{k}: {t}{s}" for t in NAMES for k, s in enumerate(SHAPES)) +
                     "\npage s = sum(f64_2)\npage e: f64 = init 0.5 then prev(e) + s", "types.mmsbg")
pointer = ctypes.pythonapi.PyCapsule_GetPointer
pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
rename = ctypes.pythonapi.PyCapsule_SetName
rename.restype, rename.argtypes = ctypes.c_int, [ctypes.py_object, ctypes.c_char_p]
USED = b"used_dltensor_versioned"


def filled():
    bus, rng = mmsb.open(GRAPH), np.random.default_rng(4)
    for name in bus:
        if bus.pages[name].source:
            bus[name] = rng.integers(0, 2 if bus[name].dtype == "?" else 100, bus[name].shape).astype(bus[name].dtype)
    bus.commit()
    return bus


class Consumer:
    """What a DLPack consumer of 1.0 does: takes the tensor, and calls the deleter when it has done with it."""

    def __init__(self, capsule):
        self.at = pointer(capsule, b"dltensor_versioned")
        rename(capsule, USED)
        self.tensor = exchange.DLManagedTensorVersioned.from_address(self.at)

    def array(self):
        t = self.tensor.dl_tensor
        kind = {0: "i", 1: "u", 2: "f", 6: "b"}[t.code]
        raw = (ctypes.c_char * (t.bits // 8)).from_address(t.data)
        strides = tuple(t.strides[k] * t.bits // 8 for k in range(t.ndim))
        return np.lib.stride_tricks.as_strided(np.frombuffer(raw, f"{kind}{t.bits // 8}"), [t.shape[k] for k in range(
            t.ndim)], strides)

    def done(self):
        exchange.RELEASE(self.tensor.deleter)(self.at)


def from_arrow(schema, array):
    """The NumPy array of two structs, read as the Arrow specification says."""
    if array.n_children:
        child = from_arrow(schema.children[0].contents, array.children[0].contents)
        assert schema.format.startswith(b"+w:") and array.n_buffers == 1
        return child.reshape((array.length, int(schema.format[3:])) + child.shape[1:])
    code = {v: k for k, v in exchange.ARROW_FORMATS.items()}[schema.format]
    assert array.n_buffers == 2 and array.buffers[0] is None and array.null_count == 0 and array.offset == 0
    if code == "?":
        raw = (ctypes.c_uint8 * ((array.length + 7) // 8)).from_address(array.buffers[1])
        return np.unpackbits(np.frombuffer(raw, "u1"), bitorder="little")[:array.length].astype("?")
    width = np.dtype(code).itemsize
    return np.frombuffer((ctypes.c_char * (array.length * width)).from_address(array.buffers[1]), code)


class DLPack(unittest.TestCase):
    def test_a_consumer_reads_the_page_itself(self):
        bus = filled()
        for name in bus:
            page = bus[name]
            self.assertEqual(page.__dlpack_device__(), (1, 0))
            c = Consumer(page.__dlpack__(max_version=(1, 0)))
            self.assertEqual((c.tensor.major, c.tensor.flags), (1, exchange.READ_ONLY))
            self.assertEqual(c.tensor.dl_tensor.data, page.ctypes.data)
            self.assertEqual((c.array().dtype, c.array().shape), (page.dtype, page.shape))
            np.testing.assert_array_equal(c.array(), page)
            c.done()
            c = Consumer(page.__dlpack__(max_version=(1, 1), copy=True))
            self.assertEqual(c.tensor.flags, exchange.COPIED)
            self.assertNotEqual(c.tensor.dl_tensor.data, page.ctypes.data)
            np.testing.assert_array_equal(c.array(), page)
            c.done()
        self.assertEqual(exchange._kept, {})

    def test_numpy_takes_it(self):
        bus = filled()
        for name in (n for n in bus if bus[n].dtype != "?"):
            taken = np.from_dlpack(bus[name])
            self.assertEqual((taken.dtype, taken.shape), (bus[name].dtype, bus[name].shape))
            np.testing.assert_array_equal(taken, bus[name])

    def test_memory_lives_as_long_as_somebody_holds_it(self):
        capsule = filled()["f64_2"].__dlpack__(max_version=(1, 0))
        gc.collect()
        self.assertEqual(len(exchange._kept), 1)
        c = Consumer(capsule)
        self.assertEqual(float(c.array().sum()), float(filled()["s"]))
        del capsule
        gc.collect()
        self.assertEqual(len(exchange._kept), 1)
        c.done()
        self.assertEqual(exchange._kept, {})
        filled()["f64_2"].__dlpack__(max_version=(1, 0))    # nobody takes it
        gc.collect()
        self.assertEqual(exchange._kept, {})

    def test_what_cannot_be_is_refused(self):
        page = filled()["f64_2"]
        for more in ({"copy": False}, {"dl_device": (2, 0)}, {"stream": 1}, {"copy": False, "max_version": (0, 8)}):
            with self.assertRaises(BufferError):
                page.__dlpack__(**more)


class Arrow(unittest.TestCase):
    def structs(self, page):
        capsules = page.__arrow_c_array__()
        return (capsules, exchange.ArrowSchema.from_address(pointer(capsules[0], b"arrow_schema")),
                exchange.ArrowArray.from_address(pointer(capsules[1], b"arrow_array")))

    def test_every_type_and_shape_there_and_back(self):
        bus = filled()
        for name in bus:
            page = bus[name]
            capsules, schema, array = self.structs(page)
            back = from_arrow(schema, array)
            self.assertEqual(back.dtype, page.dtype)
            self.assertEqual(back.reshape(page.shape).tobytes(), page.tobytes())
            leaf = array
            while leaf.n_children:
                leaf = leaf.children[0].contents
            if page.dtype != "?":
                self.assertEqual(leaf.buffers[1], page.ctypes.data)
            del capsules
        self.assertEqual(exchange._kept, {})

    def test_structs_are_moved_and_released_in_any_order(self):
        capsules, schema, array = self.structs(filled()["f64_3"])
        moved = exchange.ArrowArray.from_buffer_copy(array)
        array.release = None    # moved: the capsule must not release it
        child = exchange.ArrowArray.from_buffer_copy(moved.children[0].contents)
        moved.children[0].contents.release = None
        want = from_arrow(schema, moved).tolist()
        del capsules, array, schema
        exchange.RELEASE(moved.release)(ctypes.addressof(moved))
        self.assertIsNone(moved.release)
        gc.collect()
        lanes = np.frombuffer((ctypes.c_double * child.length).from_address(child.buffers[1]))
        self.assertEqual(lanes.reshape(2, 3).tolist(), want)
        exchange.RELEASE(child.release)(ctypes.addressof(child))
        gc.collect()
        self.assertEqual(exchange._kept, {})

    def test_pyarrow_takes_it(self):
        try:
            import pyarrow
        except ImportError:
            self.skipTest("no pyarrow")
        bus = filled()
        for name in (n for n in bus if bus[n].ndim == 1):
            taken = pyarrow.array(bus[name])
            self.assertEqual(taken.to_numpy(zero_copy_only=False).tobytes(), bus[name].tobytes())
        del taken
        gc.collect()
        self.assertEqual(exchange._kept, {})


class Npz(unittest.TestCase):
    def test_there_and_back(self):
        bus, work = filled(), tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        file, part = (os.path.join(work.name, n) for n in ("all.npz", "part.npz"))
        bus.save(file)
        with np.load(file) as found:
            self.assertEqual(sorted(found.files), sorted(bus))
            for name in bus:
                self.assertEqual((found[name].dtype, found[name].tobytes()), (bus[name].dtype, bus[name].tobytes()))
        second = mmsb.open(GRAPH)
        second.load(file)
        second.commit()
        for name in (n for n in bus if bus.pages[n].source or bus.pages[n].state):
            if not bus.pages[name].state:
                self.assertEqual(second[name].tobytes(), bus[name].tobytes())
        bus.save(part, "f64_2", "i32_3")
        with np.load(part) as found:
            self.assertEqual(float(mmsb.open(GRAPH, inputs=found)["s"]), float(bus["s"]))
        third = mmsb.open(GRAPH)
        third.load(part, "i32_3")
        third.commit()
        self.assertEqual((third["i32_3"].tolist(), float(third["s"])), (bus["i32_3"].tolist(), 0.0))
        with self.assertRaisesRegex(mmsb.Usage, "no array u8_1"):
            third.load(part, "u8_1")
        with self.assertRaises(mmsb.NoPage):
            third.load(part, "nothing")
        with self.assertRaises(mmsb.NoPage):
            third.save(part, "nothing")
        np.save(os.path.join(work.name, "x.npy"), np.zeros(3))
        with self.assertRaisesRegex(mmsb.Usage, "no .npz"):
            third.load(os.path.join(work.name, "x.npy"))


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, libmmsb {mmsb.version()}", file=sys.stderr)
    unittest.main()
