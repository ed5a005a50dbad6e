"""Build rows of a dock from settings, and read the settings back.

magicgui creates the inputs; the dock's own `QFormLayout` aligns the rows. A generated
form can change values unnoticed: decimals are rounded, None becomes 0, a logarithmic
slider misses values between its positions. This form therefore reads back each value
that it shows, and raises an error if the value has changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from psygnal import Signal
from qtpy.QtWidgets import QFormLayout

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name
from napari_motionseg.widgets.common.form_rows import Row

S = TypeVar("S")


class SettingsForm(Generic[S]):
    """Inputs for some fields of settings; the other fields do not change.

    Parameters
    ----------
    settings
        Frozen dataclass with the initial values.
    rows
        Input of each field, by field name. A dot leads into settings within settings:
        ``"training.steps"``.

    Raises
    ------
    SettingsError
        If a row names an unknown field, or cannot show the value of its field exactly.

    Signals
    -------
    changed
        Emitted when the user or `fill` has changed a value.
    """

    changed = Signal()

    def __init__(self, settings: S, rows: Mapping[str, Row]) -> None:
        self._settings = settings
        self._rows = dict(rows)
        self._inputs = {name: row.make() for name, row in self._rows.items()}
        self._filling = False
        self._show(settings)
        for name, row in self._rows.items():
            row.edited(self._inputs[name]).connect(self._edited)

    def __call__(self) -> S:
        """Return the settings with the displayed values.

        Raises
        ------
        SettingsError
            If the settings class refuses the combination of values.
        """
        settings = self._settings
        for name, shown in self._inputs.items():
            settings = _replaced(settings, name, shown.value)
        return settings

    def fill(self, settings: S) -> None:
        """Show other settings; if one of them cannot be shown, change none.

        Raises
        ------
        SettingsError
            If a row cannot show the value of its field exactly.
        """
        before = self()
        self._filling = True
        try:
            self._show(settings)
        except SettingsError:
            self._show(before)
            raise
        finally:
            self._filling = False
        self._settings = settings
        self.changed.emit()

    def native(self, name: str) -> Any:
        """Return the Qt widget of a field, for a layout or a text that changes."""
        return self._inputs[name].native

    def add_to(self, layout: QFormLayout) -> None:
        """Add all rows to the layout of a dock's section, in the order of the table."""
        for name, row in self._rows.items():
            if row.label is None:
                layout.addRow(self.native(name))
            else:
                layout.addRow(row.label, self.native(name))

    def _show(self, settings: S) -> None:
        for name, box in self._inputs.items():
            value = _value(settings, name)
            try:
                box.value = value
            except (TypeError, ValueError) as error:
                raise SettingsError(
                    f"{name}={value!r} cannot be shown in its form ({error}); give its "
                    "row this value as a number of the range, an item or `special`"
                ) from error
            if box.value != value:
                raise SettingsError(
                    f"{name}={value!r} would be shown as {box.value!r} in its form; "
                    "give its row a finer step, another kind or a `special` value"
                )

    def _edited(self, _: object = None) -> None:
        if not self._filling:
            self.changed.emit()


def _value(settings: Any, path: str) -> Any:
    """Return the value of a field, which may lie in settings within settings."""
    name, _, rest = path.partition(".")
    _require_field(settings, name)
    value = getattr(settings, name)
    return _value(value, rest) if rest else value


def _replaced(settings: S, path: str, value: Any) -> S:
    """Return a copy of settings with another value of one field."""
    name, _, rest = path.partition(".")
    if rest:
        value = _replaced(getattr(settings, name), rest, value)
    return cast("S", dataclasses.replace(cast("Any", settings), **{name: value}))


def _require_field(settings: Any, name: str) -> None:
    fields = {field.name: field for field in dataclasses.fields(settings)}
    if name not in fields:
        raise SettingsError(
            unknown_name(f"field of {type(settings).__name__}", name, fields)
        )
