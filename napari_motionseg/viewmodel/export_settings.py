"""Settings of what the Project dock exports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportSettings:
    """Settings of how exported masks are drawn.

    Parameters
    ----------
    filled
        Whether an overlay tints the masks; with False it draws their outline.
    """

    filled: bool = False
