"""What exact flow scores where no truth is known: the measures of real loops.

    python benchmarks/flow_truth.py                  # 40 pairs, a minute or two

Real loops have no true flow, so methods are compared there by how well a warped picture
or mask matches. Synthetic pairs have it: here the truth takes part as a method, which
tells what these measures reward. Pairs 133 ms apart, filled vessels, 512 x 512 px.
"""

from __future__ import annotations

import numpy as np
import torch
from flow_measures import (
    DILATED_PX,
    FAST_PX,
    photometric_error,
    visible_dice,
    warped_dice,
)
from flow_rows import flow_method, parser, write_report
from scipy.ndimage import binary_dilation
from synthetic_pairs import FIRST_SEED

from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any

TRUTH = "truth"
INTERVAL_S = 0.133
AT_ONCE = 4


def main() -> None:
    made = parser(__doc__, "flow_truth")
    made.add_argument("--pairs", type=int, default=40)
    options = made.parse_args()
    methods = [name for name in options.methods if name in ("pwcnet", "dis-strong")]
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in (TRUTH, *methods)}
    for number in range(-(-options.pairs // AT_ONCE)):
        for pair in pairs(FIRST_SEED - 1 - number):
            for name in rows:
                rows[name].append(measure(pair, name, options.weights))
    table = {
        name: {key: float(np.mean([row[key] for row in found])) for key in found[0]}
        for name, found in rows.items()
    }
    for name, row in table.items():
        print(name, {key: round(value, 3) for key, value in row.items()})
    weights = options.weights.name if options.weights else "shipped"
    report = {"pairs": len(rows[TRUTH]), "weights": weights, "rows": []}
    write_report(options.out, report | {"methods": table})


def pairs(seed: int) -> list[dict[str, np.ndarray]]:
    """Return pairs of some scenes: pictures, masks, flow there and back."""
    draws = Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))
    grain = torch.Generator().manual_seed(seed)
    config = SynthesisConfig.preset("xa-coronary", size=512, bolus=False)
    scenes = draw_any(config, AT_ONCE, draws)
    time = draws.uniform(AT_ONCE, 0.3, 3.0)
    now, then = scenes.at(time), scenes.at(time + INTERVAL_S)
    batch = {
        "first": now.frames(grain), "second": then.frames(grain),
        "mask": now.masks, "later": then.masks,
        "there": now.flow(then), "back": then.flow(now),
    }  # fmt: skip
    return [
        {name: values[i].numpy() for name, values in batch.items()}
        for i in range(AT_ONCE)
    ]


def measure(pair: dict[str, np.ndarray], name: str, weights) -> dict[str, float]:
    """Return a method's measures on a pair."""
    first, second, mask, later = (pair[n] for n in ("first", "second", "mask", "later"))
    there, back = pair["there"], pair["back"]
    if name != TRUTH:
        estimate = flow_method(name, weights)
        there, back = estimate(first, second), estimate(second, first)
    fast = mask & (np.linalg.norm(pair["there"], axis=0) > FAST_PX)
    ring = binary_dilation(fast, iterations=DILATED_PX)
    error = np.linalg.norm(there - pair["there"], axis=0)
    return {
        "error_px": float(error[mask].mean()),
        "photometric": photometric_error(first, second, there, ring),
        "dice": warped_dice(mask, later, there),
        "dice_visible": visible_dice(mask, later, there, back),
    }


if __name__ == "__main__":
    main()
