"""The section of RESULTS.md on how much flow can teach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tables import SILVER, answer, table

COLUMNS = {
    "nats_paper": "nats, paper",
    "nats_louder": "nats, louder",
    "drawn_paper": "paper's points on vessels",
    "near_paper": "within 5 px",
    "near_louder": "points at changes within 5 px",
    "auc_length": "AUC, length",
    "auc_relative": "AUC, relative",
    "auc_boundary": "AUC, boundary",
    "agree_vessel": "agree on vessels",
}
BY_PATIENT = ("nats_paper", "nats_louder", "auc_relative", "auc_boundary")
SHARES = ("drawn", "near", "agree")
MOST_NATS = 3.18  # log 24, of a target that names one of 24 neighbours
OURS = "pwcnet"


def flow_signal(results: Path) -> list[str]:
    """Return the section, if it was measured."""
    file = results / "flow_signal.json"
    return [section(json.loads(file.read_text()))] if file.exists() else []


def section(found: dict[str, Any]) -> str:
    """Return the section on real and synthetic loops."""
    real, synthetic = found.get("real"), found.get("synthetic")
    parts = []
    if real:
        parts += [
            "Real loops, by flow method:", by_method(real["methods"]),
            "Real loops, by patient:", by_patient(real["methods"]),
        ]  # fmt: skip
    if synthetic:
        parts += ["Synthetic loops:", by_method(synthetic["methods"])]
    either = real or synthetic
    return answer(
        "How much can the flow teach?",
        conclusion(real, synthetic),
        "\n\n".join(parts),
        "`benchmarks/flow_signal.py`, with the measures of `motionseg evaluate "
        "flow-signal` ([what they mean](../docs/flow-signal.md)): "
        f"{either['pairs']} pairs of each loop. The target of a point with 24 "
        f"neighbours can say {MOST_NATS} nats at most. For comparison: "
        f"{share(either, 'vessel')} of the picture are vessels, "
        f"{share(either, 'near')} lie within 5 px of one, and darkness alone has an "
        f"AUC of {darkness(either)}. {SILVER} {either['machine']}, {either['date']}.",
    )


def conclusion(real: dict | None, synthetic: dict | None) -> str:
    """Return the answer in a sentence."""
    words = []
    if real:
        ours = measures(real["methods"], OURS)
        share = ours["nats_paper"] / MOST_NATS
        words.append(
            f"On real loops, our flow fills {share:.1%} of the paper's target and "
            f"{ours['nats_louder'] / MOST_NATS:.0%} of the louder one, and "
            f"{ours['near_louder']:.0%} of its changing points lie at vessels"
        )
    if synthetic:
        exact = measures(synthetic["methods"], "exact")
        words.append(
            "for exact flow of synthetic loops it is "
            f"{exact['nats_paper'] / MOST_NATS:.1%}, "
            f"{exact['nats_louder'] / MOST_NATS:.0%} and {exact['near_louder']:.0%}"
        )
    return "; ".join(words) + "."


def measures(methods: list[dict], name: str) -> dict[str, float]:
    """Return the means of a method."""
    (row,) = [row for row in methods if row["method"] == name]
    return {measure: found["mean"] for measure, found in row["measures"].items()}


def darkness(report: dict) -> str:
    """Return the area under the curve of darkness, the same for each method."""
    first = report["methods"][0]["measures"]["auc_darkness"]
    return f"{first['mean']:.3f}"


def share(report: dict, name: str) -> str:
    """Return a share of the picture, the same for each method."""
    return f"{report['methods'][0]['measures'][name]['mean']:.1%}"


def by_method(methods: list[dict]) -> str:
    """Return a table with a row for each method; intervals are over patients."""
    rows = []
    for row in methods:
        cells = [cell(name, row["measures"][name]) for name in COLUMNS]
        rows.append([f"`{row['method']}`", *cells])
    return table(["flow", *COLUMNS.values()], rows)


def cell(name: str, found: dict) -> str:
    """Return a mean with its interval."""
    low, high = found["low"], found["high"]
    mean = number(name, found["mean"])
    if low is None:
        return mean
    return f"{mean} ({number(name, low)} to {number(name, high)})"


def number(name: str, value: float) -> str:
    """Return a value in the format of its measure."""
    if name.startswith(SHARES):
        return f"{value:.1%}"
    return f"{value:.4f}" if name == "nats_paper" else f"{value:.3f}"


def by_patient(methods: list[dict]) -> str:
    """Return a table with a row for each patient and method."""
    head = ["patient", "flow", *(COLUMNS[name] for name in BY_PATIENT)]
    rows = [
        [patient, f"`{row['method']}`", *(number(m, means[m]) for m in BY_PATIENT)]
        for patient in methods[0]["by_patient"]
        for row in methods
        for means in [row["by_patient"][patient]]
    ]
    return table(head, rows)
