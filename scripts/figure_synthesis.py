"""Make the pictures of docs/synthesis.md: scenes, and what each parameter does.

python scripts/figure_synthesis.py
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt

from napari_motionseg.motion import flow_to_rgb
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.synthesis.coronary_territory import CORONARY
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any
from napari_motionseg.synthesis.projections import cameras_at
from napari_motionseg.training.masks.settings import (
    in_coronary_anatomy,
    noiseless_angiograms,
)

OUT = Path(__file__).parents[1] / "docs" / "images"
SIDE, SEED, KINDS_SEED = 288, 6, 4
PLAIN = SynthesisConfig(
    anatomy="coronary", size=SIDE, frames=20, frame_rate=7.5, bolus=False,
    tree="left", second_tree=0,
    heart_size=(1.2, 1.2), vessel_size=(1.1, 1.1), tortuosity=(0.3, 0.3), stenoses=0,
    dominance="right",
    opacity=(0.7, 0.7), blush=(0, 0), reflux=(0, 0), catheter=0, leads=0, wires=0,
    electrodes=0, stents=0, collimator=0, intensity="log", contrast=(0.32, 0.32),
    noise=0.3, blur=(0.8, 0.8), scatter=(0.1, 0.1), vignette=(0, 0), sharpen=(0, 0),
    jpeg=(95, 95),
)  # fmt: skip
# Arteries outside the heart, and seeds whose loops differ
OTHERS = {
    "cerebral": (101, 105, 109, 110), "renal": (101, 104, 109, 110),
    "leg": (101, 106, 107, 111), "iliac": (101, 103, 106, 110),
}  # fmt: skip
# A row: a name, and for each picture its words and the fields that differ
ROWS = {
    "tree": [
        ("left", {}), ("right", {"tree": "right"}),
        ("tortuosity 1", {"tortuosity": (1, 1)}), ("stenoses 5", {"stenoses": 5.0}),
        ("corkscrews 1", {"corkscrews": 1.0}),
    ],
    "contrast": [
        ("opacity 0.25", {"opacity": (0.25, 0.25)}), ("opacity 1", {"opacity": (1, 1)}),
        ("streaming 1", {"streaming": (1, 1)}), ("reflux 0.8", {"reflux": (0.8, 0.8)}),
        ("blush 0.25", {"blush": (0.25, 0.25)}),
    ],
    "anatomy": [
        ("tissue 0", {"tissue": (0, 0), "bones": (0, 0), "silhouettes": (0, 0)}),
        ("tissue 2", {"tissue": (2, 2), "bones": (0, 0), "silhouettes": (0, 0)}),
        ("bones 2", {"tissue": (0.5, 0.5), "bones": (2, 2), "silhouettes": (0, 0)}),
        ("silhouettes 1.3", {"bones": (0, 0), "silhouettes": (1.3, 1.3)}),
        ("collimator", {"collimator": 1}),
    ],
    "devices": [
        ("catheter", {"catheter": 1}), ("leads", {"leads": 1}),
        ("wires", {"wires": 1}), ("electrodes", {"electrodes": 1}),
        ("stents", {"stents": 1}),
    ],
    "imaging": [
        ("noise 3", {"noise": 3.0}), ("blur 2.5", {"blur": (2.5, 2.5)}),
        ("scatter 0.7", {"scatter": (0.7, 0.7)}),
        ("sharpen 2", {"sharpen": (2, 2)}), ("jpeg 20", {"jpeg": (20, 20)}),
    ],
}  # fmt: skip


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"font.size": 9, "text.color": "#555b66"})
    parameters().savefig(
        OUT / "synthesis_parameters.jpg", dpi=110, pil_kwargs={"quality": 82}
    )
    kinds().savefig(OUT / "synthesis_kinds.jpg", dpi=110, pil_kwargs={"quality": 82})
    twenty().savefig(OUT / "synthesis_grid.jpg", dpi=110, pil_kwargs={"quality": 82})
    views().savefig(OUT / "synthesis_views.jpg", dpi=110, pil_kwargs={"quality": 82})
    territories().savefig(
        OUT / "synthesis_territories.jpg", dpi=110, pil_kwargs={"quality": 80}
    )
    loops().savefig(OUT / "synthesis.jpg", dpi=110, pil_kwargs={"quality": 82})


def panel(axes, picture, words: str) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(words, fontsize=9, pad=3)
    axes.axis("off")


def parameters() -> plt.Figure:
    """A row for each group of parameters; all else is the same seed."""
    figure, rows = plt.subplots(len(ROWS), 5, figsize=(10, 2.08 * len(ROWS)))
    for axes_of_row, changes in zip(rows, ROWS.values(), strict=True):
        for axes, (words, changed) in zip(axes_of_row, changes, strict=True):
            scenes = draw_any(PLAIN.changed(**changed), 1, draws())
            moment = scenes.at(torch.tensor([2.2]))
            frame = moment.frames(torch.Generator().manual_seed(0))[0]
            panel(axes, frame, words)
    figure.tight_layout(pad=0.4, h_pad=0.6)
    return figure


def twenty() -> plt.Figure:
    """Return twenty loops as training draws them, at a moment that shows vessels."""
    figure, rows = plt.subplots(4, 5, figsize=(10, 8.1))
    config = in_coronary_anatomy(noiseless_angiograms()).changed(
        size=SIDE, frames=12, frame_rate=7.5, bolus=False, noise=(0.2, 1.6)
    )
    for seed, axes in enumerate(rows.flat):
        source = Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))
        moment = draw_any(config, 1, source).at(torch.tensor([1.0]))
        panel(axes, moment.frames(torch.Generator().manual_seed(seed))[0], "")
    figure.tight_layout(pad=0.2)
    return figure


def views() -> plt.Figure:
    """Return one left and one right tree in their usual projections."""
    figure, rows = plt.subplots(2, 5, figsize=(10, 4.4))
    for axes_of_row, tree in zip(rows, ("left", "right"), strict=True):
        scenes = draw_any(PLAIN.changed(tree=tree, heart_motion=0), 1, draws())
        usual = sorted(CORONARY.projections, key=lambda one: -getattr(one, tree))[:5]
        for axes, one in zip(axes_of_row, usual, strict=True):
            angles = torch.tensor([[one.primary, one.secondary]])
            trees = scenes.trees
            cameras = cameras_at(
                CORONARY, angles.float(), torch.eye(3)[None], trees.tree[:1]
            )
            cameras = cameras.centred(trees.points, trees.scene, torch.zeros(1, 2))
            seen = dataclasses.replace(scenes, cameras=cameras)
            frame = seen.at(torch.tensor([2.2])).frames(
                torch.Generator().manual_seed(0)
            )
            panel(axes, frame[0], f"{tree}: {one.name}")
    figure.tight_layout(pad=0.4, h_pad=0.6)
    return figure


def territories() -> plt.Figure:
    """Return scenes of each preset of other arteries."""
    figure, rows = plt.subplots(len(OTHERS), 4, figsize=(8, 8.3))
    for axes_of_row, (anatomy, seeds) in zip(rows, OTHERS.items(), strict=True):
        config = SynthesisConfig.of_anatomy(
            anatomy, size=352, frames=20, frame_rate=7.5
        )
        for axes, seed in zip(axes_of_row, seeds, strict=True):
            scenes = draw_any(config, 1, draws(seed))
            moment = scenes.at(torch.tensor([1.8]))
            frame = moment.frames(torch.Generator().manual_seed(0))[0]
            panel(axes, frame, f"{anatomy}, seed {seed}")
    figure.tight_layout(pad=0.3, h_pad=0.5)
    return figure


def draws(seed: int = SEED) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))


def kinds() -> plt.Figure:
    """Pretraining's layers and the cube: two pictures and the flow between them."""
    figure, rows = plt.subplots(2, 3, figsize=(7, 4.9))
    for axes, name in zip(rows, ("generic-layers", "rotating-cube"), strict=True):
        config = SynthesisConfig.preset(name, size=SIDE)
        scenes = draw_any(config, 1, draws(KINDS_SEED))
        now, then = scenes.at(torch.tensor([0.4])), scenes.at(torch.tensor([0.55]))
        grain = torch.Generator().manual_seed(0)
        panel(axes[0], now.frames(grain)[0], name)
        panel(axes[1], then.frames(grain)[0], "a moment later")
        panel(axes[2], flow_to_rgb(now.flow(then)[0].numpy()), "exact flow")
    figure.tight_layout(pad=0.4)
    return figure


def loops() -> plt.Figure:
    """Loops as they come, with vessels and flow of one."""
    figure, rows = plt.subplots(2, 4, figsize=(10, 5.3))
    config = SynthesisConfig(
        anatomy="coronary", size=384, frames=12, frame_rate=7.5, bolus=False
    )
    for axes, seed in zip(rows[0], (3, 5, 8, 12), strict=True):
        panel(axes, synthesize_cine(config, seed).cine.normalized(6), f"seed {seed}")
    made = synthesize_cine(config, 5)
    frames = [made.cine.normalized(t) for t in (6, 7)]
    for axes, frame, words in zip(
        rows[1], frames, ("seed 5", "133 ms later"), strict=False
    ):
        panel(axes, frame, words)
    red = np.repeat(frames[0][..., None], 3, axis=-1)
    red[made.masks[6]] = [1.0, 0.36, 0.2]
    panel(rows[1][2], red, "its vessels")
    panel(rows[1][3], flow_to_rgb(made.flow(6, 7)), "its flow")
    figure.tight_layout(pad=0.4)
    return figure


if __name__ == "__main__":
    main()
