"""Save and load networks as safetensors, with a model card in the header."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_motionseg.environment import chosen_model
from napari_motionseg.errors import CheckpointError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.regular_files import is_regular
from napari_motionseg.models.architectures import ARCHITECTURES
from napari_motionseg.models.tensor_checks import check_tensors
from napari_motionseg.registry import unknown_name

CARD_KEY = "motionseg"
WEIGHTS_FOLDER = Path(__file__).parent / "weights"
DEFAULT, DEFAULT_MODEL = "default", "vessels-xa"  # name for users, name of the file


@dataclass(frozen=True)
class ModelCard:
    """Kind, configuration and provenance of a checkpoint.

    Parameters
    ----------
    kind
        Task of the network: ``"flow"``, ``"embedding"`` or ``"segmentation"``.
    architecture
        Name of the network class, a key of `ARCHITECTURES`.
    configuration
        Arguments from which the network is built.
    provenance
        Data hashes, seeds, versions, settings and metrics, without any patient
        attribute.
    """

    kind: str
    architecture: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


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


def read_card(path: str | Path) -> ModelCard:
    """Read the card of a checkpoint without its tensors.

    Parameters
    ----------
    path
        Path of a checkpoint, or the name of shipped weights; see `checkpoint_path`.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or not of this project.
    """
    path = checkpoint_path(path)
    with _damage_named(path), safe_open(_regular(path), framework="pt") as file:
        header = file.metadata() or {}
    try:
        content = json.loads(header[CARD_KEY])
        card = ModelCard(**content)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: is a safetensors file, but not a checkpoint of motionseg"
        ) from error
    _require_types(path, card)
    return card


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
    card = read_card(path)
    kinds = (kind,) if isinstance(kind, str) else kind
    if kinds and card.kind not in kinds:
        raise CheckpointError(
            f"{path}: is a checkpoint of kind {card.kind!r}; choose one of kind "
            f"{' or '.join(map(repr, kinds))}"
        )
    with _damage_named(path), safe_open(_regular(path), framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model = _build(path, card, tensors)
    expected = model.state_dict()
    model.load_state_dict({n: t.to(expected[n].dtype) for n, t in tensors.items()})
    return model.to(device).eval(), card


def shipped_weights(name: str) -> Path:
    """Return the path of weights that ship with the package.

    Raises
    ------
    CheckpointError
        If no weights of this name ship with the package.
    """
    path = WEIGHTS_FOLDER / f"{name}.safetensors"
    if not path.is_file():
        names = {p.stem: p for p in WEIGHTS_FOLDER.glob("*.safetensors")}
        message = unknown_name("shipped weights", name, names)
        raise CheckpointError(f"{WEIGHTS_FOLDER}: {message}")
    return path


def checkpoint_path(given: str | Path) -> Path:
    """Return the path of a checkpoint, from a path or a name of shipped weights.

    Parameters
    ----------
    given
        A path, ``"default"``, or the name of shipped weights. A file that exists under
        a name is taken for the file. ``"default"`` is the checkpoint that the
        environment variable ``MOTIONSEG_MODEL`` names, else what ships.
    """
    name, path = str(given), Path(given)
    if name == DEFAULT and not path.exists():
        chosen = chosen_model()
        name = DEFAULT_MODEL if chosen in (None, DEFAULT) else str(chosen)
        path = Path(name)
    shipped = WEIGHTS_FOLDER / f"{name}.safetensors"
    bare = path.name == name and not path.suffix
    return shipped if bare and not path.exists() and shipped.is_file() else path


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


def _require_types(path: Path, card: ModelCard) -> None:
    texts = (card.kind, card.architecture)
    objects = (card.configuration, card.provenance)
    if not all(isinstance(text, str) for text in texts) or not all(
        isinstance(value, dict) for value in objects
    ):
        raise CheckpointError(
            f"{path}: damaged card: kind and architecture must be text, configuration "
            "and provenance must be objects"
        )


def _regular(path: Path) -> Path:
    """Return the path of a regular file, which safetensors can map into memory."""
    if not is_regular(path):
        what = "there is no such checkpoint" if not path.exists() else "is not a file"
        raise CheckpointError(f"{path}: {what}")
    return path


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, *DAMAGE) as error:
        raise CheckpointError(
            f"{path}: is not a safetensors file, or is damaged ({error})"
        ) from error
    except MemoryError as error:
        raise CheckpointError(f"{path}: needs more memory than is free") from error
