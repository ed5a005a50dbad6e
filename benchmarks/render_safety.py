"""The sections of RESULTS.md on kills and on windows that stay open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tables import answer, table

WORK = {
    "autosave": "painting, networks, compaction and moves of a project",
    "export": "masks in four formats, flow as zarr, a movie",
    "checkpoint": "a network saved over itself",
    "cache": "flow and embeddings while old ones make room",
    "training": "state of a training, then resumed",
    "window": "painting in a real window",
}


def safety(results: Path) -> list[str]:
    """Return the sections of those measurements that were made."""
    sections = {"kill": kills, "soak_window": soak}
    paths = {results / f"{name}.json": render for name, render in sections.items()}
    return [
        render(json.loads(path.read_text()))
        for path, render in paths.items()
        if path.exists()
    ]


def kills(found: dict[str, Any]) -> str:
    """Return what kills at random moments have left."""
    rows = [
        (
            f"{act}: {WORK[act]}", row["kills"], row["acknowledged"], row["lost"],
            row["mixed"], row["foreign"], row["leftovers"],
        )
        for act, row in found["acts"].items()
    ]  # fmt: skip
    head = ("work", "kills", "acknowledged", "of them lost", "mixed files",
            "foreign files changed", "leftovers after the next run")  # fmt: skip
    oldest = max(row["oldest_lost_s"] for row in found["acts"].values())
    total = sum(row["kills"] for row in found["acts"].values())
    lost = sum(row["lost"] + row["mixed"] for row in found["acts"].values())
    return answer(
        "Is anything lost when the program is killed?",
        f"{'No' if not lost else 'Yes'}: after {total} kills at random moments, "
        f"{lost} acknowledged strokes, files or steps were lost or damaged.",
        table(head, rows),
        "`scripts/kill_anywhere.py`: `kill -9` up to 1.5 s into the work. "
        "*Acknowledged*: strokes, files or steps that the program had reported as "
        "saved. *Mixed*: a file that is neither the old nor the new one. The oldest "
        f"stroke that was lost before it was acknowledged was {oldest:.1f} s old. "
        f"{found['machine']}, {found['date']}.",
    )


def soak(found: dict[str, Any]) -> str:
    """Return what a window holds after opening and closing loops."""
    loops = found["loops"]
    shown = [row for row in loops if row["loop"] in (1, 5) or row["loop"] % 10 == 0]
    rows = [
        (
            row["loop"], f"{row['mib']:.0f}", row["threads"], row["handles"],
            row["temporary_files"], row["children"],
        )
        for row in shown
    ]  # fmt: skip
    head = ("loops", "resident MiB", "threads", "file handles", "temporary files",
            "child processes")  # fmt: skip
    jobs = sum(row["job"] for row in loops)
    return answer(
        "Does memory grow when loops are opened and closed?",
        f"It grows by {found['mib_a_loop']:.2f} MiB for each loop; napari alone grows "
        f"by {found['napari_mib_a_loop']:.2f} MiB.",
        table(head, rows),
        f"`benchmarks/soak_window.py`: {len(loops)} loops of {found['frames']} frames "
        f"of {found['size']} x {found['size']} px, all docks open, each loop painted "
        f"on and removed; with {jobs} of them a job runs too. The growth is measured "
        f"by least squares after the first {found['settled_after']} loops. For napari "
        "alone, an image and labels are added and removed (`--alone`). "
        f"{found['machine']}, {found['date']}.",
    )
