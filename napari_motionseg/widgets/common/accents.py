"""Set colors of buttons that mark the next step and the selected tool."""

from __future__ import annotations

from qtpy.QtWidgets import QAbstractButton

ACCENT = "#1f7ae0"  # white text on it is readable in the light and the dark theme
_NEXT = (
    f"QPushButton {{ background-color: {ACCENT}; color: white; }}"
    f"QPushButton:hover {{ background-color: #3b8ff0; }}"
)


def accent(button: QAbstractButton, on: bool) -> None:
    """Color a button as the next step, or give it back its normal color.

    The size of the button does not change.

    Parameters
    ----------
    button
        The button to color.
    on
        True if the button is the next step; False for the normal color.
    """
    style = _NEXT if on else ""
    if button.styleSheet() != style:  # setting a style sheet is slow, even the same one
        button.setStyleSheet(style)


def border_when_checked(button: QAbstractButton, color: str) -> None:
    """Give a button a colored border while it is checked.

    Parameters
    ----------
    button
        The button; it must be checkable.
    color
        Color of the border, written as ``#rrggbb``.
    """
    button.setStyleSheet(
        "QPushButton { border: 2px solid transparent; padding: 3px 5px; }"
        f"QPushButton:checked {{ border: 2px solid {color}; }}"
    )
