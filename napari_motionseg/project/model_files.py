"""Copy networks into a project without replacing existing copies."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from napari_motionseg.errors import MotionSegError, WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.project.manifest import ModelRecord
from napari_motionseg.project.manifest_rows import file_name

DIGITS = 8  # digits of a content hash in file names that need one
PART_BYTES = 2**20  # bytes read at once


def keep_model(
    model: Path, folder: Path, known: tuple[ModelRecord, ...], kind: str, title: str
) -> ModelRecord:
    """Copy the file of a network into a project's folder of models.

    Parameters
    ----------
    model
        Path of the file to copy.
    folder
        Path of the project's folder of models.
    known
        Records of the models that the project has.
    kind
        ``"embedding"`` or ``"segmentation"``.
    title
        Name for users. A number is added if another model has that title.

    Returns
    -------
    ModelRecord
        Record of the copy. The copy has the name of the file, with a part of its
        content hash if another file has that name. A model that is already there keeps
        its file.

    Raises
    ------
    WriteError
        If the file cannot be copied.
    """
    try:
        digest = _hash(model, follow_links=True)
        name = _free_name(folder, model, digest)
        if not os.path.lexists(folder / name):
            with replacing(folder / name) as temporary:
                shutil.copyfile(model, temporary)
                if _hash(temporary) != digest:
                    raise WriteError(
                        f"{model}: changed while it was copied; try again when it is "
                        "complete"
                    )
    except WriteError:
        raise
    except (MotionSegError, OSError) as error:
        raise WriteError(f"cannot keep {model} in the project: {error}") from error
    return ModelRecord(name, kind, _free_title(title, name, known))


def _free_name(folder: Path, model: Path, digest: str) -> str:
    """Return a name that is free, or whose file has the same content."""
    try:
        stem, suffix = Path(file_name(model.name)).stem, model.suffix
    except (ValueError, TypeError):
        stem, suffix = "model", ".safetensors"
    for end in ("", f"-{digest[:DIGITS]}", f"-{digest}"):
        name = f"{stem}{end}{suffix}"
        if not os.path.lexists(folder / name):
            return name
        try:
            if _hash(folder / name) == digest:
                return name
        except MotionSegError:
            continue  # a link, folder or device that this program did not create
    raise WriteError(
        f"{folder}: holds other files with the name of {model.name}; rename the model"
    )


def _free_title(title: str, file: str, known: tuple[ModelRecord, ...]) -> str:
    taken = {record.title for record in known if record.file != file}
    number, free = 1, title
    while free in taken:
        number += 1
        free = f"{title} ({number})"
    return free


def _hash(path: Path, *, follow_links: bool = False) -> str:
    digest = hashlib.sha256()
    with open_regular(path, follow_links=follow_links) as file:
        while part := file.read(PART_BYTES):
            digest.update(part)
    return digest.hexdigest()
