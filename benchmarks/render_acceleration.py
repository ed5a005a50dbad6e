"""The section of RESULTS.md on what acceleration on a processor gains."""

from __future__ import annotations

import json
from pathlib import Path

from tables import answer, table

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
    ratios = {
        name: [r["processor_ratio"] for r in found["rows"] if r["network"] == name]
        for name in dict.fromkeys(row["network"] for row in found["rows"])
    }
    ranges = "; ".join(
        f"{name}: {min(each):.2f} to {max(each):.2f} times as fast"
        for name, each in ratios.items()
    ).capitalize()
    how = (
        "`benchmarks/flow_acceleration.py`: both directions of a pair of "
        f"{found['size']} x {found['size']} px. Medians of processor time, and of the "
        "ratios of runs that follow each other. Plain: the same network by torch, "
        f"channels last. {found.get('note', '')} {found['processor']}, "
        f"{found['machine']}, {found['date']}."
    )
    return [
        answer(
            "How much faster are the package's own convolutions on a CPU?",
            f"They take less time for the published layout in float32. {ranges}.",
            table(HEAD, rows),
            how,
        )
    ]
