"""Add noise of detectors and film, and the processing of consoles.

All functions take gray values in [0, 1] and return new ones that may exceed [0, 1]. The
caller quantizes last; see `quantized`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.filters import smoothed
from napari_motionseg.synthesis.imaging import compressed

LEAST_GRAY = 0.05  # below this signal, noise no longer depends on the signal


def correlated_noise(
    shape: tuple[int, int],
    rows: float,
    columns: float,
    generator: torch.Generator,
    device: torch.device | None = None,
) -> Tensor:
    """Return noise of unit variance with the power spectrum of a detector.

    The spectrum is that of white noise after a Gaussian blur: detectors spread the
    light of one quantum over neighbouring pixels, and video lines spread it along a
    row.

    Parameters
    ----------
    shape
        Number of rows and columns.
    rows, columns
        Standard deviation of the blur in px along each axis; 0 gives white noise.
    generator
        Generator of the random numbers, on the CPU.
    device
        Device of the result; None is the CPU.
    """
    white = torch.randn(shape, generator=generator)
    noise = smoothed(white.to(device or "cpu"), rows, columns)
    return (noise - noise.mean()) / noise.std().clamp(min=1e-6)


def quantum_noise(
    picture: Tensor,
    deviation: float,
    generator: torch.Generator,
    *,
    rows: float = 0.5,
    columns: float = 0.5,
    follows: float = 0.5,
) -> Tensor:
    """Add the noise of a limited number of X-ray quanta to a picture.

    Parameters
    ----------
    picture
        Picture ``(H, W)`` in [0, 1].
    deviation
        Standard deviation at the picture's mean gray, as share of full scale. A quarter
        of the dose doubles it.
    generator
        Generator of the random numbers, on the CPU.
    rows, columns
        Blur in px that correlates the noise along each axis; see `correlated_noise`.
    follows
        Exponent with which the deviation depends on gray: 0.5 if gray is the light
        (Poisson noise), -0.5 if it is the logarithm of the light, whose dark parts are
        noisier.
    """
    shape = (picture.shape[-2], picture.shape[-1])
    noise = correlated_noise(shape, rows, columns, generator, picture.device)
    signal = picture.clamp(min=LEAST_GRAY)
    return picture + deviation * (signal / signal.mean()) ** follows * noise


def film_grain(
    picture: Tensor, deviation: float, generator: torch.Generator, size: float = 0.8
) -> Tensor:
    """Add the grain of cine film to a picture.

    Silver clumps have several sizes, so the grain has a long-range part. It is
    strongest in middle grays, where half of the grains are developed.

    Parameters
    ----------
    picture
        Picture ``(H, W)`` in [0, 1].
    deviation
        Standard deviation at middle gray, as share of full scale.
    generator
        Generator of the random numbers, on the CPU.
    size
        Standard deviation in px of the blur of the smallest clumps.
    """
    shape = (picture.shape[-2], picture.shape[-1])
    total = torch.zeros_like(picture)
    for factor, share in ((1.0, 0.7), (2.5, 0.5), (6.0, 0.3)):
        blur = factor * size
        total += share * correlated_noise(shape, blur, blur, generator, picture.device)
    gray = picture.clamp(0, 1)
    strength = 2 * (gray * (1 - gray)).sqrt()
    return picture + deviation * strength * total / total.std().clamp(min=1e-6)


def edge_enhanced(picture: Tensor, amount: float, sigma: float) -> Tensor:
    """Apply unsharp masking to a picture, as consoles do.

    Parameters
    ----------
    picture
        Pictures ``(..., H, W)``.
    amount
        Factor on the fine structure that is added; 0 changes nothing.
    sigma
        Standard deviation in px of the blur that separates fine from coarse structure.
    """
    return picture + amount * (picture - smoothed(picture, sigma))


def recursively_filtered(frames: Tensor, share: float) -> Tensor:
    """Apply a console's temporal recursive filter to frames.

    Each displayed frame is a mean of the new frame and the previously displayed one.
    Noise decreases, and moving objects leave a trail.

    Parameters
    ----------
    frames
        Frames ``(T, H, W)`` in order of time.
    share
        Share of the previously displayed frame, from 0 to below 1. Noise that is
        independent between frames keeps ``(1 - share) / (1 + share)`` of its variance.

    Raises
    ------
    SettingsError
        If the share is outside its range.
    """
    if not 0 <= share < 1:
        raise SettingsError(f"share must be at least 0 and below 1; got {share}")
    shown = [frames[0]]
    for frame in frames[1:]:
        shown.append(torch.lerp(frame, shown[-1], share))
    return torch.stack(shown)


def quantized(picture: Tensor, bits: int, quality: float = 100.0) -> Tensor:
    """Quantize a picture to [0, 1] in steps of its bits, or as JPEG would decode it.

    Parameters
    ----------
    picture
        Picture ``(H, W)``; values outside [0, 1] are clipped.
    bits
        Number of bits stored, 1 to 16.
    quality
        Quality of baseline JPEG, 1 to 100; below 100 the picture has 8 bits.

    Raises
    ------
    SettingsError
        If bits or quality are outside their range.
    """
    if not 1 <= bits <= 16:
        raise SettingsError(f"bits must be 1 to 16; got {bits}")
    if not 1 <= quality <= 100:
        raise SettingsError(f"quality must be 1 to 100; got {quality}")
    picture = picture.clamp(0, 1)
    if quality < 100:
        stored: Tensor = compressed(
            picture[None], torch.tensor([quality], device=picture.device)
        )[0]
        return stored
    full = 2**bits - 1
    stepped: Tensor = (picture * full).round() / full
    return stepped


def grain_of(picture: Tensor) -> float:
    """Measure grain: the standard deviation of a picture minus its 3 x 3 median.

    The result is in gray levels of 255. Quiet digital loops have 0.6, digitised film
    has 1 to 3, and loops of low dose have 3 to 4.

    Parameters
    ----------
    picture
        Picture ``(H, W)`` in [0, 1].
    """
    padded = functional.pad(picture[None, None], (1, 1, 1, 1), mode="reflect")
    windows = functional.unfold(padded, 3)[0]
    median = windows.median(dim=0).values.view(picture.shape)
    return float((picture - median).std() * 255)
