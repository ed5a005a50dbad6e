"""What lies around the vessels: tissue, bones, catheter, bolus; and the imaging."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from napari_motionseg.synthesis.config import REFERENCE_SIDE, SynthesisConfig

Array = NDArray[np.float64]
Picture = NDArray[np.float32]

CANVAS = 704  # px at 512 px: what may move into the picture is drawn too
BORDER = (CANVAS - REFERENCE_SIDE) / 2


def draw_background(config: SynthesisConfig, rng: np.random.Generator) -> Picture:
    """Return the absorbance of chest and spine, ``(n, n)`` at the loop's resolution.

    Its middle is the picture, its border what motion brings in.
    """
    side = round(CANVAS * config.scale)
    axis = (np.arange(side) + 0.5) / config.scale - BORDER
    x, y = np.meshgrid(axis, axis)
    absorbance = _tissue(side, config.scale, rng)
    absorbance += _heart_and_diaphragm(x, y, rng)
    if config.bones:
        absorbance += _spine(x, y, rng) + _ribs(x, y, rng)
    return absorbance.astype(np.float32)


def _tissue(side: int, scale: float, rng: np.random.Generator) -> Array:
    """Return smooth random tissue: noise of many scales, rougher the finer."""
    total = np.zeros((side, side))
    strengths = {120: 0.14, 50: 0.045, 22: 0.025, 10: 0.016, 4: 0.011, 2: 0.006}
    for size, strength in strengths.items():
        sigma = max(size * scale, 0.4)
        noise = ndimage.gaussian_filter(
            rng.standard_normal((side, side)), sigma, mode="wrap"
        )
        total += strength * rng.uniform(0.6, 1.3) * noise / noise.std()
    return total


def _heart_and_diaphragm(x: Array, y: Array, rng: np.random.Generator) -> Array:
    heart = np.exp(
        -(((x - rng.uniform(220, 300)) / rng.uniform(150, 220)) ** 2)
        - ((y - rng.uniform(230, 320)) / rng.uniform(130, 200)) ** 2
    )
    height = rng.uniform(220, 540)
    dome = height + ((x - rng.uniform(100, 420)) / rng.uniform(11, 24)) ** 2
    below = expit((y - dome) / rng.uniform(1, 4))
    lung_edge = rng.uniform(330, 560) + rng.uniform(-0.5, 0.5) * (y - 256)
    lung = expit((x - lung_edge) / rng.uniform(2, 16))
    shadow: Array = (
        rng.uniform(0.1, 0.4) * heart
        + rng.uniform(0.1, 0.45) * below
        - rng.uniform(0.1, 0.35) * lung
    )
    return shadow


def _spine(x: Array, y: Array, rng: np.random.Generator) -> Array:
    centre = rng.uniform(60, 460) + rng.uniform(-0.25, 0.25) * (y - 256)
    width = rng.uniform(36, 52)
    column = expit((width - np.abs(x - centre)) / rng.uniform(4, 8))
    height = rng.uniform(62, 84)
    phase = (y + rng.uniform(0, height)) / height
    discs = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
    bumps = np.exp(-(((np.abs(x - centre) - 0.75 * width) / 9) ** 2)) * discs**4
    bone: Array = rng.uniform(0.06, 0.28) * column * (0.75 + 0.25 * (1 - discs**6))
    return bone + rng.uniform(0.02, 0.08) * bumps


def _ribs(x: Array, y: Array, rng: np.random.Generator) -> Array:
    total = np.zeros_like(x)
    spacing, slope = rng.uniform(70, 105), rng.choice([-1, 1]) * rng.uniform(0.1, 0.5)
    bend, strength = rng.uniform(-4e-4, 4e-4), rng.uniform(0.02, 0.09)
    for place in np.arange(rng.uniform(-100, 0), 620, spacing):
        centre = place + slope * (x - 256) + bend * (x - 256) ** 2 + rng.normal(0, 5)
        half = rng.uniform(9, 15)
        distance = (y - centre) / half
        # cortical bone is denser than what it holds, so the edges are darker
        wall = np.exp(-(((np.abs(distance) - 1) / 0.3) ** 2))
        inner = expit((1 - np.abs(distance)) * 6)
        total += strength * (0.5 * wall + inner)
    return total


def catheter_course(ostium: Array, rng: np.random.Generator) -> Array:
    """Return the catheter's centreline ``(N, 2)``, px at 512 px, tip at the ostium.

    It comes down the aorta and bends to the ostium.
    """
    entry = np.array([ostium[0] + rng.uniform(-110, 60), -BORDER])
    bend = ostium + [rng.choice([-1, 1]) * rng.uniform(20, 60), rng.uniform(10, 50)]
    control = np.array([entry, [entry[0], bend[1] - 120], bend, ostium])
    share = np.linspace(0, 1, 400)[:, None]
    weights = [(1 - share) ** 3, 3 * share * (1 - share) ** 2,
               3 * share**2 * (1 - share), share**3]  # fmt: skip
    course: Array = sum(w * p for w, p in zip(weights, control, strict=True))
    return course[::-1].copy()


@dataclass(frozen=True)
class Bolus:
    """Contrast agent along the tree over time.

    Parameters
    ----------
    arrival
        Seconds at which it leaves the catheter.
    speed
        Px at 512 px a second.
    rise
        Seconds from none to full at a point.
    end
        Seconds at which injection ends.
    decay
        Seconds in which it is washed out to a third.
    """

    arrival: float
    speed: float
    rise: float
    end: float
    decay: float

    def density(self, path: Array, time: float) -> Array:
        """Return the share of full contrast, 0 to 1, at `path` px from the ostium."""
        delay = path / self.speed
        share = np.clip((time - self.arrival - delay) / self.rise, 0, 1)
        filled = share * share * (3 - 2 * share)
        since = np.maximum(time - self.end - delay, 0)
        density: Array = filled * np.exp(-since / self.decay)
        return density


def draw_bolus(
    config: SynthesisConfig, duration: float, rng: np.random.Generator
) -> Bolus:
    """Return a bolus that fills the tree early in a loop of `duration` seconds."""
    if not config.bolus:
        return Bolus(-1e3, 1e4, 1.0, 1e6, 1.0)
    fill = min(rng.uniform(0.5, 1.1), 0.3 * duration)
    return Bolus(
        arrival=min(rng.uniform(0.1, 0.5), 0.12 * duration),
        speed=500 / fill,
        rise=0.35 * fill,
        end=duration * rng.uniform(0.75, 1.3),
        decay=rng.uniform(0.5, 1.5),
    )


@dataclass(frozen=True)
class Imaging:
    """The chain from absorbance to gray values.

    Parameters
    ----------
    gain, gamma
        Window: brightness of no absorbance, and the curve.
    scatter
        Share of the light that comes from elsewhere, wide.
    blur
        Standard deviation of the detector's blur, px of the loop.
    noise
        Standard deviation at half brightness, share of full scale.
    sharpen
        Strength of edge enhancement.
    vignette
        ``(H, W)``, static brightness of the field.
    leak
        ``(H, W)``, share of light that passes the collimator, 1 in the open field.
    open_field
        ``(H, W)`` bool, False under the collimator.
    """

    gain: float
    gamma: float
    scatter: float
    blur: float
    noise: float
    sharpen: float
    vignette: Picture
    leak: Picture
    open_field: NDArray[np.bool_]

    def expose(self, absorbance: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the 8-bit frame of an absorbance ``(H, W)``."""
        light = np.exp(-absorbance)
        wide = ndimage.gaussian_filter(light, 24 * self.blur, truncate=2)
        light = (1 - self.scatter) * light + self.scatter * wide
        light = ndimage.gaussian_filter(light, self.blur)
        gray = self.gain * (light**self.gamma) * self.vignette
        grain = ndimage.gaussian_filter(rng.standard_normal(gray.shape), 0.6)
        gray += self.noise * 2.2 * grain * np.sqrt(np.maximum(gray, 0.02) / 0.5)
        if self.sharpen:
            gray += self.sharpen * (gray - ndimage.gaussian_filter(gray, 1.2))
        gray *= self.leak
        frame: NDArray[np.uint8] = np.round(np.clip(gray, 0, 1) * 255).astype(np.uint8)
        return frame


def draw_imaging(config: SynthesisConfig, rng: np.random.Generator) -> Imaging:
    """Return an imaging chain within the configuration's ranges."""
    rows, columns = config.shape
    y, x = np.mgrid[:rows, :columns] / (config.scale * REFERENCE_SIDE) - 0.5
    radius = np.hypot(x - rng.normal(0, 0.06), y - rng.normal(0, 0.06))
    vignette = 1 - rng.uniform(0, 0.5) * radius**2
    open_field = np.ones((rows, columns), bool)
    if config.collimator and rng.uniform() < 0.6:
        for edge in rng.choice(4, rng.integers(1, 4), replace=False):
            depth = max(1, round(rng.uniform(0.004, 0.1) * min(rows, columns)))
            side = (slice(None, depth), slice(-depth, None))[edge % 2]
            open_field[side if edge < 2 else (slice(None), side)] = False
    return Imaging(
        gain=rng.uniform(0.52, 0.74),
        gamma=rng.uniform(0.75, 1.1),
        scatter=rng.uniform(0.08, 0.3),
        blur=max(rng.uniform(*config.blur) * config.scale, 0.3),
        noise=config.noise * rng.uniform(0.003, 0.012),
        sharpen=rng.choice([0.0, rng.uniform(0.2, 0.8)]),
        vignette=vignette.astype(np.float32),
        leak=_leak(open_field, rng.uniform(0.15, 0.4), config.scale),
        open_field=open_field,
    )


def _leak(open_field: NDArray[np.bool_], closed: float, scale: float) -> Picture:
    """Return the light that passes: blades lie near the source, so edges are soft."""
    share = ndimage.gaussian_filter(open_field.astype(np.float32), 2.5 * scale)
    leak: Picture = (closed + (1 - closed) * share).astype(np.float32)
    return leak
