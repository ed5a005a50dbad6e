"""Decide which marks of a catheter are believed: long ones, from the picture's edge.

A network takes pieces of smooth vessels for catheters. These pieces are short, or lie
in the middle of the picture. A catheter is long, and reaches the edge of the field of
view.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LEAST = 0.3  # probability from which pixels belong to one mark
# shares of the longer side of the picture
SHORTEST = 0.1  # extent of a mark that reaches the edge
SHORTEST_INSIDE = 0.3  # extent of one that does not, because a part of it is hidden
EDGE = 0.05  # width of the zone along the edge of the field of view
# share of a mark in that zone from which it is an edge of the field, not a catheter
MOST_ALONG_EDGE = 0.6
EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True, eq=False)
class CatheterRule:
    """The rule for the frames of a loop.

    Parameters
    ----------
    inside
        ``(H, W)`` bool, True within the field of view of the loop.
    as_background
        Whether catheters are background, in place of a class of their own.
    """

    inside: NDArray[np.bool_]
    as_background: bool = False

    @cached_property
    def edge(self) -> NDArray[np.bool_]:
        """``(H, W)`` bool, True in the zone along the edge of the field of view."""
        padded = np.pad(self.inside, 1)
        away = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
        zone: NDArray[np.bool_] = self.inside & (away <= EDGE * max(self.inside.shape))
        return zone

    def believed(self, catheter: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability ``(H, W)`` of a catheter, 0 where it is not believed.

        Parameters
        ----------
        catheter
            Probability ``(H, W)`` that a network gives.
        """
        marked = (catheter >= LEAST) & self.inside
        marks, count = ndimage.label(marked, EIGHT_NEIGHBOURS)
        if not count:
            return np.zeros_like(catheter)
        number = np.arange(1, count + 1)
        share_along = ndimage.mean(self.edge, marks, number)
        extent = np.array([_extent(part) for part in ndimage.find_objects(marks)])
        extent /= max(catheter.shape)
        from_edge = (share_along > 0) & (share_along < MOST_ALONG_EDGE)
        inner = (share_along == 0) & (extent >= SHORTEST_INSIDE)
        kept = (from_edge & (extent >= SHORTEST)) | inner
        believed = np.concatenate(([False], kept))[marks]
        return np.where(believed, catheter, np.float32(0))

    def divided(
        self, found: NDArray[np.float32], catheter: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the probabilities ``(C, H, W)`` after the network of catheters.

        They are those of background, vessel and catheter, or of the first two if
        catheters are background.

        Parameters
        ----------
        found
            Probabilities ``(2, H, W)`` of background and vessel.
        catheter
            Probability ``(H, W)`` of a catheter that a network gives.
        """
        three = with_catheters(found, self.believed(catheter))
        if not self.as_background:
            return three
        return np.stack((three[0] + three[2], three[1]))


def _extent(part: tuple[slice, ...]) -> float:
    """Return the diagonal in px of the rectangle around a mark."""
    return float(np.hypot(*(axis.stop - axis.start for axis in part)))


def with_catheters(
    found: NDArray[np.float32], catheter: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the probabilities ``(3, H, W)`` of background, vessel and catheter.

    The network of vessels divides into background and vessel what is no catheter.

    Parameters
    ----------
    found
        Probabilities ``(2, H, W)`` of background and vessel.
    catheter
        Probability ``(H, W)`` of a catheter.
    """
    rest = found * (1 - catheter)
    return np.concatenate((rest, catheter[None]))
