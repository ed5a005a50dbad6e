"""Copy a project to another folder, and check that the copy is complete."""

from __future__ import annotations

import dataclasses
import filecmp
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from napari_motionseg.errors import WriteError
from napari_motionseg.io.atomic import new_folder
from napari_motionseg.io.durable import flush_folder, make_folders
from napari_motionseg.project.label_files import LABELS
from napari_motionseg.project.manifest import FILE, Manifest, write_manifest
from napari_motionseg.project.own_files import FOLDERS, own_files
from napari_motionseg.project.references import moved


def copy_project(
    before: Path, manifest: Manifest, folder: Path, cut: Mapping[Path, int]
) -> Manifest:
    """Copy a project's own files to a new folder, and return its manifest there.

    The copy is compared with the original before it gets its name. Other files in the
    old folder are not copied.

    Parameters
    ----------
    before
        Path of the project.
    manifest
        Manifest of the project.
    folder
        Path of the new folder, which must not exist.
    cut
        Sizes in bytes of files of which only the beginning is copied.

    Raises
    ------
    WriteError
        If a file cannot be read, written or compared; no new folder is left then.
    """
    loops = tuple(moved(loop, before, folder) for loop in manifest.loops)
    manifest_there = dataclasses.replace(manifest, loops=loops)
    with new_folder(folder) as copy:
        for name in FOLDERS:
            (copy / name).mkdir(parents=True)
        for file in own_files(before, manifest):
            if file.name != FILE:
                _copy(file, copy / file.relative_to(before), cut.get(file))
        write_manifest(copy, manifest_there)
    return manifest_there


def make_project_folder(folder: Path) -> None:
    """Create the empty folder of a project.

    Raises
    ------
    WriteError
        If the path exists, or the folder cannot be created.
    """
    if os.path.lexists(folder):
        raise WriteError(f"{folder}: exists already; choose another name")
    try:
        make_folders(folder.parent)
        folder.mkdir()  # fails if another window creates it at this moment
        (folder / LABELS).mkdir()
        flush_folder(folder.parent)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"cannot create {folder}: {reason}") from error


def _copy(file: Path, target: Path, size: int | None) -> None:
    shutil.copyfile(file, target, follow_symlinks=False)
    if not filecmp.cmp(file, target, shallow=False):
        raise WriteError(f"{target}: differs from {file} after it was copied")
    if size is not None:
        os.truncate(target, size)
