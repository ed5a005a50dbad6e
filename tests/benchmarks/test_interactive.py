"""Painting a little, as the benchmark measures it: it trains as the window does."""

import dataclasses

import interactive
import numpy as np

from napari_motionseg.io import Labels
from napari_motionseg.segmentation import FinetuneSettings
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine


def test_a_child_process_trains_and_tells_of_its_first_preview(tmp_path):
    made = synthesize_cine(SynthesisConfig(size=64, frames=2, bolus=False), seed=1)
    painted = np.zeros(made.cine.shape, np.uint8)
    painted[0] = 1 + made.masks[0]
    settings = FinetuneSettings.recipe("quick").with_steps(2)
    training = dataclasses.replace(settings.training, preview_every=1)
    settings = dataclasses.replace(settings, training=training)
    examples = [(made.cine, Labels.from_painted(painted, "scribbles"))]
    first = interactive.child(examples, settings, tmp_path / "out.safetensors")
    assert first > 0
    assert (tmp_path / "out.safetensors").exists()
