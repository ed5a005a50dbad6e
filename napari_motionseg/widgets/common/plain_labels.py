"""Create labels that show their text unchanged, without markup."""

from __future__ import annotations

import re

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel

LONG = 20  # characters; a longer word may not fit the width of a dock
LONG_WORD = re.compile(rf"\S{{{LONG + 1},}}")
# in a long word a line may end before a capital letter and after a sign that divides
PART_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[/\\._:-])(?=\w)")
LONG_PART = re.compile(rf"[^\u200b]{{{LONG}}}(?=[^\u200b])")
MAY_BREAK = "\u200b"  # zero-width space


def breakable(text: str) -> str:
    """Return a text whose long words have places where a line may end.

    Such words are DICOM keywords, UIDs, paths and addresses.
    """
    return LONG_WORD.sub(_broken, text)


def _broken(word: re.Match[str]) -> str:
    parts = PART_ENDS.sub(MAY_BREAK, word.group())
    return LONG_PART.sub(rf"\g<0>{MAY_BREAK}", parts)


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


class WrappedLabel(QLabel):
    """A plain label with as many lines as its text needs at the width that it gets.

    No text makes it ask for more width: a long UID in a status line would otherwise
    widen the dock, and the picture would lose the room.

    Parameters
    ----------
    text
        Initial text, which may come from a user or a file.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setText(text)
        self._squeezed = QTimer(self)  # ends with the label
        self._squeezed.setSingleShot(True)
        self._squeezed.timeout.connect(self.updateGeometry)

    def text(self) -> str:
        """Return the text as it was set."""
        return super().text().replace(MAY_BREAK, "")

    def setText(self, text: str | None) -> None:  # noqa: N802 - Qt's name
        """Show a text; one with markup is not broken, because tags are words, too."""
        marked = self.textFormat() == Qt.TextFormat.RichText
        super().setText((text or "") if marked else breakable(text or ""))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the least height of the text, with no minimum width."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Ask for the height once more if it is too small for the lines of the text.

        A form that also holds a plot lays a label that has just been shown out with the
        lines that it had before.
        """
        super().resizeEvent(event)
        if self.height() < self.heightForWidth(self.width()):
            self._squeezed.start(0)
