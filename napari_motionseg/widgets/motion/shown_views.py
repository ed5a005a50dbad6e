"""Hold the views of one frame's motion, ready to become layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari.layers import Layer

from napari_motionseg.motion import ViewOptions
from napari_motionseg.motion.flow_views import Picture
from napari_motionseg.viewmodel.cells import FlowCells


@dataclass(frozen=True)
class ShownViews:
    """Views of one frame's motion.

    Parameters
    ----------
    loop
        The image layer of the loop.
    sheet
        The cells over and beside the loop that the views are placed in.
    pictures
        Picture of each view by the view's name, as `pictures` returns them.
    options
        The options that the pictures were made with.
    titles
        The names of the flows, from left to right.
    """

    loop: Layer
    sheet: FlowCells
    pictures: Mapping[str, Picture]
    options: ViewOptions
    titles: tuple[str, ...]
