"""Save and load networks as safetensors, with a model card in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_motionseg.errors import CheckpointError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.models.architectures import ARCHITECTURES
from napari_motionseg.models.model_card import (
    CARD_KEY,
    ModelCard,
    checkpoint_path,
    damage_named_in,
    read_card,
    regular_file,
)
from napari_motionseg.models.tensor_checks import check_tensors
from napari_motionseg.registry import unknown_name


def save_model(
    path: str | Path,
    model: nn.Module,
    card: ModelCard,
    *,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write the weights of a network and its card to a file, atomically.

    Parameters
    ----------
    path
        Path of the file, which ends in ``.safetensors``.
    model
        Network whose weights are written.
    card
        Description of the network.
    dtype
        Data type of the weights in the file; float16 halves its size.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    tensors = {
        name: (t.to(dtype) if t.is_floating_point() else t).detach().cpu().contiguous()
        for name, t in model.state_dict().items()
    }
    header = {CARD_KEY: json.dumps(asdict(card), default=str)}
    with replacing(path) as temporary:
        write_tensors(tensors, temporary, header)


def write_tensors(
    tensors: dict[str, Tensor], path: Path, header: dict[str, str]
) -> None:
    """Write a safetensors file to a temporary path.

    Parameters
    ----------
    tensors
        Contiguous tensors on the CPU, by name.
    path
        Path of the file to write; see `atomic.replacing`.
    header
        Text entries by name, stored beside the tensors.

    Raises
    ------
    OSError
        If the file cannot be written; safetensors itself raises another type.
    """
    try:
        save_file(tensors, path, metadata=header)
    except SafetensorError as error:
        raise OSError(None, str(error)) from error


def load_model(
    path: str | Path,
    *,
    kind: str | tuple[str, ...] | None = None,
    device: str | torch.device = "cpu",
) -> tuple[nn.Module, ModelCard]:
    """Build the network that a checkpoint describes, with its weights in float32.

    Parameters
    ----------
    path
        Path of a checkpoint, or the name of shipped weights; see `checkpoint_path`.
    kind
        Accepted kind or kinds of checkpoint; None accepts any.
    device
        Device on which the network is placed.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind, or a tensor does not fit the
        network.
    """
    path = checkpoint_path(path)
    card = card_of_kind(path, kind)
    with damage_named_in(path), safe_open(regular_file(path), framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model = _build(path, card, tensors)
    expected = model.state_dict()
    model.load_state_dict({n: t.to(expected[n].dtype) for n, t in tensors.items()})
    return model.to(device).eval(), card


def card_of_kind(path: Path, kind: str | Sequence[str] | None) -> ModelCard:
    """Read the model card of a checkpoint, which must be of a kind.

    Parameters
    ----------
    path
        Path of the checkpoint.
    kind
        Its kind, or several allowed ones; None allows all.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind.
    """
    card = read_card(path)
    kinds = (kind,) if isinstance(kind, str) else kind
    if kinds and card.kind not in kinds:
        raise CheckpointError(
            f"{path}: is a checkpoint of kind {card.kind!r}; choose one of kind "
            f"{' or '.join(map(repr, kinds))}"
        )
    return card


def _build(path: Path, card: ModelCard, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Build the network of a card, if the tensors fit it.

    The network is first built without memory, because a card can request any size.
    """
    if card.architecture not in ARCHITECTURES:
        message = unknown_name("architecture", card.architecture, ARCHITECTURES)
        raise CheckpointError(f"{path}: {message}")
    build = ARCHITECTURES[card.architecture]
    try:
        with torch.device("meta"):
            layout = build(**card.configuration).state_dict()
    except DAMAGE as error:
        raise CheckpointError(
            f"{path}: its configuration does not fit {card.architecture}: {error}"
        ) from error
    check_tensors(path, tensors, layout)
    return build(**card.configuration)
