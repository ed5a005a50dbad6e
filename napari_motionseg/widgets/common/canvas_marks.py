"""Draw captions, colour bars and hatches into a viewer's canvas, without layers.

napari's own overlays appear in a corner of the canvas, and a layer of texts would
appear in the list of layers. Marks are therefore nodes of the scene in which napari
draws its layers; they move and zoom with the pictures. The scene is not part of
napari's public interface. If a version of napari has it elsewhere, `scene_of` returns
None, and `CaptionLayer` shows the captions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.theme import get_theme
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer
from vispy.gloo import gl
from vispy.scene import visuals
from vispy.visuals.transforms import MatrixTransform

from napari_motionseg.motion.hatching import hatch_picture
from napari_motionseg.widgets.common.caption_letters import FACE, CaptionLetters
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import camera_of

CAPTION_PT, LEAST_CAPTION_PT = 9, 6
PX_OF_LETTER = 0.7  # mean width of a letter at 1 pt, in pixels of the screen
SOFTWARE = ("llvmpipe", "softpipe", "swrast")  # what Mesa calls drawing in software
CROSS_PX, CROSS_COLOR = 13, "#ff2d2d"
ON_TOP = 10**6  # rank in the order of drawing: after all layers
Pixel = tuple[float, float]
Captions = tuple[tuple[Pixel, str], ...]


@dataclass(frozen=True, eq=False)
class ColorBar:
    """A strip of colours, from the lowest value at the left to the highest.

    Parameters
    ----------
    corner
        Row and column of the bar's first pixel, in pixels of the loop.
    size
        Height and width in pixels of the loop.
    colors
        ``(N, 4)`` colours in [0, 1] from left to right.
    """

    corner: Pixel
    size: tuple[float, float]
    colors: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Hatch:
    """A hatch over pixels without a value.

    Parameters
    ----------
    corner
        Row and column of the first pixel of the mask, in pixels of the loop.
    unknown
        ``(H, W)`` bool, True where the hatch is drawn.
    """

    corner: Pixel
    unknown: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Marks:
    """Everything that is drawn in addition to the layers of one loop.

    Parameters
    ----------
    captions
        Texts, each with the row and column of its lower left end.
    bars
        Colour bars above pictures.
    hatches
        Hatches over pixels without a value.
    crosses
        Rows and columns of the copies of the anchors.
    """

    captions: Captions = ()
    bars: tuple[ColorBar, ...] = ()
    hatches: tuple[Hatch, ...] = ()
    crosses: tuple[Pixel, ...] = ()


def scene_of(viewer: Viewer) -> Any | None:
    """Return the node in which napari draws layers; None if it is not found."""
    try:
        return viewer.window._qt_viewer.canvas.view.scene
    except AttributeError:
        return None


def crashes_without_layers(viewer: Viewer) -> bool:
    """Return whether the window may crash when a layer that was drawn is removed.

    Mesa draws in software where there is no graphics driver, as on a virtual display.
    With napari 0.9 it has crashed within ``glDrawArrays`` after layers were removed and
    others were added. A window that is not shown draws nothing.
    """
    try:
        canvas = viewer.window._qt_viewer.canvas
        if not canvas.native.isVisible():
            return False
        canvas._scene_canvas.set_current()
        renderer = str(gl.glGetParameter(gl.GL_RENDERER)).lower()
    except (AttributeError, RuntimeError):
        return False
    return any(name in renderer for name in SOFTWARE)


class CanvasMarks:
    """Draw marks in the scene of a viewer, by pixels of a loop.

    Marks are drawn over the pictures in two dimensions only. In three dimensions, and
    in napari's grid mode, a pixel of the loop has no single position.

    Parameters
    ----------
    owner
        Widget; when it is destroyed, the marks are removed.
    viewer
        The viewer to draw in.
    scene
        Node in which layers are drawn, from `scene_of`.
    """

    def __init__(self, owner: QObject, viewer: Viewer, scene: Any) -> None:
        self._viewer, self._scene = viewer, scene
        self._loop: Layer | None = None
        self.marks = Marks()
        self._text: Any = None
        self._crosses: Any = None
        self._images: dict[str, list[Any]] = {"bars": [], "hatches": []}
        self._drawn: dict[str, Any] = {}  # what the nodes of each kind show
        self._letters = CaptionLetters(owner, self._draw)
        # kinds whose first node has had its turn: a driver takes long to prepare it
        self._begun: set[str] = set()
        self._ended = False
        self._turn = QTimer(owner)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._draw)
        listen(owner, viewer.events.theme, self._draw)
        listen(owner, viewer.dims.events.ndisplay, self._draw)
        listen(owner, camera_of(viewer).events.zoom, self._fit_captions)
        listen(owner, grid_of(viewer).events.enabled, self._draw)
        owner.destroyed.connect(lambda _=None: self._end())

    @property
    def busy(self) -> bool:
        """Whether some marks are still to be drawn, in turns of their own."""
        return self._turn.isActive() or self._letters.busy

    def show(self, loop: Layer, marks: Marks) -> None:
        """Draw exactly these marks, at pixels of a loop.

        The first marks of a kind are drawn in a turn of their own, and captions when
        their letters are loaded.
        """
        self._loop, self.marks = loop, marks
        self._draw()

    def clear(self) -> None:
        """Draw nothing."""
        self._loop, self.marks = None, Marks()
        self._draw()

    def _draw(self, event: object = None) -> None:
        """Update the nodes whose content has changed."""
        if self._ended:
            return
        flat = self._viewer.dims.ndisplay == 2 and not grid_of(self._viewer).enabled
        marks = self.marks if flat and self._loop is not None else Marks()
        new = 0
        for kind, draw in self._kinds.items():
            content = getattr(marks, kind)
            if content and kind not in self._begun:
                new += 1
                if new > 1:
                    continue  # it follows in the next turn
                self._begun.add(kind)
            draw(content)
        if new > 1:
            self._turn.start(0)

    @property
    def _kinds(self) -> dict[str, Callable[[Any], None]]:
        """The functions that draw the marks of each kind."""
        return {
            "crosses": self._draw_crosses,
            "bars": self._draw_bars,
            "hatches": self._draw_hatches,
            "captions": self._draw_captions,
        }

    def _draw_bars(self, bars: tuple[ColorBar, ...]) -> None:
        wanted = [(b.corner, b.size, b.colors[None].astype(np.float32)) for b in bars]
        self._draw_images("bars", wanted)

    def _draw_hatches(self, hatches: tuple[Hatch, ...]) -> None:
        wanted = [
            (h.corner, h.unknown.shape, hatch_picture(h.unknown)) for h in hatches
        ]
        self._draw_images("hatches", wanted)

    def _draw_captions(self, captions: Captions) -> None:
        points = self._points([corner for corner, _ in captions])
        texts = [text for _, text in captions]
        if not self._letters.has(texts):
            return  # `_draw` is called again when they are loaded
        color = get_theme(self._viewer.theme).text.as_hex()
        content = [(*item, color) for item in zip(texts, points.tolist(), strict=True)]
        if not self._is_new("captions", content):
            return
        if self._text is None:
            self._text = visuals.Text(
                anchor_x="left", anchor_y="top", parent=self._scene, face=FACE,
                font_manager=self._letters.fonts,
            )  # fmt: skip
            self._text.order = ON_TOP
        self._text.visible = bool(texts)
        if texts:
            self._text.font_size, self._text.color = self._caption_pt(), color
            self._text.text, self._text.pos = texts, points
        self._text.update()

    def _fit_captions(self, event: object = None) -> None:
        """Change the size of the captions to that which fits the zoom."""
        if self._text is None or not self.marks.captions:
            return
        size = self._caption_pt()
        if self._text.font_size != size:
            self._text.font_size = size
            self._text.update()

    def _caption_pt(self) -> float:
        """Return the size in pt at which no caption reaches into the next column."""
        captions = self.marks.captions
        columns = sorted({column for (_, column), _ in captions})
        lines = [line for _, text in captions for line in text.splitlines()]
        if len(columns) < 2 or not lines:
            return CAPTION_PT
        step = min(np.diff([self._point((0, column))[0] for column in columns]))
        room = float(step) * camera_of(self._viewer).zoom
        fitting = room / (PX_OF_LETTER * max(map(len, lines)))
        return float(np.clip(round(fitting, 1), LEAST_CAPTION_PT, CAPTION_PT))

    def _draw_crosses(self, crosses: tuple[Pixel, ...]) -> None:
        points = self._points(crosses)
        if not self._is_new("crosses", points.tolist()):
            return
        if self._crosses is None:
            self._crosses = visuals.Markers(parent=self._scene)
            self._crosses.order = ON_TOP
        self._crosses.visible = bool(crosses)
        if crosses:
            self._crosses.set_data(
                points, symbol="cross", size=CROSS_PX, face_color=CROSS_COLOR,
                edge_color="white", edge_width=0.5,
            )  # fmt: skip
        self._crosses.update()

    def _draw_images(self, kind: str, wanted: list[tuple[Any, Any, Any]]) -> None:
        nodes = self._images[kind]
        placed = [
            (self._placed(corner, size, picture.shape[:2]), picture)
            for corner, size, picture in wanted
        ]
        key = [(matrix.tobytes(), picture.tobytes()) for matrix, picture in placed]
        if not self._is_new(kind, key):
            return
        while len(nodes) < len(placed):
            node = visuals.Image(parent=self._scene)
            node.order = ON_TOP - 1
            node.set_gl_state("translucent", depth_test=False)
            nodes.append(node)
        for node in nodes[len(placed) :]:
            node.visible = False
        for node, (matrix, picture) in zip(nodes, placed, strict=False):
            node.set_data(picture)
            node.transform = MatrixTransform(matrix)
            node.visible = True
            node.update()

    def _is_new(self, kind: str, content: Any) -> bool:
        """Return whether the content of a kind of nodes has changed, and record it."""
        if self._drawn.get(kind) == content or not (content or kind in self._drawn):
            return False
        self._drawn[kind] = content
        return True

    def _points(self, pixels: Any) -> NDArray[np.float32]:
        """Return pixels of the loop ``(N, 2)`` as points x, y, z of the scene."""
        points = [(*self._point(pixel), 0) for pixel in pixels]
        return np.asarray(points, np.float32).reshape(-1, 3)

    def _point(self, pixel: Pixel) -> tuple[float, float]:
        loop = self._loop
        if loop is None:
            return 0.0, 0.0
        first = (*(0,) * (loop.ndim - 2), *pixel)
        row, column = loop.data_to_world(first)[-2:]
        return float(column), float(row)

    def _placed(
        self, corner: Pixel, size: tuple[float, float], shape: tuple[int, int]
    ) -> NDArray[np.float64]:
        """Return the matrix that stretches a picture over a part of the loop."""
        row, column = (
            corner[0] - 0.5,
            corner[1] - 0.5,
        )  # pixels have their centres there
        origin = np.asarray(self._point((row, column)))
        right = np.asarray(self._point((row, column + size[1]))) - origin
        down = np.asarray(self._point((row + size[0], column))) - origin
        matrix = np.eye(4)
        matrix[0, :2], matrix[1, :2] = right / shape[1], down / shape[0]
        matrix[3, :2] = origin
        return matrix

    def _end(self) -> None:
        self._ended = True
        nodes = [*self._images["bars"], *self._images["hatches"]]
        for node in (self._text, self._crosses, *nodes):
            if node is not None:
                node.parent = None
        self._text = self._crosses = None
        self._images = {"bars": [], "hatches": []}


def grid_of(viewer: Viewer) -> Any:
    """Return the grid of a viewer, which napari 0.9 has moved into its canvas."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.grid if canvas is None else canvas.grid
