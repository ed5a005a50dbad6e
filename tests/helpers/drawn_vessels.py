"""Masks of straight vessels."""

import numpy as np
from scipy import ndimage

FORK = [((8, 48), (48, 48)), ((48, 48), (84, 20)), ((48, 48), (84, 76))]
CROSS = [((10, 12), (84, 84)), ((10, 84), (84, 12))]


def drawn_vessels(lines, radius=2.5, size=96):
    """Return a mask of straight vessels between points (row, column)."""
    outside = np.ones((size, size), bool)
    for start, end in lines:
        way = np.linspace(start, end, 400).round().astype(int)
        outside[tuple(way.T)] = False
    return ndimage.distance_transform_edt(outside) <= radius
