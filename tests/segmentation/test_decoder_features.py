"""Features that enter the last levels of a decoder."""

import torch

from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.segmentation.decoder_features import (
    FrozenLevels,
    joined,
    trained_levels,
)

CONFIG = UNetConfig(width=3, depth=3, embedding_dim=4, octaves=2)


def test_the_parts_that_are_trained_are_the_last_ones():
    model = SegmentationNet(CONFIG)
    up = model.embedding.up
    wanted = [up[1], up[2], model.embedding.last, model.head]
    assert trained_levels(model, 2) == wanted


def test_features_are_those_of_the_weights_when_it_was_made():
    model = SegmentationNet(CONFIG).eval()
    frozen = FrozenLevels(model.embedding, 1)
    frames = torch.rand(2, 1, 20, 28)
    before = frozen.features(frames)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(1)
    again = frozen.features(frames)
    for parts, same in zip(before.octaves, again.octaves, strict=True):
        torch.testing.assert_close(parts, same)
    assert before.sizes == ((20, 28), (10, 14))
    assert before.bytes == sum(p.nbytes for parts in before.octaves for p in parts)


def test_joined_windows_are_the_features_of_the_batch():
    frozen = FrozenLevels(SegmentationNet(CONFIG).embedding, 2)
    frames = torch.rand(3, 1, 16, 24)
    single = joined([frozen.features(frame[None]) for frame in frames])
    batch = frozen.features(frames)
    assert single.sizes == batch.sizes
    for parts, same in zip(single.octaves, batch.octaves, strict=True):
        torch.testing.assert_close(parts, same, atol=1e-5, rtol=1e-4)
