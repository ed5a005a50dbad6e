"""A pool of picture pairs with known flow, renewed piece by piece while training.

What the pool holds at a step is a pure function of seed and step, so that a resumed
training sees the very pairs that an undisturbed one sees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.jobs import Job, Progress
from napari_motionseg.synthesis import PairBatch
from napari_motionseg.training.seeds import derived_seed


@dataclass(frozen=True)
class Pairs:
    """Picture pairs and their flow, half precision to keep many.

    Parameters
    ----------
    pictures
        ``(N, 2, H, W)`` float16 in [0, 1]: first and second picture.
    flow
        ``(N, 2, H, W)`` float16, pixels from the first to the second.
    vessel
        ``(N, H, W)`` bool, vessels of the first picture.
    """

    pictures: Tensor
    flow: Tensor
    vessel: Tensor

    @classmethod
    def of(cls, batch: PairBatch) -> Pairs:
        """Take what the synthesis made, on the device where it was made."""
        pictures = torch.stack((batch.first, batch.second), dim=1)
        return cls(pictures.half(), batch.flow.half(), batch.vessel)


class PairPool:
    """Blocks of pairs; the oldest is replaced by a new one every `refresh_every` steps.

    Parameters
    ----------
    make
        Makes `block` pairs from a seed.
    blocks
        How many blocks are kept.
    block
        Pairs in a block.
    refresh_every
        Steps between two renewals; 0 for none.
    seed
        Of all pairs.
    """

    def __init__(
        self,
        make: Callable[[int, int], PairBatch],
        *,
        blocks: int,
        block: int,
        refresh_every: int,
        seed: int,
    ) -> None:
        self._make = make
        self._block = block
        self._refresh_every = refresh_every
        self._seed = seed
        self._held: list[tuple[int, Pairs] | None] = [None] * blocks

    def __len__(self) -> int:
        return len(self._held) * self._block

    def generations(self, step: int) -> list[int]:
        """Return the number of the block that each place holds at `step`."""
        blocks = len(self._held)
        renewed = step // self._refresh_every if self._refresh_every else 0
        newest = blocks + renewed - 1
        return [newest - (newest - place) % blocks for place in range(blocks)]

    def fill_job(self, step: int) -> Job[None]:
        """Make what the pool lacks at `step`; `Progress` counts pairs."""
        for place, generation in enumerate(self.generations(step)):
            self._ensure(place, generation)
            done = (place + 1) * self._block
            yield Progress(done, len(self), "Making picture pairs with known flow")

    def pair(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures ``(2, H, W)``, flow ``(2, H, W)`` and vessel ``(H, W)``."""
        place, offset = divmod(index, self._block)
        pairs = self._ensure(place, self.generations(step)[place])
        return pairs.pictures[offset], pairs.flow[offset], pairs.vessel[offset]

    def _ensure(self, place: int, generation: int) -> Pairs:
        held = self._held[place]
        if held is None or held[0] != generation:
            seed = derived_seed(self._seed, generation)
            held = (generation, Pairs.of(self._make(self._block, seed)))
            self._held[place] = held
        return held[1]
