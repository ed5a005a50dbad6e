"""Colors of the classes, for brushes, labels layers and the live preview."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.contributions import VESSEL
from napari_motionseg.io.label_numbers import BACKGROUND, IMPLIED_BACKGROUND

# colors of classes 0, 1, 2, ...; red and blue differ for any kind of color vision
PALETTE = (
    "#3d8bfd", VESSEL, "#ffd23f", "#2bd9a8", "#c77dff", "#f48fb1", "#9ccc65", "#b0bec5",
)  # fmt: skip
# opacity of the preview; lower than that of strokes, so that the loop is visible
MOST_OPAQUE = 0.45
FAINTEST = 0.1  # foreground probability below which the preview is transparent


def color_of(number: int) -> str:
    """Return the color of class `number`, 0 = background, as ``#rrggbb``."""
    return PALETTE[number % len(PALETTE)]


def label_colors(names: Sequence[str]) -> dict[int | None, str]:
    """Return the colors of labels and of masks, as napari takes them.

    Parameters
    ----------
    names
        The names of the classes, the background first. Implied background is
        transparent, because it would cover the picture.
    """
    colors: dict[int | None, str] = {
        None: "transparent",
        0: "transparent",
        IMPLIED_BACKGROUND: "transparent",
        BACKGROUND: color_of(0),
    }
    return colors | {number: color_of(number) for number in range(1, len(names))}


def class_picture(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the likeliest class of each pixel in its color.

    Parameters
    ----------
    probabilities
        ``(C, H, W)``, the background first, which is transparent. The more probable
        the foreground is, the more opaque is the pixel.

    Returns
    -------
    NDArray
        ``(H, W, 4)`` uint8, red, green, blue and alpha.
    """
    likeliest = probabilities[1:].argmax(axis=0)
    colors = np.array([rgb_of(n) for n in range(1, len(probabilities))])
    picture = np.empty((*likeliest.shape, 4), np.uint8)
    picture[..., :3] = colors.astype(np.uint8)[likeliest]
    foreground = (1 - probabilities[0] - FAINTEST) / (1 - FAINTEST)
    picture[..., 3] = np.clip(foreground, 0, 1) * (255 * MOST_OPAQUE)
    return picture


def rgb_of(number: int) -> tuple[int, int, int]:
    """Return red, green and blue in 0 to 255 of the color of a class."""
    color = color_of(number)
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
