"""Find where flow changes from pixel to pixel, and draw pixels there.

Vessels fill a few percent of an angiogram. If pixels are drawn by the length of their
flow, most of them lie where table, breathing or heart move the whole background, and
their neighbours move alike. Pixels at changes of the flow tell what moves apart.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.pixel_sampling import draw_weighted_pixels

WINDOW = 9  # px, an odd number: reaches across the edges of vessels of usual width
NOISE_PX = 1.0  # change that counts half; smaller ones are noise of an estimator


def flow_changes(flow: Tensor) -> Tensor:
    r"""Return how much the flow changes around each pixel, relative to its length.

    Parameters
    ----------
    flow
        Flow f ``(B, 2, H, W)`` in px.

    Returns
    -------
    Tensor
        :math:`|r_p| / \sqrt{|f_p|^2 + 1}` ``(B, H, W)``, without gradient, where r_p is
        the range of both components of the flow in the window around p.

    Raises
    ------
    SettingsError
        If flow has other axes, or is not finite.
    """
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise SettingsError(f"flow must be (B, 2, H, W); got {tuple(flow.shape)}")
    if not bool(torch.isfinite(flow).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
    flow = flow.detach().to(torch.promote_types(flow.dtype, torch.float32))
    x, y = (_highest(flow) + _highest(-flow)).unbind(dim=1)
    length = flow.square().sum(dim=1)
    return torch.hypot(x, y) / (length + NOISE_PX**2).sqrt()


def _highest(field: Tensor) -> Tensor:
    """Return the largest value in the window around each pixel, axis by axis."""
    half = WINDOW // 2
    rows = functional.max_pool2d(field, (WINDOW, 1), 1, (half, 0))
    return functional.max_pool2d(rows, (1, WINDOW), 1, (0, half))


def draw_at_changes(flow: Tensor, count: int, *, generator: torch.Generator) -> Tensor:
    """Draw pixels with probabilities by `flow_changes`, without replacement.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px.
    count
        Number of pixels of each picture.
    generator
        Generator that draws the pixels, on its own device.

    Returns
    -------
    Tensor
        ``(B, count, 2)`` int64 row and column, on the device of `flow`.

    Raises
    ------
    SettingsError
        If flow has other axes or is not finite, or a picture has fewer pixels than
        `count`.
    """
    return draw_weighted_pixels(flow_changes(flow), count, generator=generator)
