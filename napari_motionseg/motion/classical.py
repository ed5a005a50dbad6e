"""Offer classical flow methods through the interface of flow estimators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MissingDependencyError
from napari_motionseg.motion.flow_sequence import FlowSettings

Picture = NDArray[np.float32]
PairFlow = Callable[[Picture, Picture], NDArray[np.float32]]


class ClassicalEstimator:
    """Flow estimator that computes each pair of pictures by itself.

    Parameters
    ----------
    between
        Function that returns flow ``(2, H, W)`` for two pictures ``(H, W)`` in [0, 1].
    """

    def __init__(self, between: PairFlow) -> None:
        self._between = between

    def prepare(self, frame: Picture) -> Picture:
        """Return the frame itself, because these methods need no preparation."""
        return frame

    def flow(self, first: Picture, second: Picture) -> NDArray[np.float32]:
        """Return the flow ``(2, H, W)`` float32 in px from `first` to `second`."""
        return np.ascontiguousarray(self._between(first, second), dtype=np.float32)


def identity(settings: FlowSettings) -> str:
    """Return a text that identifies the version of a method, for the flow cache."""
    if settings.method in ("dis", "farneback"):
        return f"{settings.method} OpenCV {_opencv().__version__}"
    return f"{settings.method} scikit-image {version('scikit-image')}"


def tvl1(settings: FlowSettings) -> ClassicalEstimator:
    """Return TV-L1 (Zach et al. 2007) of scikit-image."""
    from skimage.registration import optical_flow_tvl1

    return ClassicalEstimator(partial(_row_column_flow, optical_flow_tvl1))


def ilk(settings: FlowSettings) -> ClassicalEstimator:
    """Return iterative Lucas-Kanade (Le Besnerais 2005) of scikit-image."""
    from skimage.registration import optical_flow_ilk

    return ClassicalEstimator(partial(_row_column_flow, optical_flow_ilk))


def dis(settings: FlowSettings) -> ClassicalEstimator:
    """Return dense inverse search (Kroeger et al. 2016), medium, of OpenCV."""
    cv2 = _opencv()
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def between(first: Picture, second: Picture) -> NDArray[np.float32]:
        return _channels_first(search.calc(_bytes(first), _bytes(second), None))

    return ClassicalEstimator(between)


def farneback(settings: FlowSettings) -> ClassicalEstimator:
    """Return polynomial expansion (Farneback 2003), window 31, of OpenCV."""
    cv2 = _opencv()

    def between(first: Picture, second: Picture) -> NDArray[np.float32]:
        pictures = _bytes(first), _bytes(second)
        flow = cv2.calcOpticalFlowFarneback(*pictures, None, 0.5, 5, 31, 10, 7, 1.5, 0)
        return _channels_first(flow)

    return ClassicalEstimator(between)


def _row_column_flow(
    estimate: Callable[..., Any], first: Picture, second: Picture
) -> NDArray[np.float32]:
    """Convert scikit-image's (row, column) displacement to x, y."""
    rows, columns = estimate(first, second)
    return np.stack((columns, rows)).astype(np.float32)


def _channels_first(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.moveaxis(flow, -1, 0)


def _bytes(picture: Picture) -> NDArray[np.uint8]:
    return np.round(picture * 255).astype(np.uint8)


def _opencv() -> Any:
    """Import and return OpenCV, untyped because its type stubs are incomplete.

    Raises
    ------
    MissingDependencyError
        If OpenCV is not installed.
    """
    try:
        return import_module("cv2")
    except ImportError as error:
        raise MissingDependencyError(
            "this flow estimator needs OpenCV, which is not installed: "
            "pip install 'napari-motionseg[opencv]'"
        ) from error
