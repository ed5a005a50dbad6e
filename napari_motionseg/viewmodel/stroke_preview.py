"""Compute the live preview of strokes on a frame, without a GUI.

A worker thread calls `Previewer.answer`; the window's thread only copies the strokes on
one frame.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.errors import LabelError
from napari_motionseg.segmentation.closed_form_head import HeadSettings
from napari_motionseg.segmentation.postprocess import (
    background_outside,
    postprocess_mask,
)
from napari_motionseg.viewmodel.class_colors import class_picture
from napari_motionseg.viewmodel.frame_embeddings import frame_embedding
from napari_motionseg.viewmodel.session import Loop, Session

if TYPE_CHECKING:
    from napari_motionseg.segmentation.live_preview import FrameView, LiveHead

THRESHOLD = 0.5  # probability from which a pixel of the preview is no background


@dataclass(frozen=True, eq=False)
class PaintedFrame:
    """A frame of a loop and the strokes on it.

    Parameters
    ----------
    loop
        The loop.
    t
        Index of the frame.
    target
        ``(H, W)`` class numbers, 0 = background, -1 = not painted.
    """

    loop: Loop
    t: int
    target: NDArray[np.int16]

    @property
    def key(self) -> Hashable:
        """Key that identifies the frame among all loops."""
        return id(self.loop), self.t

    def same(self, other: PaintedFrame | None) -> bool:
        """Return whether another one is this frame with the same paint."""
        return (
            other is not None
            and self.key == other.key
            and np.array_equal(self.target, other.target)
        )


@dataclass(frozen=True, eq=False)
class Preview:
    """Preview of one frame from all strokes.

    Parameters
    ----------
    frame
        The frame that was asked for.
    picture
        ``(H, W, 4)`` uint8, see `class_picture`.
    classes
        Numbers of the classes that something is painted of, on any frame.
    mask
        ``(H, W)`` uint8: the likeliest class of each pixel, 0 = background.
    """

    frame: PaintedFrame
    picture: NDArray[np.uint8]
    classes: tuple[int, ...]
    mask: NDArray[np.uint8]


class Previewer:
    """A network's closed-form head and the strokes that it was fitted to.

    Parameters
    ----------
    session
        The session that keeps networks and embeddings.
    model
        The checkpoint of the network.
    classes
        The number of classes with the background.

    Attributes
    ----------
    waiting
        Frames that were painted before the preview began and are not fitted yet.
    """

    def __init__(self, session: Session, model: Path, classes: int) -> None:
        self.session = session
        self.model = model
        self.classes = classes
        self.waiting: list[PaintedFrame] = []
        self._head: LiveHead | None = None
        self._view: tuple[Hashable, FrameView] | None = None

    def answer(self, shown: PaintedFrame) -> Preview:
        """Return the preview of a frame, after the strokes on all frames.

        Each call fits one of the waiting frames, so that the displayed frame never
        waits for all of them.

        Raises
        ------
        LabelError
            If something is painted on a frame that is damaged.
        """
        from napari_motionseg.segmentation.live_preview import LiveHead

        if self._head is None:
            network: Any = self.session.network(self.model)
            alone = not hasattr(network, "head")
            settings = HeadSettings.alone() if alone else HeadSettings()
            self._head = LiveHead(self.classes, settings)
        if not shown.loop.cine.frames.usable(shown.t) and (shown.target >= 0).any():
            raise LabelError(
                f"frame {shown.t} is damaged: strokes on it teach nothing; paint on a "
                "frame that can be seen"
            )
        self._take(shown)
        if self.waiting:
            self._take(self.waiting.pop())
        result = self._head.predict(self._seen(shown), shown.key)
        if len(result.painted) != 1:  # a similarity may be looked at anywhere
            inside = find_cine_field_of_view(shown.loop.cine).inner()
            background_outside(result.probabilities, inside, shown.target)
        picture = class_picture(result.probabilities)
        mask = postprocess_mask(
            1 - result.probabilities[0],
            result.probabilities[1:].argmax(axis=0).astype(np.uint8) + np.uint8(1),
            THRESHOLD,
            0,
        )
        return Preview(shown, picture, result.painted, mask)

    def _take(self, frame: PaintedFrame) -> None:
        if self._head is None or not frame.loop.cine.frames.usable(frame.t):
            return
        if self._head.is_new(frame.key, frame.target):
            self._head.paint(frame.key, self._seen(frame), frame.target)

    def _seen(self, frame: PaintedFrame) -> FrameView:
        from napari_motionseg.segmentation.live_preview import view_of

        if self._view is None or self._view[0] != frame.key:
            embedding = frame_embedding(self.session, frame.loop, self.model, frame.t)
            view = view_of(self.session.network(self.model), embedding)
            self._view = (frame.key, view)
        return self._view[1]
