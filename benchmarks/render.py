"""Write RESULTS.md from what the benchmarks have left in ``benchmarks/results``."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

from render_acceleration import acceleration
from render_archive import archive
from render_clicks import clicks
from render_dicom import dicom_segmentations
from render_explorer import explorer
from render_flow import sections
from render_flow_errors import flow_errors
from render_flow_signal import flow_signal
from render_fuzz import fuzz
from render_in_loop import in_loop
from render_interactive import interactive
from render_learn_from_motion import learn_from_motion
from render_masks import masks
from render_measure import measure
from render_measure_moving import measure_moving
from render_motion import motion
from render_mutation import mutation
from render_recorded import recorded
from render_safety import safety
from render_train import train
from render_window import window
from tables import SILVER, answer, listed, table

from napari_motionseg.evaluation.ablations import ABLATIONS
from napari_motionseg.evaluation.record import as_table

HERE = Path(__file__).parent
HEAD = """# Results

Each section answers one question with a sentence, a table, and the way it was measured.
`benchmarks/render.py` writes this page from the files in `benchmarks/results`.

Dice is 1 for equal masks and 0 for masks without a common pixel. *Default network*
means `vessels-xa`, which comes with the program. A section shows the program of its
date, which stands at its end. What has changed since the first ones:

- 2026-11-28: the default network reduces noise, and marks nothing outside the field of
  view.
- 2026-11-29, evening: its weights are mixed with those of a training on coronary
  anatomy. *How good are masks without any label?*, *How soon is a network trained on
  what was painted?* (of its rows of AVX2, only the slowest) and the demo show it.
- 2026-11-29, night: it sees pictures at 448 to 640 px, and loops of 512 px as before.
  The same sections show it, and *Do small and large pictures need another size?*
- 2026-11-30: both directions of the flow network's vessel layer are registered
  together. Its accuracy shows it, and embeddings that learnt from loops; its speed and
  the ablations do not. `motion-xa` has learnt from two objectives.
- 2026-11-30, morning: they are registered in wider windows. *Why does the flow miss its
  target on moving vessels?* and the accuracy of the flow show it; the other sections do
  not. `catheters-xa` tells catheters beside the default network. *How good are masks
  without any label?* shows it.
- 2026-11-30, noon: strokes no longer judge the start of a training, and new classes
  begin with scores that fit their labels. *How soon is a network trained on what was
  painted?* shows it. `catheters-xa` has been trained for longer.
"""
FEW_SHOT = {
    "fewshot_synthetic": "Which start is best with few labels, synthetic loops?",
    "fewshot_across": "Which start is best with few labels of other patients?",
    "fewshot_one": "Which start is best with one label of another patient, more draws?",
    "fewshot_paper": "Which start is best with the recipe of the paper?",
    "fewshot_all": "What is reached with all labels of other patients?",
    "fewshot_within": "Which start is best with one label of the same loop?",
}
ABLATION_QUESTIONS = {
    "objective": "Which objective gives the best start?",
    "flow": "Does better flow give a better start?",
    "kernel": "Which kernel gives the best start?",
    "neighbourhood": "Which neighbourhood gives the best start?",
    "guidance": "How many points of guidance give the best start?",
    "nets": "Which propagation networks give the best start?",
}
HOW_MEANT = (
    "Mean over draws of the mean over loops. *Gain*: difference of Dice to `scratch`, "
    "which is random weights, on the same loop and draw, with its 95 % interval over "
    "draws and {units}."
)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    parts = all_sections(HERE / "results")
    text = "\n\n".join(part.strip("\n") for part in [HEAD, overview(parts), *parts])
    (HERE / "RESULTS.md").write_text(text + "\n", encoding="utf-8")


def all_sections(results: Path) -> list[str]:
    """Return a section for each measurement that was made."""
    parts = [*masks(results), *few_labels(results), *interactive(results)]
    parts += clicks(results)
    parts += train(results)
    parts += window(results)
    parts += motion(results)
    parts += ablations(results)
    parts += in_loop(results)
    parts += learn_from_motion(results)
    parts += [*cubes(results), *flow_signal(results), *sections(results)]
    parts += flow_errors(results)
    parts += acceleration(results)
    for name, render in (("demo", demo), ("project", project)):
        parts += one(results, name, render)
    parts += dicom_segmentations(results)
    parts += archive(results)
    parts += [*explorer(results), *fuzz(results), *safety(results)]
    parts += one(results, "measure", measure)
    parts += one(results, "measure_moving", measure_moving)
    parts += one(results, "determinism", determinism)
    parts += one(results, "mutation", mutation)
    return parts + recorded(results)


def one(results: Path, name: str, render: Callable[[dict], str]) -> list[str]:
    """Return the section of one file, if there is such a file."""
    path = results / f"{name}.json"
    return [render(json.loads(path.read_text()))] if path.exists() else []


def overview(parts: list[str]) -> str:
    """Return a table of all questions, with links, and their answers."""
    rows = []
    for part in parts:
        found = re.match(r"## (.+)\n\n\*\*(.+)\*\*\n", part.lstrip("\n"))
        if found is None:
            raise ValueError(f"a section without question and answer: {part[:60]!r}")
        anchor = re.sub(r"[^\w\s-]", "", found[1]).lower().replace(" ", "-")
        rows.append((f"[{found[1]}](#{anchor})", found[2]))
    return table(("question", "answer"), rows)


def determinism(found: dict) -> str:
    """Return the section on trainings that gave the same weights again."""
    rows = [
        [
            row["training"], str(row["threads"]), str(row["runs"]),
            str(row["results"]), ", ".join(row["differing"]) or "none",
        ]
        for row in found["rows"]
    ]  # fmt: skip
    head = ["training", "threads", "runs", "results compared", "results that differ"]
    differing = [row["training"] for row in found["rows"] if row["differing"]]
    return answer(
        "Does the same seed give the same weights and masks?",
        f"Not for {listed(differing)}." if differing else "Yes, for every training.",
        table(head, rows),
        "`scripts/check_determinism.py`: each run is a process of its own, every "
        "second one next to a process that keeps a core busy. Weights, flow and masks "
        "of runs with the same number of threads are compared bit by bit. "
        f"{found['machine']}, {found['date']}.",
    )


def few_labels(results: Path) -> list[str]:
    """Return the few-shot sections that there are."""
    paths = {results / f"{name}.json": title for name, title in FEW_SHOT.items()}
    found = {p: json.loads(p.read_text()) for p in paths if p.exists()}
    return [few_shot(paths[path], report) for path, report in found.items()]


def few_shot(question: str, found: dict) -> str:
    """Return one few-shot section."""
    words = " ".join(found["words"])
    silver = "" if "synthetic" in question else f" {SILVER}"
    return answer(
        question,
        best_by_labels(found["summary"]),
        as_table(found["summary"]),
        f"`benchmarks/fewshot.py`: `motionseg evaluate fewshot {words}`, "
        f"{found['rows']} rows. {how_meant(found['summary'])}{silver} "
        f"{found['machine']}, {found['date']}.",
    )


def how_meant(summary: list[dict]) -> str:
    """Return what the columns mean; earlier intervals do not know the patients."""
    units = "patients" if any("patients" in row for row in summary) else "loops"
    return HOW_MEANT.format(units=units)


def best_by_labels(summary: list[dict]) -> str:
    """Return the method with the highest Dice for each number of labels."""
    best: dict[int, dict] = {}
    for row in summary:
        if row["labels"] not in best or row["dice"] > best[row["labels"]]["dice"]:
            best[row["labels"]] = row
    words = [
        f"{row['dice']:.3f} by `{row['method']}` with {labels} label"
        f"{'s' * (labels != 1)}"
        for labels, row in best.items()
    ]
    return f"The best Dice is {listed(words)}."


# what ablations do not show that were run before this day
CHANGED = "2026-11-30"
SINCE = (
    " Since then, fine-tuning begins with a fitted last layer, pictures have the size "
    "that suits the network, windows are zoomed and turned, and forward and backward "
    "flow agree: *Does motion help tuned fine-tuning, real loops?* shows what this "
    "changes."
)


def ablations(results: Path) -> list[str]:
    """Return the sections of those ablations that were run."""
    paths = [results / f"ablation_{name}.json" for name in ABLATIONS]
    return [ablation(json.loads(path.read_text())) for path in paths if path.exists()]


def ablation(found: dict) -> str:
    """Return the section on starts that differ in one point."""
    words = " ".join(found["words"])
    silver = f" {SILVER}" if "--train" in found["words"] else ""
    since = SINCE if found["date"] < CHANGED else ""
    return answer(
        ABLATION_QUESTIONS[found["name"]],
        gains(found["summary"]),
        as_table(found["summary"]),
        f"`benchmarks/ablation.py {found['name']}`: each start is pretrained on the "
        "motion of the loops that labels are drawn from, without a label. `motionseg "
        f"evaluate ablation {found['name']} {words}`, {found['rows']} rows. "
        f"{how_meant(found['summary'])}{silver} {found['machine']}, {found['date']}."
        f"{since}",
    )


def gains(summary: list[dict]) -> str:
    """Return which starts are better than random weights, beyond chance."""
    starts = [row for row in summary if "gain" in row]
    better = [f"`{row['method']}`" for row in starts if row["gain_low"] > 0]
    worse = [f"`{row['method']}`" for row in starts if row["gain_high"] < 0]
    first = (
        f"{listed(better)} improve{'s' * (len(better) == 1)} on random weights"
        if better
        else "No start improves on random weights"
    )
    if not worse:
        return f"{first}."
    return f"{first}; {listed(worse)} fall{'s' * (len(worse) == 1)} below them."


def cubes(results: Path) -> list[str]:
    """Return the sections on the faces that affine grouping found, by its kinds."""
    return [
        cube(json.loads(path.read_text()))
        for path in sorted(results.glob("cube_grouping_*.json"))
    ]


def cube(found: dict) -> str:
    """Return the adjusted Rand index of one kind, and that of k-means."""
    head = ("frames", "method", "whole picture", "cube alone")
    rows = [
        (name, what, f"{values['picture']:.3f}", f"{values['cube']:.3f}")
        for name, each in found["sets"].items()
        for what, values in each["rand"].items()
    ]
    kind = found["settings"].get("kind", "affine")
    scores = [
        f"{each['rand']['network']['cube']:.3f} ({name})"
        for name, each in found["sets"].items()
    ]
    return answer(
        f"Does grouping with `kind={kind}` find the faces of cubes?",
        f"On the pixels of the cube, the adjusted Rand index is {listed(scores)}.",
        table(head, rows),
        f"`benchmarks/cube_grouping.py --kind {kind}`, {found['settings']['steps']} "
        f"steps in {found['training_cpu_seconds']:.0f} CPU seconds; adjusted Rand "
        "index against the true faces: 1 for equal segments, 0 by chance. "
        f"{found['machine']}, {found['date']}.",
    )


def demo(found: dict) -> str:
    """Return the section on the time of each stage of the demo, and its Dice."""
    rows = [(stage, f"{seconds:.1f}") for stage, seconds in found["seconds"].items()]
    total = sum(found["seconds"].values())
    rows.append(("**all**", f"**{total:.1f}**"))
    return answer(
        "How long does the demo take?",
        f"It takes {total:.0f} s on two cores and reaches a Dice of "
        f"{found['dice']:.3f}.",
        table(("stage", "s"), rows),
        f"`benchmarks/demo.py`. Dice {found['dice']:.3f}, clDice "
        f"{found['cldice']:.3f}, HD95 {found['hd95']:.2f} mm: mean over the "
        f"{found['frames']} frames that show vessels, without the labelled one, "
        "against the exact masks. With the frames before the contrast agent: Dice "
        f"{found['dice_all_frames']:.3f}. {found['machine']}, {found['date']}.",
    )


def project(found: dict) -> str:
    """Return the section on what saving a stroke costs."""
    rows = [
        (
            "bytes written",
            f"{found['bytes_median']:.0f}",
            f"{found['bytes_worst']:.0f}",
        ),
        ("time, ms", f"{found['ms_median']:.1f}", f"{found['ms_worst']:.1f}"),
    ]
    return answer(
        "What does it cost to save a stroke?",
        f"{found['bytes_median']:.0f} bytes and {found['ms_median']:.1f} ms (medians).",
        table(("cost of a stroke", "median", "worst"), rows),
        f"`benchmarks/project.py`: {found['strokes']} strokes of a brush of 6 px over "
        "60 px on a loop of 30 frames of 512 x 512 px, with dense masks next to the "
        "labels. All layers are compared with the disk, and the change is written and "
        f"synced. Compaction takes {found['compaction_ms']:.0f} ms, beside the "
        f"strokes. {found['machine']}, {found['date']}.",
    )


if __name__ == "__main__":
    main()
