"""The section of RESULTS.md on following a moving vessel."""

from __future__ import annotations

from typing import Any, NamedTuple

from tables import answer, reached, table

SECONDS = {"click to numbers": 0.3, "drag": 0.1, "followed over 60 frames": 3.0}
MAIN = "default network"
HOW = (
    "`benchmarks/measure_moving.py`: {loops} loops in which a vessel of 2 to 4 mm with "
    "side branches beats, breathes and pulses, and as many in which contrast fills it, "
    "at 0.2 mm a pixel and 15 or 30 frames/s; blur, noise, contrast, tissue and motion "
    "are drawn and unknown to the methods. *Exact flow*: the same with the true flow. "
    "*Trajectories*: known motions with 0.5 px of noise. Peers measure the largest "
    "minus the smallest diameter on the exact mask of every frame. Catheters of 5 to 8 "
    "French: *blur from a vessel* knows the detector's blur from a vessel beside the "
    "shaft; *a solid tube* is measured like a vessel. Errors of strain and "
    "catheters are root mean squares. Times are medians on a frame of 512 px with "
    "{sections} cross-sections, with the flow at hand, taken on {timed}. *Drag* is the "
    "preview while a point is held; in the "
    "window, on a real loop and without pause of the mouse, its numbers are shown "
    "0.25 to 0.28 s after the move, of which most is napari's own drawing by the "
    "processor. In brackets: 95 % intervals by a bootstrap over loops. {machine}, "
    "{date}.\n\n"
    "Why catheters miss their target: on 40 other shafts, which served to look for the "
    "cause, half of the errors were below 1.6 % (empty) and 1.2 % (filled; 2.0 % as "
    "root mean square), without a bias. Large errors belong to "
    "shafts whose wall takes away less than about twice a pixel's noise: the standard "
    "deviation that the fit reports is then 3 to 6 %, so that one picture does not say "
    "more; two such shafts were not found, and one empty shaft was taken for a filled "
    "one of 2.6 times its width. Tried without reaching 2 %: the true blur instead of "
    "that of a vessel, a stiffer prior of the lumen, and the mean over seven frames "
    "whose offsets were fitted quickly, which brings a bias of 2 %."
)


class Line(NamedTuple):
    """A row: a quantity, how it was found, its interval, its target, and whose it is.

    `least` says that the value must be at least the target; rows that are not `main`
    are for comparison.
    """

    what: str
    how: str
    value: list[float]
    target: float | None = None
    digits: int = 2
    least: bool = False
    main: bool = True


def measure_moving(found: dict[str, Any]) -> str:
    """Return what was measured along vessels that move, and whether targets are met."""
    lines = [*_followed(found), *_timed(found), *_catheters(found)]
    rows = [
        (one.what, one.how, _cell(one), "" if one.target is None else one.target)
        for one in lines
    ]
    verdicts = [
        one.value[0] >= one.target if one.least else one.value[0] <= one.target
        for one in lines if one.main and one.target is not None
    ]  # fmt: skip
    for name, target in SECONDS.items():
        took = found["seconds"][name]
        rows.append((f"{name}, s", "tube", f"{took:.2f}", target))
        verdicts.append(took <= target)
    how = HOW.format(
        timed=found["seconds"].get("date", found["date"]),
        sections=found["seconds"]["sections"],
        **found,
    )
    return answer(
        "How exactly is a moving vessel measured?",
        f"It reaches {reached(verdicts)}.",
        table(("what", "how", "value", "target"), rows),
        how,
    )


def _followed(found: dict[str, Any]) -> list[Line]:
    """Return the rows on drift and wall strain."""
    lines = []
    for name, row in found["followed"].items():
        main = name == MAIN
        what = "drift along the vessel, px: median"
        lines.append(Line(what, name, row["median_px"], 1.0, main=main))
        lines.append(Line("at 95 %", name, row["high_px"], 3.0, main=main))
    for name, row in found["strain"].items():
        what = "wall strain, points: error"
        lines.append(Line(what, name, row["error"], 2.0, main=name == MAIN))
        lines.append(Line("bias", name, row["bias"]))
    return lines


def _timed(found: dict[str, Any]) -> list[Line]:
    """Return the rows on end diastole and the arrival of contrast."""
    lines = []
    for name, row in found["end diastole"].items():
        what = f"end diastoles within a frame, % (of {row['waves']})"
        main = name == MAIN
        lines.append(Line(what, name, row["found"], 97.0, 1, least=True, main=main))
    for name, row in found["arrival"].items():
        what, main = "arrival of contrast, frames: median error", name.startswith(MAIN)
        lines.append(Line(what, name, row["median"], 0.5, main=main))
        lines.append(Line("at 95 %", name, row["high"]))
    return lines


def _catheters(found: dict[str, Any]) -> list[Line]:
    """Return the rows on catheters."""
    lines = []
    for name, row in found["catheter"].items():
        what, main = "calibration, %: error", name.startswith("blur from")
        if row["lost"]:
            what += f" ({row['lost']} not found)"
        how = f"catheter: {name}"
        lines.append(Line(what, how, row["error"], 2.0, 1, main=main))
        lines.append(Line("bias", how, row["bias"], digits=1))
    return lines


def _cell(line: Line) -> str:
    middle, low, high = (format(one, f".{line.digits}f") for one in line.value)
    return f"{middle} ({low} to {high})"
