"""Show one picture of a dock in a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_motionseg.widgets.common.canvas_marks import ColorBar, Hatch
from napari_motionseg.widgets.common.viewers import DERIVED, placement

BAR_HEIGHT = 1 / 48  # height of a colour bar, as a share of a cell's height
# gap between a colour bar and its picture, as a share of a cell's height
BAR_ABOVE = 1 / 128
BAR_COLORS = 64
# attributes of a layer that are kept until its picture is switched on again
KEPT_ATTRIBUTES = (
    "colormap", "contrast_limits", "gamma", "opacity", "blending", "interpolation2d",
    "edge_width", "vector_style",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ShownPicture:
    """A picture, and the appearance of its layer.

    Parameters
    ----------
    title
        Name of the picture in captions, and the end of its layer's name.
    sources
        Arrays from which the data of the layer are made. If they are the same objects
        as before, data are not set again.
    join
        Function that makes new data from `sources`; None to show the first array.
    kind
        Type of the layer, such as ``"image"``.
    at
        Row and column of the layer's first pixel, in pixels of the loop.
    ndim
        Number of axes of the layer.
    appearance
        Attributes of a new layer.
    settings
        Attributes that are set again when their values change; the user can change them
        in between.
    cells
        Row and column of the first pixel of each cell beside the loop that the layer
        fills, in pixels of the loop; none for a picture over the loop.
    bar
        Whether a colour bar is drawn above each of the cells.
    """

    title: str
    sources: tuple[Any, ...]
    join: Callable[[tuple[Any, ...]], Any] | None
    kind: str = "image"
    at: tuple[int, int] = (0, 0)
    ndim: int = 2
    appearance: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    cells: tuple[tuple[int, int], ...] = ()
    bar: bool = False

    def data(self) -> Any:
        """Return the data of the layer."""
        return self.sources[0] if self.join is None else self.join(self.sources)

    def same_as(self, other: ShownPicture) -> bool:
        """Return whether two pictures are made from the same arrays."""
        pairs = zip(self.sources, other.sources, strict=False)
        return len(self.sources) == len(other.sources) and all(a is b for a, b in pairs)


@dataclass(eq=False)
class HeldPicture:
    """A layer, and the picture that it shows.

    Parameters
    ----------
    layer
        The layer that shows the picture.
    picture
        The picture that was shown last.
    place
        Values that determine the position of the layer at its loop.
    name
        Name that the program gave to the layer; if it has another name, the user chose
        it.
    quick
        Whether the layer's thumbnail is that of an earlier picture.
    resting
        Whether the layer is hidden until its picture is wanted again.
    """

    layer: Layer
    picture: ShownPicture
    place: tuple[Any, ...]
    name: str
    quick: bool = False
    resting: bool = False

    @classmethod
    def new(
        cls, picture: ShownPicture, loop: Layer, role: str, kept: Mapping[str, Any]
    ) -> HeldPicture:
        """Create the layer of a picture.

        Parameters
        ----------
        picture
            The picture to show.
        loop
            Image layer of the loop, which determines the position.
        role
            Role of the layer, which is stored in its metadata.
        kept
            Attributes that the user gave to an earlier layer of this picture.
        """
        name = name_of(loop, picture)
        attributes = {
            **placement(loop, picture.ndim, picture.at),
            **picture.appearance, **picture.settings, **kept,
            "name": name, "metadata": {DERIVED: role},
        }  # fmt: skip
        layer = Layer.create(picture.data(), attributes, picture.kind)
        return cls(layer, picture, place_of(loop, picture), name)

    def show(self, picture: ShownPicture, loop: Layer, quick: bool) -> None:
        """Show another picture, or the same picture at another position.

        Parameters
        ----------
        picture
            The picture to show.
        loop
            Image layer of the loop, which determines the position.
        quick
            Whether the thumbnail is updated later.
        """
        changed = not picture.same_as(self.picture) or (self.quick and not quick)
        if changed or self.resting:
            self._update(picture, quick)
        place = place_of(loop, picture)
        if place != self.place:
            where = placement(loop, self.layer.ndim, picture.at)
            for attribute, value in where.items():
                setattr(self.layer, attribute, value)
        for attribute, value in picture.settings.items():
            if self.picture.settings.get(attribute) != value:
                setattr(self.layer, attribute, value)
        if self.resting:
            self.layer.visible, self.resting = True, False
        self.picture, self.place = picture, place
        self.rename(loop)

    def rest(self, loop: Layer) -> None:
        """Hide the layer, in a corner of the loop: cameras take hidden ones in, too."""
        self.layer.visible, self.resting = False, True
        if self.picture.join is not None:
            end = 0 if self.picture.kind == "vectors" else 1
            self.layer.data = self.layer.data[:end, :1].copy()
        for attribute, value in placement(loop, self.layer.ndim).items():
            setattr(self.layer, attribute, value)
        self.place = ()

    def rename(self, loop: Layer) -> None:
        """Update the layer's name, unless the user has chosen another."""
        if self.layer.name == self.name:
            self.layer.name = name_of(loop, self.picture)
            self.name = self.layer.name  # napari may have made it unique

    def appearance(self) -> dict[str, Any]:
        """Return the attributes that the user may have changed."""
        return {
            name: getattr(self.layer, name)
            for name in KEPT_ATTRIBUTES
            if hasattr(self.layer, name) and not self._is_set(name)
        }

    def _is_set(self, name: str) -> bool:
        setting = self.picture.settings.get(name)
        return setting is not None and np.allclose(getattr(self.layer, name), setting)

    def bars(self, size: tuple[int, int]) -> Iterator[ColorBar]:
        """Yield the colour bars above the layer's cells, of rows and columns `size`."""
        if not self.picture.bar:
            return
        height = max(2.0, size[0] * BAR_HEIGHT)
        above = height + max(1.0, size[0] * BAR_ABOVE)
        colors = self.layer.colormap.map(np.linspace(0, 1, BAR_COLORS))
        for row, column in self.picture.cells:
            yield ColorBar((row - above, column), (height, size[1]), colors)

    def hatches(self, size: tuple[int, int]) -> Iterator[Hatch]:
        """Yield hatches over the pixels of each cell that have no value."""
        data = self.layer.data
        if not isinstance(data, np.ndarray) or data.dtype.kind != "f":
            return
        for row, column in self.picture.cells:
            top, left = row - self.picture.at[0], column - self.picture.at[1]
            unknown = np.isnan(data[top : top + size[0], left : left + size[1]])
            if unknown.any():
                yield Hatch((row, column), unknown)

    def _update(self, picture: ShownPicture, quick: bool) -> None:
        """Put the data of a picture into the layer.

        A picture of the same shape is copied into the layer's own array. New data would
        make napari compute the extent of every layer, which takes longer than the map.
        """
        own, data = self.layer.data, picture.data()
        fits = picture.join is not None and picture.kind == "image"
        if not fits or (own.shape, own.dtype) != (data.shape, data.dtype):
            self.layer.data = data
        else:
            own[...] = data
            self.layer.refresh(thumbnail=not quick, highlight=False, extent=False)
        self.quick = quick


def name_of(loop: Layer, picture: ShownPicture) -> str:
    """Return the name of a picture's layer, which begins with the loop's name."""
    return f"{loop.name} {picture.title}"


def place_of(loop: Layer, picture: ShownPicture) -> tuple[Any, ...]:
    """Return the values that determine the position of a picture's layer."""
    return (picture.at, tuple(loop.scale), tuple(loop.translate))
