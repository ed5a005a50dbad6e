"""Read the settings of a pretraining back from the card of its checkpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.models import ModelCard, UNetConfig
from napari_motionseg.motion import FlowSettings
from napari_motionseg.training.engine.settings import TrainingSettings
from napari_motionseg.training.pretrain.pair_data import PairSettings
from napari_motionseg.training.pretrain.settings import PretrainSettings

# what `describe` adds to the settings
ADDED = ("loops", "gaps", "flow_weights_sha256", "start")
EARLIER_PAIRS = {"varied": False}  # what pairs were before cards said so


def stored_settings(
    card: ModelCard, name: str | Path
) -> tuple[PretrainSettings, list[str]]:
    """Return the settings of a pretraining, and the hashes of its loops.

    Weights of the flow network and the device are not stored; the settings have the
    defaults for them.

    Parameters
    ----------
    card
        Card of the checkpoint of an embedding.
    name
        Path of the checkpoint, for the message.

    Raises
    ------
    CheckpointError
        If the card does not tell how the embedding was pretrained.
    """
    origin = card.provenance
    try:
        data, training = dict(origin["pretraining"]), dict(origin["training"])
        loops = [str(digest) for digest in data["loops"]]
        fields = {key: value for key, value in data.items() if key not in ADDED}
        pairs = fields.get("pairs")
        own = _of(TrainingSettings, training["settings"])
        settings = PretrainSettings(
            **{
                **fields,
                "steps": own.steps,
                "network": _of(UNetConfig, fields["network"]),
                "flow": _of(FlowSettings, fields["flow"]),
                "zoom": tuple(fields.get("zoom", (1.0, 1.0))),
                "pairs": pairs and _of(PairSettings, EARLIER_PAIRS | pairs),
                "training": own,
            }
        )
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise CheckpointError(
            f"{name}: does not tell how it was pretrained ({error}); give an "
            "embedding that `motionseg pretrain` has written"
        ) from error
    return settings, loops


def _of(kind: type[Any], values: Any) -> Any:
    """Return settings from stored values, whose tuples have become lists."""
    known = {field.name for field in dataclasses.fields(kind)}
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return kind(**{key: value for key, value in tuples.items() if key in known})
