"""Read the frame that clicks or arrows are on, with its field of view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_motionseg.cine import Cine
    from napari_motionseg.guidance.points import Mask

Frame = Annotated[int, typer.Option(min=0, help="Index of the frame, from 0.")]
Model = Annotated[
    Path,
    typer.Option(
        help="Propagation checkpoint, as of train-propagation; the default is the "
        "network of the package."
    ),
]
WholePicture = Annotated[
    bool,
    typer.Option("--whole-picture", help="Use the picture outside the field of view."),
]


def read_frame(
    path: Path, frame: int, whole_picture: bool
) -> tuple[Cine, NDArray[np.float32], Mask | None]:
    """Return a loop, one of its frames ``(H, W)`` in [0, 1], and its field of view.

    Parameters
    ----------
    path
        Path of the loop.
    frame
        Index of the frame.
    whole_picture
        Whether everything counts as inside the field; it is then None.

    Raises
    ------
    SettingsError
        If the loop does not have this frame.
    DamagedFrameError
        If the frame cannot be decoded.
    """
    from napari_motionseg.cine.field_of_view import find_cine_field_of_view
    from napari_motionseg.io import read_cine

    cine = read_cine(path)
    if frame >= len(cine):
        raise SettingsError(
            f"--frame must be from 0 to {len(cine) - 1} for {path}; got {frame}"
        )
    picture = cine.normalized(frame)
    field = None if whole_picture else find_cine_field_of_view(cine).mask
    return cine, picture, field


def points_of(numbers: list[tuple[float, ...]]) -> tuple[Any, ...]:
    """Return numbers as a tuple of points."""
    return tuple((row, column) for row, column in numbers)
