"""Ask where to save, and before a file is replaced."""

from __future__ import annotations

import os
import re
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_motionseg.errors import WriteError
from napari_motionseg.io.atomic import require_file_target
from napari_motionseg.io.program_marks import is_own


def ask_target(parent: QWidget, title: str, name: str, filters: str) -> Path | None:
    """Ask the user where to save a file; return None if the user decides not to.

    A name gets the suffix of the chosen kind of file, unless it ends in one of the
    kinds. The file dialog
    asks for the name that was typed, and could miss the file that is really written;
    so the question whether to replace a file is put here, once the name is known.

    Parameters
    ----------
    parent
        The widget that the dialogs belong to.
    title
        Title of the dialog.
    name
        The name to begin with.
    filters
        Kinds of files, as Qt takes them.
    """
    chosen, kind = QFileDialog.getSaveFileName(
        parent, title, name, filters, options=QFileDialog.Option.DontConfirmOverwrite
    )
    if not chosen:
        return None
    path = Path(chosen)
    known, wanted = _suffixes(filters), _suffixes(kind)
    if wanted and not path.name.lower().endswith(known):
        path = path.with_name(path.name + wanted[0])
    return path if may_replace(parent, path) else None


def _suffixes(filters: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\*(\.[\w.]+)", filters))


def may_replace(parent: QWidget, path: Path) -> bool:
    """Return whether a file may be written: its place is free, or the user says so.

    The user is not asked about what a writer refuses to replace, and says why.
    """
    if not os.path.lexists(path) or path.is_dir():
        return True
    try:
        require_file_target(path)
    except WriteError:
        return True
    if is_own(path):
        words = "It was written by this program."
    else:
        words = (
            "It was not written by this program, or cannot be told from other files."
        )
    answer = QMessageBox.question(
        parent,
        "Replace the file?",
        f"{path} is there already.\n\n{words} What is in it would be lost.",
        QMessageBox.StandardButton.Save | QMessageBox.StandardButton.Cancel,
        QMessageBox.StandardButton.Cancel,
    )
    return answer == QMessageBox.StandardButton.Save
