"""The layers that a segmentation shows itself in, while it trains and afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_motionseg.contributions import VESSEL, write_labels
from napari_motionseg.layer_jobs import StoredSegmentation
from napari_motionseg.widgets.viewers import DERIVED, frame_shown, lay_over, placement

COLORS = {0: "transparent", 1: VESSEL, None: "gold"}


class ResultLayers:
    """Probability of the labelled frame while training; masks of all frames.

    Parameters
    ----------
    viewer
        Where the layers are.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.masks: Labels | None = None

    @property
    def has_masks(self) -> bool:
        """Whether there are masks to save."""
        return self.masks is not None and self.masks in self._viewer.layers

    def show_probability(self, loop: Layer, probability: NDArray[Any]) -> None:
        """Show what the network makes of the labelled frame, ``(H, W)`` in [0, 1]."""
        lay_over(
            self._viewer,
            loop,
            "training",
            probability.astype(np.float32),
            colormap="magma",
            contrast_limits=(0, 1),
            blending="additive",
            opacity=0.7,
        )

    def begin_masks(self, loop: Layer) -> None:
        """Add empty masks, in place of those that were there."""
        for what in ("training", "masks"):
            name = f"{loop.name} {what}"
            if name in self._viewer.layers:
                self._viewer.layers.remove(name)
        self.masks = self._viewer.add_labels(
            np.zeros(loop.data.shape[: loop.ndim], np.uint8),
            name=f"{loop.name} masks",
            opacity=0.6,
            colormap=COLORS,
            metadata={DERIVED: "masks", "cine": loop.metadata.get("cine")},
            **placement(loop, loop.ndim),
        )

    def show_mask(self, t: int, mask: NDArray[Any]) -> None:
        """Show the mask of a frame that was just segmented."""
        if self.masks is None or self.masks.ndim < 3:
            return
        self.masks.data[t] = mask
        if t == frame_shown(self._viewer, self.masks):
            self.masks.refresh()

    def finish_masks(self, stored: StoredSegmentation) -> None:
        """Show all masks."""
        if self.masks is not None:
            masks, _ = stored.open()
            self.masks.data = masks.reshape(self.masks.data.shape)
            self.masks.metadata["done"] = stored.done

    def drop_empty_masks(self) -> None:
        """Remove masks of which no frame came."""
        if self.has_masks and self.masks is not None and not self.masks.data.any():
            self._viewer.layers.remove(self.masks)
            self.masks = None

    def save_masks(self, path: str) -> None:
        """Write the masks.

        Raises
        ------
        WriteError
            If they cannot be written.
        """
        if self.masks is not None:
            write_labels(path, self.masks.data, {"metadata": self.masks.metadata})
