"""Show pictures of the explorer as layers: in cells beside a loop, or over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_motionseg.embedding.embedding_views import title_of, view_of
from napari_motionseg.viewmodel.cells import CheckpointCells
from napari_motionseg.viewmodel.explorer_state import ExplorerResult
from napari_motionseg.widgets.common.canvas_marks import Captions
from napari_motionseg.widgets.common.picture_layers import PictureLayers
from napari_motionseg.widgets.common.shown_picture import ShownPicture

OVER_OPACITY = 0.8
ABOVE = 1 / 24  # room for a colour bar, as a share of a frame's height
LONG_START = "Similarity "  # narrow pictures get captions without it


class ExplorerLayers(PictureLayers):
    """Show the pictures of an embedding and their captions."""

    def show(self, found: ExplorerResult, stale: str = "", quick: bool = False) -> None:
        """Show exactly these pictures, if their loop is in the viewer.

        Parameters
        ----------
        found
            Pictures to show, with the request they were computed for.
        stale
            Note about the age of the pictures, which captions add; may be empty.
        quick
            Whether thumbnails are updated later, because an anchor is being dragged.
        """
        loop = found.request.layer
        if loop not in self._viewer.layers:
            return
        pictures = {
            name: _picture(block, name, found)
            for block, name in enumerate(found.names, 1)
        }
        captions = self._captions_of(found, stale)
        self.want(loop, pictures, captions, found.grid, quick=quick)

    def caption(self, found: ExplorerResult, stale: str = "") -> None:
        """Write captions above the cells."""
        self.show_captions(self._captions_of(found, stale))

    def _captions_of(self, found: ExplorerResult, stale: str) -> Callable[[], Captions]:
        return lambda: captions_of(found, stale, self.layer)


def _picture(block: int, name: str, found: ExplorerResult) -> ShownPicture:
    """Return a view of one checkpoint, or of two, as one picture."""
    grid, choices, view = found.grid, found.request.choices, view_of(name)
    cells: tuple[tuple[int, int], ...] = ()
    if not choices.over:
        cells = tuple(grid.corner(block, model) for model in range(grid.members))
    return ShownPicture(
        title_of(name, choices.method), tuple(p[name] for p in found.pictures),
        lambda pictures: stacked(pictures, grid),
        kind=view.kind, at=cells[0] if cells else (0, 0),
        appearance=appearance_of(name),
        settings={"opacity": OVER_OPACITY if choices.over else 1.0},
        cells=cells, bar=view.limits is not None,
    )  # fmt: skip


def appearance_of(name: str) -> dict[str, Any]:
    """Return attributes of a new layer of a picture."""
    view = view_of(name)
    if view.kind == "labels":
        return {}
    if view.limits is None:
        return {"rgb": True}
    return {"colormap": view.colormap, "contrast_limits": view.limits}


def stacked(pictures: tuple[Any, ...], grid: CheckpointCells) -> Any:
    """Join the pictures of one or two checkpoints to one, a row of cells apart.

    One layer for both has one contrast, even after the user has changed it.
    """
    if len(pictures) == 1:
        return pictures[0].copy()
    first, second = pictures
    blank = np.nan if first.dtype.kind == "f" else 0
    room = np.full((grid.row_step - len(first), *first.shape[1:]), blank, first.dtype)
    return np.concatenate([first, room, second])


def captions_of(
    found: ExplorerResult, stale: str, layer: Callable[[str], Layer | None]
) -> Captions:
    """Return the lower left end of each caption and its text.

    Parameters
    ----------
    found
        The displayed pictures.
    stale
        Note about the age of the pictures; may be empty.
    layer
        Function that returns the layer of a picture by its name, or None if there is
        no layer.

    Returns
    -------
    tuple
        Pairs of a position, row and column in pixels of the loop, and a text.
    """
    grid, look = found.grid, found.request
    names = [name for name in found.names if layer(name) is not None]
    captions = []
    for model, chosen in enumerate(look.models):
        head = chosen.title if len(look.models) > 1 else ""
        if look.choices.over:
            titles = (title_of(name, look.choices.method) for name in names)
            texts = {0: "\n".join(filter(None, [head, *titles, stale]))}
        else:
            texts = {0: head} | {
                block: _words(name, found, layer(name), stale)
                for block, name in enumerate(found.names, 1)
                if name in names
            }
        for block, text in texts.items():
            row, column = grid.corner(block, model)
            if text:
                captions.append(((row - look.size[0] * ABOVE, column), text))
    return tuple(captions)


def _words(name: str, found: ExplorerResult, layer: Layer | None, stale: str) -> str:
    """Return a caption of two lines, with the ends of the range if they fit."""
    title = title_of(name, found.request.choices.method).replace(": ", ":\n")
    narrow = len(found.request.models) > 1
    if narrow and title.startswith(LONG_START):
        title = title.removeprefix(LONG_START).capitalize()
    if layer is not None and view_of(name).limits is not None and not narrow:
        low, high = (f"{v:.3g}".replace("-", "\u2212") for v in layer.contrast_limits)
        title += f", {low} to {high}"
    return f"{title}\n{stale}" if stale else title
