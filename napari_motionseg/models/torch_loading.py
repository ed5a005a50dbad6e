"""Load torch without stopping the other threads of the process.

To import torch takes one to three seconds. In a thread, the import leaves the window
responsive except for two things that hold the interpreter for some hundred
milliseconds: the system's loader, which links torch's libraries, and garbage
collections of the many new objects. Both are avoided here.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from napari_motionseg.short_turns import short_turns

LIBRARIES = ("libtorch_python.so", "libtorch_python.dylib")


def torch_is_loaded() -> bool:
    """Return whether torch is imported, completely, so that it can be used at once."""
    module = sys.modules.get("torch")
    spec = getattr(module, "__spec__", None)
    return spec is not None and not getattr(spec, "_initializing", False)


def load_torch() -> None:
    """Import torch; call this in a thread, before anything there uses torch."""
    if torch_is_loaded():
        return
    _link_libraries()
    with beside_the_window():
        import torch  # noqa: F401 - what uses it finds it imported


@contextmanager
def beside_the_window() -> Iterator[None]:
    """Import modules in a thread, and hold the window's thread as little as possible.

    An import makes hundreds of thousands of objects, which live until the process ends.
    The first collection after it would examine all of them, which stops every thread
    for some hundred milliseconds. Therefore there is none meanwhile, and the objects
    count as old ones at once. Nothing is lost: a full collection examines them, too.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        with short_turns():
            yield
    finally:
        if collecting:
            if not gc.get_freeze_count():  # objects that others have frozen stay so
                gc.freeze()
                gc.unfreeze()  # moves everything to the oldest generation
            gc.enable()


def _link_libraries() -> None:
    """Link the libraries of torch, as the import will do, but with other threads free.

    Python keeps its lock while it links a library for an import. A call through ctypes
    releases it. If this fails, the import links the libraries itself.
    """
    spec = find_spec("torch")
    if os.name != "posix" or spec is None or spec.origin is None:
        return
    with suppress(OSError, AttributeError):
        link = ctypes.CDLL(None).dlopen
        link.restype = ctypes.c_void_p
        link.argtypes = (ctypes.c_char_p, ctypes.c_int)
        for name in LIBRARIES:
            path = Path(spec.origin).parent / "lib" / name
            if path.is_file():
                link(os.fsencode(path), os.RTLD_NOW | os.RTLD_LOCAL)
