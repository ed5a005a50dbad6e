"""Compose the captions above views of motion: title, range of values, flow method."""

from __future__ import annotations

from collections.abc import Callable

from napari.layers import Layer

from napari_motionseg.motion import VIEWS
from napari_motionseg.widgets.common.canvas_marks import Captions
from napari_motionseg.widgets.motion.shown_views import ShownViews

ABOVE = 1 / 24  # room for a colour bar, as a share of a frame's height


def captions_of(shown: ShownViews, layer: Callable[[str], Layer | None]) -> Captions:
    """Return the lower left end of each caption and its text.

    Parameters
    ----------
    shown
        The displayed views.
    layer
        Function that returns the layer of a view by the view's name, or None if the
        view has no layer.

    Returns
    -------
    tuple
        Pairs of a position, row and column in pixels of the loop, and a text.
    """
    if shown.sheet.cells == 1:
        return ()
    blocks = ["", *(n for n in shown.pictures if not VIEWS[n].over)]
    above = shown.sheet.size[0] * ABOVE
    captions = []
    for block, name in enumerate(blocks):
        for flow, title in enumerate(shown.titles):
            row, column = shown.sheet.corner(block, flow)
            # a view's name and values hold for all flows of its block
            words = "" if flow or not name else _caption(name, layer(name), shown)
            several = len(shown.titles) > 1
            parts = [p for p in (words, title if several else "") if p]
            if parts:
                captions.append(((row - above, column), "\n".join(parts)))
    return tuple(captions)


def _caption(name: str, layer: Layer | None, shown: ShownViews) -> str:
    """Return the title of a view, with the values at the ends of its colours."""
    if layer is None:
        return ""
    view = VIEWS[name]
    if view.unit is None:
        return view.title
    low, high = (float(limit) for limit in layer.contrast_limits)
    span = f"\u00b1{high:.3g}" if low == -high else f"{low:.3g} to {high:.3g}"
    return f"{view.title}, {span} {view.unit(shown.options)}"
