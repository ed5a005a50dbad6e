"""Load a flow network: weights of this package, or published weights of PWC-Net."""

from __future__ import annotations

from pathlib import Path

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models.checkpoints import load_model
from napari_motionseg.models.model_card import shipped_weights
from napari_motionseg.models.published import read_published_pwcnet
from napari_motionseg.models.pwcnet import FlowNet, PWCNet


def load_pwcnet(path: str | Path | None = None) -> FlowNet:
    """Return a PWC-Net with trained weights, in evaluation mode, on the CPU.

    Parameters
    ----------
    path
        Path of a checkpoint of this package (``.safetensors``) or of a published
        ``.pth`` in either naming scheme. None uses the weights that ship with the
        package.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or of another architecture.
    """
    source = shipped_weights("pwcnet-xa") if path is None else Path(path)
    if source.suffix in (".pth", ".pt", ".pytorch"):
        model = PWCNet(3)
        model.load_state_dict(read_published_pwcnet(source, model.state_dict()))
        return model.eval()
    loaded, card = load_model(source, kind="flow")
    if not isinstance(loaded, FlowNet):
        raise CheckpointError(
            f"{source}: holds a {card.architecture}; choose weights of a PWC-Net"
        )
    return loaded.eval()
