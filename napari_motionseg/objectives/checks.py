"""Check settings of objectives, and whether tensors fit together."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name


def check_positive(name: str, value: float) -> None:
    """Raise an error unless a number is positive and finite."""
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{name} must be positive and finite; got {value}")


def check_choice(kind: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise an error unless a name is among `choices`."""
    if value not in choices:
        raise SettingsError(unknown_name(kind, value, dict.fromkeys(choices)))


def check_fields(embedding: Tensor, flow: Tensor) -> None:
    """Raise an error unless an embedding and a flow ``(B, ?, H, W)`` fit."""
    shape = tuple(embedding.shape)
    if embedding.ndim != 4:
        raise SettingsError(f"embedding must be (B, D, H, W); got {shape}")
    expected = (shape[0], 2, *shape[2:])
    if tuple(flow.shape) != expected:
        raise SettingsError(
            f"flow must be {expected} for an embedding of {shape}; got "
            f"{tuple(flow.shape)}"
        )


def check_points(vectors: Tensor, flow: Tensor, *, name: str = "embedding") -> None:
    """Raise an error unless vectors ``(B, N, D)`` and finite flow ``(B, N, 2)`` fit."""
    shape = tuple(vectors.shape)
    if vectors.ndim != 3 or 0 in shape:
        raise SettingsError(f"{name} must be (B, N, D) without a 0; got {shape}")
    if tuple(flow.shape) != (*shape[:2], 2):
        raise SettingsError(
            f"flow must be {(*shape[:2], 2)} for {name} of {shape}; got "
            f"{tuple(flow.shape)}"
        )
    if not bool(torch.isfinite(flow).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
