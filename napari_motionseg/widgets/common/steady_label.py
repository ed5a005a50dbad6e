"""A label whose height does not follow its text, so that nothing below it moves."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy

STYLE_PX = 6  # of padding in the style sheet of napari


class SteadyLabel(QLabel):
    """A label with room for a number of lines, whatever its text is.

    The text is shown as it is, without markup; the tooltip shows all of it.

    Parameters
    ----------
    lines
        Number of lines that there is room for.
    """

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def say(self, text: str) -> None:
        """Show a text."""
        self.setText(text)
        self.setToolTip(text)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Return False: the height is that of the lines."""
        return False

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the room for the lines."""
        height = self._lines * self.fontMetrics().lineSpacing() + STYLE_PX
        return QSize(super().sizeHint().width(), height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the room for the lines, as narrow as one likes."""
        return QSize(0, self.sizeHint().height())
