"""Ask a viewer for its session, the shown frame, and the place of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.notifications import show_error
from napari.viewer import Viewer

from napari_motionseg.errors import MotionSegError
from napari_motionseg.viewmodel.session import Session

# One session a viewer, as long as the viewer lives: docks are made by napari, one by
# one, and have nothing else in common to find each other by.
_sessions: WeakKeyDictionary[Viewer, Session] = WeakKeyDictionary()
DERIVED = "motionseg"  # the key in the metadata of layers that docks have made
LOOP = "loop"  # key in a layer's metadata of the name of the loop that it belongs to


def unwrapped(viewer: Viewer) -> Viewer:
    """Return the viewer behind napari's proxy.

    Through the proxy, layers are equal to themselves but not identical, and cannot be
    held weakly. Nothing private is used of what it guards.
    """
    return getattr(viewer, "__wrapped__", viewer)


def camera_of(viewer: Viewer) -> Any:
    """Return the camera, which napari 0.9 has moved into a scene."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def session_of(viewer: Viewer) -> Session:
    """Return the session that the docks of `viewer` share."""
    viewer = unwrapped(viewer)
    if viewer not in _sessions:
        _sessions[viewer] = Session()
    return _sessions[viewer]


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show the package's own errors as napari notifications."""
    try:
        yield
    except MotionSegError as error:
        show_error(str(error))


def is_loop(layer: Layer) -> bool:
    """Return whether a layer may be a loop: an image that no dock has made."""
    return (
        isinstance(layer, Image)
        and not layer.multiscale
        and layer.ndim in (2, 3)
        and DERIVED not in layer.metadata
    )


def is_painting(layer: Layer) -> bool:
    """Return whether a layer may hold what a person painted."""
    return (
        isinstance(layer, Labels)
        and layer.ndim in (2, 3)
        and not layer.multiscale
        and DERIVED not in layer.metadata
    )


def has_paint(layer: Layer) -> bool:
    """Return whether any pixel of a labels layer is painted."""
    # frame by frame: the first that is painted ends the search
    return any(np.any(part) for part in layer.data)


def placement(layer: Layer, ndim: int, at: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """Return the attributes that place another layer onto or beside `layer`.

    Parameters
    ----------
    layer
        The layer that the other one is placed by.
    ndim
        The number of axes of the other layer: 3, or 2 for rows and columns alone; a
        layer of two axes is seen on every frame.
    at
        Row and column of `layer`, also beyond its edge, where the first pixel of the
        other layer lies.
    """
    first = np.array([*(0,) * (layer.ndim - 2), *at], float)
    origin = np.asarray(layer.data_to_world(first))
    steps = first + np.eye(layer.ndim)
    axes = np.stack([np.asarray(layer.data_to_world(s)) - origin for s in steps], 1)
    place: dict[str, Any] = {
        "units": layer.units[-ndim:],
        "axis_labels": layer.axis_labels[-ndim:],
    }
    part = axes[-ndim:, -ndim:]
    if np.allclose(part, np.diag(np.diag(part))):
        place |= {"scale": np.diag(part), "translate": origin[-ndim:]}
    else:  # turned or sheared
        affine = np.eye(ndim + 1)
        affine[:-1, :-1], affine[:-1, -1] = part, origin[-ndim:]
        place["affine"] = affine
    return place


def lay_over(
    viewer: Viewer, loop: Layer, what: str, data: Any, kind: str = "image", **looks: Any
) -> None:
    """Show something of the current frame over a loop.

    The layer is added once and updated in place; the active layer stays active, so that
    a brush stays a brush. Nothing happens where the loop is gone.

    Parameters
    ----------
    viewer, loop
        The viewer, and the layer of the loop.
    what
        A word for the data, which ends the name of the layer and is stored in its
        ``metadata["motionseg"]``.
    data
        The data of the layer, with two axes, rows and columns.
    kind
        The type of the layer: ``"image"``, ``"points"`` or ``"vectors"``.
    **looks
        Further attributes of the layer, which are set when it is added.
    """
    if loop not in viewer.layers:
        return
    name = f"{loop.name} {what}"
    if name in viewer.layers:
        viewer.layers[name].data = data
        return
    active = viewer.layers.selection.active
    add = getattr(viewer, f"add_{kind}")
    add(data, name=name, metadata={DERIVED: what}, **placement(loop, 2), **looks)
    viewer.layers.selection.active = active


def show_layer(layer: Layer, visible: bool) -> None:
    """Show or hide a layer; one that is shown already keeps the brush in hand.

    napari gives a layer the mode that it had when it was hidden last, whenever it is
    told to be visible.
    """
    if layer.visible != visible:
        layer.visible = visible


def same_place(first: Layer, second: Layer) -> bool:
    """Return whether the same indices of two layers are the same points."""
    ndim = min(first.ndim, second.ndim)
    corners = (np.zeros(ndim), np.asarray(first.data.shape[-ndim:], float))
    return all(
        np.allclose(
            first.data_to_world(_longer(corner, first.ndim))[-ndim:],
            second.data_to_world(_longer(corner, second.ndim))[-ndim:],
        )
        for corner in corners
    )


def _longer(corner: np.ndarray, ndim: int) -> np.ndarray:
    return np.concatenate([np.zeros(ndim - len(corner)), corner])


def frame_shown(viewer: Viewer, layer: Layer) -> int:
    """Return the index of the frame of `layer` that the viewer shows."""
    if layer.ndim < 3:
        return 0
    frame = float(layer.world_to_data(viewer.dims.point)[0])
    return int(np.clip(round(frame), 0, layer.data.shape[0] - 1))


def show_frame(viewer: Viewer, layer: Layer, t: int) -> None:
    """Make the viewer show frame `t` of `layer`."""
    if layer.ndim < 3:
        return
    world = float(layer.data_to_world((t, 0, 0))[0])
    viewer.dims.set_point(viewer.dims.ndim - layer.ndim, world)


def point_at(layer: Layer, world: Sequence[float]) -> tuple[int, int]:
    """Return row and column that `layer` has under a world position, or would have."""
    row, column = (round(float(c)) for c in layer.world_to_data(world)[-2:])
    return row, column
