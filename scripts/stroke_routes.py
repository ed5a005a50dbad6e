"""Where a person's mouse would go: along vessels of a mask, and beside them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.graph import route_through_array
from skimage.morphology import skeletonize

EVERY = 6  # px between two positions of the mouse
EDGE = 24  # px of the frame's edge where nobody paints


def vessel_routes(mask: np.ndarray, count: int, length: int = 110) -> list[np.ndarray]:
    """Return routes ``(N, 2)`` along centrelines, of thick and of thin vessels.

    Parameters
    ----------
    mask
        ``(H, W)``: where the vessel is.
    count, length
        How many at most, and how long, px.
    """
    line = inner(skeletonize(mask))
    thickness = ndimage.distance_transform_edt(mask)
    free, routes = line.copy(), []
    while free.any() and len(routes) < count:
        # thick and thin in turn: a person shows both
        wanted = 1.0 if len(routes) % 2 == 0 else 0.35
        goal = np.quantile(thickness[free], wanted)
        places = np.argwhere(free)
        start = places[np.abs(thickness[free] - goal).argmin()]
        route = _along(line, start, length)
        if len(route) > length // 3:
            routes.append(route[::EVERY])
        taken = np.zeros_like(mask)
        taken[tuple(route.T)] = True
        free &= ndimage.distance_transform_edt(~taken) > length / 2
    return routes


def _along(line: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
    """Follow a centreline from a point as far as a stroke is long."""
    label, _ = ndimage.label(line, np.ones((3, 3)))
    piece = np.argwhere(label == label[tuple(start)])
    away = np.linalg.norm(piece - start, axis=1)
    near = piece[away <= length]
    end = near[np.linalg.norm(near - start, axis=1).argmax()]
    costs = np.where(line, 1.0, 1e3)
    route, _ = route_through_array(costs, start, end, geometric=True)
    return np.array(route)


def background_routes(
    mask: np.ndarray, count: int, length: int = 70, seed: int = 0
) -> list[np.ndarray]:
    """Return bent lines ``(N, 2)`` that keep off the vessel, far from each other."""
    rng = np.random.default_rng(seed)
    clear = ndimage.distance_transform_edt(~mask)
    free = inner((clear > 14) & (clear < 60))
    routes: list[np.ndarray] = []
    for _ in range(400):
        if len(routes) == count or not free.any():
            break
        start = rng.choice(np.argwhere(free))
        angle = rng.uniform(0, 2 * np.pi) + 0.008 * np.arange(length)
        steps = np.stack([np.sin(angle), np.cos(angle)], 1)
        route = np.rint(start + np.cumsum(steps, 0)).astype(int)
        inside = ((route >= EDGE) & (route < np.array(mask.shape) - EDGE)).all()
        if inside and (clear[tuple(route.T)] > 8).all():
            routes.append(route[::EVERY])
            rows, columns = np.indices(mask.shape)
            far = np.hypot(rows - start[0], columns - start[1]) > length * 1.5
            free &= far
    return routes


def inner(mask: np.ndarray) -> np.ndarray:
    """Return a mask without what is near the frame's edge."""
    kept = np.zeros_like(mask, bool)
    kept[EDGE:-EDGE, EDGE:-EDGE] = mask[EDGE:-EDGE, EDGE:-EDGE]
    return kept
