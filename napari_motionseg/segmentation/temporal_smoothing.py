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
from napari_motionseg.segmentation.obeyed_labels import obey, obeying
from napari_motionseg.segmentation.postprocess import postprocess_mask
from napari_motionseg.segmentation.predict import Segmentation


def smooth_job(
    cine: Cine,
    found: Segmentation,
    *,
    frames: Sequence[int] | None = None,
    device: str = "auto",
) -> Job[Segmentation]:
    """Smooth each frame of a segmentation with its neighbours, warped by the flow.

    Parameters
    ----------
    cine
        The loop, with at least two frames.
    found
        Segmentation of the loop, which is not changed.
    frames
        Indices of the frames to smooth, in this order; None for all. While the job
        runs, ``job.send(12)`` continues with the frames nearest to frame 12.
    device
        Name of the device to estimate flow on; flow in the cache is reused.

    Yields
    ------
    Progress
        After each frame; `preview` is that of `segment_job`.

    Returns
    -------
    Segmentation
        Smoothed masks; after `STOP`, later frames are unchanged. Damaged frames stay
        empty.

    Raises
    ------
    MotionError
        If no flow of the loop can be estimated.
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
        if found.labels is not None:
            obey(smooth, result.likeliest[t], found.labels.target(t))
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
    """Return the masks ``(T, H, W)`` without parts smaller than `smallest` pixels.

    Labelled pixels that the masks obey stay, however small their part is.
    """
    if smallest < 2:
        return found.masks
    masks = np.zeros_like(found.masks)
    for t in np.flatnonzero(found.done):
        masks[t] = postprocess_mask(
            found.probabilities[t], found.likeliest[t], found.threshold, smallest
        )
        if found.labels is not None:
            masks[t] = obeying(masks[t], found.labels.target(int(t)))
    return masks
