"""Turn absorbance into gray values: detector, dose, processing, blades, compression."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.models.filters import gaussian
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws

SCATTER_PX = 28.0  # standard deviation of scattered light, in px at 512 px
NOISE = 0.011  # standard deviation, as absorbance, at absorbance 0 and usual dose
GRAIN_PX = 0.55  # standard deviation of the blur that correlates noise, in px
SHARPEN_PX = 1.4  # standard deviation of the unsharp mask, in px
BLOCK = 8  # side of a JPEG block in px
# ITU-T T.81, table K.1: luminance quantisation at quality 50
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip


@dataclass(frozen=True)
class Imagings:
    """Imaging chains, one row for each scene.

    Parameters
    ----------
    logarithmic
        Whether ``(B,)`` gray is linear in absorbance; if not, it is linear in light.
    level, contrast
        Gray ``(B,)`` at absorbance 0, and difference of gray for an absorbance of 1.
    scatter, blur, noise, sharpen, quality
        Values ``(B,)`` as in `SynthesisConfig`, with blur in px of the loop.
    vignette
        Loss of light ``(B, H, W)`` towards the corners, as absorbance.
    leak
        Share ``(B, H, W)`` of light that passes the blades, 1 in the open field.
    shade
        Gray ``(B,)`` behind the blades.
    """

    logarithmic: Tensor
    level: Tensor
    contrast: Tensor
    scatter: Tensor
    blur: Tensor
    noise: Tensor
    sharpen: Tensor
    quality: Tensor
    vignette: Tensor
    leak: Tensor
    shade: Tensor
    scale: float

    @property
    def open_field(self) -> Tensor:
        """Mask of the field that no blade covers, ``(B, H, W)`` bool."""
        return self.leak > 0.5

    def expose(self, absorbance: Tensor, generator: torch.Generator) -> Tensor:
        """Return frames ``(B, H, W)`` in [0, 1], in steps of 1/255.

        Parameters
        ----------
        absorbance
            Absorbance ``(B, H, W)`` along the rays.
        generator
            Generator of the noise, on the device of `absorbance`.
        """
        one = (-1, 1, 1)
        light = torch.exp(-(absorbance + self.vignette))
        wide = gaussian(light, SCATTER_PX * self.scale)
        light = gaussian(light + self.scatter.view(one) * (wide - light), self.blur)
        light = light + self._grain(light, generator)
        gray = torch.where(
            self.logarithmic.view(one),
            light.clamp(min=0.02).log(),
            1.6 * (light - 1),
        )
        gray = self.level.view(one) + self.contrast.view(one) * gray
        if bool((self.sharpen > 0).any()):
            soft = gaussian(gray, SHARPEN_PX * self.scale)
            gray = gray + self.sharpen.view(one) * (gray - soft)
        gray = self.shade.view(one) + self.leak * (gray - self.shade.view(one))
        return compressed(gray.clamp(0, 1), self.quality)

    def _grain(self, light: Tensor, generator: torch.Generator) -> Tensor:
        """Return quantum noise, whose variance is proportional to the light."""
        grain = torch.randn(light.shape, generator=generator, device=light.device)
        grain = gaussian(grain, GRAIN_PX) * (2 * math.sqrt(math.pi) * GRAIN_PX)
        size = NOISE * self.noise.view(-1, 1, 1)
        return size * light.clamp(min=1e-3).sqrt() * grain


def compressed(pictures: Tensor, quality: Tensor) -> Tensor:
    """Return pictures ``(B, H, W)`` in [0, 1] as baseline JPEG would decode them.

    Parameters
    ----------
    pictures
        Pictures ``(B, H, W)`` in [0, 1]; rounded to 8 bits.
    quality
        Quality ``(B,)`` from 1 to 100; 100 only rounds. The tables are those of the
        Standard, scaled as in libjpeg. The lossless entropy coding is left out.
    """
    eight_bits = (pictures * 255).round()
    if bool((quality >= 100).all()):
        return eight_bits / 255
    rows, columns = pictures.shape[-2:]
    down, right = -rows % BLOCK, -columns % BLOCK
    padded = torch.nn.functional.pad(
        eight_bits[:, None], (0, right, 0, down), mode="replicate"
    )[:, 0]
    batch, height, width = padded.shape
    blocks = padded.view(batch, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    blocks = blocks.transpose(2, 3) - 128
    base = _cosines(padded.device)
    steps = _steps(quality).view(batch, 1, 1, BLOCK, BLOCK)
    kept = (base @ blocks @ base.mT / steps).round() * steps
    back = (base.mT @ kept @ base + 128).transpose(2, 3).reshape(batch, height, width)
    lossy = back[:, :rows, :columns].round().clamp(0, 255)
    return torch.where(quality.view(-1, 1, 1) >= 100, eight_bits, lossy) / 255


def _cosines(device: torch.device) -> Tensor:
    """Return the orthonormal cosine transform of 8 values, ``(8, 8)``."""
    k = torch.arange(BLOCK, device=device, dtype=torch.float32)
    base = torch.cos(math.pi / BLOCK * (k[None] + 0.5) * k[:, None]) / 2
    base[0] /= math.sqrt(2)
    return base


def _steps(quality: Tensor) -> Tensor:
    table = torch.tensor(LUMINANCE, device=quality.device, dtype=torch.float32)
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    return ((table * percent[:, None, None] + 50) / 100).floor().clamp(1, 255)


def draw_imagings(config: SynthesisConfig, count: int, draws: Draws) -> Imagings:
    """Draw imaging chains within the configuration's ranges."""
    share = {"log": 1.0, "linear": 0.0, "any": 0.6}[config.intensity]
    rows, columns = config.shape
    scale = config.scale
    grid = torch.meshgrid(
        torch.arange(rows, device=draws.device) / scale,
        torch.arange(columns, device=draws.device) / scale,
        indexing="ij",
    )
    y, x = (axis[None] - axis.max() / 2 for axis in grid)
    off = 30 * draws.normal((count, 2, 1, 1))
    square = ((x - off[:, 0]) ** 2 + (y - off[:, 1]) ** 2) / (2 * 256.0**2)
    level = draws.uniform(count, 0.45, 0.7)
    return Imagings(
        logarithmic=draws.happens(count, share),
        level=level,
        contrast=draws.range(count, config.contrast),
        scatter=draws.range(count, config.scatter),
        blur=(draws.range(count, config.blur) * scale).clamp(min=0.2),
        noise=draws.range(count, config.noise),
        sharpen=draws.range(count, config.sharpen),
        quality=draws.range(count, config.jpeg),
        vignette=draws.range(count, config.vignette)[:, None, None] * square,
        leak=_blades(x, y, count, config, draws),
        shade=level * draws.uniform(count, 0.3, 0.6),
        scale=scale,
    )


def _blades(
    x: Tensor, y: Tensor, count: int, config: SynthesisConfig, draws: Draws
) -> Tensor:
    """Return the light that passes the blades, which have soft edges."""
    leak = torch.ones((count, *x.shape[1:]), device=x.device)
    used = draws.happens((count, 1, 1), config.collimator)
    turn = math.radians(2) * draws.normal((count, 1, 1))
    edges = (x, -x, y, -y)
    for edge, across in zip(edges, (y, y, x, x), strict=True):
        half = edge.max()
        depth = draws.uniform((count, 1, 1), -30, 60)
        there = used & draws.happens((count, 1, 1), 0.6)
        inside = half - depth - edge + turn * across
        soft = torch.sigmoid(inside / draws.uniform((count, 1, 1), 1.0, 4.0))
        leak = torch.where(there, leak * soft, leak)
    return leak
