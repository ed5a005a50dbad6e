"""Draw figure 3 of Ma et al. (2019) for any loop and any checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.embedding_views import FIGURE_3, Picture, view_of
from napari_motionseg.embedding.frame_vectors import Pixel
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.program_marks import MARK

CELL_IN, SIDE_IN, GAP_IN = 2.3, 0.35, 0.08  # inches
HEAD_IN, FOOT_IN = 0.3, 0.55
DPI = 150
SAME_COLOURS = "similar colours are similar vectors"
TITLE_PT = 7.2  # the longest title is as wide as a cell
ANCHOR = "#ff2d2d"
MISSING = "no flow begins\nat this frame"


@dataclass(frozen=True, eq=False)
class FigureRow:
    """A row of the figure: one checkpoint, or one frame.

    Parameters
    ----------
    title
        Title of the row: name of the checkpoint, or number of the frame.
    frame
        ``(H, W)`` gray values in [0, 1].
    pictures
        Pictures by view, as `Pictures.of` returns them. A column without a picture
        says that no flow begins at the frame.
    anchors
        Row and column of each anchor.
    """

    title: str
    frame: NDArray[np.floating]
    pictures: Mapping[str, Picture]
    anchors: tuple[Pixel, ...] = ()


def draw_figure(
    rows: Sequence[FigureRow],
    caption: str = "",
    columns: Sequence[str] = FIGURE_3,
) -> Any:
    """Draw the frame and the columns of each row as a figure of matplotlib.

    Parameters
    ----------
    rows
        Rows of the figure, at least one.
    caption
        Text below the grid: the frame, the projection and the kernel.
    columns
        Names of the views to draw, from `VIEWS`.
    """
    from matplotlib.figure import Figure

    height, width = rows[0].frame.shape
    cell = (CELL_IN, CELL_IN * height / width)
    across = len(columns) + 1
    size = (
        SIDE_IN + across * (cell[0] + GAP_IN),
        HEAD_IN + FOOT_IN + len(rows) * (cell[1] + GAP_IN),
    )
    figure = Figure(figsize=size, facecolor="white")
    for down, row in enumerate(rows):
        for column, name in enumerate(("frame", *columns)):
            left = SIDE_IN + column * (cell[0] + GAP_IN)
            bottom = size[1] - HEAD_IN - (down + 1) * cell[1] - down * GAP_IN
            box = (
                left / size[0], bottom / size[1],
                cell[0] / size[0], cell[1] / size[1],
            )  # fmt: skip
            axes = figure.add_axes(box)
            _draw_cell(axes, row, name)
            if down == 0:
                _title(axes, name)
            if down == len(rows) - 1 and name != "frame":
                _color_bar(figure, box, name, size)
            if column == 0:
                axes.set_ylabel(row.title, fontsize=8)
    if caption:
        place = (SIDE_IN / size[0], 0.06 / size[1])
        figure.text(*place, caption, fontsize=7, color="#555b66")
    return figure


def caption_words(
    frame: object, method: str, seed: int, kernel: str, shift: Pixel
) -> str:
    """Return the caption of a figure: how its pictures were made.

    Parameters
    ----------
    frame
        Number of the frame, or several numbers as one text.
    method
        Method of the projection to colours, as in `Palette.of`.
    seed
        Seed of the projection, as in `Palette.of`.
    kernel
        Name of the kernel of flow similarity, from `FLOW_KERNELS`.
    shift
        Rows and columns of the shift in the similarity to the shifted map.
    """
    colours = {
        "random": f"random projection {seed}",
        "orthogonal": f"orthogonal random projection {seed}",
        "pca": "principal components (not the papers')",
    }[method]
    flow = {"relative": "Ma et al., equation 6", "absolute": "cross pixel"}[kernel]
    return (
        f"Frame {frame}; {colours}; flow similarity: {flow}; shift: "
        f"{shift[0]} px down and {shift[1]} px right. Research use only."
    )


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a figure completely or not at all; the suffix decides on the format.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    with replacing(path) as temporary:
        marked = {"Software": MARK} if temporary.suffix.lower() == ".png" else None
        figure.savefig(temporary, dpi=DPI, metadata=marked)


def _draw_cell(axes: Any, row: FigureRow, name: str) -> None:
    import matplotlib as mpl

    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    picture = row.frame if name == "frame" else row.pictures.get(name)
    if picture is None:
        axes.imshow(np.full(row.frame.shape, 0.93), cmap="gray", vmin=0, vmax=1)
        axes.text(
            0.5, 0.5, MISSING, transform=axes.transAxes, ha="center", va="center",
            fontsize=8, color="#555b66",
        )  # fmt: skip
        return
    if name == "frame":
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    elif view_of(name).limits is None:
        axes.imshow(picture)
    else:
        low, high = view_of(name).limits or (0, 1)
        colormap = mpl.colormaps[view_of(name).colormap].with_extremes(bad="0.9")
        axes.imshow(picture, cmap=colormap, vmin=low, vmax=high)
    if name == "frame" or view_of(name).needs_anchor:
        arm = row.frame.shape[1] * 0.03
        for y, x in row.anchors:
            axes.plot([x - arm, x + arm], [y, y], color=ANCHOR, lw=1.6)
            axes.plot([x, x], [y - arm, y + arm], color=ANCHOR, lw=1.6)


def _title(axes: Any, name: str) -> None:
    words = "Frame" if name == "frame" else view_of(name).title
    axes.set_title(words, fontsize=TITLE_PT, pad=5)


def _color_bar(
    figure: Any, box: tuple[float, ...], name: str, size: tuple[float, float]
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    left, bottom, width, _ = box
    if view_of(name).limits is None:
        figure.text(
            left + width / 2, bottom - 0.16 / size[1], SAME_COLOURS,
            ha="center", fontsize=6.5, color="#555b66",
        )  # fmt: skip
        return
    low, high = view_of(name).limits or (0, 1)
    axes = figure.add_axes(
        (left + width * 0.15, bottom - 0.14 / size[1], width * 0.7, 0.07 / size[1])
    )
    shown = ScalarMappable(Normalize(low, high), view_of(name).colormap)
    bar = figure.colorbar(shown, cax=axes, orientation="horizontal")
    bar.set_ticks([low, high] if low == 0 else [low, 0, high])
    bar.ax.tick_params(labelsize=6.5, length=2, pad=1)
    bar.outline.set_visible(False)
