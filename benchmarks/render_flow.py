"""The sections of RESULTS.md on flow: one table of bars, then the details."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flow_methods import METHODS
from tables import SILVER, answer, listed, reached, table

# Each file holds its bars as `rows`: {what, bar, measured, ratio, passed}
SOURCES = ("flow_synthetic", "flow_real", "flow_speed", "synthesis_speed")
VERDICTS = {True: "yes", False: "**no**", None: "no target"}
SYNTHETIC = {
    "package": "How exact is the flow on synthetic angiograms?",
    "simple": "How exact is the flow on pairs of a second, simpler generator?",
}
REGIONS = {
    "vessel": "vessels over 2 px",
    "near": "background within 12 px",
    "far": "background farther away",
    "from_2": "vessels, 2 to 5 px",
    "from_5": "5 to 10",
    "from_10": "10 to 20",
    "from_20": "over 20",
}
MEASURES = {
    "photometric": ("residual, gray levels", "{:.2f}"),
    "auc_boundary": ("AUC, boundary", "{:.3f}"),
    "auc_relative": ("AUC, relative", "{:.3f}"),
    "auc_relative_vessel": ("AUC, relative, whole vessel", "{:.3f}"),
    "dice": ("Dice, warped mask", "{:.3f}"),
    "dice_visible": ("Dice, hidden pixels dark", "{:.3f}"),
    "agree": ("forward and backward agree", "{:.0%}"),
    "agree_on_vessel": ("and end on a vessel", "{:.0%}"),
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
    """Return the section on all targets."""
    rows = [
        (
            row["what"], row["bar"], row["measured"],
            "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            VERDICTS[row["passed"]],
        )
        for report in found.values() for row in report["rows"]
    ]  # fmt: skip
    verdicts = [row[-1] for row in rows if row[-1] != VERDICTS[None]]
    places = "\n".join(f"- {where(name, report)}" for name, report in found.items())
    return answer(
        "Which targets does the flow reach?",
        f"It reaches {reached(verdict == VERDICTS[True] for verdict in verdicts)}.",
        table(("what", "target", "measured", "ratio", "reached"), rows),
        "`make bench-flow`. *Ratio*: the measured value divided by that of the best "
        f"other method, or by the target if there is none.\n\n{places}",
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
        size = report["size"]
        parts.append(
            answer(
                SYNTHETIC[name],
                f"On vessels that move more than 2 px, {against(methods, 'vessel')}.",
                table(("method", *REGIONS.values()), rows),
                "`benchmarks/flow_synthetic.py`: end-point error in px over all pixels "
                f"of {report['pairs']} pairs of {size} x {size} px, with seeds that no "
                f"training has used. {report['machine']}, {report['date']}.",
            )
        )
    return parts


def against(methods: dict[str, dict[str, float]], measure: str) -> str:
    """Return the error of the network beside the smallest one of the others, in px."""
    others = {
        name: row[measure]
        for name, row in methods.items()
        if name != "pwcnet" and measure in row
    }
    best = min(others, key=lambda name: others[name])
    return (
        f"PWC-Net has an error of {methods['pwcnet'][measure]:.2f} px and the best "
        f"other method, {METHODS[best].title}, has {others[best]:.2f} px"
    )


def real(report: dict[str, Any]) -> list[str]:
    """All measures on real loops, for each gap."""
    pairs = ", ".join(f"{count} of {gap}" for gap, count in report["pairs"].items())
    how = (
        f"`benchmarks/flow_real.py`: {report['loops']} loops of patients "
        f"{' and '.join(report['patients'])}, pairs: {pairs}. Mean over loops of the "
        "mean over pairs. *Residual*: absolute difference after warping, on vessels "
        "that move more than 2 px, widened by 3 px. *AUC*: how often the flow changes "
        "more at an edge of such a vessel (or differs more from that of the "
        "background) than at a place 5 to 24 px beside it; chance is 0.5. *Dice*: the "
        "later mask, warped onto the frame. *Agree*: vessel pixels with a "
        "forward-backward error of at most 3 px; flow that stands still always "
        "agrees, so the share that ends on a vessel is given too. "
        f"{SILVER} {report['machine']}, {report['date']}."
    )
    methods = report["methods"]
    return [
        answer(
            f"Which method follows real vessels over a gap of {gap} "
            f"frame{'s' * (gap != '1')}?",
            leaders(methods, gap),
            real_table(methods, gap),
            how,
        )
        for gap in (name.removeprefix("gap ") for name in report["pairs"])
    ]


def leaders(methods: dict[str, dict[str, float]], gap: str) -> str:
    """Return which method is best by each of three measures."""
    found = []
    for measure, words, best in (
        ("photometric", "the smallest residual", min),
        ("auc_boundary", "the sharpest edges of the flow", max),
        ("dice", "the best warped masks", max),
    ):
        values = {
            name: row[f"{measure}_{gap}"]
            for name, row in methods.items()
            if f"{measure}_{gap}" in row
        }
        if values:
            winner = best(values, key=lambda name: values[name])
            found.append(f"{METHODS[winner].title} has {words}")
    return "; ".join(found) + "."


def exact(report: dict[str, Any]) -> str:
    """Return the section on what the exact flow scores on the measures."""
    titles = {name: m.title for name, m in METHODS.items()} | {"truth": "the truth"}
    rows = [
        (
            titles[name], f"{row['error_px']:.2f}", f"{row['photometric']:.2f}",
            f"{row['dice']:.3f}", f"{row['dice_visible']:.3f}",
        )
        for name, row in report["methods"].items()
    ]  # fmt: skip
    head = (
        "method", "error on vessels, px", "residual, gray levels",
        "Dice, warped mask", "Dice, hidden pixels dark",
    )  # fmt: skip
    return answer(
        "Which measures of real loops favour wrong flow?",
        misleading(report["methods"]),
        table(head, rows),
        f"`benchmarks/flow_truth.py`: {report['pairs']} synthetic pairs, 133 ms apart; "
        "the exact flow is measured like any method. Beside a vessel, the exact flow "
        "is that of the background. It leads to the place where the vessel has moved "
        "in the meantime, so the pixel that is warped from there is dark. A flow that "
        "moves the surroundings along with the vessel has a smaller residual, and is "
        f"wrong. {report['machine']}, {report['date']}.",
    )


def misleading(methods: dict[str, dict[str, float]]) -> str:
    """Return the measures by which a method is better than the exact flow."""
    truth = methods["truth"]
    wrong = [
        words
        for words, measure, sign in (
            ("the residual", "photometric", -1),
            ("the Dice of the warped mask", "dice", 1),
            ("the Dice with hidden pixels dark", "dice_visible", 1),
        )
        if any(sign * row[measure] > sign * truth[measure] for row in methods.values())
    ]
    if not wrong:
        return "None: no method surpasses the exact flow."
    names = listed(wrong)
    return f"{names[0].upper()}{names[1:]}: there, a method surpasses the exact flow."


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
