"""Simulate how a picture is taken: devices, contrast, noise, field of view, storage.

The conditions of each picture are drawn from a recipe. Scenes are drawn elsewhere, so
one scene can be seen under many conditions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.filters import smoothed
from napari_motionseg.synthesis import grain
from napari_motionseg.synthesis.config import Range
from napari_motionseg.synthesis.fields import behind_field, draw_field
from napari_motionseg.synthesis.lines import CATHETERS, KINDS, LineKind, draw_lines

BITS = (8, 8, 8, 10, 12, 16)  # repeated as often as they occur in practice
# A freely bent catheter cannot be told from a smooth vessel, so a network that is shown
# both takes vessels for catheters
USUAL_KINDS: tuple[LineKind, ...] = ("wire", "cable", "plates", "spine", "shaft")
VISIBLE_DEPTH = 0.03  # of a catheter; a fainter one is not in the mask
MOTION_PX = 5.0  # px between two frames, for the trail of a recursive filter


@dataclass(frozen=True)
class CameraConfig:
    """Ranges from which the imaging conditions of each picture are drawn.

    Deviations and depths are shares of full scale; lengths are in px of the picture.

    Parameters
    ----------
    noise
        Standard deviation of quantum noise before processing for a `contrast` of 1,
        drawn uniformly in its logarithm. It is multiplied by the drawn contrast, so
        that vessels in the mask stay visible.
    correlation
        Standard deviation in px of the blur that correlates noise; see
        `correlated_noise`.
    film
        Share of pictures that have film grain as well.
    streaks
        Share of pictures whose noise is smeared along rows, as by video.
    blur
        Standard deviation in px of the blur before noise is added.
    enhancement
        Strength of unsharp masking.
    trail
        Largest share of the previous frame that a recursive filter mixes in.
    contrast
        Factor on differences of gray, drawn uniformly in its logarithm.
    gamma
        Largest absolute logarithm of gamma.
    brightness
        Largest shift of gray.
    field
        Share of pictures that show the edge of a field of view.
    lines
        Expected number of devices drawn over a picture.
    kinds
        Kinds of these devices and structures, of which each is equally likely; see
        `draw_lines`.
    depth
        Darkness of these devices, as share of full scale.
    jpeg
        Quality of JPEG, for half of the pictures; the others have 8 to 16 bits.

    Raises
    ------
    SettingsError
        If a value is outside its range.
    """

    noise: Range = (0.001, 0.025)
    correlation: Range = (0.0, 1.4)
    film: float = 0.15
    streaks: float = 0.15
    blur: Range = (0.0, 1.2)
    enhancement: Range = (0.0, 1.2)
    trail: float = 0.3
    contrast: Range = (0.5, 1.5)
    gamma: float = 0.35
    brightness: float = 0.12
    field: float = 0.4
    lines: float = 0.9
    kinds: tuple[LineKind, ...] = USUAL_KINDS
    depth: Range = (0.02, 0.2)
    jpeg: Range = (40.0, 97.0)

    def __post_init__(self) -> None:
        for name in ("noise", "contrast"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise SettingsError(
                    f"{name} must be two rising positive values; got {(low, high)}"
                )
        for name in ("correlation", "blur", "enhancement", "depth", "jpeg"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise SettingsError(
                    f"{name} must be two rising values of at least 0; got {(low, high)}"
                )
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise SettingsError(
                f"kinds must be some of {', '.join(KINDS)}; got {self.kinds}"
            )
        for name in ("film", "streaks", "trail", "field"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(
                    f"{name} must be from 0 to 1; got {getattr(self, name)}"
                )
        for name in ("gamma", "brightness", "lines"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingsError(
                    f"{name} must be at least 0; got {getattr(self, name)}"
                )


def photograph(
    pictures: Tensor,
    masks: Tensor,
    config: CameraConfig,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return pictures as a camera and its console would store them, with their masks.

    Devices are drawn on top, so the catheters among them become part of the masks.

    Parameters
    ----------
    pictures
        Nearly noiseless pictures ``(B, H, W)`` in [0, 1], with dark vessels.
    masks
        Masks ``(B, K, H, W)`` in [0, 1] of vessels, of catheters, and of anything else.
    config
        Ranges of the conditions.
    generator
        Generator of the random numbers, on the CPU.

    Returns
    -------
    Tensor
        Pictures ``(B, H, W)`` in [0, 1], quantized as stored.
    Tensor
        Masks ``(B, K, H, W)``, 0 outside the field of view.
    """
    # training uses bf16, whose steps are as coarse as 8 bits: too coarse for this
    with torch.autocast(pictures.device.type, enabled=False):
        taken = [
            _Shot(config, generator).take(picture.float(), mask.float())
            for picture, mask in zip(pictures, masks, strict=True)
        ]
    return (
        torch.stack([picture for picture, _ in taken]),
        torch.stack([mask for _, mask in taken]),
    )


class _Shot:
    """The conditions of one picture."""

    def __init__(self, config: CameraConfig, generator: torch.Generator) -> None:
        self.config = config
        self.generator = generator
        self.contrast = self.log_range(config.contrast)

    def take(self, picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the stored picture and its mask."""
        picture, mask = self._with_lines(picture, mask)
        picture = self._noisy(self._trailing(self._toned(picture)))
        amount = self.range(self.config.enhancement) * self.happens(0.6)
        picture = grain.edge_enhanced(picture, amount, self.one(0.8, 2.5))
        if self.happens(self.config.field):
            shape = (picture.shape[-2], picture.shape[-1])
            # most consoles show black outside the field, some gray, a few a bright open
            # field
            shade = self.one(0, 0.1) if self.happens(0.85) else self.one(0.1, 0.95)
            picture, opened = behind_field(
                picture, draw_field(shape, self.generator, shade)
            )
            mask = mask * opened
        return self._stored(picture), mask

    def _with_lines(self, picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Draw devices over a picture, and the catheters among them into its mask."""
        shape = (picture.shape[-2], picture.shape[-1])
        rate = torch.tensor(float(self.config.lines))
        for _ in range(int(torch.poisson(rate, generator=self.generator))):
            kinds = self.config.kinds
            kind = kinds[int(self.one(0, len(kinds)))]
            depth = self.range(self.config.depth)
            for line in draw_lines(shape, self.generator, kind, depth):
                picture = picture - line.darkness(shape).to(picture.device)
                if kind in CATHETERS and depth >= VISIBLE_DEPTH:
                    tube = line.cover(shape).to(mask) * (1 - mask[0])
                    drawn = torch.maximum(mask[1], tube)
                    mask = torch.cat((mask[:1], drawn[None], mask[2:]))
        return picture, mask

    def _toned(self, picture: Tensor) -> Tensor:
        config = self.config
        picture = picture.clamp(0, 1) ** math.exp(config.gamma * self.one(-1, 1))
        middle = picture.mean()
        shift = config.brightness * self.one(-1, 1)
        return (picture - middle) * self.contrast + middle + shift

    def _trailing(self, picture: Tensor) -> Tensor:
        """Mix in a share of a previous frame, whose content is slightly displaced."""
        share = self.config.trail * self.one(0, 1) * self.happens(0.3)
        if share == 0:
            return picture
        aside = [round(self.one(-MOTION_PX, MOTION_PX)) for _ in range(2)]
        before = torch.roll(picture, aside, dims=(0, 1))
        return grain.recursively_filtered(torch.stack((before, picture)), share)[-1]

    def _noisy(self, picture: Tensor) -> Tensor:
        config = self.config
        picture = smoothed(picture, self.range(config.blur))
        rows = self.range(config.correlation)
        columns = self.range(config.correlation)
        deviation = self.log_range(config.noise) * self.contrast
        if self.happens(config.streaks):
            rows, columns = 0.3 * rows, columns + self.one(0.5, 2)
        if self.happens(config.film):
            size = self.one(0.4, 1.2)
            picture = grain.film_grain(picture, deviation, self.generator, size)
            deviation *= 0.4
        return grain.quantum_noise(
            picture, deviation, self.generator, rows=rows, columns=columns,
            follows=self.one(-0.7, 0.5),
        )  # fmt: skip

    def _stored(self, picture: Tensor) -> Tensor:
        if self.happens(0.5):
            return grain.quantized(picture, 8, self.range(self.config.jpeg))
        return grain.quantized(picture, BITS[int(self.one(0, len(BITS)))])

    def one(self, low: float, high: float) -> float:
        """Return a number drawn uniformly between two."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def range(self, limits: Range) -> float:
        """Return a number drawn uniformly from a range of the configuration."""
        return self.one(*limits)

    def log_range(self, limits: Range) -> float:
        """Return a number drawn uniformly in its logarithm."""
        return math.exp(self.one(math.log(limits[0]), math.log(limits[1])))

    def happens(self, share: float) -> bool:
        """Return True with probability `share`."""
        return self.one(0, 1) < share
