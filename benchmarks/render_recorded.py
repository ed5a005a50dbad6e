"""Sections of RESULTS.md on measurements that no script in the repository repeats."""

from __future__ import annotations

import json
from pathlib import Path

from tables import answer, table


def recorded(results: Path) -> list[str]:
    """Return the sections of ``recorded.json``, in its order.

    Parameters
    ----------
    results
        The folder of results. The file holds a list; each entry has a ``question``, a
        ``conclusion``, the ``head`` and the ``rows`` of a table, and ``how`` it was
        measured.
    """
    path = results / "recorded.json"
    if not path.exists():
        return []
    return [
        answer(
            one["question"],
            one["conclusion"],
            table(one["head"], one["rows"]),
            f"{one['how']} Measured by hand while this was developed; no script of the "
            "repository repeats it.",
        )
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]
