"""Figure 2 of Ma et al. (2019): what classical flow and PWC-Net see in a pair.

    python scripts/figure_flow_methods.py                     # synthetic, for the docs
    python scripts/figure_flow_methods.py a.dcm b.dcm --masks a.npz b.npz --out ab.png

A column a loop. From top to bottom: vessels of frame 1, frame 1, frame 2, flow by a
classical method, flow by PWC-Net; on synthetic loops the true flow as well.
"""

from __future__ import annotations

import numpy as np
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

from napari_motionseg.motion import flow_to_rgb

TITLES = {"tvl1": "TV-L1", "dis": "DIS", "ilk": "ILK", "farneback": "Farneback"}


def main() -> None:
    made = options_of(__doc__, "flow_methods")
    made.add_argument("--classical", choices=list(TITLES), default="dis")
    options = made.parse_args()
    pairs = pairs_of(options)
    names = ["vessels", "frame 1", "frame 2", TITLES[options.classical], "PWC-Net"]
    if all(pair.truth is not None for pair in pairs):
        names.append("true flow")
    found = [column(pair, options.classical, options.weights) for pair in pairs]
    columns, remarks = zip(*found, strict=True)
    panels = [list(row) for row in zip(*columns, strict=True)]
    notes = {
        (3 + i, j): note for j, r in enumerate(remarks) for i, note in enumerate(r)
    }
    save(draw_grid(panels, names, [""] * len(pairs), notes), options.out)


def column(
    pair: Pair, classical: str, weights: str | None
) -> tuple[list[np.ndarray], list[str]]:
    """Return the panels of a pair, and what is written on those of flow."""
    flows = [
        flow_by(method, pair.first, pair.second, weights)
        for method in (classical, "pwcnet")
    ]
    shown = flows if pair.truth is None else [*flows, pair.truth]
    longest = full_length(*(flows if pair.truth is None else [pair.truth]))
    vessels = (
        np.zeros_like(pair.first) if pair.mask is None else pair.mask.astype(float)
    )
    panels = [vessels, stretched(pair.first), stretched(pair.second)]
    panels += [flow_to_rgb(flow, longest) for flow in shown]
    if pair.truth is None or pair.mask is None:
        return panels, []
    off = [
        np.linalg.norm(flow - pair.truth, axis=0)[pair.mask].mean() for flow in flows
    ]
    return panels, [f"{error:.1f} px off on vessels" for error in off]


if __name__ == "__main__":
    main()
