"""Hold the state of the brush in the Segment dock: tool, class and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from psygnal import SignalGroupDescriptor

Tool = Literal["paint", "erase", "island"]
SMALLEST, LARGEST = 1, 60  # range of the diameter in px
SHARE = 1 / 100  # initial diameter as a share of the shorter side of a frame


@dataclass(eq=False)
class Brush:
    """State of the selected tool, with events and without Qt.

    Parameters
    ----------
    tool
        ``"paint"``, ``"erase"``, ``"island"`` (a click removes a connected part), or
        None if no tool of the dock is selected.
    number
        Number of the class that is painted, 0 = background.
    size
        Diameter of brush and eraser in px.
    """

    tool: Tool | None = None
    number: int = 1
    size: int = 5

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def paints(self, number: int) -> bool:
        """Return whether this is the brush of class `number`."""
        return self.tool == "paint" and self.number == number

    def fit(self, rows: int, columns: int) -> None:
        """Choose a size that suits frames with this number of rows and columns."""
        self.resize(round(min(rows, columns) * SHARE))

    def resize(self, size: float) -> None:
        """Set the size, within the range of the dock."""
        self.size = min(max(round(size), SMALLEST), LARGEST)


def brush_place(number: int) -> int:
    """Return the place of the brush of class `number`, 0 = background, from 0.

    The first class comes first, because it is painted most, then the background. The
    class at a place is found in the same way.
    """
    return {1: 0, 0: 1}.get(number, number)
