"""Synthetic pairs whose flow is known, and the error of a method on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from flow_measures import end_point_errors
from flow_rows import Row, flow_method
from simple_angiograms import simple_pairs

from napari_motionseg.synthesis import training_pairs

# Training derives its seeds from the settings' seed by a hash of 64 bits; these are
# counted up from here and none of them
FIRST_SEED = 900_000
CHUNK = 4  # pairs of one call, which the package takes from one loop or draws at once


@dataclass(frozen=True)
class Chunk:
    """Some pairs of a generator: a function of a seed.

    Parameters
    ----------
    generator
        A name in `GENERATORS`.
    number
        0, 1, ...; the seed goes by it.
    count
        Pairs.
    size
        Side in px.
    """

    generator: str
    number: int
    count: int
    size: int

    @property
    def key(self) -> str:
        return f"{self.generator} {self.number} {self.count} {self.size}"

    def pairs(self) -> tuple[np.ndarray, ...]:
        """Return first, second, flow and mask, as `training_pairs` does."""
        make = GENERATORS[self.generator]
        made = make(self.count, self.size, FIRST_SEED + self.number)
        return tuple(np.asarray(array) for array in made)


GENERATORS: dict[str, Callable] = {"package": training_pairs, "simple": simple_pairs}


def chunks(generator: str, pairs: int, size: int) -> list[Chunk]:
    """Return chunks that hold so many pairs together."""
    starts = range(0, pairs, CHUNK)
    return [
        Chunk(generator, number, min(CHUNK, pairs - start), size)
        for number, start in enumerate(starts)
    ]


def measure(
    chunk: Chunk, methods: Sequence[str], weights: Path | None
) -> dict[str, Row]:
    """Return each method's sums of end-point errors: one entry a pair and region."""
    found: dict[str, Row] = {name: {"pairs": []} for name in methods}
    for first, second, truth, mask in zip(*chunk.pairs(), strict=True):
        pictures = first.astype(np.float32), second.astype(np.float32)
        for name in methods:
            flow = flow_method(name, weights)(*pictures)
            found[name]["pairs"].append(end_point_errors(flow, truth, mask))
    return found
