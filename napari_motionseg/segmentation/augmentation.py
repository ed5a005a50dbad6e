"""The paper's augmentation: flip, rotate, scale and shear image and labels together.

One matrix a picture moves both, and a crop is part of it: the image is sampled once,
bilinearly, where it is needed; the labels by nearest neighbour, unlabelled (-1) where
they come from outside. Written on torch's `affine_grid` and not on MONAI's `RandAffine`
because the randomness must come from the step's generator (exact resume), work on the
whole batch's device, and choose the crop and the matrix in one resampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_motionseg.errors import SettingsError


@dataclass(frozen=True)
class AugmentSettings:
    """Settings of random changes of a picture; the defaults are of Ma et al., 4.3.

    Parameters
    ----------
    flip
        Mirror left and right, every other time.
    degrees
        Rotate by up to so much either way.
    scale
        Range of the factor of size.
    shear
        Lean columns by up to so many degrees either way.
    gamma
        Not the paper's: raise the gray values to a power between ``1 / (1 + gamma)``
        and ``1 + gamma``.
    noise
        Not the paper's: standard deviation, at most, of added noise, of gray values
        in [0, 1].
    """

    flip: bool = True
    degrees: float = 20.0
    scale: tuple[float, float] = (0.8, 1.2)
    shear: float = 20.0
    gamma: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name, limit in (("degrees", 180.0), ("shear", 60.0)):
            value = getattr(self, name)
            if not 0 <= value <= limit:
                raise SettingsError(f"{name} must be 0 to {limit:g}; got {value}")
        low, high = self.scale
        if not 0 < low <= high:
            raise SettingsError(f"scale must be 0 < low <= high; got {self.scale}")
        for name in ("gamma", "noise"):
            value = getattr(self, name)
            if not 0 <= value <= 10:
                raise SettingsError(f"{name} must be 0 to 10; got {value}")

    @classmethod
    def none(cls) -> AugmentSettings:
        """Return the settings that change nothing."""
        return cls(flip=False, degrees=0, scale=(1, 1), shear=0)


def random_matrices(
    count: int, settings: AugmentSettings, generator: torch.Generator
) -> Tensor:
    """Draw `count` affine maps ``(B, 2, 2)`` of (x, y) pixels about the centre.

    They move a point of the picture to its new place: flip, then scale, shear, rotate.
    """
    low, high = settings.scale
    uniform = torch.rand(
        4, count, generator=generator, device=generator.device, dtype=torch.float64
    )
    flips = torch.where((uniform[0] < 0.5) & settings.flip, -1.0, 1.0)
    scale = low + (high - low) * uniform[1]
    lean = torch.tan((2 * uniform[2] - 1) * math.radians(settings.shear))
    angle = (2 * uniform[3] - 1) * math.radians(settings.degrees)
    zero, one = torch.zeros_like(scale), torch.ones_like(scale)
    return (
        _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
        @ _matrix(one, lean, zero, one)
        @ _matrix(scale * flips, zero, zero, scale)
    )


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b], -1), torch.stack([c, d], -1)], -2)


def transform(
    image: Tensor,
    target: Tensor,
    matrices: Tensor,
    *,
    size: tuple[int, int] | None = None,
    centers: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Move pictures and labels by affine maps and cut out a window.

    Parameters
    ----------
    image
        ``(B, 1, H, W)`` floats.
    target
        ``(B, H, W)`` integers, -1 = unlabelled.
    matrices
        ``(B, 2, 2)`` of (x, y) pixels about the window's centre.
    size
        Rows and columns of the window; the whole picture's if None.
    centers
        ``(B, 2)`` row and column that the window is centred on; the picture's centre
        if None.

    Returns
    -------
    image, target
        ``(B, 1, h, w)``, mirrored at the borders, and ``(B, h, w)``, -1 beyond them.
    """
    height, width = image.shape[-2:]
    rows, columns = size or (height, width)
    middle = torch.tensor([(height - 1) / 2, (width - 1) / 2], dtype=torch.float64)
    offsets = torch.zeros(len(image), 2, dtype=torch.float64)
    if centers is not None:
        offsets = (centers.to(middle) - middle).flip(-1)
    # affine_grid's units: half an image, so that pixels scale by 2 / size
    to_unit = torch.tensor([2 / width, 2 / height], dtype=torch.float64)
    from_unit = torch.tensor([columns / 2, rows / 2], dtype=torch.float64)
    inverse = torch.linalg.inv(matrices.to("cpu", torch.float64))
    linear = to_unit[:, None] * inverse * from_unit
    theta = torch.cat([linear, (to_unit * offsets)[..., None]], -1).to(image)
    grid = F.affine_grid(theta, [len(image), 1, rows, columns], align_corners=False)
    moved = F.grid_sample(
        image, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    # zeros come in from outside: 0 is -1 moved up by one
    raised = (target + 1).to(grid.dtype)[:, None]
    labels = F.grid_sample(raised, grid, mode="nearest", align_corners=False)
    return moved, labels[:, 0].round().to(target.dtype) - 1


def augment(
    image: Tensor,
    target: Tensor,
    settings: AugmentSettings,
    generator: torch.Generator,
    *,
    size: tuple[int, int] | None = None,
    centers: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Change pictures and their labels at random, alike.

    Parameters
    ----------
    image
        ``(B, 1, H, W)`` gray values in [0, 1].
    target
        ``(B, H, W)`` integers, -1 = unlabelled.
    settings
        How much.
    generator
        Where the randomness comes from.
    size, centers
        The window that is cut out; see `transform`.

    Returns
    -------
    image, target
        As given, of the window's size.
    """
    matrices = random_matrices(len(image), settings, generator)
    moved, labels = transform(image, target, matrices, size=size, centers=centers)
    return _change_gray_values(moved, settings, generator), labels


def _change_gray_values(
    image: Tensor, settings: AugmentSettings, generator: torch.Generator
) -> Tensor:
    if settings.gamma:
        draw = torch.rand(len(image), 1, 1, 1, generator=generator)
        exponent = (1 + settings.gamma) ** (2 * draw - 1)
        image = image.clamp(0, 1) ** exponent.to(image)
    if settings.noise:
        deviation = settings.noise * torch.rand(
            len(image), 1, 1, 1, generator=generator
        )
        noise = torch.randn(image.shape, generator=generator)
        image = image + (deviation * noise).to(image)
    return image
