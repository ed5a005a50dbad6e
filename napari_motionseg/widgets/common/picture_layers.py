"""Show pictures as layers over a loop or in cells beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.viewmodel.cells import CellGrid
from napari_motionseg.widgets.common.canvas_marks import (
    CanvasMarks,
    Captions,
    Marks,
    Pixel,
    crashes_without_layers,
    scene_of,
)
from napari_motionseg.widgets.common.caption_layer import CaptionLayer
from napari_motionseg.widgets.common.later_removal import removal_of
from napari_motionseg.widgets.common.layer_changes import active_kept
from napari_motionseg.widgets.common.listening import HeardLayer, listen
from napari_motionseg.widgets.common.shown_picture import HeldPicture, ShownPicture
from napari_motionseg.widgets.common.viewers import camera_of

# events of a layer after which its caption, colour bar and hatch must be updated
EVENTS = ("visible", "colormap", "contrast_limits")
PAUSE_MS = 15  # between two layers, in which the window draws and reacts


class PictureLayers:
    """Add, update and remove the layers of pictures that belong to one loop.

    Layers are identified by object, so that a renamed or moved layer keeps its role. A
    picture that is switched off is removed, and keeps the appearance that the user gave
    it; where `crashes_without_layers` says so, it is hidden instead. napari takes a
    tenth of a second or more to add or remove a layer. Layers are therefore added and
    removed one by one, and the window reacts to input in between.

    Parameters
    ----------
    owner
        Widget; when it is destroyed, the connections to the viewer end.
    viewer
        The viewer that holds the layers.
    dropped
        Function that is called with the name of a picture when the user has removed
        its layer.
    """

    def __init__(
        self, owner: QObject, viewer: Viewer, dropped: Callable[[str], None]
    ) -> None:
        self._viewer = viewer
        self._dropped = dropped
        self._held: dict[str, HeldPicture] = {}
        self._wanted: dict[str, ShownPicture] = {}
        self._leaving: list[Layer] = []  # layers of the previous loop, to be removed
        self._kept: dict[str, dict[str, Any]] = {}  # of pictures switched off
        self._loop: Layer | None = None
        self._captions: Callable[[], Captions] = tuple
        self._crosses: tuple[Pixel, ...] = ()
        self._changing = False
        self._cells = 1  # number of cells to which the camera was fitted
        self.grid: CellGrid | None = None
        scene = scene_of(viewer)
        self.marks: CanvasMarks | CaptionLayer = (
            CaptionLayer(viewer) if scene is None else CanvasMarks(owner, viewer, scene)
        )
        self._gone: list[bool] = []  # the timer is destroyed, but the layers stay
        owner.destroyed.connect(lambda _=None, gone=self._gone: gone.append(True))
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._step)
        self._heard = HeardLayer(owner, name=self._rename)
        listen(owner, viewer.layers.events.removed, self._removed)

    @property
    def known(self) -> dict[str, Layer]:
        """Layers of the displayed loop, hidden ones too, by their picture's name."""
        return {name: held.layer for name, held in self._held.items()}

    @property
    def busy(self) -> bool:
        """Whether layers or marks are still to be added or removed."""
        return not self._gone and (self._timer.isActive() or self.marks.busy)

    def layer(self, name: str) -> Layer | None:
        """Return the layer of a requested picture, or None."""
        return (
            self._held[name].layer if name in self._held.keys() & self._wanted else None
        )

    def want(
        self,
        loop: Layer,
        pictures: Mapping[str, ShownPicture],
        captions: Callable[[], Captions],
        grid: CellGrid,
        *,
        quick: bool = False,
    ) -> None:
        """Show exactly these pictures of a loop.

        Existing layers are updated at once. Other layers are added and removed one by
        one, so that the window reacts to input in between.

        Parameters
        ----------
        loop
            Image layer of the loop, which must be in the viewer.
        pictures
            Pictures by name, from the lowest layer to the highest.
        captions
            Function that returns the captions of the pictures that have a layer.
        grid
            Cells in which pictures beside the loop are placed.
        quick
            Whether thumbnails are updated later, because the user drags something.
        """
        if loop is not self._loop:
            self._turn_to(loop)
        self._wanted, self._captions, self.grid = dict(pictures), captions, grid
        with self._own_changes():
            for name, picture in pictures.items():
                if name in self._held:
                    self._held[name].show(picture, loop, quick)
        self._go_on()

    def remove(self) -> None:
        """Remove all layers, one by one, and all marks."""
        self._wanted, self._captions, self._crosses = {}, tuple, ()
        if self.grid is not None:
            self.grid = type(self.grid)(self.grid.size)
        self.draw_marks()
        self._go_on()

    def show_captions(self, captions: Callable[[], Captions]) -> None:
        """Show other captions for the same pictures."""
        self._captions = captions
        self.draw_marks()

    def show_crosses(self, pixels: tuple[Pixel, ...]) -> None:
        """Draw red crosses at rows and columns, in pixels of the loop."""
        if pixels != self._crosses:
            self._crosses = pixels
            self.draw_marks()

    def draw_marks(self, event: object = None) -> None:
        """Draw captions, crosses, and colour bars and hatches of visible layers."""
        loop, grid = self._loop, self.grid
        if self._changing:
            return  # this function is called again when all layers are in place
        if loop is None or grid is None or loop not in self._viewer.layers:
            self.marks.clear()
            return
        seen = [self._held[name] for name in self._wanted if name in self._held]
        marks = marks_of(seen, grid.size, self._captions(), self._crosses)
        with self._own_changes():
            self.marks.show(loop, marks)

    def _added(self, name: str, layer: Layer) -> None:
        """Handle a new layer in a subclass."""

    def _going(self, name: str, layer: Layer) -> None:
        """Handle a layer that is about to be removed in a subclass."""

    @contextmanager
    def _own_changes(self) -> Iterator[None]:
        """Ignore removals in this block, which the program makes; keep the brush."""
        before, self._changing = self._changing, True
        try:
            with active_kept(self._viewer):
                yield
        finally:
            self._changing = before

    def _turn_to(self, loop: Layer | None) -> None:
        """Add new layers to another loop, and remove those of the previous loop."""
        for name in list(self._held):
            self._leaving.append(self._let_go(name))
        self._crosses, self._wanted, self._loop = (), {}, loop
        self._heard.turn_to(loop)

    def _let_go(self, name: str) -> Layer:
        """Return the layer of a picture and forget it, but record its appearance."""
        held = self._held.pop(name)
        self._kept[name] = held.appearance()
        self._going(name, held.layer)
        return held.layer

    def _go_on(self) -> None:
        """Add or remove the next layer a little later; finish if there is none."""
        if self._next() is not None:
            self._timer.start(PAUSE_MS)
            return
        self._timer.stop()
        self._finish()

    def _finish(self) -> None:
        """Fit the camera to the pictures, and draw their marks."""
        cells = 1 if self.grid is None else self.grid.cells
        if cells != self._cells and self._loop in self._viewer.layers:
            fit_view(self._viewer, self._loop, self.grid)
        self._cells = cells
        self.draw_marks()

    def _next(self) -> tuple[str, str] | None:
        """Return the next action, with the name of the picture."""
        if self._leaving:
            return "leave", ""
        opened = self._loop_is_open
        wanted: Mapping[str, ShownPicture] = self._wanted if opened else {}
        for name, held in self._held.items():
            if name not in wanted and not (held.resting and opened):
                return "remove", name
        for name in wanted:
            if name not in self._held:
                return "add", name
        return None

    def _step(self) -> None:
        """Add or remove one layer, or finish if there is none."""
        what, name = self._next() or ("", "")
        if not what:
            self._finish()
            return
        with self._own_changes():
            if what == "add":
                self._add(name)
            elif what == "remove" and self._hides:
                self._held[name].rest(self._loop)
            else:
                gone = self._leaving.pop(0) if what == "leave" else self._let_go(name)
                removal_of(self._viewer).remove_now(gone)
        self._timer.start(PAUSE_MS)  # even the marks have a turn of their own

    @property
    def _hides(self) -> bool:
        return self._loop_is_open and crashes_without_layers(self._viewer)

    @property
    def _loop_is_open(self) -> bool:
        return self._loop is not None and self._loop in self._viewer.layers

    def _add(self, name: str) -> None:
        """Create the layer of a picture and insert it above those before it."""
        picture, kept, loop = self._wanted[name], self._kept.pop(name, {}), self._loop
        held = HeldPicture.new(picture, loop, name, kept)
        names = list(self._wanted)
        below = [
            self._held[n].layer for n in names[: names.index(name)] if n in self._held
        ]
        index = index_above(self._viewer, [loop, *below])
        self._held[name] = held
        self._viewer.layers.insert(index, held.layer)
        held.name = held.layer.name  # napari may have made it unique
        for event in EVENTS:
            if event in held.layer.events:
                held.layer.events[event].connect(self.draw_marks)
        self._added(name, held.layer)

    def _removed(self, event: Any) -> None:
        """Forget a layer that the user has removed; all layers if it is the loop."""
        if self._changing:
            return
        names = [n for n, held in self._held.items() if held.layer is event.value]
        for name in names:
            self._let_go(name)
            self._kept.pop(name, None)
            if self._wanted.pop(name, None) is not None:
                self._dropped(name)
        if event.value is self._loop:
            self._turn_to(None)
        if names or self._leaving:
            self._go_on()

    def _rename(self, event: object = None) -> None:
        for held in self._held.values():
            held.rename(self._loop)


def marks_of(
    pictures: list[HeldPicture],
    size: tuple[int, int],
    captions: Captions,
    crosses: tuple[Pixel, ...],
) -> Marks:
    """Return captions, crosses, and bars and hatches of the pictures that are seen."""
    seen = [held for held in pictures if held.layer.visible]
    return Marks(
        captions,
        tuple(bar for held in seen for bar in held.bars(size)),
        tuple(hatch for held in seen for hatch in held.hatches(size)),
        crosses,
    )


def fit_view(viewer: Viewer, loop: Layer | None, grid: CellGrid | None) -> None:
    """Fit the camera to all cells and the captions above the first row."""
    viewer.reset_view()
    if grid is None or loop is None or grid.cells == 1:
        return
    top, bottom = viewer.layers.extent.world[:, -2]
    room = (grid.row_step - grid.size[0]) * float(loop.scale[-2])
    camera = camera_of(viewer)
    *other, row, column = camera.center
    camera.center = (*other, row - room / 2, column)
    camera.zoom *= (bottom - top) / (bottom - top + room)


def index_above(viewer: Viewer, below: list[Layer]) -> int:
    """Return the index above the highest of some layers."""
    layers = viewer.layers
    highest: int = max(layers.index(layer) for layer in below if layer in layers)
    return 1 + highest
