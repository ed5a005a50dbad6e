"""Keyboard shortcuts of the Segment dock, as napari's own shortcuts of the viewer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject

# letters that no menu of napari's has
WORDS = {
    "Alt-G": "First guess",
    "Alt-S": "Live preview on or off",
    "Alt-T": "Train, or train on",
    "Alt-A": "Segment all frames",
    "Alt-N": "Next frame to label",
    "Alt-K": "Use this frame as labels",
    "Alt-U": "Show where the model is unsure",
    "Alt-E": "Good enough: stop and keep",
}
MOST_BRUSHES = 9


def bind_keys(
    owner: QObject,
    viewer: Viewer,
    actions: Mapping[str, Callable[[], object]],
    take_brush: Callable[[int], None],
) -> None:
    """Bind the keys of a dock until it is destroyed.

    Parameters
    ----------
    owner
        The dock.
    viewer
        The viewer whose keys are bound.
    actions
        The action by key, of the keys in `WORDS`.
    take_brush
        The action of Alt+1 to Alt+9, which is given the number of a class,
        0 = background.
    """
    presses = dict(actions)
    for number in range(MOST_BRUSHES):
        presses[f"Alt-{number + 1}"] = partial(take_brush, number)
    for key, press in presses.items():
        words = WORDS.get(key, f"Brush of class {key[-1]}")
        viewer.bind_key(key, _action(press, words), overwrite=True)
    owner.destroyed.connect(partial(_unbind, viewer, tuple(presses)))


def _action(press: Callable[[], object], words: str) -> Callable[[Any], None]:
    def act(viewer: Any) -> None:
        press()

    act.__name__ = words
    act.__doc__ = f"{words}."  # what napari lists
    return act


def _unbind(viewer: Viewer, keys: tuple[str, ...], _: object = None) -> None:
    for key in keys:
        viewer.bind_key(key, None, overwrite=True)
