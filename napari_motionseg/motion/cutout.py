"""Separate a loop into the absorption of its painted vessels, and backgrounds.

A vessel absorbs a share of the light (Beer-Lambert law). The logarithm of that share is
measured against the background, which is filled in from beside the vessel. It darkens
any other background as it would in a patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, TrainingError
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.motion.contrast_arrival import (
    density,
    frames_before_contrast,
    is_logarithmic,
    scaled,
)
from napari_motionseg.motion.inpainting import fill_in

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

MOST_PAINTED = 0.5  # share of a frame; with more vessel, the background is unknown
DENOISING_PX = 1.0  # standard deviation of the denoising blur
BLUR_PX = 2.0  # distance in px at 512 px by which a vessel darkens beyond its mask
SPREAD = 2.0  # standard deviations of denoising by which the edge moves outwards
GAUSSIAN_MAD = 1.4826  # standard deviation divided by the median absolute deviation


@dataclass(frozen=True, eq=False)
class LoopLayers:
    """Layers from which pairs with known flow are composed.

    Parameters
    ----------
    backgrounds
        Frames ``(K, H, W)`` float32 in [0, 1], without contrast agent and noise.
    absorptions
        Absorption ``(N, H, W)`` float32 of each cut vessel, at least 0: it is
        subtracted from the logarithm of a background, or from its gray value if
        `logarithmic`.
    vessels
        Masks ``(N, H, W)`` bool of the cut vessels.
    noise
        Standard deviation of the loop's noise, in gray values.
    logarithmic
        Whether gray values are already logarithms of the intensity.
    contrast_free
        Indices of the frames in `backgrounds`; empty if vessels were filled in.
    notes
        Sentences about what was guessed or left out.
    """

    backgrounds: Tensor
    absorptions: Tensor
    vessels: Tensor
    noise: float
    logarithmic: bool = False
    contrast_free: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def to(self, device: torch.device) -> LoopLayers:
        """Return the same layers on another device."""
        names = ("backgrounds", "absorptions", "vessels")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True, eq=False)
class Cut:
    """A frame that is separated into vessel and background.

    Parameters
    ----------
    absorption
        Absorption ``(H, W)`` of the vessel, at least 0; see `LoopLayers`.
    vessel
        Mask ``(H, W)`` of the vessel.
    background
        The frame ``(H, W)`` in [0, 1] with the vessel filled in, without noise.
    """

    absorption: Map
    vessel: Mask
    background: Map


def cut_out_job(cine: Cine, labels: Labels) -> Job[LoopLayers]:
    """Cut the painted vessels out of a loop, and find backgrounds for them.

    Parameters
    ----------
    cine
        The loop that was painted on.
    labels
        Labels of the loop; every class except background is vessel. Of scribbles, only
        the strokes are cut.

    Yields
    ------
    Progress
        After each painted frame.

    Returns
    -------
    LoopLayers
        Backgrounds are the first frames, before contrast arrives, and densely labelled
        frames without vessel. If there are none, they are the painted frames with their
        vessels filled in.

    Raises
    ------
    LabelError
        If labels do not fit, contain no vessel or almost only vessel, or if the painted
        pixels are not darker than their surroundings.
    TrainingError
        If the job is stopped, because there is no result to keep yet.
    """
    masks = painted_vessels(cine, labels)
    frames = [t for t, mask in masks.items() if mask.any()]
    cuts: dict[int, Cut] = {}
    for number, t in enumerate(frames, start=1):
        cut = cut_vessel(cine.normalized(t), masks[t], is_logarithmic(cine))
        if cut is not None:
            cuts[t] = cut
        message = f"Cutting the vessel of frame {t} out"
        if (yield Progress(number, len(frames), message)) == STOP:
            raise TrainingError(
                "stopped while vessels were cut out, before anything was learnt that "
                "could be kept"
            )
    pale = [t for t in frames if t not in cuts]
    if not cuts:
        raise LabelError(
            f"{cine.name}: the pixels painted on frame {_listed(pale)} are not darker "
            "than their surroundings, though vessels with contrast agent must be "
            "dark; check that the labels belong to this loop"
        )
    empty = () if labels.mode == "scribbles" else set(masks) - set(frames)
    most = max(cuts, key=lambda t: int(cuts[t].vessel.sum()))
    before = frames_before_contrast(
        cine, most, cuts[most].vessel, cuts[most].background
    )
    free = sorted({*(t for t in before if t < min(cuts)), *empty})
    return _layers(cine, cuts, free, pale)


def painted_vessels(cine: Cine, labels: Labels) -> dict[int, Mask]:
    """Return the vessel mask ``(H, W)`` of each labelled frame that is not damaged.

    Raises
    ------
    LabelError
        If labels contain no vessel or almost only vessel.
    """
    labels.require_shape(cine.shape)
    masks: dict[int, Mask] = {
        t: labels.target(t) >= 1 for t in labels.frames if cine.frames.usable(t)
    }
    if not any(mask.any() for mask in masks.values()):
        vessel = 2 if labels.mode == "scribbles" else 1
        raise LabelError(
            f"{cine.name}: no vessel is painted (mode {labels.mode!r}); paint vessel as"
            f" {vessel} on at least one frame"
        )
    for t, mask in masks.items():
        if mask.mean() > MOST_PAINTED:
            raise LabelError(
                f"{cine.name}: {mask.mean():.0%} of frame {t} is painted as vessel; "
                f"at most {MOST_PAINTED:.0%} leave enough background to cut it from. "
                "Paint only the vessel"
            )
    return masks


def cut_vessel(frame: Map, mask: Mask, logarithmic: bool = False) -> Cut | None:
    """Separate a frame into its painted vessel and the background.

    Parameters
    ----------
    frame
        Frame ``(H, W)`` in [0, 1].
    mask
        Mask ``(H, W)`` of the painted vessel.
    logarithmic
        Whether gray values are already logarithms of the intensity.

    Returns
    -------
    Cut or None
        None if the painted pixels are, on average, not darker than the background.

    Raises
    ------
    MotionError
        If the painted pixels and their margins leave no background.
    """
    away = ndimage.distance_transform_edt(~mask)
    margin = SPREAD * DENOISING_PX + scaled(BLUR_PX, mask.shape)
    observed = density(_denoised(frame), logarithmic)
    filled = fill_in(observed, away <= margin)
    # full strength in the vessel, fading to nothing at the edge of the filled-in area
    alpha = _eased(2 - 2 * away / margin) * _inside(mask.shape, margin)
    absorption = (np.clip(filled - observed, 0, None) * alpha).astype(np.float32)
    vessel: Mask = mask & (alpha > 0.5)
    if not vessel.any() or np.median((filled - observed)[vessel]) <= 0:
        return None
    background = filled if logarithmic else np.exp(filled)
    return Cut(absorption, vessel, np.clip(background, 0, 1).astype(np.float32))


def noise_level(frame: Map) -> float:
    """Return the standard deviation of a frame's noise; edges hardly count."""
    rest = frame - ndimage.gaussian_filter(frame, 2 * DENOISING_PX)
    return float(GAUSSIAN_MAD * np.median(np.abs(rest)))


def _layers(
    cine: Cine, cuts: Mapping[int, Cut], free: list[int], pale: list[int]
) -> LoopLayers:
    notes = []
    if pale:
        notes.append(
            f"frame {_listed(pale)} is left out, because the pixels painted there are "
            "not darker than their surroundings"
        )
    if free:
        backgrounds = [_denoised(cine.normalized(t)) for t in free]
    else:
        backgrounds = [cut.background for cut in cuts.values()]
        notes.append(
            "contrast agent is present from the first frame on, so backgrounds are "
            "painted frames with their vessels filled in; unpainted vessels stay in "
            "them"
        )
    return LoopLayers(
        torch.from_numpy(np.stack(backgrounds)),
        torch.from_numpy(np.stack([cut.absorption for cut in cuts.values()])),
        torch.from_numpy(np.stack([cut.vessel for cut in cuts.values()])),
        float(np.median([noise_level(cine.normalized(t)) for t in cuts])),
        is_logarithmic(cine),
        tuple(free),
        tuple(notes),
    )


def _denoised(frame: Map) -> Map:
    denoised: Map = ndimage.gaussian_filter(frame, DENOISING_PX)
    return denoised


def _inside(shape: tuple[int, ...], margin: float) -> NDArray[np.float64]:
    """Return weights that fall to 0 at the border, where vessels are cut off."""
    edges = (np.minimum(np.arange(n), np.arange(n)[::-1]) / margin for n in shape)
    down, across = (_eased(edge) for edge in edges)
    return np.outer(down, across)


def _eased(part: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return a smooth transition from 0 to 1."""
    part = np.clip(part, 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float64)


def _listed(frames: list[int]) -> str:
    return ", ".join(map(str, frames))
