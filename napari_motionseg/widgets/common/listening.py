"""Hearing a viewer and a session, which outlive the widget that listens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QObject


def listen(owner: QObject, source: Any, callback: Callable[..., Any]) -> None:
    """Connect a callback to an event until the owner is destroyed.

    Parameters
    ----------
    owner
        The widget that the callback touches.
    source
        An event of napari, a signal of psygnal, or a list of mouse callbacks.
    callback
        What is called.
    """
    if isinstance(source, list):
        source.append(callback)
    else:
        source.connect(callback)
    owner.destroyed.connect(partial(_forget, source, callback))


def _forget(source: Any, callback: Callable[..., Any], _: object = None) -> None:
    if isinstance(source, list):
        if callback in source:
            source.remove(callback)
    else:
        source.disconnect(callback)
