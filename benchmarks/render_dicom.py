"""The section of RESULTS.md on DICOM Segmentations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tables import answer, table

MEGABYTE = 10**6
HEAD = ("object", "write, s on the wall", "write, s of processor",
        "read, s on the wall", "read, s of processor", "MB")  # fmt: skip
DISK_S = 0.5  # that the clock on the wall may wait for the disk
SECONDS, SMALL = 2.0, 1.0  # targets: to write it, and MB of the compressed types


def dicom_segmentations(results: Path) -> list[str]:
    """Return the sections on acceptance and on cost, if they were measured."""
    path = results / "dicom_seg.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    viewer = results / "dicom_viewer.json"
    seen = [in_viewer(json.loads(viewer.read_text()))] if viewer.exists() else []
    return [accepted(found), *seen, cost(found)]


def in_viewer(found: dict[str, Any]) -> str:
    """Return what a viewer in a browser shows."""
    rows = [
        (
            row["type"], "yes" if row["oriented"] else "no",
            f"{row['equal']} of {row['frames']}", row["error"],
        )
        for row in found["rows"]
    ]  # fmt: skip
    whole = [row for row in found["rows"] if row["equal"] == row["frames"]]
    every = [row for row in found["rows"] if row["oriented"]]
    good = [row for row in whole if row["oriented"]]
    return answer(
        "Does a viewer in a browser show the DICOM Segmentations?",
        f"With `--oriented`, cornerstone3D shows {len(good)} of {len(every)} types "
        f"over the loop; without it, {len(whole) - len(good)}.",
        table(("type", "`--oriented`", "frames equal to the mask", "error"), rows),
        "`scripts/show_in_browser.py`: the synthetic sample with two segments in "
        f"cornerstone3D {found['cornerstone3D']} with its SEG adapter, "
        f"{found['browser']} without a screen. The adapter asks for an orientation of "
        "the picture plane (`checkOrientation.js`), which a projection does not have. "
        "It supports no probabilities other than 0 and 1; those of the table are. "
        f"{found['machine']}, {found['date']}.",
    )


def accepted(found: dict[str, Any]) -> str:
    """Return what other programs say of the objects."""
    rows = [
        (
            row["source"], name_of(row), yes(row["highdicom"]), yes(row["read back"]),
            dciodvfy(row), yes(row["dcmdump"] and row["dcm2json"]),
        )
        for row in found["accepted"]
    ]  # fmt: skip
    rows += [
        (row["source"], "secondary capture", "", "", dciodvfy(row), yes(row["dcmdump"]))
        for row in found["captures"]
    ]
    head = ("source", "object", "highdicom: equal masks", "this program: equal masks",
            "dciodvfy: errors, warnings", "dcmdump, dcm2json")  # fmt: skip
    known = [row for row in found["accepted"] if row["type"] != "LABELMAP"]
    good = not any(row["errors"] for row in [*known, *found["captures"]]) and all(
        row["highdicom"] and row["dcmdump"] for row in found["accepted"]
    )
    tools, real = found["tools"], found["real"]
    return answer(
        "Do other programs accept the DICOM Segmentations?",
        "Yes: dciodvfy finds no error, and highdicom and DCMTK read them."
        if good
        else "Not all of them; see the table.",
        table(head, rows),
        f"`benchmarks/dicom_seg.py`: {real['loops']} real XA loops with two segments "
        f"each give masks equal by highdicom on {real['highdicom']}, equal by this "
        f"program on {real['read back']}, and {real['errors']} errors of dciodvfy. The "
        "rows are loops of 7 frames of 61 x 83 pixels, of which some are not labelled. "
        "dciodvfy is of 2022 and does not know the class of label maps. It sees "
        "compressed objects after DCMTK has unpacked them. Its one warning on captures "
        "is that Laterality is empty, which says that it is unknown whether the body "
        "part is one of a pair. "
        "`tests/io/test_dicom_archive.py` sends loops, all types and captures to an "
        "Orthanc 1.10.1 by STOW-RS, finds them under the loop's study by QIDO-RS, and "
        "gets them back equal by WADO-RS; the commands of `motionseg archive` do the "
        "same. "
        f"highdicom {tools['highdicom']}, DCMTK {tools['dcmtk']}, dicom3tools "
        f"{tools['dicom3tools']}. {found['machine']}, {found['date']}.",
    )


def cost(found: dict[str, Any]) -> str:
    """Return time and size of 96 frames."""
    rows = [
        (name_of(row), *(f"{s:.2f}" for s in (*row["write_s"], *row["read_s"])),
         f"{row['bytes'] / MEGABYTE:.2f}")
        for row in found["cost"]
    ]  # fmt: skip
    alone = all(wall < 2 * own + DISK_S for wall, own in (
        row["write_s"] for row in found["cost"]
    ))  # fmt: skip
    slowest = max(row["write_s"][0 if alone else 1] for row in found["cost"])
    clock = "" if alone else " of processor time"
    said = (
        "Nothing else was running."
        if alone
        else "Other work kept both cores busy, so that the clock on the wall says more "
        "of that than of this."
    )
    sizes = {
        row["type"]: row["bytes"] / MEGABYTE
        for row in found["cost"]
        if row["compressed"]
    }
    small = min(sizes["BINARY"], sizes["LABELMAP"])
    return answer(
        "What does a DICOM Segmentation of 96 frames cost?",
        f"At most {slowest:.1f} s{clock} to write (target {SECONDS:g}); "
        f"{small:.2f} MB compressed (target {SMALL:g}).",
        table(HEAD, rows),
        "`benchmarks/dicom_seg.py`: 96 frames of 512 x 512 pixels, two segments, "
        f"synthetic vessels; median of 5. {said} "
        f"{found['machine']}, {found['date']}.",
    )


def name_of(row: dict[str, Any]) -> str:
    """Return type and compression of an object."""
    way = "deflated" if row["type"] == "BINARY" else "RLE"
    return f"{row['type']}, {way}" if row["compressed"] else row["type"]


def dciodvfy(row: dict[str, Any]) -> str:
    """Return how many errors and warnings the validator has found."""
    if row.get("type") == "LABELMAP":
        return "class unknown to it"
    return f"{row['errors']}, {len(row['warnings'])}"


def yes(value: bool) -> str:
    """Return a verdict as a word."""
    return "yes" if value else "**no**"
