"""Noise of detectors and film, and what consoles do to a picture afterwards.

All functions take gray values in [0, 1] and return new ones, not limited to [0, 1]; the
caller quantizes last, see `quantized`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.filters import smoothed
from napari_motionseg.synthesis.imaging import compressed

LEAST_GRAY = 0.05  # signal below which noise no longer follows the signal


def correlated_noise(
    shape: tuple[int, int],
    rows: float,
    columns: float,
    generator: torch.Generator,
    device: torch.device | None = None,
) -> Tensor:
    """Return noise of unit variance whose power falls off as a detector's does.

    The noise power spectrum is that of white noise behind a Gaussian blur: detectors
    spread the light of one quantum over neighbouring pixels, video lines along a row.

    Parameters
    ----------
    shape
        Rows and columns.
    rows, columns
        Standard deviation of the blur in px along each axis; 0 is white noise.
    generator
        Random numbers, on the CPU.
    device
        Where the noise is returned; the CPU if None.
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
    """Return a picture with the noise of a limited number of X-ray quanta.

    Parameters
    ----------
    picture
        ``(H, W)`` in [0, 1].
    deviation
        Standard deviation at the picture's mean gray, as share of full scale. It goes
        with the root of dose: a quarter of the dose doubles it.
    generator
        Random numbers, on the CPU.
    rows, columns
        Correlation of the noise, see `correlated_noise`.
    follows
        Power of gray that the deviation follows: 0.5 where gray is the light (Poisson),
        -0.5 where gray is its logarithm, for there the dark parts are the noisy ones.
    """
    shape = (picture.shape[-2], picture.shape[-1])
    noise = correlated_noise(shape, rows, columns, generator, picture.device)
    signal = picture.clamp(min=LEAST_GRAY)
    return picture + deviation * (signal / signal.mean()) ** follows * noise


def film_grain(
    picture: Tensor, deviation: float, generator: torch.Generator, size: float = 0.8
) -> Tensor:
    """Return a picture with the grain of cine film.

    Clumps of silver are of several sizes, so the grain has a long-ranged part, and it
    is strongest in middle grays, where half of the grains are developed.

    Parameters
    ----------
    picture
        ``(H, W)`` in [0, 1].
    deviation
        Standard deviation at middle gray, as share of full scale.
    generator
        Random numbers, on the CPU.
    size
        Standard deviation in px of the smallest clumps' blur.
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
    """Return a picture after unsharp masking, as consoles show it.

    Parameters
    ----------
    picture
        ``(..., H, W)``.
    amount
        Share of the fine structure that is added once more; 0 changes nothing.
    sigma
        Standard deviation in px that divides fine from coarse.
    """
    return picture + amount * (picture - smoothed(picture, sigma))


def recursively_filtered(frames: Tensor, share: float) -> Tensor:
    """Return frames after a console's temporal recursive filter.

    Each frame shown is a mean of the new frame and the last one shown; noise sinks, and
    what moves leaves a trail.

    Parameters
    ----------
    frames
        ``(T, H, W)`` in the order of time.
    share
        Share of the last frame shown, 0 to below 1. Noise that is independent from
        frame to frame keeps ``(1 - share) / (1 + share)`` of its variance.

    Raises
    ------
    SettingsError
        If the share is outside its range.
    """
    if not 0 <= share < 1:
        raise SettingsError(f"share must be from 0 to below 1; got {share}")
    shown = [frames[0]]
    for frame in frames[1:]:
        shown.append(torch.lerp(frame, shown[-1], share))
    return torch.stack(shown)


def quantized(picture: Tensor, bits: int, quality: float = 100.0) -> Tensor:
    """Return a picture in [0, 1] in the steps of its bits, or as JPEG gives it back.

    Parameters
    ----------
    picture
        ``(H, W)``.
    bits
        Bits stored, 1 to 16.
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
    """Return the standard deviation of a picture minus its 3 x 3 median.

    The measure by which grain is compared, in gray levels of 255; 0.6 on quiet digital
    loops, 1 to 3 on digitised film, 3 to 4 on loops of low dose.

    Parameters
    ----------
    picture
        ``(H, W)`` in [0, 1].
    """
    padded = functional.pad(picture[None, None], (1, 1, 1, 1), mode="reflect")
    windows = functional.unfold(padded, 3)[0]
    median = windows.median(dim=0).values.view(picture.shape)
    return float((picture - median).std() * 255)
