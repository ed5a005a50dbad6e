"""The section of RESULTS.md on what the error of the flow consists of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bars import VESSEL_RATIO
from flow_causes import FAILURES, PLACES
from flow_methods import METHODS, NETWORK
from flow_oracles import ORACLES
from tables import answer, table

PEER = "dis"
MISSED = ("shape", "both")  # failures in which the shape is missed
Sums = dict[str, float]
HEAD = (
    "pixels", "share of its error", "error, px", "of DIS, px", "ratio",
    "if the true shape chose, px",
)  # fmt: skip


def flow_errors(results: Path) -> list[str]:
    """Return the section, if it was measured."""
    file = results / "flow_errors.json"
    return [section(json.loads(file.read_text()))] if file.exists() else []


def section(found: dict[str, Any]) -> str:
    """Return the section with its three tables."""
    cells = found["cells"]
    parts = [
        "By place; a pixel counts in the first line that applies to it:",
        divided(cells, PLACES, 0),
        "By the part of the network that fails, likewise (a layer is right if its "
        "error is at most 2 px):",
        divided(cells, FAILURES, 1),
        "If a part of the network were replaced by the truth:",
        oracles(cells),
    ]
    whole = added(cells)
    along = whole["along2"] / (whole["along2"] + whole["across2"])
    how = (
        f"`benchmarks/flow_errors.py`: the pixels of {found['pairs']} pairs of "
        "`benchmarks/flow_synthetic.py` on vessels that move more than 2 px, "
        f"{whole['pixels']:.0f} of them. Vessels of another motion differ by more than "
        "2 px in x or y, in either picture. Contrast is that of the middle of the "
        "vessel without noise. In the vessel layer, "
        f"{along:.0%} of the squared error lies along the vessel, where a straight "
        f"vessel shows no motion. {found['machine']}, {found['date']}, weights: "
        f"{found['weights']}."
    )
    question = "Why does the flow miss its target on moving vessels?"
    return answer(question, conclusion(cells), "\n\n".join(parts), how)


def conclusion(cells: dict[str, Sums]) -> str:
    """Return which pixels carry the error, and what would reach the target."""
    whole = added(cells)
    missed = added(cells, lambda place, failure: failure in MISSED)
    weak = added(cells, lambda p, f: f in MISSED and p in ("faint", "thin"))
    meet = added(cells, lambda place, failure: place in ("crossing", "beside", "gone"))
    target = VESSEL_RATIO["package"]
    chosen, registered = (whole[name] / whole[PEER] for name in ("shape", "shapes"))
    return (
        f"The network does not see the vessel on {part(missed, whole, 'pixels')} of "
        f"these pixels, which carry {part(missed, whole, NETWORK)} of its error; "
        f"{part(weak, missed, 'pixels')} of them lie on faint or thin branches. If the "
        "true shape chose between its two layers, the error would be "
        f"{chosen:.2f} of that of {METHODS[PEER].title} instead of "
        f"{whole[NETWORK] / whole[PEER]:.2f}, and {registered:.2f} if it were "
        f"registered as well; the target is {target:g}. Crossing and vanishing vessels "
        f"carry {part(meet, whole, NETWORK)}."
    )


def added(
    cells: dict[str, Sums], chosen: Callable[[str, str], bool] = lambda *_: True
) -> Sums:
    """Return the sums over the chosen cells, which are named ``"place failure"``."""
    rows = [row for cell, row in cells.items() if chosen(*cell.split())]
    names = next(iter(cells.values()))
    return {name: sum(row[name] for row in rows) for name in names}


def part(some: Sums, whole: Sums, name: str) -> str:
    """Return a sum as a share of another one, in per cent."""
    return f"{some[name] / whole[name]:.0%}" if whole[name] else "0%"


def divided(cells: dict[str, Sums], titles: dict[str, str], axis: int) -> str:
    """Return a table with a line for each part of one of the two divisions."""
    whole = added(cells)
    rows = []
    for name, title in titles.items():
        sums = added(cells, lambda *cell, name=name: cell[axis] == name)
        if sums["pixels"]:
            rows.append((title, *numbers(sums, whole)))
    return table(("", *HEAD), [*rows, ("**all**", *numbers(whole, whole))])


def numbers(sums: Sums, whole: Sums) -> tuple[str, ...]:
    """Return the cells of a line of `divided`."""
    count = sums["pixels"]
    return (
        part(sums, whole, "pixels"),
        part(sums, whole, NETWORK),
        f"{sums[NETWORK] / count:.2f}",
        f"{sums[PEER] / count:.2f}",
        f"{sums[NETWORK] / sums[PEER]:.2f}",
        f"{sums['shape'] / count:.2f}",
    )


def oracles(cells: dict[str, Sums]) -> str:
    """Return a table of the error that each oracle leaves."""
    whole = added(cells)
    titles = {NETWORK: "nothing is replaced"} | ORACLES
    rows = [
        (title, f"{whole[name] / whole['pixels']:.2f}",
         f"{whole[name] / whole[PEER]:.2f}")
        for name, title in titles.items()
    ]  # fmt: skip
    return table(("replaced", "error, px", "ratio"), rows)
