"""Augment pictures and labels together: flip, rotate, scale and shear, as in the paper.

One matrix for each picture moves both, and the crop is part of it: the picture is
sampled once, bilinearly, where it is needed, and the labels by nearest neighbour, with
-1 for outside. torch's `affine_grid` is used instead of MONAI's `RandAffine`, because
the random numbers must come from the generator of the step (exact resume), the whole
batch must be processed on its device, and crop and matrix must share one resampling.
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
    """Settings of random changes of a picture.

    The defaults are those of Ma et al., 4.3.

    Parameters
    ----------
    flip
        Whether to mirror left and right in half of the cases.
    degrees
        Largest rotation in either direction, in degrees.
    scale
        Range of the factor on the size.
    shear
        Largest shear in either direction, in degrees.
    gamma
        Range of gamma: gray values are raised to a power between ``1 / (1 + gamma)``
        and ``1 + gamma``. The paper has none.
    noise
        Largest standard deviation of added noise, for gray values in [0, 1]. The paper
        has none.
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
        """Return settings that change nothing."""
        return cls(flip=False, degrees=0, scale=(1, 1), shear=0)


def random_matrices(
    count: int, settings: AugmentSettings, generator: torch.Generator
) -> Tensor:
    """Draw `count` affine maps ``(B, 2, 2)`` of (x, y) pixels about the centre.

    They move a point of the picture to its new position: flip, then scale, shear,
    rotate.
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
    """Transform pictures and labels by affine maps, and cut out a window.

    Parameters
    ----------
    image
        Pictures ``(B, 1, H, W)`` as floats.
    target
        Labels ``(B, H, W)`` as integers, -1 for unlabelled.
    matrices
        Affine maps ``(B, 2, 2)`` of (x, y) pixels about the centre of the window.
    size
        Rows and columns of the window; None is those of the picture.
    centers
        Row and column ``(B, 2)`` of the centre of the window; None is the centre of the
        picture.

    Returns
    -------
    image, target
        Pictures ``(B, 1, h, w)``, mirrored at the borders, and labels ``(B, h, w)``, -1
        beyond the borders.
    """
    height, width = image.shape[-2:]
    rows, columns = size or (height, width)
    middle = torch.tensor([(height - 1) / 2, (width - 1) / 2], dtype=torch.float64)
    offsets = torch.zeros(len(image), 2, dtype=torch.float64)
    if centers is not None:
        offsets = (centers.to(middle) - middle).flip(-1)
    # the unit of affine_grid is half a picture, so pixels are scaled by 2 / size
    to_unit = torch.tensor([2 / width, 2 / height], dtype=torch.float64)
    from_unit = torch.tensor([columns / 2, rows / 2], dtype=torch.float64)
    inverse = torch.linalg.inv(matrices.to("cpu", torch.float64))
    linear = to_unit[:, None] * inverse * from_unit
    theta = torch.cat([linear, (to_unit * offsets)[..., None]], -1).to(image)
    grid = F.affine_grid(theta, [len(image), 1, rows, columns], align_corners=False)
    moved = F.grid_sample(
        image, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    # outside is filled with zeros, so -1 is shifted to 0
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
    """Change pictures and their labels at random, in the same way.

    Parameters
    ----------
    image
        Pictures ``(B, 1, H, W)`` with gray values in [0, 1].
    target
        Labels ``(B, H, W)`` as integers, -1 for unlabelled.
    settings
        Ranges of the changes.
    generator
        Generator of the random numbers.
    size, centers
        Size and centres of the windows that are cut out; see `transform`.

    Returns
    -------
    image, target
        Changed pictures and labels, in the size of the window.
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
