"""Hold the state that the sections of the Segment dock share.

The state is a plain object with events and without Qt. Each section gets the state,
changes its fields, and receives events of changes by others; no section knows another
one. Layers are only keys here, except in `painting` and `LoopMasks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal, SignalGroupDescriptor

from napari_motionseg.io.labels import LabelMode
from napari_motionseg.viewmodel.brush import Brush
from napari_motionseg.viewmodel.corrected_labels import (
    CorrectedLabels,
    note_corrections,
)
from napari_motionseg.viewmodel.drawn_strokes import draws_in_labels
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.painting import (
    NEW_NAMES,
    label_of,
    names_of,
)
from napari_motionseg.viewmodel.session import Model, Session


@dataclass(eq=False)
class SegmentState:
    """State of one Segment dock: painted, learned, segmented and shown.

    ``state.events.threshold`` is emitted with each new threshold, and so on for every
    field; ``state.events`` on each of these changes.

    Parameters
    ----------
    session
        The session of the viewer.
    loop
        The image layer of the loop to segment, or None.
    painting
        The labels layer that is painted on, or None.
    names
        The names of the classes of `painting`, the background first; without such a
        layer, those of the layer that the first brush makes.
    label_mode
        Meaning of an unpainted pixel, as in `Labels`.
    model
        Model of segmentation and preview, or None.
    trained
        Checkpoint of the last training, which the next one continues, or None.
    threshold
        Probability from which a pixel is not background, between 0 and 1.
    smallest
        Number of pixels; smaller connected parts are left out of the masks.
    preview_on
        Whether strokes are previewed on the shown frame.
    preview_classes
        Numbers of the classes that the last preview knows strokes of.
    preview_mask
        Index of a frame and the classes ``(H, W)`` that the preview shows of it, or
        None while it shows none.
    unlearned
        Whether something was painted that no training has seen.
    masks
        The masks of the last segmentation, or None.
    masks_visible
        Whether the masks' layer is switched on.
    uncertainty_on
        Whether the uncertainty of the shown frame is shown.
    training_on
        The image layer of the loop that a training shows its progress on, or None.
    job
        The title of the session's running job, or None.
    advice
        One sentence about the frame to label next, or what was just labelled.

    Attributes
    ----------
    previewed
        Emitted with the image layer of the loop when a preview was laid over it.
    labels_wanted
        Emitted when labels are to be written and there is no layer for them.
    brush
        The selected tool, its class and its size.
    """

    session: Session
    loop: Any = None
    painting: Any = None
    names: tuple[str, ...] = NEW_NAMES
    label_mode: LabelMode = "scribbles"
    model: Model | None = None
    trained: Path | None = None
    threshold: float = 0.5
    smallest: int = 0
    preview_on: bool = True
    preview_classes: tuple[int, ...] = ()
    preview_mask: tuple[int, NDArray[np.uint8]] | None = None
    unlearned: bool = False
    masks: LoopMasks | None = None
    masks_visible: bool = False
    uncertainty_on: bool = False
    training_on: Any = None
    job: str | None = None
    advice: str = ""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    previewed: ClassVar[Signal] = Signal(object)
    labels_wanted: ClassVar[Signal] = Signal()

    def __post_init__(self) -> None:
        self.brush = Brush()
        self._written: CorrectedLabels | None = None
        self._preview_set_aside = False
        self._masks_before_training = False

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        return self.job is None

    @property
    def masks_shown(self) -> bool:
        """Whether masks of at least one frame are visible."""
        return (
            self.masks is not None
            and self.masks_visible
            and bool(self.masks.done.any())
        )

    # painting

    def paint_on(self, painting: Any) -> None:
        """Choose the labels layer that is painted on, or None."""
        if painting is not self.painting:
            self._written = None
        self.painting = painting
        self.refresh_names()

    def refresh_names(self) -> None:
        """Read the names of the classes again, after one was added."""
        painting = self.painting
        self.names = NEW_NAMES if painting is None else names_of(painting)

    @property
    def canvas(self) -> Any:
        """The layer that brushes paint on: masks that are shown, else the labels."""
        other = not self.masks_visible or draws_in_labels(self.brush, self.painting)
        return self.painting if self.masks is None or other else self.masks.layer

    def label_of(self, number: int) -> int:
        """Return the label that paints class `number` on the canvas, 0 = background."""
        if self.masks is not None and self.canvas is self.masks.layer:
            return number
        return label_of(self.painting, self.label_mode, number)

    def take_brush(self, number: int) -> None:
        """Take the brush of a class, 0 = background, and show what strokes do."""
        self.brush.number = number
        self.brush.tool = "paint"
        self.take_up_preview()

    # preview

    def switch_preview(self, on: bool) -> None:
        """Switch the preview by hand: no brush switches it on again by itself."""
        self._preview_set_aside = False
        self.preview_on = on

    def set_preview_aside(self) -> None:
        """Switch the preview off until a brush is taken."""
        self._preview_set_aside = self._preview_set_aside or self.preview_on
        self.preview_on = False

    def take_up_preview(self) -> bool:
        """Show the preview again if it was set aside, and return whether it was."""
        taken_up, self._preview_set_aside = self._preview_set_aside, False
        if taken_up:
            self.preview_on = True
        return taken_up

    # training

    def begin_training(self, loop: Any) -> None:
        """Record that a training on `loop` begins; what is shown stays for now."""
        self.training_on, self.unlearned = loop, False
        self._masks_before_training = self.masks_shown

    def end_training(self, learned: bool) -> None:
        """Show the preview of the new model, or without one the previous display.

        Parameters
        ----------
        learned
            Whether the training has left a model.
        """
        self.training_on = None
        self.unlearned = self.unlearned or not learned
        if self._masks_before_training and not learned:
            self.masks_visible = self.masks is not None
            return
        if learned:
            self.masks_visible = False  # they are of the model before
        self.take_up_preview()

    # masks

    def begin_masks(self, masks: LoopMasks) -> None:
        """Set masks that are about to be filled, and hide the preview."""
        self.masks, self._written = masks, None
        self.masks_visible = True
        self.set_preview_aside()

    def drop_masks(self) -> None:
        """Forget the masks, whose layer is gone."""
        self.masks, self.masks_visible = None, False

    def adjust(self, threshold: float, smallest: int) -> None:
        """Set threshold and smallest part of masks, and show the masks if they exist.

        Parameters
        ----------
        threshold
            Probability from which a pixel is not background, between 0 and 1.
        smallest
            Number of pixels; smaller connected parts are left out.
        """
        if self.masks is not None:
            self.masks_visible = True
            self.set_preview_aside()
        self.threshold, self.smallest = threshold, smallest

    def take_corrections(self, t: int, *, new: bool = True) -> bool:
        """Make corrections of a frame's mask labels, and strokes corrections.

        Return whether strokes changed the mask. Strokes not `new` are learnt already.
        """
        if (masks := self.masks) is None:
            return False
        mode, stroked, known = self.label_mode, False, self._labels()
        corrected = note_corrections(masks, t, known, mode, self.masks_visible)
        written = self._labels_to_write() if corrected else known
        if written is not None and self.masks_visible:
            stroked = written.take_strokes(masks, t, mode)
        if corrected or stroked:
            self.session.masks_corrected.emit(masks)
        if written is not None and (corrected or (stroked and new)):
            self.take_up_preview()
            written.take_corrections(masks, t, mode)
        return stroked

    def confirm_frame(self, t: int) -> None:
        """Label all pixels of a frame as displayed, including its background.

        The classes are those of the masks, else of the preview, else the painted ones.
        """
        mask = shown_classes(self, t)
        if mask is None and self.painting is None:
            return
        written = self._labels_to_write()
        if written is not None and written.confirm(t, mask, self.label_mode):
            if self.masks is not None and self.masks_shown:
                self.masks.confirmed[t] = True
                self.session.masks_corrected.emit(self.masks)
            self.advice = (
                f"Frame {t} is right: training learns all of it, the background too."
            )

    def _labels_to_write(self) -> CorrectedLabels | None:
        if self.painting is None:
            self.labels_wanted.emit()
        return self._labels()

    def _labels(self) -> CorrectedLabels | None:
        if self._written is None and self.painting is not None:
            self._written = CorrectedLabels(self.painting)
        return self._written


def shown_classes(state: SegmentState, t: int) -> NDArray[np.uint8] | None:
    """Return the classes ``(H, W)`` that masks or preview show of a frame."""
    if state.masks is not None and state.masks_shown and state.masks.done[t]:
        return state.masks.mask(t)
    if state.preview_on and state.preview_mask is not None:
        shown, mask = state.preview_mask
        return mask if shown == t else None
    return None
