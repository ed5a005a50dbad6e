"""Copy the weights of a network, and mix them with those after training."""

from __future__ import annotations

from torch import Tensor, nn


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a network's weights and statistics."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def blend_with_start(model: nn.Module, start: dict[str, Tensor], kept: float) -> None:
    """Move a trained network part of the way back to its initial weights, in place.

    The mean of two weights combines the knowledge of both (Wortsman et al. 2022, Robust
    fine-tuning of zero-shot models): the new pictures correct the start, and it is kept
    where they say nothing.

    Parameters
    ----------
    model
        Network after training, which is changed.
    start
        Its weights before training, from `copy_weights`.
    kept
        Share of the initial weights, 0 to 1.
    """
    state = model.state_dict()
    for name, before in start.items():
        if before.is_floating_point():
            before = before.to(state[name].device)
            state[name].lerp_(before, kept)
