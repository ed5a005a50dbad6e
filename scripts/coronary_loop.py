"""The coronary loops that pictures of the docs show: one tree, and nothing covers it."""

from __future__ import annotations

from typing import Any

from napari_motionseg.synthesis import SynthesisConfig

UNCOVERED = {
    "anatomy": "coronary",
    "collimator": 0.0,
    "second_tree": 0.0,
    "streaming": (0.0, 0.0),
}


def coronary_loop(**changes: Any) -> SynthesisConfig:
    """Return ranges of loops with one evenly filled coronary tree.

    Parameters
    ----------
    **changes
        Fields of `SynthesisConfig` with other values, by name.
    """
    return SynthesisConfig(**{**UNCOVERED, **changes})
