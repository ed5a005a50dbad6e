"""A label of fixed height, so that a longer text does not move the widgets below."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy

STYLE_PX = 6  # pixels of padding that napari's style sheet adds to a label


class SteadyLabel(QLabel):
    """A label whose height is a fixed number of lines.

    The text is shown as plain text. If it needs more lines, the rest is cut off; the
    tooltip shows the whole text.

    Parameters
    ----------
    lines
        Height of the label in lines of text.
    """

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def say(self, text: str) -> None:
        """Show a text in the label and in its tooltip."""
        self.setText(text)
        self.setToolTip(text)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Return False, because the height does not depend on the width."""
        return False

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of the text, with the fixed height."""
        height = self._lines * self.fontMetrics().lineSpacing() + STYLE_PX
        return QSize(super().sizeHint().width(), height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the fixed height, with no minimum width."""
        return QSize(0, self.sizeHint().height())
