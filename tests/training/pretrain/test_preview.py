"""Pictures of what an embedding tells."""

import torch

from napari_motionseg.training.pretrain.preview import look, similarity_to


def test_similarity_is_the_cosine_with_one_pixel():
    embedding = torch.zeros((2, 2, 2))
    embedding[0] = torch.tensor([[3.0, 1.0], [-2.0, 0.0]])
    embedding[1, 0, 1] = 1
    found = similarity_to(embedding, (0, 0))
    torch.testing.assert_close(found, torch.tensor([[1, 0.5**0.5], [0, 0]]))


def test_frame_projection_and_similarity_stand_side_by_side():
    frame = torch.linspace(0, 1, 12 * 10).view(12, 10)
    embedding = torch.randn((4, 12, 10), generator=torch.Generator().manual_seed(0))
    picture = look(frame, embedding, (1, 9))  # at the edge: the mark is cut
    assert picture.shape == (12, 30, 3)
    assert picture.dtype == torch.uint8
    torch.testing.assert_close(
        picture[:, :10, 0].float() / 255, frame, atol=2e-3, rtol=0
    )
    similarity = picture[:, 20:]
    assert similarity[1, 9].tolist() == [255, 255, 255]  # itself, inside of the mark
    red = (similarity == torch.tensor([255, 40, 40])).all(dim=-1)
    assert red[1, 6]
    assert not red[1, 7:].any()
