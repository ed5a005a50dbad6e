"""The sections of RESULTS.md on flow: one table of bars, then the details."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flow_methods import METHODS
from tables import table

# Each file holds its bars as `rows`: {what, bar, measured, ratio, passed}
SOURCES = ("flow_synthetic", "flow_real", "flow_speed", "synthesis_speed")
VERDICTS = {True: "yes", False: "**no**", None: "not asked here"}
SYNTHETIC = {
    "package": "Flow on held-out synthetic angiograms",
    "simple": "Flow on pairs of a second, simpler generator",
}
REGIONS = {
    "vessel": "vessels over 2 px",
    "near": "background within 12 px",
    "far": "farther",
    "from_2": "vessels, 2 to 5 px",
    "from_5": "5 to 10",
    "from_10": "10 to 20",
    "from_20": "over 20",
}
MEASURES = {
    "photometric": ("left over, gray levels", "{:.2f}"),
    "auc_boundary": ("AUC, boundary", "{:.3f}"),
    "auc_relative": ("AUC, relative", "{:.3f}"),
    "auc_relative_vessel": ("the same, whole vessel", "{:.3f}"),
    "dice": ("Dice, brought back", "{:.3f}"),
    "dice_visible": ("Dice, hidden pixels dark", "{:.3f}"),
    "agree": ("there and back", "{:.0%}"),
    "agree_on_vessel": ("and on a vessel", "{:.0%}"),
}


def sections(results: Path) -> list[str]:
    """Return the sections that the files in `results` allow."""
    files = {name: results / f"{name}.json" for name in SOURCES}
    found = {n: json.loads(f.read_text()) for n, f in files.items() if f.exists()}
    parts = [bars(found)] if found else []
    if "flow_synthetic" in found:
        parts += synthetic(found["flow_synthetic"])
    if "flow_real" in found:
        parts += real(found["flow_real"])
    truth = results / "flow_truth.json"
    return [*parts, exact(json.loads(truth.read_text()))] if truth.exists() else parts


def bars(found: dict[str, dict[str, Any]]) -> str:
    """All bars in one table."""
    rows = [
        (
            row["what"], row["bar"], row["measured"],
            "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            VERDICTS[row["passed"]],
        )
        for report in found.values() for row in report["rows"]
    ]  # fmt: skip
    asked = [row for row in rows if row[-1] != VERDICTS[None]]
    reached = sum(row[-1] == VERDICTS[True] for row in asked)
    return "\n".join(
        [
            "## Flow: the bars\n",
            f"`make bench-flow`; {reached} of {len(asked)} reached. Ratio: what was "
            "measured over the best peer, or over the bar where there is none.\n",
            table(("what", "bar", "measured", "ratio", "reached"), rows),
            "",
            *(f"- {where(name, report)}" for name, report in found.items()),
            "",
        ]
    )


def where(name: str, report: dict[str, Any]) -> str:
    weights = f", weights: {report['weights']}" if "weights" in report else ""
    return f"`{name}`: {report['machine']}, {report['date']}{weights}"


def synthetic(report: dict[str, Any]) -> list[str]:
    """End-point error of all methods, for each generator."""
    parts = []
    for name, methods in report["generators"].items():
        rows = [
            (METHODS[method].title, *cells(row, dict.fromkeys(REGIONS, "{:.2f}")))
            for method, row in methods.items()
        ]
        parts += [
            f"## {SYNTHETIC[name]}\n",
            f"`benchmarks/flow_synthetic.py`: end-point error in px over all pixels of "
            f"{report['pairs']} pairs of {report['size']} x {report['size']} px, of "
            f"seeds that no training saw. {report['machine']}, {report['date']}.\n",
            table(("method", *REGIONS.values()), rows) + "\n",
        ]
    return parts


def real(report: dict[str, Any]) -> list[str]:
    """All measures on real loops, for each gap."""
    pairs = ", ".join(f"{count} of {gap}" for gap, count in report["pairs"].items())
    parts = [
        "## Flow on real loops\n",
        f"`benchmarks/flow_real.py`: {report['loops']} loops of patients "
        f"{' and '.join(report['patients'])}, pairs: {pairs}. Mean over loops of the "
        "mean over pairs. *Left over*: absolute difference after warping, on vessels "
        "widened by 3 px that move more than 2 px. *AUC*: how often an edge of such a "
        "vessel has a steeper flow (or one that differs more from the background's) "
        "than a place 5 to 24 px beside it; chance is 0.5. *Dice*: the later mask "
        "brought back. *There and back*: vessel pixels that miss by at most 3 px; flow "
        "that stands still always does, so also the share that ends on a vessel. "
        f"{report['machine']}, {report['date']}.\n",
        "The masks are a silver standard: made by another group's network, they miss "
        "thin branches. They compare methods and give no absolute accuracy.\n",
    ]
    for gap in report["pairs"]:
        parts += [real_table(report["methods"], gap.removeprefix("gap ")) + "\n"]
    return parts


def exact(report: dict[str, Any]) -> str:
    """What the truth itself scores on the measures of real loops."""
    titles = {name: m.title for name, m in METHODS.items()} | {"truth": "the truth"}
    rows = [
        (
            titles[name], f"{row['error_px']:.2f}", f"{row['photometric']:.2f}",
            f"{row['dice']:.3f}", f"{row['dice_visible']:.3f}",
        )
        for name, row in report["methods"].items()
    ]  # fmt: skip
    head = (
        "method", "error on vessels, px", "left over, gray levels",
        "Dice, brought back", "Dice, hidden pixels dark",
    )  # fmt: skip
    return (
        "## What the truth scores on the measures of real loops\n\n"
        f"`benchmarks/flow_truth.py`: {report['pairs']} synthetic pairs, 133 ms apart, "
        "where the exact flow takes part as a method. Beside a vessel the true flow is "
        "the background's, and leads to where the vessel has moved by then: what is "
        "brought back there is dark. A flow that carries the surroundings along with "
        "the vessel leaves less over, and is wrong. "
        f"{report['machine']}, {report['date']}.\n\n{table(head, rows)}\n"
    )


def real_table(methods: dict[str, dict[str, float]], gap: str) -> str:
    """All measures at one gap; columns that no method has are left out."""
    forms = {
        name: form
        for name, (_, form) in MEASURES.items()
        if any(f"{name}_{gap}" in row for row in methods.values())
    }
    wanted = {f"{name}_{gap}": form for name, form in forms.items()}
    rows = [(METHODS[name].title, *cells(row, wanted)) for name, row in methods.items()]
    return table((f"gap {gap}", *(MEASURES[name][0] for name in forms)), rows)


def cells(row: dict[str, float], forms: dict[str, str]) -> list[str]:
    """Return the row's values in their forms, nothing where it has none."""
    return [form.format(row[k]) if k in row else "" for k, form in forms.items()]
