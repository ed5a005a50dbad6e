"""Ask the user where to save, and whether to replace a file."""

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

    A name gets the suffix of the chosen kind of file, unless it has the suffix of one
    of the kinds. The file dialog checks the name as typed, which may differ from the
    name with the suffix. This function therefore asks whether to replace a file itself.

    Parameters
    ----------
    parent
        The widget that the dialogs belong to.
    title
        Title of the dialog.
    name
        Suggested file name.
    filters
        Kinds of files in the notation of Qt.
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
    """Return whether a file may be written: it does not exist, or the user agrees.

    The user is not asked about files that writers refuse to replace.
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
