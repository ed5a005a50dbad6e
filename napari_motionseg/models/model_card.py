"""Find checkpoints and read their model cards, without loading torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from napari_motionseg.environment import chosen_model
from napari_motionseg.errors import CheckpointError
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.regular_files import is_regular
from napari_motionseg.registry import unknown_name

CARD_KEY = "motionseg"
WEIGHTS_FOLDER = Path(__file__).parent / "weights"
DEFAULT, DEFAULT_MODEL = "default", "vessels-xa"  # name for users, name of the file
# the embedding that motion taught: similarity in it tells vessels best
MOTION_MODEL = "motion-xa"


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
    with damage_named_in(path), safe_open(regular_file(path), framework="np") as file:
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
    if name == DEFAULT and not _exists(path):
        chosen = chosen_model()
        name = DEFAULT_MODEL if chosen in (None, DEFAULT) else str(chosen)
        path = Path(name)
    shipped = WEIGHTS_FOLDER / f"{name}.safetensors"
    bare = path.name == name and not path.suffix
    return shipped if bare and not _exists(path) and shipped.is_file() else path


def _exists(path: Path) -> bool:
    """Return whether something has this path; False if it cannot be a path."""
    try:
        return path.exists()
    except OSError:  # the name is too long for the disk
        return False


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


def regular_file(path: Path) -> Path:
    """Return the path of a regular file, which safetensors can map into memory.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is a folder or a device.
    """
    if not is_regular(path):
        what = "there is no such checkpoint" if not _exists(path) else "is not a file"
        raise CheckpointError(f"{path}: {what}")
    return path


@contextmanager
def damage_named_in(path: Path) -> Iterator[None]:
    """Raise errors about a damaged file as `CheckpointError` with its path."""
    try:
        yield
    except (SafetensorError, *DAMAGE) as error:
        raise CheckpointError(
            f"{path}: is not a safetensors file, or is damaged ({error})"
        ) from error
    except MemoryError as error:
        raise CheckpointError(f"{path}: needs more memory than is free") from error
