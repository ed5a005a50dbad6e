"""Hold the features of frames, and gather them for guidance and for pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.guided_points import GuidedPoints
from napari_motionseg.models.propagation_candidates import MIDDLE

GUIDANCE_FACTS = 7  # x, y, speed, whether it stands still, place in the cell, and 1


class EncodedFrames(NamedTuple):
    """Features of frames at three resolutions, from `LightPropagationNet.encode`.

    Parameters
    ----------
    cells, middle, pixels
        Features ``(B, C, h, w)`` of each cell of 8 px, of 4 px, and of each pixel.
        The sides are those of the frames, padded to a multiple of 16. The last feature
        of a pixel is the logit of being vessel.
    keys
        Features ``(B, C, H, W)`` of each pixel for the sparse motion encoder.
    conductance
        Logits ``(B, 2, h, w)`` of the conductance of cells of 4 px; see `seeded_reach`.
    vessel
        Logit ``(B, 1, H, W)`` of being vessel.
    size
        Height and width of the frames before padding.
    """

    cells: Tensor
    middle: Tensor
    pixels: Tensor
    keys: Tensor
    conductance: Tensor
    vessel: Tensor
    size: tuple[int, int]


def guided_cells(
    encoder: nn.Module,
    frames: EncodedFrames,
    points: GuidedPoints,
    cell: int,
    limit: float,
) -> Tensor:
    """Return the encoded guidance of each cell, ``(B, width, h, w)``.

    Parameters
    ----------
    encoder
        Sparse motion encoder, which maps `GUIDANCE_FACTS` numbers and the features of
        pixel and cell to the channels of a cell.
    frames
        Features of F frames.
    points
        The guided points of B guidances; B is a multiple of F.
    cell
        Side of a cell in px.
    limit
        Bound in px of each component of flow.
    """
    channels, height, width = frames.cells.shape[1:]
    y, x = points.row, points.column
    vector = points.vector / limit
    speed = torch.linalg.vector_norm(vector, dim=1, keepdim=True)
    place = torch.stack((y % cell, x % cell), dim=1) / cell
    facts = (vector, speed, (speed == 0).float(), place, torch.ones_like(speed))
    which = points.which // (points.guidances // len(frames.cells))
    keys = frames.keys[which, :, y, x]
    around = frames.cells[which, :, y // cell, x // cell]
    seen = torch.cat((torch.cat(facts, dim=1).to(keys.dtype), keys, around), dim=1)
    found: Tensor = encoder(seen).float()
    added = found.new_zeros((points.guidances * height * width, channels))
    added = added.index_add(0, points.cells(cell, height, width), found)
    grid = added.view(points.guidances, height, width, channels)
    return grid.permute(0, 3, 1, 2)


def check_guidance_of(frames: EncodedFrames, sparse_motion: Tensor) -> None:
    """Raise `SettingsError` unless guidance fits the frames."""
    shape = tuple(sparse_motion.shape)
    if len(shape) != 4 or shape[1] != 3 or shape[2:] != frames.size:
        raise SettingsError(
            f"sparse_motion must be (B, 3, {frames.size[0]}, {frames.size[1]}); "
            f"got {shape}"
        )
    if not shape[0] or shape[0] % len(frames.cells):
        raise SettingsError(
            f"the number of guidances must be a multiple of that of the frames, "
            f"{len(frames.cells)}; got {shape[0]}"
        )


def repeated(features: Tensor, count: int) -> Tensor:
    """Return features of each frame as often as it has guidances, ``(count, ...)``."""
    if len(features) == 1:
        return features.expand(count, *features.shape[1:])
    return features.repeat_interleave(count // len(features), dim=0)


def values_at(coarse: Tensor, at: Tensor, width: int) -> Tensor:
    """Return the values ``(B, C, N)`` of bilinearly enlarged features at pixels."""
    height, columns = (MIDDLE * side for side in coarse.shape[-2:])
    x = (2 * (at % width) + 1) / columns - 1
    y = (2 * (at // width) + 1) / height - 1
    grid = torch.stack((x, y), dim=-1)[:, None]
    sampled = functional.grid_sample(
        coarse.float(), grid, padding_mode="border", align_corners=False
    )
    return sampled[:, :, 0]


def pixels_at(frames: EncodedFrames, at: Tensor, count: int) -> Tensor:
    """Return the features ``(B, C, N)`` of the frames' pixels."""
    _, channels, _, padded = frames.pixels.shape
    row, column = at // frames.size[1], at % frames.size[1]
    index = (row * padded + column).view(len(frames.pixels), 1, -1)
    chosen = frames.pixels.flatten(2).gather(2, index.expand(-1, channels, -1))
    share = count // len(frames.pixels)
    parts = chosen.view(len(frames.pixels), channels, share, -1)
    return parts.transpose(1, 2).flatten(0, 1)


def larger(features: Tensor, factor: int) -> Tensor:
    """Return features enlarged bilinearly by a factor."""
    return functional.interpolate(features, scale_factor=factor, mode="bilinear")
