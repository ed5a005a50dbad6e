"""Write layers of napari as movies; `napari.yaml` names these writers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import WriteError
from napari_motionseg.io.movie_writer import movie_rate, write_movie
from napari_motionseg.jobs import run
from napari_motionseg.report.exporting import Result, overlay_job
from napari_motionseg.report.pictures import as_gray

FullLayer = tuple[Any, dict[str, Any], str]


def write_loop(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer as a gray movie at the loop's own rate.

    Parameters
    ----------
    path
        Path of the file; ends in ``.mp4`` or ``.gif``.
    data
        ``(T, H, W)`` gray values.
    attributes
        The layer's attributes; a loop in its metadata gives the frame rate and the
        window of gray values.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    WriteError
        If the layer is not a loop of gray values, or the file cannot be written.
    """
    cine = layer_cine(data, attributes)
    gray = np.stack(list(as_gray(cine)))
    frames = np.repeat(gray[..., np.newaxis], 3, axis=-1)
    write_movie(Path(path), frames, movie_rate(cine.frame_rate))
    return [path]


def write_overlay(path: str, layers: Sequence[FullLayer]) -> list[str]:
    """Write an image layer with the outlines of a labels layer as a movie.

    Parameters
    ----------
    path
        Path of the file; ends in ``.mp4`` or ``.gif``.
    layers
        One image layer and one labels layer of the same shape, in any order, each as
        data, attributes and type.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    WriteError
        If the layers do not fit each other, or the file cannot be written.
    """
    by_kind = {kind: (data, attributes) for data, attributes, kind in layers}
    if set(by_kind) != {"image", "labels"} or len(layers) != 2:
        raise WriteError(
            f"{path}: a movie with masks needs one image layer and one labels layer; "
            f"got {', '.join(kind for _, _, kind in layers) or 'none'}"
        )
    cine = layer_cine(*by_kind["image"])
    masks: NDArray[Any] = np.asarray(by_kind["labels"][0])
    if masks.shape != cine.shape:
        raise WriteError(
            f"{path}: the labels have shape {masks.shape}, the loop {cine.shape}; "
            "choose labels of this loop"
        )
    return [str(run(overlay_job(Result(cine, masks), Path(path))))]


def layer_cine(data: Any, attributes: dict[str, Any]) -> Cine:
    """Return the loop that an image layer shows.

    Parameters
    ----------
    data
        The layer's ``(T, H, W)`` gray values.
    attributes
        Attributes of the layer. A loop of the same shape in its metadata is returned;
        otherwise a loop is made from the values, without times.

    Raises
    ------
    WriteError
        If the values do not have the axes ``(T, H, W)``.
    """
    cine = (attributes.get("metadata") or {}).get("cine")
    shape = tuple(np.shape(data))
    if isinstance(cine, Cine) and cine.shape == shape:
        return cine
    if len(shape) != 3 or attributes.get("rgb"):
        raise WriteError(
            f"{attributes.get('name', 'the layer')}: a movie needs gray values of axes "
            f"time, row and column; got shape {shape}"
        )
    return Cine.from_array(np.asarray(data))
