"""Search for paths of least cost between pixels, and keep what moved points need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pixel = tuple[int, int]


class PathSearch:
    """Paths of least cost through pixels of one picture.

    A path between two new pixels is searched until it is found. If only one of them has
    moved since the last call, the costs of all pixels from the other one are computed
    once, so that the next moves only follow them back.

    Parameters
    ----------
    cost
        ``(H, W)`` positive cost of each pixel.
    """

    def __init__(self, cost: Array) -> None:
        self.cost = cost
        self._aspect = 1.0
        self._last: set[Pixel] = set()
        self._whole: dict[Pixel, Any] = {}  # searches from pixels that stay
        self._paths: dict[tuple[Pixel, Pixel], list[Pixel]] = {}  # of the last call

    def path(self, pixels: Sequence[Pixel], aspect: float = 1.0) -> list[Pixel]:
        """Return the pixels from the first one through all others, in their order.

        Parameters
        ----------
        pixels
            Rows and columns of two or more pixels.
        aspect
            Height of a pixel over its width.
        """
        if aspect != self._aspect:
            self._aspect = aspect
            self._whole, self._paths, self._last = {}, {}, set()
        here = set(pixels)
        # a pixel that has gone will not come back exactly
        self._whole = {one: it for one, it in self._whole.items() if one in here}
        pairs = list(zip(pixels[:-1], pixels[1:], strict=True))
        self._paths = {pair: self._between(*pair) for pair in pairs}
        self._last = here
        found = [pixels[0]]
        for pair in pairs:
            found += self._paths[pair][1:]
        return found

    def _between(self, start: Pixel, end: Pixel) -> list[Pixel]:
        if (start, end) in self._paths:
            return self._paths[start, end]
        if len({start, end} & self._last) == 1:
            fixed = start if start in self._last else end
            if fixed not in self._whole:
                self._whole[fixed] = self._searched(fixed, None)
        if start in self._whole:
            return list(self._whole[start].traceback(end))
        if end in self._whole:
            return list(self._whole[end].traceback(start))[::-1]
        return list(self._searched(start, [end]).traceback(end))

    def _searched(self, start: Pixel, ends: list[Pixel] | None) -> Any:
        from skimage.graph import MCP_Geometric

        search = MCP_Geometric(self.cost, sampling=(self._aspect, 1.0))
        search.find_costs([start], ends)
        return search
