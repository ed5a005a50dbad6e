"""Provide a spin box that shows every number exactly, and one special value.

magicgui has two boxes for numbers. Its `SpinBox` takes the keyboard focus whenever code
sets its value, and has neither units nor a text for None. Its `FloatSpinBox` rounds to
two decimals. This box is a `FloatSpinBox` with as many decimals as its number needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from magicgui.widgets import FloatSpinBox


@dataclass(frozen=True)
class Special:
    """A value that is not a number, such as None or ``"auto"``.

    Parameters
    ----------
    value
        Value in the settings.
    text
        Text that a box shows for the value.
    """

    value: Any
    text: str


class NumberBox(FloatSpinBox):
    """Spin box for numbers in a range and, one step below them, a special value.

    Parameters
    ----------
    minimum, maximum
        Smallest and largest number.
    step
        Amount that one click on an arrow adds. If minimum and step are integers, so are
        all numbers of the box.
    special
        Value one step below the smallest number, or None for no such value.
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
        # set again, because Qt has rounded the limits to fewer decimals
        self.native.setRange(lowest, maximum)
        self.native.setSingleStep(step)
        self.native.setSpecialValueText("" if special is None else special.text)

    def get_value(self) -> Any:
        """Return the displayed number, or the special value."""
        shown = self.native.value()
        if self.special is not None and shown == self.native.minimum():
            return self.special.value
        return int(shown) if self.whole else shown

    def set_value(self, value: Any) -> None:
        """Show a number, or the special value.

        Raises
        ------
        ValueError, TypeError
            If the value is neither the special value nor a number in the range.
        """
        if self.special is not None and value == self.special.value:
            self.native.setValue(self.native.minimum())
            return
        self._make_room(value)
        super().set_value(value)

    def _make_room(self, *numbers: float) -> None:
        """Add decimals until some numbers can be shown, unless all are integers."""
        if self.whole:
            return
        exponents = (Decimal(repr(float(n))).as_tuple().exponent for n in numbers)
        decimals = (-int(exponent) for exponent in exponents)
        self.native.setDecimals(max(self.native.decimals(), *decimals))
