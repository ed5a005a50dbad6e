"""Name the classes of networks for angiograms, in the order of their scores."""

from __future__ import annotations

BACKGROUND, VESSEL, CATHETER = range(3)
CLASS_NAMES = ("background", "vessel", "catheter")
