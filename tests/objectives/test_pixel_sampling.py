import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.pixel_sampling import (
    draw_pixels,
    draw_vectors,
    draw_weighted_pixels,
    unit_vectors,
    vectors_at,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_pixels_are_uniform():
    drawn = draw_pixels(torch.zeros((40_000, 1, 2, 3)), 2, generator=generator())
    places = torch.bincount((drawn[..., 0] * 3 + drawn[..., 1]).flatten()) / 80_000
    torch.testing.assert_close(places, torch.full((6,), 1 / 6), rtol=0, atol=0.005)


def test_pixels_are_distinct_seeded_and_inside():
    field = torch.zeros((3, 2, 17, 23))
    pixels = draw_pixels(field, 250, generator=generator(4))
    assert pixels.shape == (3, 250, 2)
    assert pixels.dtype == torch.int64
    assert pixels.min() >= 0
    assert pixels[..., 0].max() < 17
    assert pixels[..., 1].max() < 23
    for picture in pixels:
        assert len(torch.unique(picture, dim=0)) == 250
    assert torch.equal(pixels, draw_pixels(field, 250, generator=generator(4)))
    assert not torch.equal(pixels, draw_pixels(field, 250, generator=generator(5)))
    everything = draw_pixels(field[..., :5, :7], 35, generator=generator())
    assert len(torch.unique(everything[0], dim=0)) == 35


def test_vectors_stand_where_pixels_are():
    field = torch.randn((2, 3, 5, 7), generator=generator()).bfloat16()
    pixels = torch.tensor([[[0, 6], [4, 0]], [[2, 3], [2, 3]]])
    found = vectors_at(field.to(memory_format=torch.channels_last), pixels)
    assert found.dtype == torch.float32
    for b in range(2):
        for i, (row, column) in enumerate(pixels[b].tolist()):
            assert torch.equal(found[b, i], field[b, :, row, column].float())


def test_unit_vectors_and_those_without_direction():
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-9, 0.0]], requires_grad=True)
    unit = unit_vectors(vectors)
    torch.testing.assert_close(
        unit.detach(), torch.tensor([[0.6, 0.8], [0.0, 0.0], [0.0, 0.0]])
    )
    unit.sum().backward()
    assert torch.isfinite(vectors.grad).all()
    assert not vectors.grad[1:].any()


@pytest.mark.parametrize(
    ("shape", "count", "words"),
    [
        (
            (1, 2, 4, 4),
            17,
            "from 1 to the 16 pixels of a picture; got 17",
        ),
        ((1, 2, 4, 4), 0, "got 0"),
        ((2, 4, 4), 1, r"field must be \(B, C, H, W\); got \(2, 4, 4\)"),
    ],
)
def test_what_cannot_be_drawn_from_is_rejected(shape, count, words):
    with pytest.raises(SettingsError, match=words):
        draw_pixels(torch.zeros(shape), count, generator=generator())


def test_drawn_vectors_belong_to_the_same_pixels():
    place = torch.arange(30.0).view(1, 1, 5, 6)
    embedding = torch.cat((place, 2 * place), dim=1)
    flow = torch.cat((place / 10, -place), dim=1)
    drawn = draw_vectors(embedding, flow, 30, generator=torch.Generator())
    assert [part.shape for part in drawn] == [(1, 30, 2), (1, 30, 2)]
    assert drawn[0][0, :, 0].sort().values.tolist() == list(range(30))
    torch.testing.assert_close(drawn[0][..., 0], -drawn[1][..., 1])
    with pytest.raises(SettingsError, match="flow"):
        draw_vectors(embedding, flow[:, :1], 3, generator=torch.Generator())
    with pytest.raises(SettingsError, match="count must be from 1 to the 30"):
        draw_vectors(embedding, flow, 31, generator=torch.Generator())


def test_weighted_pixels_follow_their_weights():
    weights = torch.zeros(400, 2, 3, dtype=torch.float32)
    weights[:, 0, 1], weights[:, 1, 2] = 3.0, 1.0
    first = draw_weighted_pixels(weights, 1, generator=generator())[:, 0]
    often = (first == torch.tensor([0, 1])).all(dim=-1).float().mean()
    assert 0.68 < float(often) < 0.82
    both = draw_weighted_pixels(weights, 2, generator=generator())
    assert {tuple(p) for p in both.flatten(0, 1).tolist()} == {(0, 1), (1, 2)}
    whole = draw_weighted_pixels(weights, 6, generator=generator())
    assert all(len({tuple(p) for p in one}) == 6 for one in whole[:5].tolist())
    with pytest.raises(SettingsError, match="from 1 to the 6 pixels"):
        draw_weighted_pixels(weights, 7, generator=generator())
