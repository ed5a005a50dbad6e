"""Define the jobs that docks start in a worker process.

The flow of a loop takes a hundred megabytes. A job therefore writes it to files, which
the window maps into memory; masks are sent frame by frame. Nothing here needs a window:
the worker process imports this module and not the docks.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_motionseg.cine import Cine, FrameStack
from napari_motionseg.errors import MotionError
from napari_motionseg.jobs import STOP, Job, Progress

if TYPE_CHECKING:
    from napari_motionseg.embedding.activation_maximization import PreferredSettings
    from napari_motionseg.io import Labels
    from napari_motionseg.motion import FlowSequence, FlowSettings
    from napari_motionseg.segmentation import Segmentation


@dataclass(frozen=True)
class FlowRequest:
    """A flow to estimate.

    Parameters
    ----------
    settings
        Settings of the flow, whose gap is a number.
    known
        Whether the forward flow is known, so that only the backward flow is estimated.
    """

    settings: FlowSettings
    known: bool = False


def on_device(settings: FlowSettings, device: str) -> FlowSettings:
    """Return settings with a device; docks identify a flow by settings without it."""
    return dataclasses.replace(settings, device=device)


@dataclass(frozen=True)
class StoredFlow:
    """Flow in files on disk.

    Parameters
    ----------
    forward, backward
        Paths of ``.npy`` files with flow ``(T - gap, 2, H, W)`` in px, float32; None
        for a direction that was not estimated.
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

    Flow of networks is cached, see `FlowCache.default`. A job that was stopped
    therefore continues where it ended.

    Parameters
    ----------
    cine
        The loop.
    requests
        The flows to estimate.
    folder, number
        Folder of the files, and a number in their names that no other run has.
    first
        Index of the frame to begin with. Another index can be sent while the job runs.

    Yields
    ------
    Progress
        After each pair of frames, counted over all requests.

    Returns
    -------
    list of StoredFlow
        The flows. After `STOP`, those estimated so far; the last one may lack pairs.
    """
    stored: list[StoredFlow] = []
    for index, request in enumerate(requests):
        flow, stopped, first = yield from _relay_progress(
            _estimate(cine, request, first),
            request.settings.method,
            (index, len(requests)),
            first,
        )
        if request.known and stopped:
            break  # a part of the backward flow cannot be used
        names = [f"flow-{number}-{index}.npy", f"back-{number}-{index}.npy"]
        stored.append(_store_flow(flow, request, [folder / name for name in names]))
        if stopped:
            break
    return stored


def _estimate(cine: Cine, request: FlowRequest, first: int) -> Job[FlowSequence]:
    """Estimate a flow; only backward flow is estimated as flow of the reversed loop."""
    from napari_motionseg.motion import FlowCache, estimate_flow_job

    if not request.known:
        cache = FlowCache.default()
        return (yield from estimate_flow_job(cine, request.settings, cache, first))
    settings = dataclasses.replace(request.settings, backward=False)
    last = len(cine) - 1 - int(settings.gap)  # index of the last pair of frames
    backwards = estimate_flow_job(
        reversed_cine(cine), settings, first=max(0, last - first)
    )
    return (yield from _turned_around(backwards, last))


def _turned_around(job: Job[FlowSequence], last: int) -> Job[FlowSequence]:
    """Run a job of a reversed loop, with frame indices of the original loop."""
    signal = None
    try:
        progress = next(job)
        while True:
            following = progress.next_frame
            signal = yield dataclasses.replace(
                progress,
                frames=tuple(last - t for t in progress.frames),
                next_frame=None if following is None else last - following,
            )
            if isinstance(signal, int):
                signal = max(0, last - signal)
            progress = job.send(signal)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        job.close()


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
    job: Job[FlowSequence], method: str, place: tuple[int, int], wanted: int
) -> Job[tuple[FlowSequence, bool, int]]:
    """Run one of several jobs; `place` holds its index and their number.

    Return its flow, whether it was stopped, and the frame that was requested last.
    """
    index, count = place
    stopped, signal = False, None
    try:
        progress = next(job)
        while True:
            total = progress.total
            step = index * total + progress.step
            message = f"{method}: {progress.message}" if count > 1 else progress.message
            # a frame is complete with the last flow; previews would be large, and the
            # docks show whole flows
            frames = progress.frames if index == count - 1 else ()
            signal = yield Progress(
                step, total * count, message, {}, None, frames, progress.next_frame
            )
            stopped = stopped or signal == STOP
            if isinstance(signal, int):
                wanted = signal
            progress = job.send(signal)
    except StopIteration as end:
        return end.value, stopped, wanted
    finally:
        job.close()


@dataclass(frozen=True)
class SegmentRequest:
    """A segmentation to make.

    Parameters
    ----------
    model
        Path of the checkpoint.
    frames
        Indices of the frames, in the order in which they are wanted.
    smooth
        Whether all frames are smoothed along the flow afterwards.
    device
        Name of the device, as in `resolve_device`.
    known
        Probabilities ``(T, H, W)`` float16, likeliest classes ``(T, H, W)`` uint8 and
        done frames ``(T,)`` bool of an earlier run that was stopped, which smoothing
        needs; None if there was none.
    labels
        Labels of the loop, which the masks obey; None if nothing is painted.
    catheters
        Whether catheters may become a class of their own; see `segment_job`.
    """

    model: Path
    frames: tuple[int, ...]
    smooth: bool = False
    device: str = "auto"
    known: tuple[NDArray[np.float16], NDArray[np.uint8], NDArray[np.bool_]] | None = (
        None
    )
    labels: Labels | None = None
    catheters: bool = True


def segment_layer_job(cine: Cine, request: SegmentRequest) -> Job[NDArray[np.bool_]]:
    """Segment frames, and smooth them along the flow afterwards if this is wanted.

    Parameters
    ----------
    cine
        The loop.
    request
        The model, and the frames to segment.

    Yields
    ------
    Progress
        Progress of `segment_job`, about a megabyte for each frame; smoothed frames are
        sent a second time.

    Returns
    -------
    ndarray
        ``(T,)`` bool, True for frames that have masks now; damaged ones have none.
    """
    from napari_motionseg.segmentation import segment_job
    from napari_motionseg.segmentation.temporal_smoothing import smooth_job

    frames, device = request.frames, request.device
    result = yield from segment_job(
        cine, request.model, frames=frames, device=device,
        catheters=request.catheters, labels=request.labels,
    )  # fmt: skip
    result = _with_known(result, request)
    good = [t for t in range(len(cine)) if t not in cine.frames.damaged]
    if request.smooth and len(cine) > 1 and result.done[good].all():
        yield from smooth_job(
            cine, result, frames=_outward(frames, len(cine)), device=device
        )
    return result.done


def _outward(frames: tuple[int, ...], count: int) -> list[int]:
    """Return all frames, from the first requested one outward."""
    first = frames[0] if frames else 0
    return sorted(range(count), key=lambda t: (abs(t - first), -t))


def _with_known(found: Segmentation, request: SegmentRequest) -> Segmentation:
    """Add the frames of an earlier run to those of this one."""
    if request.known is None:
        return found
    probabilities, likeliest, done = request.known
    new = found.done[:, None, None]
    return dataclasses.replace(
        found,
        probabilities=np.where(new, found.probabilities, probabilities),
        likeliest=np.where(new, found.likeliest, likeliest),
        done=found.done | done,
    )


def units_job(
    path: Path, layer: str, units: list[int], settings: PreferredSettings
) -> Job[Any]:
    """Load a network and compute the pictures that maximize its units' activation.

    Parameters
    ----------
    path
        Path of the checkpoint.
    layer
        Name of the layer, as in `preferred_job`.
    units
        Indices of the units in the layer.
    settings
        Settings of activation maximization.
    """
    from napari_motionseg.embedding.activation_maximization import preferred_job
    from napari_motionseg.models import load_model

    network: Any = load_model(path, kind=("embedding", "segmentation"))[0]
    return (yield from preferred_job(network, layer, units, settings))


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
