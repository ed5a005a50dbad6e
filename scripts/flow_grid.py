"""What the figures of flow share: pairs of frames, and a grid of pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from coronary_loop import coronary_loop
from matplotlib import pyplot as plt

from napari_motionseg.io import read_cine
from napari_motionseg.motion import ESTIMATORS, FlowSettings, choose_gap, color_wheel
from napari_motionseg.synthesis import synthesize_cine

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SEEDS = (16, 4, 20)  # loops whose trees fill the picture
SYNTHETIC_SIZE, SYNTHETIC_FRAMES = 384, 10
PANEL_INCHES, GAP_INCHES = 2.3, 0.05
INK, SOFT = "#22262d", "#6b7280"


@dataclass(frozen=True)
class Pair:
    """Two frames of a loop and what is known of them.

    Parameters
    ----------
    name
        Of the loop.
    first, second
        ``(H, W)`` in [0, 1].
    mask
        ``(H, W)`` bool, vessels of the first; None if unknown.
    truth
        ``(2, H, W)`` px; None if unknown.
    """

    name: str
    first: np.ndarray
    second: np.ndarray
    mask: np.ndarray | None = None
    truth: np.ndarray | None = None


def options_of(description: str | None, name: str) -> argparse.ArgumentParser:
    """Return the options of a figure: loops, frames, where to."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("cines", nargs="*", type=Path, help="loops; none: synthetic")
    made.add_argument("--masks", nargs="*", type=Path, default=[], help="npz with mask")
    made.add_argument("--frames", nargs="*", type=int, default=[], help="one a loop")
    made.add_argument("--gap", type=int, help="frames; nearest to 133 ms if not given")
    made.add_argument("--weights", help="a PWC-Net checkpoint; else what ships")
    made.add_argument("--out", type=Path, default=IMAGES / f"{name}.jpg")
    return made


def pairs_of(options: argparse.Namespace) -> list[Pair]:
    """Return the pairs that the options name; synthetic ones if they name none."""
    if not options.cines:
        return [synthetic_pair(seed) for seed in SEEDS]
    return [real_pair(options, number) for number in range(len(options.cines))]


def synthetic_pair(seed: int) -> Pair:
    """Return the filled pair of a synthetic loop whose vessels move most."""
    config = coronary_loop(
        size=SYNTHETIC_SIZE, frames=SYNTHETIC_FRAMES, frame_rate=7.5, bolus=False
    )
    made = synthesize_cine(config, seed)

    def speed(t: int) -> float:
        return float(np.linalg.norm(made.flow(t, t + 1), axis=0)[made.masks[t]].mean())

    t = max(range(SYNTHETIC_FRAMES - 1), key=speed)
    frames = made.cine.normalized(t), made.cine.normalized(t + 1)
    return Pair("synthetic", *frames, made.masks[t], made.flow(t, t + 1))


def real_pair(options: argparse.Namespace, number: int) -> Pair:
    """Return the pair of the named frame of a loop, the middle one by default."""
    cine = read_cine(options.cines[number])
    gap = options.gap or choose_gap(cine)
    known = number < len(options.frames)
    t = options.frames[number] if known else (len(cine) - gap) // 2
    mask = None
    if number < len(options.masks):
        with np.load(options.masks[number]) as file:
            mask = file["mask"][t]
    return Pair(cine.name, cine.normalized(t), cine.normalized(t + gap), mask)


def flow_by(
    method: str, first: np.ndarray, second: np.ndarray, weights: str | None = None
) -> np.ndarray:
    """Return the flow ``(2, H, W)`` of an estimator of the package."""
    own = weights if method == "pwcnet" else None
    estimator = ESTIMATORS.load(method)(FlowSettings(method=method, weights=own))
    return estimator.flow(estimator.prepare(first), estimator.prepare(second))


def stretched(frame: np.ndarray) -> np.ndarray:
    """Return the frame with its contrast spread for showing."""
    low, high = np.percentile(frame, (0.5, 99.5))
    return np.clip((frame - low) / max(high - low, 1e-6), 0, 1)


def full_length(*flows: np.ndarray) -> float:
    """Return the length in px that is shown in full colour in all of these flows."""
    lengths = [np.percentile(np.linalg.norm(f, axis=0), 99.5) for f in flows]
    return max(float(np.max(lengths)), 1.0)


def draw_grid(
    panels: Sequence[Sequence[np.ndarray]],
    rows: Sequence[str],
    columns: Sequence[str],
    notes: dict[tuple[int, int], str],
) -> plt.Figure:
    """Return a grid of pictures with names left and above, and a colour wheel.

    Parameters
    ----------
    panels
        Row by row, ``(H, W)`` in [0, 1] or ``(H, W, 3)``.
    rows, columns
        Names; empty for none.
    notes
        A few words in the corner of a panel.
    """
    down, across = len(panels), len(panels[0])
    left, top = (0.32 if any(rows) else 0.04), (0.3 if any(columns) else 0.04)
    bottom = 0.62
    width = left + across * (PANEL_INCHES + GAP_INCHES)
    height = top + down * (PANEL_INCHES + GAP_INCHES) + bottom
    figure = plt.figure(figsize=(width, height), facecolor="white")
    for i, row in enumerate(panels):
        for j, panel in enumerate(row):
            x = (left + j * (PANEL_INCHES + GAP_INCHES)) / width
            y = 1 - (top + (i + 1) * PANEL_INCHES + i * GAP_INCHES) / height
            size = (PANEL_INCHES / width, PANEL_INCHES / height)
            axis = figure.add_axes((x, y, *size))
            axis.imshow(panel, cmap="gray", vmin=0, vmax=1, interpolation="lanczos")
            axis.set_axis_off()
            if (i, j) in notes:
                label(axis, notes[i, j])
            if i == 0 and columns[j]:
                axis.set_title(columns[j], fontsize=10, color=INK, pad=5)
        middle = 1 - (top + (i + 0.5) * PANEL_INCHES + i * GAP_INCHES) / height
        words = {"rotation": 90, "va": "center", "ha": "center", "color": INK}
        figure.text(0.45 * left / width, middle, rows[i], fontsize=10, **words)
    legend(figure, left, width, height)
    return figure


def label(axis: plt.Axes, words: str) -> None:
    """Write a few words into the lower left corner of a panel."""
    box = {"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 2}
    place = {"transform": axis.transAxes, "ha": "left", "va": "bottom"}
    axis.text(0.03, 0.03, words, fontsize=8, color=INK, bbox=box, **place)


def legend(figure: plt.Figure, left: float, width: float, height: float) -> None:
    """Put the colour wheel and what it says below the grid."""
    side = 0.5
    axis = figure.add_axes((left / width, 0.06 / height, side / width, side / height))
    axis.imshow(color_wheel(160), interpolation="lanczos")
    axis.set_axis_off()
    words = "hue: direction of motion\nsaturation: speed, full at the fastest of a pair"
    place = ((left + side + 0.1) / width, (0.06 + side / 2) / height)
    figure.text(*place, words, fontsize=9, color=SOFT, va="center")


def save(figure: plt.Figure, out: Path) -> None:
    """Write a figure; as JPEG its noise costs a fifth of what it does as PNG."""
    out.parent.mkdir(parents=True, exist_ok=True)
    jpeg = out.suffix in (".jpg", ".jpeg")
    fine = {"quality": 88, "subsampling": 0, "optimize": True} if jpeg else {}
    figure.savefig(out, dpi=110, facecolor="white", pil_kwargs=fine)
    plt.close(figure)
