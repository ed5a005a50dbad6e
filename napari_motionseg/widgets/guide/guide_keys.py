"""Keyboard shortcuts of the Guide dock; the Segment dock and napari use other keys."""

from __future__ import annotations

from collections.abc import Mapping

from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.widgets.common.viewer_keys import (
    Action,
    bind_until_gone,
    pressed,
)

KEYS = {
    "click": "G",
    "accept": "A",
    "carry": "Shift-A",
    "drop": "D",
    "undo": "Control-Z",
    "arrows": "W",
}
WORDS = {
    "click": "Click an object",
    "accept": "Accept the mask of the clicks",
    "carry": "Accept, and go on to the next frame",
    "drop": "Drop the clicks on the object",
    "undo": "Undo the last click, arrow or accepted mask",
    "arrows": "Draw arrows",
}


def key_of(action: str) -> str:
    """Return the key of an action in the usual notation, such as ``Shift+A``."""
    return KEYS[action].replace("Control", "Ctrl").replace("-", "+")


def bind_keys(owner: QObject, viewer: Viewer, actions: Mapping[str, Action]) -> None:
    """Bind the keys of the dock until it is destroyed.

    Parameters
    ----------
    owner
        The dock.
    viewer
        The viewer whose keys are bound.
    actions
        Functions to call, by the name of the action in `KEYS`.
    """
    bound = {KEYS[name]: pressed(act, WORDS[name]) for name, act in actions.items()}
    bind_until_gone(owner, viewer, bound)
