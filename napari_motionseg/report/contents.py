"""What a report is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation import Evaluation


@dataclass(frozen=True, eq=False)
class FromMotion:
    """Pictures of what an embedding has learnt from motion, on one frame.

    Parameters
    ----------
    frame
        Index of the frame.
    flow, flow_frame
        ``(2, H, W)`` px, and the frame that it starts from.
    gap
        Frames between the two of the flow.
    projection
        ``(H, W, 3)`` in [0, 1]: the embedding of the frame in colours.
    similarity, anchor
        ``(H, W)`` cosines in [-1, 1] with the embedding at the anchor (row, column).
    """

    frame: int
    flow: NDArray[np.floating]
    flow_frame: int
    gap: int
    projection: NDArray[np.floating]
    similarity: NDArray[np.floating]
    anchor: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that the page of a run shows.

    Parameters
    ----------
    title
        Heading of the page.
    cine
        The loop.
    masks
        ``(T, H, W)`` class numbers, 0 = background: the result.
    labelled
        Indices of the frames that were labelled.
    from_motion
        What an embedding has learnt, or None.
    truth
        ``(T, H, W)`` bool, or None where it is not known.
    truth_note
        What it is, for a person.
    shown
        Indices of the frames that are shown one by one; all if None.
    evaluation
        Frame by frame against the truth, or None.
    losses
        By the name of the training, of each step.
    times
        Seconds by stage, in order.
    headlines
        Name and value of the most important numbers.
    provenance
        Name and value: seed, versions, device, weights. No patient attribute.
    cards
        Model cards of the checkpoints by file name, as JSON values.
    movie
        An MP4 or GIF to embed, or None.

    Raises
    ------
    SettingsError
        If masks or truth do not fit the loop.
    """

    title: str
    cine: Cine
    masks: NDArray[Any]
    labelled: tuple[int, ...]
    from_motion: FromMotion | None = None
    truth: NDArray[np.bool_] | None = None
    truth_note: str = ""
    shown: tuple[int, ...] | None = None
    evaluation: Evaluation | None = None
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    headlines: Sequence[tuple[str, str]] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    movie: Path | None = None

    def __post_init__(self) -> None:
        for name in ("masks", "truth"):
            array = getattr(self, name)
            if array is not None and array.shape != self.cine.shape:
                raise SettingsError(
                    f"{name} of shape {array.shape} do not fit a loop of shape "
                    f"{self.cine.shape}"
                )
