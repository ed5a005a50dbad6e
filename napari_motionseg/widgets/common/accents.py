"""Colors of buttons: the step that comes next, and the tool that is in hand."""

from __future__ import annotations

from qtpy.QtWidgets import QAbstractButton

ACCENT = "#1f7ae0"  # white text on it can be read in the light and the dark theme
_NEXT = (
    f"QPushButton {{ background-color: {ACCENT}; color: white; }}"
    f"QPushButton:hover {{ background-color: #3b8ff0; }}"
)


def accent(button: QAbstractButton, on: bool) -> None:
    """Show a button as the next step, or as any other one; its size stays.

    Parameters
    ----------
    button
        The button.
    on
        Whether it is the next step.
    """
    style = _NEXT if on else ""
    if button.styleSheet() != style:  # Qt polishes the button anew each time
        button.setStyleSheet(style)


def border_when_checked(button: QAbstractButton, color: str) -> None:
    """Give a button a colored border while it is checked.

    Parameters
    ----------
    button
        A button that can be checked.
    color
        Color of the border, as ``#rrggbb``.
    """
    button.setStyleSheet(
        "QPushButton { border: 2px solid transparent; padding: 3px 5px; }"
        f"QPushButton:checked {{ border: 2px solid {color}; }}"
    )
