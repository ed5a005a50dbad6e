"""Summarise rows of moving vessels with intervals by a bootstrap over loops."""

from __future__ import annotations

from typing import Any

import numpy as np
from measure import interval


def followed_summary(rows: list[dict], name: str) -> dict[str, list[float]]:
    """Return the mean over loops of the median drift and of that at 95 %."""
    return {
        f"{part}_px": interval(rows, lambda some, p=part: mean_of(some, name, p))
        for part in ("median", "high")
    }


def strain_summary(rows: list[dict], name: str) -> dict[str, list[float]]:
    """Return bias and root mean square error of strain in points."""

    def errors(some: list[dict]) -> np.ndarray:
        return 100 * np.array([one[name]["strain"] - one["strain"] for one in some])

    return {
        "bias": interval(rows, lambda some: errors(some).mean()),
        "error": interval(rows, lambda some: np.sqrt((errors(some) ** 2).mean())),
    }


def phase_summary(rows: list[dict], name: str) -> dict[str, Any]:
    """Return the share of end diastoles that were found within a frame."""

    def share(some: list[dict]) -> float:
        waves = sum(one[name]["waves"] for one in some)
        return 100 * sum(one[name]["found"] for one in some) / max(waves, 1)

    return {
        "found": interval(rows, share),
        "waves": sum(one[name]["waves"] for one in rows),
        "invented": sum(one[name]["invented"] for one in rows),
    }


def arrival_summary(rows: list[dict], name: str, rate: float) -> dict[str, Any]:
    """Return errors of arrival in frames and of the front's speed."""
    some = [row for row in rows if row["rate"] == rate]
    found = {
        part: interval(some, lambda s, p=part: mean_of(s, name, p))
        for part in ("median", "high", "known")
    }
    speeds = interval(
        some, lambda s: float(np.nanmedian([abs(one[name]["speed"]) for one in s]))
    )
    return {**found, "speed": speeds}


def mean_of(rows: list[dict], name: str, part: str) -> float:
    return float(np.mean([one[name][part] for one in rows]))
