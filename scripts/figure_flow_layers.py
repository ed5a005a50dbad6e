"""Make docs/images/flow_layers.jpg: what the shipped network sees in a pair.

python scripts/figure_flow_layers.py
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import torch
from coronary_loop import coronary_loop
from matplotlib import pyplot as plt

from napari_motionseg.models import LayeredPWCNet, load_pwcnet
from napari_motionseg.motion import flow_to_rgb
from napari_motionseg.synthesis import training_pairs

OUT = Path(__file__).parents[1] / "docs" / "images" / "flow_layers.jpg"
SEED = 14


@torch.inference_mode()
def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    config = coronary_loop(
        heart_motion=(0.6, 0.8), opacity=(0.6, 0.9), tree="left", bolus=False
    )
    pairs = training_pairs(1, 512, SEED, config)
    first, second = pairs.first[:, None], pairs.second[:, None]
    network = cast("LayeredPWCNet", load_pwcnet())
    seen = network.see(network.pyramid(first), network.pyramid(second))
    flow = network(first, second)[0].numpy()
    truth = pairs.flow[0].numpy()
    longest = float((truth**2).sum(axis=0).max() ** 0.5)
    vessel, background = (
        flow_to_rgb(layer[0].numpy(), longest) for layer in seen.layers()
    )
    panels = {
        "a frame": first[0, 0],
        "the next": second[0, 0],
        "the vessel's shape": seen.logits[0, 0].sigmoid(),
        "the vessel's layer": vessel,
        "the background's layer": background,
        "mixed, and fitted": flow_to_rgb(flow, longest),
        "the truth": flow_to_rgb(truth, longest),
    }
    plt.rcParams.update({"font.size": 9, "text.color": "#555b66"})
    figure, axes = plt.subplots(1, len(panels), figsize=(13, 2.15))
    for axis, (words, picture) in zip(axes, panels.items(), strict=True):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axis.set_title(words, fontsize=9, pad=3)
        axis.axis("off")
    figure.tight_layout(pad=0.3)
    figure.savefig(OUT, dpi=120, pil_kwargs={"quality": 84})


if __name__ == "__main__":
    main()
