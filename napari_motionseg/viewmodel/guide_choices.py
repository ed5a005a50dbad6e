"""Hold the user's choices about masks of clicks, and read them from a project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

from napari_motionseg.guidance.mask_of_clicks import THRESHOLDS, Extent

LEAST_THRESHOLD, MOST_THRESHOLD = 0.01, 0.99


@dataclass(frozen=True)
class ClickChoices:
    """Choices of the user about masks of clicks.

    Parameters
    ----------
    threshold
        Score from which a pixel belongs to the object.
    extent
        What the clicks mean, see `click_scores`.
    """

    threshold: float = THRESHOLDS["branch"]
    extent: Extent = "branch"

    @classmethod
    def of_json(cls, values: Any) -> ClickChoices:
        """Return choices from JSON values; invalid ones become the defaults."""
        kept = values if isinstance(values, dict) else {}
        found: dict[str, Any] = {}
        threshold = kept.get("threshold")
        if isinstance(threshold, float) and (
            LEAST_THRESHOLD <= threshold <= MOST_THRESHOLD
        ):
            found["threshold"] = threshold
        if kept.get("extent") in get_args(Extent):
            found["extent"] = kept["extent"]
        return replace(cls(), **found)

    def needs_network(self, before: ClickChoices) -> bool:
        """Return whether other choices than the threshold have changed."""
        return replace(self, threshold=before.threshold) != before
