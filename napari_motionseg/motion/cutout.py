"""Taking a loop apart: painted vessels as maps of what they absorb, and backgrounds.

A vessel takes a share of the light that would have come through without it
(Beer-Lambert). The logarithm of that share, measured against the background filled in
from beside the vessel, darkens any other background as it would in a patient.
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

MOST_PAINTED = 0.5  # of a frame; with more of it vessel, its background is a guess
DENOISING_PX = 1.0
BLUR_PX = 2.0  # how far beyond its painted edge a vessel darkens, in 512 px
SPREAD = 2.0  # by so many deviations denoising carries its edge on
GAUSSIAN_MAD = 1.4826  # standard deviation over median absolute deviation


@dataclass(frozen=True, eq=False)
class LoopLayers:
    """Layers of which pairs with known flow are composed.

    Parameters
    ----------
    backgrounds
        ``(K, H, W)`` float32 in [0, 1]: frames without contrast and without noise.
    absorptions
        ``(N, H, W)`` float32, at least 0: what each cut vessel takes off the logarithm
        of a background; off its gray value where `logarithmic`.
    vessels
        ``(N, H, W)`` bool: where the cut vessels lie.
    noise
        Standard deviation of the loop's noise, in gray values.
    logarithmic
        Whether gray values are logarithms of intensity already.
    contrast_free
        Indices of the frames that `backgrounds` are; none if vessels were filled in.
    notes
        What was guessed or left out.
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
    """A frame taken apart.

    Parameters
    ----------
    absorption
        ``(H, W)``, at least 0; see `LoopLayers`.
    vessel
        ``(H, W)``: where the vessel lies.
    background
        ``(H, W)`` in [0, 1]: the frame with its vessel filled in, without noise.
    """

    absorption: Map
    vessel: Mask
    background: Map


def cut_out_job(cine: Cine, labels: Labels) -> Job[LoopLayers]:
    """Cut the painted vessels out of a loop and find backgrounds for them.

    Parameters
    ----------
    cine
        The loop.
    labels
        Of the loop; every class but the background is vessel. Of scribbles, the
        strokes alone are cut.

    Yields
    ------
    Progress
        After each painted frame.

    Returns
    -------
    LoopLayers
        Backgrounds are the first frames, before contrast comes, and frames that were
        labelled in whole and hold no vessel; else the painted frames, filled in.

    Raises
    ------
    LabelError
        If labels do not fit, hold no vessel or almost nothing else, or if what was
        painted is not darker than what lies beside it.
    TrainingError
        If it is stopped: there is nothing to keep yet.
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
                "stopped while vessels were cut out: nothing has been learnt that "
                "could be kept"
            )
    pale = [t for t in frames if t not in cuts]
    if not cuts:
        raise LabelError(
            f"{cine.name}: what is painted on frame {_listed(pale)} is not darker than "
            "what lies beside it; contrast-filled vessels are dark here: check that "
            "the labels belong to this loop"
        )
    empty = () if labels.mode == "scribbles" else set(masks) - set(frames)
    most = max(cuts, key=lambda t: int(cuts[t].vessel.sum()))
    before = frames_before_contrast(
        cine, most, cuts[most].vessel, cuts[most].background
    )
    free = sorted({*(t for t in before if t < min(cuts)), *empty})
    return _layers(cine, cuts, free, pale)


def painted_vessels(cine: Cine, labels: Labels) -> dict[int, Mask]:
    """Return the vessel ``(H, W)`` of each labelled frame that is not damaged.

    Raises
    ------
    LabelError
        See `cut_out_job`.
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
                f"above {MOST_PAINTED:.0%} too little background is left to cut it "
                "from. Paint the vessel alone"
            )
    return masks


def cut_vessel(frame: Map, mask: Mask, logarithmic: bool = False) -> Cut | None:
    """Take a frame apart into its painted vessel and the background.

    Parameters
    ----------
    frame
        ``(H, W)`` in [0, 1].
    mask
        ``(H, W)``: what was painted as vessel.
    logarithmic
        See `LoopLayers`.

    Returns
    -------
    Cut or None
        None where the painted pixels are, on the whole, not darker than the background.

    Raises
    ------
    MotionError
        If the margins of what was painted leave no background.
    """
    away = ndimage.distance_transform_edt(~mask)
    margin = SPREAD * DENOISING_PX + scaled(BLUR_PX, mask.shape)
    observed = density(_denoised(frame), logarithmic)
    filled = fill_in(observed, away <= margin)
    # full strength in the vessel, nothing at the edge of what was filled in: no seam
    alpha = _eased(2 - 2 * away / margin) * _inside(mask.shape, margin)
    absorption = (np.clip(filled - observed, 0, None) * alpha).astype(np.float32)
    vessel: Mask = mask & (alpha > 0.5)
    if not vessel.any() or np.median((filled - observed)[vessel]) <= 0:
        return None
    background = filled if logarithmic else np.exp(filled)
    return Cut(absorption, vessel, np.clip(background, 0, 1).astype(np.float32))


def noise_level(frame: Map) -> float:
    """Return the standard deviation of a frame's noise, robustly: edges are few."""
    rest = frame - ndimage.gaussian_filter(frame, 2 * DENOISING_PX)
    return float(GAUSSIAN_MAD * np.median(np.abs(rest)))


def _layers(
    cine: Cine, cuts: Mapping[int, Cut], free: list[int], pale: list[int]
) -> LoopLayers:
    notes = []
    if pale:
        notes.append(
            f"frame {_listed(pale)} is left out: what is painted there is not darker "
            "than what lies beside it"
        )
    if free:
        backgrounds = [_denoised(cine.normalized(t)) for t in free]
    else:
        backgrounds = [cut.background for cut in cuts.values()]
        notes.append(
            "contrast is there from the first frame on, so backgrounds are painted "
            "frames with their vessels filled in; what was not painted stays in them"
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
    """Go from 0 to 1 without a corner."""
    part = np.clip(part, 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float64)


def _listed(frames: list[int]) -> str:
    return ", ".join(map(str, frames))
