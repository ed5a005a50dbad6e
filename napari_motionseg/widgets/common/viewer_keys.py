"""Bind keys of a viewer to functions until a dock is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from napari.viewer import Viewer
from qtpy.QtCore import QObject

Action = Callable[[], object]
Bound = TypeVar("Bound", bound=Callable[..., Any])


def bind_until_gone(
    owner: QObject, viewer: Viewer, bound: Mapping[str, Callable[[Any], Any]]
) -> None:
    """Bind keys until the owner is destroyed.

    Parameters
    ----------
    owner
        The dock.
    viewer
        The viewer whose keys are bound.
    bound
        Functions from `pressed` or `held`, by their key in napari's notation.
    """
    for key, action in bound.items():
        viewer.bind_key(key, action, overwrite=True)
    owner.destroyed.connect(partial(_unbind, viewer, tuple(bound)))


def pressed(press: Action, words: str) -> Callable[[Any], None]:
    """Return a function for a key that acts when it is pressed.

    Parameters
    ----------
    press
        Function to call.
    words
        Description that napari lists.
    """

    def act(viewer: Any) -> None:
        press()

    return _named(act, words)


def held(press: Action, release: Action, words: str) -> Callable[[Any], Iterator[None]]:
    """Return a function for a key that acts when it is pressed and when released.

    Parameters
    ----------
    press, release
        Functions to call.
    words
        Description that napari lists.
    """

    def act(viewer: Any) -> Iterator[None]:
        press()
        yield  # napari continues this generator when the key is released
        release()

    return _named(act, words)


def _named(act: Bound, words: str) -> Bound:
    """Set the description of a function that napari lists, and return the function."""
    act.__name__ = words
    act.__doc__ = f"{words}."
    return act


def _unbind(viewer: Viewer, keys: tuple[str, ...], _: object = None) -> None:
    for key in keys:
        viewer.bind_key(key, None, overwrite=True)
