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
    """Compare tensors of a file with those of a network.

    Parameters
    ----------
    path
        File that an error names.
    tensors
        Tensors of the file, by name.
    expected
        Tensors of the network, by name; only their shapes and types count.

    Raises
    ------
    CheckpointError
        Naming the first tensor that is missing, unknown, of another shape or type, or
        not finite.
    """
    for name, wanted in expected.items():
        if name not in tensors:
            raise CheckpointError(f"{path}: tensor {name!r} is missing")
        check_tensor(path, name, tensors[name], wanted)
    unknown = sorted(set(tensors) - set(expected))
    if unknown:
        raise CheckpointError(
            f"{path}: tensor {unknown[0]!r} belongs to no such network"
        )


def check_tensor(path: Path, name: str, found: Tensor, wanted: Tensor) -> None:
    """Raise `CheckpointError` unless a tensor of a file can take its place.

    Parameters
    ----------
    path, name
        File and tensor that an error names.
    found
        Tensor of the file.
    wanted
        Tensor of the network; only its shape and type count.
    """
    if found.shape != wanted.shape:
        raise CheckpointError(
            f"{path}: tensor {name!r} has shape {tuple(found.shape)}, "
            f"not {tuple(wanted.shape)}"
        )
    plain = found.layout == torch.strided and found.device.type == "cpu"
    if not plain or found.is_floating_point() != wanted.is_floating_point():
        raise CheckpointError(
            f"{path}: tensor {name!r} is of type {found.dtype}; {wanted.dtype} is "
            "needed"
        )
    if found.is_floating_point() and not bool(found.float().isfinite().all()):
        raise CheckpointError(
            f"{path}: tensor {name!r} holds values that are not finite: the training "
            "that made it has failed"
        )
