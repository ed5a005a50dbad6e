"""Convert labels layers into records of a project, and records into layers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import cine_layer, geometry
from napari_motionseg.io.label_numbers import (
    BACKGROUND,
    CLASSES,
    IMPLIED_BACKGROUND,
    from_project,
    has_screen_numbers,
    to_project,
)
from napari_motionseg.project import LayerRecord
from napari_motionseg.project.watched import LoopFacts
from napari_motionseg.viewmodel.class_colors import label_colors
from napari_motionseg.widgets.common.viewers import DERIVED, is_loop, same_place

MASKS = "masks"  # value of metadata["motionseg"] for masks of a network
REFERENCE = "reference"  # the same for labels that masks are compared with
ROLE = "role"  # key of stored metadata: MASKS or REFERENCE
SEGMENTS = "segments"  # key of metadata: segment names of a DICOM Segmentation
# Limits for values from a file, which may be damaged or hostile
MOST_CLASSES = 2**16
MOST_PX = 10_000  # width of a brush or a contour
NOT_KEPT = ("cine", DERIVED)


def kind_of(layer: Layer) -> str | None:
    """Return ``"labels"`` or ``"masks"`` if a project saves this layer, else None."""
    if not isinstance(layer, Labels) or layer.multiscale or layer.ndim not in (2, 3):
        return None
    made_by = layer.metadata.get(DERIVED)
    if made_by is None:
        return "labels"
    return "masks" if made_by in (MASKS, REFERENCE) else None


def is_network_masks(layer: Layer) -> bool:
    """Return whether a layer holds masks of a network, or masks read from a file.

    A reference, with which masks are compared, does not count.
    """
    return kind_of(layer) == "masks" and layer.metadata.get(DERIVED) == MASKS


def loop_layer_of(viewer: Viewer, labels: Layer) -> Image | None:
    """Return the image layer of the loop that a labels layer lies on, or None.

    If several loops fit, the one named in the metadata is preferred. Otherwise the name
    of the labels must begin with the name of the loop, and the longest such name wins:
    ``p10 labels`` belongs to ``p10``, not to ``p1``.
    """
    fitting = [layer for layer in viewer.layers if lies_on(labels, layer)]
    noted = [x for x in fitting if x.name == labels.metadata.get("loop")]
    named = [layer for layer in fitting if labels.name.startswith(layer.name)]
    named.sort(key=lambda layer: len(layer.name), reverse=True)
    return next(iter(noted or named or fitting), None)


def lies_on(labels: Layer, layer: Layer) -> bool:
    """Return whether `layer` is a loop with the size and position of a labels layer.

    Labels with two axes fit a loop whose frames have their rows and columns.
    """
    if not is_loop(layer):
        return False
    shape = tuple(layer.data.shape[: layer.ndim])
    return shape[-labels.ndim :] == tuple(labels.data.shape) and same_place(
        layer, labels
    )


def background_of(layer: Layer) -> int:
    """Return the smallest label that means background, or 0 if only 0 does.

    In labels that a dock has made, the two largest numbers mean background: one for
    drawn background, one for implied background (see `label_numbers`).
    """
    return IMPLIED_BACKGROUND if has_screen_numbers(layer.metadata) else 0


def class_numbers(pixels: Any, background: int) -> NDArray[Any]:
    """Return labels as class numbers; 0 is background or not painted.

    Parameters
    ----------
    pixels
        Labels in any shape.
    background
        Smallest label that means background; 0 if no other label does.
    """
    labels: NDArray[Any] = np.asarray(pixels)
    return np.where(labels < background, labels, 0) if background else labels


def attributes_of(layer: Labels) -> dict[str, Any]:
    """Return the display settings and the metadata of a layer as JSON values."""
    looks = {name: getattr(layer, name) for name in LOOKS}
    if isinstance(layer.colormap, DirectLabelColormap):
        looks["colors"] = {
            "rest" if label is None else str(label): np.asarray(color).tolist()
            for label, color in layer.colormap.color_dict.items()
        }
    return {"looks": looks, "metadata": dict(_jsonable(layer.metadata))}


def _jsonable(metadata: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in metadata.items():
        if key in NOT_KEPT or not isinstance(key, str):
            continue
        plain = value.tolist() if isinstance(value, np.ndarray) else value
        try:
            yield key, json.loads(json.dumps(plain))
        except (TypeError, ValueError):
            continue  # objects that JSON cannot store belong to this session only


def add_loop(viewer: Viewer, cine: Cine, name: str) -> Layer:
    """Add a loop of a project to the viewer, and return its layer."""
    data, attributes, _ = cine_layer(cine)
    return viewer.add_image(data, **{**attributes, "name": name})


def place(layer: Layer, cine: Cine | LoopFacts) -> None:
    """Move a layer onto its loop, if the loop was read later than the layer."""
    for name, value in _position(cine, layer.ndim).items():
        setattr(layer, name, value)


def _position(cine: Cine | LoopFacts, ndim: int) -> dict[str, Any]:
    """Return the attributes that place a layer with `ndim` axes on its loop."""
    return {name: value[-ndim:] for name, value in geometry(cine).items()}


def add_labels(
    viewer: Viewer, record: LayerRecord, pixels: NDArray[Any], cine: Cine | None
) -> Labels:
    """Add a labels layer of a project to the viewer, with its display settings.

    Parameters
    ----------
    viewer
        The viewer that the layer is added to.
    record
        The record of the layer in the project.
    pixels
        Labels of shape ``(T, H, W)`` or ``(H, W)``.
    cine
        The loop that the layer lies on; None if it is missing.
    """
    metadata = _metadata(record.attributes.get("metadata"))
    if record.kind == "masks":
        metadata.pop(CLASSES, None)  # masks have the same numbers on disk and on screen
        role = REFERENCE if metadata.get(ROLE) == REFERENCE else MASKS
        metadata |= {DERIVED: role, "cine": cine}
    if record.names_classes:
        pixels = from_project(pixels)
    # placed at once: napari warns of layers whose units differ, be it for a moment
    position = {} if cine is None else _position(cine, pixels.ndim)
    layer = viewer.add_labels(pixels, name=record.name, metadata=metadata, **position)
    _set_looks(layer, record.attributes.get("looks"))
    if record.names_classes:
        _renumber_looks(layer)
    return layer


def stored_pixels(layer: Layer, dtype: str) -> Any:
    """Return the pixels of a layer as a project stores them. This is thread-safe.

    Parameters
    ----------
    layer
        The layer of labels or masks.
    dtype
        Integer type in which the project stores labels that a dock has made.
    """
    if has_screen_numbers(layer.metadata):
        return to_project(layer.data, dtype)
    return layer.data


def _metadata(stored: Any) -> dict[str, Any]:
    """Return the valid part of metadata from a file, which may be hostile."""
    if not isinstance(stored, dict):
        return {}
    metadata = {key: value for key, value in stored.items() if key not in NOT_KEPT}
    classes = metadata.pop(CLASSES, None)
    named = isinstance(classes, (list, dict)) and 0 < len(classes) <= MOST_CLASSES
    if named and all(isinstance(name, str) for name in classes):
        metadata[CLASSES] = classes
    return metadata


def _set_looks(layer: Labels, stored: Any) -> None:
    """Apply display settings from a file, and ignore invalid values."""
    looks = stored if isinstance(stored, dict) else {}
    try:
        colors = dict(_colors(looks["colors"]))
        layer.colormap = DirectLabelColormap(color_dict=colors)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        pass  # keep napari's default colours
    for name, possible in LOOKS.items():
        value = looks.get(name)
        with suppress(TypeError, ValueError, OverflowError):
            if possible(value):
                setattr(layer, name, value)


def _renumber_looks(layer: Labels) -> None:
    """Convert colors and the selected label of an older version to current numbers.

    The older version stored the background as 1. Settings of the current version are
    recognized by a color for the current number of the background.
    """
    colormap = layer.colormap
    known = colormap.color_dict if isinstance(colormap, DirectLabelColormap) else {}
    if BACKGROUND in known:
        return
    first = 1  # number of the background in the older version
    colors: dict[int | None, Any] = dict(label_colors(layer.metadata[CLASSES]))
    for label, color in known.items():
        if label is not None and label >= first:
            colors[label - first or BACKGROUND] = color
    layer.colormap = DirectLabelColormap(color_dict=colors)
    if layer.selected_label >= first:
        layer.selected_label = layer.selected_label - first or BACKGROUND


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_within(low: float, high: float, kind: type) -> Callable[[Any], bool]:
    def within(value: Any) -> bool:
        known = isinstance(value, (int, kind)) and not isinstance(value, bool)
        return known and low <= value <= high

    return within


def _colors(stored: dict[str, Any]) -> Iterator[tuple[int | None, Any]]:
    for label, color in stored.items():
        shown = np.asarray(color, np.float32)
        if shown.shape != (4,) or not np.isfinite(shown).all():
            raise ValueError(f"is no colour: {color!r:.40}")
        yield None if label == "rest" else int(label), shown
    if "rest" not in stored:
        yield None, np.zeros(4, np.float32)


LOOKS: dict[str, Callable[[Any], bool]] = {
    "opacity": _is_within(0, 1, float),
    "blending": lambda value: isinstance(value, str),
    "visible": _is_flag,
    "contour": _is_within(0, MOST_PX, int),
    "brush_size": _is_within(1, MOST_PX, float),
    "selected_label": _is_within(0, MOST_CLASSES, int),
}
