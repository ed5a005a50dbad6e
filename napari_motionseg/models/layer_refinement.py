"""Refine the flow of layers without learning: register shapes and smooth.

A learned flow is too short where vessels move far. Gray values cannot correct it: the
background shines through a vessel, moves differently, and pulls every fit towards its
own motion. The shape of the vessel, which the network predicts in both pictures,
contains no background. Registering the two shapes completes the flow. Both directions
are registered together, because each should be the inverse of the other.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.filters import gaussian, smoothed
from napari_motionseg.models.resizing import resized, size_of
from napari_motionseg.models.sampling import sample_along


class Scale(NamedTuple):
    """One scale of the registration; standard deviations are in px of the picture.

    Parameters
    ----------
    factor
        Side of a pixel of this scale, in px of the picture.
    blur
        Blur of the shapes, which sets how large an error can be corrected.
    window
        Size of the windows in which all pixels move alike.
    smooth
        Distance over which the motion of a vessel influences its neighbours.
    steps
        Number of steps at this scale.
    """

    factor: int
    blur: float
    window: float
    smooth: float
    steps: int


# Wide windows first: within a narrow window, a vessel may slide along itself without
# changing the picture; a window with branches in several directions prevents that.
# Windows of 4 px at the third and fourth scale let it slide. The last scale has a
# narrow one, because a vessel of real loops also changes its form.
SCALES = (
    Scale(8, 6.0, 32.0, 24.0, 8),
    Scale(4, 5.0, 12.0, 24.0, 8),
    Scale(2, 2.0, 12.0, 16.0, 6),
    Scale(2, 2.0, 12.0, 12.0, 6),
    Scale(2, 1.5, 3.0, 5.0, 6),
)
# of a shape to its surroundings, in the units of the constants below
SHAPE_CONTRAST = 4.0
STIFFNESS = 0.1  # weight of the neighbours' motion against the squared slope of shapes
DOUBT = 1.0  # difference of shapes at which a pixel gets half its weight
LONGEST_STEP = 2.0  # px of the scale
INVERSE_SHARE = 0.3  # of a flow that the inverse of the other replaces after a step
FLOOR = 1e-3  # weight outside the layer, where its flow is continued
# px: width of the mean, and distance to the front layer
SETTLED_PX, CLEAR_PX = 40.0, 16
SETTLED_FACTOR = 4  # px per coarse pixel; so smooth a flow loses nothing


def register(
    first: Tensor, second: Tensor, forward: Tensor, backward: Tensor
) -> tuple[Tensor, Tensor]:
    """Register both flows of a layer to its shapes in two pictures.

    Parameters
    ----------
    first, second
        Share ``(B, 1, H, W)`` in [0, 1] of the layer at each pixel of either picture;
        the sides are multiples of 8.
    forward
        Initial flow ``(B, 2, H, W)`` in px, from the first to the second picture.
    backward
        Initial flow ``(B, 2, H, W)`` in px, from the second to the first picture.

    Returns
    -------
    Tensor
        Forward flow ``(B, 2, H, W)`` in px. It minimises the squared difference of the
        shapes in windows (Lucas & Kanade 1981) plus the difference from the surrounding
        flow (Horn & Schunck 1981), as Bruhn, Weickert & Schnörr combine them (IJCV
        2005, Lucas/Kanade Meets Horn/Schunck). After each step, a part of it
        is replaced by the inverse of the backward flow, so that both become inverse to
        each other (Christensen & Johnson 2001, Consistent Image Registration).
    Tensor
        Backward flow ``(B, 2, H, W)`` in px, with forward and backward exchanged.
    """
    size = size_of(forward)
    for scale in SCALES:
        coarse = (size[0] // scale.factor, size[1] // scale.factor)
        shares = [
            functional.interpolate(a, coarse, mode="area") for a in (first, second)
        ]
        ours, theirs = (
            gaussian(SHAPE_CONTRAST * share, scale.blur / scale.factor)
            for share in shares
        )
        there, back = (
            resized(flow, coarse) / scale.factor for flow in (forward, backward)
        )
        fits = Fit(ours, theirs, shares[0], scale), Fit(theirs, ours, shares[1], scale)
        for _ in range(scale.steps):
            there, back = fits[0].step(there), fits[1].step(back)
            there, back = consistent(there, back, *shares)
        forward, backward = (
            resized(flow, size) * scale.factor for flow in (there, back)
        )
    return forward, backward


def consistent(
    forward: Tensor, backward: Tensor, first: Tensor, second: Tensor
) -> tuple[Tensor, Tensor]:
    """Bring each of two flows nearer to the inverse of the other one.

    Parameters
    ----------
    forward, backward
        Flows ``(B, 2, H, W)`` in px, from the first to the second picture and back.
    first, second
        Share ``(B, 1, H, W)`` in [0, 1] of the layer at each pixel of either picture. A
        flow counts as much as its layer is seen where the other flow leads to.
    """
    return (
        _nearer(forward, backward, second),
        _nearer(backward, forward, first),
    )


def settle(flow: Tensor, weight: Tensor) -> Tensor:
    """Return the flow of a layer that moves smoothly, such as the background.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px; the sides are multiples of 4.
    weight
        Share ``(B, 1, H, W)`` in [0, 1] of the layer in front at each pixel.

    Returns
    -------
    Tensor
        Flow ``(B, 2, H, W)`` in px: the mean over 40 px of the flow at least 16 px away
        from the layer in front, because nearer flow is influenced by that layer.
    """
    size = size_of(flow)
    coarse = (size[0] // SETTLED_FACTOR, size[1] // SETTLED_FACTOR)
    reach, wide = CLEAR_PX // SETTLED_FACTOR, SETTLED_PX / SETTLED_FACTOR
    near = functional.max_pool2d(weight, SETTLED_FACTOR)
    clear = 1 - functional.max_pool2d(near, 2 * reach + 1, 1, reach) + FLOOR
    scaled = functional.interpolate(flow, coarse, mode="area")
    return resized(gaussian(scaled * clear, wide) / gaussian(clear, wide), size)


class Fit:
    """Gauss-Newton steps of the registration at one scale.

    Parameters
    ----------
    ours, theirs
        Blurred shapes ``(B, 1, h, w)`` in the first and the second picture.
    weight
        Weight ``(B, 1, h, w)`` of each pixel.
    scale
        Scale whose window and smoothing are used.
    """

    def __init__(
        self, ours: Tensor, theirs: Tensor, weight: Tensor, scale: Scale
    ) -> None:
        self._ours, self._weight = ours, weight
        self._slopes = slope(ours)
        self._theirs = torch.cat((theirs, *slope(theirs)), dim=1)
        self._window, self._smooth = (
            px / scale.factor for px in (scale.window, scale.smooth)
        )
        self._mass = smoothed(weight, self._window) + FLOOR
        self._trusted = weight + FLOOR
        self._trust = smoothed(self._trusted, self._smooth)

    def step(self, flow: Tensor) -> Tensor:
        """Take one Gauss-Newton step from the smoothed flow, in px of the scale."""
        flow = smoothed(flow * self._trusted, self._smooth) / self._trust
        sampled, inside = sample_along(self._theirs, flow)
        warped, x_theirs, y_theirs = sampled.chunk(3, dim=1)
        x_ours, y_ours = self._slopes
        gx, gy = (x_ours + x_theirs) / 2, (y_ours + y_theirs) / 2
        left = warped - self._ours
        counts = self._weight * inside / (1 + (left / DOUBT).square())
        products = torch.cat((gx * gx, gx * gy, gy * gy, gx * left, gy * left), dim=1)
        sums = smoothed(counts * products, self._window) / self._mass
        xx, xy, yy, xr, yr = sums.chunk(5, dim=1)
        xx, yy = xx + STIFFNESS, yy + STIFFNESS
        determinant = xx * yy - xy * xy
        step = torch.cat((xy * yr - yy * xr, xy * xr - xx * yr), dim=1) / determinant
        # torch.linalg.vector_norm takes many times as long over two channels
        length = torch.hypot(step[:, :1], step[:, 1:])
        moved: Tensor = flow + step * (LONGEST_STEP / length.clamp(min=LONGEST_STEP))
        return moved


def slope(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return central differences of ``(B, 1, H, W)`` along x and y, 0 at the edges."""
    along = (picture[..., 2:] - picture[..., :-2]) / 2
    down = (picture[..., 2:, :] - picture[..., :-2, :]) / 2
    return functional.pad(along, (1, 1)), functional.pad(down, (0, 0, 1, 1))


def _nearer(flow: Tensor, other: Tensor, seen: Tensor) -> Tensor:
    """Return a flow of which the inverse of the other one has replaced a part."""
    found, inside = sample_along(torch.cat((other, seen), dim=1), flow)
    other, seen = found[:, :2], found[:, 2:]
    return flow - INVERSE_SHARE * inside * seen * (flow + other)
