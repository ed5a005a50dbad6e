"""Turn arrays of image and labels layers into loops and labels."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.io.label_numbers import has_screen_numbers, to_file, to_target
from napari_motionseg.io.labels import LabelMode, Labels

LUMINANCE = (0.299, 0.587, 0.114)  # weights of red, green and blue by ITU-R BT.601


def cine_of_layer(layer: Any) -> Cine:
    """Return the loop that an image layer shows.

    Parameters
    ----------
    layer
        Read by this plugin: the loop in its metadata. Of any other origin: its array,
        ``(T, H, W)``, ``(H, W)``, or with three or four colours last; floats outside
        [0, 1] and wide integers are rescaled to their range, which is noted.

    Raises
    ------
    SettingsError
        If the array has other axes, or no finite value.
    """
    kept = layer.metadata.get("cine")
    if isinstance(kept, Cine) and kept.shape == tuple(layer.data.shape):
        return kept
    if isinstance(layer.data, (list, tuple)) or getattr(layer, "multiscale", False):
        raise SettingsError(
            f"layer {layer.name!r} holds several resolutions; use a plain image layer"
        )
    pixels = np.asarray(layer.data)
    notes: tuple[str, ...] = ("made from an image layer",)
    if getattr(layer, "rgb", False):
        pixels = pixels[..., :3] @ np.asarray(LUMINANCE, np.float32)
        pixels = pixels / (255.0 if layer.data.dtype == np.uint8 else 1.0)
        notes += ("colours were turned into luminance",)
    if pixels.ndim not in (2, 3):
        raise SettingsError(
            f"layer {layer.name!r} has shape {pixels.shape}; a loop has axes "
            "(time, rows, columns)"
        )
    stored, rescaled = _storable(pixels, layer.name)
    return Cine.from_array(
        stored,
        pixel_spacing=_spacing(layer),
        name=layer.name,
        notes=notes + rescaled,
    )


def _storable(pixels: NDArray[Any], name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return pixels in a form for `Cine.from_array`, and notes on the conversion."""
    narrow = pixels.dtype.kind == "b" or (
        pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2
    )
    if narrow:
        return pixels, ()
    finite = np.isfinite(pixels)
    if not finite.any():
        raise SettingsError(f"layer {name!r} holds no finite value")
    low, high = float(pixels[finite].min()), float(pixels[finite].max())
    if pixels.dtype.kind == "f" and finite.all() and low >= 0 and high <= 1:
        return pixels, ()
    scaled = (np.where(finite, pixels, low) - low) / ((high - low) or 1.0)
    note = f"values from {low:g} to {high:g} were rescaled"
    return np.clip(scaled, 0.0, 1.0), (note,)


def _spacing(layer: Any) -> tuple[float, float] | None:
    """Return millimetres between pixels, if the layer's units say so."""
    units = [str(unit) for unit in getattr(layer, "units", ())][-2:]
    if units != ["millimeter", "millimeter"]:
        return None
    rows, columns = (float(abs(s)) for s in layer.scale[-2:])
    return rows, columns


def labels_of_layer(layer: Any, cine: Cine, mode: str, frame: int) -> Labels:
    """Return the labels that were painted on a layer.

    Parameters
    ----------
    layer
        Has `data` of ``(T, H, W)``, or ``(H, W)``, which is about `frame` alone. Where
        its metadata name its classes, it holds the numbers of the screen, and the mode
        says what an unpainted pixel is.
    cine
        The loop that was painted on.
    mode
        See `Labels`.
    frame
        The frame that is shown.

    Raises
    ------
    LabelError
        If the layer has another shape than the loop, or nothing is painted.
    """
    painted = np.asarray(layer.data)
    if painted.shape == cine.shape[1:]:
        placed = np.zeros(cine.shape, painted.dtype)
        placed[frame] = painted
        painted = placed
    if painted.shape != cine.shape:
        raise LabelError(
            f"layer {layer.name!r} has shape {painted.shape}; the loop has "
            f"{cine.shape}: paint on labels of the same shape"
        )
    if has_screen_numbers(getattr(layer, "metadata", {})):
        if mode != "dense":
            return Labels.from_painted(to_file(painted), "scribbles")
        frames = np.asarray(painted.any(axis=(1, 2)), bool)
        return Labels(np.maximum(to_target(painted), 0), frames, "dense")
    return Labels.from_painted(painted, cast("LabelMode", mode))
