"""Run jobs for layers; flow returns in files that the window maps, masks by frame.

The flow of a loop takes a hundred megabytes. Sent through the pipe of a child process,
it would block the window while that unpickles it.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_motionseg.cine import Cine, FrameStack
from napari_motionseg.errors import MotionError
from napari_motionseg.jobs import STOP, Job, Progress

if TYPE_CHECKING:
    from napari_motionseg.motion import FlowSequence, FlowSettings


@dataclass(frozen=True)
class FlowRequest:
    """A flow to estimate.

    Parameters
    ----------
    settings
        Settings, whose gap is a number.
    known
        Whether the forward flow is known, so that only the backward flow is estimated.
    """

    settings: FlowSettings
    known: bool = False


@dataclass(frozen=True)
class StoredFlow:
    """Flow on disk.

    Parameters
    ----------
    forward, backward
        ``.npy`` files ``(T - gap, 2, H, W)`` float32 px, or None.
    gap, method, notes, missing
        As in `FlowSequence`.
    """

    forward: Path | None
    backward: Path | None
    gap: int
    method: str
    notes: tuple[str, ...]
    missing: frozenset[int] = frozenset()

    def open(self, known: FlowSequence | None = None) -> FlowSequence:
        """Map the files into memory; they are removed when the flow is no longer used.

        Parameters
        ----------
        known
            Flow that was known before, if only the backward flow was estimated.

        Raises
        ------
        MotionError
            If there is no forward flow.
        """
        from napari_motionseg.motion import FlowSequence

        if self.forward is not None:
            forward = _map_array(self.forward)
        elif known is not None:
            forward = known.forward
        else:
            raise MotionError("the forward flow is missing")
        backward = None if self.backward is None else _map_array(self.backward)
        return FlowSequence(
            forward, backward, self.gap, self.method, self.notes, self.missing
        )


def flow_layer_job(
    cine: Cine,
    requests: list[FlowRequest],
    folder: Path,
    number: int,
    first: int = 0,
) -> Job[list[StoredFlow]]:
    """Estimate flows one after the other.

    Flow of networks is cached, see `FlowCache.default`, so that a job that was stopped
    goes on from there.

    Parameters
    ----------
    cine
        The loop.
    requests
        The flows to estimate.
    folder, number
        Folder of the files, and a number in their names that no other run has.
    first
        Frame to begin with; another frame can be sent while the job runs.

    Yields
    ------
    Progress
        After each pair of frames, counted over all requests.

    Returns
    -------
    list of StoredFlow
        The flows; after `STOP`, those so far, the last one with its pairs so far.
    """
    stored: list[StoredFlow] = []
    for index, request in enumerate(requests):
        flow, stopped = yield from _relay_progress(
            _estimate(cine, request, first),
            request.settings.method,
            index,
            len(requests),
        )
        if request.known and stopped:
            break  # a part of the backward flow cannot be used
        names = [f"flow-{number}-{index}.npy", f"back-{number}-{index}.npy"]
        stored.append(_store_flow(flow, request, [folder / name for name in names]))
        if stopped:
            break
    return stored


def _estimate(cine: Cine, request: FlowRequest, first: int) -> Job[FlowSequence]:
    """Estimate a flow; a backward flow alone as the flow of the reversed loop."""
    from napari_motionseg.motion import FlowCache, estimate_flow_job

    if not request.known:
        cache = FlowCache.default()
        return (yield from estimate_flow_job(cine, request.settings, cache, first))
    settings = dataclasses.replace(request.settings, backward=False)
    return (yield from estimate_flow_job(reversed_cine(cine), settings))


def reversed_cine(cine: Cine) -> Cine:
    """Return a loop whose frames run from the last to the first."""
    pixels, last = cine.frames[::-1], len(cine) - 1
    damaged = [last - t for t in cine.frames.damaged]
    frames = FrameStack.from_array(pixels, damaged, cine.frames.blank)
    return dataclasses.replace(cine, frames=frames, frame_times=None, files=())


def _store_flow(
    flow: FlowSequence, request: FlowRequest, files: list[Path]
) -> StoredFlow:
    facts = flow.gap, flow.method, flow.notes
    if request.known:
        turned = np.asarray(flow.forward)[::-1]
        missing = frozenset(len(flow) - 1 - t for t in flow.missing)
        return StoredFlow(None, _save_array(files[1], turned), *facts, missing)
    back = None if flow.backward is None else _save_array(files[1], flow.backward)
    return StoredFlow(_save_array(files[0], flow.forward), back, *facts, flow.missing)


def _relay_progress(
    job: Job[FlowSequence], method: str, index: int, count: int
) -> Job[tuple[FlowSequence, bool]]:
    """Run one of several jobs; return its flow and whether it was stopped."""
    stopped, signal = False, None
    try:
        progress = next(job)
        while True:
            total = progress.total
            step = index * total + progress.step
            message = f"{method}: {progress.message}" if count > 1 else progress.message
            # previews are left out because they would block the pipe
            signal = yield Progress(step, total * count, message)
            stopped = stopped or signal == STOP
            progress = job.send(signal)
    except StopIteration as end:
        return end.value, stopped
    finally:
        job.close()


def segment_layer_job(
    cine: Cine, model: Path, frames: list[int], smooth: bool = False
) -> Job[NDArray[np.bool_]]:
    """Segment frames in this order, and smooth them along the flow afterwards.

    Parameters
    ----------
    cine, model, frames
        See `segment_job`.
    smooth
        Whether each frame is then brought together with its neighbours.

    Yields
    ------
    Progress
        What `segment_job` does, a megabyte a frame; smoothed frames once more.

    Returns
    -------
    ndarray
        ``(T,)`` bool: the frames that were segmented; damaged ones are not.
    """
    from napari_motionseg.segmentation import segment_job
    from napari_motionseg.segmentation.temporal_smoothing import smooth_job

    result = yield from segment_job(cine, model, frames=frames)
    good = [t for t in range(len(cine)) if t not in cine.frames.damaged]
    if smooth and len(cine) > 1 and result.done[good].all():
        yield from smooth_job(cine, result, frames=frames)
    return result.done


def _save_array(path: Path, array: ArrayLike) -> Path:
    np.save(path, array)
    return path


def _map_array(path: Path) -> NDArray[np.float32]:
    array: NDArray[np.float32] = np.load(path, mmap_mode="r")
    finalize(array, _remove, path)
    return array


def _remove(path: Path) -> None:
    # a file that is still mapped cannot be removed on Windows; the session's folder can
    with suppress(OSError):
        path.unlink()
