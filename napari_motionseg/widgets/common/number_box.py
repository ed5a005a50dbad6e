"""A spin box that shows every number exactly, and one value that is no number.

magicgui has two boxes for numbers. Its `SpinBox` takes the keyboard focus whenever a
program sets it, and has neither units nor a text for None; its `FloatSpinBox` rounds to
two decimals. The box here is a `FloatSpinBox` with as many decimals as a number needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from magicgui.widgets import FloatSpinBox


@dataclass(frozen=True)
class Special:
    """A value that is no number of a range, such as None or ``"auto"``.

    Parameters
    ----------
    value
        The value in the settings.
    text
        The text that a box shows for it.
    """

    value: Any
    text: str


class NumberBox(FloatSpinBox):
    """A spin box for numbers of a range and, one step below them, a special value.

    Parameters
    ----------
    minimum, maximum
        The smallest and the largest number.
    step
        What one click on an arrow adds. Where minimum and step are integers, so are all
        numbers of the box.
    special
        The value that stands below the smallest number, or None for no such value.
    **options
        Further options of a magicgui widget, such as `tooltip`.
    """

    def __init__(
        self,
        minimum: float,
        maximum: float,
        step: float,
        special: Special | None,
        **options: Any,
    ) -> None:
        self.special = special
        self.whole = isinstance(minimum, int) and isinstance(step, int)
        lowest = minimum if special is None else minimum - step
        super().__init__(min=lowest, max=maximum, step=step, **options)
        self.native.setDecimals(0)
        self._make_room(minimum, step)
        # again, because Qt has rounded them to the decimals of before
        self.native.setRange(lowest, maximum)
        self.native.setSingleStep(step)
        self.native.setSpecialValueText("" if special is None else special.text)

    def get_value(self) -> Any:
        """Return the number that is shown, or the special value."""
        shown = self.native.value()
        if self.special is not None and shown == self.native.minimum():
            return self.special.value
        return int(shown) if self.whole else shown

    def set_value(self, value: Any) -> None:
        """Show a number, or the special value.

        Raises
        ------
        ValueError, TypeError
            If the value is neither the special one nor a number of the range.
        """
        if self.special is not None and value == self.special.value:
            self.native.setValue(self.native.minimum())
            return
        self._make_room(value)
        super().set_value(value)

    def _make_room(self, *numbers: float) -> None:
        """Add the decimals that some numbers need, unless all are integers."""
        if self.whole:
            return
        exponents = (Decimal(repr(float(n))).as_tuple().exponent for n in numbers)
        decimals = (-int(exponent) for exponent in exponents)
        self.native.setDecimals(max(self.native.decimals(), *decimals))
