"""Show views of motion as layers: over a loop, and in cells beside it."""

from __future__ import annotations

from typing import Any

from napari.experimental import link_layers, unlink_layers
from napari.layers import Layer

from napari_motionseg.motion import VIEWS
from napari_motionseg.widgets.common.picture_layers import PictureLayers
from napari_motionseg.widgets.common.shown_picture import ShownPicture
from napari_motionseg.widgets.motion.captions import captions_of
from napari_motionseg.widgets.motion.shown_views import ShownViews

LOOP = "loop again"
FOLLOWS_LOOP = ("contrast_limits", "gamma", "colormap")


class MotionLayers(PictureLayers):
    """Show views of flow, and the loop below a second flow's views."""

    def show(self, shown: ShownViews, arrow_length: float) -> None:
        """Show exactly these views, if their loop is in the viewer.

        Parameters
        ----------
        shown
            The views of one frame.
        arrow_length
            Factor by which arrows are longer than the motion.
        """
        if shown.loop not in self._viewer.layers:
            return
        pictures = _loop_again(shown)
        for name in shown.pictures:
            pictures[name] = _picture(name, shown, arrow_length)
        self.want(
            shown.loop, pictures, lambda: captions_of(shown, self.layer), shown.sheet
        )

    def _added(self, name: str, layer: Layer) -> None:
        if name == LOOP and self._loop is not None and not self._loop.rgb:
            link_layers([self._loop, layer], FOLLOWS_LOOP)

    def _going(self, name: str, layer: Layer) -> None:
        if name == LOOP:
            unlink_layers([layer])


def _picture(name: str, shown: ShownViews, arrow_length: float) -> ShownPicture:
    """Return a view as a picture over the loop or beside it."""
    view, sheet = VIEWS[name], shown.sheet
    settings: dict[str, Any] = {}
    if view.limits is not None:
        settings["contrast_limits"] = view.limits(shown.options)
    if view.kind == "vectors":
        settings["length"] = arrow_length
    cells: tuple[tuple[int, int], ...] = ()
    if not view.over:
        block = 1 + [n for n in shown.pictures if not VIEWS[n].over].index(name)
        cells = tuple(sheet.corner(block, flow) for flow in range(sheet.members))
    return ShownPicture(
        view.title, (shown.pictures[name],), lambda sources: sources[0].copy(),
        kind=view.kind, at=cells[0] if cells else (0, 0), appearance=view.appearance,
        settings=settings, cells=cells, bar=view.unit is not None,
    )  # fmt: skip


def _loop_again(shown: ShownViews) -> dict[str, ShownPicture]:
    """Return the loop as a second picture, below what lies over it of a second flow."""
    if shown.sheet.members == 1:
        return {}
    loop = shown.loop
    follows = () if loop.rgb else FOLLOWS_LOOP
    appearance = {name: getattr(loop, name) for name in follows}
    if loop.rgb:
        appearance["rgb"] = True
    again = ShownPicture(
        f"loop, {shown.titles[1]}", (loop.data,), None, at=shown.sheet.corner(0, 1),
        ndim=loop.ndim, appearance=appearance,
    )  # fmt: skip
    return {LOOP: again}
