"""Loops whose layers are known: bands that absorb, over a smooth background."""

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.io import Labels

SIDE = 128
STRENGTHS = (0.0, 0.0, 0.01, 0.2, 0.4, 0.4, 0.3)  # absorbed in the middle of the band


def background(side=SIDE):
    """A slope with a dark wide disc and a thin dark wire, that stay."""
    rows, columns = np.mgrid[:side, :side] / side
    picture = 0.75 - 0.2 * rows + 0.1 * columns
    picture -= 0.15 * np.exp(-((rows - 0.3) ** 2 + (columns - 0.7) ** 2) / 0.05)
    return picture * np.where(np.abs(columns - 0.2) < 0.006, 0.8, 1)


def band(side=SIDE, at=0.5):
    """Path length through a slanting tube of 8 px, 0 to 1."""
    rows, columns = np.mgrid[:side, :side]
    away = (rows - at * side - 0.2 * (columns - side / 2)) / 4
    return np.sqrt(np.clip(1 - away**2, 0, None))


def loop(strengths=STRENGTHS, noise=0.003, seed=0, **others):
    """A loop in which contrast comes; frame t absorbs ``strengths[t] * band()``."""
    rng = np.random.default_rng(seed)
    frames = [background() * np.exp(-s * band()) for s in strengths]
    noisy = np.stack(frames) + noise * rng.standard_normal((len(frames), SIDE, SIDE))
    return Cine.from_array(np.clip(noisy, 0, 1), name="banded", **others)


def painted(count=7, frames=(4,), value=1, mode="dense"):
    """Labels of the band on some frames."""
    labels = np.zeros((count, SIDE, SIDE), np.uint8)
    for t in frames:
        labels[t][band() > 0] = value
    return Labels(labels, np.isin(np.arange(count), frames), mode)
