"""Make docs/images/catheters.jpg: masks in which catheters are a class of their own.

python scripts/figure_catheters.py

Shows frames of the synthetic sample before, during and after the arrival of contrast
agent, and the masks of the default network without any label.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_motionseg.cine import Cine
from napari_motionseg.io import read_cine
from napari_motionseg.segmentation import segment
from napari_motionseg.viewmodel.class_colors import rgb_of

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "napari_motionseg" / "samples" / "synthetic-angiogram.dcm"
OUT = ROOT / "docs" / "images" / "catheters.jpg"
FRAMES = (1, 8, 14, 20)
SIDE, GAP = 320, 8  # px
OPACITY = 0.55


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    cine = read_cine(SAMPLE)
    masks = segment(cine, "default", frames=FRAMES).masks
    rows = [
        np.concatenate([beside(picture(cine, t)) for t in FRAMES], axis=1),
        np.concatenate([beside(painted(cine, t, masks[t])) for t in FRAMES], axis=1),
    ]
    Image.fromarray(np.concatenate(rows)[:-GAP, :-GAP]).save(options.out, quality=88)


def picture(cine: Cine, t: int) -> NDArray[np.uint8]:
    """Return frame `t` ``(H, W, 3)`` in gray."""
    gray = (cine.normalized(t) * 255).round().clip(0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)


def painted(cine: Cine, t: int, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return frame `t` ``(H, W, 3)`` with its mask in the colours of the classes."""
    shown = picture(cine, t).astype(float)
    for number in (1, 2):
        color = np.array(rgb_of(number), float)
        here = mask == number
        shown[here] = (1 - OPACITY) * shown[here] + OPACITY * color
    return shown.round().astype(np.uint8)


def beside(shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture at the side of the figure, with a white gap after it."""
    small = np.asarray(Image.fromarray(shown).resize((SIDE, SIDE), Image.LANCZOS))
    return np.pad(small, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
