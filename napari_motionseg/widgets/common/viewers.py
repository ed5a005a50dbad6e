"""Return the session of a viewer, the shown frame and the position of layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.notifications import show_error
from napari.viewer import Viewer

from napari_motionseg.errors import MotionSegError
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.layer_changes import active_kept

# One session for each viewer, for as long as the viewer exists. napari creates docks
# one by one, and the viewer is the only object that all of them receive.
_sessions: WeakKeyDictionary[Viewer, Session] = WeakKeyDictionary()
DERIVED = "motionseg"  # key in the metadata of layers that docks have made
LOOP = "loop"  # key in the metadata: name of the loop that a layer belongs to


def unwrapped(viewer: Viewer) -> Viewer:
    """Return the viewer behind the proxy that napari passes to plugins.

    The proxy returns a new wrapper at each access, so that layers cannot be compared by
    identity or referenced weakly. No private attribute of the viewer is used.
    """
    return getattr(viewer, "__wrapped__", viewer)


def camera_of(viewer: Viewer) -> Any:
    """Return the camera of a viewer; napari 0.9 has moved it into a scene."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def session_of(viewer: Viewer) -> Session:
    """Return the session that all docks of a viewer share."""
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
    """Return whether a layer may be a loop: an image that was not made by a dock."""
    return (
        isinstance(layer, Image)
        and not layer.multiscale
        and layer.ndim in (2, 3)
        and DERIVED not in layer.metadata
    )


def is_painting(layer: Layer) -> bool:
    """Return whether a layer may hold labels that a person has painted."""
    return (
        isinstance(layer, Labels)
        and layer.ndim in (2, 3)
        and not layer.multiscale
        and DERIVED not in layer.metadata
    )


def has_paint(layer: Layer) -> bool:
    """Return whether any pixel of a labels layer is painted."""
    # frame by frame, because the search can end at the first painted frame
    return any(np.any(part) for part in layer.data)


def placement(layer: Layer, ndim: int, at: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """Return the attributes that place another layer relative to `layer`.

    Parameters
    ----------
    layer
        The layer that the position refers to.
    ndim
        Number of axes of the other layer: 3, or 2 for rows and columns only. A layer
        with two axes is visible on every frame.
    at
        Row and column in `layer` where the first pixel of the other layer is placed.
        They may lie outside of `layer`.
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
    else:  # a rotated or sheared layer
        affine = np.eye(ndim + 1)
        affine[:-1, :-1], affine[:-1, -1] = part, origin[-ndim:]
        place["affine"] = affine
    return place


def lay_over(
    viewer: Viewer, loop: Layer, what: str, data: Any, kind: str = "image", **looks: Any
) -> None:
    """Show data of the current frame in a layer over a loop.

    The first call adds the layer, and later calls update its data. The active layer
    stays active, so that the user can go on painting. If the loop was removed, nothing
    happens.

    Parameters
    ----------
    viewer
        The viewer to which the layer is added.
    loop
        The image layer of the loop.
    what
        Kind of data, such as ``"preview"``. It is appended to the name of the layer and
        stored in its ``metadata["motionseg"]``.
    data
        Data of the layer, in rows and columns of the loop.
    kind
        Type of the layer: ``"image"``, ``"points"`` or ``"vectors"``.
    **looks
        Further attributes of the layer. They are set only when it is added.
    """
    if loop not in viewer.layers:
        return
    name = f"{loop.name} {what}"
    if name in viewer.layers:
        viewer.layers[name].data = data
        return
    add = getattr(viewer, f"add_{kind}")
    with active_kept(viewer):
        add(data, name=name, metadata={DERIVED: what}, **placement(loop, 2), **looks)


def move_below(viewer: Viewer, name: str, others: Iterable[Layer | None]) -> None:
    """Move a layer below others, so that it does not cover them.

    Parameters
    ----------
    viewer
        The viewer of the layers.
    name
        Name of the layer; nothing happens if there is none.
    others
        Layers that shall be above it; None and removed ones do not count.
    """
    layers = viewer.layers
    places = [layers.index(other) for other in others if other in layers]
    if name not in layers or not places:
        return
    place = layers.index(layers[name])
    if place > min(places):
        layers.move(place, min(places))


def show_layer(layer: Layer, visible: bool) -> None:
    """Show or hide a layer, and leave its mode unchanged if nothing changes.

    Setting `visible` to True on a visible layer would reset its mode to the one it had
    when it was last hidden, and so take the brush away from the user.
    """
    if layer.visible != visible:
        layer.visible = visible


def same_place(first: Layer, second: Layer) -> bool:
    """Return whether equal pixel indices of two layers are equal world positions."""
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
    """Return the index of the frame of a layer that the viewer shows."""
    if layer.ndim < 3:
        return 0
    frame = float(layer.world_to_data(viewer.dims.point)[0])
    return int(np.clip(round(frame), 0, layer.data.shape[0] - 1))


def show_frame(viewer: Viewer, layer: Layer, t: int) -> None:
    """Make the viewer show frame `t` of a layer."""
    if layer.ndim < 3:
        return
    world = float(layer.data_to_world((t, 0, 0))[0])
    viewer.dims.set_point(viewer.dims.ndim - layer.ndim, world)


def point_at(layer: Layer, world: Sequence[float]) -> tuple[int, int]:
    """Return row and column of a layer at a world position, also outside the layer."""
    row, column = (round(float(c)) for c in layer.world_to_data(world)[-2:])
    return row, column
