"""Compose pairs with known flow from a user's own loop (Ma et al. 2019, 4.5).

Cut vessels and contrast-free backgrounds are combined, each moved by its own random
flow.
The paper pastes the vessel with an alpha mask. Here it darkens the background by its
absorption, so that bone and catheter remain visible through it.

Each layer is a function L on the plane. Its second picture is ``L(m(q))`` with a random
placement m; its first one is ``L(m(p + f(p)))``. f is therefore exactly the flow from
the first to the second at every pixel, and no map needs to be inverted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.motion.contrast_arrival import USUAL_SIDE
from napari_motionseg.motion.cutout import LoopLayers

WAVES = 5  # number of waves that form a smooth deformation
LONGEST_WAVE = 3.0  # longest wavelength divided by the shortest
MOST_STRAIN = 0.5  # px of displacement per px; from 1 on, a field folds over itself
OFFSET = 0.125  # largest shift of the background, as a share of a frame's side
TURNED = 1.2  # sides that a rotated and stretched window needs, relative to its own
OFF_CENTRE = 0.25  # largest distance of a vessel from the middle of a window, in sides
WEAKEST, STRONGEST = 0.6, 1.3  # contrast of a vessel relative to the cut one
NOISE_BLUR = (0.19, 0.62, 0.19)  # neighbouring pixels correlate by a half on real loops


@dataclass(frozen=True)
class Motion:
    """Bounds of a random motion.

    Parameters
    ----------
    shift
        Largest translation in px.
    turn
        Largest rotation in either direction, in degrees.
    stretch
        Largest relative change of size in either direction; 0.05 is 5 %.
    bend
        Largest root mean square of the smooth deformation, in px.
    wave
        Shortest wavelength of the deformation, in px.

    Raises
    ------
    SettingsError
        If a value is negative or not finite, or `wave` is 0.
    """

    shift: float = 0.0
    turn: float = 0.0
    stretch: float = 0.0
    bend: float = 0.0
    wave: float = 96.0

    def __post_init__(self) -> None:
        for name in ("shift", "turn", "stretch", "bend", "wave"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise SettingsError(f"{name} must be at least 0; got {value}")
        if self.wave == 0 or self.stretch >= 1:
            raise SettingsError(
                f"wave must be positive and stretch below 1; got {self.wave} and "
                f"{self.stretch}"
            )

    def scaled(self, factor: float) -> Motion:
        """Return the same motion for a picture that is `factor` times as large."""
        bend, wave = self.bend * factor, self.wave * factor
        return Motion(self.shift * factor, self.turn, self.stretch, bend, wave)


# lengths in px of a frame of 512 px
VESSEL_MOTION = Motion(shift=25.0, turn=4.0, stretch=0.04, bend=4.0)
BACKGROUND_MOTION = Motion(shift=3.0, turn=0.5, stretch=0.005, bend=1.0, wave=192.0)
VESSEL_PLACEMENT = Motion(turn=25.0, stretch=0.15, bend=6.0, wave=192.0)
BACKGROUND_PLACEMENT = Motion(turn=5.0, stretch=0.1)


@dataclass(frozen=True, eq=False)
class SmoothMap:
    """Displacement ``A p + t + sum_k a_k sin(w_k . p + phi_k)`` of a point p = (x, y).

    Parameters
    ----------
    linear
        Matrix A, ``(2, 2)``.
    shift
        Vector t, ``(2,)`` in px.
    amplitudes, waves, phases
        a ``(2, K)`` in px, w ``(2, K)`` in radians per px, phi ``(K,)`` in radians.
    """

    linear: Tensor
    shift: Tensor
    amplitudes: Tensor
    waves: Tensor
    phases: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        """Return the displacement ``(2, H, W)`` in px of points ``(2, H, W)``."""
        device = points.device
        flat = points.flatten(1)
        angles = self.waves.to(device).T @ flat + self.phases.to(device)[:, None]
        moved = self.linear.to(device) @ flat + self.shift.to(device)[:, None]
        moved = moved + self.amplitudes.to(device) @ angles.sin()
        return moved.view_as(points)


def draw_map(motion: Motion, generator: torch.Generator) -> SmoothMap:
    """Draw a displacement with uniform sizes up to the largest, in random directions.

    The deformation is reduced if it would fold over itself.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    def directions(count: int) -> Tensor:
        angle = 2 * math.pi * uniform(count)
        return torch.stack((angle.cos(), angle.sin()))

    turn = math.radians(motion.turn) * (2 * float(uniform()) - 1)
    size = 1 + motion.stretch * (2 * float(uniform()) - 1)
    turned = size * torch.tensor(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    )
    shift = motion.shift * uniform() * directions(1)[:, 0]
    lengths = motion.wave * (1 + (LONGEST_WAVE - 1) * uniform(WAVES))
    waves = 2 * math.pi / lengths * directions(WAVES)
    # the root mean square of a wave of amplitude a is a / sqrt(2)
    amplitude = float(motion.bend * uniform() * math.sqrt(2 / WAVES))
    strain = amplitude * float((2 * math.pi / lengths).sum())
    amplitude *= min(1.0, MOST_STRAIN / max(strain, 1e-9))
    phases = 2 * math.pi * uniform(WAVES)
    amplitudes = amplitude * directions(WAVES)
    return SmoothMap(turned - torch.eye(2), shift, amplitudes, waves, phases)


def compose_pair(
    layers: LoopLayers,
    size: int,
    generator: torch.Generator,
    vessel_motion: Motion = VESSEL_MOTION,
    background_motion: Motion = BACKGROUND_MOTION,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compose a pair around a random pixel of a random cut vessel.

    Parameters
    ----------
    layers
        Layers of a loop; the pair is computed on their device.
    size
        Side of the pair in px, at the resolution of the loop.
    generator
        Generator on the CPU, so that all devices give the same pair, up to rounding.
    vessel_motion, background_motion
        Bounds of the motions, in px of a frame of 512 px.

    Returns
    -------
    tuple[Tensor, Tensor, Tensor]
        Pictures ``(2, size, size)`` in [0, 1]; flow ``(2, size, size)`` in px from the
        first to the second; vessel mask ``(size, size)`` bool of the first. The flow is
        that of the vessel on vessel pixels of the first picture, else of the
        background.

    Raises
    ------
    SettingsError
        If `size` is below 1.
    """
    if size < 1:
        raise SettingsError(f"size must be at least 1 px; got {size}")
    shape = layers.backgrounds.shape[-2:]
    factor = min(shape) / USUAL_SIDE
    points = _window(size, layers.backgrounds.device)
    cut, behind = (
        int(torch.randint(len(stack), (), generator=generator))
        for stack in (layers.vessels, layers.backgrounds)
    )

    def around(centre: Tensor, reach: float) -> Tensor:
        return centre + reach * (2 * torch.rand(2, generator=generator) - 1)

    def placed(centre: Tensor, placement: Motion) -> _Placement:
        return _Placement(centre, draw_map(placement.scaled(factor), generator))

    centre = around(_vessel_pixel(layers.vessels[cut], generator), OFF_CENTRE * size)
    over = placed(centre, VESSEL_PLACEMENT)
    under = _kept_inside(around(centre, OFFSET * min(shape)), size * TURNED, shape)
    base = placed(under, BACKGROUND_PLACEMENT)
    vessel_flow = draw_map(vessel_motion.scaled(factor), generator)(points)
    base_flow = draw_map(background_motion.scaled(factor), generator)(points)
    layer = torch.stack((layers.absorptions[cut], layers.vessels[cut].float()))
    vessels = over.pictures(layer, points, vessel_flow, "zeros")
    backgrounds = base.pictures(
        layers.backgrounds[behind][None], points, base_flow, "reflection"
    )
    gain = WEAKEST + (STRONGEST - WEAKEST) * float(torch.rand((), generator=generator))
    pictures = _darkened(backgrounds[:, 0], gain * vessels[:, 0], layers.logarithmic)
    pictures = pictures + layers.noise * _noise(size, generator).to(points)
    vessel = vessels[0, 1] > 0.5
    return pictures.clamp(0, 1), torch.where(vessel, vessel_flow, base_flow), vessel


@dataclass(frozen=True, eq=False)
class _Placement:
    """Placement of a layer in the window.

    Parameters
    ----------
    centre
        Position ``(2,)`` of the layer in the middle of the window, x and y in px.
    map
        Displacement that is added at other positions.
    """

    centre: Tensor
    map: SmoothMap

    def pictures(
        self, layer: Tensor, points: Tensor, flow: Tensor, outside: str
    ) -> Tensor:
        """Return first and second picture ``(2, C, h, w)`` of a layer ``(C, H, W)``."""
        height, width = layer.shape[-2:]
        grids = []
        for seen in (points + flow, points):
            x, y = seen + self.map(seen) + self.centre.to(seen)[:, None, None]
            across = 2 * x / max(width - 1, 1) - 1
            down = 2 * y / max(height - 1, 1) - 1
            grids.append(torch.stack((across, down), dim=-1))
        return functional.grid_sample(
            layer.expand(2, -1, -1, -1),
            torch.stack(grids),
            padding_mode=outside,
            align_corners=True,
        )


def _vessel_pixel(vessel: Tensor, generator: torch.Generator) -> Tensor:
    """Return x and y of a random pixel of a vessel mask ``(H, W)``."""
    pixels = vessel.nonzero()
    chosen = int(torch.randint(len(pixels), (), generator=generator))
    return pixels[chosen].flip(0).float().cpu()


def _window(size: int, device: torch.device) -> Tensor:
    """Return x and y ``(2, size, size)`` of the pixels of a window centred on 0."""
    axis = torch.arange(size, device=device, dtype=torch.float32) - (size - 1) / 2
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"))


def _kept_inside(centre: Tensor, size: float, shape: torch.Size) -> Tensor:
    """Return a window's centre (x, y), moved so that the window is in the picture."""
    height, width = shape
    moved = []
    for at, side in zip(centre.tolist(), (width, height), strict=True):
        room = max(0.0, (side - size) / 2)
        middle = (side - 1) / 2
        moved.append(min(max(at, middle - room), middle + room))
    return torch.tensor(moved)


def _darkened(backgrounds: Tensor, absorbed: Tensor, logarithmic: bool) -> Tensor:
    """Return backgrounds seen through absorption, both ``(2, h, w)``."""
    if logarithmic:
        return backgrounds - absorbed
    return backgrounds * torch.exp(-absorbed)


def _noise(size: int, generator: torch.Generator) -> Tensor:
    """Return independent noise of unit variance for two pictures, ``(2, s, s)``."""
    white = torch.randn((2, 1, size, size), generator=generator)
    line = torch.tensor(NOISE_BLUR)
    kernel = line[:, None] * line
    kernel = (kernel / kernel.square().sum().sqrt())[None, None]
    return functional.conv2d(white, kernel, padding="same")[:, 0]
