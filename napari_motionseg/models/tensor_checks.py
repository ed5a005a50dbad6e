"""Compare the tensors of a file with those that a network needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from napari_motionseg.errors import CheckpointError


def check_tensors(
    path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """Raise an error unless the tensors of a file fit a network.

    Parameters
    ----------
    path
        Path of the file, for the message.
    tensors
        Tensors of the file by name.
    expected
        Tensors of the network by name; only their shapes and types count.

    Raises
    ------
    CheckpointError
        For the first tensor that is missing, unknown, of another shape or type, or not
        finite.
    """
    for name, wanted in expected.items():
        if name not in tensors:
            raise CheckpointError(f"{path}: tensor {name!r} is missing")
        check_tensor(path, name, tensors[name], wanted)
    unknown = sorted(set(tensors) - set(expected))
    if unknown:
        raise CheckpointError(
            f"{path}: tensor {unknown[0]!r} does not belong to this network"
        )


def check_tensor(path: Path, name: str, found: Tensor, wanted: Tensor) -> None:
    """Raise `CheckpointError` unless a tensor of a file fits a tensor of the network.

    Parameters
    ----------
    path, name
        Path of the file and name of the tensor, for the message.
    found
        Tensor in the file.
    wanted
        Tensor of the network; only its shape and type count.
    """
    if found.shape != wanted.shape:
        raise CheckpointError(
            f"{path}: tensor {name!r} must have shape {tuple(wanted.shape)}; "
            f"it has {tuple(found.shape)}"
        )
    plain = found.layout == torch.strided and found.device.type == "cpu"
    if not plain or found.is_floating_point() != wanted.is_floating_point():
        raise CheckpointError(
            f"{path}: tensor {name!r} must be of type {wanted.dtype}; it is of "
            f"{found.dtype}"
        )
    if found.is_floating_point() and not bool(found.float().isfinite().all()):
        raise CheckpointError(
            f"{path}: tensor {name!r} holds values that are not finite, so the "
            "training that made it has failed; use another checkpoint"
        )
