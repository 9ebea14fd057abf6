# SPDX-License-Identifier: Apache-2.0
"""What operators and functions do to arrays, as language.md's "Numbers" says. NumPy does what IEEE-754 and wrapping
integers say; types are never mixed, nothing is summed by NumPy's own order, and NaNs are made canonical where a page is
stored. The math functions of kernels/ and fma come from a small library in C."""
import ctypes

import numpy as np

np.seterr(all="ignore")
TYPES = {"bool": np.dtype(bool), "i8": np.dtype("i1"), "i16": np.dtype("i2"), "i32": np.dtype("i4"),
         "i64": np.dtype("i8"), "u8": np.dtype("u1"), "u16": np.dtype("u2"), "u32": np.dtype("u4"),
         "u64": np.dtype("u8"), "f32": np.dtype("f4"), "f64": np.dtype("f8")}
MATH = {}  # name: its function in the library, over arrays

def load(path):
    library = ctypes.CDLL(path)
    for name in "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh erf erfc cdf".split():
        MATH[name] = library["oracle_" + name]
    for name in ("pow", "atan2", "fma", "fmaf"):
        MATH[name] = library["oracle_" + name]

def from_library(name, of, *operands):
    """A function of the library over arrays of the NumPy type `of`, in the type of the first operand."""
    rows = [np.array(x, of, order="C") for x in (np.broadcast_arrays(*operands) if len(operands) > 1 else operands)]
    to = np.empty(rows[0].shape, of)
    MATH[name](ctypes.c_uint64(to.size), *[ctypes.c_void_p(x.ctypes.data) for x in rows + [to]])
    return to.astype(operands[0].dtype)

def math(name):
    """f32 functions are the f64 ones, rounded once."""
    return lambda *operands: from_library(name, np.float64, *operands)

def limit(type, most):
    """The largest or smallest value of a NumPy type."""
    if type.kind == "f":
        return type.type(np.inf if most else -np.inf)
    if type.kind == "b":
        return np.bool_(most)
    return type.type(np.iinfo(type).max if most else np.iinfo(type).min)

def convert(x, name):
    type = TYPES[name]
    if x.dtype == type:
        return x
    if type.kind == "b":
        return x != x.dtype.type(0)
    if x.dtype.kind != "f" or type.kind == "f":
        return x.astype(type)
    wide = x.astype(np.float64)
    high = wide >= float(limit(type, True))
    low = wide <= float(limit(type, False))
    inside = np.where(high | low | np.isnan(wide), 0.0, wide).astype(type)
    return np.where(high, limit(type, True), np.where(low, limit(type, False), inside))

# ---- element by element

def fma(a, b, c):
    if a.dtype.kind != "f":
        return a * b + c
    return from_library("fmaf" if a.dtype == np.float32 else "fma", a.dtype, a, b, c)

def least(a, b):
    """-0 before +0, NaN if either is."""
    if a.dtype.kind != "f":
        return np.minimum(a, b)
    return np.where((a < b) | np.isnan(a) | ((a == b) & np.signbit(a)), a, b)

def greatest(a, b):
    if a.dtype.kind != "f":
        return np.maximum(a, b)
    return np.where((a > b) | np.isnan(a) | ((a == b) & ~np.signbit(a)), a, b)

def float_mod(a, b):
    rest = np.fmod(a, b)
    zero = a.dtype.type(0)
    moved = np.where((rest < zero) != (b < zero), rest + b, rest)
    return np.where(rest == zero, np.copysign(zero, b), moved)

def floor_divide(a, b):
    """Quotient, remainder with the sign of b, where b is 0. MIN / -1 is MIN."""
    zero = b == b.dtype.type(0)
    minus = ~b == b.dtype.type(0) if b.dtype.kind == "i" else np.False_
    quotient = np.where(minus, -a, a // np.where(zero | minus, b.dtype.type(1), b))
    return quotient, a - quotient * b, zero

def divide(a, b):
    quotient, rest, zero = floor_divide(a, b)
    none = a.dtype.type(0)
    up = (rest != none) & ((a < none) != (b < none))
    return quotient + up.astype(a.dtype), zero

def remainder(a, b):
    quotient, zero = divide(a, b)
    return a - quotient * b, zero

def integer_mod(a, b):
    return floor_divide(a, b)[1:]

def integer_power(a, power):
    base, power = np.broadcast_arrays(a, power)
    one = power.dtype.type(1)
    result = np.ones(base.shape, base.dtype)
    negative = power < power.dtype.type(0)
    power = np.where(negative, power.dtype.type(0), power)
    while power.any():
        result = np.where(power & one, result * base, result)
        base = base * base
        power = power >> one
    return result, negative

def constant_power(a, power):
    """Most significant bit first; negative: one reciprocal."""
    one = a.dtype.type(1)
    result = a * one if power else np.ones_like(a)
    for bit in bin(abs(power))[3:]:
        result = result * result
        if bit == "1":
            result = result * a
    return one / result if power < 0 else result

def unsigned(a):
    return a.view("u%d" % a.dtype.itemsize)

def popcount(a):
    bits = unsigned(a)
    one = bits.dtype.type(1)
    return sum((bits >> bits.dtype.type(k)) & one for k in range(8 * a.dtype.itemsize)).astype(a.dtype)

def clz(a):
    bits = unsigned(a)
    for k in (1, 2, 4, 8, 16, 32):
        if k < 8 * a.dtype.itemsize:
            bits = bits | (bits >> bits.dtype.type(k))
    return popcount((~bits).view(a.dtype))

def shift(function):
    return lambda a, b: function(a, b & b.dtype.type(8 * b.dtype.itemsize - 1))

OPERATORS = {
    "+": np.add, "*": np.multiply, "&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor,
    "-": lambda a, b=None: -a if b is None else a - b, "!": np.logical_not, "~": np.invert,
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
    "<<": shift(np.left_shift), ">>": shift(np.right_shift), "min": least, "max": greatest, "fma": fma,
    "clamp": lambda x, low, high: least(greatest(x, low), high), "abs": np.abs, "sign": np.sign,
    "isnan": np.isnan, "isfinite": np.isfinite, "popcount": popcount, "clz": clz, "floor": np.floor, "ceil": np.ceil,
    "round": np.rint, "trunc": np.trunc, "sqrt": np.sqrt}
for each in "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh erf erfc cdf atan2".split():
    OPERATORS[each] = math(each)
# Those that may fault on integers: value, and where they do.
FAULTING = {"/": divide, "%": remainder, "mod": integer_mod, "**": integer_power, "pow": integer_power}
ON_FLOATS = {"/": np.true_divide, "mod": float_mod, "**": math("pow"), "pow": math("pow")}

def random(name, seed, c0, c1):
    """Philox4x32-10 over arrays of u64."""
    word, half, low = np.uint64, np.uint64(32), np.uint64(0xffffffff)
    c = [c0 & low, c0 >> half, c1 & low, c1 >> half]
    key = [seed & low, seed >> half]
    for _ in range(10):
        x = c[0] * word(0xD2511F53)
        y = c[2] * word(0xCD9E8D57)
        c = [(y >> half) ^ c[1] ^ key[0], y & low, (x >> half) ^ c[3] ^ key[1], x & low]
        key = [(key[0] + word(0x9E3779B9)) & low, (key[1] + word(0xBB67AE85)) & low]
    if name == "rand_u32":
        return c[0].astype(np.uint32)
    u0 = ((c[0] | c[1] << half) >> word(11)).astype(np.float64) * np.float64(2.0 ** -53)
    u1 = ((c[2] | c[3] << half) >> word(11)).astype(np.float64) * np.float64(2.0 ** -53)
    if name == "uniform":
        return u0
    two_pi = np.float64(float.fromhex("0x1.921fb54442d18p+2"))
    return np.sqrt(np.float64(-2.0) * math("log")(np.float64(1.0) - u0)) * math("cos")(two_pi * u1)

def coordinate(edge, x, dim):
    """Where indices land on an axis, and those that land nowhere."""
    if edge in ("wrap", "mirror"):
        period = max(1, 2 * (dim - 1)) if edge == "mirror" else dim
        type = np.dtype(np.uint64 if x.dtype.kind == "u" else np.int64)
        at = np.mod(x.astype(type), type.type(period)).astype(np.int64)
        return np.where(at < dim, at, period - at), np.False_
    if x.dtype == np.uint64:
        x = np.minimum(x, np.uint64(2 ** 62))
    x = x.astype(np.int64)
    at = np.minimum(np.maximum(x, 0), dim - 1)
    return at, (at != x if edge != "clamp" else np.False_)

# ---- the canonical order, along the last axis

def padded(v, multiple, neutral):
    short = -v.shape[-1] % multiple
    return np.concatenate([v, np.full(v.shape[:-1] + (short,), neutral, v.dtype)], -1) if short else v

def join_eight(op, v):
    """((0+4)+(2+6))+((1+5)+(3+7)); absent values are neutral ones."""
    pairs = op(v[..., :4], v[..., 4:])
    fours = op(pairs[..., :2], pairs[..., 2:])
    return op(fours[..., 0], fours[..., 1])

def join_nodes(op, v, neutral):
    while v.shape[-1] > 1:
        v = padded(v, 8, neutral)
        v = join_eight(op, v.reshape(v.shape[:-1] + (-1, 8)))
    return v[..., 0]

def leaves(v, neutral):
    """[..., leaf, step, lane]"""
    v = padded(v, 64 if v.shape[-1] > 64 else 8, neutral)
    return v.reshape(v.shape[:-1] + (-1, min(8, v.shape[-1] // 8), 8))

def fold(op, v, neutral):
    steps = leaves(v, neutral)
    lanes = steps[..., 0, :]
    for k in range(1, steps.shape[-2]):
        lanes = op(lanes, steps[..., k, :])
    return join_nodes(op, join_eight(op, lanes), neutral)

def dot(x, y):
    if x.dtype.kind != "f":
        return np.sum(x * y, dtype=x.dtype)
    x, y = leaves(x, -0.0), leaves(y, 1.0)
    lanes = x[:, 0] * y[:, 0]
    for k in range(1, x.shape[-2]):
        lanes = fma(x[:, k], y[:, k], lanes)
    return join_nodes(np.add, join_eight(np.add, lanes), -0.0)

def matmul(x, y):
    if x.dtype.kind != "f":
        return np.matmul(x, y)
    n = y.shape[0]
    left, right = x.reshape(-1, n), y.reshape(n, -1)
    chunks = []
    for start in range(0, n, 512):
        total = left[:, start, None] * right[start]
        for k in range(start + 1, min(start + 512, n)):
            total = fma(left[:, k, None], right[k], total)
        chunks.append(total)
    return join_nodes(np.add, np.stack(chunks, -1), -0.0).reshape(x.shape[:-1] + y.shape[1:])

def flip(bits):
    """Of a float's bits an integer in its order, and back."""
    return bits ^ ((bits >> bits.dtype.type(8 * bits.dtype.itemsize - 1)) & limit(bits.dtype, True))

def keys(v, nan_first):
    """Integers in the order of sort: -0 before +0, NaN last or first."""
    if v.dtype.kind != "f":
        return v
    bits = v.view("i%d" % v.dtype.itemsize)
    return np.where(np.isnan(v), limit(bits.dtype, not nan_first), flip(bits))

def from_keys(key, type):
    return flip(key).view(type) if type.kind == "f" else key

def extreme(name, v, has):
    small = name.endswith("min")
    key = keys(v, nan_first=small)
    nothing = keys(limit(v.dtype, small), nan_first=small)
    best = (np.min if small else np.max)(np.where(has, key, nothing), axis=-1)
    if not name.startswith("arg"):
        return from_keys(best, v.dtype)
    equal = has & (key == np.expand_dims(best, -1))
    return np.where(equal.any(-1), equal.argmax(-1), -1)

def reduce(name, v, has):
    """Over the elements that are there, along the last axis; in v of what the operand is, any type."""
    if name == "all":
        return (v | ~has).all(-1)
    if name in ("any", "count"):
        held = v & has
        return held.any(-1) if name == "any" else held.sum(-1, dtype=np.int64)
    if name.endswith("min") or name.endswith("max"):
        return extreme(name, v, has)
    v = v.astype(TYPES[wide(v.dtype)])
    count = has.sum(-1)
    neutral = v.dtype.type(1.0 if name == "prod" else -0.0)
    v = np.where(has, v, neutral)
    if v.dtype.kind != "f":
        total = (np.prod if name == "prod" else np.sum)(v, axis=-1, dtype=v.dtype)
    else:
        total = fold(np.multiply if name == "prod" else np.add, v, neutral)
        total = np.where(count == 0, abs(neutral), total)
    if name != "mean":
        return total
    type = total.dtype if total.dtype.kind == "f" else np.dtype(np.float64)
    return total.astype(type) / count.astype(type)

def wide(type):
    """The name of the type of a sum of that NumPy type."""
    return ("f%d" % (8 * type.itemsize)) if type.kind == "f" else "i64" if type.kind == "i" else "u64"

def reduce_by(name, v, has, key, groups):
    """v, has: [row, rest]; the group of each row, -1 outside. Positions are ranks among a group's rows."""
    rows = np.argsort(key, kind="stable")
    rows = rows[key[rows] >= 0]
    group = key[rows]
    sizes = np.bincount(group, minlength=groups)
    rank = np.arange(rows.size) - (np.cumsum(sizes) - sizes)[group]
    shape = (groups, v.shape[1], max(1, sizes.max()))
    values, there = np.zeros(shape, v.dtype), np.zeros(shape, bool)
    values[group, :, rank] = v[rows]
    there[group, :, rank] = has[rows]
    to = reduce(name, values, there)
    if not name.startswith("arg"):
        return to
    position = np.zeros((groups, shape[2]), np.int64)
    position[group, rank] = rows
    return np.where(to < 0, -1, np.take_along_axis(position, np.maximum(to, 0), 1))

# ---- rows

def scan(name, v):
    """Blocks of 512, each later one plus the running total of those before it."""
    if name in ("cummin", "cummax"):
        op = np.minimum if name == "cummin" else np.maximum
        return from_keys(op.accumulate(keys(v, nan_first=name == "cummin"), axis=-1), v.dtype)
    op = np.add if name == "cumsum" else np.multiply
    to = np.empty(v.shape, v.dtype)
    before = None
    for start in range(0, v.shape[-1], 512):
        block = op.accumulate(v[..., start:start + 512], axis=-1, dtype=v.dtype)
        to[..., start:start + 512] = block if before is None else op(before, block)
        total = block[..., -1:]
        before = total if before is None else op(before, total)
    return to

def sort(name, v, count):
    """sort, argsort, topk: the first `count` of each row; stable, NaN last."""
    key = keys(v, nan_first=False)
    if name == "topk":
        key = np.where(np.isnan(v), key, ~key) if v.dtype.kind == "f" else ~key
    order = np.argsort(key, axis=-1, kind="stable")[..., :count]
    return order if name == "argsort" else np.take_along_axis(v, order, -1)

def quantile(v, q):
    """Of rows of floats; q in [0, 1], of their type."""
    n = v.shape[-1]
    v = sort("sort", v, n)
    h = q * v.dtype.type(n - 1)
    low = min(int(h), n - 1)
    a, b, last = v[..., low], v[..., min(low + 1, n - 1)], v[..., -1]
    return np.where(np.isnan(last), last, a + (b - a) * (h - v.dtype.type(low)))
