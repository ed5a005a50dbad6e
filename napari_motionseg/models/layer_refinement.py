"""What is known of layers and not learnt: shapes come to lie on themselves, smoothly.

A learned flow falls short where vessels move far. Gray values cannot mend it: what lies
behind a vessel shines through, moves otherwise, and draws every fit to itself, even
away from the truth. The vessel's shape, which the network sees in both pictures, has no
background. Registering the two shapes takes the flow the rest of the way.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.filters import gaussian
from napari_motionseg.models.sampling import sample_along


class Scale(NamedTuple):
    """One scale of the registration; standard deviations in px of the picture.

    Parameters
    ----------
    factor
        Px a coarse pixel.
    blur
        Of the shapes: how far off a flow may be.
    window
        What moves alike.
    smooth
        How far a vessel's motion says something of its neighbours'.
    steps
        At this scale.
    """

    factor: int
    blur: float
    window: float
    smooth: float
    steps: int


# Wide windows first: in a narrow one a vessel may slide along itself, and no picture
# tells, but among branches of all directions it cannot
SCALES = (
    Scale(8, 6.0, 32.0, 24.0, 8),
    Scale(4, 5.0, 12.0, 24.0, 8),
    Scale(2, 2.0, 4.0, 16.0, 6),
)
SHAPE_CONTRAST = 3.0  # of a shape to what is around it, in the units of what follows
STIFFNESS = 0.05  # of the neighbours' motion against the shapes' squared slopes
DOUBT = 1.0  # difference at which a pixel counts half
LONGEST_STEP = 2.0  # px of the scale
FLOOR = 1e-3  # weight of where the layer is not: its flow is continued there
SETTLED_PX, CLEAR_PX = 40.0, 16
SETTLED_FACTOR = 4  # px a coarse pixel, on which a layer so smooth loses nothing


def refine(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """Return a layer's flow, registered to its shapes in two pictures.

    Parameters
    ----------
    first, second
        ``(B, 1, H, W)`` in [0, 1]: how much each pixel of either picture belongs to the
        layer; sides are multiples of 8.
    flow
        ``(B, 2, H, W)`` px from the first to the second, to start from.

    Returns
    -------
    Tensor
        ``(B, 2, H, W)`` px. It minimises the squared difference of the shapes in
        windows (Lucas & Kanade 1981) plus what it differs from its own surroundings
        (Horn & Schunck 1981), as Bruhn, Weickert & Schnörr combine them (2005,
    X
    """
    size = (flow.shape[-2], flow.shape[-1])
    for scale in SCALES:
        factor = scale.factor
        coarse = (size[0] // factor, size[1] // factor)
        ours, theirs, belongs = (
            functional.interpolate(shape, coarse, mode="area")
            for shape in (first, second, first)
        )
        ours, theirs = (
            gaussian(SHAPE_CONTRAST * shape, scale.blur / factor)
            for shape in (ours, theirs)
        )
        scaled = _resized(flow, coarse) / factor
        fit = Fit(ours, theirs, belongs, scale)
        for _ in range(scale.steps):
            scaled = fit.step(scaled)
        flow = _resized(scaled, size) * factor
    return flow


def settle(flow: Tensor, weight: Tensor) -> Tensor:
    """Return the flow of a layer that moves smoothly, such as the background.

    Parameters
    ----------
    flow
        ``(B, 2, H, W)`` px; sides are multiples of 4.
    weight
        ``(B, 1, H, W)`` in [0, 1]: how much each pixel belongs to what lies before it.

    Returns
    -------
    Tensor
        ``(B, 2, H, W)`` px: the mean over 40 px of what lies 16 px or more from the
        layer before it, whose motion drags its surroundings along.
    """
    size = (flow.shape[-2], flow.shape[-1])
    coarse = (size[0] // SETTLED_FACTOR, size[1] // SETTLED_FACTOR)
    reach, wide = CLEAR_PX // SETTLED_FACTOR, SETTLED_PX / SETTLED_FACTOR
    near = functional.max_pool2d(weight, SETTLED_FACTOR)
    clear = 1 - functional.max_pool2d(near, 2 * reach + 1, 1, reach) + FLOOR
    scaled = functional.interpolate(flow, coarse, mode="area")
    return _resized(gaussian(scaled * clear, wide) / gaussian(clear, wide), size)


class Fit:
    """Gauss-Newton steps at one scale.

    Parameters
    ----------
    ours, theirs
        ``(B, 1, h, w)``, the blurred shapes.
    weight
        ``(B, 1, h, w)``: how much a pixel counts.
    scale
        Its window and smoothing are used, its blur and steps are not.
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
        self._mass = gaussian(weight, self._window) + FLOOR
        self._trusted = weight + FLOOR
        self._trust = gaussian(self._trusted, self._smooth)

    def step(self, flow: Tensor) -> Tensor:
        """Take one Gauss-Newton step from the flow's own mean, in px of the scale."""
        flow = gaussian(flow * self._trusted, self._smooth) / self._trust
        sampled, inside = sample_along(self._theirs, flow)
        warped, x_theirs, y_theirs = sampled.chunk(3, dim=1)
        x_ours, y_ours = self._slopes
        gx, gy = (x_ours + x_theirs) / 2, (y_ours + y_theirs) / 2
        left = warped - self._ours
        counts = self._weight * inside / (1 + (left / DOUBT).square())
        products = torch.cat((gx * gx, gx * gy, gy * gy, gx * left, gy * left), dim=1)
        sums = gaussian(counts * products, self._window) / self._mass
        xx, xy, yy, xr, yr = sums.chunk(5, dim=1)
        xx, yy = xx + STIFFNESS, yy + STIFFNESS
        determinant = xx * yy - xy * xy
        step = torch.cat((xy * yr - yy * xr, xy * xr - xx * yr), dim=1) / determinant
        length = torch.linalg.vector_norm(step, dim=1, keepdim=True)
        moved: Tensor = flow + step * (LONGEST_STEP / length.clamp(min=LONGEST_STEP))
        return moved


def slope(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return central differences of ``(B, 1, H, W)`` along x and y, 0 at the edges."""
    along = (picture[..., 2:] - picture[..., :-2]) / 2
    down = (picture[..., 2:, :] - picture[..., :-2, :]) / 2
    return functional.pad(along, (1, 1)), functional.pad(down, (0, 0, 1, 1))


def _resized(flow: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(flow, size, mode="bilinear", align_corners=False)
