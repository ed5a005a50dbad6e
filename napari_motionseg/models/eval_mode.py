"""Evaluation mode as a context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode, and back as it was at the end."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
