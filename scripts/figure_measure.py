"""Make docs/images/measure.png and kymograph.png: a vessel, measured and followed.

    python scripts/figure_measure.py

A synthetic loop with its exact flow, so that the pictures show the measuring alone.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
from coronary_loop import coronary_loop
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_motionseg.jobs import run
from napari_motionseg.measurement import (
    FollowedVessel,
    contrast_arrival,
    follow_vessel_job,
    measure_vessel,
)
from napari_motionseg.measurement.result_files import write_measurement
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis import SyntheticCine, synthesize_cine

OUT = Path("docs/images")
SEED, FRAMES, ANCHOR = 8, 22, 17
LEAST_SAMPLES, MOST_SAMPLES, BEGIN = 120, 235, 40
BORDER_PX = 40


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    made = measured_loop()
    points = widest_branch(made)
    measured = measure_vessel(made.cine, ANCHOR, points)
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "measured"
        write_measurement(folder, made.cine, measured, measured.as_dict())
        shutil.copyfile(folder / "profile.png", OUT / "measure.png")
    line = measured.profile.line
    followed = run(follow_vessel_job(made.cine, exact_flow(made), ANCHOR, line))
    draw(made, followed)


def measured_loop() -> SyntheticCine:
    """Return the loop whose vessels are measured, with a stenosis in most of them."""
    config = coronary_loop(frames=FRAMES, stenoses=1.0)
    return synthesize_cine(config, seed=SEED)


def exact_flow(made: SyntheticCine) -> FlowSequence:
    """Return the true flow of neighbouring frames, both ways."""
    pairs = range(len(made.cine) - 1)
    return FlowSequence(
        np.stack([made.flow(t, t + 1) for t in pairs]),
        np.stack([made.flow(t + 1, t) for t in pairs]),
        1,
        "exact",
    )


def widest_branch(made: SyntheticCine) -> list[tuple[float, float]]:
    """Return four points on the widest branch that lies well inside the picture."""
    return wide_branches(made)[0]


def wide_branches(made: SyntheticCine) -> list[list[tuple[float, float]]]:
    """Return four points on each long branch inside the picture, the widest first."""
    tubes = made.moment(ANCHOR).vessels
    found: list[tuple[float, np.ndarray]] = []
    last = made.cine.shape[1] - BORDER_PX
    for branch in tubes.branch.unique():
        centres = tubes.centres[tubes.branch == branch].numpy()
        radii = tubes.radii[tubes.branch == branch].numpy()
        inside = ((centres > BORDER_PX) & (centres < last)).all(axis=1)
        if inside.sum() < LEAST_SAMPLES:
            continue
        width = float(radii[inside].mean())
        found.append((width, centres[inside][BEGIN:MOST_SAMPLES]))
    if not found:
        raise SystemExit("no branch is long enough; choose another seed")
    found.sort(key=lambda one: -one[0])
    return [[(float(y), float(x)) for x, y in way[_even(len(way))]] for _, way in found]


def _even(count: int) -> np.ndarray:
    return np.linspace(0, count - 1, 4).astype(int)


def draw(made: SyntheticCine, followed: FollowedVessel) -> None:
    """Draw kymographs of darkness and diameter, with the front of the contrast."""
    times = made.cine.frame_times
    if times is None:
        raise SystemExit("the loop has no times")
    arrival = contrast_arrival(followed.contrast, times, followed.arc_length)
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2)
    shown = ("contrast", "darkness of the vessel"), ("diameters", "diameter (mm)")
    for panel, (name, title) in zip(panels, shown, strict=True):
        values = getattr(followed, name)
        edges = np.r_[times, 2 * times[-1] - times[-2]] / 1000
        lengths = np.r_[followed.arc_length, followed.arc_length[-1]]
        picture = panel.pcolormesh(edges, lengths, values.T, cmap="viridis")
        panel.plot(arrival.times_ms / 1000, followed.arc_length, color="tab:red", lw=1)
        panel.set(title=title, xlabel="time (s)", ylabel="arc length (mm)")
        figure.colorbar(picture, ax=panel)
    speed = f"front of the contrast: {arrival.speed:.0f} mm/s"
    figure.suptitle(f"{speed} (red: arrival)", fontsize="medium")
    figure.savefig(OUT / "kymograph.png", dpi=110)


if __name__ == "__main__":
    main()
