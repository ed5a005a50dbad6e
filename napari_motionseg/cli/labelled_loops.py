"""Read loops with their label files, for commands that learn from labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.io import Labels

LabelFiles = Annotated[
    list[Path],
    typer.Option(help="Label file (.npz, TIFF, PNG), one for each CINE in turn."),
]
LabelMode = Annotated[
    str, typer.Option(help="What 0 means: dense (background), scribbles (nothing).")
]
ImageFrame = Annotated[
    int | None, typer.Option(help="Frame, from 0, of a single image or to use.")
]


def read_labelled_loops(
    cines: Sequence[Path], labels: Sequence[Path], mode: str, frame: int | None
) -> list[tuple[Cine, Labels]]:
    """Read loops with their labels.

    Raises
    ------
    SettingsError
        If there are not as many label files as loops.
    """
    from napari_motionseg.io import read_cine, read_labels

    if len(cines) != len(labels):
        raise SettingsError(
            f"each CINE needs its --labels, in the same order; got {len(cines)} CINE "
            f"and {len(labels)} --labels"
        )
    examples = []
    for cine_path, label_path in zip(cines, labels, strict=True):
        cine = read_cine(cine_path)
        found = read_labels(
            label_path,
            shape=cine.shape,
            cine=cine,
            mode=mode,  # type: ignore[arg-type]
            frame=frame,
        )
        examples.append((cine, found))
    return examples
