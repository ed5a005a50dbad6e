"""Read masks from COCO annotations, as the ARCADE set of angiograms has them.

The annotations are one JSON file: ``images`` with an id and a file name, and
``annotations`` with the id of an image, a category, and an outline as polygons or as
run lengths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_motionseg.errors import LabelError

Mask = NDArray[np.bool_]
# categories that lie on a vessel without being one; ARCADE outlines lesions apart
NO_VESSELS = ("stenosis",)


def read_coco(path: Path) -> dict[str, Mask]:
    """Read the vessel masks of all images in a file of COCO annotations.

    Parameters
    ----------
    path
        Path of the JSON file. All categories count as vessel, except `NO_VESSELS`.

    Returns
    -------
    dict
        Mask ``(H, W)`` bool by the name of the image's file. Images without
        annotations have empty masks.

    Raises
    ------
    LabelError
        If the file is no such file, or an outline cannot be read.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        images = {row["id"]: row for row in told["images"]}
        left_out = {
            row["id"]
            for row in told.get("categories", [])
            if str(row["name"]).lower() in NO_VESSELS
        }
        masks = {
            number: np.zeros((int(row["height"]), int(row["width"])), bool)
            for number, row in images.items()
        }
        for row in told["annotations"]:
            if row.get("category_id") not in left_out:
                mask = masks[row["image_id"]]
                mask |= _filled(row["segmentation"], mask.shape)
        return {str(row["file_name"]): masks[n] for n, row in images.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabelError(
            f"{path}: cannot be read as COCO annotations with images, annotations and "
            f"outlines ({type(error).__name__}: {error})"
        ) from error


def _filled(outline: Any, shape: tuple[int, ...]) -> Mask:
    """Return the mask ``(H, W)`` within an outline: polygons, or run lengths."""
    if isinstance(outline, Mapping):
        return _from_runs(outline, shape)
    picture = Image.new("1", (shape[1], shape[0]))
    draw = ImageDraw.Draw(picture)
    for polygon in outline:
        if len(polygon) % 2 or len(polygon) < 6:
            raise ValueError(
                f"a polygon needs x and y of at least three points; got {len(polygon)} "
                "numbers"
            )
        draw.polygon([float(value) for value in polygon], outline=1, fill=1)
    return np.asarray(picture, bool)


def _from_runs(outline: Mapping[str, Any], shape: tuple[int, ...]) -> Mask:
    """Return the mask of run lengths, which alternate and go down the columns."""
    counts: Sequence[int] | str = outline["counts"]
    if isinstance(counts, str):
        raise ValueError("run lengths are compressed; store them as lists of numbers")
    if list(outline["size"]) != list(shape) or sum(counts) != shape[0] * shape[1]:
        raise ValueError(
            f"run lengths of {outline['size']} with {sum(counts)} pixels do not fit an "
            f"image of {shape[0]} rows and {shape[1]} columns"
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(shape[::-1]).T
