"""Pairs with known flow, composed of one painted loop (Ma et al. 2019, figure 5).

    python examples/compose_pairs.py

writes ``pairs.png``: on each row a first and a second picture, and the flow.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from napari_motionseg.io import Labels
from napari_motionseg.jobs import run
from napari_motionseg.motion import flow_to_rgb
from napari_motionseg.motion.cutout import cut_out_job
from napari_motionseg.motion.pair_composition import compose_pair
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine


def main(out: Path, pairs: int = 3, size: int = 192) -> Path:
    """Write the picture and return where."""
    out.mkdir(parents=True, exist_ok=True)
    loop = synthesize_cine(SynthesisConfig(size=256, frames=12), seed=1)
    painted = np.zeros(loop.masks.shape, np.uint8)
    painted[9] = loop.masks[9]  # what a person would paint: one frame

    layers = run(cut_out_job(loop.cine, Labels.from_painted(painted)))
    print(f"frames before contrast: {layers.contrast_free or 'none'}")

    rows = []
    for seed in range(pairs):
        generator = torch.Generator().manual_seed(seed)
        pictures, flow, vessel = compose_pair(layers, size, generator)
        length = torch.linalg.vector_norm(flow, dim=0)
        print(
            f"vessel {length[vessel].mean():.1f} px, rest {length[~vessel].mean():.1f}"
        )
        grays = [np.repeat(np.uint8(255 * p)[..., None], 3, axis=2) for p in pictures]
        rows.append(np.hstack((*grays, flow_to_rgb(flow.numpy()))))
    path = out / "pairs.png"
    Image.fromarray(np.vstack(rows)).save(path)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", default=".", type=Path, help="a folder")
    try:
        main(parser.parse_args().out)
    except OSError as error:  # a folder that cannot be
        parser.error(str(error))
