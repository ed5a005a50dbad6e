"""The section of RESULTS.md about the embedding explorer."""

from __future__ import annotations

import json
from pathlib import Path

from tables import table


def explorer(results: Path) -> list[str]:
    """Return the section, if the benchmark has run."""
    path = results / "explorer.json"
    return [section(json.loads(path.read_text()))] if path.exists() else []


def section(found: dict) -> str:
    """Return the table of bars."""
    rows = [
        (row["what"], row["bar"], row["measured"], "yes" if row["passed"] else "**no**")
        for row in found["rows"]
    ]
    size = found["size"]
    return "\n".join(
        [
            "## The embedding explorer\n",
            f"`make bench-explorer`: a synthetic loop of {size} x {size} px with its "
            "flow, the network that ships (64 dimensions), two threads, in the real "
            "window under Xvfb. A move counts from the mouse event to the end of the "
            f"drawing that shows it. {found['machine']}, {found['date']}.\n",
            table(("what", "bar", "measured", "reached"), rows),
            "",
        ]
    )
