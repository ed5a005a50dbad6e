"""Hearing a viewer and a session, which outlive the widget that listens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QObject


def listen(owner: QObject, source: Any, callback: Callable[..., Any]) -> None:
    """Connect a callback to an event until the owner is destroyed.

    Parameters
    ----------
    owner
        The widget that the callback touches.
    source
        An event of napari, a signal of psygnal, or a list of mouse callbacks; no signal
        of Qt, which ends with its object and must not be touched afterwards.
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


class HeardLayer:
    """Hears events of one layer at a time, until the owner is destroyed.

    Parameters
    ----------
    owner
        The widget that the callbacks touch.
    **callbacks
        The function to call, by the name of the layer's event.
    """

    def __init__(self, owner: QObject, **callbacks: Callable[..., Any]) -> None:
        self._callbacks = callbacks
        self._layer: Layer | None = None
        # not by way of the layer: one that was torn down has no events any more
        self._heard: list[tuple[Any, Callable[..., Any]]] = []
        owner.destroyed.connect(partial(_hush, self))

    def turn_to(self, layer: Layer | None) -> None:
        """Hear another layer in place of the one that was heard, or none."""
        if layer is self._layer:
            return
        for event, callback in self._heard:
            event.disconnect(callback)
        self._layer, self._heard = layer, []
        if layer is not None:
            self._heard = [
                (getattr(layer.events, name), callback)
                for name, callback in self._callbacks.items()
            ]
        for event, callback in self._heard:
            event.connect(callback)


def _hush(heard: HeardLayer, _: object = None) -> None:
    heard.turn_to(None)
