"""Initial networks: drawn from a seed, or taken from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import ModelCard, load_model
from napari_motionseg.training.engine.checkpointing import weights_digest

Built = TypeVar("Built")
Network = TypeVar("Network", bound=nn.Module)


def with_seed(build: Callable[[], Built], seed: int) -> Built:
    """Build a network whose random weights depend only on a seed.

    Parameters
    ----------
    build
        Function that builds the network. Its layers draw weights from torch's global
        generator, whose state is restored afterwards.
    seed
        Seed of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def load_initial_network(
    path: str | Path, kinds: str | tuple[str, ...], network: type[Network], use: str
) -> tuple[Network, ModelCard]:
    """Load the network from which a training starts.

    Parameters
    ----------
    path
        Path of a checkpoint, or the name of shipped weights.
    kinds
        Accepted kinds of checkpoint, such as ``"flow"``.
    network
        Required class of the network.
    use
        Name of the training for the error message, such as ``"flow training"``.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or holds another kind or class of network.
    """
    model, card = load_model(path, kind=kinds)
    if not isinstance(model, network):
        raise CheckpointError(
            f"{path}: holds a {type(model).__name__}, but {use} starts from a "
            f"{network.__name__} or from scratch; choose another checkpoint"
        )
    return model, card


def describe_origin(model: nn.Module, card: ModelCard) -> dict[str, Any]:
    """Return kind and hash of the weights from which a training starts."""
    return {"kind": card.kind, "weights_sha256": weights_digest(model)}
