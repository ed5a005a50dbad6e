"""Make docs/images/guidance.jpg: where guidance is taken from the flow of a pair.

python scripts/figure_guidance.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from coronary_loop import coronary_loop
from matplotlib import pyplot as plt

from napari_motionseg.motion import flow_to_rgb
from napari_motionseg.objectives.guidance import (
    guidance_mask,
    motion_slope,
    squared_distance,
)
from napari_motionseg.synthesis import training_pairs

OUT = Path(__file__).parents[1] / "docs" / "images" / "guidance.jpg"
SEED, SIZE, EDGE = 8, 384, 0.1
CHOICES = {"K = 81, G = 200": (81, 200), "K = 15, G = 80": (15, 80)}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    pairs = training_pairs(1, SIZE, SEED, coronary_loop(bolus=False))
    picture, flow = pairs.first[0], pairs.flow
    slope = motion_slope(flow)
    edges = slope > EDGE * slope.max()
    colours = flow_to_rgb(flow[0].numpy())
    panels = {
        "a frame": (picture, []),
        "its flow": (colours, []),
        "motion edges": (edges[0], []),
        "distance to them": (squared_distance(edges)[0].sqrt(), []),
    }
    for words, (kernel, stride) in CHOICES.items():
        mask = guidance_mask(
            flow,
            nms_kernel=kernel,
            grid_stride=stride,
            edge=EDGE,
            generator=torch.Generator().manual_seed(0),
        )
        panels[words] = (colours, mask[0].nonzero().tolist())
    plt.rcParams.update({"font.size": 9, "text.color": "#555b66"})
    figure, axes = plt.subplots(1, len(panels), figsize=(13, 2.5))
    for axis, (words, (image, points)) in zip(axes, panels.items(), strict=True):
        axis.imshow(image, cmap="gray")
        for row, column in points:
            axis.plot(column, row, "o", ms=3.5, mfc="black", mec="white", mew=0.7)
        axis.set_title(words, fontsize=9, pad=3)
        axis.axis("off")
    figure.tight_layout(pad=0.3)
    figure.savefig(OUT, dpi=100, pil_kwargs={"quality": 82})


if __name__ == "__main__":
    main()
