"""Keep copies of networks in a project: none takes the place of another."""

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

DIGITS = 8  # of a content's hash, in the names of files that need one
PART_BYTES = 2**20  # read at a time


def keep_model(
    model: Path, folder: Path, known: tuple[ModelRecord, ...], kind: str, title: str
) -> ModelRecord:
    """Copy a network's file into a project's folder of models.

    Parameters
    ----------
    model
        Path of the file.
    folder
        Path of the project's folder of models.
    known
        Records of the models that the project has.
    kind
        ``"embedding"`` or ``"segmentation"``.
    title
        What a person calls it. Where another model has that title, a number is added.

    Returns
    -------
    ModelRecord
        Record of the copy. Its name is that of the file, with a part of the content's
        hash where another file has that name. A model that is there already keeps its
        file.

    Raises
    ------
    WriteError
        If it cannot be copied.
    """
    try:
        digest = _hash(model, follow_links=True)
        name = _free_name(folder, model, digest)
        if not os.path.lexists(folder / name):
            with replacing(folder / name) as temporary:
                shutil.copyfile(model, temporary)
                if _hash(temporary) != digest:
                    raise WriteError(f"{model}: changed while it was copied")
    except WriteError:
        raise
    except (MotionSegError, OSError) as error:
        raise WriteError(f"cannot keep {model} in the project: {error}") from error
    return ModelRecord(name, kind, _free_title(title, name, known))


def _free_name(folder: Path, model: Path, digest: str) -> str:
    """Return a name under which nothing is there, or the same content."""
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
            continue  # a link, a folder or a device of somebody else
    raise WriteError(f"{folder}: has other files of the name of {model.name}")


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
