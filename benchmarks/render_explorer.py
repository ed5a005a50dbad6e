"""The section of RESULTS.md about the embedding explorer."""

from __future__ import annotations

import json
from pathlib import Path

from tables import answer, reached, table


def explorer(results: Path) -> list[str]:
    """Return the section, if the benchmark has run."""
    path = results / "explorer.json"
    return [section(json.loads(path.read_text()))] if path.exists() else []


def section(found: dict) -> str:
    """Return the section on the measured times."""
    rows = [
        (row["what"], row["bar"], row["measured"], "yes" if row["passed"] else "**no**")
        for row in found["rows"]
    ]
    size = found["size"]
    met = reached(row["passed"] for row in found["rows"])
    return answer(
        "How quickly does the embedding explorer answer?",
        f"It reaches {met}.",
        table(("what", "target", "measured", "reached"), rows),
        f"`make bench-explorer`: a synthetic loop of {size} x {size} px with its flow, "
        "the default network (64 dimensions), two threads, in the real window under "
        "Xvfb. A move is timed from the mouse event to the end of the drawing that "
        f"shows it. {found['machine']}, {found['date']}.",
    )
