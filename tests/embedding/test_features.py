import numpy as np
import pytest
import torch

from napari_motionseg.embedding.features import embed_frame
from napari_motionseg.errors import SettingsError
from napari_motionseg.models import SegmentationNet, UNet, UNetConfig

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


def test_embedding_equals_the_network(noise_cine):
    torch.manual_seed(0)
    model = UNet(TINY).eval()
    frame = noise_cine.normalized(0)[:, :71]
    with torch.no_grad():
        expected = model(torch.from_numpy(frame)[None, None])[0].numpy()
    result = embed_frame(model, frame, device="cpu")
    assert (result.shape, result.dtype) == ((8, 72, 71), np.float32)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_a_segmentation_gives_its_embedding_and_keeps_its_mode(noise_cine):
    torch.manual_seed(0)
    model = SegmentationNet(TINY, 2).train()
    frame = noise_cine.normalized(1)
    result = embed_frame(model, frame, device="cpu")
    assert model.embedding.training
    np.testing.assert_array_equal(
        result, embed_frame(model.embedding, frame, device="cpu")
    )


def test_a_stack_is_no_frame():
    with pytest.raises(
        SettingsError, match=r"a frame is \(H, W\); got shape \(2, 8, 8\)"
    ):
        embed_frame(UNet(TINY), np.zeros((2, 8, 8), np.float32))
