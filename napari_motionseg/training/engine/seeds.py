"""Derive independent seeds for steps, blocks of data and weights from one seed."""

from __future__ import annotations

import numpy as np
import torch

MICRO_BATCH_STREAM = 2**30  # larger than the number of items of any step


def derived_seed(seed: int, *numbers: int) -> int:
    """Return a 32-bit seed that depends on `seed` and on each of `numbers`."""
    return int(np.random.SeedSequence((seed, *numbers)).generate_state(1)[0])


def step_generator(seed: int, *numbers: int) -> torch.Generator:
    """Return a CPU generator that depends only on a seed and, for example, the step."""
    mixed = np.random.SeedSequence((seed, *numbers)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed[0]))


def micro_batch_generator(seed: int, step: int, number: int) -> torch.Generator:
    """Return the generator of a micro-batch; the first one's is `step_generator`'s.

    Parameters
    ----------
    seed
        Seed of the training.
    step
        Number of the step, from 0.
    number
        Number of the micro-batch in its step, from 0.
    """
    stream = (MICRO_BATCH_STREAM, number) if number else ()
    return step_generator(seed, step, *stream)
