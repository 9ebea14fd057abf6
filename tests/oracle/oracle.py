# SPDX-License-Identifier: Apache-2.0
"""What a graph means, by the plainest reading of its tree: every live page is computed anew in every epoch from its
definition, as whole arrays. Not for kernels, files and -D."""
from types import SimpleNamespace

import numpy as np

import oracle_number as number
from oracle_forms import Forms
from oracle_number import TYPES, convert
from oracle_tree import (COMPARISONS, INTEGER, REDUCTIONS, SCANS, UNKNOWN, WHOLE, Names, Place, Refused, bind_axes,
                         bind_let, callee, canonical, enter, full, literal, named, read_tree, reduces, settle, stronger)

class Oracle(Forms):
    def __init__(self, files):
        """files: name to text of the tree; the first one is the graph, the others what it imports."""
        self.files = {name: read_tree(text) for name, text in files.items()}
        self.pages, self.forms, self.literals = [], {}, {}
        self.epoch = self.stamp = 0
        self.fault = self.settling = False
        self.ways = {"call": self.eval_call, "index": self.eval_index, "if": self.eval_if, "init": self.eval_init,
                     "let": self.eval_let}
        graph = next(iter(self.files.values()))
        top = self.collect(graph, None, "")
        self.find_forms()
        self.find_live(graph, top)

    # ---- items

    def page(self, kind, name, item, expr, names, stated):
        self.pages.append(SimpleNamespace(
            kind=kind, name=name, item=item, expr=expr, names=names, stated=stated, form=(UNKNOWN, ()), now=None,
            past=[], stamp=-1, busy=False, live=False, exported=False, fired=False, values=[]))
        return self.pages[-1]

    def collect(self, items, outer, prefix):
        """The names of items; pages, and the items of instances, become pages."""
        names = Names(outer)
        for item in items:
            if item.kind in ("source", "page", "event", "assert"):
                page = self.page(item.kind, prefix + (item.name or "assert"), item, item.expr, names, item.type[0])
                names.bind(item.name, "page", page=page)
            elif item.kind == "kernel":
                raise Refused("a kernel")
            elif item.kind == "import":
                inside = self.collect([i for i in self.files[item.file] if i.kind not in ("source", "page")], None, "")
                if item.name:
                    names.bind(item.name, "import", inside=inside)
                names.values.update({} if item.name else inside.values)
                names.functions.update({} if item.name else inside.functions)
            elif item.kind in ("param", "const", "fn", "node"):
                names.bind(item.name, item.kind, item=item, expr=item.expr, names=names, type=item.type[0])
        for item in items:
            if item.kind == "use":
                names.bind(item.name, "use", item=item)
        for item in items:
            if item.kind == "use":
                names.values[item.name].inside = self.instance(item, names, prefix + item.name + ".")
        return names

    def instance(self, use, names, prefix):
        node = callee(use.expr[1], names)
        inner = Names(node.names)
        for parameter, argument in zip(node.item.parameters, use.expr[2]):
            if isinstance(parameter, SimpleNamespace):
                inner.bind(parameter.name, "param", expr=argument, names=names)
                continue
            type, *shape = parameter[1][1:] if len(parameter) > 1 else (None,)
            page = self.page("argument", prefix + parameter[0], None, argument, names, type)
            inner.bind(parameter[0], "page", page=page)
            for axis, extent in enumerate(shape):
                if isinstance(extent, str) and literal(extent) is None:
                    inner.bind(extent, "dimension", page=page, axis=axis)
        return self.collect(node.item.items, inner, prefix)

    def names_of(self, page):
        return bind_axes(page.item, page.item.axes, 0, page.names) if page.item else page.names

    # ---- what is live

    def find_live(self, graph, top):
        """What `export` says; without any, every page and result of `use` at top level."""
        stated = [(e, top) for item in graph if item.kind == "export" for e in item.pages]
        for item in graph if not stated else ():
            if item.kind in ("source", "page", "event"):
                stated.append((item.name, top))
            if item.kind == "use":
                results = callee(item.expr[1], top).item.results
                stated += [(e, top.values[item.name].inside) for e in results]
        for e, names in stated:
            b = named(e, names)
            if b.kind == "page":
                b.page.exported = True
        for page in self.pages:
            if page.exported or page.kind in ("source", "event", "assert"):
                self.mark_page(page)

    def mark_page(self, page):
        if not page.live:
            page.live = True
            for e in (page.expr,) + (page.item.values if page.kind == "event" else ()):
                self.mark(e, self.names_of(page))

    def mark(self, e, names):
        if e is None or e == "epoch" or (isinstance(e, str) and literal(e) is not None):
            return
        if isinstance(e, str):
            b = named(e, names)
            if b.kind == "page":
                self.mark_page(b.page)
            elif b.kind == "expr":
                self.mark(b.expr, b.names)
        elif e[0] == "let":
            self.mark(e[3], bind_let(e, names))
        elif e[0] == "call":
            user = callee(e[1], names)
            inner = bind_axes(e, e[3], 0, names)
            for x in e[2] + e[4:]:
                self.mark(x, inner)
            if user is not None:
                self.mark(user.item.expr, enter(e, user, names))
        else:
            for x in e[1:]:
                self.mark(x, names)

    # ---- epochs

    def page_fill(self, page):
        type, dims = page.form
        to = np.zeros(dims, TYPES[type])
        if page.expr is not None:
            to[...] = self.eval(page.expr, type, Place(self.names_of(page), dims))
        page.now = canonical(to)

    def page_evaluate(self, page):
        if page.kind == "source" or page.stamp == self.stamp:
            return
        if page.busy:
            raise Refused("pages that need each other in one epoch")
        page.busy = True
        self.page_fill(page)
        page.busy = False
        page.stamp = self.stamp

    def evaluate(self):
        """All that is live. False: a fault or failed assert."""
        self.stamp += 1
        self.fault = False
        for page in self.pages:
            if page.live:
                self.page_evaluate(page)
            self.fault |= page.kind == "assert" and not page.now
        for page in self.pages:
            page.fired = page.kind == "event" and self.epoch > 0 and bool(page.now) and not page.past[-1]
            if page.fired:
                place = Place(page.names, ())
                page.values = [(self.type_of(e, page.names), e) for e in page.item.values]
                page.values = [(type, canonical(full(self.eval(e, type, place), ()))) for type, e in page.values]
        return not self.fault

    def start(self):
        """Epoch 0. False: there is no run."""
        for page in self.pages:
            if page.kind == "source":
                self.page_fill(page)
        if not self.evaluate():
            return False
        for page in self.pages:
            page.past = [page.now, page.now]
        return True

    def change(self, name, kind, lanes, payload):
        """A delta: to a source's value, a state page's stored previous one."""
        page = next(p for p in self.pages if p.name == name)
        to = (page.now if page.kind == "source" else page.past[-1]).copy()
        flat = to.reshape(-1)
        flat[lanes] = payload if kind == "=" else number.OPERATORS[kind](flat[lanes], payload)
        if page.kind == "source":
            page.now = canonical(to)
        else:
            page.past = page.past[:-1] + [canonical(to)]

    def step(self, changes):
        """The next epoch. False: rejected, and everything is as it was."""
        kept = [(page, page.now, page.past) for page in self.pages]
        self.epoch += 1
        for change in changes:
            self.change(*change)
        if self.evaluate():
            for page in self.pages:
                page.past = page.past + [page.now]
            return True
        self.epoch -= 1
        for page, page.now, page.past in kept:
            page.fired = False
        return False

    # ---- expressions; the arrays broadcast to the place's dimensions

    def count(self, faults, place):
        self.fault |= bool(np.any(faults & place.on))

    def eval(self, e, type, at):
        if isinstance(e, str):
            return self.eval_atom(e, type, at)
        way = self.ways.get(e[0])
        if way is not None:
            return way(e, type, at)
        a = self.eval(e[1], type, at) if len(e) == 2 else None
        return self.eval_binary(e, type, at) if a is None else number.OPERATORS[e[0]](a)

    def eval_atom(self, e, type, at):
        known = self.literals.get((e, type))
        if known is not None:
            return known
        known = literal(e)
        if known is not None:
            value = np.uint64(known[0]) if isinstance(known[0], int) else np.float64(known[0])
            known = self.literals[(e, type)] = convert(value, type)
            return known
        if e == "epoch":
            return convert(np.uint64(self.epoch), type)
        b = named(e, at.names)
        if b.kind in ("expr", "const"):
            return self.eval(b.expr, type, at.inside(b.names))
        if b.kind == "param":
            return convert(self.eval(b.expr, "i64", at.inside(b.names)), type)
        if b.kind == "dimension":
            return convert(np.int64((b.page.form[1] + (0, 0, 0, 0))[b.axis]), type)
        if b.kind == "axis":
            return np.arange(at.dims[b.row]).reshape((-1,) + (1,) * (len(at.dims) - b.row - 1))
        return self.page_value(b.page, 0)

    def operate(self, name, type, operands, at):
        if name in number.FAULTING and type[0] != "f":
            value, faults = number.FAULTING[name](*operands)
            self.count(faults, at)
            return value
        if name in number.ON_FLOATS:
            return number.ON_FLOATS[name](*operands)
        return number.OPERATORS[name](*operands)

    def eval_binary(self, e, type, at):
        name, left, right = e
        if name in COMPARISONS:
            type = settle(stronger(self.form(left, at.names)[0], self.form(right, at.names)[0]))
        a = self.eval(left, type, at)
        if name in ("&&", "||"):
            b = self.eval(right, type, at.under(a, name == "&&"))
            return a & b if name == "&&" else a | b
        if name == "**" and type[0] == "f" and self.form(right, at.names)[0] == INTEGER:
            power = int(self.eval(right, "i64", at))
            if abs(power) <= 64:
                return number.constant_power(a, power)
        return self.operate(name, type, (a, self.eval(right, type, at)), at)

    def eval_if(self, e, type, at):
        condition = self.eval(e[1], "bool", at)
        a = self.eval(e[2], type, at.under(condition))
        return np.where(condition, a, self.eval(e[3], type, at.under(condition, False)))

    def eval_init(self, e, type, at):
        return self.eval(e[1] if self.epoch == 0 else e[2], type, at)

    def eval_let(self, e, type, at):
        return self.eval(e[3], type, at.inside(bind_let(e, at.names)))

    def eval_index(self, e, type, at):
        values, page, skip = self.whole(e[1], type, at)
        edges = page.item.edge if page is not None and page.item else ()
        indices, fills = [], []
        for axis, x in enumerate(e[2:]):
            edge = edges[0 if len(edges) == 1 else axis - skip] if edges and axis >= skip else None
            index = self.eval(x, self.type_of(x, at.names), at)
            index, outside = number.coordinate(edge, index, values.shape[axis])
            indices.append(index)
            if isinstance(edge, tuple):
                fills.append((outside, self.eval(edge[1], type, Place(page.names, ()))))
            else:
                self.count(outside, at)
        to = values[tuple(indices)]
        for outside, value in fills[::-1]:
            to = np.where(outside, value, to)
        return to

    # ---- calls

    def operand_type(self, name, e, names, type):
        """The type of what a function takes, given its result's."""
        if name in ("any", "all", "count"):
            return "bool"
        keeps = "min max cummin cummax sort topk transpose dot matmul prev history".split()
        return type if name in keeps else self.type_of(e, names)

    def eval_call(self, call, type, at):
        name, arguments, loops, key = call[1:5]
        user = callee(name, at.names)
        if user is not None:
            return self.eval(user.item.expr, type, at.inside(enter(call, user, at.names)))
        if loops:
            return self.eval_for(call, type, at)
        if key is not None:
            return self.eval_by(call, type, at)
        if reduces(name, call) or name in WHOLE:
            return self.whole(call, type, at)[0]
        if name in ("rand_u32", "uniform", "normal"):
            counters = [self.eval(x, self.type_of(x, at.names), at) for x in arguments] + [np.uint64(0)]
            return number.random(name, *[convert(x, "u64") for x in counters[:3]])
        other = name in TYPES or name in ("isnan", "isfinite")
        of = self.type_of(arguments[0], at.names) if other else type
        operands = [self.eval(x, of, at) for x in arguments]
        if name in TYPES:
            return convert(operands[0], name)
        while name in ("min", "max") and len(operands) > 2:
            operands[:2] = [number.OPERATORS[name](*operands[:2])]
        return self.operate(name, of, operands, at)

    def eval_for(self, call, type, at):
        name, arguments, loops, _, where = call[1:]
        names = bind_axes(call, loops, len(at.dims), at.names)
        extents = tuple(self.integer(axis[1], at.names) for axis in loops)
        on = at.on.reshape(at.on.shape + (1,) * len(extents)) if at.on.ndim else at.on
        inner = Place(names, at.dims + extents, on)
        has = np.True_
        if where is not None:
            has = self.eval(where, "bool", inner)
            inner = inner.under(has)
        v = self.eval(arguments[0], self.operand_type(name, arguments[0], names, type), inner)
        rows = at.dims + (-1,)
        return number.reduce(name, full(v, inner.dims).reshape(rows), full(has, inner.dims).reshape(rows))

    def eval_by(self, call, type, at):
        """The key's shape leads that of x; the filter's leads it too, or is a scalar."""
        name, arguments, _, key, where = call[1:]
        x = arguments[0] if arguments else key
        key_type, key_dims = self.form(key, at.names)
        keys, values = at.whole(key_dims), at.whole(self.form(x, at.names)[1])
        row = (int(np.prod(key_dims)), -1)
        has = np.ones(values.dims, bool)
        if where is not None:
            filters = at.whole(self.form(where, at.names)[1])
            there = full(self.eval(where, "bool", filters), filters.dims)
            has = full(there.reshape(there.shape + (1,) * (len(values.dims) - there.ndim)), values.dims)
        v = np.ones(values.dims, bool)
        if arguments:
            v = self.eval(x, self.operand_type(name, x, at.names, type), values.under(has))
        keys = keys.under(has.reshape(row).any(1).reshape(key_dims))
        group = full(self.eval(key, settle(key_type), keys), key_dims)
        size = int(np.prod(at.dims)) // (full(v, values.dims).size // row[0])
        group, outside = number.coordinate(None, group, size)
        self.count(outside, keys)
        group = np.where(outside, -1, group).reshape(-1)
        to = number.reduce_by(name, full(v, values.dims).reshape(row), has.reshape(row), group, size)
        return to.reshape(at.dims)

    # ---- whole pages

    def page_value(self, page, back):
        """A page as it was `back` epochs ago."""
        if back > 0 and self.epoch > 0:
            return page.past[max(0, self.epoch + 1 - back)]
        self.page_evaluate(page)
        return page.now

    def whole(self, e, type, at, back=0):
        """The whole page that an expression names or makes; the page whose edges a read follows, from which axis."""
        if isinstance(e, str) and literal(e) is None and e != "epoch":
            b = named(e, at.names)
            if b.kind == "page":
                return self.page_value(b.page, back), b.page, 0
            if b.kind == "expr":
                return self.whole(b.expr, type, at.inside(b.names), back)
        dims = self.form(e, at.names)[1]
        if isinstance(e, tuple) and e[0] == "call" and callee(e[1], at.names) is None:
            if e[1] == "prev":
                return self.whole(e[2][0], type, at, back + 1)
            if e[1] == "history":
                rows = [self.whole(e[2][0], type, at, back + k) for k in range(dims[0])]
                return np.stack([row[0] for row in rows]), rows[0][1], rows[0][2] + 1
            if e[1] in WHOLE or (reduces(e[1], e) and not e[3] and e[4] is None):
                return self.whole_call(e[1], e[2], type, dims, at), None, 0
        return full(self.eval(e, type, at.whole(dims)), dims), None, 0

    def whole_call(self, name, arguments, type, dims, at):
        x = self.whole(arguments[0], self.operand_type(name, arguments[0], at.names, type), at)[0]
        if name in REDUCTIONS:
            return number.reduce(name, x.reshape(-1), np.ones(x.size, bool))
        if name == "transpose":
            return x.T
        if name in ("dot", "matmul"):
            y = self.whole(arguments[1], type, at)[0]
            return number.dot(x.reshape(-1), y.reshape(-1)) if name == "dot" else number.matmul(x, y)
        if name in ("sort", "argsort", "topk"):
            return number.sort(name, x, dims[-1] if dims else 1)
        x = convert(x, type)
        if name in SCANS:
            return number.scan(name, x)
        q = self.whole(arguments[1], type, at)[0] if name == "quantile" else convert(np.float64(0.5), type)
        within = bool(q >= 0) and bool(q <= 1)
        self.count(np.bool_(not within), at)
        return number.quantile(x, q if within else x.dtype.type(0))
