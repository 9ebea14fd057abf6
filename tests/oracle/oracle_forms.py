# SPDX-License-Identifier: Apache-2.0
"""Types and shapes of pages and expressions, by a fixpoint over the definitions: what Oracle needs to know before it
computes anything."""
import oracle_number as number
from oracle_number import TYPES
from oracle_tree import (COMPARISONS, INTEGER, REDUCTIONS, UNKNOWN, WHOLE, Place, bind_axes, bind_let, callee, enter,
                         join, literal, named, reduces, settle, stronger)

class Forms:
    """Of an Oracle: its pages, its eval."""

    def find_forms(self):
        """Until nothing changes; first without, then with the defaults of what only literals decide."""
        for self.settling in (False, True):
            more = True
            while more:
                more = False
                self.forms = {}
                for page in self.pages:
                    form = self.page_form(page)
                    more |= form != page.form
                    page.form = form
        for page in self.pages:
            page.form = (settle(page.form[0]), page.form[1])
        self.forms = {}

    def page_form(self, page):
        if page.kind in ("event", "assert"):
            return "bool", ()
        type, dims = self.form(page.expr, self.names_of(page)) if page.expr is not None else (UNKNOWN, ())
        item = page.item
        if item is not None and (item.axes or item.type[0]):
            extents = [axis[1] for axis in item.axes] if item.axes else item.type[1:]
            dims = tuple(self.integer(e, page.names) for e in extents)
        return page.stated or type, dims

    def integer(self, e, names):
        return int(self.eval(e, "i64", Place(names, ())))

    def form(self, e, names):
        key = (id(e), id(names))
        if key not in self.forms:
            self.forms[key] = self.atom_form(e, names) if isinstance(e, str) else self.find_form(e, names)
        return self.forms[key]

    def type_of(self, e, names):
        return settle(self.form(e, names)[0])

    def atom_form(self, e, names):
        known = literal(e)
        if known is not None or e == "epoch":
            return (known[1] if known else "u64"), ()
        b = named(e, names)
        if b.kind == "page":
            return b.page.form
        if b.kind not in ("expr", "const"):
            return ("i64" if b.kind == "axis" else INTEGER), ()
        type, dims = self.form(b.expr, b.names)
        type = b.type or type
        return (settle(type) if b.kind == "const" else type), dims

    def find_form(self, e, names):
        if e[0] == "call":
            return self.call_form(e, names)
        if e[0] == "index":
            return self.form(e[1], names)[0], ()
        if e[0] == "let":
            return self.form(e[3], bind_let(e, names))
        forms = [self.form(x, names) for x in e[1:]]
        if e[0] == "if":
            forms[0] = (UNKNOWN, forms[0][1])
        type, dims = join(forms)
        return ("bool" if e[0] in COMPARISONS + ["!", "&&", "||"] else type), dims

    def call_form(self, call, names):
        name, arguments = call[1:3]
        user = callee(name, names)
        if user is not None:
            return self.form(user.item.expr, enter(call, user, names))
        names = bind_axes(call, call[3], 0, names)
        if reduces(name, call) or name in WHOLE:
            return self.whole_form(name, call, names)
        type, dims = join([self.form(x, names) for x in arguments])
        fixed = {"isnan": "bool", "isfinite": "bool", "rand_u32": "u32", "uniform": "f64", "normal": "f64"}
        return (name if name in TYPES else fixed.get(name, type)), dims

    def whole_form(self, name, call, names):
        """Of a reduction or function of whole pages."""
        arguments = call[2]
        type, dims = self.form(arguments[0], names) if arguments else (UNKNOWN, ())
        other = self.form(arguments[1], names) if len(arguments) > 1 else (UNKNOWN, ())
        known = settle(type) if self.settling else type
        if name in ("sum", "prod", "cumsum", "cumprod"):
            type = number.wide(TYPES[known]) if isinstance(known, str) else UNKNOWN
        elif name in ("mean", "quantile", "median"):
            type = UNKNOWN if not isinstance(known, str) else known if known[0] == "f" else "f64"
        elif name in ("any", "all"):
            type = "bool"
        elif name in ("count", "argmin", "argmax", "argsort"):
            type = "i64"
        elif name in ("dot", "matmul"):
            type = stronger(type, other[0])
        if name in REDUCTIONS or name == "dot":
            dims = ()
        elif name in ("quantile", "median"):
            dims = dims[:-1]
        elif name == "transpose":
            dims = dims[::-1]
        elif name == "matmul":
            dims = dims[:-1] + other[1][1:]
        elif name == "topk":
            dims = dims[:-1] + (self.integer(arguments[1], names),)
        elif name == "history":
            dims = (self.integer(arguments[1], names),) + dims
        return type, dims
