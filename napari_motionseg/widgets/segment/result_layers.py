"""The layers that a segmentation shows itself in, while it trains and afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_motionseg.contributions import write_labels
from napari_motionseg.segmentation.postprocess import postprocess_mask, uncertainty
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.viewers import frame_shown, lay_over, placement
from napari_motionseg.widgets.segment.classes import derived, label_colours

TRAINING, UNCERTAINTY = "training", "uncertainty"


class ResultLayers(QObject):
    """Masks of all frames with their probabilities; what the threshold makes of them.

    Parameters
    ----------
    owner
        The widget whose layers these are.
    viewer
        Where they are.

    Attributes
    ----------
    masks
        The labels layer, 0 = background, or None.
    probabilities, likeliest
        ``(T, H, W)`` float16 and uint8; see `Segmentation`.
    done, confirmed
        ``(T,)`` bool: frames that were segmented; that a person has corrected or
        taken, which no threshold changes any more.

    Signals
    -------
    corrected
        The frame that was painted on in the masks.
    """

    corrected = Signal(int)

    def __init__(self, owner: QObject, viewer: Viewer) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._cleaner = Latest(owner, self._show_all)
        # napari tells of a stroke before the pixels have changed
        self._stroke = QTimer(self)
        self._stroke.setSingleShot(True)
        self._stroke.timeout.connect(self._painted)
        self.loop: Layer | None = None
        self.masks: Labels | None = None
        self.probabilities = np.zeros((0, 0, 0), np.float16)
        self.likeliest = np.zeros((0, 0, 0), np.uint8)
        self.done = self.confirmed = np.zeros(0, bool)
        self.threshold, self.smallest = 0.5, 0

    @property
    def has_masks(self) -> bool:
        """Whether there are masks to save."""
        return self.masks is not None and self.masks in self._viewer.layers

    def show_probability(self, loop: Layer, probability: NDArray[Any]) -> None:
        """Show what the network makes of the shown frame, ``(H, W)`` in [0, 1]."""
        lay_over(
            self._viewer,
            loop,
            TRAINING,
            probability.astype(np.float32),
            colormap="magma",
            contrast_limits=(0, 1),
            blending="additive",
            opacity=0.7,
        )

    def hide_probability(self, loop: Layer | None) -> None:
        """Take away what training has shown."""
        name = "" if loop is None else f"{loop.name} {TRAINING}"
        if name in self._viewer.layers:
            self._viewer.layers.remove(name)

    def begin(self, loop: Layer, names: list[str], model: str = "") -> None:
        """Add empty masks of a loop that a model's file makes, in place of others."""
        for what in (TRAINING, "masks", UNCERTAINTY):
            name = f"{loop.name} {what}"
            if name in self._viewer.layers:
                self._viewer.layers.remove(name)
        shape = loop.data.shape[: loop.ndim]
        stack = shape if len(shape) == 3 else (1, *shape)
        self.probabilities = np.zeros(stack, np.float16)
        self.likeliest = np.ones(stack, np.uint8)
        self.done, self.confirmed = np.zeros(stack[0], bool), np.zeros(stack[0], bool)
        self.loop = loop
        active = self._viewer.layers.selection.active
        self.masks = self._viewer.add_labels(
            np.zeros(shape, np.uint8),
            name=f"{loop.name} masks",
            opacity=0.6,
            colormap=label_colours(names, first=0),
            metadata={**derived("masks", loop), "done": self.done, "model": model},
            **placement(loop, loop.ndim),
        )
        self.masks.events.paint.connect(lambda _: self._stroke.start(0))
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active

    def show(self, t: int, probability: NDArray[Any], likeliest: NDArray[Any]) -> None:
        """Take over a frame that was just segmented."""
        if not self.has_masks or not 0 <= t < len(self.done):
            return
        self.probabilities[t], self.likeliest[t] = probability, likeliest
        self.done[t] = True
        self._clean(t)

    def set_threshold(self, threshold: float, smallest: int) -> None:
        """Show the masks of a threshold: the shown frame at once, then the others."""
        self.threshold, self.smallest = threshold, smallest
        if not self.has_masks:
            return
        self._clean(frame_shown(self._viewer, self.masks))
        self._cleaner.ask(
            _clean_all, self.probabilities, self.likeliest,
            self.done & ~self.confirmed, threshold, smallest,
        )  # fmt: skip

    def show_uncertainty(self, shown: bool) -> None:
        """Show where the model is unsure on the shown frame, or hide it."""
        loop = self.loop
        if loop is None or loop not in self._viewer.layers:
            return
        name = f"{loop.name} {UNCERTAINTY}"
        t = frame_shown(self._viewer, loop)
        if shown and self.has_masks and self.done[t]:
            doubt = uncertainty(self.probabilities[t])
            lay_over(
                self._viewer, loop, UNCERTAINTY, doubt, colormap="inferno",
                contrast_limits=(0, 1), blending="additive",
            )  # fmt: skip
        elif name in self._viewer.layers:
            self._viewer.layers.remove(name)

    @property
    def masks_shown(self) -> bool:
        """Whether masks are to be seen."""
        return self.has_masks and self.masks.visible and bool(self.done.any())

    def show_masks(self, shown: bool = True) -> bool:
        """Show the masks, or hide them; return whether there are any."""
        if self.has_masks:
            self.masks.visible = shown
        return self.has_masks

    def mask(self, t: int) -> NDArray[np.uint8]:
        """Return the mask ``(H, W)`` of a frame as it is shown."""
        data = np.asarray(self.masks.data) if self.masks is not None else None
        if data is None:
            return np.zeros((0, 0), np.uint8)
        return data[t] if data.ndim == 3 else data

    def drop_empty(self) -> None:
        """Remove masks of which no frame came."""
        if self.has_masks and not self.done.any():
            self._viewer.layers.remove(self.masks)
            self.masks = None

    def save(self, path: str) -> None:
        """Write the masks.

        Raises
        ------
        WriteError
            If they cannot be written.
        """
        if self.masks is not None:
            write_labels(path, self.masks.data, {"metadata": self.masks.metadata})

    def _clean(self, t: int) -> None:
        if not self.done[t] or self.confirmed[t]:
            return
        mask = postprocess_mask(
            self.probabilities[t], self.likeliest[t], self.threshold, self.smallest
        )
        self._put(t, mask)
        if t == frame_shown(self._viewer, self.masks):
            self.masks.refresh()

    def _put(self, t: int, mask: NDArray[np.uint8]) -> None:
        if self.masks.ndim == 3:
            self.masks.data[t] = mask
        else:
            self.masks.data[...] = mask

    def _show_all(self, answer: tuple[Any, dict[int, NDArray[np.uint8]]]) -> None:
        of, masks = answer
        if of is not self.probabilities or not self.has_masks:
            return
        for t, mask in masks.items():
            if not self.confirmed[t]:
                self._put(t, mask)
        self.masks.refresh()

    def _painted(self) -> None:
        if self.has_masks:
            t = frame_shown(self._viewer, self.masks)
            self.confirmed[t] = True
            self.corrected.emit(t)


def _clean_all(
    probabilities: NDArray[np.float16],
    likeliest: NDArray[np.uint8],
    wanted: NDArray[np.bool_],
    threshold: float,
    smallest: int,
) -> tuple[NDArray[np.float16], dict[int, NDArray[np.uint8]]]:
    masks = {
        int(t): postprocess_mask(probabilities[t], likeliest[t], threshold, smallest)
        for t in np.flatnonzero(wanted)
    }
    return probabilities, masks
