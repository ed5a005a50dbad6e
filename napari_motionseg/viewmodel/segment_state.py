"""The state that the sections of the Segment dock share.

A plain object, evented and free of Qt. Each section is given the state, changes its
fields, and hears of changes that others make; no section knows another one. Layers are
opaque here, apart from what `painting` and `LoopMasks` ask of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from psygnal import Signal, SignalGroupDescriptor

from napari_motionseg.io.labels import LabelMode
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.painting import (
    NEW_NAMES,
    background_label,
    names_of,
    overwrite_frame,
    painted_frames,
)
from napari_motionseg.viewmodel.session import Model, Session


@dataclass(eq=False)
class SegmentState:
    """State of one Segment dock: painted, learned, segmented and shown.

    ``state.events.threshold`` is emitted with the new value when the threshold changes,
    and so on for every field; ``state.events`` is emitted on each of these changes.

    Parameters
    ----------
    session
        The session of the viewer.
    loop
        The image layer of the loop to segment, or None.
    painting
        The labels layer that is painted on, or None.
    names
        The names of the classes of `painting`, the background first; where there is no
        such layer, the names of the one that the first brush makes.
    label_mode
        What an unpainted pixel means, see `Labels`.
    model
        The model that segments, and that the preview builds on, or None.
    trained
        The checkpoint of the last training, which the next one continues, or None.
    threshold
        Probability from which a pixel is no background, between 0 and 1.
    smallest
        Connected parts of fewer pixels are left out of the masks.
    preview_on
        Whether strokes are previewed on the shown frame.
    preview_classes
        Numbers of the classes that the last preview knows strokes of.
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
        One sentence about the frame to label next, or the one just taken.

    Attributes
    ----------
    previewed
        Emitted with the image layer of the loop when a preview was laid over it.
    """

    session: Session
    loop: Any = None
    painting: Any = None
    names: tuple[str, ...] = ()
    label_mode: LabelMode = "scribbles"
    model: Model | None = None
    trained: Path | None = None
    threshold: float = 0.5
    smallest: int = 0
    preview_on: bool = True
    preview_classes: tuple[int, ...] = ()
    masks: LoopMasks | None = None
    masks_visible: bool = False
    uncertainty_on: bool = False
    training_on: Any = None
    job: str | None = None
    advice: str = ""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    previewed: ClassVar[Signal] = Signal(object)

    def __post_init__(self) -> None:
        self._preview_set_aside = False
        self._masks_before_training = False

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        return self.job is None

    @property
    def masks_shown(self) -> bool:
        """Whether masks are to be seen, of one frame at least."""
        return (
            self.masks is not None
            and self.masks_visible
            and bool(self.masks.done.any())
        )

    # painting

    def paint_on(self, painting: Any) -> None:
        """Choose the labels layer that is painted on, or None."""
        self.painting = painting
        self.refresh_names()

    def refresh_names(self) -> None:
        """Read the names of the classes again, after one was added."""
        painting = self.painting
        self.names = NEW_NAMES if painting is None else names_of(painting)

    def label_of(self, number: int) -> int:
        """Return the label that paints class `number`, 0 = background."""
        return background_label(self.painting, self.label_mode) + number

    def take_brush(self) -> None:
        """Show what strokes do: the masks would hide it, and do not follow."""
        if self.take_up_preview():
            self.masks_visible = False

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
        """Make room for the progress of a training on a loop."""
        self.training_on = loop
        self.set_preview_aside()
        self._masks_before_training = self.masks_shown
        self.masks_visible = False

    def end_training(self, learned: bool) -> None:
        """Show the preview of the new model; if there is none, what was shown before.

        Parameters
        ----------
        learned
            Whether the training has left a model.
        """
        self.training_on = None
        if self._masks_before_training and not learned:
            self.masks_visible = self.masks is not None
        else:
            self.take_up_preview()

    # masks

    def begin_masks(self, masks: LoopMasks) -> None:
        """Take masks that are about to be filled, and make room for them."""
        self.masks = masks
        self.masks_visible = True
        self.set_preview_aside()

    def drop_masks(self) -> None:
        """Forget the masks, whose layer is gone."""
        self.masks, self.masks_visible = None, False

    def adjust(self, threshold: float, smallest: int) -> None:
        """Set how masks are made of probabilities, and show the masks if there are any.

        Parameters
        ----------
        threshold
            Probability from which a pixel is no background, between 0 and 1.
        smallest
            Connected parts of fewer pixels are left out.
        """
        if self.masks is not None:
            self.masks_visible = True
            self.set_preview_aside()
        self.threshold, self.smallest = threshold, smallest

    def take_frame(self, t: int) -> None:
        """Take the mask of a frame over into the labels, as a single step of undo.

        Nothing happens where there are no masks or no labels layer.
        """
        if self.masks is None or self.painting is None:
            return
        self.masks.confirmed[t] = True
        first = np.uint8(self.label_of(0))
        overwrite_frame(self.painting, t, self.masks.mask(t) + first)
        self.advice = f"Frame {t} is among the labels now."

    def suggest(self) -> int | None:
        """Return the frame where a label would help most, and say why in `advice`.

        Returns
        -------
        int or None
            None where there are no masks.

        Raises
        ------
        LabelError
            If every segmented frame is labelled already.
        """
        from napari_motionseg.segmentation.suggest import suggest_frame

        if self.masks is None:
            return None
        labelled = [] if self.painting is None else painted_frames(self.painting)
        found = suggest_frame(self.masks.probabilities, labelled, self.masks.done)
        self.advice = found.reason
        return found.frame
