"""Read loops with their label files, for commands that learn from labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_motionseg.cine import Cine
    from napari_motionseg.io import Labels

LabelFiles = Annotated[
    list[Path],
    typer.Option(
        help="Label file (.npz, TIFF, PNG, NIfTI). Repeat for each CINE, in "
        "the same order."
    ),
]
KnownLabels = Annotated[
    list[Path] | None,
    typer.Option(
        "--labels",
        help="Label file of a loop, whose pixels have their classes in its masks. "
        "Repeat for each CINE, in the same order.",
    ),
]
LabelMode = Annotated[
    str,
    typer.Option(
        help="Meaning of 0 in labels: dense (background) or scribbles (unlabelled)."
    ),
]
ImageFrame = Annotated[
    int | None,
    typer.Option(
        help="Frame, from 0, that a single label image shows, or the only "
        "frame of a stack to use."
    ),
]


def read_labelled_loops(
    cines: Sequence[Path], labels: Sequence[Path], mode: str, frame: int | None
) -> list[tuple[Cine, Labels]]:
    """Read loops with their labels.

    Raises
    ------
    SettingsError
        If the numbers of label files and loops differ.
    """
    from napari_motionseg.io import read_cine

    if len(cines) != len(labels):
        raise SettingsError(
            f"each CINE needs its --labels, in the same order; got {len(cines)} CINE "
            f"and {len(labels)} --labels"
        )
    examples = []
    for cine_path, label_path in zip(cines, labels, strict=True):
        cine = read_cine(cine_path)
        examples.append((cine, read_known(label_path, cine, mode, frame)))
    return examples


def read_known(path: Path, cine: Cine, mode: str, frame: int | None = None) -> Labels:
    """Read the labels of a loop from a file; see `read_labels`."""
    from napari_motionseg.io import read_labels

    return read_labels(
        path,
        shape=cine.shape,
        cine=cine,
        mode=mode,  # type: ignore[arg-type]
        frame=frame,
    )


def labels_of_frame(path: Path, cine: Cine, frame: int) -> NDArray[Any]:
    """Read the labels ``(H, W)`` of one frame of a loop.

    Parameters
    ----------
    path
        Label file of the loop, or one image that belongs to the frame.
    cine
        The loop.
    frame
        Index of the frame, from 0.

    Raises
    ------
    SettingsError
        If the loop has no such frame, or none of the frame's pixels is labelled.
    LabelError
        If the labels do not fit the loop, or the frame is not labelled.
    ReadError
        If the file is missing, damaged or of an unknown type.
    """
    from napari_motionseg.io import read_labels

    if not 0 <= frame < len(cine):
        raise SettingsError(
            f"--frame must be one of the loop's 0 to {len(cine) - 1}; got {frame}"
        )
    stored = read_labels(path, shape=cine.shape, frame=frame, cine=cine)
    labels: NDArray[Any] = stored.labels[frame]
    if not labels.any():
        raise SettingsError(
            f"{path}: frame {frame} has no labelled pixel: draw something on it, or "
            "name another one with --frame"
        )
    return labels
