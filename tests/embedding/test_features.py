import numpy as np
import pytest
import torch

from napari_motionseg.embedding.features import embed_frame, vessel_probability
from napari_motionseg.embedding.frame_vectors import FrameVectors
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


@pytest.mark.parametrize("classes", [2, 4])
def test_vessel_probability_is_the_network_s(noise_cine, classes):
    torch.manual_seed(0)
    model = SegmentationNet(TINY, classes).eval()
    frame = noise_cine.normalized(0)
    with torch.no_grad():
        shares = model.probabilities(torch.from_numpy(frame)[None, None])[0]
    vectors = FrameVectors(embed_frame(model, frame, device="cpu"))
    found = vessel_probability(model, vectors)
    np.testing.assert_allclose(found, 1 - shares[0].numpy(), atol=1e-5)
    assert vessel_probability(model.embedding, vectors) is None
