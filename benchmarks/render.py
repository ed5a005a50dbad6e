"""Write RESULTS.md from what the benchmarks have left in ``benchmarks/results``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from render_acceleration import acceleration
from render_explorer import explorer
from render_flow import sections
from render_fuzz import fuzz
from render_interactive import interactive
from render_masks import masks
from render_mutation import mutation
from render_safety import safety
from tables import table

from napari_motionseg.evaluation.ablations import ABLATIONS
from napari_motionseg.evaluation.record import as_table

HERE = Path(__file__).parent
HEAD = """# Results

Written by `benchmarks/render.py` from `benchmarks/results/*.json`. Each section says on
which machine and day.

The default network got its answer to noise and to the edge of the field of view on
2026-11-28. Its weights are the same as before. Sections of an earlier day that use it
(few labels, painting, the explorer, the demo) show it without these two.
"""


FEW_SHOT = {
    "fewshot_synthetic": "Few labels, synthetic loops",
    "fewshot_across": "Few labels of other patients, real loops",
    "fewshot_one": "One label of another patient, more draws, real loops",
    "fewshot_paper": "One label by the paper's own schedule, real loops",
    "fewshot_all": "All labels of other patients, real loops: what is there to reach",
    "fewshot_within": "One labelled frame of a real loop",
}
HOW_MEANT = (
    "Mean over draws of the mean over loops; gain: difference of Dice to scratch on "
    "the same loop and draw, with its 95% interval over draws and loops."
)
SILVER = (
    "The masks are a silver standard: made by another group's network, they miss thin "
    "branches. They compare methods and give no absolute accuracy."
)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    results = HERE / "results"
    parts = [HEAD, *sections(results), *acceleration(results), *masks(results)]
    parts += few_labels(results)
    parts += ablations(results)
    parts += cubes(results)
    parts += explorer(results)
    parts += interactive(results)
    parts += fuzz(results)
    for name, render in (
        ("demo", demo),
        ("in_loop", in_loop),
        ("project", project),
        ("determinism", determinism),
        ("mutation", mutation),
    ):
        path = results / f"{name}.json"
        if path.exists():
            parts.append(render(json.loads(path.read_text())))
    parts += safety(results)
    text = "\n\n".join(part.strip("\n") for part in parts)
    (HERE / "RESULTS.md").write_text(text + "\n")


def determinism(found: dict) -> str:
    """Which trainings gave the same bits again."""
    rows = [
        [
            row["training"], str(row["threads"]), str(row["runs"]),
            str(row["results"]), ", ".join(row["differing"]) or "none",
        ]
        for row in found["rows"]
    ]  # fmt: skip
    head = ["training", "threads", "runs", "results compared", "results that differ"]
    return "\n\n".join(
        [
            "## The same seed again",
            "`scripts/check_determinism.py`: each run is a process of its own, every "
            "second one beside a spinning process; weights, flow and masks of runs "
            "with the same number of threads are compared bit by bit. "
            f"{found['machine']}, {found['date']}.",
            table(head, rows),
        ]
    )


def few_labels(results: Path) -> list[str]:
    """The few-shot tables that there are."""
    paths = {results / f"{name}.json": title for name, title in FEW_SHOT.items()}
    found = {p: json.loads(p.read_text()) for p in paths if p.exists()}
    return [few_shot(paths[path], report) for path, report in found.items()]


def few_shot(title: str, found: dict) -> str:
    """One few-shot table."""
    words = " ".join(found["words"])
    return "\n\n".join(
        [
            f"## {title}",
            f"`benchmarks/fewshot.py`: `motionseg evaluate fewshot {words}`, "
            f"{found['rows']} rows. {HOW_MEANT} {found['machine']}, {found['date']}.",
            *([] if "synthetic" in title else [SILVER]),
            as_table(found["summary"]),
        ]
    )


def ablations(results: Path) -> list[str]:
    """The tables of those ablations that were run."""
    paths = [results / f"ablation_{name}.json" for name in ABLATIONS]
    return [ablation(json.loads(path.read_text())) for path in paths if path.exists()]


def ablation(found: dict) -> str:
    """Starts that differ in one thing, and what each is worth."""
    words = " ".join(found["words"])
    real = "--train" in found["words"]
    return "\n\n".join(
        [
            f"## Ablation: {found['name']}",
            f"`benchmarks/ablation.py {found['name']}`: {found['question']}. Each "
            "start learns from the motion of the loops that labels are drawn from, "
            f"without a label. `motionseg evaluate ablation {found['name']} {words}`, "
            f"{found['rows']} rows. {HOW_MEANT} {found['machine']}, {found['date']}.",
            *([SILVER] if real else []),
            as_table(found["summary"]),
        ]
    )


def cubes(results: Path) -> list[str]:
    """The faces that affine grouping found, by its kinds, if it was asked."""
    return [
        cube(json.loads(path.read_text()))
        for path in sorted(results.glob("cube_grouping_*.json"))
    ]


def cube(found: dict) -> str:
    """The adjusted Rand index of one kind, beside k-means."""
    head = ("frames", "what", "whole picture", "cube alone")
    rows = [
        (name, what, f"{values['picture']:.3f}", f"{values['cube']:.3f}")
        for name, one in found["sets"].items()
        for what, values in one["rand"].items()
    ]
    kind = found["settings"].get("kind", "affine")
    return (
        f"## Turning cubes: faces found by `kind={kind}`\n\n"
        f"`benchmarks/cube_grouping.py --kind {kind}`, {found['settings']['steps']} "
        f"steps in {found['training_cpu_seconds']:.0f} CPU seconds; adjusted Rand "
        f"index against the true faces. {found['machine']}, {found['date']}.\n\n"
        + table(head, rows)
        + "\n"
    )


def demo(found: dict) -> str:
    """The demo: time of each stage, and its Dice."""
    rows = [(stage, f"{seconds:.1f}") for stage, seconds in found["seconds"].items()]
    rows.append(("**in all**", f"**{sum(found['seconds'].values()):.1f}**"))
    return "\n".join(
        [
            "## The demo\n",
            f"`benchmarks/demo.py`. {found['machine']}, {found['date']}.\n",
            table(("stage", "s"), rows),
            "",
            f"Dice {found['dice']:.3f}, clDice {found['cldice']:.3f}, HD95 "
            f"{found['hd95']:.2f} mm: mean over the {found['frames']} frames that hold "
            "vessel, the labelled one left out, against the exact truth. With the "
            f"frames before the contrast agent: Dice {found['dice_all_frames']:.3f}.\n",
        ]
    )


def project(found: dict) -> str:
    """What a stroke costs in a project."""
    rows = [
        (
            "bytes of a stroke",
            f"{found['bytes_median']:.0f}",
            f"{found['bytes_worst']:.0f}",
        ),
        ("autosave, ms", f"{found['ms_median']:.1f}", f"{found['ms_worst']:.1f}"),
    ]
    return "\n".join(
        [
            "## Projects: what an autosave costs\n",
            f"`benchmarks/project.py`: {found['strokes']} strokes of a brush of 6 px "
            "over 60 px on a loop of 30 frames of 512 x 512, dense masks beside the "
            "labels; all layers compared with the disk, the change written and synced. "
            f"Compaction: {found['compaction_ms']:.0f} ms, beside the strokes. "
            f"{found['machine']}, {found['date']}.\n",
            table(("", "median", "worst"), rows),
        ]
    )


def in_loop(found: dict) -> str:
    """One painted frame of a real loop."""
    rows = [
        (
            run["start"], run["seed"], f"{run['dice']:.3f}",
            f"{run['dice_worst_frame']:.3f}", f"{run['finetune_seconds']:.0f}",
            f"{run['segment_seconds']:.0f}",
        )
        for run in sorted(found["runs"], key=lambda run: (run["start"], run["seed"]))
    ]  # fmt: skip
    head = ("start", "seed", "Dice", "worst frame", "fine-tuning, s", "segmenting, s")
    return "\n".join(
        [
            "## One painted frame of a real loop\n",
            f"`benchmarks/in_loop.py`: pretrained on the loops of p1 to p4 "
            f"({found['pretrain_steps']} steps, {found['pretrain_seconds']:.0f} s with "
            f"their flow), fine-tuned from frame {found['frame']} of {found['loop']} "
            f"({found['finetune_steps'] or 'as many steps as the recipe says'}), dense "
            f"labels, recipe `{found['recipe']}`; Dice on its other frames. Flow of "
            f"{found['loop']}: {found['flow_pairs']} pairs in "
            f"{found['flow_seconds']:.0f} s. {found['machine']}, {found['date']}.\n",
            "The masks are a silver standard: made by another group's network, they "
            "miss thin branches. They compare methods and give no absolute accuracy.\n",
            table(head, rows),
            "",
            f"Mean: pretrained {found['dice_pretrained']:.3f}, scratch "
            f"{found['dice_scratch']:.3f}; difference seed by seed "
            f"{found['gain_mean']:+.3f} ± {found['gain_spread']:.3f}.\n",
        ]
    )


if __name__ == "__main__":
    main()
