# SPDX-License-Identifier: Apache-2.0
"""The tree as `mmsbc --emit=ast` prints it, what names stand for in it, and places where expressions are evaluated."""
import re
from types import SimpleNamespace

import numpy as np

# Types of what only literals decide, the weakest first.
UNKNOWN, INTEGER, FLOAT = 0, 1, 2
ITEMS = "graph import param const source page fn node use kernel assert event export".split()
REDUCTIONS = "sum prod min max any all count mean argmin argmax".split()
SCANS = "cumsum cumprod cummin cummax".split()
WHOLE = SCANS + "sort argsort topk quantile median transpose dot matmul prev history".split()
COMPARISONS = "== != < <= > >=".split()
LITERALS = {"true": (True, "bool"), "false": (False, "bool"), "inf": (np.inf, FLOAT), "nan": (np.nan, FLOAT),
            "pi": (np.pi, FLOAT)}

class Refused(Exception):
    """The oracle does not take the graph."""

# ---- the tree: an expression is an atom or a tuple (head, ...)

def read_tree(text):
    stack = [[]]
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+', text):
        if token == "(":
            stack.append([])
        elif token == ")":
            parts = stack.pop()
            stack[-1].append(read_item(parts) if parts[0] in ITEMS else read_form(parts))
        else:
            stack[-1].append(token)
    return stack[0]

def read_form(parts):
    """A call becomes (call, name, arguments, loops, key, filter)."""
    if parts[0] != "call" or len(parts) == 1:
        return tuple(parts)
    tail = [p for p in parts[2:] if isinstance(p, tuple) and (p[0] in ("for", "by") or p[0] == "if" and len(p) == 2)]
    rest = parts[2:len(parts) - len(tail)]
    tails = {p[0]: p[1:] for p in tail}
    return ("call", parts[1], tuple(rest), tails.get("for", ()), *tails.get("by", (None,)), *tails.get("if", (None,)))

def read_item(parts):
    item = SimpleNamespace(kind=parts[0], name=None, expr=None, items=[], axes=(), edge=(), type=(None,), parameters=())
    item.results = item.pages = item.values = ()
    item.file = None
    for part in parts[1:]:
        if isinstance(part, SimpleNamespace):
            item.items.append(part)
        elif isinstance(part, tuple) and part[0] in ("axes", "edge", "type", "parameters", "results", "pages"):
            setattr(item, part[0], part[1:])
        elif isinstance(part, tuple) and part[0] == "with":
            item.values = part[1:]
        elif isinstance(part, tuple) and part[0] in ("file", "message", "symbol"):
            item.file = item.file or part[1][1:-1]
        elif item.name is None and item.kind != "assert":
            item.name = part
        else:
            item.expr = part
    return item

def literal(atom):
    """(value, type) or None."""
    if atom in LITERALS:
        return LITERALS[atom]
    text, _, suffix = atom.partition(":")
    if text.isdigit():
        return int(text), suffix or INTEGER
    return (float.fromhex(text), suffix or FLOAT) if text[0].isdigit() else None

# ---- names

class Names:
    """What names stand for inside an item; functions and nodes are a name space of their own."""

    def __init__(self, outer):
        self.outer, self.values, self.functions, self.inside = outer, {}, {}, {}

    def find(self, name, functions=False):
        names = self
        while names is not None:
            found = (names.functions if functions else names.values).get(name)
            if found is not None:
                return found
            names = names.outer
        return None

    def bind(self, name, kind, **what):
        binding = SimpleNamespace(kind=kind, **what)
        (self.functions if kind in ("fn", "node") else self.values)[name] = binding
        return binding

def named(atom, names):
    first, *members = atom.split(".")
    found = names.find(first)
    for member in members:
        found = found and found.inside.find(member)
    if found is None:
        raise Refused("a name that nothing defines: " + atom)
    return found

def callee(name, names):
    """The function or node that is called; None: one of the language."""
    module, _, member = name.rpartition(".")
    return (names.find(module).inside if module else names).find(member, functions=True)

def inner_names(e, names, make, row=0):
    """The names inside an expression, made once for each place where it stands."""
    found = names.inside.get((id(e), row))
    if found is None:
        found = names.inside[(id(e), row)] = make()
    return found

def enter(call, fn, names):
    """Inside a function: its parameters, and the names where it is defined."""
    def make():
        inner = Names(fn.names)
        for parameter, argument in zip(fn.item.parameters, call[2]):
            type = parameter[1][1] if len(parameter) > 1 else None
            inner.bind(parameter[0], "expr", expr=argument, names=names, type=type)
        return inner
    return inner_names(call, names, make)

def bind_let(e, names):
    def make():
        inner = Names(names)
        inner.bind(e[1], "expr", expr=e[2], names=names, type=None)
        return inner
    return inner_names(e, names, make)

def bind_axes(e, axes, first, names):
    def make():
        inner = Names(names)
        for k, axis in enumerate(axes):
            inner.bind(axis[0], "axis", row=first + k)
        return inner
    return inner_names(e, names, make, first) if axes else names

# ---- forms: (type, dimensions)

def settle(type):
    return type if isinstance(type, str) else "f64" if type == FLOAT else "i64"

def stronger(a, b):
    if isinstance(a, str) or isinstance(b, str):
        return a if isinstance(a, str) else b
    return max(a, b)

def join(forms):
    type, dims = UNKNOWN, ()
    for form in forms:
        type, dims = stronger(type, form[0]), dims or form[1]
    return type, dims

def reduces(name, call):
    """min(a, b) is element-wise."""
    return name in REDUCTIONS and (len(call[2]) <= 1 or bool(call[3]) or call[4] is not None)

class Place:
    """Where an expression is evaluated: names, dimensions, and the lanes whose faults count."""
    __slots__ = ("names", "dims", "on")

    def __init__(self, names, dims, on=np.True_):
        self.names, self.dims, self.on = names, dims, on

    def inside(self, names):
        return Place(names, self.dims, self.on)

    def under(self, condition, wanted=True):
        return Place(self.names, self.dims, self.on & (condition if wanted else ~condition))

    def whole(self, dims):
        """A whole page, once: its faults count if any of the lanes that need it does."""
        return Place(self.names, dims, self.on.any())

def canonical(v):
    """With every NaN the same, as pages hold them."""
    if v.dtype.kind == "f":
        np.copyto(v, np.nan, where=np.isnan(v))
    return v

def full(v, dims):
    to = np.empty(dims, v.dtype)
    to[...] = v
    return to
