"""Let the same seed give the same weights, however busy the processor is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import deterministic

_OPTIONS: Any = deterministic  # torch makes its attributes at run time


@contextmanager
def reproducible_sums(device: torch.device) -> Iterator[None]:
    """Add up in a fixed order on the CPU while the context is open.

    The gradient of reading pixels by their indices adds into pixels that were read
    more than once. With several threads torch adds in the order in which they arrive,
    so that the last bits of the weights depend on what else the computer does. Other
    devices are left alone: there the switch slows training down several times.

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
    _OPTIONS.fill_uninitialized_memory = False  # helps debugging, and costs time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warns)
        _OPTIONS.fill_uninitialized_memory = fills
