"""Describe the inputs of a form for fields of settings: number, choice or switch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magicgui.widgets import CheckBox, ComboBox
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from napari_motionseg.widgets.common.number_box import NumberBox, Special


@dataclass(frozen=True, kw_only=True)
class Row(ABC):
    """One field of a settings class in a form.

    Parameters
    ----------
    label
        Text beside the input. An empty text leaves that place free; with None the input
        takes the whole width.
    tooltip
        Explanation that appears under the mouse.
    """

    label: str | None = None
    tooltip: str

    @abstractmethod
    def make(self) -> ValueWidget[Any]:
        """Return a new input widget."""

    @abstractmethod
    def edited(self, widget: ValueWidget[Any]) -> Any:
        """Return the Qt signal that is emitted after each edit of a row's widget.

        magicgui's own signal is not emitted if the new value is None.
        """


@dataclass(frozen=True, kw_only=True)
class Number(Row):
    """A number in a spin box.

    Parameters
    ----------
    minimum, maximum
        Smallest and largest number.
    step
        Amount that one click on an arrow adds. If minimum and step are integers, only
        integers can be entered.
    prefix, suffix
        Text before and after the number, such as a unit.
    special
        One value that is not a number in the range, such as None; None for no such
        value.
    """

    minimum: float
    maximum: float
    step: float = 1
    prefix: str = ""
    suffix: str = ""
    special: Special | None = None

    def make(self) -> NumberBox:
        """Return a spin box of the range."""
        box = NumberBox(
            self.minimum, self.maximum, self.step, self.special, tooltip=self.tooltip
        )
        box.native.setPrefix(self.prefix)
        box.native.setSuffix(self.suffix)
        return box

    def edited(self, widget: ValueWidget[Any]) -> Any:
        """Return the signal of the spin box."""
        return widget.native.valueChanged


@dataclass(frozen=True, kw_only=True)
class Choice(Row):
    """One of several values in a combo box.

    Parameters
    ----------
    items
        Values by the displayed text.
    tips
        Explanation of each item, in the order of the items; may be empty.
    shortest
        Number of characters of an item that are always visible, so that long items do
        not widen the dock; None to make room for the longest item.
    """

    items: Mapping[str, Any]
    tips: Sequence[str] = ()
    shortest: int | None = None

    def make(self) -> ComboBox:
        """Return a combo box with the items."""
        box = ComboBox(choices=list(self.items.items()), tooltip=self.tooltip)
        for index, tip in enumerate(self.tips):
            box.native.setItemData(index, tip, Qt.ItemDataRole.ToolTipRole)
        if self.shortest is not None:
            box.native.setMinimumContentsLength(self.shortest)
            box.native.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        return box

    def edited(self, widget: ValueWidget[Any]) -> Any:
        """Return the signal of the combo box."""
        return widget.native.currentIndexChanged


@dataclass(frozen=True, kw_only=True)
class Switch(Row):
    """A yes or no in a check box.

    Parameters
    ----------
    text
        Text beside the box.
    """

    text: str

    def make(self) -> CheckBox:
        """Return a check box."""
        return CheckBox(text=self.text, tooltip=self.tooltip)

    def edited(self, widget: ValueWidget[Any]) -> Any:
        """Return the signal of the check box."""
        return widget.native.toggled
