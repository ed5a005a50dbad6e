"""Find the variances of least squares whose equations are banded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky_banded

Array = NDArray[np.float64]


def diagonal_of_inverse(bands: Array) -> Array:
    """Return the diagonal ``(K,)`` of the inverse of a banded symmetric matrix.

    The rows of the inverse factor are found one at a time, by Takahashi's recursion for
    banded matrices.

    Parameters
    ----------
    bands
        ``(B + 1, K)`` lower bands of a positive definite matrix, the diagonal first, as
        `scipy.linalg.solveh_banded` takes them.
    """
    factor = cholesky_banded(bands, lower=True)
    size, width = bands.shape[1], bands.shape[0]
    inverse = np.zeros((width, size))  # lower bands of the inverse
    for column in range(size - 1, -1, -1):
        reach = min(width - 1, size - 1 - column)
        below = factor[1 : reach + 1, column] / factor[0, column]
        near = np.empty((reach, reach))
        for k in range(reach):
            near[k:, k] = inverse[: reach - k, column + 1 + k]
            near[k, k:] = near[k:, k]
        inverse[1 : reach + 1, column] = -near @ below
        own = 1 / factor[0, column] ** 2
        inverse[0, column] = own - below @ inverse[1 : reach + 1, column]
    diagonal: Array = inverse[0]
    return diagonal
