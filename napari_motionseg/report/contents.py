"""Define the contents of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.measurement.loop_vessel import LoopVessel
from napari_motionseg.segmentation import Evaluation


@dataclass(frozen=True, eq=False)
class FromMotion:
    """Pictures of what an embedding has learnt from motion, on one frame.

    Parameters
    ----------
    frame
        Index of the frame.
    flow, flow_frame
        Flow ``(2, H, W)`` in px, and index of the frame where it begins.
    gap
        Number of frames from the first to the second frame of the flow.
    projection
        Embedding of the frame as colours ``(H, W, 3)`` in [0, 1].
    similarity, anchor
        Cosine ``(H, W)`` in [-1, 1] with the embedding at the anchor (row, column).
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
        The loop of the run.
    masks
        Result of the run, class numbers ``(T, H, W)``, 0 for background.
    labelled
        Indices of the frames that were labelled.
    from_motion
        Pictures of a pretraining, or None.
    truth
        True masks ``(T, H, W)`` bool; None if unknown.
    truth_note
        Sentence for the reader about the source of the truth.
    shown
        Indices of the frames that are shown one by one; None shows all.
    evaluation
        Metrics of each frame against the truth, or None.
    losses
        Loss of each step, by name of the training.
    times
        Seconds of each stage, in order.
    headlines
        Names and values of the most important numbers.
    provenance
        Names and values of seed, versions, device and weights, without patient
        attributes.
    cards
        Model cards of the checkpoints by file name, as JSON values.
    movie
        Path of an MP4 or GIF to embed, or None.
    vessels
        Vessels that were measured in the loop.

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
    vessels: Sequence[LoopVessel] = ()

    def __post_init__(self) -> None:
        for name in ("masks", "truth"):
            array = getattr(self, name)
            if array is not None and array.shape != self.cine.shape:
                raise SettingsError(
                    f"{name} of shape {array.shape} do not fit a loop of shape "
                    f"{self.cine.shape}"
                )
