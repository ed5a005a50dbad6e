"""Keyboard shortcuts of the Segment dock, as napari's own shortcuts of the viewer.

None of them has Alt, with which the mouse resizes napari's brush, and none is a key
that napari uses by default. Keys that start a job have Shift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.viewmodel.brush import brush_place
from napari_motionseg.widgets.common.viewer_keys import (
    Action,
    bind_until_gone,
    held,
    pressed,
)

KEYS = {
    "guess": "Shift-G",
    "train": "Shift-T",
    "apply": "Shift-S",
    "stop": "Shift-E",
    "preview": "Q",
    "next": "N",
    "right": "K",
    "fill": "Shift-F",
    "unsure": "U",
    "island": "J",
    "bare": "H",
}
WORDS = {
    "guess": "First guess",
    "train": "Train, or train on",
    "apply": "Segment all frames",
    "stop": "Stop and keep",
    "preview": "Live preview on or off",
    "next": "Next frame to label",
    "right": "This frame is right",
    "fill": "Fill between labelled frames",
    "unsure": "Show where the model is unsure",
    "island": "Remove island",
    "bare": "Hold: show the bare frame",
}
MOST_BRUSHES = 9


def key_words(action: str) -> str:
    """Return the key of an action in the usual notation, such as ``Shift+G``."""
    return KEYS[action].replace("-", "+")


def brush_key(number: int) -> str:
    """Return the key of the brush of a class, 0 = background, in usual notation."""
    return f"Ctrl+{brush_place(number) + 1}"


def bind_keys(
    owner: QObject,
    viewer: Viewer,
    actions: Mapping[str, Action],
    take_brush: Callable[[int], None],
    hold: Mapping[str, tuple[Action, Action]],
) -> None:
    """Bind the keys of a dock until it is destroyed.

    Parameters
    ----------
    owner
        The dock.
    viewer
        The viewer whose keys are bound.
    actions
        Functions to call when a key is pressed, by the name of the action in `KEYS`.
    take_brush
        Function that takes the brush of a class, given the number of the class,
        0 = background.
    hold
        Functions to call when a key is pressed and when it is released, by the name of
        the action in `KEYS`.
    """
    bound: dict[str, Any] = {
        KEYS[name]: pressed(press, WORDS[name]) for name, press in actions.items()
    }
    for name, (press, release) in hold.items():
        bound[KEYS[name]] = held(press, release, WORDS[name])
    for place in range(MOST_BRUSHES):
        brush = partial(take_brush, brush_place(place))
        bound[f"Ctrl-{place + 1}"] = pressed(brush, f"Brush {place + 1}")
    bind_until_gone(owner, viewer, bound)
