"""Draw curves as SVG with the colours of the page, for light and dark mode."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.segmentation import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# placeholder colours for matplotlib, which are replaced by variables of the page
COLORS = {
    "#010203": "var(--ink)",
    "#040506": "var(--faint)",
    "#070809": "var(--accent)",
    "#0a0b0c": "var(--truth)",
}
INK, FAINT, ACCENT, TRUTH = COLORS
SMOOTHED_SHARE = 0.08  # width of the moving average, as a share of all steps


def loss_curve(name: str, losses: Sequence[float]) -> str:
    """Return the loss of each step, with its running mean, as SVG."""
    figure, axes = _axes(4.6, 2.3)
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, color=FAINT, linewidth=0.8)
    axes.plot(steps, running_mean(losses), color=ACCENT, linewidth=1.8)
    axes.set_xlabel("step")
    axes.set_ylabel(f"loss of {name.lower()}")
    axes.set_xlim(1, max(2, len(losses)))
    return _svg(figure)


def running_mean(values: Sequence[float]) -> NDArray[np.float64]:
    """Return the mean over a window of a twelfth of the steps, shorter at the ends."""
    array = np.asarray(values, np.float64)
    width = max(1, round(len(array) * SMOOTHED_SHARE))
    window = np.ones(width)
    sums = np.convolve(array, window, "same")
    counts = np.convolve(np.ones(len(array)), window, "same")
    return np.asarray(sums / counts)


def dice_curve(
    evaluation: Evaluation,
    vessel_share: NDArray[np.floating],
    labelled: Sequence[int],
) -> str:
    """Return Dice and clDice of each frame above its share of vessel, as SVG.

    Parameters
    ----------
    evaluation
        Metrics of the frames to show.
    vessel_share
        Share ``(T,)`` of the pixels that are vessel in truth.
    labelled
        Indices of the frames that were trained on.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = _axes(9.6, 2.8)
    below = axes.twinx()
    below.fill_between(
        np.arange(len(vessel_share)), 100 * vessel_share, color=FAINT, alpha=0.25,
        linewidth=0,
    )  # fmt: skip
    below.set_ylim(0, 300 * max(float(np.max(vessel_share)), 1e-6))
    below.set_axis_off()
    axes.set_zorder(below.get_zorder() + 1)
    axes.plot(
        evaluation.frames, evaluation.dice, color=ACCENT, marker="o", markersize=4,
        linewidth=1.8, label="Dice",
    )  # fmt: skip
    axes.plot(
        evaluation.frames, evaluation.cldice, color=TRUTH, marker=".", linewidth=1.0,
        label="clDice",
    )  # fmt: skip
    for index, t in enumerate(labelled):
        axes.axvline(
            t, color=INK, linewidth=1, linestyle=(0, (3, 3)),
            label="" if index else "labelled",
        )  # fmt: skip
    axes.plot([], [], color=FAINT, linewidth=6, alpha=0.4, label="vessel in the truth")
    axes.set_ylim(0, 1.02)
    axes.set_xlim(-0.5, len(vessel_share) - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("frame")
    axes.set_ylabel("agreement with the truth")
    axes.legend(
        frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0),
        labelcolor=INK, fontsize=9,
    )  # fmt: skip
    return _svg(figure)


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure of the given size in inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.tick_params(colors=INK, labelsize=9, length=3)
    axes.xaxis.label.set(color=INK, fontsize=9)
    axes.yaxis.label.set(color=INK, fontsize=9)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.7)
    return figure, axes


def _svg(figure: Figure) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    # text stays text, in the font of the page; equal curves give equal files
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "motionseg"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for stand_in, variable in COLORS.items():
        text = text.replace(stand_in, variable)
    # the page sets the size and the font
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return _own_ids(re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", text))


def _own_ids(text: str) -> str:
    """Make the ids unique in the page, because matplotlib repeats them."""
    prefix = f"c{zlib.crc32(text.encode()):08x}-"
    text = re.sub(r'\bid="', f'id="{prefix}', text)
    text = re.sub(r'href="#', f'href="#{prefix}', text)
    return re.sub(r"url\(#", f"url(#{prefix}", text)
