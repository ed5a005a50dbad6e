"""Seeds from a seed: independent streams for steps, blocks of data, fresh weights."""

from __future__ import annotations

import numpy as np
import torch

PARTS_STREAM = 2**30  # no task has so many items a step


def derived_seed(seed: int, *numbers: int) -> int:
    """Return a 32-bit seed that depends on `seed` and on each of `numbers`."""
    return int(np.random.SeedSequence((seed, *numbers)).generate_state(1)[0])


def step_generator(seed: int, *numbers: int) -> torch.Generator:
    """Return a CPU generator that depends on a seed and e.g. the step alone."""
    mixed = np.random.SeedSequence((seed, *numbers)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed[0]))


def part_generator(seed: int, step: int, part: int) -> torch.Generator:
    """Return the generator of a part of a step; of the first, `step_generator`'s."""
    return step_generator(seed, step, *((PARTS_STREAM, part) if part else ()))
