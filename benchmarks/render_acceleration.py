"""The section of RESULTS.md on what acceleration on a processor gains."""

from __future__ import annotations

import json
from pathlib import Path

from tables import table

HEAD = (
    "network", "processor", "precision", "threads", "pairs",
    "plain, s", "accelerated, s", "times faster",
)  # fmt: skip


def acceleration(results: Path) -> list[str]:
    """Return the section, or nothing where it was not measured."""
    path = results / "flow_acceleration.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    rows = [
        (
            row["network"], row["setting"], row["precision"], str(row["threads"]),
            str(row["pairs"]), f"{row['plain_processor_s']:.2f}",
            f"{row['accelerated_processor_s']:.2f}", f"{row['processor_ratio']:.2f}",
        )
        for row in found["rows"]
    ]  # fmt: skip
    return [
        "## PWC-Net on a processor, accelerated or not\n\n"
        "`benchmarks/flow_acceleration.py`: both directions of a pair of "
        f"{found['size']} x {found['size']} px; medians of processor time, and of the "
        "ratios of runs that follow each other. Plain: the same network by torch, "
        "channels last. "
        f"{found.get('note', '')} {found['processor']}, {found['machine']}, "
        f"{found['date']}.\n\n{table(HEAD, rows)}\n"
    ]
