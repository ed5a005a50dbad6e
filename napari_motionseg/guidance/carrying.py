"""Carry clicks along the measured flow to the next frames, as proposals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance.points import Clicks, Point


def carried_clicks(
    clicks: Clicks, flow: NDArray[Any], backward: NDArray[Any] | None = None,
    tolerance: float = 2.0,
) -> Clicks:  # fmt: skip
    """Return the clicks where they are in the next frame.

    Parameters
    ----------
    clicks
        Clicks on this frame.
    flow
        Flow ``(2, H, W)`` in px, x first, from this frame to the next.
    backward
        Flow from the next frame to this one. A point whose forward-backward error is
        above `tolerance` is left out. None keeps all points.
    tolerance
        Largest forward-backward error in px.

    Returns
    -------
    Clicks
        The points that stay inside the frame, possibly none.

    Raises
    ------
    SettingsError
        If the flow has other axes.
    """
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise SettingsError(f"flow must be (2, H, W); got {flow.shape}")
    kept: Mapping[str, list[Point]] = {"positive": [], "negative": []}
    for name, points in kept.items():
        for point in getattr(clicks, name):
            moved = _moved(point, flow)
            if not _inside(moved, flow.shape[1:]):
                continue
            back = point if backward is None else _moved(moved, backward)
            if _away(back, point) <= tolerance:
                points.append(moved)
    positive = tuple(kept["positive"])
    taken = {(round(r), round(c)) for r, c in positive}
    negative = [p for p in kept["negative"] if (round(p[0]), round(p[1])) not in taken]
    return Clicks(positive, tuple(negative))


def _moved(point: Point, flow: NDArray[Any]) -> Point:
    place = np.array(point)[:, None]
    right, down = (
        float(ndimage.map_coordinates(part, place, order=1, mode="nearest")[0])
        for part in np.asarray(flow, np.float32)
    )
    return point[0] + down, point[1] + right


def _inside(point: Point, shape: tuple[int, ...]) -> bool:
    return all(-0.5 <= p < n - 0.5 for p, n in zip(point, shape, strict=True))


def _away(first: Point, second: Point) -> float:
    return float(np.hypot(first[0] - second[0], first[1] - second[1]))
