"""The window in which `window.py` measures a program, and the loop that it shows.

Imports nothing of this package: `window_convpaint.py` uses it in another environment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from window_hand import Hand

GOAL = 0.8  # Dice of the painted frame at which painting stops


class WindowTask:
    """Open a window of the size of the job, and count what is done in it.

    Parameters
    ----------
    job
        The job of `window.py`: paths of the loop and of its true masks, the size of
        the window, the strokes, and the time of the start.
    title
        The title of the window.

    Attributes
    ----------
    loop
        The image layer of the loop; a derived class sets it when it opens the file.
    """

    loop: Image

    def __init__(self, job: dict[str, Any], title: str) -> None:
        self.job = job
        self.truth = np.load(job["truth"]) > 0
        self.viewer = Viewer(title=title)
        self.window = self.viewer.window._qt_window
        self.window.resize(*job["window"])
        self.window.move(0, 0)
        self.hand = Hand(self.viewer)

    def at(self, pixel: Any) -> Any:
        """Return where the canvas shows a pixel of the loop."""
        return self.hand.on_canvas(self.loop, *pixel)
