"""Explain to the user why docks leave a layer out, or how they interpret it.

Layers are duck-typed here: any object with `name`, `data`, `ndim` and the like is
accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_motionseg.cine import Cine

SLICES = ("CT", "MR", "PT", "NM")  # DICOM modalities whose stacks are volumes
# suffixes and names of units of length
LENGTHS = ("meter", "metre", "micron", "angstrom")


def words_on_image(layer: Any) -> str:
    """Explain how docks interpret an image layer that was not read as a loop.

    Parameters
    ----------
    layer
        An image layer.

    Returns
    -------
    str
        One or two sentences; empty for a plain stack of frames.
    """
    if getattr(layer, "multiscale", False):
        return (
            f"Layer {layer.name!r} holds several resolutions. The docks need a plain "
            "image layer: open one resolution alone."
        )
    if layer.ndim > 3:
        return (
            f"Layer {layer.name!r} has {layer.ndim} axes ({_size(layer)}). A loop has "
            "three: time, rows, columns. Split the layer along the other axis "
            "(right-click the layer, Split Stack) and choose one part."
        )
    if layer.ndim == 3 and _is_deep(layer):
        return (
            f"Layer {layer.name!r} seems to be a volume: its first axis is a length, "
            "not time. The docks take its slices as frames; motion between slices "
            "means nothing."
        )
    if getattr(layer, "rgb", False):
        return f"Layer {layer.name!r} is in colours. The docks work on its luminance."
    return ""


def words_on_loop(cine: Cine) -> str:
    """Return a warning if a loop seems to be a volume; empty for a loop over time."""
    modality = str(cine.technical.get("modality", "")).upper()
    if modality not in SLICES or len(cine) < 2:
        return ""
    return (
        f"{cine.name!r} is of modality {modality}: its frames seem to be slices of a "
        "volume, not moments in time. Motion between slices means nothing."
    )


def words_on_labels(layer: Any, loops: Sequence[Any]) -> str:
    """Explain why labels that lie on no open loop are left out.

    Parameters
    ----------
    layer
        A labels layer.
    loops
        The image layers of the open loops, at least one.
    """
    size = tuple(layer.data.shape)
    same = [x for x in loops if tuple(x.data.shape[: x.ndim])[-len(size) :] == size]
    if same:
        return (
            f"Labels {layer.name!r} have the size of {same[-1].name!r} but another "
            "scale or place, so they do not lie on it. Load masks… in the Segment dock "
            "reads them from their file in the right place."
        )
    known = "; ".join(f"{x.name!r} has {_size(x)}" for x in loops)
    return (
        f"Labels {layer.name!r} ({_size(layer)}) fit no open loop: {known}. The docks "
        "leave them out; open the loop that they were made for."
    )


def _size(layer: Any) -> str:
    return " × ".join(str(n) for n in layer.data.shape[: layer.ndim])


def _is_deep(layer: Any) -> bool:
    """Return whether the first of three axes is one of space."""
    label = str(next(iter(getattr(layer, "axis_labels", ())), "")).lower()
    unit = str(next(iter(getattr(layer, "units", ())), "")).lower()
    return label in ("z", "depth", "slice") or unit.endswith(LENGTHS)
