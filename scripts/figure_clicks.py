"""Make docs/images/clicks.jpg and guided.jpg: both applications on synthetic frames.

python scripts/figure_clicks.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from coronary_loop import coronary_loop
from matplotlib import pyplot as plt
from skimage.morphology import skeletonize

from napari_motionseg.evaluation.simulated_clicks import inmost_pixel
from napari_motionseg.guidance import (
    Arrow,
    Clicks,
    click_scores,
    guided_flow,
    load_propagator,
    mask_of_scores,
    moved_frames,
)
from napari_motionseg.guidance.mask_of_clicks import THRESHOLDS
from napari_motionseg.motion import flow_to_rgb
from napari_motionseg.synthesis.part_stills import part_stills

OUT = Path(__file__).parents[1] / "docs" / "images"
SEED, SIZE = 16, 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="propagation-xa", help="checkpoint")
    options = parser.parse_args()
    frame, places = frame_to_click()
    propagator = load_propagator(options.model)
    prepared = propagator.prepare(frame)
    plt.rcParams.update({"font.size": 9, "text.color": "#555b66"})
    show_clicks(propagator, prepared, frame, places)
    show_arrows(propagator, prepared, frame, places)


def frame_to_click() -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return a frame ``(H, W)`` of a coronary tree, and the middle of two branches."""
    stills = part_stills(1, SIZE, SEED, coronary_loop(bolus=False))
    parts = (stills.parts[0] * stills.vessels[0]).numpy()
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    places = [middle_of(parts == n) for n in np.argsort(-sizes)[:2]]
    return stills.pictures[0].numpy(), places


def middle_of(branch: np.ndarray) -> tuple[int, int]:
    """Return the pixel of a centreline that is half as far from the trunk as its end.

    Parameters
    ----------
    branch
        Mask ``(H, W)``, widest at the trunk.
    """
    line = np.argwhere(skeletonize(branch))
    away = np.linalg.norm(line - inmost_pixel(branch), axis=1)
    row, column = line[np.abs(away - away.max() / 2).argmin()]
    return int(row), int(column)


def show_clicks(propagator, prepared, frame, places) -> None:
    """Show a click, its scores, and the masks of both extents."""
    first, second = places
    branch = click_scores(propagator, prepared, Clicks((first,)))
    less = click_scores(propagator, prepared, Clicks((first,), (second,)))
    tree = click_scores(propagator, prepared, Clicks((first,)), extent="tree")
    panels = {
        "a click": (frame, [(first, "lime")]),
        "score: what moves with it": (branch, [(first, "lime")]),
        "mask": (
            tinted(frame, mask_of_scores(branch, THRESHOLDS["branch"], (first,))),
            [(first, "lime")],
        ),
        "with a negative point": (
            tinted(frame, mask_of_scores(less, THRESHOLDS["branch"], (first,))),
            [(first, "lime"), (second, "red")],
        ),
        "extent tree": (
            tinted(frame, mask_of_scores(tree, THRESHOLDS["tree"])),
            [(first, "lime")],
        ),
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(13, 2.9))
    for axis, (words, (image, points)) in zip(axes, panels.items(), strict=True):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1)
        for (row, column), colour in points:
            axis.plot(column, row, "o", ms=5, mfc=colour, mec="black", mew=0.8)
        axis.set_title(words, fontsize=9, pad=3)
        axis.axis("off")
    save(figure, "clicks.jpg")


def show_arrows(propagator, prepared, frame, places) -> None:
    """Show an arrow and a still point, their flow, and the moved frame."""
    (row, column), (still_row, still_column) = places
    arrows = [Arrow(row, column, -6, 14), Arrow(still_row, still_column)]
    found = guided_flow(propagator, prepared, arrows)
    moved = list(moved_frames(frame, found.flow, 4))[2]
    panels = {
        "an arrow and a still point": frame,
        "flow": flow_to_rgb(found.flow),
        "moved frame (synthetic)": moved,
        "difference": np.abs(moved - frame) / max(0.05, np.abs(moved - frame).max()),
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 3.0))
    for axis, (words, image) in zip(axes, panels.items(), strict=True):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1)
        axis.set_title(words, fontsize=9, pad=3)
        axis.axis("off")
    for axis in axes[:2]:
        axis.arrow(column, row, 3 * 14, 3 * -6, width=3, color="orange")
        axis.plot(still_column, still_row, "s", ms=4, mfc="white", mec="black")
        # an arrow near the edge would make its panel smaller than the others
        axis.set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5))
    save(figure, "guided.jpg")


def tinted(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a frame ``(H, W, 3)`` with a mask in orange."""
    colours = np.repeat(frame[..., None], 3, axis=-1)
    colours[mask] = 0.35 * colours[mask] + 0.65 * np.array((1.0, 0.55, 0.0))
    return colours


def save(figure, name: str) -> None:
    """Write a figure into the folder of pictures of the docs."""
    figure.tight_layout(pad=0.3)
    figure.savefig(OUT / name, dpi=100, pil_kwargs={"quality": 82})


if __name__ == "__main__":
    main()
