"""Provide reference loops and pretraining settings that are quick to learn from."""

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.evaluation import ReferenceLoop
from napari_motionseg.models import UNetConfig
from napari_motionseg.motion import FlowSettings
from napari_motionseg.training import PretrainSettings, TrainingSettings

SIDE = 48


def quick_pretraining(steps=2):
    return PretrainSettings(
        steps=steps,
        batch=1,
        crop=32,
        points=20,
        network=UNetConfig(width=4, depth=2, embedding_dim=6),
        flow=FlowSettings(method="ilk"),
        training=TrainingSettings(steps=steps, device="cpu", precision="float32"),
    )


def moving_bar(name, seed=0, frames=4):
    """A dark bar that moves by 2 px a frame over a texture that stands still."""
    rng = np.random.default_rng(seed)
    texture = rng.normal(150, 20, (SIDE, SIDE))
    masks = np.zeros((frames, SIDE, SIDE), bool)
    for t in range(frames):
        masks[t, :, 10 + 2 * t : 18 + 2 * t] = True
    pixels = np.clip(np.where(masks, 60, texture), 0, 255).astype(np.uint8)
    valid = np.ones(frames, bool)
    return ReferenceLoop(name, name[:2], Cine.from_array(pixels), masks, valid)
