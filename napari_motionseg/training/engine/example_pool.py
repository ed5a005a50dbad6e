"""Keep a pool of synthetic examples that is renewed block by block during training.

The content of the pool at a step depends only on seed and step, so a resumed training
sees exactly the examples of an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from napari_motionseg.jobs import Job, Progress
from napari_motionseg.training.engine.seeds import derived_seed

Block = TypeVar("Block")


class ExamplePool(Generic[Block]):
    """Blocks of examples; the oldest is replaced every `refresh_every` steps.

    Parameters
    ----------
    make
        Function that makes a block of `block` examples from a seed.
    blocks
        Number of blocks in the pool.
    block
        Number of examples in a block.
    refresh_every
        Number of steps between two renewals; 0 never renews.
    seed
        Seed of all examples.
    """

    def __init__(
        self,
        make: Callable[[int, int], Block],
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
        self._held: list[tuple[int, Block] | None] = [None] * blocks

    def __len__(self) -> int:
        return len(self._held) * self._block

    def generations(self, step: int) -> list[int]:
        """Return, for each place in the pool, the number of its block at `step`."""
        blocks = len(self._held)
        renewed = step // self._refresh_every if self._refresh_every else 0
        newest = blocks + renewed - 1
        return [newest - (newest - place) % blocks for place in range(blocks)]

    def fill_job(self, step: int, message: str) -> Job[None]:
        """Make the missing blocks for `step`; `Progress` counts examples."""
        for place, generation in enumerate(self.generations(step)):
            self._ensure(place, generation)
            yield Progress((place + 1) * self._block, len(self), message)

    def at(self, step: int, index: int) -> tuple[Block, int]:
        """Return the block of an example at `step`, and its index in the block."""
        place, offset = divmod(index, self._block)
        return self._ensure(place, self.generations(step)[place]), offset

    def _ensure(self, place: int, generation: int) -> Block:
        held = self._held[place]
        if held is None or held[0] != generation:
            seed = derived_seed(self._seed, generation)
            held = (generation, self._make(self._block, seed))
            self._held[place] = held
        return held[1]
