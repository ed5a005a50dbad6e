"""Figure 5 of Ma et al. (2019): pairs that PWC-Net learns from, and their exact flow.

    python scripts/figure_flow_training.py                 # synthetic, for the docs
    python scripts/figure_flow_training.py a.dcm --masks a.npz --out a.png

A row a pair: frame 1, frame 2, the flow that their transform defines. Without a loop,
pairs of the generator that the shipped network learnt from; with one, pairs composed of
its own vessels and contrast-free frames, as `motionseg adapt-flow` makes them.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from coronary_loop import coronary_loop
from flow_grid import draw_grid, full_length, options_of, save, stretched

from napari_motionseg.io import Labels, read_cine
from napari_motionseg.jobs import run
from napari_motionseg.motion import flow_to_rgb
from napari_motionseg.synthesis import training_pairs

SIZE, PAIRS, SEED = 384, 3, 12
SCENES = (14, 13, 7)  # seeds of scenes whose trees fill the picture


def main() -> None:
    made = options_of(__doc__, "flow_training")
    options = made.parse_args()
    if options.cines and not options.masks:
        made.error("a loop needs --masks: its painted vessels are composed")
    pairs = composed(options) if options.cines else synthetic()
    panels = [
        [stretched(first), stretched(second), flow_to_rgb(flow, full_length(flow))]
        for first, second, flow in pairs
    ]
    titles = ["frame 1", "frame 2", "exact flow"]
    save(draw_grid(panels, [""] * len(panels), titles, {}), options.out)


def synthetic() -> list[tuple[np.ndarray, ...]]:
    """Return one pair of each of a few scenes with filled vessels."""
    filled = coronary_loop(bolus=False)
    found = []
    for seed in SCENES:
        first, second, flow, _ = training_pairs(1, SIZE, seed, filled)
        found.append(tuple(np.asarray(a[0], np.float32) for a in (first, second, flow)))
    return found


def composed(options: argparse.Namespace) -> list[tuple[np.ndarray, ...]]:
    """Return pairs composed of a loop's own frames and painted vessels."""
    from napari_motionseg.motion.cutout import cut_out_job
    from napari_motionseg.motion.pair_composition import compose_pair

    cine = read_cine(options.cines[0])
    with np.load(options.masks[0]) as file:
        masks = file["mask"]
    frames = options.frames or np.argsort(masks.sum(axis=(1, 2)))[-3:]
    painted = np.isin(np.arange(len(cine)), frames)
    layers = run(cut_out_job(cine, Labels(masks.astype(np.int16), painted, "dense")))
    generator = torch.Generator().manual_seed(SEED)
    size = min(cine.shape[1:])
    made = [compose_pair(layers, size, generator)[:2] for _ in range(PAIRS)]
    return [(*pictures.numpy(), flow.numpy()) for pictures, flow in made]


if __name__ == "__main__":
    main()
