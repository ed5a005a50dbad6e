"""Smooth the probabilities of a loop along its flow, and remove small parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.jobs.frame_queue import FrameQueue
from napari_motionseg.motion import FlowCache, FlowSettings, lazy_flow
from napari_motionseg.segmentation.flow_propagation import smooth_along_flow
from napari_motionseg.segmentation.postprocess import postprocess_mask
from napari_motionseg.segmentation.predict import Segmentation


def smooth_job(
    cine: Cine,
    found: Segmentation,
    *,
    frames: Sequence[int] | None = None,
    device: str = "auto",
) -> Job[Segmentation]:
    """Bring each frame of a segmentation together with its neighbours.

    Parameters
    ----------
    cine
        The loop, of two frames or more.
    found
        Its segmentation, which is not changed.
    frames
        Indices of the frames to smooth, in this order; all if None. While the job
        runs, a frame can be sent to it; it goes on with those nearest to that one.
    device
        Where the flow is estimated; what is kept of it is used.

    Yields
    ------
    Progress
        One a frame; `preview` as in `segment_job`.

    Returns
    -------
    Segmentation
        After `STOP`, the other frames as they were; damaged frames stay empty.

    Raises
    ------
    MotionError
        If no flow can be estimated of the loop.
    """
    flow = lazy_flow(
        cine, FlowSettings(backward=True, device=device), FlowCache.default()
    )
    order = range(len(cine)) if frames is None else frames
    result = dataclasses.replace(
        found, masks=found.masks.copy(), probabilities=found.probabilities.copy()
    )
    waiting = FrameQueue(t for t in order if t not in cine.frames.damaged)
    total = len(waiting)
    for step in range(1, total + 1):
        t = waiting.take()[0]
        smooth = smooth_along_flow(found.probabilities, flow, t).astype(np.float16)
        result.probabilities[t] = smooth
        result.masks[t] = postprocess_mask(smooth, found.likeliest[t], found.threshold)
        preview = (t, *(part[t].copy() for part in result.parts))
        words = f"smoothing frame {t} along the flow"
        signal = yield Progress(
            step, total, words, {}, preview, (t,), waiting.next_frame
        )
        if signal == STOP:
            break
        waiting.hear(signal)
    return result


def postprocess(found: Segmentation, smallest: int) -> NDArray[np.uint8]:
    """Return the masks ``(T, H, W)`` without parts of less than `smallest` pixels."""
    if smallest < 2:
        return found.masks
    frames = zip(found.probabilities, found.likeliest, found.done, strict=True)
    return np.stack(
        [
            postprocess_mask(p, k, found.threshold, smallest)
            if done
            else np.zeros_like(k)
            for p, k, done in frames
        ]
    )
