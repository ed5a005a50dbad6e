"""Labels of docks: their words are shown as they are."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel


def plain_label(text: str = "") -> QLabel:
    """Return a label that takes no text for HTML.

    Names of loops, layers and files stand in labels. Qt would draw a name such as
    ``<img src='//host/x'>`` as a picture, and ask that host for it.

    Parameters
    ----------
    text
        The first text; a person may have written it.
    """
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
