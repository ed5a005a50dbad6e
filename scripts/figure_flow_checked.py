"""Figure 6 of Ma et al. (2019): flow before and after fine-tuning, both ways.

    python scripts/figure_flow_checked.py                # synthetic, for the docs
    ... figure_flow_checked.py a.dcm b.dcm --before stage1.safetensors --out ab.png

A row a pair: flow by the network before its last training (`--before`; a classical
method if none is given), flow by PWC-Net, backward flow by the same network, and frame
2 warped onto frame 1, dark where the two disagree. Frame 1 stands beside it.
"""

from __future__ import annotations

import numpy as np
import torch
from flow_grid import (
    Pair,
    draw_grid,
    flow_by,
    full_length,
    options_of,
    pairs_of,
    save,
    stretched,
)

from napari_motionseg.motion import flow_to_rgb, occlusion, warp

HIDDEN = 0.15  # brightness of what is taken for hidden


def main() -> None:
    made = options_of(__doc__, "flow_checked")
    made.add_argument("--before", help="a checkpoint from before the last training")
    options = made.parse_args()
    pairs = pairs_of(options)
    panels = [row(pair, options.before, options.weights) for pair in pairs]
    titles = [
        "PWC-Net, before" if options.before else "DIS",
        "PWC-Net",
        "PWC-Net, backward",
        "frame 2, warped",
        "frame 1",
    ]
    save(draw_grid(panels, [""] * len(pairs), titles, {}), options.out)


def row(pair: Pair, before: str | None, weights: str | None) -> list[np.ndarray]:
    """Return the panels of a pair."""
    earlier = flow_by("pwcnet" if before else "dis", pair.first, pair.second, before)
    forward = flow_by("pwcnet", pair.first, pair.second, weights)
    backward = flow_by("pwcnet", pair.second, pair.first, weights)
    known = [earlier, forward] if pair.truth is None else [pair.truth]
    longest = full_length(*known)
    flows = [flow_to_rgb(flow, longest) for flow in (earlier, forward, backward)]
    return [*flows, warped_frame(pair, forward, backward), stretched(pair.first)]


def warped_frame(pair: Pair, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Return frame 2 on frame 1, dark where forward and backward flow disagree."""
    there, back = (torch.from_numpy(flow)[None] for flow in (forward, backward))
    later = torch.from_numpy(stretched(pair.second))[None, None]
    picture = warp(later, there)[0, 0].numpy()
    return np.where(occlusion(there, back)[0].numpy(), HIDDEN * picture, picture)


if __name__ == "__main__":
    main()
