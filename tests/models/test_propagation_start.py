"""A propagation network begins with what a segmentation network has learnt."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.models.propagation_start import propagation_from_masks

CONFIG = UNetConfig(width=2, octaves=2)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_new_network_knows_the_vessels_of_another_one(classes) -> None:
    torch.manual_seed(1)
    other = SegmentationNet(CONFIG, classes)
    model = propagation_from_masks(other).eval()
    assert model.config.encoder == dataclasses.replace(CONFIG, octaves=1)
    picture = torch.rand(1, 1, 48, 48)
    with torch.inference_mode():
        logits = other.embedding.eval().at_one_size(picture)
        logits = other.head(logits)
        frames = model.encode(picture)
    expected = logits[:, 0] if classes == 2 else logits[:, 1] - logits[:, 0]
    torch.testing.assert_close(frames.pixels[:, -1], expected, atol=1e-5, rtol=1e-4)
