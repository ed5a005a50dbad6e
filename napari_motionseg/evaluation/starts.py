"""Make the starts that are compared: checkpoints, parts of them, and controls.

A start is a text: ``scratch``, ``default`` or the path of a checkpoint, with words
before it that change it:

- ``encoder:PATH``: only the encoder of the checkpoint; the decoder is random,
- ``shuffled:PATH``: the same pretraining, but each picture gets the flow of another,
- ``whitened:scratch``: random weights whose features are whitened like those of an
  embedding,
- ``plain:PATH``: the checkpoint without whitening.

``encoder:shuffled:PATH`` combines two of them. The last three are controls: what they
gain, motion has not taught.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_motionseg.cine import Cine
from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.io.output_folder import OutputFolder, Source
from napari_motionseg.jobs import Job
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNet,
    UNetConfig,
    load_model,
    read_card,
    save_model,
)
from napari_motionseg.motion import FlowCache
from napari_motionseg.registry import unknown_name
from napari_motionseg.segmentation.initialization import SCRATCH
from napari_motionseg.training.engine.checkpointing import state_path_of
from napari_motionseg.training.engine.initial_networks import with_seed
from napari_motionseg.training.pretrain.job import pretrain_job
from napari_motionseg.training.pretrain.settings import PretrainSettings
from napari_motionseg.training.pretrain.stored_settings import stored_settings

WORDS = ("encoder", "shuffled", "whitened", "plain")
NAMED = (SCRATCH, "default")


@dataclass(frozen=True)
class Start:
    """A start of fine-tuning.

    Parameters
    ----------
    base
        ``"scratch"``, ``"default"`` or the path of a checkpoint.
    words
        Changes of it, a subset of `WORDS`, in the order of the text.

    Raises
    ------
    SettingsError
        If a word is unknown or occurs twice, or the words do not fit together.
    """

    base: str
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for word in self.words:
            if word not in WORDS:
                choices = dict.fromkeys(WORDS)
                raise SettingsError(unknown_name("word of a start", word, choices))
        if len(set(self.words)) < len(self.words):
            raise SettingsError(f"a word of the start {self.name} occurs twice")
        if self.base == SCRATCH and set(self.words) - {"whitened"}:
            raise SettingsError(
                f"{self.name}: scratch has no pretraining to change; only "
                "whitened:scratch is possible"
            )
        if self.base != SCRATCH and "whitened" in self.words:
            raise SettingsError(
                f"{self.name}: embeddings are whitened anyway; leave the word out, or "
                "use plain: for one that is not"
            )

    @property
    def name(self) -> str:
        """Name in tables: the words, and the name of the file without its folder."""
        end = self.base if self.base in NAMED else Path(self.base).stem
        return ":".join((*self.words, end))


def parse_start(text: str) -> Start:
    """Return the start that a text names.

    Parameters
    ----------
    text
        Text as described in the module. A drive such as ``C:`` belongs to the path.

    Raises
    ------
    SettingsError
        If a word is unknown, or words do not fit together.
    """
    words: list[str] = []
    rest = text
    while ":" in rest and not Path(rest).exists():
        word, _, others = rest.partition(":")
        if len(word) == 1:  # the drive of a path on Windows
            break
        words.append(word)
        rest = others
    return Start(rest, tuple(words))


def prepare_starts_job(
    starts: Sequence[Start],
    cines: Sequence[Cine],
    folder: str | Path,
    cache: FlowCache | None = None,
) -> Job[dict[str, Start]]:
    """Pretrain the controls of starts with the word ``shuffled``.

    Parameters
    ----------
    starts
        Starts to compare.
    cines
        Loops; those of the original pretraining must be among them.
    folder
        Path of the folder for the checkpoints of the controls. A pretraining that was
        interrupted is continued.
    cache
        Cache in which flow is searched and stored; None uses none.

    Yields
    ------
    Progress
        Of each pretraining.

    Returns
    -------
    dict of str to Start
        Starts by their names in tables; the shuffled ones have their own checkpoint as
        base.

    Raises
    ------
    CheckpointError
        If a checkpoint does not tell how it was pretrained.
    SettingsError
        If a loop that it was pretrained on is not among `cines`, or two starts have the
        same name.
    """
    found: dict[str, Start] = {}
    for start in starts:
        if start.name in found:
            raise SettingsError(
                f"two starts have the name {start.name}; rename one of the files"
            )
        found[start.name] = start
    for name, start in found.items():
        if "shuffled" in start.words:
            path = yield from _shuffled_job(start.base, cines, Path(folder), cache)
            words = tuple(word for word in start.words if word != "shuffled")
            found[name] = dataclasses.replace(start, base=str(path), words=words)
    return found


def _shuffled_job(
    base: str, cines: Sequence[Cine], folder: Path, cache: FlowCache | None
) -> Job[Path]:
    """Pretrain as a checkpoint was, with shuffled flow; return the new checkpoint."""
    settings, loops = shuffled_settings(base)
    known = {cine.content_hash(): cine for cine in cines} if loops else {}
    missing = [digest for digest in loops if digest not in known]
    if missing:
        raise SettingsError(
            f"shuffled:{base}: {len(missing)} of the {len(loops)} loops that it was "
            "pretrained on are not among the loops to learn from; give the same "
            "folder and groups with --data and --train"
        )
    out = folder / f"shuffled-{Path(base).stem}.safetensors"
    outputs = OutputFolder(folder)
    outputs.claim({out.name: ""}, Source("evaluation", "control", ""))
    if not out.exists():
        yield from pretrain_job(
            [known[digest] for digest in loops], settings, out=out,
            resume=state_path_of(out).exists(), cache=cache, anyway=True,
        )  # fmt: skip
        outputs.settle([out.name])
    return out


def shuffled_settings(base: str) -> tuple[PretrainSettings, list[str]]:
    """Return the settings of a checkpoint's control, and the hashes of its loops.

    Parameters
    ----------
    base
        Path of the checkpoint of an embedding.

    Raises
    ------
    CheckpointError
        If it does not tell how it was pretrained.
    """
    card = read_card(base)
    settings, loops = stored_settings(card, base)
    if settings.shuffled:
        raise SettingsError(f"{base}: was pretrained with shuffled flow itself")
    if "start" in card.provenance["pretraining"]:
        raise SettingsError(
            f"{base}: went on from another embedding, so a control from random weights "
            "would differ in more than the flow. Pretrain the control with --start and "
            "--shuffled-flow"
        )
    return dataclasses.replace(settings, shuffled=True), loops


def write_start(start: Start, network: UNetConfig, room: Path, seed: int) -> str:
    """Return the start that fine-tuning understands; write a checkpoint if needed.

    Parameters
    ----------
    start
        The start, without the word ``shuffled``; see `prepare_starts_job`.
    network
        Configuration of a network from scratch.
    room
        Folder for a checkpoint.
    seed
        Seed of the random weights of this draw.

    Returns
    -------
    str
        ``"scratch"``, ``"default"`` or the path of a checkpoint.
    """
    if start.base == SCRATCH and start.words:
        return _write(with_seed(lambda: UNet(network), seed), room)
    if "encoder" not in start.words:
        return start.base
    kept = embedding_of(start.base)
    fresh = with_seed(lambda: UNet(kept.config), seed)
    fresh.down.load_state_dict(kept.down.state_dict())
    return _write(fresh, room)


def embedding_of(base: str) -> UNet:
    """Return the embedding network of a checkpoint.

    Parameters
    ----------
    base
        Path of an embedding or segmentation checkpoint, or ``"default"``.

    Raises
    ------
    CheckpointError
        If it holds another network.
    """
    model: nn.Module = load_model(base)[0]
    if isinstance(model, SegmentationNet):
        model = model.embedding
    if not isinstance(model, UNet):
        raise CheckpointError(
            f"{base}: holds a {type(model).__name__}, which has no encoder of ours; "
            "give an embedding or segmentation checkpoint"
        )
    return model


def _write(model: UNet, room: Path) -> str:
    path = room / "start.safetensors"
    card = ModelCard("embedding", "UNet", dataclasses.asdict(model.config))
    save_model(path, model, card, dtype=torch.float32)
    return str(path)


def describe_start(start: Start) -> Mapping[str, Any]:
    """Return what rows depend on, for a record."""
    return {"base": Path(start.base).name, "words": list(start.words)}
