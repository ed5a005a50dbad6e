"""Connect widgets to events of viewers and sessions, which live longer than widgets."""

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
        Widget that the callback uses.
    source
        Event of napari, signal of psygnal, or list of mouse callbacks. Signals of Qt
        are not accepted: they end with their object and must not be used afterwards.
    callback
        Function that is called with the event.
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
    """Connect callbacks to one layer at a time, until the owner is destroyed.

    Parameters
    ----------
    owner
        Widget that the callbacks use.
    **callbacks
        Function to call, by the name of the layer's event.
    """

    def __init__(self, owner: QObject, **callbacks: Callable[..., Any]) -> None:
        self._callbacks = callbacks
        self._layer: Layer | None = None
        # events are stored, because a layer that was torn down has no events any more
        self._heard: list[tuple[Any, Callable[..., Any]]] = []
        owner.destroyed.connect(partial(_hush, self))

    def turn_to(self, layer: Layer | None) -> None:
        """Connect to another layer instead of the present one, or to none."""
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
