"""A network after training is mixed with what it was before."""

from __future__ import annotations

import torch

from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.models.weight_means import blend_with_start, copy_weights


def test_some_of_the_start_is_kept() -> None:
    torch.manual_seed(0)
    model = SegmentationNet(UNetConfig(width=2, depth=1, embedding_dim=3), 2)
    start = copy_weights(model)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(1.0)
    blend_with_start(model, start, 0.25)
    for name, value in model.named_parameters():
        torch.testing.assert_close(value, start[name] + 0.75)
    blend_with_start(model, start, 1.0)
    torch.testing.assert_close(model.state_dict(), start)
