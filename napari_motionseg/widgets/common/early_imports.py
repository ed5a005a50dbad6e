"""Import in a thread what the first dock and the first layers will need.

When a plugin's command is used for the first time, its dock is usually opened soon
after. Without this, the window would stand still then: for the modules of the dock, for
pandas and scikit-image, which napari imports with its first labels layer, and for the
garbage collection that follows a large import, also one in a thread of a dock.
"""

from __future__ import annotations

import importlib
import threading
import time
from contextlib import suppress

from napari_motionseg.models.torch_loading import beside_the_window

HOLD_S = 0.6  # in which a dock is built and drawn
HEAD_START_S = 0.05
DOCK = ".dock"  # how the names of the docks' modules end

OF_LABELS = ("skimage.color.colorconv", "pandas")  # napari imports them with labels

# in the order in which a user needs them
MODULES = (
    "napari_motionseg.widgets.segment.dock",
    *OF_LABELS,
    "pyqtgraph",
    "freetype",  # of the first caption in the canvas
    "napari_motionseg.widgets.motion.dock",
    "napari_motionseg.widgets.embedding.dock",
    "napari_motionseg.widgets.guide.dock",
    "napari_motionseg.widgets.cine.dock",
    "napari_motionseg.widgets.measure.dock",
    "napari_motionseg.widgets.project.dock",
    # of the first anchor of an embedding and of centrelines, with much of scipy
    "skimage.filters.ridges",
    "skimage.graph.mcp",
    "skimage.morphology",
    "scipy.interpolate",
)


class EarlyImports(threading.Thread):
    """Thread that imports `MODULES`, one after the other.

    It would compete with the window for the interpreter. While a dock is opened, it
    begins with no further module.

    Attributes
    ----------
    done
        Names of the modules that need not be waited for any more.
    """

    def __init__(self) -> None:
        # a daemon: a program that ends at once must not wait for it
        super().__init__(name="motionseg imports", daemon=True)
        self._resume_at = 0.0
        self.done: set[str] = set()

    def hold(self) -> None:
        """Wait for `HOLD_S` from now on before the next module."""
        self._resume_at = time.monotonic() + HOLD_S

    def run(self) -> None:
        """Import the modules."""
        with beside_the_window():
            for name in MODULES:
                while (left := self._resume_at - time.monotonic()) > 0:
                    time.sleep(left)
                # whatever cannot be imported is reported where it is used
                with suppress(Exception):
                    importlib.import_module(name)
                self.done.add(name)
                if name.endswith(DOCK):
                    time.sleep(HEAD_START_S)  # a dock that has waited for it goes first


def import_early() -> threading.Thread:
    """Import the modules in a thread, and return the thread.

    Code that needs one of the modules in the meantime waits for it, as for any import.
    """
    thread = EarlyImports()
    thread.start()
    return thread


def labels_need_imports() -> bool:
    """Return whether a first labels layer would wait for a module that is imported."""
    return any(
        isinstance(thread, EarlyImports) and not thread.done.issuperset(OF_LABELS)
        for thread in threading.enumerate()
    )


def hold_imports() -> None:
    """Let running imports wait, because a dock is being opened."""
    for thread in threading.enumerate():
        if isinstance(thread, EarlyImports):
            thread.hold()
