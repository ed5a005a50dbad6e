"""The Segment dock by keyboard, through napari's own shortcuts of the viewer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.viewer import Viewer

if TYPE_CHECKING:
    from napari_motionseg.widgets.segment.dock import SegmentDock

# letters that no menu of napari's has
KEYS = {
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


def bind_keys(dock: SegmentDock) -> None:
    """Bind the keys to a dock until it is destroyed."""
    presses: dict[str, Callable[[], None]] = {
        "Alt-G": dock.apply.guess_button.click,
        "Alt-S": dock.live.switch.click,
        "Alt-T": dock.train.train_button.click,
        "Alt-A": dock.apply.apply_button.click,
        "Alt-N": dock.apply.next_button.click,
        "Alt-K": dock.apply.take_button.click,
        "Alt-U": dock.apply.doubt.click,
        "Alt-E": dock.panel.stop,
    }
    for number in range(MOST_BRUSHES):
        presses[f"Alt-{number + 1}"] = partial(dock.paint.take_brush, number)
    for key, press in presses.items():
        words = KEYS.get(key, f"Brush of class {key[-1]}")
        dock.viewer.bind_key(key, _action(press, words), overwrite=True)
    dock.destroyed.connect(partial(_unbind, dock.viewer, tuple(presses)))


def _action(press: Callable[[], None], words: str) -> Callable[[Any], None]:
    def act(viewer: Any) -> None:
        press()

    act.__name__ = words
    act.__doc__ = f"{words}."  # what napari lists
    return act


def _unbind(viewer: Viewer, keys: tuple[str, ...], _: object = None) -> None:
    for key in keys:
        viewer.bind_key(key, None, overwrite=True)
