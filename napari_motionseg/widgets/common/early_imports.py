"""Import in a thread what the first dock and the first layers will need.

When a plugin's command is used for the first time, its dock is usually opened soon
after. Without this, the window would stand still then: for the modules of the dock, for
pandas and scikit-image, which napari imports with its first labels layer, and for the
garbage collection that follows a large import, also one in a thread of a dock.
"""

from __future__ import annotations

import importlib
import threading
from contextlib import suppress

from napari_motionseg.models.torch_loading import beside_the_window

# in the order in which a user needs them
MODULES = (
    "napari_motionseg.widgets.segment.dock",
    "skimage.color.colorconv",
    "pandas",
    "pyqtgraph",
    "napari_motionseg.widgets.motion.dock",
    "napari_motionseg.widgets.embedding.dock",
    "napari_motionseg.widgets.cine.dock",
    "napari_motionseg.widgets.measure.dock",
    "napari_motionseg.widgets.project.dock",
    # of the first anchor of an embedding and of centrelines, with much of scipy
    "skimage.filters.ridges",
    "skimage.graph.mcp",
    "skimage.morphology",
    "scipy.interpolate",
)


def import_early() -> threading.Thread:
    """Import the modules in a thread, and return the thread.

    Code that needs one of the modules in the meantime waits for it, as for any import.
    """
    # a daemon: a program that ends at once must not wait for it
    thread = threading.Thread(target=_import, name="motionseg imports", daemon=True)
    thread.start()
    return thread


def _import() -> None:
    with beside_the_window():
        for name in MODULES:
            # whatever cannot be imported is reported where it is used
            with suppress(Exception):
                importlib.import_module(name)
