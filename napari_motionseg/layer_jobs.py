"""Jobs for layers: their results come through files that the window maps.

A loop's flow or masks are a hundred megabytes: through the pipe of a child process they
would hold up the window that unpickles them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.jobs import Job, Progress

if TYPE_CHECKING:
    from napari_motionseg.motion import FlowSequence, FlowSettings


@dataclass(frozen=True)
class StoredFlow:
    """Flow and its colours on disk.

    Parameters
    ----------
    forward, colors
        ``.npy`` files: ``(T - gap, 2, H, W)`` float32 and ``(T - gap, H, W, 3)`` uint8.
    backward
        As `forward`, or None.
    gap, method, notes
        As in `FlowSequence`.
    maximum
        Length in px of a fully saturated colour.
    """

    forward: Path
    colors: Path
    backward: Path | None
    gap: int
    method: str
    notes: tuple[str, ...]
    maximum: float

    def open(self) -> tuple[FlowSequence, NDArray[np.uint8]]:
        """Map the files: flow, and its colours."""
        from napari_motionseg.motion import FlowSequence

        backward = None if self.backward is None else _map(self.backward)
        flow = FlowSequence(
            _map(self.forward), backward, self.gap, self.method, self.notes
        )
        return flow, _map(self.colors)


@dataclass(frozen=True)
class StoredSegmentation:
    """Masks and probabilities on disk.

    Parameters
    ----------
    masks, probabilities
        ``.npy`` files of ``(T, H, W)``.
    done
        ``(T,)`` bool: the frames that were segmented.
    """

    masks: Path
    probabilities: Path
    done: NDArray[np.bool_]

    def open(self) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """Read masks and probabilities; both may be changed."""
        return np.load(self.masks), np.load(self.probabilities)


def flow_layer_job(
    cine: Cine, settings: FlowSettings, folder: Path, number: int
) -> Job[StoredFlow]:
    """Estimate flow and colour it.

    Parameters
    ----------
    cine, settings
        See `estimate_flow_job`, whose progress is yielded without the pictures.
    folder, number
        Where files go, and what tells them from those of other runs.
    """
    from napari_motionseg.motion import estimate_flow_job, flow_to_rgb

    flow = yield from _without_preview(estimate_flow_job(cine, settings))
    maximum = flow.full_color_px
    backward = flow.backward
    return StoredFlow(
        _store(folder / f"flow-{number}.npy", flow.forward),
        _store(folder / f"colors-{number}.npy", flow_to_rgb(flow.forward, maximum)),
        None if backward is None else _store(folder / f"back-{number}.npy", backward),
        flow.gap,
        flow.method,
        flow.notes,
        maximum,
    )


def segment_layer_job(
    cine: Cine, model: Path, folder: Path, number: int, frames: list[int]
) -> Job[StoredSegmentation]:
    """Segment `frames` in this order; yields what `segment_job` does.

    Parameters
    ----------
    cine, model, frames
        See `segment_job`.
    folder, number
        Where files go, and what tells them from those of other runs.
    """
    from napari_motionseg.segmentation import segment_job

    result = yield from segment_job(cine, model, frames=frames)
    return StoredSegmentation(
        _store(folder / f"masks-{number}.npy", result.masks),
        _store(folder / f"probabilities-{number}.npy", result.probabilities),
        result.done,
    )


def _without_preview(job: Job[FlowSequence]) -> Job[FlowSequence]:
    signal = None
    try:
        progress = next(job)
        while True:
            signal = yield Progress(progress.step, progress.total, progress.message)
            progress = job.send(signal)
    except StopIteration as end:
        result: FlowSequence = end.value
        return result
    finally:
        job.close()


def _store(path: Path, array: NDArray[Any]) -> Path:
    np.save(path, array)
    return path


def _map(path: Path) -> Any:
    return np.load(path, mmap_mode="r")
