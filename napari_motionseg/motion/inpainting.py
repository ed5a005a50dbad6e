"""Fill a hole in a picture from its edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

from napari_motionseg.errors import MotionError

NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))


def fill_in(
    picture: NDArray[np.float32], hole: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Fill a hole with the smoothest surface that meets its edge.

    Parameters
    ----------
    picture
        Picture ``(H, W)``; its values in the hole are ignored.
    hole
        Mask ``(H, W)`` bool of the hole.

    Returns
    -------
    NDArray
        Picture ``(H, W)``. In the hole, each pixel is the mean of its neighbours
        (Laplace's equation), so no value exceeds those at the edge. A biharmonic
        surface would continue the slope of the edge, and with it its noise.

    Raises
    ------
    MotionError
        If no pixel is left to fill from.
    """
    if hole.all():
        raise MotionError(
            f"the hole must not cover all {hole.size} pixels, because it is filled "
            "from its edge; leave some of the picture"
        )
    filled = np.array(picture)
    if hole.any():
        filled[hole] = spsolve(*_laplace(picture, hole))
    return filled


def _laplace(
    picture: NDArray[np.float32], hole: NDArray[np.bool_]
) -> tuple[sparse.csc_matrix, NDArray[np.float64]]:
    """Return matrix and right-hand side for the pixels of the hole, in row order."""
    rows, columns = np.nonzero(hole)
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(len(rows))
    degree, known = np.zeros(len(rows)), np.zeros(len(rows))
    links = []
    for down, right in NEIGHBOURS:
        y, x = rows + down, columns + right
        at = np.flatnonzero(
            (y >= 0) & (y < hole.shape[0]) & (x >= 0) & (x < hole.shape[1])
        )
        y, x = y[at], x[at]
        degree[at] += 1
        given = ~hole[y, x]
        known[at[given]] += picture[y[given], x[given]]
        links.append((at[~given], number[y[~given], x[~given]]))
    places = np.concatenate([np.stack(link) for link in links], axis=1)
    linked = sparse.coo_matrix(
        (np.ones(places.shape[1]), places), shape=(len(rows),) * 2
    )
    return sparse.csc_matrix(sparse.diags(degree) - linked), known
