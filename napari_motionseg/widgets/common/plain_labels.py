"""Create labels that show their text unchanged, without markup."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

# DICOM keywords can be wider than a dock; a zero-width space allows a line break
WORD_START, MAY_BREAK = re.compile(r"(?<=[a-z])(?=[A-Z])"), "\u200b"


def breakable(text: str) -> str:
    """Return a text whose long keywords may be broken before each capital letter."""
    return WORD_START.sub(MAY_BREAK, text)


def plain_label(text: str = "") -> QLabel:
    """Return a label that never interprets its text as HTML.

    Labels show names of loops, layers and files. Qt would draw a name such as
    ``<img src='//host/x'>`` as a picture, and request it from that host.

    Parameters
    ----------
    text
        Initial text, which may come from a user or a file.
    """
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
