"""Hold the settings of exports from the Project dock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportSettings:
    """Settings for drawing exported masks.

    Parameters
    ----------
    filled
        Whether an overlay tints the masks; if False, it draws their outlines.
    """

    filled: bool = False
