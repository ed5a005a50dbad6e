"""Make a seed give the same weights, however many threads are busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import deterministic

_OPTIONS: Any = deterministic  # torch makes its attributes at run time


@contextmanager
def reproducible_sums(device: torch.device) -> Iterator[None]:
    """Add numbers in a fixed order on the CPU within a context.

    The gradient of indexed reading adds to pixels that were read more than once. With
    several threads, torch adds in order of arrival, so that the last bits of the
    weights depend on the load of the computer. Other devices are not changed, because
    this switch slows training down several times there.

    Parameters
    ----------
    device
        Device that computes.
    """
    if device.type != "cpu":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = _OPTIONS.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    _OPTIONS.fill_uninitialized_memory = False  # only useful for debugging, and slow
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warns)
        _OPTIONS.fill_uninitialized_memory = fills
