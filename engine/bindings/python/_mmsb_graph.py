# SPDX-License-Identifier: Apache-2.0
"""What a graph is compiled to, and what can be wrong: the parts of module mmsb that need no engine."""
import collections
import ctypes
import json
import os
import re

from _mmsb_library import CompileOptions, compiler, engine, graph_folders

Event = collections.namedtuple("Event", "name epoch values")
Event.__doc__ = "An event that fired: its name, the epoch, the values of its `with`."
Diagnostic = collections.namedtuple("Diagnostic", "severity code message file line column help")
Diagnostic.__doc__ = "What is wrong with a graph, and where."


class Error(Exception):
    """What failed, in words. file and line: the graph's, where the words name them, else None."""
    file = line = None
    status = 0

    def __init__(self, message, diagnostics=()):
        super().__init__(message)
        self.diagnostics = list(diagnostics)
        place = re.search(r"  (\S[^:]*):(\d+): ", message)
        if self.diagnostics:
            self.file, self.line = self.diagnostics[0].file, self.diagnostics[0].line
        elif place:
            self.file, self.line = place.group(1), int(place.group(2))


class Wrong(Error, ValueError):
    """The graph or the data is wrong."""


class NoPage(Wrong, KeyError):
    """There is no page of that name."""
    __str__ = Exception.__str__


class Rejected(Error):
    """The epoch was rejected, by a fault or a failed assert; the state is as before."""


class Usage(Error, TypeError):
    """A call that makes no sense."""


class InputOutput(Error, OSError):
    """Input or output failed."""


class Damaged(Error):
    """An image, a log or a checkpoint is damaged."""


class OutOfSpace(Error, MemoryError):
    """Out of memory, or over a limit."""


class Absent(Error):
    """A device, compiler or feature is not there."""


class Busy(Error):
    """In use by another process, another thread, or the callback's own caller."""


class Bug(Error):
    """An internal error."""


class Forked(Error):
    """The bus belongs to the parent process."""


ERRORS = [None, Wrong, Rejected, Usage, InputOutput, Damaged, OutOfSpace, Absent, Busy, Bug, Forked]
for _number, _class in enumerate(ERRORS[1:], 1):
    _class.status = _number


class Graph:
    """A compiled graph. `image` are the bytes of a .mmsbx, `name` its file's name, `folder` where its `from`
    files lie (None: the current directory)."""

    def __init__(self, image, name="graph.mmsbg", folder=None):
        self.image, self.name, self.folder = bytes(image), name, folder

    def save(self, path):
        """Writes the image to a .mmsbx file."""
        with open(path, "wb") as f:
            f.write(self.image)

    def __repr__(self):
        return f"<mmsb.Graph {self.name}, {len(self.image)} bytes>"


def compile(text, name="graph.mmsbg", *, defines=None, folders=()):
    """Compiles the text of a graph. defines: params to override; folders: where imports are looked up (the installed
    graphs come last). Raises Wrong with .diagnostics, .file and .line.

    >>> mmsb.compile("source price: f64[3]\\npage y = 2.0 * prise")
    Traceback (most recent call last):
    mmsb.Wrong: graph.mmsbg:2:16: error[E0100]: there is no page, param or const `prise`; did you mean `price`?
    """
    lib = compiler()
    source = text.encode()
    texts = [f"{k}={v}".encode() for k, v in (defines or {}).items()]
    places = [os.fsencode(f) for f in [*folders, *graph_folders()]]
    o = CompileOptions(struct_size=ctypes.sizeof(CompileOptions), name=name.encode(), text=source, bytes=len(source),
                        defines=(ctypes.c_char_p * (len(texts) + 1))(*texts), define_count=len(texts),
                        folders=(ctypes.c_char_p * (len(places) + 1))(*places), folder_count=len(places))
    result, count = ctypes.c_void_p(), ctypes.c_size_t()
    status = lib.mmsbc_compile(ctypes.byref(o), ctypes.byref(result))
    try:
        if status != 0:
            _compile_failed(lib, result, status)
        at = lib.mmsbc_image(result, ctypes.byref(count))
        return Graph(ctypes.string_at(at, count.value), name)
    finally:
        lib.mmsbc_free(result)


def _compile_failed(lib, result, status):
    def told(form):
        text = lib.mmsbc_diagnostics(result, form, 0, None)
        return "" if text is None else text.decode(errors="replace")
    rows = [json.loads(line) for line in told(2).splitlines() if line.startswith("{")]
    raise ERRORS[status](told(1).strip() or engine().mmsb_status_text(status).decode(),
                         [Diagnostic(r["severity"], r["code"], r["message"], r["file"], r["line"], r["column"],
                                     r.get("help")) for r in rows])


for _named in (Event, Diagnostic, Graph, compile, Error, NoPage, *ERRORS[1:]):
    _named.__module__ = "mmsb"
