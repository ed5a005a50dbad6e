"""Synthetic pairs with all that their making knows about each pixel of a vessel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from synthetic_pairs import FIRST_SEED, Chunk
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.flow_pairs import moment_pairs
from napari_motionseg.synthesis.scenes import Moment
from napari_motionseg.synthesis.tubes import LEAST_VISIBLE_PX, draw

BESIDE_PX = 3  # so near another vessel, one smooth field cannot be right for both
NOISE_PX = 31  # side of the windows in which noise is measured
NO_NOISE, NO_LOSS = 0.0, 100.0  # of the detector, and quality of JPEG


@dataclass(frozen=True)
class ExactPair:
    """A pair of pictures and the truth about it; fields are ``(H, W)``.

    Parameters
    ----------
    first, second
        Pictures in [0, 1], float32.
    quiet
        The same two pictures without noise and without compression.
    flow, back
        Exact flow ``(2, H, W)`` in px to the second picture, and back from it.
    mask, later
        Vessels of either picture, bool.
    branch, path
        Branch of the vessel at each pixel, and its distance along it in px.
    along
        Unit vector ``(2, H, W)`` along the vessel.
    gone
        Whether the vessel's point has left the picture or lost its contrast, bool.
    crossing, beside
        Largest difference in px between the pixel's motion and that of another visible
        vessel, in the pixel and within 3 px of it, in either picture.
    contrast
        Gray values by which the middle of the vessel differs from what is behind it,
        divided by the standard deviation of the noise.
    diameter
        Diameter of the vessel in px.
    """

    first: np.ndarray
    second: np.ndarray
    quiet: tuple[np.ndarray, np.ndarray]
    flow: np.ndarray
    back: np.ndarray
    mask: np.ndarray
    later: np.ndarray
    branch: np.ndarray
    path: np.ndarray
    along: np.ndarray
    gone: np.ndarray
    crossing: np.ndarray
    beside: np.ndarray
    contrast: np.ndarray
    diameter: np.ndarray


def exact_pairs(chunk: Chunk) -> Iterator[ExactPair]:
    """Yield the pairs of a chunk of the generator ``"package"``, with their truth."""
    seed = FIRST_SEED + chunk.number
    grain = torch.Generator().manual_seed(seed + 1)  # as `training_pairs` draws it
    for now, then in moment_pairs(chunk.count, chunk.size, seed):
        pictures = now.frames(grain), then.frames(grain)
        for number in range(len(pictures[0])):
            yield exact_pair(now, then, pictures, number)


def exact_pair(
    now: Moment, then: Moment, pictures: tuple[Tensor, Tensor], number: int
) -> ExactPair:
    """Return one scene of two moments as a pair.

    Parameters
    ----------
    now, then
        The scenes at the times of the first and the second picture.
    pictures
        Their frames ``(B, H, W)``.
    number
        Which of the B scenes.
    """
    flow, back = now.flow(then)[number], then.flow(now)[number]
    sample = now.vessel_front[number].clamp(min=0)
    trees = now.scenes.trees
    quiet = [noiseless(moment).frames(torch.Generator()) for moment in (now, then)]
    landing = landed(flow)
    inside = ((landing >= 0) & (landing < flow.shape[-1])).all(dim=0)
    x, y = landing.clamp(0, flow.shape[-1] - 1)
    in_field = then.scenes.imagings.open_field[number, y, x]
    apart = []
    for reach in (0, BESIDE_PX):
        here = difference(flow, motion_range(now, then, number, reach))
        there = difference(-flow, motion_range(then, now, number, reach)[..., y, x])
        apart.append(torch.maximum(here, there))
    made = {
        "first": pictures[0][number], "second": pictures[1][number],
        "flow": flow, "back": back,
        "mask": now.masks[number], "later": then.masks[number],
        "branch": trees.branch[sample], "path": trees.path[sample],
        "along": now.vessels.tangents()[sample].permute(2, 0, 1),
        "gone": ~(inside & in_field & (then.visible > 0)[sample]),
        "crossing": apart[0], "beside": apart[1],
        "contrast": contrast_to_noise(now, number, pictures[0][number], sample),
        "diameter": 2 * now.vessels.radii[sample],
    }  # fmt: skip
    arrays = {name: value.numpy() for name, value in made.items()}
    clean = tuple(picture[number].numpy() for picture in quiet)
    return ExactPair(quiet=clean, **arrays)


def noiseless(moment: Moment) -> Moment:
    """Return the same scenes, seen without noise and without compression."""
    seen = moment.scenes.imagings
    imagings = replace(
        seen,
        noise=torch.full_like(seen.noise, NO_NOISE),
        quality=torch.full_like(seen.quality, NO_LOSS),
    )
    return Moment(replace(moment.scenes, imagings=imagings), moment.time)


def contrast_to_noise(
    moment: Moment, number: int, picture: Tensor, sample: Tensor
) -> Tensor:
    """Return the contrast ``(H, W)`` of the middle of each pixel's vessel over noise.

    Parameters
    ----------
    moment
        The scenes at the time of the picture.
    number
        Which scene.
    picture
        Its frame ``(H, W)``.
    sample
        Sample ``(H, W)`` of the vessel that each pixel shows.
    """
    seen = noiseless(moment)
    empty = replace(seen.scenes, opacity=torch.zeros_like(seen.scenes.opacity))
    clean, behind = (
        each.frames(torch.Generator())[number]
        for each in (seen, Moment(empty, moment.time))
    )
    square = ((picture - clean) ** 2)[None]
    noise = functional.avg_pool2d(
        square, NOISE_PX, 1, NOISE_PX // 2, count_include_pad=False
    )[0].sqrt()
    x, y = moment.vessels.centres.round().long().clamp(0, len(picture) - 1).T
    return (clean - behind).abs()[y, x][sample] / noise.clamp(min=1 / 255 / 12**0.5)


def landed(flow: Tensor) -> Tensor:
    """Return the pixel ``(2, H, W)``, x and y, that each pixel's flow leads to."""
    rows, columns = flow.shape[-2:]
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (torch.stack((x, y)) + flow).round().long()


def motion_range(now: Moment, then: Moment, number: int, reach: int) -> Tensor:
    """Return least and largest motion ``(2, 2, H, W)`` of all vessels near each pixel.

    Parameters
    ----------
    now, then
        The scenes at the time of the picture and at the other time.
    number
        Which scene.
    reach
        Distance in px, along rows and columns, up to which a vessel is near.

    Returns
    -------
    Tensor
        First axis: least and largest; second: x and y, in px. Where no vessel is near,
        the least is positive infinity and the largest negative infinity.
    """
    found = now.vessels
    hits = draw(found, now.scenes.config.shape)
    motion = (then.vessels.centres - found.centres).T
    seen = hits.distance <= found.radii.clamp(min=LEAST_VISIBLE_PX)[hits.sample]
    seen &= (now.visible > 0)[hits.sample] & (found.scene[hits.sample] == number)
    pixel, sample = hits.pixel[seen], hits.sample[seen]
    shape = now.vessel_front.shape
    # least motion is found as largest of the opposite motion
    most = torch.full((4, shape.numel()), -torch.inf)
    for row, values in zip(most, (*-motion, *motion), strict=True):
        row.scatter_reduce_(0, pixel, values[sample], "amax")
    most = most.view(4, *shape)[:, number]
    if reach:
        most = functional.max_pool2d(most[None], 2 * reach + 1, 1, reach)[0]
    return torch.stack((-most[:2], most[2:]))


def difference(flow: Tensor, extent: Tensor) -> Tensor:
    """Return the largest difference ``(H, W)`` in px of flow to a range of motions.

    Parameters
    ----------
    flow
        Flow ``(2, H, W)`` in px.
    extent
        Least and largest motion ``(2, 2, H, W)`` of `motion_range`; where it is
        infinite, the difference is 0.
    """
    apart = (extent - flow).abs().amax(dim=(0, 1))
    return torch.where(apart.isfinite(), apart, 0.0)


def continued(flow: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return flow ``(2, H, W)`` that is continued from the nearest pixel of a mask."""
    if not mask.any():
        return np.zeros_like(flow)
    rows, columns = distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    return np.ascontiguousarray(flow[:, rows, columns])
