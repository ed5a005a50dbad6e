"""Picture pairs with exact flow, for training optical flow."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.synthesis.cines import SyntheticCine, synthesize_cine
from napari_motionseg.synthesis.config import SynthesisConfig

Pairs = tuple[
    NDArray[np.float32], NDArray[np.float32], NDArray[np.float16], NDArray[np.bool_]
]

FRAMES = 6  # of a loop that pairs are taken from
PAIRS_PER_LOOP = 4
FRAME_RATES = (7.5, 7.5, 10.0, 15.0, 30.0)


def training_pairs(
    count: int, size: int, seed: int, config: SynthesisConfig | None = None
) -> Pairs:
    """Return pairs of frames and the flow from the first to the second.

    Parameters
    ----------
    count
        How many.
    size
        Side in px.
    seed
        Draws loops, frames and their order; time runs backwards as often as forwards.
    config
        Ranges; its size, frames and frame rate are not used. None draws wider ones than
        a single loop has: faint to dense vessels, calm to wild motion.

    Returns
    -------
    tuple
        First and second ``(N, H, W)`` float32 in [0, 1], flow ``(N, 2, H, W)`` float16
        in px, and vessels of the first ``(N, H, W)`` bool.
    """
    rng = np.random.default_rng([seed, 7])
    parts: list[tuple[Any, ...]] = []
    while len(parts) < count:
        made = _loop(size, rng, config)
        for _ in range(min(PAIRS_PER_LOOP, count - len(parts))):
            parts.append(_pair(made, rng))
    first, second, flow, mask = (np.stack(part) for part in zip(*parts, strict=True))
    return first, second, flow, mask


def _loop(
    size: int, rng: np.random.Generator, config: SynthesisConfig | None
) -> SyntheticCine:
    base = config or SynthesisConfig(
        heart_motion=float(rng.uniform(0.3, 1.5)),
        breathing=float(rng.uniform(0, 1.5)),
        opacity=(0.25, 1.0),
        bolus=bool(rng.uniform() < 0.5),
        noise=float(rng.uniform(0, 1.5)),
        generations=int(rng.integers(2, 4)),
    )
    rate = float(rng.choice(FRAME_RATES))
    drawn = dataclasses.replace(base, size=size, frames=FRAMES, frame_rate=rate)
    return synthesize_cine(drawn, seed=int(rng.integers(2**31)))


def _pair(made: SyntheticCine, rng: np.random.Generator) -> tuple[Any, ...]:
    t, u = (int(i) for i in rng.choice(FRAMES, 2, replace=False))
    if abs(t - u) > 2:
        u = t + int(np.sign(u - t))  # far frames are no task, they are another picture
    return (
        made.cine.normalized(t),
        made.cine.normalized(u),
        made.flow(t, u).astype(np.float16),
        made.masks[t],
    )
