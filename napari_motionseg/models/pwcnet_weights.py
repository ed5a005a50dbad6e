"""Load a flow network: weights of this project, or published ones of PWC-Net."""

from __future__ import annotations

from pathlib import Path

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models.checkpoints import load_model, shipped_weights
from napari_motionseg.models.published import read_published_pwcnet
from napari_motionseg.models.pwcnet import FlowNet, PWCNet


def load_pwcnet(path: str | Path | None = None) -> FlowNet:
    """Return a PWC-Net with trained weights, in evaluation mode, on the CPU.

    Parameters
    ----------
    path
        A checkpoint of this project (``.safetensors``) or a published ``.pth`` of
        either key scheme; None for the weights that ship with the package.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or of another architecture; the message names
        the tensor.
    """
    source = shipped_weights("pwcnet-xa") if path is None else Path(path)
    if source.suffix in (".pth", ".pt", ".pytorch"):
        model = PWCNet(3)
        model.load_state_dict(read_published_pwcnet(source, model.state_dict()))
        return model.eval()
    loaded, card = load_model(source, kind="flow")
    if not isinstance(loaded, FlowNet):
        raise CheckpointError(f"{source}: holds a {card.architecture}, not a PWC-Net")
    return loaded.eval()
