"""Labels that show their text as it is, without markup."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel


def plain_label(text: str = "") -> QLabel:
    """Return a label that never interprets its text as HTML.

    Names of loops, layers and files stand in labels. Qt would draw a name such as
    ``<img src='//host/x'>`` as a picture, and ask that host for it.

    Parameters
    ----------
    text
        The text to begin with; it may come from a user or a file.
    """
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
